use perdure_sdk::{extension, job, JobContext, Result};

#[extension(id = "b", name = "B", version = "1", jobs = [count, again])] //~ two of these jobs have one name
struct B;

#[job]
fn count(_ctx: &JobContext, _state: &mut u32) -> Result<()> {
    Ok(())
}

#[job(name = "count")]
fn again(_ctx: &JobContext, _state: &mut u32) -> Result<()> {
    Ok(())
}
