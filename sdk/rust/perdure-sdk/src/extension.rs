//! An extension as a whole: its manifest, its jobs, what it does when it is loaded.

use crate::{Job, Result};

/// An extension, as `#[extension]` makes one of a struct.
pub trait Extension {
    /// Its id.
    const ID: &'static str;
    /// Its name for people.
    const NAME: &'static str;
    /// Its version.
    const VERSION: &'static str;
    /// Its manifest, a JSON object without `wasm_file`.
    const MANIFEST: &'static str;
    /// The jobs that it offers.
    const JOBS: &'static [JobEntry];

    /// Runs in each new instance before anything else.
    ///
    /// # Errors
    ///
    /// Why the extension cannot work: it is not loaded then.
    fn init() -> Result<()>;

    /// Runs once when the extension is unloaded.
    ///
    /// # Errors
    ///
    /// What could not be cleaned up; it is unloaded all the same.
    fn cleanup() -> Result<()>;
}

/// A job that an extension offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobEntry {
    /// Its name for who dispatches it.
    pub name: &'static str,
    /// The name of its export.
    pub export: &'static str,
    /// Whether it goes on from its last checkpoint.
    pub resumable: bool,
}

impl JobEntry {
    /// What a function with `#[job]` says of itself.
    pub const fn of<J: Job>() -> Self {
        JobEntry { name: J::NAME, export: J::EXPORT, resumable: J::RESUMABLE }
    }
}

/// Whether no two jobs have one name; asked when an extension is compiled.
#[doc(hidden)]
pub const fn have_own_names(jobs: &[JobEntry]) -> bool {
    let mut one = 0;
    while one < jobs.len() {
        let mut other = one + 1;
        while other < jobs.len() {
            if same(jobs[one].name.as_bytes(), jobs[other].name.as_bytes()) {
                return false;
            }
            other += 1;
        }
        one += 1;
    }
    true
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
