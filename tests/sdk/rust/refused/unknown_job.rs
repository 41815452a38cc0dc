use perdure_sdk::{extension, job, JobContext, Result};

#[extension(
    id = "a",
    name = "A",
    version = "1",
    jobs = [
        count,
        cuont, //~ `cuont`
        plain, //~ function `plain`
    ]
)]
struct A;

#[job]
fn count(_ctx: &JobContext, _state: &mut u32) -> Result<()> {
    Ok(())
}

fn plain(_ctx: &JobContext, _state: &mut u32) -> Result<()> {
    Ok(())
}
