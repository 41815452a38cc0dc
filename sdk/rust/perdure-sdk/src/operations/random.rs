//! The operations of `random`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `random`: `ctx.client().random()`.
#[derive(Debug, Clone, Copy)]
pub struct Random<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `random`.
    pub fn random(&self) -> Random<'_> {
        Random { client: self }
    }
}

impl Random<'_> {
    /// Random bytes, to seed a generator with.
    ///
    /// They are recorded in clear, because a proof needs them: whoever reads the log knows what was drawn from them.
    ///
    /// `query:random.bytes`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn bytes(&self, request: &AskBytes) -> Result<BytesAnswer, CallError> {
        self.client.call_known(method!("query:random.bytes"), request)
    }
}

/// How many.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct AskBytes {
    /// Integer, 1 to 1,024.
    pub count: i64,
}

impl AskBytes {
    /// With what has no default.
    pub fn new(count: i64) -> Self {
        AskBytes { count }
    }
}

/// The bytes. They stand in the log in clear, so they are no key and no password.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct BytesAnswer {
    /// Base64.
    pub bytes: crate::Bytes,
}
