//! The nine imports of ABI 1, as safe functions.

use super::memory;
use crate::{JobEntry, Level};

mod raw {
    #[link(wasm_import_module = "spacedrive")]
    extern "C" {
        pub fn spacedrive_call(
            method: *const u8,
            method_len: usize,
            library_id: *const u8,
            payload: *const u8,
            payload_len: usize,
        ) -> *mut u8;
        pub fn spacedrive_log(level: i32, message: *const u8, message_len: usize);
        pub fn job_report_progress(job_id: *const u8, progress: f32, message: *const u8, message_len: usize);
        pub fn job_checkpoint(job_id: *const u8, state: *const u8, state_len: usize) -> i32;
        pub fn job_check_interrupt(job_id: *const u8) -> i32;
        pub fn job_add_warning(job_id: *const u8, message: *const u8, message_len: usize);
        pub fn job_increment_bytes(job_id: *const u8, bytes: i64);
        pub fn job_increment_items(job_id: *const u8, count: i64);
        pub fn register_job(
            name: *const u8,
            name_len: usize,
            export: *const u8,
            export_len: usize,
            resumable: i32,
        ) -> i32;
    }
}

// In all of these the host reads what the pointers point to before it returns, and keeps none of them.

pub fn call(method: &str, library: Option<&[u8; 16]>, payload: &[u8]) -> Option<Vec<u8>> {
    let library = library.map_or(std::ptr::null(), |id| id.as_ptr());
    let answer =
        unsafe { raw::spacedrive_call(method.as_ptr(), method.len(), library, payload.as_ptr(), payload.len()) };
    // The host got it from `allocate`, wrote the answer and a NUL there, and has left it to us.
    unsafe { memory::take_text(answer) }
}

pub fn log(level: Level, message: &str) {
    unsafe { raw::spacedrive_log(level as i32, message.as_ptr(), message.len()) }
}

pub fn report_progress(job: &[u8; 16], fraction: f32, message: &str) {
    unsafe { raw::job_report_progress(job.as_ptr(), fraction, message.as_ptr(), message.len()) }
}

pub fn checkpoint(job: &[u8; 16], state: &[u8]) -> bool {
    unsafe { raw::job_checkpoint(job.as_ptr(), state.as_ptr(), state.len()) == 0 }
}

pub fn is_interrupted(job: &[u8; 16]) -> bool {
    unsafe { raw::job_check_interrupt(job.as_ptr()) != 0 }
}

pub fn add_warning(job: &[u8; 16], message: &str) {
    unsafe { raw::job_add_warning(job.as_ptr(), message.as_ptr(), message.len()) }
}

pub fn increment_bytes(job: &[u8; 16], bytes: i64) {
    unsafe { raw::job_increment_bytes(job.as_ptr(), bytes) }
}

pub fn increment_items(job: &[u8; 16], count: i64) {
    unsafe { raw::job_increment_items(job.as_ptr(), count) }
}

pub fn register_job(job: &JobEntry) -> bool {
    let JobEntry { name, export, resumable } = *job;
    unsafe { raw::register_job(name.as_ptr(), name.len(), export.as_ptr(), export.len(), resumable as i32) == 0 }
}
