//! The operations of `ai`. perdure ships none: the program that embeds it registers them, so their types are its own.

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::client::method;
use crate::{CallError, Client};

/// The operations `query:ai.…` and `action:ai.…`.
#[derive(Debug, Clone, Copy)]
pub struct Ai<'a> {
    client: &'a Client,
}

impl<'a> Ai<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Ai { client }
    }

    /// `query:ai.ocr`: the text in a picture.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`]; `UnknownMethod` where the host has no such operation.
    pub fn ocr<P: Serialize + ?Sized, T: DeserializeOwned>(&self, payload: &P) -> Result<T, CallError> {
        self.client.call_known(method!("query:ai.ocr"), payload)
    }

    /// `query:ai.NAME`.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`]; `UnknownMethod` where the host has no such operation.
    pub fn query<P: Serialize + ?Sized, T: DeserializeOwned>(&self, name: &str, payload: &P) -> Result<T, CallError> {
        self.client.call(&["query:ai.", name].concat(), payload)
    }

    /// `action:ai.NAME`.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`]; `UnknownMethod` where the host has no such operation.
    pub fn action<P: Serialize + ?Sized, T: DeserializeOwned>(&self, name: &str, payload: &P) -> Result<T, CallError> {
        self.client.call(&["action:ai.", name].concat(), payload)
    }
}
