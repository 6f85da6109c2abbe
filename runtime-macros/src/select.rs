//! What `runtime::select!` expands to.
//!
//! ```text
//! $crate::__private, [biased;] (pattern = future [, if condition] => handler),* [else => handler]
//! ```
//! becomes, for two branches and `rt` the path in front:
//! ```text
//! {
//!     enum __RuntimeSelected<T0, T1> { _0(T0), _1(T1), Disabled }
//!     let mut disabled: u8 = 0;
//!     if condition0 {} else { disabled |= 1 }            // every condition, then every future
//!     let selected = {
//!         let (f0, f1) = (future0, future1);             // one `let` each
//!         let (mut f0, mut f1) = (pin!(f0), pin!(f1));   // the same, with a `Silence` around their drop
//!         poll_fn(move |cx| { poll from a random branch on; the first match wins }).await
//!     };                                                 // here every future is gone, winner and losers
//!     match selected { _0(pattern0) => handler0, _1(pattern1) => handler1, Disabled => else, … }
//! }
//! ```
//! Handlers stand outside of any closure: `?`, `break`, `continue`, `return` and `.await` are the
//! caller's. The one name that the caller's code could see is the enum's (items are not hygienic);
//! everything else is a hygienic local or reached through `rt`.
//!
//! Whether a value matches its pattern must be known inside the closure without taking it apart. The
//! pattern stands in a `match` arm whose guard notes the match and answers `false`: nothing is moved,
//! whatever the pattern binds, and the pattern is used as it was written.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, Expr, Pat, Result, Token, token};

/// One bit of the largest mask for each.
const BRANCHES_MAX: usize = 64;

mod keyword {
    syn::custom_keyword!(biased);
}

struct Select {
    biased: bool,
    branches: Vec<Branch>,
    otherwise: Option<TokenStream>,
}

struct Branch {
    pattern: Pat,
    future: Expr,
    condition: Option<Expr>,
    handler: TokenStream,
}

impl Parse for Select {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let biased = biased(input)?;
        let mut select = Select { biased, branches: Vec::new(), otherwise: None };
        while !input.is_empty() {
            if input.peek(Token![else]) {
                input.parse::<Token![else]>()?;
                input.parse::<Token![=>]>()?;
                select.otherwise = Some(handler(input)?);
                if !input.is_empty() {
                    return Err(input.error("`else` is the last branch of `select!`"));
                }
            } else {
                select.branches.push(input.parse()?);
            }
        }
        match select.branches.len() {
            0 if select.otherwise.is_none() => {
                Err(Error::new(Span::call_site(), "`select!` needs at least one branch"))
            }
            n if n > BRANCHES_MAX => {
                let text = format!("`select!` takes at most {BRANCHES_MAX} branches");
                Err(Error::new(select.branches[BRANCHES_MAX].pattern.span(), text))
            }
            _ => Ok(select),
        }
    }
}

impl Parse for Branch {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        input.parse::<Token![=]>()?;
        let future = input.parse()?;
        let condition = if input.peek(Token![,]) {
            input.parse::<Token![,]>()?;
            input.parse::<Token![if]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        input.parse::<Token![=>]>()?;
        Ok(Branch { pattern, future, condition, handler: handler(input)? })
    }
}

/// `biased;` in front of branches or futures.
pub(crate) fn biased(input: ParseStream<'_>) -> Result<bool> {
    let biased = input.peek(keyword::biased) && input.peek2(Token![;]);
    if biased {
        input.parse::<keyword::biased>()?;
        input.parse::<Token![;]>()?;
    }
    Ok(biased)
}

/// A block, with or without a comma behind it, or an expression and a comma, which the last may omit.
fn handler(input: ParseStream<'_>) -> Result<TokenStream> {
    let handler = if input.peek(token::Brace) {
        input.parse::<TokenTree>()?.into_token_stream()
    } else {
        let handler = input.parse::<Expr>()?.into_token_stream();
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("expected `,` behind this branch of `select!`"));
        }
        handler
    };
    if !input.is_empty() {
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(handler)
}

/// The path in front of the input of every macro here, and the comma behind it.
///
/// `$crate` in it is no identifier to `syn`, hence tokens.
pub(crate) fn crate_path(input: ParseStream<'_>) -> Result<TokenStream> {
    let mut path = TokenStream::new();
    while !input.peek(Token![,]) {
        path.extend([input.parse::<TokenTree>()?]);
    }
    input.parse::<Token![,]>()?;
    Ok(path)
}

pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let parse = |input: ParseStream<'_>| Ok((crate_path(input)?, input.parse()?));
    match parse.parse2(input) {
        Ok((rt, select)) => generate(&rt, &select),
        Err(error) => error.into_compile_error(),
    }
}

/// Hygienic names for the futures: no code of the caller's can see them, or be seen as them.
pub(crate) fn names(count: usize) -> Vec<Ident> {
    (0..count).map(|i| Ident::new(&format!("future{i}"), Span::mixed_site())).collect()
}

fn generate(rt: &TokenStream, select: &Select) -> TokenStream {
    let otherwise = match &select.otherwise {
        Some(handler) if select.branches.is_empty() => return quote!({ #handler }),
        Some(handler) => handler.clone(),
        None => quote_spanned!(Span::mixed_site()=> #rt::select_all_disabled()),
    };
    let count = select.branches.len();
    let mask = format_ident!("u{}", count.next_power_of_two().max(8));
    let variants: Vec<Ident> = (0..count).map(|i| format_ident!("_{i}")).collect();
    let types: Vec<Ident> = (0..count).map(|i| format_ident!("T{i}")).collect();
    let futures = names(count);
    let conditions = select.branches.iter().enumerate().filter_map(|(i, branch)| {
        let condition = branch.condition.as_ref()?;
        let bit = quote!((1 as #rt::#mask) << #i);
        Some(quote_spanned!(Span::mixed_site()=> if #condition {} else { disabled |= #bit; }))
    });
    let into_future = select.branches.iter().zip(&futures).map(|(branch, future)| {
        // Braces at the caller's expression: what is no future is reported there.
        let future = quote_spanned!(branch.future.span()=> { #future });
        quote_spanned!(Span::mixed_site()=> #rt::IntoFuture::into_future(#future))
    });
    let created = select.branches.iter().map(|branch| &branch.future);
    let polls =
        select.branches.iter().enumerate().map(|(i, branch)| poll(rt, branch, i, &futures[i], &variants[i]));
    let patterns = select.branches.iter().map(|branch| &branch.pattern);
    let handlers = select.branches.iter().map(|branch| &branch.handler);
    let count = count as u32;
    let start = if select.biased || count == 1 { quote!(0u32) } else { quote!(#rt::random_below(#count)) };
    quote_spanned! {Span::mixed_site()=> {
        enum __RuntimeSelected<#(#types),*> { #(#variants(#types),)* Disabled }
        let mut disabled: #rt::#mask = 0;
        #(#conditions)*
        #[allow(unused_mut)]
        let mut selected = {
            let mut silence = #rt::Silence::ahead();
            #(let #futures = #created;)*
            #(#[allow(unused_braces)] let #futures = #into_future;)*
            #(let mut #futures = #rt::pin!(#futures);)*
            let _silent = silence.begins();
            let selected = #rt::poll_fn(move |cx| {
                // With the budget used up our own futures would all be pending, and the others unfair.
                if #rt::is_budget_spent(cx) {
                    return #rt::Poll::Pending;
                }
                let mut pending = false;
                let start: #rt::u32 = #start;
                for branch in 0..#count {
                    let branch = #rt::turn(start, branch, #count);
                    if disabled >> branch & 1 == 1 {
                        continue;
                    }
                    match branch {
                        #(#polls)*
                        _ => #rt::unreachable!(),
                    }
                }
                if pending { #rt::Poll::Pending } else { #rt::Poll::Ready(__RuntimeSelected::Disabled) }
            }).await;
            selected
        };
        match selected {
            #(__RuntimeSelected::#variants(#patterns) => #handlers,)*
            __RuntimeSelected::Disabled => #otherwise,
            #[allow(unreachable_patterns)]
            _ => #rt::unreachable!("the pattern matched a moment ago"),
        }
    }}
}

/// The arm that polls branch `i`: the loop goes on unless the branch wins.
fn poll(rt: &TokenStream, branch: &Branch, i: usize, future: &Ident, variant: &Ident) -> TokenStream {
    let pattern = &branch.pattern;
    let i = i as u32;
    quote_spanned! {Span::mixed_site()=>
        #[allow(unreachable_code, unused_mut)]
        #i => match #rt::Future::poll(#future.as_mut(), cx) {
            #rt::Poll::Pending => pending = true,
            #rt::Poll::Ready(mut output) => {
                disabled |= 1 << branch;
                let mut matches = false;
                #[allow(unused_variables, unused_mut, unreachable_patterns)]
                match output {
                    #pattern if { matches = true; false } => #rt::unreachable!(),
                    _ => {}
                }
                if matches {
                    return #rt::Poll::Ready(__RuntimeSelected::#variant(output));
                }
            }
        },
    }
}
