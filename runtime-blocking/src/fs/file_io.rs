//! `File` as a stream of bytes with a position.

use super::file::File;
use futures_io::{AsyncRead, AsyncSeek, AsyncWrite};
use runtime_core::context;
use std::io::{self, IoSlice, IoSliceMut, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

impl AsyncRead for File {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_vectored(cx, &mut [IoSliceMut::new(buf)])
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        context::assert_inside();
        let File { std, state, max_buf_size } = self.get_mut();
        state.get_mut().poll_read(cx, std, bufs, *max_buf_size)
    }
}

impl AsyncWrite for File {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        context::assert_inside();
        let File { std, state, max_buf_size } = self.get_mut();
        let lens = (buf.len(), *max_buf_size);
        state.get_mut().poll_write(cx, std, lens, |copy, max| copy.append(buf, max))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        context::assert_inside();
        let File { std, state, max_buf_size } = self.get_mut();
        let lens = (bufs.iter().map(|buf| buf.len()).sum(), *max_buf_size);
        state.get_mut().poll_write(cx, std, lens, |copy, max| copy.gather(bufs, max))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().state.get_mut().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for File {
    fn poll_seek(self: Pin<&mut Self>, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        context::assert_inside();
        let File { std, state, .. } = self.get_mut();
        state.get_mut().poll_seek(cx, std, to)
    }
}
