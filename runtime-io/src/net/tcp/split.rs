//! The halves of a [`TcpStream`].
#![forbid(unsafe_code)]

use crate::net::halves::halves;
use crate::net::methods::peek_methods;
use crate::net::tcp::stream::TcpStream;

halves!(TcpStream, std::net::TcpStream, std::net::SocketAddr);

impl ReadHalf<'_> {
    peek_methods!();
}

impl OwnedReadHalf {
    peek_methods!();
}
