//! Streams and servers.

use crate::ms;
use runtime::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use runtime::net::{TcpListener, TcpStream};
use runtime::spawn;
use runtime::time::sleep;
use std::io::{self, ErrorKind};

async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (client, server) = runtime::try_join!(TcpStream::connect(listener.local_addr()?), listener.accept())?;
    Ok((client, server.0))
}

#[runtime::test]
async fn a_server_echoes_lines() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            spawn(async move {
                let (mut lines, mut line) = (BufReader::new(&stream), String::new());
                while lines.read_line(&mut line).await? > 0 {
                    (&stream).write_all(line.as_bytes()).await?;
                    line.clear();
                }
                io::Result::Ok(())
            });
        }
    });
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all("one\nzwölf\nno end".as_bytes()).await?;
    stream.close().await?;
    let mut lines = BufReader::new(&stream);
    for expected in ["one\n", "zwölf\n", "no end", ""] {
        let mut line = String::new();
        lines.read_line(&mut line).await?;
        assert_eq!(line, expected);
    }
    assert!(
        {
            serving.abort();
            serving.await
        }
        .unwrap_err()
        .is_cancelled()
    );
    // A closed server refuses.
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    Ok(())
}

/// `IncompleteReadError.partial`: what had come is in the buffer.
#[runtime::test]
async fn a_short_end_of_readexactly_is_an_error_and_the_part_is_kept() -> io::Result<()> {
    let (mut client, mut server) = pair().await?;
    client.write_all(b"abc").await?;
    drop(client);
    let mut buffer = [0; 5];
    let error = server.read_exact(&mut buffer).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(&buffer, b"abc\0\0");
    Ok(())
}

/// asyncio's `write` fills memory, and `drain` waits for it; here writing itself waits.
#[runtime::test]
async fn writing_waits_for_a_peer_that_does_not_read() -> io::Result<()> {
    const MANY: usize = 16 << 20;
    let (mut client, mut server) = pair().await?;
    let writing = spawn(async move {
        client.write_all(&vec![7; MANY]).await?;
        io::Result::Ok(())
    });
    // More than any socket's buffers hold.
    sleep(ms(50)).await;
    assert!(!writing.is_finished());
    let mut read = Vec::new();
    server.read_to_end(&mut read).await?;
    assert!(read == vec![7; MANY]);
    writing.await?
}
