//! The halves of a [`UnixStream`].
#![forbid(unsafe_code)]

use crate::net::halves::halves;
use crate::net::unix::addr::SocketAddr;
use crate::net::unix::stream::UnixStream;

halves!(UnixStream, std::os::unix::net::UnixStream, SocketAddr);
