//! Extensions for perdure: durable jobs as functions.
//!
//! ```
//! use perdure_sdk::{extension, job, JobContext, Result};
//! use serde::{Deserialize, Serialize};
//!
//! #[extension(id = "counter", name = "Counter", version = "0.1.0", jobs = [count])]
//! struct Counter;
//!
//! #[derive(Default, Serialize, Deserialize)]
//! #[serde(default)]
//! struct CountState {
//!     current: u64,
//!     target: u64,
//! }
//!
//! #[job(name = "count")]
//! fn count(ctx: &JobContext, state: &mut CountState) -> Result<()> {
//!     while state.current < state.target {
//!         ctx.check_interrupt(state)?;
//!         state.current += 1;
//!         let fraction = state.current as f64 / state.target as f64;
//!         ctx.report_progress(fraction, format!("Counted {}/{}", state.current, state.target));
//!         ctx.checkpoint(state)?;
//!     }
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! Everything that a job needs to go on is in its state. What the state was at the last checkpoint is what the job
//! begins with after a pause, a crash or a kill; what it was when the function returned `Ok` is its result.
//!
//! Built for `wasm32-unknown-unknown` this speaks perdure's ABI 1 with the host. Built for anything else it speaks with
//! a [`testing::TestHost`], so that `cargo test` runs jobs.

#![warn(missing_docs)]
#![deny(unsafe_op_in_unsafe_fn)]

mod bytes;
mod call_error;
mod client;
mod context;
mod error;
mod extension;
mod host;
mod job;
pub mod log;
pub mod operations;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod uuid;

pub use bytes::Bytes;
pub use call_error::CallError;
pub use client::Client;
pub use context::JobContext;
pub use error::{Error, Result};
pub use extension::{Extension, JobEntry};
pub use job::Job;
pub use log::Level;
pub use perdure_sdk_macros::{extension, job};
pub use serde_json::{json, to_string as to_json, Value};

/// What the attributes write calls of. Not for use: it changes without notice.
#[doc(hidden)]
pub mod __private {
    pub use crate::extension::have_own_names;
    #[cfg(target_arch = "wasm32")]
    pub use crate::host::exports::{allocate, clean_up, execute, free, initialise};
}
