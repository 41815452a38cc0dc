//! The host: of a module that of ABI 1, of everything else the test host of the thread. Both have the same functions.

#[cfg(target_arch = "wasm32")]
pub mod exports;
#[cfg(target_arch = "wasm32")]
mod imports;
#[cfg(target_arch = "wasm32")]
mod memory;
#[cfg(target_arch = "wasm32")]
mod panics;

#[cfg(target_arch = "wasm32")]
pub use imports::{
    add_warning, call, checkpoint, increment_bytes, increment_items, is_interrupted, log, report_progress,
};

#[cfg(not(target_arch = "wasm32"))]
pub use crate::testing::imports::{
    add_warning, call, checkpoint, increment_bytes, increment_items, is_interrupted, log, report_progress,
};
