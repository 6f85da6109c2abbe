//! `tokio::io`: the traits, and what is around streams.

use std::future::poll_fn;
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use tokio::io::{
    self, AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader,
    BufStream, BufWriter, SimplexStream,
};

/// `io`: `Error`, `ErrorKind`, `Result`, `SeekFrom`, `duplex`.
/// `io::AsyncReadExt`: `read`, `read_to_end`, `read_to_string`, `chain`, `take`.
/// `io::AsyncWriteExt`: `write`, `write_vectored`, `write_all`, `flush`.
/// `io::AsyncRead`, `io::AsyncSeek`, `io::DuplexStream`.
#[tokio::test]
async fn reading_and_writing() -> io::Result<()> {
    let (mut one, mut two) = io::duplex(64);
    assert_eq!(one.write(b"a").await?, 1);
    assert_eq!(one.write_vectored(&[IoSlice::new(b"b")]).await?, 1);
    one.write_all(b"cd").await?;
    one.flush().await?;
    let mut buf = [0; 4];
    two.read_exact(&mut buf).await?;
    assert_eq!(&buf, b"abcd");
    drop(one);
    assert_eq!(two.read(&mut buf).await?, 0);
    let refused: io::Error = two.write(b"x").await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);

    let (mut bytes, mut text) = (Vec::new(), String::new());
    let mut reader = (&b"one "[..]).chain(&b"two three"[..]).take(7);
    assert_eq!(reader.read_to_end(&mut bytes).await?, 7);
    assert_eq!((&b"text"[..]).read_to_string(&mut text).await?, 4);
    assert_eq!((bytes.as_slice(), text.as_str()), (&b"one two"[..], "text"));

    async fn reads(mut reader: impl io::AsyncRead + Unpin) -> io::Result<usize> {
        reader.read(&mut [0; 2]).await
    }
    assert_eq!(reads(&b"xyz"[..]).await?, 2);
    async fn seeks(file: &mut (impl io::AsyncSeek + Unpin)) -> io::Result<u64> {
        file.seek(io::SeekFrom::End(0)).await
    }
    let own = std::env::current_exe().unwrap();
    assert!(seeks(&mut tokio::fs::File::open(own).await?).await? > 0);
    Ok(())
}

/// `io::AsyncBufReadExt`: `read_line`, `read_until`, `fill_buf`.
/// `io::AsyncBufRead`: `poll_fill_buf`, `consume`.
/// `io::AsyncWrite`: `poll_write`, `poll_write_vectored`, `poll_flush`.
/// `io::AsyncSeekExt`: `seek`, `stream_position`.
#[tokio::test]
async fn buffers_and_positions() {
    let mut reader = BufReader::new(&b"line\nuntil;rest"[..]);
    let (mut line, mut bytes) = (String::new(), Vec::new());
    assert_eq!(reader.read_line(&mut line).await.unwrap(), 5);
    assert_eq!(reader.read_until(b';', &mut bytes).await.unwrap(), 6);
    assert_eq!((line.as_str(), bytes.as_slice()), ("line\n", &b"until;"[..]));
    assert_eq!(reader.fill_buf().await.unwrap(), b"rest");
    Pin::new(&mut reader).consume(2);
    let rest = poll_fn(|cx| Pin::new(&mut reader).poll_fill_buf(cx).map_ok(<[u8]>::to_vec)).await;
    assert_eq!(rest.unwrap(), b"st");

    let mut writer = Vec::new();
    poll_fn(|cx| Pin::new(&mut writer).poll_write(cx, b"ab")).await.unwrap();
    let bufs = [IoSlice::new(b"c"), IoSlice::new(b"d")];
    poll_fn(|cx| Pin::new(&mut writer).poll_write_vectored(cx, &bufs)).await.unwrap();
    poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await.unwrap();
    assert_eq!(writer, b"abcd");

    let own = std::env::current_exe().unwrap();
    let mut file = BufReader::new(tokio::fs::File::open(own).await.unwrap());
    assert_eq!(file.seek(io::SeekFrom::Start(2)).await.unwrap(), 2);
    assert_eq!(file.stream_position().await.unwrap(), 2);
}

/// `io::BufReader`: `new`, `with_capacity`, `buffer`, `get_ref`, `get_mut`, `get_pin_mut`, `into_inner`.
/// `io::BufWriter`: `new`, `with_capacity`, `buffer`, `get_ref`, `get_mut`, `get_pin_mut`, `into_inner`.
/// `io::BufStream`: `new`, `with_capacity`, `get_ref`, `get_mut`, `get_pin_mut`, `into_inner`.
#[tokio::test]
async fn buffered() {
    let mut reader = BufReader::with_capacity(4, BufReader::new(&b"abcdef"[..]));
    reader.fill_buf().await.unwrap();
    assert_eq!((reader.buffer(), reader.get_ref().buffer()), (&b"abcd"[..], &b"ef"[..]));
    assert_eq!(reader.get_mut().fill_buf().await.unwrap(), b"ef");
    Pin::new(&mut reader).get_pin_mut().consume(1);
    assert_eq!(reader.into_inner().buffer(), b"f");

    let mut writer = BufWriter::with_capacity(4, BufWriter::new(Vec::new()));
    writer.write_all(b"abc").await.unwrap();
    assert_eq!((writer.buffer(), writer.get_ref().buffer()), (&b"abc"[..], &b""[..]));
    writer.flush().await.unwrap();
    writer.get_mut().write_all(b"d").await.unwrap();
    Pin::new(&mut writer).get_pin_mut().flush().await.unwrap();
    assert_eq!(writer.into_inner().into_inner(), b"abcd");

    let (near, mut far) = io::duplex(64);
    let mut stream = BufStream::with_capacity(16, 16, near);
    stream.write_all(b"question\n").await.unwrap();
    stream.flush().await.unwrap();
    far.write_all(b"answer\n").await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert_eq!(line, "answer\n");
    assert!(format!("{:?}", stream.get_ref()).contains("DuplexStream"));
    stream.get_mut().write_all(b"1").await.unwrap();
    Pin::new(&mut stream).get_pin_mut().write_all(b"2").await.unwrap();
    let mut stream = BufStream::new(stream.into_inner());
    stream.write_all(b"3").await.unwrap();
    drop(stream);
    let mut said = String::new();
    far.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "question\n12");
}

