use perdure_sdk::{job, JobContext, Result};

struct NoState {
    _count: u32,
}

#[job]
fn count(_ctx: &JobContext, _state: &mut NoState) -> Result<()> { //~ `NoState: Default` is not satisfied
    Ok(())
}

#[job]
fn number(_ctx: &JobContext, _state: &mut u32) -> u32 { //~ mismatched types
    7
}
