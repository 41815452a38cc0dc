use perdure_sdk::extension;

#[extension(
    id = "My Extension", //~ `id`: an id is of lowercase letters, digits, and single '-', '_' or '.' in between
    name = "", //~ `name`: it is empty
    version = "one two", //~ `version`: a version is of letters, digits and '.+_-', like 1.0.0
    methods = [
        "query:vdfs.read_sidecar",
        "vdfs.write_sidecar", //~ `methods`: an entry is an operation like query:ai.ocr
        "query:vdfs.read_sidecar", //~ `methods` has "query:vdfs.read_sidecar" twice
        7, //~ `methods` must be a list of texts
    ],
    libraries = ["here"], //~ `libraries`: an entry is the UUID of a library, or * for all
    network_access = ["https://example.com"], //~ `network_access`: leave https:// out
    max_memory_mb = 5000, //~ `max_memory_mb` must be a whole number from 1 to 4096
    requests_per_minute = 0, //~ `requests_per_minute` must be a whole number from 1 to 1000000
    concurrent_jobs = "two", //~ `concurrent_jobs` must be a whole number from 1 to 10000
    author = ["me"], //~ `author` must be a text
    config_schema = "{\"type\": object}", //~ `config_schema`: it is not a JSON object: see line 1, column 10
    jobs = ["count"], //~ `jobs` must be a list of functions: [count, …]
    init = "ready" //~ `init` must be the name of a function
)]
struct A;

#[extension(id = "b", name = "B", version = "1", jobs = [], config_schema = "nowhere.json")] //~ the file nowhere.json cannot be read
struct B;

#[extension(id = "c", id = "d", name = "C", version = "1", jobs = [])] //~ the key `id` is there twice
struct C;

#[extension(id = "d", name = "D", version = "1", jobs = [count] more)] //~ expected `,`
struct D;
