//! What the exports that the attributes write do.

pub use super::memory::{allocate, free};
use super::{imports, memory, panics};
use crate::{job, log, Extension, Job};

/// `plugin_init`: offers the jobs, and runs what the extension wants to be run.
pub fn initialise<E: Extension>() -> i32 {
    panics::log_them();
    for job in E::JOBS {
        if !imports::register_job(job) {
            log::error(["the host refused the job ", job.name].concat());
            return 1;
        }
    }
    status(E::init())
}

/// `plugin_cleanup`.
pub fn clean_up<E: Extension>() -> i32 {
    status(E::cleanup())
}

fn status(result: crate::Result<()>) -> i32 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            log::error(error.to_string());
            1
        }
    }
}

/// `execute_NAME`.
///
/// # Safety
///
/// The pointers and lengths are of what the host has written for the time of this call.
pub unsafe fn execute<J: Job>(context: usize, context_len: usize, state: usize, state_len: usize) -> i32 {
    let (context, state) = unsafe { (memory::bytes(context, context_len), memory::bytes(state, state_len)) };
    job::execute::<J>(context, state)
}
