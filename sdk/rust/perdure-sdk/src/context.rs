//! What a running job has of its host.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::log::{self, Level};
use crate::operations::random::AskBytes;
use crate::operations::{Ai, Config, Credentials, Events, Files, Http, Jobs, Mail, Media, Vdfs};
use crate::{host, uuid, CallError, Client, Error, Result};

/// A running job, as its function sees it.
#[derive(Debug)]
pub struct JobContext {
    job_id: String,
    library_id: String,
    job: [u8; 16],
    client: Client,
}

/// What the host hands over.
#[derive(Deserialize)]
struct Ids {
    job_id: String,
    library_id: String,
}

impl JobContext {
    pub(crate) fn from_json(context: &[u8]) -> Result<Self> {
        let bad = |why: &str| Error::Failed(["bad context: ", why].concat());
        let ids: Ids = serde_json::from_slice(context).map_err(|error| bad(&error.to_string()))?;
        let job = uuid::parse(&ids.job_id).ok_or_else(|| bad("job_id is no UUID"))?;
        Ok(JobContext { job_id: ids.job_id, library_id: ids.library_id, job, client: Client::new() })
    }

    /// The job's id, a UUID.
    pub fn job_id(&self) -> &str {
        &self.job_id
    }

    /// The UUID of the library that the job works in.
    pub fn library_id(&self) -> &str {
        &self.library_id
    }

    /// Asks whether to go on. If not, the state is saved first.
    ///
    /// Ask often, at least every second: a job that does not is stopped by force after a while.
    ///
    /// # Errors
    ///
    /// [`Error::Interrupted`] if the job is to pause or to stop: pass it on with `?`. [`Error::NotStored`] if the state
    /// could not be saved then.
    pub fn check_interrupt<S: Serialize + ?Sized>(&self, state: &S) -> Result<()> {
        if !host::is_interrupted(&self.job) {
            return Ok(());
        }
        self.checkpoint(state)?;
        Err(Error::Interrupted)
    }

    /// Reports how much of the job is done, from 0.0 to 1.0, and what it is at, for people.
    pub fn report_progress(&self, fraction: f64, message: impl AsRef<str>) {
        host::report_progress(&self.job, fraction as f32, message.as_ref());
    }

    /// Saves the state. It is on disk when this returns `Ok`; the job goes on from it whatever happens.
    ///
    /// # Errors
    ///
    /// [`Error::NotStored`] if the host could not store it, [`Error::Failed`] if JSON cannot say it.
    pub fn checkpoint<S: Serialize + ?Sized>(&self, state: &S) -> Result<()> {
        let state = serde_json::to_vec(state)
            .map_err(|error| Error::Failed(format!("the state cannot be written as JSON: {}", error)))?;
        if host::checkpoint(&self.job, &state) {
            Ok(())
        } else {
            Err(Error::NotStored)
        }
    }

    /// Adds a warning for people; the job goes on.
    pub fn add_warning(&self, message: impl AsRef<str>) {
        host::add_warning(&self.job, message.as_ref());
    }

    /// Counts items that were worked on.
    pub fn increment_items(&self, count: u64) {
        host::increment_items(&self.job, clamped(count));
    }

    /// Counts bytes that were worked on.
    pub fn increment_bytes(&self, bytes: u64) {
        host::increment_bytes(&self.job, clamped(bytes));
    }

    /// Writes a line to the job's log.
    pub fn log(&self, level: Level, message: impl AsRef<str>) {
        log::log(level, message);
    }

    /// Writes a line at [`Level::Debug`].
    pub fn debug(&self, message: impl AsRef<str>) {
        log::debug(message);
    }

    /// Writes a line at [`Level::Info`].
    pub fn info(&self, message: impl AsRef<str>) {
        log::info(message);
    }

    /// Writes a line at [`Level::Warn`].
    pub fn warn(&self, message: impl AsRef<str>) {
        log::warn(message);
    }

    /// Writes a line at [`Level::Error`].
    pub fn error(&self, message: impl AsRef<str>) {
        log::error(message);
    }

    /// Runs an operation in the job's library: see [`Client::call`].
    ///
    /// # Errors
    ///
    /// As for [`Client::call`].
    pub fn call<P, T>(&self, method: &str, payload: &P) -> Result<T, CallError>
    where
        P: Serialize + ?Sized,
        T: DeserializeOwned,
    {
        self.client.call(method, payload)
    }

    /// Calls operations in the job's library; [`Client::in_library`] makes one for another library.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What time it is on the host, since 1970. A run that is repeated is told the same.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`]; it is the operation `query:clock.now`.
    pub fn now(&self) -> Result<Duration, CallError> {
        let now = self.client.clock().now()?;
        Ok(Duration::from_nanos(u64::try_from(now.unix_ns).unwrap_or_default()))
    }

    /// Random bytes of the host's, at most 1,024. A run that is repeated gets the same. They stand in the log, so they
    /// are no key and no password.
    ///
    /// # Errors
    ///
    /// As for [`Client::call`]; it is the operation `query:random.bytes`.
    pub fn random_bytes(&self, count: u16) -> Result<Vec<u8>, CallError> {
        Ok(self.client.random().bytes(&AskBytes::new(count.into()))?.bytes.0)
    }

    /// Documents and texts, read by the host.
    pub fn ai(&self) -> Ai<'_> {
        self.client.ai()
    }

    /// The extension's configuration.
    pub fn config(&self) -> Config<'_> {
        self.client.config()
    }

    /// The extension's credentials.
    pub fn credentials(&self) -> Credentials<'_> {
        self.client.credentials()
    }

    /// The library's events.
    pub fn events(&self) -> Events<'_> {
        self.client.events()
    }

    /// Folders of the machine that a person shared with the extension.
    pub fn files(&self) -> Files<'_> {
        self.client.files()
    }

    /// Requests to the hosts that were granted.
    pub fn http(&self) -> Http<'_> {
        self.client.http()
    }

    /// Other jobs.
    pub fn jobs(&self) -> Jobs<'_> {
        self.client.jobs()
    }

    /// Mailboxes.
    pub fn mail(&self) -> Mail<'_> {
        self.client.mail()
    }

    /// Pictures, opened by the host.
    pub fn media(&self) -> Media<'_> {
        self.client.media()
    }

    /// The library's entries and sidecars.
    pub fn vdfs(&self) -> Vdfs<'_> {
        self.client.vdfs()
    }
}

/// The host takes an i64.
fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
