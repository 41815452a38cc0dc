//! The operations of `jobs`.
//!
//! Made by `python3 -m perdure.runtime.operations.client_rust`; a test fails when it is stale.

use crate::client::method;
use crate::{CallError, Client};

/// The operations of `jobs`: `ctx.client().jobs()`.
#[derive(Debug, Clone, Copy)]
pub struct Jobs<'a> {
    client: &'a Client,
}

impl Client {
    /// The operations of `jobs`.
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs { client: self }
    }
}

impl Jobs<'_> {
    /// Cancel a job and all that descend from it; one that has ended stays as it is.
    ///
    /// The answer is the job as it is then: one that runs is told, and ends when it has heard.
    ///
    /// `action:jobs.cancel`; it has an effect, idempotent.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn cancel(&self, request: &NameJob) -> Result<Job, CallError> {
        self.client.call_known(method!("action:jobs.cancel"), request)
    }

    /// Dispatch a job in the call's library; it is there if and only if this call's outcome is.
    ///
    /// Its limits are at most those of the job that dispatches it. A job is cancelled with the one that dispatched it,
    /// but outlives its end. Jobs of other extensions are for the embedder to allow.
    ///
    /// `action:jobs.dispatch`; it has an effect, transactional.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn dispatch(&self, request: &DispatchJob) -> Result<DispatchedJob, CallError> {
        self.client.call_known(method!("action:jobs.dispatch"), request)
    }

    /// One job: its status, progress, counters, and why it failed if it did.
    ///
    /// `query:jobs.get`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn get(&self, request: &NameJob) -> Result<Job, CallError> {
        self.client.call_known(method!("query:jobs.get"), request)
    }

    /// Jobs of the extension in this library, or those that one of them dispatched, newest first.
    ///
    /// `query:jobs.list`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn list(&self, request: &ListJobs) -> Result<JobList, CallError> {
        self.client.call_known(method!("query:jobs.list"), request)
    }

    /// Wait until a job has ended, and answer with the job; as it is then, if that takes too long.
    ///
    /// A job that waits for its own descendant lets it run in its place. One that is to be paused is answered at once.
    ///
    /// `query:jobs.wait`; it reads.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn wait(&self, request: &WaitForJob) -> Result<Job, CallError> {
        self.client.call_known(method!("query:jobs.wait"), request)
    }
}

/// What the job may use, each at most what the budgets allow and what the dispatching job may use itself.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ChildLimits {
    /// Integer, 1 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<i64>,
    /// Integer, 1 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<i64>,
    /// Integer, 1 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_clock_ms: Option<i64>,
    /// Integer, 1 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_per_second: Option<i64>,
    /// Integer, 1 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_bytes: Option<i64>,
    /// Integer, 1 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_bytes: Option<i64>,
    /// Integer, 1 to 4,611,686,018,427,387,904 or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack_bytes: Option<i64>,
}

impl ChildLimits {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ChildLimits { fuel: None, memory_bytes: None, wall_clock_ms: None, events_per_second: None, payload_bytes: None, checkpoint_bytes: None, stack_bytes: None }
    }

    /// Sets `fuel`.
    #[must_use]
    pub fn fuel(mut self, fuel: i64) -> Self {
        self.fuel = Some(fuel);
        self
    }

    /// Sets `memory_bytes`.
    #[must_use]
    pub fn memory_bytes(mut self, memory_bytes: i64) -> Self {
        self.memory_bytes = Some(memory_bytes);
        self
    }

    /// Sets `wall_clock_ms`.
    #[must_use]
    pub fn wall_clock_ms(mut self, wall_clock_ms: i64) -> Self {
        self.wall_clock_ms = Some(wall_clock_ms);
        self
    }

    /// Sets `events_per_second`.
    #[must_use]
    pub fn events_per_second(mut self, events_per_second: i64) -> Self {
        self.events_per_second = Some(events_per_second);
        self
    }

    /// Sets `payload_bytes`.
    #[must_use]
    pub fn payload_bytes(mut self, payload_bytes: i64) -> Self {
        self.payload_bytes = Some(payload_bytes);
        self
    }

    /// Sets `checkpoint_bytes`.
    #[must_use]
    pub fn checkpoint_bytes(mut self, checkpoint_bytes: i64) -> Self {
        self.checkpoint_bytes = Some(checkpoint_bytes);
        self
    }

    /// Sets `stack_bytes`.
    #[must_use]
    pub fn stack_bytes(mut self, stack_bytes: i64) -> Self {
        self.stack_bytes = Some(stack_bytes);
        self
    }
}

/// How often the job is tried, and how long it waits in between.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ChildRetry {
    /// Integer, 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i64>,
    /// Integer, 100 to 86,400,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_ms: Option<i64>,
    /// Number, 1.0 to 100.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Integer, 100 to 86,400,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_ms: Option<i64>,
    /// Number, 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

impl ChildRetry {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ChildRetry { attempts: None, initial_ms: None, factor: None, maximum_ms: None, jitter: None }
    }

    /// Sets `attempts`.
    #[must_use]
    pub fn attempts(mut self, attempts: i64) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// Sets `initial_ms`.
    #[must_use]
    pub fn initial_ms(mut self, initial_ms: i64) -> Self {
        self.initial_ms = Some(initial_ms);
        self
    }

    /// Sets `factor`.
    #[must_use]
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = Some(factor);
        self
    }

    /// Sets `maximum_ms`.
    #[must_use]
    pub fn maximum_ms(mut self, maximum_ms: i64) -> Self {
        self.maximum_ms = Some(maximum_ms);
        self
    }

    /// Sets `jitter`.
    #[must_use]
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.jitter = Some(jitter);
        self
    }
}

