//! What `runtime::join!` and `runtime::try_join!` expand to.
//!
//! ```text
//! $crate::__private, [biased;] future, …
//! ```
//! becomes, for two futures and `rt` the path in front:
//! ```text
//! {
//!     let (f0, f1) = (pending(future0), pending(future1));     // one `let` each
//!     let (mut f0, mut f1) = (pin!(f0), pin!(f1));             // the same
//!     let mut first = 1;
//!     poll_fn(move |cx| { first = (first + 1) % 2; poll both from `first` on; … }).await
//! }
//! ```
//! Every poll begins with the next future, so that one that uses up the whole budget each time does not
//! starve the others. A future is dropped when it is done, its output is kept until all are.

use crate::select::{biased, crate_path, names};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Expr, Result, Token};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Join,
    TryJoin,
}

struct Join {
    rt: TokenStream,
    biased: bool,
    futures: Vec<Expr>,
}

fn parse(input: ParseStream<'_>) -> Result<Join> {
    Ok(Join {
        rt: crate_path(input)?,
        biased: biased(input)?,
        futures: Punctuated::<Expr, Token![,]>::parse_terminated(input)?.into_iter().collect(),
    })
}

pub(crate) fn expand(kind: Kind, input: TokenStream) -> TokenStream {
    match parse.parse2(input) {
        Ok(join) => generate(kind, &join),
        Err(error) => error.into_compile_error(),
    }
}

fn generate(kind: Kind, join: &Join) -> TokenStream {
    let Join { rt, biased, futures: created } = join;
    let count = created.len() as u32;
    let futures = names(created.len());
    let pending = match kind {
        Kind::Join => quote!(pending),
        Kind::TryJoin => quote!(pending_result),
    };
    let outputs = match kind {
        Kind::Join => quote_spanned!(Span::mixed_site()=> (#(#rt::take_output(#futures.as_mut()),)*)),
        Kind::TryJoin => {
            quote_spanned!(Span::mixed_site()=> #rt::Result::Ok((#(#rt::take_ok(#futures.as_mut()),)*)))
        }
    };
    let poll_all = match count {
        0 => TokenStream::new(),
        _ => poll_all(kind, join, &futures),
    };
    let rotation = (count > 0 && !biased)
        .then(|| quote_spanned!(Span::mixed_site()=> let mut first: #rt::u32 = #count - 1;));
    // What comes behind the first error need not have been polled.
    let (ahead, begins) = match kind {
        Kind::Join => (None, None),
        Kind::TryJoin => (
            Some(quote_spanned!(Span::mixed_site()=> let mut silence = #rt::Silence::ahead();)),
            Some(quote_spanned!(Span::mixed_site()=> let _silent = silence.begins();)),
        ),
    };
    quote_spanned! {Span::mixed_site()=> {
        #ahead
        #(let #futures = #rt::#pending(#created);)*
        #(let mut #futures = #rt::pin!(#futures);)*
        #begins
        #rotation
        let outputs = #rt::poll_fn(move |cx| {
            let mut pending = false;
            #poll_all
            if pending {
                return #rt::Poll::Pending;
            }
            #[allow(unreachable_code)]
            #rt::Poll::Ready(#outputs)
        }).await;
        outputs
    }}
}

/// Polls every future once. `try_join!` returns at the first error.
fn poll_all(kind: Kind, join: &Join, futures: &[Ident]) -> TokenStream {
    let Join { rt, biased, .. } = join;
    let count = futures.len() as u32;
    let poll = |future: &Ident| match kind {
        Kind::Join => quote_spanned!(Span::mixed_site()=> pending |= #rt::poll_join(#future.as_mut(), cx)),
        Kind::TryJoin => quote_spanned! {Span::mixed_site()=>
            match #rt::poll_try_join(#future.as_mut(), cx) {
                #rt::Result::Ok(still) => pending |= still,
                #rt::Result::Err(error) => return #rt::Poll::Ready(#rt::Result::Err(error)),
            }
        },
    };
    let polls = futures.iter().map(poll);
    if *biased {
        return quote_spanned!(Span::mixed_site()=> #(#polls;)*);
    }
    let branches = 0..count;
    quote_spanned! {Span::mixed_site()=>
        first = #rt::turn(first, 1, #count);
        for branch in 0..#count {
            match #rt::turn(first, branch, #count) {
                #(#branches => #polls,)*
                _ => #rt::unreachable!(),
            }
        }
    }
}
