//! Names and addresses.
#![forbid(unsafe_code)]

use runtime_core::context;
use runtime_core::task::JoinError;
use runtime_core::task::unpolled::must_await;
use std::future::Future;
use std::io;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs as StdToSocketAddrs,
};
use std::panic::Location;

/// What can be turned into socket addresses without blocking the thread.
///
/// Addresses and texts that are addresses are ready at once; host names are looked up by the system on
/// the blocking pool. The trait is sealed.
pub trait ToSocketAddrs: sealed::ToAddrs {}

impl<T: sealed::ToAddrs + ?Sized> ToSocketAddrs for T {}

mod sealed {
    use super::Resolve;

    pub trait ToAddrs {
        #[track_caller]
        fn to_addrs(&self) -> Resolve;
    }
}

/// Addresses, or the way to them.
#[derive(Debug)]
pub enum Resolve {
    /// Just one.
    One(SocketAddr),
    /// Known already.
    Known(Vec<SocketAddr>),
    /// A host name.
    Name(Name),
}

/// A name that has to be looked up.
#[derive(Debug)]
pub struct Name(String, Option<u16>);

impl Name {
    fn look_up(self) -> io::Result<Vec<SocketAddr>> {
        let Name(name, port) = self;
        match port {
            Some(port) => Ok((name.as_str(), port).to_socket_addrs()?.collect()),
            None => Ok(name.as_str().to_socket_addrs()?.collect()),
        }
    }
}

/// Resolves host names: every address that `host` stands for.
///
/// Dropping the future leaves the lookup running on its pool thread; its answer is dropped.
///
/// # Errors
/// When the name has no port, is not known, or the blocking pool refuses work.
///
/// # Panics
/// If `host` is a name to look up and there is no runtime.
#[track_caller]
pub fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> impl Future<Output = io::Result<impl Iterator<Item = SocketAddr>>> {
    must_await("net::lookup_host", resolve(host))
}

/// The addresses of `host`, as an iterator that is `Send`. Where this is called is said of a lookup that hangs.
#[track_caller]
pub(crate) fn resolve<T: ToSocketAddrs>(
    host: T,
) -> impl Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> {
    let (resolve, site) = (host.to_addrs(), Location::caller());
    async move {
        let addrs = match resolve {
            Resolve::One(addr) => vec![addr],
            Resolve::Known(addrs) => addrs,
            Resolve::Name(name) => {
                context::spawn_blocking_at(move || name.look_up(), site).await.map_err(no_lookup)??
            }
        };
        Ok(addrs.into_iter())
    }
}

/// What `attempt` makes of the first address of `host` with which it succeeds; else the last one's error.
#[track_caller]
pub(crate) fn with_first<T>(
    host: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> io::Result<T>,
) -> impl Future<Output = io::Result<T>> {
    let addrs = resolve(host);
    async move {
        let mut last = no_address();
        for addr in addrs.await? {
            match attempt(addr) {
                Ok(made) => return Ok(made),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// The pool may have no thread for it: that is the system's error, and not the runtime's end.
fn no_lookup(error: JoinError) -> io::Error {
    if error.is_cancelled() {
        io::Error::other("the name lookup was cancelled by the runtime's end")
    } else {
        error.into()
    }
}

/// What to say of a name, or a list, without addresses.
pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name stands for no address")
}

macro_rules! one_address {
    ($($type:ty),+) => {$(
        impl sealed::ToAddrs for $type {
            fn to_addrs(&self) -> Resolve {
                Resolve::One(SocketAddr::from(*self))
            }
        }
    )+};
}

one_address!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl sealed::ToAddrs for [SocketAddr] {
    fn to_addrs(&self) -> Resolve {
        Resolve::Known(self.to_vec())
    }
}

impl sealed::ToAddrs for str {
    fn to_addrs(&self) -> Resolve {
        match self.parse() {
            Ok(addr) => Resolve::One(addr),
            Err(_) => Resolve::Name(Name(self.to_owned(), None)),
        }
    }
}

impl sealed::ToAddrs for (&str, u16) {
    fn to_addrs(&self) -> Resolve {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Resolve::One(SocketAddr::new(ip, self.1)),
            Err(_) => Resolve::Name(Name(self.0.to_owned(), Some(self.1))),
        }
    }
}

impl sealed::ToAddrs for String {
    fn to_addrs(&self) -> Resolve {
        self.as_str().to_addrs()
    }
}

impl sealed::ToAddrs for (String, u16) {
    fn to_addrs(&self) -> Resolve {
        (self.0.as_str(), self.1).to_addrs()
    }
}

impl<T: sealed::ToAddrs + ?Sized> sealed::ToAddrs for &T {
    fn to_addrs(&self) -> Resolve {
        (**self).to_addrs()
    }
}
