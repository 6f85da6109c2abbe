//! TCP over the loopback interface.

use super::*;
use futures::{AsyncReadExt, AsyncWriteExt};

#[test]
fn echo() {
    let harness = Harness::new();
    let (mut client, server) = harness.connection();
    let echo = spawn(async move { futures::io::copy(&server, &mut &server).await.unwrap() });
    in_time(async move {
        let mut buf = [0; 5];
        for _ in 0..1000 {
            client.write_all(b"hello").await.unwrap();
            client.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"hello");
        }
    });
    assert_eq!(echo.recv_timeout(HANG).unwrap(), 5000);
}
