//! Calls of the host's operations.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{host, uuid, CallError};

/// An operation's name between two NULs, so that it stands apart from other texts in the module: `perdure build`
/// compares the names there with what the manifest asks for.
#[derive(Clone, Copy)]
pub(crate) struct Method(&'static str);

impl Method {
    /// Only for [`method!`].
    pub(crate) const fn between_nuls(text: &'static str) -> Self {
        Method(text)
    }

    fn name(self) -> &'static str {
        &self.0[1..self.0.len() - 1]
    }
}

macro_rules! method {
    ($name:literal) => {
        $crate::client::Method::between_nuls(concat!("\0", $name, "\0"))
    };
}
pub(crate) use method;

/// A payload or an answer without fields.
#[derive(Serialize, Deserialize)]
pub(crate) struct Nothing {}

/// Calls operations in one library: [`crate::JobContext::client`] gives one for the job's.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// None: the job's own.
    library: Option<[u8; 16]>,
}

impl Client {
    pub(crate) const fn new() -> Self {
        Client { library: None }
    }

    /// The same for another library, a UUID. The manifest's `libraries` has to allow it.
    ///
    /// # Errors
    ///
    /// `InvalidPayload` if it is no UUID.
    pub fn in_library(self, library_id: &str) -> Result<Client, CallError> {
        let library = uuid::parse(library_id)
            .ok_or_else(|| CallError::InvalidPayload { message: format!("{:?} is no UUID", library_id) })?;
        Ok(Client { library: Some(library) })
    }

    /// Runs an operation, such as `query:vdfs.read_sidecar`, and waits for its answer. The payload is anything that
    /// becomes a JSON object, the answer anything that can be read from one; `serde_json::Value` takes any.
    ///
    /// # Errors
    ///
    /// What the host answers, see [`CallError`]; `InvalidPayload` for a payload that JSON cannot say, `BadAnswer` for
    /// an answer that is no `T`. A failure of an operation does not end the job: that is for the job to say.
    pub fn call<P, T>(&self, method: &str, payload: &P) -> Result<T, CallError>
    where
        P: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        let payload = serde_json::to_vec(payload)
            .map_err(|error| CallError::InvalidPayload { message: format!("the payload is no JSON: {}", error) })?;
        let answer = self.answer(method, &payload)?;
        serde_json::from_slice(&answer)
            .map_err(|error| CallError::BadAnswer { message: format!("{}: {}", method, error) })
    }

    pub(crate) fn call_known<P, T>(&self, method: Method, payload: &P) -> Result<T, CallError>
    where
        P: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        self.call(method.name(), payload)
    }

    /// The part that is the same for all types.
    fn answer(&self, method: &str, payload: &[u8]) -> Result<Vec<u8>, CallError> {
        let answer = host::call(method, self.library.as_ref(), payload).ok_or(CallError::NoAnswer)?;
        match CallError::from_answer(&answer) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }
}
