//! What a job did, as a test host sees it.

use serde_json::Value;

use crate::{CallError, Level};

/// One thing that a job did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A line of the log.
    Log(Level, String),
    /// How much is done, from 0.0 to 1.0, and a text.
    Progress(f32, String),
    /// A state that was saved.
    Checkpoint(Value),
    /// A warning.
    Warning(String),
    /// Items that were counted.
    Items(i64),
    /// Bytes that were counted.
    Bytes(i64),
    /// An operation, its payload, and what was answered.
    Call(String, Value, Result<Value, CallError>),
}

impl Event {
    pub(super) fn into_checkpoint(self) -> Option<Value> {
        match self {
            Event::Checkpoint(state) => Some(state),
            _ => None,
        }
    }
}
