use perdure_sdk::extension;

#[extension(id = "a", name = "A", version = "1", jobs = [], init = missing)] //~ `missing`
struct A;

#[extension(id = "b", name = "B", version = "1", jobs = [], init = number)] //~ mismatched types
struct B;

fn number() -> i32 {
    7
}
