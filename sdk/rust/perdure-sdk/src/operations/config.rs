//! The operations of `config`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `config`: `ctx.client().config()`.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `config`.
    pub fn config(&self) -> Config<'_> {
        Config { client: self }
    }
}

impl Config<'_> {
    /// Get an extension's configuration, with the defaults of its manifest filled in.
    ///
    /// What is set for the call's library is laid over what is set everywhere: objects are merged, other values
    /// replaced.
    ///
    /// `query:config.get`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn get(&self) -> Result<Configuration, CallError> {
        self.client.call_known(method!("query:config.get"), &crate::client::Nothing {})
    }

    /// Set an extension's configuration in the call's library, or everywhere.
    ///
    /// It has to fit the manifest's `config_schema`. An extension sets its own, in the libraries that it may use.
    /// What is set everywhere is the host's to say. The library is told by an event `config.changed`.
    ///
    /// `action:config.set`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn set(&self, request: &SetConfig) -> Result<Configuration, CallError> {
        self.client.call_known(method!("action:config.set"), request)
    }
}

/// What is wrong with a value. `path` is its JSON path, like `$.server.port`.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct ConfigProblem {
    /// Text.
    pub path: String,
    /// Text.
    pub message: String,
}

/// A configuration.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Configuration {
    /// What holds, with the defaults of the manifest's `config_schema`.
    pub values: serde_json::Map<String, serde_json::Value>,
    /// What was set at this level, as it was set; None if nothing was.
    pub own: Option<serde_json::Map<String, serde_json::Value>>,
    /// How often something was set at this level.
    pub revision: i64,
    /// What was set and does not fit the schema of the installed version; the default holds instead.
    #[serde(default)]
    pub left_out: Vec<ConfigProblem>,
    /// What is wrong with `values`, for example a required setting that is missing.
    #[serde(default)]
    pub problems: Vec<ConfigProblem>,
}

/// `config` takes the place of all that was set before at this level; null forgets it.
///
/// Nothing is set unless the level is at `if_revision`, if that is given. The other fields are as in `GetConfig`.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct SetConfig {
    /// Object or null.
    pub config: Option<serde_json::Map<String, serde_json::Value>>,
    /// Integer, 0 to 9,007,199,254,740,992 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<i64>,
}

impl SetConfig {
    /// With what has no default.
    pub fn new(config: Option<serde_json::Map<String, serde_json::Value>>) -> Self {
        SetConfig { config, if_revision: None }
    }

    /// Sets `if_revision`.
    #[must_use]
    pub fn if_revision(mut self, if_revision: i64) -> Self {
        self.if_revision = Some(if_revision);
        self
    }
}
