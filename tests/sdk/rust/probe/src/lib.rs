//! Jobs that show of the SDK what the counter does not.

#![forbid(unsafe_code)]

mod families;

use perdure_sdk::{extension, job, json, log, Error, JobContext, Result, Value};
use serde::{Deserialize, Serialize};

#[extension(
    id = "probe",
    name = "Probe \"1\"",
    description = "Shows\nthings",
    author = "Zoë",
    homepage = "https://example.com/",
    methods = ["query:", "action:credentials.", "action:config.set", "action:events.*", "action:jobs.", "action:vdfs."],
    libraries = ["00000000-0000-4000-8000-000000000001", "00000000-0000-0000-0000-000000000000"],
    network_access = ["api.example.com"],
    requests_per_minute = 1_000_000,
    concurrent_jobs = 4,
    max_memory_mb = 64,
    config_schema = "schema.json",
    jobs = [call, many, panicking, once, told, recover, shout, families::everything],
    cleanup = bye
)]
pub struct Probe;

fn bye() -> Result<()> {
    log::info("bye");
    Ok(())
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct CallState {
    method: String,
    payload: Value,
    library: String,
    answer: Value,
    code: String,
    message: String,
    retry_after_ms: Option<u64>,
}

/// Calls what its state says, and keeps the answer.
#[job]
fn call(ctx: &JobContext, state: &mut CallState) -> Result<()> {
    let client = if state.library.is_empty() { *ctx.client() } else { ctx.client().in_library(&state.library)? };
    match client.call(&state.method, &state.payload) {
        Ok(answer) => state.answer = answer,
        Err(error) => {
            state.code = error.code().to_owned();
            state.message = error.message().to_owned();
            state.retry_after_ms = error.retry_after_ms();
        }
    }
    Ok(())
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ManyState {
    calls: u64,
    pages_before: usize,
    pages_after: usize,
}

/// Calls an operation many times over, and looks at its memory.
#[job]
fn many(ctx: &JobContext, state: &mut ManyState) -> Result<()> {
    let payload = json!({"message": "x".repeat(1000)});
    for call in 0..state.calls {
        ctx.call::<_, Value>("query:test.ping", &payload)?;
        if call == 100 {
            state.pages_before = pages();
        }
    }
    state.pages_after = pages();
    Ok(())
}

#[cfg(target_arch = "wasm32")]
fn pages() -> usize {
    core::arch::wasm32::memory_size(0)
}

#[cfg(not(target_arch = "wasm32"))]
fn pages() -> usize {
    0
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct PanicState {
    at: usize,
    message: String,
}

/// Panics in one of several ways.
#[job]
fn panicking(ctx: &JobContext, state: &mut PanicState) -> Result<()> {
    ctx.increment_items(1);
    let short = [1, 2, 3];
    match state.message.as_str() {
        "index" => ctx.increment_items(short[state.at]),
        "unwrap" => ctx.increment_items(state.message.parse::<u64>().unwrap()),
        message => panic!("{}", message),
    }
    Ok(())
}

/// Starts anew instead of going on.
#[job(name = "only-once", resumable = false)]
fn once(ctx: &JobContext, state: &mut u64) -> Result<()> {
    *state += 1;
    ctx.checkpoint(state)?;
    ctx.check_interrupt(state)
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct ToldState {
    seconds: u64,
    bytes: Vec<u8>,
    job_id: String,
    library_id: String,
}

/// Keeps what it is told of time and chance.
#[job]
fn told(ctx: &JobContext, state: &mut ToldState) -> Result<()> {
    state.seconds = ctx.now()?.as_secs();
    state.bytes = ctx.random_bytes(16)?;
    state.job_id = ctx.job_id().to_owned();
    state.library_id = ctx.library_id().to_owned();
    Ok(())
}

/// Passes on the failure of a call, of another error, or of a checkpoint.
#[job]
fn recover(ctx: &JobContext, state: &mut String) -> Result<()> {
    match state.as_str() {
        "call" => ctx.call::<_, Value>("query:nothing.there", &json!({})).map(drop)?,
        "parse" => drop(state.parse::<u64>()?),
        "type" => drop(ctx.call::<_, Vec<u8>>("query:test.ping", &json!({"message": "hi"}))?),
        "library" => drop(ctx.client().in_library("here")?),
        "full" => return Err(Error::NotStored),
        "state" => ctx.checkpoint(&f64::NAN)?,
        _ => {}
    }
    Ok(())
}

/// Texts and numbers at their limits.
#[job]
fn shout(ctx: &JobContext, state: &mut String) -> Result<()> {
    ctx.add_warning("");
    ctx.warn(format!("{}\u{1f600}", state));
    ctx.report_progress(f64::NAN, "");
    ctx.report_progress(7.0, "é".repeat(3));
    ctx.increment_items(u64::MAX);
    ctx.increment_bytes(0);
    Ok(())
}
