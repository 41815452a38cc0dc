//! A durable job that counts, and beside it some that do what else an extension can do.

#![forbid(unsafe_code)]

mod others;

use perdure_sdk::{extension, job, log, JobContext, Result};
use serde::{Deserialize, Serialize};

#[extension(
    id = "counter-rust",
    name = "Counter (Rust)",
    version = "0.1.0",
    methods = ["query:vdfs.read_sidecar", "action:vdfs.write_sidecar"],
    jobs = [counter, others::warner, others::failing, others::noter, others::trespasser],
    init = ready
)]
struct Counter;

fn ready() -> Result<()> {
    log::info("counter ready");
    Ok(())
}

/// All that the job needs to go on.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct CounterState {
    current: u64,
    target: u64,
}

/// Counts to its target. Killed at any moment, it goes on from its last checkpoint.
#[job(name = "counter")]
fn counter(ctx: &JobContext, state: &mut CounterState) -> Result<()> {
    while state.current < state.target {
        ctx.check_interrupt(state)?;
        state.current += 1;
        let fraction = state.current as f64 / state.target as f64;
        ctx.report_progress(fraction, format!("Counted {}/{}", state.current, state.target));
        ctx.increment_items(1);
        ctx.increment_bytes(8);
        ctx.checkpoint(state)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use perdure_sdk::json;
    use perdure_sdk::testing::{Exit, TestHost};

    use super::*;

    #[test]
    fn it_counts_to_its_target() {
        let host = TestHost::of::<Counter>();
        let run = host.run::<counter>(&json!({"target": 3}));
        assert_eq!(run.exit, Exit::Completed);
        assert_eq!(run.state.map(|state| state.current), Some(3));
        assert_eq!(host.checkpoints()[0], json!({"current": 1, "target": 3}));
    }

    #[test]
    fn it_goes_on_where_it_was_interrupted() {
        let host = TestHost::of::<Counter>();
        let first = host.interrupts_at(3).run::<counter>(&json!({"target": 5}));
        assert_eq!(first.exit, Exit::Interrupted);
        let saved = first.state.expect("a checkpoint");
        assert_eq!(saved.current, 2);
        assert_eq!(host.run::<counter>(&saved).state.map(|state| state.current), Some(5));
    }
}
