//! Memory that the host asks for, writes to and frees.

use std::alloc::{alloc, dealloc, Layout};

/// The host copies bytes: it needs no alignment.
fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size, 1).ok()
}

/// The address of `size` bytes, 0 if there is no room. One byte more than none, so that it is an address of its own.
pub fn allocate(size: usize) -> usize {
    match layout(size.max(1)) {
        Some(layout) => unsafe { alloc(layout) as usize },
        None => 0,
    }
}

/// # Safety
///
/// `pointer` is 0, or came from `allocate` with this `size` and is freed once.
pub unsafe fn free(pointer: usize, size: usize) {
    if let (true, Some(layout)) = (pointer != 0, layout(size.max(1))) {
        unsafe { dealloc(pointer as *mut u8, layout) }
    }
}

/// The text before a NUL as a vector, without copying it; none at address 0.
///
/// # Safety
///
/// `pointer` is null, or came from `allocate` with the text's length and one more for the NUL; it is taken once.
pub unsafe fn take_text(pointer: *mut u8) -> Option<Vec<u8>> {
    if pointer.is_null() {
        return None;
    }
    let mut length = 0;
    while unsafe { *pointer.add(length) } != 0 {
        length += 1;
    }
    // A vector frees its capacity with an alignment of 1: what `allocate` made.
    Some(unsafe { Vec::from_raw_parts(pointer, length, length + 1) })
}

/// The bytes that the host has written.
///
/// # Safety
///
/// They are there, and stay as they are as long as the slice is used.
pub unsafe fn bytes<'a>(pointer: usize, length: usize) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    unsafe { std::slice::from_raw_parts(pointer as *const u8, length) }
}
