//! The operations of `events`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `events`: `ctx.client().events()`.
#[derive(Debug, Clone, Copy)]
pub struct Events<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `events`.
    pub fn events(&self) -> Events<'_> {
        Events { client: self }
    }
}

impl Events<'_> {
    /// The extension's subscriptions in this library, and how far each has come.
    ///
    /// `query:events.list`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn list(&self) -> Result<SubscriptionList, CallError> {
        self.client.call_known(method!("query:events.list"), &crate::client::Nothing {})
    }

    /// Tell the extensions of this library that something happened.
    ///
    /// Topics that begin with `entry`, `sidecar`, `job` and the like are the host's.
    ///
    /// `action:events.publish`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn publish(&self, request: &PublishEvent) -> Result<(), CallError> {
        let _: crate::client::Nothing = self.client.call_known(method!("action:events.publish"), request)?;
        Ok(())
    }

    /// Have a job dispatched for each event of this library, from now on, whose topic matches.
    ///
    /// The job's first state says what happened. Each event leads to one job, also over crashes.
    ///
    /// `action:events.subscribe`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn subscribe(&self, request: &Subscribe) -> Result<Subscribed, CallError> {
        self.client.call_known(method!("action:events.subscribe"), request)
    }

    /// End a subscription; jobs that it woke go on.
    ///
    /// `action:events.unsubscribe`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn unsubscribe(&self, request: &Unsubscribe) -> Result<Unsubscribed, CallError> {
        self.client.call_known(method!("action:events.unsubscribe"), request)
    }
}

/// `topic` is like `invoice.read`; `data` is any JSON, at most 64 KiB of it.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct PublishEvent {
    /// Text, 1 to 100 characters.
    pub topic: String,
    /// Any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<serde_json::Value>,
}

impl PublishEvent {
    /// With what has no default.
    pub fn new(topic: impl Into<String>) -> Self {
        PublishEvent { topic: topic.into(), data: None }
    }

    /// Sets `data`.
    #[must_use]
    pub fn data(mut self, data: serde_json::Value) -> Self {
        self.data = Some(data);
        self
    }
}

/// `topics` are exact, or beginnings like `entry.*`, or `*`. `job_type` is one of the extension itself.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Subscribe {
    /// Array of text, 1 to 100 characters.
    pub topics: Vec<String>,
    /// Text, 1 to 300 characters.
    pub job_type: String,
}

impl Subscribe {
    /// With what has no default.
    pub fn new(topics: Vec<String>, job_type: impl Into<String>) -> Self {
        Subscribe { topics, job_type: job_type.into() }
    }
}

/// Its id: the same for the same topics and job type.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Subscribed {
    /// Text.
    pub subscription_id: String,
}

/// A subscription. `cursor` is the library's event that it has come to, `latest` the library's last.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Subscription {
    /// Text.
    pub subscription_id: String,
    /// Text.
    pub extension: String,
    /// Array of text.
    pub topics: Vec<String>,
    /// Text.
    pub job_type: String,
    /// Integer.
    pub created: i64,
    /// Integer.
    pub cursor: i64,
    /// Integer.
    pub latest: i64,
}

/// All of them.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct SubscriptionList {
    /// Array of `Subscription`.
    pub subscriptions: Vec<Subscription>,
}

/// Which subscription.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct Unsubscribe {
    /// Text.
    pub subscription_id: String,
}

impl Unsubscribe {
    /// With what has no default.
    pub fn new(subscription_id: impl Into<String>) -> Self {
        Unsubscribe { subscription_id: subscription_id.into() }
    }
}

/// Whether there was one.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Unsubscribed {
    /// Boolean.
    pub removed: bool,
}