/// `job_type` is a job of the extension itself, or `extension:name`. `state` is its first state, any JSON.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct DispatchJob {
    /// Text, 1 to 300 characters.
    pub job_type: String,
    /// Any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<serde_json::Value>,
    /// `ChildLimits` or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<ChildLimits>,
    /// `ChildRetry` or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<ChildRetry>,
}

impl DispatchJob {
    /// With what has no default.
    pub fn new(job_type: impl Into<String>) -> Self {
        DispatchJob { job_type: job_type.into(), state: None, limits: None, retry: None }
    }

    /// Sets `state`.
    #[must_use]
    pub fn state(mut self, state: serde_json::Value) -> Self {
        self.state = Some(state);
        self
    }

    /// Sets `limits`.
    #[must_use]
    pub fn limits(mut self, limits: ChildLimits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Sets `retry`.
    #[must_use]
    pub fn retry(mut self, retry: ChildRetry) -> Self {
        self.retry = Some(retry);
        self
    }
}

/// The job's id: the same one if the call is repeated after a crash.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct DispatchedJob {
    /// UUID.
    pub job_id: String,
}

/// A job as it is now. `finished`: it has ended, in whatever way. `parent` is the job that dispatched it.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct Job {
    /// UUID.
    pub job_id: String,
    /// Text.
    pub job_type: String,
    /// `Status`.
    pub status: Status,
    /// Boolean.
    pub finished: bool,
    /// Number.
    pub progress: f64,
    /// Text.
    pub message: String,
    /// Integer.
    pub items: i64,
    /// Integer.
    pub bytes: i64,
    /// Integer.
    pub warnings: i64,
    /// Integer.
    pub attempts: i64,
    /// Integer.
    pub dispatched: i64,
    /// Integer or null.
    pub ended: Option<i64>,
    /// `JobFailure` or null.
    pub error: Option<JobFailure>,
    /// UUID or null.
    pub parent: Option<String>,
}

/// Why a job failed, or why its last attempt did. `kind` is one of those of docs/events.md.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct JobFailure {
    /// Text.
    pub kind: String,
    /// Text.
    pub message: String,
    /// Text.
    pub blame: String,
}

/// Some jobs, newest first; `next` is null when there are no more.
#[derive(Clone, PartialEq, Debug, serde::Deserialize)]
#[non_exhaustive]
pub struct JobList {
    /// Array of `Job`.
    pub jobs: Vec<Job>,
    /// UUID or null.
    pub next: Option<String>,
}

/// `parent`: only the jobs that this one dispatched. `cursor` is the `next` of the page before.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct ListJobs {
    /// UUID or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Array of `Status`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statuses: Option<Vec<Status>>,
    /// Text, at most 300 characters or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_type: Option<String>,
    /// Integer, 1 to 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// UUID or null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl ListJobs {
    /// With what has no default.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        ListJobs { parent: None, statuses: None, job_type: None, limit: None, cursor: None }
    }

    /// Sets `parent`.
    #[must_use]
    pub fn parent(mut self, parent: impl Into<String>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Sets `statuses`.
    #[must_use]
    pub fn statuses(mut self, statuses: Vec<Status>) -> Self {
        self.statuses = Some(statuses);
        self
    }

    /// Sets `job_type`.
    #[must_use]
    pub fn job_type(mut self, job_type: impl Into<String>) -> Self {
        self.job_type = Some(job_type.into());
        self
    }

    /// Sets `limit`.
    #[must_use]
    pub fn limit(mut self, limit: i64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets `cursor`.
    #[must_use]
    pub fn cursor(mut self, cursor: impl Into<String>) -> Self {
        self.cursor = Some(cursor.into());
        self
    }
}

/// Which job.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct NameJob {
    /// UUID.
    pub job_id: String,
}

impl NameJob {
    /// With what has no default.
    pub fn new(job_id: impl Into<String>) -> Self {
        NameJob { job_id: job_id.into() }
    }
}

/// Where a job is in its life.
#[derive(Clone, PartialEq, Debug, Copy, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// `attention`.
    Attention,
    /// `backoff`.
    Backoff,
    /// `cancelled`.
    Cancelled,
    /// `completed`.
    Completed,
    /// `copying`.
    Copying,
    /// `failed`.
    Failed,
    /// `paused`.
    Paused,
    /// `queued`.
    Queued,
    /// `running`.
    Running,
    /// `suspended`.
    Suspended,
    /// One that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Which job, and how long at most, in milliseconds.
#[derive(Clone, PartialEq, Debug, serde::Serialize)]
#[non_exhaustive]
pub struct WaitForJob {
    /// UUID.
    pub job_id: String,
    /// Integer, 0 to 300,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
}

impl WaitForJob {
    /// With what has no default.
    pub fn new(job_id: impl Into<String>) -> Self {
        WaitForJob { job_id: job_id.into(), timeout_ms: None }
    }

    /// Sets `timeout_ms`.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: i64) -> Self {
        self.timeout_ms = Some(timeout_ms);
        self
    }
}
