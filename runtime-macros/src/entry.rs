//! `#[runtime::main]` and `#[runtime::test]`.
//!
//! ```text
//! #[attributes] pub async fn name(args) -> T { body }
//! ```
//! becomes
//! ```text
//! #[attributes] pub fn name(args) -> T {
//!     runtime::__private::Entry::multi_thread().worker_threads(4).main(async move {
//!         if false { return runtime::__private::never::<T>(); }
//!         body
//!     })
//! }
//! ```
//! The line that never runs tells the compiler at once what the block returns: `?` knows its error
//! type, and a value of a wrong type is reported where the user wrote it. The body's tokens are never
//! looked into, so what it may contain is what the compiler understands, not what `syn` does.

use crate::options::{Kind, Options};
use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Path, Result, ReturnType, Signature, Type, Visibility, parse_quote};

/// A function whose body stays a heap of tokens.
struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        Ok(Function {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: match input.parse()? {
                TokenTree::Group(body) => body,
                other => return Err(Error::new(other.span(), "expected the body of a function")),
            },
        })
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Function { attributes, visibility, signature, body } = self;
        tokens.extend(quote!(#(#attributes)* #visibility #signature #body));
    }
}

pub(crate) fn expand(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::parse.parse2(item.clone()) {
        Ok(function) => function,
        Err(_) => return with_error(Error::new(first_span(&item), not_a_function(kind)), item),
    };
    match Options::parse(kind, options).and_then(|options| check(kind, &function).map(|()| options)) {
        Ok(options) => rewrite(kind, &options, function),
        Err(error) => with_error(error, keep_compiling(function)),
    }
}

fn not_a_function(kind: Kind) -> String {
    format!("`#[runtime::{}]` belongs on an `async fn` with a body", kind.name())
}

fn first_span(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

/// One error, not a heap: the function stays in the program, so that those who call it compile.
fn with_error(error: Error, item: impl ToTokens) -> TokenStream {
    let error = error.into_compile_error();
    quote!(#error #item)
}

/// The function after an error of ours: one that still compiles, whatever was wrong with it.
fn keep_compiling(mut function: Function) -> Function {
    let is_main = function.signature.ident == "main";
    function.attributes.retain(|attribute| entry_name(attribute.path()).is_none());
    if is_main {
        // rustc would add its own complaints about an async `main`, or one with arguments.
        function.signature.asyncness = None;
        function.signature.inputs.clear();
        function.signature.output = ReturnType::Default;
        function.body = parse_quote!({});
    }
    function
}

fn check(kind: Kind, function: &Function) -> Result<()> {
    let signature = &function.signature;
    if signature.asyncness.is_none() {
        let text = format!("`#[runtime::{}]` needs an `async fn`", kind.name());
        return Err(Error::new(signature.fn_token.span, text));
    }
    if let Some(second) = function.attributes.iter().find(|attribute| entry_name(attribute.path()).is_some())
    {
        let text = match (kind, entry_name(second.path())) {
            (Kind::Main, Some("main")) => "a second `main` attribute: one runtime is enough",
            (Kind::Test, Some("test")) => "a second `test` attribute: the test would run twice",
            _ => "a function is either the program's `main` or a test",
        };
        return Err(Error::new(second.path().span(), text));
    }
    if signature.inputs.is_empty() {
        return Ok(());
    }
    match kind {
        Kind::Main if signature.ident == "main" => {
            Err(Error::new(signature.inputs.span(), "`main` takes no arguments; see `std::env::args`"))
        }
        Kind::Test => Err(Error::new(signature.inputs.span(), "a test takes no arguments")),
        Kind::Main => Ok(()),
    }
}

/// Whether this attribute would make an entry point too, ours or somebody else's.
fn entry_name(path: &Path) -> Option<&'static str> {
    let last = path.segments.last()?;
    ["main", "test"].into_iter().find(|name| last.ident == name)
}

fn rewrite(kind: Kind, options: &Options, mut function: Function) -> TokenStream {
    let krate = &options.krate;
    let entry = options.to_entry(kind);
    let run = syn::Ident::new(kind.name(), Span::mixed_site());
    let hint = return_hint(krate, &function.signature.output);
    let body = function.body.stream();
    // An empty body, or one without a value, is a `()` that the compiler reports at these braces.
    let span = Span::mixed_site().located_at(function.body.span());
    let block = quote_spanned!(span=> { #hint #body });
    function.signature.asyncness = None;
    function.body = {
        let mut group =
            Group::new(proc_macro2::Delimiter::Brace, quote_spanned!(span=> #entry.#run(async move #block)));
        group.set_span(function.body.span());
        group
    };
    let test = (kind == Kind::Test).then(|| quote!(#[::core::prelude::v1::test]));
    quote!(#test #function)
}

/// Says what the block returns, where a type can be said: `impl Trait` cannot.
fn return_hint(krate: &Path, output: &ReturnType) -> Option<TokenStream> {
    let ty = match output {
        ReturnType::Default => quote!(()),
        // `!` is a type on a stable compiler only behind an arrow.
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) => {
            quote!(<fn() -> ! as #krate::__private::Returns>::Output)
        }
        ReturnType::Type(_, ty) if mentions_impl(ty.to_token_stream()) => return None,
        ReturnType::Type(_, ty) => quote!(#ty),
    };
    let span = Span::mixed_site().located_at(output.span());
    Some(quote_spanned! {span=>
        #[allow(unreachable_code, clippy::all)]
        if false { return #krate::__private::never::<#ty>(); }
    })
}

fn mentions_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "impl",
        TokenTree::Group(group) => mentions_impl(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
