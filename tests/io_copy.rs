//! `io::copy`, `copy_buf`, `copy_bidirectional`, the streams in memory, and those made of others.

#[cfg(unix)]
#[allow(dead_code)]
mod files;

use futures::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
    Cursor,
};
use futures::poll;
use runtime::io::{
    BufStream, SimplexStream, copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, duplex,
    join, simplex, split,
};
use runtime::net::{TcpListener, TcpStream};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, SeekFrom};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Bytes that are not alike.
fn bytes(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A reader that gives its bytes in pieces of all sizes, waits in between, is interrupted, and may fail in the end.
struct Fitful<'a> {
    bytes: &'a [u8],
    step: usize,
    end: Option<ErrorKind>,
}

impl AsyncRead for Fitful<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.step += 1;
        match self.step % 5 {
            0 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            1 => Poll::Ready(Err(ErrorKind::Interrupted.into())),
            _ if self.bytes.is_empty() => Poll::Ready(self.end.take().map_or(Ok(0), |kind| Err(kind.into()))),
            _ => {
                let len = buf.len().min(self.bytes.len()).min(1 + self.step * 37 % 20_000);
                let (now, later) = self.bytes.split_at(len);
                buf[..len].copy_from_slice(now);
                self.bytes = later;
                Poll::Ready(Ok(len))
            }
        }
    }
}

/// A writer of the same kind. It keeps what it has until it is flushed.
#[derive(Default)]
struct Reluctant {
    held: Vec<u8>,
    written: Vec<u8>,
    step: usize,
}