/// `io::Chain`: `get_ref`, `get_mut`, `get_pin_mut`, `into_inner`.
/// `io::Take`: `get_ref`, `get_mut`, `get_pin_mut`, `into_inner`, `limit`, `set_limit`.
/// `io`: `empty`, `repeat`, `sink`, `copy`, `copy_buf`.
/// `io::Empty`, `io::Repeat`, `io::Sink`.
#[tokio::test]
async fn made_of_others() {
    let mut chain = (&b"ab"[..]).chain(&b"cd"[..]);
    assert_eq!(chain.get_ref(), (&&b"ab"[..], &&b"cd"[..]));
    *chain.get_mut().1 = b"xy";
    let (first, _) = Pin::new(&mut chain).get_pin_mut();
    assert_eq!(*first, b"ab");
    assert_eq!(chain.into_inner(), (&b"ab"[..], &b"xy"[..]));

    let mut take = (&b"abcdef"[..]).take(2);
    assert_eq!((take.limit(), take.get_ref().len()), (2, 6));
    take.set_limit(3);
    *take.get_mut() = b"xyz1";
    assert_eq!(Pin::new(&mut take).get_pin_mut().len(), 4);
    let mut out = Vec::new();
    assert_eq!(io::copy(&mut take, &mut out).await.unwrap(), 3);
    assert_eq!((out.as_slice(), take.into_inner()), (&b"xyz"[..], &b"1"[..]));

    assert_eq!(io::empty().read(&mut [0]).await.unwrap(), 0);
    let mut reader = BufReader::new(io::repeat(7).take(10_000));
    assert_eq!(io::copy_buf(&mut reader, &mut io::sink()).await.unwrap(), 10_000);
}

/// `io`: `split`, `join`, `simplex`, `copy_bidirectional`, `copy_bidirectional_with_sizes`.
/// `io::ReadHalf`: `is_pair_of`.
/// `io::WriteHalf`: `is_pair_of`.
/// `io::Join`: `into_inner`, `reader`, `reader_mut`, `reader_pin_mut`, `writer`, `writer_mut`, `writer_pin_mut`.
/// `io::SimplexStream`: `new_unsplit`.
#[tokio::test]
async fn halves() {
    let (mut reader, mut writer) = io::simplex(8);
    assert!(reader.is_pair_of(&writer) && writer.is_pair_of(&reader));
    writer.write_all(b"ab").await.unwrap();
    let mut buf = [0; 2];
    reader.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"ab");

    let mut stream = io::join(&b"abc"[..], Vec::new());
    assert_eq!((stream.reader().len(), stream.writer().len()), (3, 0));
    stream.writer_mut().push(b'1');
    stream.write_all(b"2").await.unwrap();
    Pin::new(&mut stream).writer_pin_mut().push(b'3');
    stream.reader_mut().read_exact(&mut buf).await.unwrap();
    assert_eq!(Pin::new(&mut stream).reader_pin_mut().len(), 1);
    assert_eq!(stream.into_inner(), (&b"c"[..], b"123".to_vec()));

    let (mut reader, mut writer) = io::split(SimplexStream::new_unsplit(8));
    writer.write_all(b"cd").await.unwrap();
    reader.read_exact(&mut buf).await.unwrap();
    assert_eq!(&buf, b"cd");

    let ((mut client, mut a), (mut b, mut server)) = (io::duplex(8), io::duplex(8));
    let proxy = tokio::spawn(async move {
        let (there, back) = io::copy_bidirectional(&mut a, &mut b).await.unwrap();
        let again = io::copy_bidirectional_with_sizes(&mut a, &mut b, 1, 1).await;
        (there, back, again.is_ok())
    });
    client.write_all(b"hello").await.unwrap();
    server.write_all(b"hi").await.unwrap();
    client.read_exact(&mut buf).await.unwrap();
    drop(server);
    drop(client);
    assert_eq!(proxy.await.unwrap(), (5, 2, true));
}

/// `io`: `stdin`, `stdout`, `stderr`.
/// `io::Stdin`, `io::Stdout`, `io::Stderr`.
#[tokio::test]
async fn standard_streams() {
    let (stdin, mut stdout, mut stderr) = (io::stdin(), io::stdout(), io::stderr());
    stdout.write_all(b"").await.unwrap();
    stdout.flush().await.unwrap();
    stderr.flush().await.unwrap();
    assert_eq!([stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()], [0, 1, 2]);
    assert_eq!(stdin.as_fd().as_raw_fd(), 0);
}
