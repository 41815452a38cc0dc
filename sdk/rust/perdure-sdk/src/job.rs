//! A job's way from the host's bytes to its function and back.

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::{log, to_json, Error, JobContext, Result};

/// What a job's export returns: completed, interrupted, failed.
pub(crate) const COMPLETED: i32 = 0;
pub(crate) const INTERRUPTED: i32 = 1;
pub(crate) const FAILED: i32 = 2;

/// A job, as `#[job]` makes one of a function: a type of the function's name. [`crate::testing::TestHost::run`] takes it.
pub trait Job {
    /// What is kept between two runs.
    type State: Default + Serialize + DeserializeOwned;
    /// Its name for who dispatches it.
    const NAME: &'static str;
    /// The name of its export.
    const EXPORT: &'static str;
    /// Whether it goes on from its last checkpoint; one that does not starts anew.
    const RESUMABLE: bool;

    /// Runs the function.
    ///
    /// # Errors
    ///
    /// What the function returns.
    fn run(context: &JobContext, state: &mut Self::State) -> Result<()>;
}

/// Runs a job: the context as JSON, the state as JSON or nothing, the exit code.
pub(crate) fn execute<J: Job>(context: &[u8], state: &[u8]) -> i32 {
    exit_code(attempt::<J>(context, state))
}

fn attempt<J: Job>(context: &[u8], state: &[u8]) -> Result<()> {
    let context = JobContext::from_json(context)?;
    let mut state = read_state(state)?;
    J::run(&context, &mut state)?;
    context.checkpoint(&state).map_err(|error| match error {
        Error::NotStored => Error::failed("the last checkpoint could not be stored"),
        other => other,
    })
}

/// The state, or its default where there is none.
fn read_state<S: Default + Serialize + DeserializeOwned>(state: &[u8]) -> Result<S> {
    let default = S::default();
    if state.is_empty() {
        return Ok(default);
    }
    // serde reads a struct from a list, too, field by field; that is no state which anybody meant.
    let is_list = state.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if is_list && to_json(&default)?.starts_with('{') {
        return Err(Error::failed("bad state: it is a list, not an object"));
    }
    serde_json::from_slice(state).map_err(|error| Error::Failed(format!("bad state: {}", error)))
}

/// What a result is for the host; a failure is logged.
fn exit_code(result: Result<()>) -> i32 {
    match result {
        Ok(()) => COMPLETED,
        Err(Error::Interrupted) => INTERRUPTED,
        Err(error) => {
            log::error(error.to_string());
            FAILED
        }
    }
}
