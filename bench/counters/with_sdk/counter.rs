//! The counter with the crate `perdure-sdk`.

use perdure_sdk::{extension, job, JobContext, Result};
use serde::{Deserialize, Serialize};

#[extension(id = "measured", name = "Measured", version = "0.1.0", jobs = [counter])]
struct Measured;

// the job
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct CounterState {
    current: u64,
    target: u64,
}

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
// the end of the job
