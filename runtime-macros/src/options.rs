//! The options of `#[runtime::main]` and `#[runtime::test]`, checked as far as that can be done
//! before the program runs. Every message stands at the token it speaks of.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use std::time::Duration;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, Lit, LitStr, Meta, Path, Result, Token, parse_quote};

/// Which attribute it is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Main,
    Test,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Main => "main",
            Kind::Test => "test",
        }
    }
}

/// What stands between the parentheses of the attribute.
pub(crate) struct Options {
    /// Where the crate `runtime` is found.
    pub(crate) krate: Path,
    flavor: Option<Flavor>,
    worker_threads: Option<(Span, Expr)>,
    blocking_threads: Option<Expr>,
    shutdown_timeout: Option<Duration>,
    start_paused: Option<Expr>,
    debug: Option<Expr>,
    unhandled: Option<Ident>,
    is_cancellable: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Flavor {
    MultiThread,
    CurrentThread,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            krate: parse_quote!(::runtime),
            flavor: None,
            worker_threads: None,
            blocking_threads: None,
            shutdown_timeout: None,
            start_paused: None,
            debug: None,
            unhandled: None,
            is_cancellable: false,
        }
    }
}

impl Options {
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self> {
        let mut options = Options::default();
        let mut seen: Vec<String> = Vec::new();
        // `crate` is a keyword: `parse_mod_style` inside of `Meta` takes it as a path all the same.
        for meta in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)? {
            let name = match meta.path().get_ident() {
                Some(name) => name.to_string(),
                None => return Err(Error::new(meta.path().span(), known(kind))),
            };
            let value = match &meta {
                Meta::NameValue(pair) => &pair.value,
                Meta::Path(_) | Meta::List(_) => {
                    return Err(Error::new(meta.span(), not_a_pair(kind, &name)));
                }
            };
            if seen.contains(&name) {
                return Err(Error::new(meta.path().span(), format!("`{name}` is set twice")));
            }
            options.set(kind, &name, meta.path().span(), value)?;
            seen.push(name);
        }
        options.check(kind)?;
        Ok(options)
    }

    fn set(&mut self, kind: Kind, name: &str, span: Span, value: &Expr) -> Result<()> {
        match name {
            "flavor" => self.flavor = Some(flavor(value)?),
            "worker_threads" => self.worker_threads = Some((span, count(name, value)?)),
            "blocking_threads" => self.blocking_threads = Some(count(name, value)?),
            "shutdown_timeout" => self.shutdown_timeout = Some(timeout(value)?),
            "debug" => self.debug = Some(boolean(name, value)?),
            "unhandled" => self.unhandled = Some(policy(value)?),
            "crate" => self.krate = path(value)?,
            "ctrl_c" if kind == Kind::Main => self.is_cancellable = cancel(value)?,
            "ctrl_c" => return Err(Error::new(span, "`ctrl_c` is an option of `#[runtime::main]`")),
            "start_paused" if kind == Kind::Test => self.start_paused = Some(boolean(name, value)?),
            "start_paused" => {
                let text = "`start_paused` is an option of `#[runtime::test]`; elsewhere use \
                            `runtime::Builder::start_paused`";
                return Err(Error::new(span, text));
            }
            name => return Err(Error::new(span, format!("unknown option `{name}`; {}", known(kind)))),
        }
        Ok(())
    }

    /// What only several options together can get wrong.
    fn check(&self, kind: Kind) -> Result<()> {
        match &self.worker_threads {
            Some((span, _)) if self.flavor(kind) == Flavor::CurrentThread => {
                let name = kind.name();
                let text = format!(
                    "`worker_threads` needs the multi-threaded flavor: \
                     `#[runtime::{name}(flavor = \"multi_thread\", worker_threads = …)]`"
                );
                Err(Error::new(*span, text))
            }
            _ => Ok(()),
        }
    }

    fn flavor(&self, kind: Kind) -> Flavor {
        self.flavor.unwrap_or(match kind {
            Kind::Main => Flavor::MultiThread,
            Kind::Test => Flavor::CurrentThread,
        })
    }

    /// An expression of type `runtime::__private::Entry`.
    pub(crate) fn to_entry(&self, kind: Kind) -> TokenStream {
        let krate = &self.krate;
        let flavor = match self.flavor(kind) {
            Flavor::MultiThread => quote!(multi_thread),
            Flavor::CurrentThread => quote!(current_thread),
        };
        let worker_threads = self.worker_threads.iter().map(|(_, n)| call("worker_threads", n));
        let blocking_threads = self.blocking_threads.iter().map(|n| call("blocking_threads", n));
        let start_paused = self.start_paused.iter().map(|paused| call("start_paused", paused));
        let debug = self.debug.iter().map(|debug| call("debug", debug));
        let timeout = self.shutdown_timeout.iter().map(|timeout| {
            let (secs, nanos) = (timeout.as_secs(), timeout.subsec_nanos());
            quote!(.shutdown_timeout(#secs, #nanos))
        });
        let unhandled = self
            .unhandled
            .iter()
            .map(|policy| quote!(.unhandled(#krate::__private::UnhandledPolicy::#policy)));
        let ctrl_c = self.is_cancellable.then(|| quote!(.cancel_on_ctrl_c()));
        quote! {
            #krate::__private::Entry::#flavor() #(#worker_threads)* #(#blocking_threads)* #(#timeout)* #(#start_paused)*
            #(#debug)* #(#unhandled)* #ctrl_c
        }
    }
}

/// `.name(value)`, located at the value, so that a type error is the user's.
fn call(name: &str, value: &Expr) -> TokenStream {
    let span = Span::mixed_site().located_at(value.span());
    let name = syn::Ident::new(name, span);
    quote_spanned!(span=> .#name(#value))
}

fn known(kind: Kind) -> &'static str {
    match kind {
        Kind::Main => {
            "the options are `flavor`, `worker_threads`, `blocking_threads`, `ctrl_c`, `shutdown_timeout`, `unhandled`, `debug` and `crate`"
        }
        Kind::Test => {
            "the options are `flavor`, `worker_threads`, `blocking_threads`, `shutdown_timeout`, `unhandled`, `start_paused`, `debug` and `crate`"
        }
    }
}

fn not_a_pair(kind: Kind, name: &str) -> String {
    match name {
        "multi_thread" | "current_thread" => {
            format!("a flavor is written `#[runtime::{}(flavor = \"{name}\")]`", kind.name())
        }
        "start_paused" if kind == Kind::Test => "expected `start_paused = true`".to_owned(),
        "debug" => "expected `debug = true`".to_owned(),
        _ => format!("expected `name = value`; {}", known(kind)),
    }
}

fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(value) => Some(&value.lit),
        _ => None,
    }
}

fn string(value: &Expr) -> Option<&LitStr> {
    match literal(value) {
        Some(Lit::Str(text)) => Some(text),
        _ => None,
    }
}

fn flavor(value: &Expr) -> Result<Flavor> {
    match string(value).map(LitStr::value).as_deref() {
        Some("multi_thread") => Ok(Flavor::MultiThread),
        Some("current_thread") => Ok(Flavor::CurrentThread),
        _ => Err(Error::new(value.span(), "`flavor` is \"multi_thread\" or \"current_thread\"")),
    }
}

/// Whether Ctrl-C cancels the body: there is no other value. (Its usual effect is to leave the option out.)
fn cancel(value: &Expr) -> Result<bool> {
    match string(value).map(LitStr::value).as_deref() {
        Some("cancel") => Ok(true),
        _ => Err(Error::new(value.span(), "`ctrl_c` is \"cancel\"; without it Ctrl-C kills the program")),
    }
}

/// The variant of `UnhandledPolicy`.
fn policy(value: &Expr) -> Result<Ident> {
    let variant = match string(value).map(LitStr::value).as_deref() {
        Some("log") => "Log",
        Some("shutdown") => "Shutdown",
        Some("abort") => "Abort",
        _ => return Err(Error::new(value.span(), "`unhandled` is \"log\", \"shutdown\" or \"abort\"")),
    };
    Ok(Ident::new(variant, Span::mixed_site()))
}

/// A number of threads: an integer above 0, or an expression that only the compiler can judge.
fn count(name: &str, value: &Expr) -> Result<Expr> {
    let good = match literal(value) {
        Some(Lit::Int(n)) => n.base10_parse::<usize>().is_ok_and(|n| n > 0),
        Some(_) => false,
        None => true,
    };
    let text = || format!("`{name}` is a number of threads, 1 or more");
    if good { Ok(value.clone()) } else { Err(Error::new(value.span(), text())) }
}

fn boolean(name: &str, value: &Expr) -> Result<Expr> {
    match literal(value) {
        Some(Lit::Bool(_)) | None => Ok(value.clone()),
        Some(_) => Err(Error::new(value.span(), format!("`{name}` is `true` or `false`"))),
    }
}

fn path(value: &Expr) -> Result<Path> {
    let text = "`crate` is a path in quotes, such as \"my_runtime\" or \"::my_crate::runtime\"";
    let error = || Error::new(value.span(), text);
    let parser = Path::parse_mod_style;
    string(value).ok_or_else(error)?.parse_with(parser).map_err(|_| error())
}

fn timeout(value: &Expr) -> Result<Duration> {
    string(value).and_then(|text| duration(&text.value())).ok_or_else(|| {
        Error::new(value.span(), "`shutdown_timeout` is a duration such as \"5s\", \"250ms\" or \"1.5m\"")
    })
}

/// `5s`, `250ms`, `1.5m`, `2h`: digits, at most nine of them behind a dot, and a unit.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit_ns) =
        [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)]
            .into_iter()
            .find_map(|(unit, ns)| Some((text.strip_suffix(unit)?.trim_end(), ns)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let whole_ns = whole.parse::<u64>().ok()?.checked_mul(unit_ns)?;
    let scale = 10_u64.pow(fraction.len() as u32);
    let fraction_ns = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit_ns) / u128::from(scale);
    Some(Duration::from_nanos(whole_ns.checked_add(u64::try_from(fraction_ns).ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::duration;
    use std::time::Duration;

    #[test]
    fn durations_as_people_write_them() {
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(duration("2 h"), Some(Duration::from_secs(7200)));
        assert_eq!(duration("0s"), Some(Duration::ZERO));
        assert_eq!(duration("0.000000001s"), Some(Duration::from_nanos(1)));
    }

    #[test]
    fn nonsense_is_no_duration() {
        for text in ["", "5", "s", "-1s", "1e3s", ".5s", "5.s", "5 days", "99999999999999999999s", "+1s"] {
            assert_eq!(duration(text), None, "{text:?}");
        }
        assert_eq!(duration(&format!("{}h", u64::MAX)), None);
    }
}
