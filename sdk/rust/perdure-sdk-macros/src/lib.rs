//! The attributes of `perdure-sdk`, which re-exports them: use them from there.
//!
//! They write what ABI 1 wants of a module: its exports, and the manifest in a custom section. What is wrong with an
//! attribute is an error at the place where it is wrong.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arguments;
mod extension;
mod job;
mod json;
mod manifest;
mod rules;

use proc_macro::TokenStream;

/// Makes a crate an extension. It stands on a struct without fields, which gives the extension a name in tests.
///
/// ```ignore
/// #[extension(id = "counter", name = "Counter", version = "0.1.0", jobs = [counter])]
/// struct Counter;
/// ```
///
/// | key | value |
/// | --- | --- |
/// | `id`, `name` | texts, required |
/// | `version` | a text; the package's version in Cargo.toml if it is left out |
/// | `jobs` | required: the functions with `#[job]` that the extension offers |
/// | `init`, `cleanup` | functions without parameters that return `Result<()>` |
/// | `description`, `author`, `homepage` | texts |
/// | `methods`, `libraries`, `network_access` | lists of texts: what the extension asks for |
/// | `max_memory_mb`, `requests_per_minute`, `concurrent_jobs` | whole numbers from 1 |
/// | `config_schema` | a JSON Schema as a text, or the path of a file with one, from the folder of Cargo.toml |
#[proc_macro_attribute]
pub fn extension(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(extension::expand(arguments.into(), item.clone().into()), item)
}

/// Makes a function a job: `fn(&JobContext, &mut State) -> Result<()>`.
///
/// ```ignore
/// #[job(name = "count", resumable = false)]
/// fn count(ctx: &JobContext, state: &mut CountState) -> Result<()> {
/// ```
///
/// | key | value |
/// | --- | --- |
/// | `name` | the job's name, 1 to 64 letters, digits, `_`, `.` and `-`; the function's if it is left out |
/// | `resumable` | `false`: it starts anew where others go on from their last checkpoint |
///
/// The state is `Default` (when the job is dispatched without one), `Serialize` and `Deserialize`. What it is when the
/// function returns `Ok` becomes the last checkpoint.
#[proc_macro_attribute]
pub fn job(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand(job::expand(arguments.into(), item.clone().into()), item)
}

/// What was made, or the errors beside the item as it was, so that they are the only ones.
fn expand(made: syn::Result<proc_macro2::TokenStream>, item: TokenStream) -> TokenStream {
    made.map(TokenStream::from).unwrap_or_else(|error| {
        let mut errors = TokenStream::from(error.to_compile_error());
        errors.extend(item);
        errors
    })
}
