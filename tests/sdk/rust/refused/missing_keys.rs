use perdure_sdk::extension;

#[extension(name = "A", version = "1", jobs = [])] //~ an extension needs `id`, as in `id = "my-extension"`
struct A;

#[extension(id = "b", version = "1", jobs = [])] //~ an extension needs `name`, as in `name = "My extension"`
struct B;

#[extension(id = "c", name = "C", version = "1")] //~ an extension needs `jobs`, as in `jobs = [count]`
struct C;
