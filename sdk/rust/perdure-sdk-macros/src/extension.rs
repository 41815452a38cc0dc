//! `#[extension]`: the exports of a module, and its manifest in the custom section `perdure.manifest`.

use std::path::PathBuf;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, LitByteStr, LitStr, Path};

use crate::arguments::Arguments;
use crate::manifest::Manifest;
use crate::{json, rules};

const KEYS: [&str; 16] = [
    "id",
    "name",
    "version",
    "jobs",
    "init",
    "cleanup",
    "description",
    "author",
    "homepage",
    "methods",
    "libraries",
    "network_access",
    "max_memory_mb",
    "requests_per_minute",
    "concurrent_jobs",
    "config_schema",
];

pub fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let wrong_item = "#[extension] stands on a struct without fields: `struct Counter;`";
    let input: DeriveInput = syn::parse2(item).map_err(|error| Error::new(error.span(), wrong_item))?;
    match &input.data {
        Data::Struct(data) if data.fields.is_empty() && input.generics.params.is_empty() => {}
        _ => return Err(Error::new(input.ident.span(), wrong_item)),
    }
    let mut arguments: Arguments = syn::parse2(arguments)?;
    arguments.check_keys("an extension", &KEYS);
    let manifest = manifest(&mut arguments);
    let schema_file = manifest.1;
    let jobs = arguments.paths("jobs");
    let init = arguments.path("init");
    let cleanup = arguments.path("cleanup");
    if jobs.is_none() {
        arguments.missing("an extension", "jobs", "[count]");
    }
    arguments.finish()?;
    let (jobs_span, jobs) = jobs.unwrap_or_else(|| (Span::call_site(), Vec::new()));
    Ok(generated(&input, &manifest.0, schema_file, jobs_span, &jobs, init, cleanup))
}

fn text(value: Option<LitStr>) -> Option<String> {
    value.map(|text| text.value())
}

fn texts(value: Option<Vec<LitStr>>) -> Option<Vec<String>> {
    value.map(|texts| texts.iter().map(LitStr::value).collect())
}

/// The manifest, and the file that its schema was read from.
fn manifest(arguments: &mut Arguments) -> (Manifest, Option<String>) {
    let id = text(arguments.checked_text("id", rules::id));
    let name = text(arguments.checked_text("name", rules::title));
    let version = text(arguments.checked_text("version", rules::version));
    let version = version.or_else(|| std::env::var("CARGO_PKG_VERSION").ok());
    for (value, key, example) in
        [(&id, "id", "\"my-extension\""), (&name, "name", "\"My extension\""), (&version, "version", "\"0.1.0\"")]
    {
        if value.is_none() {
            arguments.missing("an extension", key, example);
        }
    }
    let (config_schema, file) = config_schema(arguments).map_or((None, None), |(text, file)| (Some(text), file));
    let manifest = Manifest {
        id: id.unwrap_or_default(),
        name: name.unwrap_or_default(),
        version: version.unwrap_or_default(),
        description: text(arguments.checked_text("description", rules::description)),
        author: text(arguments.checked_text("author", rules::author)),
        homepage: text(arguments.checked_text("homepage", rules::homepage)),
        methods: texts(arguments.texts("methods", rules::method)),
        libraries: texts(arguments.texts("libraries", rules::library)),
        requests_per_minute: arguments.number("requests_per_minute", 1_000_000),
        concurrent_jobs: arguments.number("concurrent_jobs", 10_000),
        network_access: texts(arguments.texts("network_access", rules::host)),
        max_memory_mb: arguments.number("max_memory_mb", 4_096),
        config_schema,
    };
    (manifest, file)
}

/// The schema's JSON, and the file that it is in, if it is in one.
fn config_schema(arguments: &mut Arguments) -> Option<(String, Option<String>)> {
    let literal = arguments.text("config_schema")?;
    let (schema, file) = if literal.value().trim_start().starts_with('{') {
        (literal.value(), None)
    } else {
        let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
        match std::fs::read_to_string(root.join(literal.value())) {
            Ok(schema) => (schema, Some(literal.value())),
            Err(error) => {
                let message = format!("`config_schema`: the file {} cannot be read: {}", literal.value(), error);
                arguments.fail(Error::new(literal.span(), message));
                return None;
            }
        }
    };
    if let Err(why) = json::check_object(&schema) {
        arguments.fail(Error::new(literal.span(), format!("`config_schema`: {}", why)));
        return None;
    }
    Some((schema, file))
}

fn generated(
    input: &DeriveInput,
    manifest: &Manifest,
    schema_file: Option<String>,
    jobs_span: Span,
    jobs: &[Path],
    init: Option<Path>,
    cleanup: Option<Path>,
) -> TokenStream {
    let ident = &input.ident;
    let Manifest { id, name, version, .. } = manifest;
    let json = manifest.to_json();
    let section = LitByteStr::new(json.as_bytes(), Span::call_site());
    let length = json.len();
    // As a type of its own: where it is none, the compiler says so in these words.
    let entries = jobs.iter().map(|job| {
        quote_spanned! {job.span()=> { type Listed = #job; ::perdure_sdk::JobEntry::of::<Listed>() } }
    });
    let unique = quote_spanned! {jobs_span=>
        const _: () = ::core::assert!(
            ::perdure_sdk::__private::have_own_names(<#ident as ::perdure_sdk::Extension>::JOBS),
            "two of these jobs have one name"
        );
    };
    let called = |function: Option<Path>| match function {
        Some(path) => quote_spanned! {path.span()=> #path() },
        None => quote! { ::core::result::Result::Ok(()) },
    };
    let (init, cleanup) = (called(init), called(cleanup));
    // So that a change of the file is a change of the crate.
    let watched = schema_file.map(|file| {
        quote! { const _: &str = ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #file)); }
    });
    quote! {
        #[allow(dead_code)]
        #input

        impl ::perdure_sdk::Extension for #ident {
            const ID: &'static str = #id;
            const NAME: &'static str = #name;
            const VERSION: &'static str = #version;
            const MANIFEST: &'static str = #json;
            const JOBS: &'static [::perdure_sdk::JobEntry] = &[#(#entries),*];
            fn init() -> ::perdure_sdk::Result<()> { #init }
            fn cleanup() -> ::perdure_sdk::Result<()> { #cleanup }
        }

        #unique
        #watched

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[used]
            #[link_section = "perdure.manifest"]
            static MANIFEST: [u8; #length] = *#section;

            #[no_mangle]
            extern "C" fn plugin_init() -> i32 {
                ::perdure_sdk::__private::initialise::<#ident>()
            }

            #[no_mangle]
            extern "C" fn plugin_cleanup() -> i32 {
                ::perdure_sdk::__private::clean_up::<#ident>()
            }

            #[no_mangle]
            extern "C" fn wasm_alloc(size: usize) -> usize {
                ::perdure_sdk::__private::allocate(size)
            }

            #[no_mangle]
            extern "C" fn wasm_free(pointer: usize, size: usize) {
                // The host frees what it got from `wasm_alloc`, once and with the size that it asked for.
                unsafe { ::perdure_sdk::__private::free(pointer, size) }
            }
        };
    }
}
