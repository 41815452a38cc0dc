//! The counter against ABI 1, with Rust's own library and no crates.

use std::alloc::{alloc, dealloc, Layout};
use std::slice;

#[link(wasm_import_module = "spacedrive")]
extern "C" {
    fn spacedrive_log(level: i32, text: *const u8, length: usize);
    fn register_job(name: *const u8, length: usize, run: *const u8, run_length: usize, resumable: i32) -> i32;
    fn job_report_progress(job: *const u8, fraction: f32, text: *const u8, length: usize);
    fn job_checkpoint(job: *const u8, state: *const u8, length: usize) -> i32;
    fn job_check_interrupt(job: *const u8) -> i32;
    fn job_increment_items(job: *const u8, count: i64);
    fn job_increment_bytes(job: *const u8, count: i64);
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size.max(1), 8).unwrap()
}

#[no_mangle]
pub extern "C" fn wasm_alloc(size: usize) -> *mut u8 {
    unsafe { alloc(layout(size)) }
}

/// # Safety
///
/// The host gives back what it was given.
#[no_mangle]
pub unsafe extern "C" fn wasm_free(block: *mut u8, size: usize) {
    dealloc(block, layout(size));
}

#[no_mangle]
pub extern "C" fn plugin_init() -> i32 {
    let (name, run) = ("counter", "execute_counter");
    unsafe { register_job(name.as_ptr(), name.len(), run.as_ptr(), run.len(), 1) }
}

#[no_mangle]
pub extern "C" fn plugin_cleanup() -> i32 {
    0
}

/// # Safety
///
/// The host gives two texts.
#[no_mangle]
pub unsafe extern "C" fn execute_counter(context: *const u8, size: usize, state: *const u8, state_size: usize) -> i32 {
    let (context, state) = (slice::from_raw_parts(context, size), slice::from_raw_parts(state, state_size));
    execute(context, state).unwrap_or_else(|why| {
        spacedrive_log(3, why.as_ptr(), why.len());
        2
    })
}

fn execute(context: &[u8], state: &[u8]) -> Result<i32, &'static str> {
    let mut job = [0; 16];
    read(context, |name, value| match (name, value) {
        (b"job_id", Value::Text(text)) if text.len() == 36 => {
            let digits: Vec<u8> = text.iter().filter_map(|digit| (*digit as char).to_digit(16)).map(|d| d as u8).collect();
            job.iter_mut().zip(digits.chunks(2)).for_each(|(byte, pair)| *byte = pair[0] << 4 | pair[1]);
            Some(())
        }
        _ => Some(()),
    })
    .ok_or("bad context")?;
    let mut counted = Counter::default();
    if !state.is_empty() {
        read(state, |name, value| match (name, value) {
            (b"current", Value::Number(number)) => Some(counted.current = number),
            (b"target", Value::Number(number)) => Some(counted.target = number),
            (b"current", _) | (b"target", _) => None,
            _ => Some(()),
        })
        .ok_or("bad state")?;
    }
    if counter(&job, &mut counted) {
        return Ok(1);
    }
    save(&job, &counted).then(|| 0).ok_or("the last checkpoint could not be stored")
}

enum Value<'a> {
    Text(&'a [u8]),
    Number(u64),
}

/// JSON: an object whose values are numbers or texts.
fn read<'a>(json: &'a [u8], mut entry: impl FnMut(&'a [u8], Value<'a>) -> Option<()>) -> Option<()> {
    let mut left = take(json, b'{')?;
    if let Some(rest) = take(left, b'}') {
        return blank(rest).is_empty().then(|| ());
    }
    loop {
        let (name, rest) = read_text(left)?;
        let rest = blank(take(rest, b':')?);
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            let (text, rest) = read_text(rest)?;
            entry(name, Value::Text(text))?;
            left = rest;
        } else {
            let number = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
            entry(name, Value::Number(number))?;
            left = &rest[digits..];
        }
        match take(left, b',') {
            Some(rest) => left = rest,
            None => return blank(take(left, b'}')?).is_empty().then(|| ()),
        }
    }
}

fn blank(json: &[u8]) -> &[u8] {
    &json[json.iter().take_while(|byte| byte.is_ascii_whitespace()).count()..]
}

fn take(json: &[u8], wanted: u8) -> Option<&[u8]> {
    blank(json).split_first().filter(|(first, _)| **first == wanted).map(|(_, rest)| rest)
}

fn read_text(json: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = take(json, b'"')?;
    let mut size = 0;
    while *rest.get(size)? != b'"' {
        size += if rest[size] == b'\\' { 2 } else { 1 };
    }
    Some((&rest[..size], &rest[size + 1..]))
}

fn save(job: &[u8; 16], state: &Counter) -> bool {
    let json = format!("{{\"current\":{},\"target\":{}}}", state.current, state.target);
    unsafe { job_checkpoint(job.as_ptr(), json.as_ptr(), json.len()) == 0 }
}

// the job
#[derive(Default)]
struct Counter {
    current: u64,
    target: u64,
}

fn counter(job: &[u8; 16], state: &mut Counter) -> bool {
    while state.current < state.target {
        if unsafe { job_check_interrupt(job.as_ptr()) } != 0 {
            save(job, state);
            return true;
        }
        state.current += 1;
        let message = format!("Counted {}/{}", state.current, state.target);
        let fraction = (state.current as f64 / state.target as f64) as f32;
        unsafe {
            job_report_progress(job.as_ptr(), fraction, message.as_ptr(), message.len());
            job_increment_items(job.as_ptr(), 1);
            job_increment_bytes(job.as_ptr(), 8);
        }
        save(job, state);
    }
    false
}
// the end of the job