impl AsyncWrite for Reluctant {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.step += 1;
        match self.step % 4 {
            0 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            1 => Poll::Ready(Err(ErrorKind::Interrupted.into())),
            _ => {
                let len = buf.len().min(1 + self.step * 53 % 9000);
                self.held.extend_from_slice(&buf[..len]);
                Poll::Ready(Ok(len))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.written.append(&mut this.held);
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

#[runtime::test]
async fn every_byte_in_its_order() {
    for len in [0, 1, 8191, 8192, 8193, 100_000, 5_000_000] {
        let bytes = bytes(len);
        let mut writer = Reluctant::default();
        let mut reader = Fitful { bytes: &bytes, step: len, end: None };
        assert_eq!(copy(&mut reader, &mut writer).await.unwrap(), len as u64);
        assert!(writer.written == bytes, "{len}");
        let mut writer = Reluctant::default();
        let reader = BufReader::new(Fitful { bytes: &bytes, step: len, end: None });
        assert_eq!(copy_buf(reader, &mut writer).await.unwrap(), len as u64);
        assert!(writer.written == bytes, "{len}");
    }
}

#[runtime::test]
async fn errors_of_either_side_end_a_copy() {
    let bytes = bytes(50_000);
    let mut writer = Vec::new();
    let reader = Fitful { bytes: &bytes, step: 0, end: Some(ErrorKind::ConnectionReset) };
    let error = copy(reader, &mut writer).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    // What came before it was written.
    assert!(writer == bytes);

    struct Full;
    impl AsyncWrite for Full {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(0))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    assert_eq!(copy(&bytes[..], &mut Full).await.unwrap_err().kind(), ErrorKind::WriteZero);
    assert_eq!(copy_buf(&bytes[..], &mut Full).await.unwrap_err().kind(), ErrorKind::WriteZero);
}

/// Who answers only to what has reached it is not waited for with the question unsent.
#[runtime::test]
async fn a_copy_flushes_before_it_waits() {
    let (mut client, server) = duplex(64);
    let (read, mut write) = server.split();
    let echo = runtime::spawn(async move {
        let mut buffered = futures::io::BufWriter::new(&mut write);
        copy(read, &mut buffered).await
    });
    client.write_all(b"question").await.unwrap();
    let mut answer = [0; 8];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"question");
    client.close().await.unwrap();
    assert_eq!(echo.await.unwrap().unwrap(), 8);
}

#[cfg(unix)]
#[test]
fn a_file_into_a_file() {
    let bytes = bytes(20_000_000);
    files::both_ways(|| {
        runtime::run(async {
            let scratch = files::Scratch::new();
            std::fs::write(scratch.path("from"), &bytes).unwrap();
            let mut from = runtime::fs::File::open(scratch.path("from")).await.unwrap();
            let mut to = runtime::fs::File::create(scratch.path("to")).await.unwrap();
            assert_eq!(copy(&mut from, &mut to).await.unwrap(), bytes.len() as u64);
            // It is flushed.
            assert!(std::fs::read(scratch.path("to")).unwrap() == bytes);
        });
    });
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// Reads to the end, and compares. (`read_to_end` clears all the room it has at each poll.)
async fn hears(stream: &mut TcpStream, mut bytes: &[u8]) {
    let mut buf = vec![0; 64 * 1024];
    while let len @ 1.. = stream.read(&mut buf).await.unwrap() {
        let (now, later) = bytes.split_at(len);
        assert!(buf[..len] == *now, "{} bytes before the end", bytes.len());
        bytes = later;
    }
    assert_eq!(bytes.len(), 0, "are missing");
}

/// 100 MB there, and then 100 MB back, after the first direction has ended.
#[runtime::test]
async fn a_proxy_passes_both_directions_on_and_their_ends() {
    const LEN: usize = 100_000_000;
    let ((mut client, mut outer), (mut inner, mut server)) = (connected().await, connected().await);
    let proxy = runtime::spawn(async move { copy_bidirectional(&mut outer, &mut inner).await });
    let bytes = std::sync::Arc::new(bytes(LEN));
    let same = bytes.clone();
    let server = runtime::spawn(async move {
        // Ends only if the client's end is passed on.
        hears(&mut server, &same).await;
        server.write_all(&same).await.unwrap();
        server.close().await.unwrap();
    });
    client.write_all(&bytes).await.unwrap();
    client.close().await.unwrap();
    hears(&mut client, &bytes).await;
    server.await.unwrap();
    assert_eq!(proxy.await.unwrap().unwrap(), (LEN as u64, LEN as u64));
}

#[runtime::test]
async fn both_directions_at_once_with_small_buffers() {
    let ((mut a, mut outer), (mut inner, mut b)) = (duplex(50), duplex(70));
    let proxy = runtime::spawn(async move {
        let copied = copy_bidirectional_with_sizes(&mut outer, &mut inner, 3, 0).await;
        (copied.unwrap(), outer, inner)
    });
    let (there, back) = (bytes(10_000), bytes(7_000));
    let talk = async |end: &mut runtime::io::DuplexStream, says: &[u8], hears: usize| {
        let mut heard = vec![0; hears];
        let (mut read, mut write) = end.split();
        let said = async {
            write.write_all(says).await.unwrap();
            write.close().await.unwrap();
        };
        futures::join!(said, async { read.read_exact(&mut heard).await.unwrap() });
        assert_eq!(read.read(&mut [0; 1]).await.unwrap(), 0);
        heard
    };
    let (heard_a, heard_b) = futures::join!(talk(&mut a, &there, 7_000), talk(&mut b, &back, 10_000));
    assert!(heard_a == back && heard_b == there);
    assert_eq!(proxy.await.unwrap().0, (10_000, 7_000));
}

#[runtime::test]
async fn an_error_on_one_side_ends_both_directions() {
    let ((mut client, mut outer), (mut inner, server)) = (duplex(64), duplex(64));
    drop(server);
    client.write_all(b"to nobody").await.unwrap();
    let error = copy_bidirectional(&mut outer, &mut inner).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

/// Reads that are always ready, each for one unit of the task's budget, and writes that say how many reads there were before.
struct Eager {
    left: usize,
    reads: usize,
    reads_at_write: Option<usize>,
}

impl AsyncRead for Eager {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let unit = std::task::ready!(runtime::task::coop::poll_proceed(cx));
        unit.made_progress();
        self.reads += 1;
        let len = self.left.min(1);
        self.left -= len;
        buf[..len].fill(b'x');
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Eager {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let reads = self.reads;
        self.reads_at_write.get_or_insert(reads);
        Poll::Ready(Ok(buf.len()))
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// The budget of one poll may go to one direction. It must not be the same one each time.
#[runtime::test]
async fn a_direction_that_never_waits_leaves_the_other_its_turn() {
    let eager = |left| Eager { left, reads: 0, reads_at_write: None };
    let (mut a, mut b) = (eager(5000), eager(1));
    assert_eq!(copy_bidirectional(&mut a, &mut b).await.unwrap(), (5000, 1));
    let reads = a.reads_at_write.unwrap();
    assert!(reads < 1000, "what b said came to a after {reads} reads of a");
}

/// Neither end has a budget of its own.
#[test]
fn a_copy_that_never_waits_lets_others_run() {
    let current = runtime::Builder::new_current_thread().build().unwrap();
    current.block_on(async {
        let other = runtime::spawn(async {});
        let reader = futures::io::repeat(1).take(64 << 20);
        copy(reader, &mut futures::io::sink()).await.unwrap();
        assert!(other.is_finished(), "copy");
        let other = runtime::spawn(async {});
        let reader = BufReader::new(futures::io::repeat(1).take(16 << 20));
        copy_buf(reader, &mut futures::io::sink()).await.unwrap();
        assert!(other.is_finished(), "copy_buf");
    });
}

#[runtime::test]
async fn a_stream_in_memory_has_a_bound_and_ends() {
    let (mut one, mut two) = duplex(4);
    assert_eq!(one.write(b"hello").await.unwrap(), 4);
    assert!(poll!(pin!(one.write(b"o"))).is_pending());
    let mut buf = [0; 2];
    assert_eq!(two.read(&mut buf).await.unwrap(), 2);
    // A write that was dropped has moved nothing.
    assert_eq!(one.write(b"o").await.unwrap(), 1);
    one.close().await.unwrap();
    assert_eq!(one.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    let mut rest = String::new();
    two.read_to_string(&mut rest).await.unwrap();
    assert_eq!((&buf, rest.as_str()), (b"he", "llo"));
    // The other direction goes on.
    two.write_all(b"back").await.unwrap();
    let reader = runtime::spawn(async move {
        let mut said = String::new();
        one.read_to_string(&mut said).await.unwrap();
        said
    });
    drop(two);
    assert_eq!(reader.await.unwrap(), "back");

    let (mut one, two) = duplex(1);
    one.write_all(b"x").await.unwrap();
    let waits = runtime::spawn(async move { one.write_all(b"y").await });
    drop(two);
    assert_eq!(waits.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[runtime::test]
async fn a_cursor_is_a_reader_too() {
    let mut out = Vec::new();
    assert_eq!(copy(Cursor::new(b"by value"), &mut out).await.unwrap(), 8);
    assert_eq!(out, b"by value");
}

#[test]
#[should_panic(expected = "room for at least one byte")]
fn a_stream_in_memory_without_room_is_refused() {
    drop(duplex(0));
}

#[runtime::test]
async fn a_reader_and_a_writer_in_memory() {
    let (mut reader, mut writer) = simplex(4);
    assert!(reader.is_pair_of(&writer) && !reader.is_pair_of(&simplex(4).1));
    let mut buf = [0; 3];
    assert!(poll!(pin!(reader.read(&mut buf))).is_pending());
    assert_eq!(writer.write(b"hello").await.unwrap(), 4);
    assert!(poll!(pin!(writer.write(b"o"))).is_pending());
    reader.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"hel");
    writer.write_all(b"o").await.unwrap();
    writer.close().await.unwrap();
    let mut rest = String::new();
    reader.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "lo");
    assert_eq!(writer.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    drop(reader.reunite(writer).unwrap());
    // Both ends in one.
    let mut both = SimplexStream::new_unsplit(2);
    both.write_all(b"hi").await.unwrap();
    both.close().await.unwrap();
    both.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "lohi");
}

#[runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tasks_share_a_stream_by_halves() {
    let sent = bytes(20_000);
    let (mut reader, mut writer) = simplex(61);
    let source = sent.clone();
    let writing = runtime::spawn(async move {
        for piece in source.chunks(97) {
            writer.write_all(piece).await.unwrap();
        }
        writer.close().await.unwrap();
    });
    let mut came = Vec::new();
    reader.read_to_end(&mut came).await.unwrap();
    assert_eq!(came, sent);
    writing.await.unwrap();
}

#[runtime::test]
async fn one_stream_of_two_and_two_of_one() {
    let (near, mut far) = duplex(64);
    let (reader, writer) = split(near);
    let mut stream = join(BufReader::new(reader), writer);
    far.write_all(b"one\ntwo\nrest").await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let (mut first, mut second) = ([0; 3], [0; 1]);
    let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(stream.read_vectored(&mut bufs).await.unwrap(), 4);
    assert_eq!((line.as_str(), &first, &second), ("one\n", b"two", b"\n"));
    let len = stream.write_vectored(&[IoSlice::new(b"answer")]).await.unwrap();
    let mut answer = vec![0; len];
    far.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"answer");
    // What tells the other side that all is said is the writer.
    stream.close().await.unwrap();
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
    let (reader, writer) = stream.into_inner();
    assert_eq!(reader.buffer(), b"rest");
    let near = reader.into_inner().reunite(writer).unwrap();
    drop(near);
    assert_eq!(far.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[runtime::test]
async fn both_directions_have_a_buffer() {
    let (near, mut far) = duplex(64);
    let mut stream = BufStream::with_capacity(16, 8, near);
    stream.write_all(b"abc").await.unwrap();
    assert!(poll!(pin!(far.read(&mut [0; 3]))).is_pending(), "it waits for a flush");
    stream.flush().await.unwrap();
    let mut buf = [0; 3];
    far.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"abc");
    far.write_all(b"one\ntwo\n").await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    // The rest was read ahead, and can be read when the other side is gone.
    drop(far);
    stream.read_line(&mut line).await.unwrap();
    assert_eq!((line.as_str(), stream.read(&mut buf).await.unwrap()), ("one\ntwo\n", 0));

    let mut stream = BufStream::new(Cursor::new(vec![0; 4]));
    stream.write_all(b"abcd").await.unwrap();
    assert_eq!(stream.get_ref().position(), 0);
    // A seek writes what there is first, and forgets what was read ahead.
    assert_eq!(stream.seek(SeekFrom::Start(1)).await.unwrap(), 1);
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!((rest.as_str(), stream.into_inner().into_inner().as_slice()), ("bcd", &b"abcd"[..]));
    let stream = BufStream::from(BufReader::new(BufWriter::new(duplex(1).0)));
    assert!(format!("{stream:?}").contains("BufWriter"));
}

#[test]
#[should_panic(expected = "room for at least one byte")]
fn a_buffer_without_room_is_refused() {
    drop(BufStream::with_capacity(0, 8, duplex(1).0));
}
