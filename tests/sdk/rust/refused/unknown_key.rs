use perdure_sdk::{extension, job, JobContext, Result};

#[extension(id = "a", name = "A", version = "1", jbos = [count])] //~ unknown key `jbos`: did you mean `jobs`?
struct A;

#[job(nmae = "count")] //~ unknown key `nmae`: did you mean `name`?
fn count(_ctx: &JobContext, _state: &mut u32) -> Result<()> {
    Ok(())
}

#[job(retries = 3)] //~ unknown key `retries`: a job has the keys name, resumable
fn other(_ctx: &JobContext, _state: &mut u32) -> Result<()> {
    Ok(())
}
