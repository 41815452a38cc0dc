//! The operations of `clock`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `clock`: `ctx.client().clock()`.
#[derive(Debug, Clone, Copy)]
pub struct Clock<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `clock`.
    pub fn clock(&self) -> Clock<'_> {
        Clock { client: self }
    }
}

impl Clock<'_> {
    /// What time it is on the host.
    ///
    /// `query:clock.now`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn now(&self) -> Result<TimeAnswer, CallError> {
        self.client.call_known(method!("query:clock.now"), &crate::client::Nothing {})
    }
}

/// The wall clock: `unix_ns` is nanoseconds since 1970, exact to the microsecond; `utc` the same in ISO 8601.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct TimeAnswer {
    /// Integer.
    pub unix_ns: i64,
    /// Text.
    pub utc: String,
}
