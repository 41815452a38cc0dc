use perdure_sdk::extension;

#[extension(id = "a", name = "A", version = "1", jobs = [])]
struct WithFields { //~ #[extension] stands on a struct without fields
    _count: u32,
}

#[extension(id = "b", name = "B", version = "1", jobs = [])]
fn function() {} //~ #[extension] stands on a struct without fields
