//! hyper on a runtime's sockets.

use super::echo::{Server, measure};
use crate::measure::{Figures, Run};
use crate::rt::Rt;
use bytes::Bytes;
use http_body_util::Full;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Response, server::conn::http1, service::service_fn};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Connections.
const CONNECTIONS: usize = 64;
/// What is read at once.
const READ: usize = 2048;

/// A connection as hyper wants it. What is read is copied once, for each runtime alike.
struct Io<R: Rt> {
    stream: R::Stream,
    buf: Box<[u8; READ]>,
}

impl<R: Rt> Read for Io<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let room = buf.remaining().min(READ);
        let read = ready!(R::poll_read(&mut this.stream, cx, &mut this.buf[..room]))?;
        buf.put_slice(&this.buf[..read]);
        Poll::Ready(Ok(()))
    }
}

impl<R: Rt> Write for Io<R> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        R::poll_write(&mut self.stream, cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Answers every request alike.
pub fn http_hello<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    let server = Server::start_with(&rt, |stream| {
        let io = Io::<R> { stream, buf: Box::new([0; READ]) };
        let hello = service_fn(|_| async {
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"Hello, world!"))))
        });
        http1::Builder::new().serve_connection(io, hello)
    });
    measure(run, "http", &server.address(), CONNECTIONS)
}
