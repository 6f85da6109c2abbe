//! Copying in both directions at once: what a proxy does.
#![forbid(unsafe_code)]

use super::pump::Pump;
use futures_io::{AsyncRead, AsyncWrite};
use runtime_core::task::unpolled::must_await;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The buffer of each direction, as tokio's. It does not grow: a proxy has many.
const LEN: usize = 8 * 1024;

/// One direction.
#[derive(Debug)]
enum Direction {
    Copies(Pump),
    /// All is copied; the writer is being told that no more comes.
    Closes(u64),
    Done(u64),
}

impl Direction {
    fn poll<A, B>(&mut self, cx: &mut Context<'_>, from: &mut A, to: &mut B) -> Poll<io::Result<u64>>
    where
        A: AsyncRead + Unpin + ?Sized,
        B: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            *self = match self {
                Direction::Copies(pump) => {
                    Direction::Closes(ready!(pump.poll(cx, Pin::new(&mut *from), Pin::new(&mut *to)))?)
                }
                Direction::Closes(total) => {
                    ready!(Pin::new(&mut *to).poll_close(cx))?;
                    Direction::Done(*total)
                }
                Direction::Done(total) => return Poll::Ready(Ok(*total)),
            }
        }
    }
}

/// Copies what comes from `a` to `b`, and what comes from `b` to `a`, until both have ended. Says how many bytes that were: from
/// `a` to `b`, and from `b` to `a`.
///
/// When one side has nothing more to say, the other one is told (its writing half is closed), and goes on saying what it has.
///
/// # Cancel safety
/// Not cancel-safe: what was read and not yet written is lost.
///
/// # Errors
/// The first of either side, which ends both directions.
///
/// # Examples
/// ```
/// use runtime::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
///
/// runtime::run(async {
///     let ((mut client, mut a), (mut b, mut server)) = (duplex(64), duplex(64));
///     let proxy = runtime::spawn(async move { copy_bidirectional(&mut a, &mut b).await });
///     client.write_all(b"question").await.unwrap();
///     client.close().await.unwrap();
///     let mut said = String::new();
///     server.read_to_string(&mut said).await.unwrap();
///     // `client` is done with talking, and still listens.
///     server.write_all(b"answer").await.unwrap();
///     drop(server);
///     client.read_to_string(&mut said).await.unwrap();
///     assert_eq!(said, "questionanswer");
///     assert_eq!(proxy.await.unwrap().unwrap(), (8, 6));
/// });
/// ```
#[track_caller]
pub fn copy_bidirectional<A, B>(a: &mut A, b: &mut B) -> impl Future<Output = io::Result<(u64, u64)>>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    must_await("io::copy_bidirectional", async move { copy_bidirectional_with_sizes(a, b, LEN, LEN).await })
}

/// [`copy_bidirectional`] with buffers of so many bytes for what comes from `a`, and for what comes from `b`. 0 counts as 1.
///
/// # Cancel safety
/// As [`copy_bidirectional`].
///
/// # Errors
/// As [`copy_bidirectional`].
#[track_caller]
pub fn copy_bidirectional_with_sizes<A, B>(
    a: &mut A,
    b: &mut B,
    a_to_b_buf_size: usize,
    b_to_a_buf_size: usize,
) -> impl Future<Output = io::Result<(u64, u64)>>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    must_await("io::copy_bidirectional_with_sizes", async move {
        let mut there = Direction::Copies(Pump::new(a_to_b_buf_size, a_to_b_buf_size));
        let mut back = Direction::Copies(Pump::new(b_to_a_buf_size, b_to_a_buf_size));
        let mut is_back_first = false;
        poll_fn(|cx| {
            // Whoever is first may use up the budget, each time. So they take turns.
            is_back_first = !is_back_first;
            let early = if is_back_first { Some(back.poll(cx, b, a)?) } else { None };
            let there = there.poll(cx, a, b)?;
            let back = match early {
                Some(early) => early,
                None => back.poll(cx, b, a)?,
            };
            Poll::Ready(Ok((ready!(there), ready!(back))))
        })
        .await
    })
}
