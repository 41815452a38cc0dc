//! `#[job]`: a function, its export, and a type of the same name by which `#[extension]` and tests know it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{parenthesized, token, Attribute, Error, Lifetime, LitStr, ReturnType, Token, Type, Visibility};

use crate::arguments::Arguments;
use crate::rules;

const SHAPE: &str = "a job is `fn(ctx: &JobContext, state: &mut State) -> Result<()>`";

pub fn expand(arguments: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function: JobFunction = syn::parse2(item.clone())?;
    let mut arguments: Arguments = syn::parse2(arguments)?;
    arguments.check_keys("a job", &["name", "resumable"]);
    let name = arguments.checked_text("name", rules::job_name);
    let resumable = arguments.flag("resumable").unwrap_or(true);
    arguments.finish()?;

    let JobFunction { vis, ident, state, .. } = &function;
    let name = name.unwrap_or_else(|| LitStr::new(&ident.to_string(), ident.span()));
    let export = LitStr::new(&format!("execute_{}", name.value()), name.span());
    let returns = quote_spanned! {function.returns=> #ident(context, state) };
    // At the type, so that a state which is not `Default` or cannot be read is an error there.
    let state_type = quote_spanned! {state.span()=> type State = #state; };
    Ok(quote! {
        #item

        #[doc(hidden)]
        #[allow(non_camel_case_types)]
        #vis enum #ident {}

        impl ::perdure_sdk::Job for #ident {
            #state_type
            const NAME: &'static str = #name;
            const EXPORT: &'static str = #export;
            const RESUMABLE: bool = #resumable;
            fn run(context: &::perdure_sdk::JobContext, state: &mut Self::State) -> ::perdure_sdk::Result<()> {
                #returns
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[export_name = #export]
            extern "C" fn execute(context: usize, context_len: usize, state: usize, state_len: usize) -> i32 {
                // The host wrote both there before the call, and leaves them alone until it returns.
                unsafe { ::perdure_sdk::__private::execute::<#ident>(context, context_len, state, state_len) }
            }
        };
    })
}

/// As much of a function as matters; its body is left to the compiler.
struct JobFunction {
    vis: Visibility,
    ident: Ident,
    state: Type,
    returns: Span,
}

impl Parse for JobFunction {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        input.call(Attribute::parse_outer)?;
        let vis: Visibility = input.parse()?;
        if !input.peek(Token![fn]) {
            let what = if input.peek(Token![async]) || input.peek(Token![unsafe]) || input.peek(Token![extern]) {
                "a job is a plain function, neither async nor unsafe nor extern"
            } else {
                "#[job] stands on a function"
            };
            return Err(input.error(what));
        }
        input.parse::<Token![fn]>()?;
        let ident: Ident = input.parse()?;
        if input.peek(Token![<]) {
            return Err(input.error("a job has no type parameters: its state is one type"));
        }
        let inside;
        let parentheses = parenthesized!(inside in input);
        let state = Self::parameters(&inside, parentheses)?;
        let returns = match input.parse::<ReturnType>()? {
            ReturnType::Type(_, kind) => kind.span(),
            ReturnType::Default => return Err(Error::new(ident.span(), format!("it returns nothing: {}", SHAPE))),
        };
        input.parse::<TokenStream>()?;
        Ok(JobFunction { vis, ident, state, returns })
    }
}

impl JobFunction {
    /// The type of the state.
    fn parameters(inside: ParseStream, parentheses: token::Paren) -> syn::Result<Type> {
        let mut types: Vec<Type> = Vec::new();
        while !inside.is_empty() {
            while !inside.peek(Token![:]) || inside.peek(Token![::]) {
                if inside.is_empty() || inside.peek(Token![,]) {
                    return Err(Error::new(parentheses.span, SHAPE));
                }
                inside.parse::<proc_macro2::TokenTree>()?;
            }
            inside.parse::<Token![:]>()?;
            types.push(inside.parse()?);
            if !inside.is_empty() {
                inside.parse::<Token![,]>()?;
            }
        }
        let (context, state) = match <[Type; 2]>::try_from(types) {
            Ok([context, state]) => (context, state),
            Err(_) => return Err(Error::new(parentheses.span, SHAPE)),
        };
        match &context {
            Type::Reference(reference) if reference.mutability.is_none() => {}
            other => return Err(Error::new(other.span(), format!("this is `&JobContext`: {}", SHAPE))),
        }
        match state {
            Type::Reference(reference) if reference.mutability.is_some() => {
                refuse_lifetime(reference.lifetime.as_ref())?;
                Ok(*reference.elem)
            }
            other => Err(Error::new(other.span(), format!("this is `&mut` and the state's type: {}", SHAPE))),
        }
    }
}

fn refuse_lifetime(lifetime: Option<&Lifetime>) -> syn::Result<()> {
    lifetime.map_or(Ok(()), |name| Err(Error::new(name.span(), "a job's state has no lifetime of its own")))
}
