//! Jobs under `cargo test`, without a sandbox: a host in memory that records what a job does.
//!
//! ```
//! # use perdure_sdk::{job, JobContext, Result};
//! # use serde::{Deserialize, Serialize};
//! use perdure_sdk::testing::{Event, Exit, TestHost};
//!
//! # #[derive(Default, Serialize, Deserialize)]
//! # struct CountState { current: u64, target: u64 }
//! # #[job]
//! # fn count(ctx: &JobContext, state: &mut CountState) -> Result<()> {
//! #     ctx.check_interrupt(state)?;
//! #     state.current = state.target;
//! #     ctx.increment_items(1);
//! #     Ok(())
//! # }
//! let host = TestHost::new();
//! let run = host.run::<count>(&CountState { current: 0, target: 3 });
//! assert_eq!(run.exit, Exit::Completed);
//! assert_eq!(run.state.unwrap().current, 3);
//! assert_eq!(host.events()[0], Event::Items(1));
//! ```

mod event;
pub(crate) mod imports;
mod permissions;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub use event::Event;
use serde::Serialize;
use serde_json::Value;

use crate::{job, CallError, Extension, Job, JobContext};

const CONTEXT: &[u8] =
    br#"{"job_id":"0193b0a4-5f6e-7c3d-8b1a-2f4e6d8c0a12","library_id":"00000000-0000-4000-8000-00000000000b"}"#;

/// How a run of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The function returned `Ok`.
    Completed,
    /// It was told to stop, and saved its state.
    Interrupted,
    /// It returned an error, which is the last line of the log.
    Failed,
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run<S> {
    /// How it ended.
    pub exit: Exit,
    /// What its last checkpoint says; none if it made none.
    pub state: Option<S>,
}

type Handler = Rc<dyn Fn(&Value) -> Result<Value, CallError>>;

#[derive(Default)]
struct Recorder {
    events: Vec<Event>,
    handlers: HashMap<String, Handler>,
    /// None: everything is allowed.
    methods: Option<Vec<String>>,
    interrupt_at: Option<u64>,
    asked: u64,
    full: bool,
}

thread_local! {
    // The last one is the thread's.
    static HOSTS: RefCell<Vec<Rc<RefCell<Recorder>>>> = const { RefCell::new(Vec::new()) };
}

/// A host for the jobs of this thread, from when it is made until it is dropped.
///
/// It answers operations as it is told to; others it answers with `unknown_method`.
pub struct TestHost {
    recorder: Rc<RefCell<Recorder>>,
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHost {
    /// A host that allows every operation.
    pub fn new() -> Self {
        let recorder = Rc::new(RefCell::new(Recorder::default()));
        HOSTS.with(|hosts| hosts.borrow_mut().push(Rc::clone(&recorder)));
        TestHost { recorder }
    }

    /// A host that allows the operations that the extension's manifest asks for.
    pub fn of<E: Extension>() -> Self {
        let host = Self::new();
        host.recorder.borrow_mut().methods = Some(permissions::asked_for(E::MANIFEST));
        host
    }

    /// Answers calls of an operation: `handler` gets the payload.
    pub fn answers(&self, method: &str, handler: impl Fn(&Value) -> Result<Value, CallError> + 'static) -> &Self {
        let name = permissions::plain_name(method).to_owned();
        self.recorder.borrow_mut().handlers.insert(name, Rc::new(handler));
        self
    }

    /// Tells the job to pause when it asks for the `call`th time from now, counted from 1.
    pub fn interrupts_at(&self, call: u64) -> &Self {
        let mut recorder = self.recorder.borrow_mut();
        recorder.interrupt_at = Some(recorder.asked + call);
        drop(recorder);
        self
    }

    /// Stores no checkpoint from now on.
    pub fn is_full(&self) -> &Self {
        self.recorder.borrow_mut().full = true;
        self
    }

    /// Runs a job with this state, which may also be JSON: `json!({"target": 3})`.
    ///
    /// # Panics
    ///
    /// When the job does, or JSON cannot say the state.
    pub fn run<J: Job>(&self, state: &impl Serialize) -> Run<J::State> {
        self.run_with::<J>(&serde_json::to_vec(state).expect("the state as JSON"))
    }

    /// Runs a job that was dispatched without a state.
    ///
    /// # Panics
    ///
    /// When the job does.
    pub fn run_without_state<J: Job>(&self) -> Run<J::State> {
        self.run_with::<J>(b"")
    }

    fn run_with<J: Job>(&self, state: &[u8]) -> Run<J::State> {
        let before = self.events().len();
        let exit = match job::execute::<J>(CONTEXT, state) {
            job::COMPLETED => Exit::Completed,
            job::INTERRUPTED => Exit::Interrupted,
            _ => Exit::Failed,
        };
        let last = self.events().split_off(before).into_iter().rev().find_map(Event::into_checkpoint);
        Run { exit, state: last.map(|state| serde_json::from_value(state).expect("a state that was saved")) }
    }

    /// A context, for functions that want one.
    pub fn context(&self) -> JobContext {
        JobContext::from_json(CONTEXT).unwrap_or_else(|error| unreachable!("{}", error))
    }

    /// What jobs did so far, in its order.
    pub fn events(&self) -> Vec<Event> {
        self.recorder.borrow().events.clone()
    }

    /// The states that were saved so far.
    pub fn checkpoints(&self) -> Vec<Value> {
        self.events().into_iter().filter_map(Event::into_checkpoint).collect()
    }

    /// The lines of the log so far, with their levels.
    pub fn logs(&self) -> Vec<(crate::Level, String)> {
        let line = |event| if let Event::Log(level, message) = event { Some((level, message)) } else { None };
        self.events().into_iter().filter_map(line).collect()
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        HOSTS.with(|hosts| hosts.borrow_mut().retain(|host| !Rc::ptr_eq(host, &self.recorder)));
    }
}

/// The host of this thread.
fn current() -> Rc<RefCell<Recorder>> {
    HOSTS.with(|hosts| hosts.borrow().last().cloned()).expect("a job needs a host: make a TestHost first")
}
