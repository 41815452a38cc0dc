use perdure_sdk::{job, JobContext, Result};

#[job(name = "a:b")] //~ `name`: a job's name is 1 to 64 letters
fn bad_name(_ctx: &JobContext, _state: &mut u32) -> Result<()> {
    Ok(())
}

#[job(resumable = "no")] //~ `resumable` must be true or false
fn bad_flag(_ctx: &JobContext, _state: &mut u32) -> Result<()> {
    Ok(())
}

#[job]
fn one_parameter(_ctx: &JobContext) -> Result<()> { //~ a job is `fn(ctx: &JobContext, state: &mut State) -> Result<()>`
    Ok(())
}

#[job]
fn state_by_value(_ctx: &JobContext, _state: u32) -> Result<()> { //~ this is `&mut` and the state's type
    Ok(())
}

#[job]
fn context_by_value(_ctx: JobContext, _state: &mut u32) -> Result<()> { //~ this is `&JobContext`
    Ok(())
}

#[job]
fn nothing(_ctx: &JobContext, _state: &mut u32) {} //~ it returns nothing

#[job]
fn generic<S>(_ctx: &JobContext, _state: &mut S) -> Result<()> { //~ a job has no type parameters
    Ok(())
}

#[job]
async fn later(_ctx: &JobContext, _state: &mut u32) -> Result<()> { //~ a job is a plain function
    Ok(())
}

#[job]
struct NoFunction; //~ #[job] stands on a function
