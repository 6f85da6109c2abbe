//! TCP, UDP and Unix sockets.
//!
//! All types implement the traits of `futures::io` on themselves and on shared references where they
//! are streams, and have tokio's inherent methods. Several tasks may use one socket at the same time:
//! the `async` methods have room for any number of waiters; the `poll_` methods (and with them the
//! traits) wake the newest few wakers of each direction.
//!
//! Every socket belongs to the runtime in which it was made (an accepted one, to its listener's). When
//! that runtime has ended, each operation answers with an error at once.

mod addr;
mod halves;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
mod methods;
mod raw_fd;
mod serve;
mod stream;
mod udp;

pub mod tcp;
pub mod unix;

pub use addr::{ToSocketAddrs, lookup_host};
pub use serve::{Listener, Server, serve};
pub use tcp::{TcpListener, TcpSocket, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixSocket, UnixStream};
