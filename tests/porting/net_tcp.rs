//! `tokio::net`: TCP.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf, ReuniteError};
use tokio::net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn connection() -> (TcpStream, TcpStream) {
    let (listener, addr) = listen().await;
    let client = TcpStream::connect(addr).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// `net`: `lookup_host`.
/// `net::ToSocketAddrs`.
/// `net::TcpListener`: `bind`.
/// `net::TcpStream`: `connect`.
#[tokio::test]
async fn addresses() {
    async fn all(host: impl ToSocketAddrs) -> Vec<SocketAddr> {
        lookup_host(host).await.unwrap().collect()
    }
    let addr: SocketAddr = "127.0.0.1:80".parse().unwrap();
    let SocketAddr::V4(v4) = addr else { unreachable!() };
    let v6: std::net::SocketAddrV6 = "[::1]:80".parse().unwrap();
    let ip = Ipv4Addr::LOCALHOST;
    for found in [
        all(addr).await,
        all(v4).await,
        all((IpAddr::V4(ip), 80)).await,
        all((ip, 80)).await,
        all(&[addr][..]).await,
        all("127.0.0.1:80").await,
        all(("127.0.0.1", 80)).await,
        all("127.0.0.1:80".to_owned()).await,
        all(("127.0.0.1".to_owned(), 80)).await,
        all(&addr).await,
    ] {
        assert_eq!(found, [addr]);
    }
    assert_eq!(all(v6).await, all((*v6.ip(), 80)).await);
    assert!(all("localhost:80").await.iter().all(|addr| addr.ip().is_loopback()));
    assert!(lookup_host("no port").await.is_err());
    // No address at all is an error, also where one is needed.
    assert_eq!(TcpStream::connect(&[][..]).await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(TcpListener::bind(&[][..]).await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    // Each is tried.
    let (listener, addr) = listen().await;
    let dead: SocketAddr = "127.0.0.1:1".parse().unwrap();
    assert!(TcpStream::connect(&[dead, addr][..]).await.is_ok());
    assert!(TcpListener::bind(&[addr, "127.0.0.1:0".parse().unwrap()][..]).await.is_ok());
    drop(listener);
}

/// `net::TcpListener`: `accept`, `poll_accept`, `local_addr`, `set_ttl`, `ttl`, `from_std`, `into_std`.
#[tokio::test]
async fn listener() {
    let (listener, addr) = listen().await;
    let client = TcpStream::connect(addr).await.unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    assert_eq!((peer, server.local_addr().unwrap()), (client.local_addr().unwrap(), addr));
    listener.set_ttl(60).unwrap();
    assert_eq!(listener.ttl().unwrap(), 60);
    let std: std::net::TcpListener = listener.into_std().unwrap();
    let listener = TcpListener::from_std(std).unwrap();
    let _client = TcpStream::connect(addr).await.unwrap();
    assert!(poll_fn(|cx| listener.poll_accept(cx)).await.is_ok());
}

/// `net::TcpStream`: `readable`, `writable`, `ready`, `try_read`, `try_write`, `try_read_vectored`.
/// `net::TcpStream`: `try_write_vectored`, `try_io`, `async_io`, `peek`, `poll_read_ready`, `poll_write_ready`.
#[tokio::test]
async fn transfers() {
    let (client, server) = connection().await;
    let mut buf = [0; 8];
    assert_eq!(server.try_read(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    client.writable().await.unwrap();
    assert_eq!(client.try_write(b"abc").unwrap(), 3);
    server.readable().await.unwrap();
    assert_eq!(server.peek(&mut buf).await.unwrap(), 3);
    assert_eq!(server.try_read(&mut buf).unwrap(), 3);
    assert_eq!(&buf[..3], b"abc");

    poll_fn(|cx| client.poll_write_ready(cx)).await.unwrap();
    client.try_write_vectored(&[IoSlice::new(b"de"), IoSlice::new(b"f")]).unwrap();
    poll_fn(|cx| server.poll_read_ready(cx)).await.unwrap();
    let (one, two) = buf.split_at_mut(1);
    let mut bufs = [IoSliceMut::new(one), IoSliceMut::new(two)];
    assert_eq!(server.try_read_vectored(&mut bufs).unwrap(), 3);
    assert_eq!(&buf[..3], b"def");

    let ready = client.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
    assert!(ready.is_writable());
    client.try_io(Interest::WRITABLE, || rustix::io::write(&client, b"g").map_err(io::Error::from)).unwrap();
    let read = || rustix::io::read(&server, &mut buf).map_err(io::Error::from);
    assert_eq!(server.async_io(Interest::READABLE, read).await.unwrap(), 1);
}

/// `net::TcpStream`: `local_addr`, `peer_addr`, `take_error`, `nodelay`, `set_nodelay`, `quickack`, `set_quickack`.
/// `net::TcpStream`: `linger`, `set_linger`, `set_zero_linger`, `ttl`, `set_ttl`, `from_std`, `into_std`.
#[tokio::test]
#[allow(deprecated)]
async fn options() {
    let (stream, other) = connection().await;
    assert_eq!(stream.local_addr().unwrap(), other.peer_addr().unwrap());
    assert!(stream.take_error().unwrap().is_none());
    stream.set_nodelay(true).unwrap();
    assert!(stream.nodelay().unwrap());
    stream.set_quickack(false).unwrap();
    assert!(!stream.quickack().unwrap());
    stream.set_linger(Some(Duration::from_secs(1))).unwrap();
    assert_eq!(stream.linger().unwrap(), Some(Duration::from_secs(1)));
    stream.set_zero_linger().unwrap();
    assert_eq!(stream.linger().unwrap(), Some(Duration::ZERO));
    stream.set_ttl(60).unwrap();
    assert_eq!(stream.ttl().unwrap(), 60);
    let std: std::net::TcpStream = stream.into_std().unwrap();
    let stream = TcpStream::from_std(std).unwrap();
    drop(stream);
    other.readable().await.unwrap();
    assert_eq!(other.try_read(&mut [0]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

/// `net::TcpStream`: `split`, `into_split`.
/// `net::tcp::ReadHalf`: `local_addr`, `peek`, `peer_addr`, `readable`, `ready`, `try_read`, `try_read_vectored`.
/// `net::tcp::WriteHalf`: `local_addr`, `peer_addr`, `ready`, `try_write`, `try_write_vectored`, `writable`.
/// `net::tcp::OwnedReadHalf`: `local_addr`, `peek`, `peer_addr`, `readable`, `ready`, `reunite`, `try_read`.
/// `net::tcp::OwnedReadHalf`: `try_read_vectored`.
/// `net::tcp::OwnedWriteHalf`: `local_addr`, `peer_addr`, `ready`, `reunite`, `try_write`, `try_write_vectored`.
/// `net::tcp::OwnedWriteHalf`: `writable`, `forget`.
/// `net::tcp::ReuniteError`: `0`, `1`.
#[tokio::test]
#[allow(unused_mut)]
async fn halves() {
    let (mut stream, other) = connection().await;
    let (local, peer) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    let mut buf = [0; 4];
    {
        let (mut read, write) = stream.split();
        assert_eq!((read.local_addr().unwrap(), write.peer_addr().unwrap()), (local, peer));
        assert_eq!((write.local_addr().unwrap(), read.peer_addr().unwrap()), (local, peer));
        write.writable().await.unwrap();
        assert!(write.ready(Interest::WRITABLE).await.unwrap().is_writable());
        assert_eq!(write.try_write(b"a").unwrap(), 1);
        assert_eq!(write.try_write_vectored(&[IoSlice::new(b"b")]).unwrap(), 1);
        other.writable().await.unwrap();
        other.try_write(b"cd").unwrap();
        read.readable().await.unwrap();
        assert!(read.ready(Interest::READABLE).await.unwrap().is_readable());
        assert_eq!(read.peek(&mut buf).await.unwrap(), 2);
        assert_eq!(read.try_read(&mut buf[..1]).unwrap(), 1);
        assert_eq!(read.try_read_vectored(&mut [IoSliceMut::new(&mut buf)]).unwrap(), 1);
    }
    let (mut read, write): (OwnedReadHalf, OwnedWriteHalf) = stream.into_split();
    assert_eq!((read.local_addr().unwrap(), write.peer_addr().unwrap()), (local, peer));
    assert_eq!((write.local_addr().unwrap(), read.peer_addr().unwrap()), (local, peer));
    write.writable().await.unwrap();
    assert!(write.ready(Interest::WRITABLE).await.unwrap().is_writable());
    assert_eq!(write.try_write(b"a").unwrap(), 1);
    assert_eq!(write.try_write_vectored(&[IoSlice::new(b"b")]).unwrap(), 1);
    other.writable().await.unwrap();
    other.try_write(b"cd").unwrap();
    read.readable().await.unwrap();
    assert!(read.ready(Interest::READABLE).await.unwrap().is_readable());
    assert_eq!(read.peek(&mut buf).await.unwrap(), 2);
    assert_eq!(read.try_read(&mut buf[..1]).unwrap(), 1);
    assert_eq!(read.try_read_vectored(&mut [IoSliceMut::new(&mut buf)]).unwrap(), 1);
    let (other_read, other_write) = other.into_split();
    let ReuniteError(read, other_write) = read.reunite(other_write).unwrap_err();
    let stream = write.reunite(read).unwrap();
    let (_read, write) = stream.into_split();
    write.forget();
    let mut left = 4;
    while left > 0 {
        other_read.readable().await.unwrap();
        left -= other_read.try_read(&mut buf).unwrap_or(0);
    }
    // No end follows: it was forgotten.
    assert_eq!(other_read.try_read(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    drop(other_write);
}

/// `net::TcpSocket`: `new_v4`, `new_v6`, `bind`, `listen`, `connect`, `local_addr`, `take_error`, `from_std_stream`.
/// `net::TcpSocket`: `keepalive`, `set_keepalive`, `reuseaddr`, `set_reuseaddr`, `reuseport`, `set_reuseport`.
/// `net::TcpSocket`: `send_buffer_size`, `set_send_buffer_size`, `recv_buffer_size`, `set_recv_buffer_size`, `linger`.
/// `net::TcpSocket`: `set_linger`, `set_zero_linger`, `nodelay`, `set_nodelay`, `tos_v4`, `set_tos_v4`, `tclass_v6`.
/// `net::TcpSocket`: `set_tclass_v6`, `device`, `bind_device`.
#[tokio::test]
#[allow(deprecated)]
async fn sockets() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_keepalive(true).unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.set_nodelay(true).unwrap();
    assert!(socket.keepalive().unwrap() && socket.reuseaddr().unwrap());
    assert!(socket.reuseport().unwrap() && socket.nodelay().unwrap());
    socket.set_send_buffer_size(20_000).unwrap();
    socket.set_recv_buffer_size(20_000).unwrap();
    assert!(socket.send_buffer_size().unwrap() >= 20_000 && socket.recv_buffer_size().unwrap() >= 20_000);
    socket.set_linger(Some(Duration::from_secs(1))).unwrap();
    assert_eq!(socket.linger().unwrap(), Some(Duration::from_secs(1)));
    socket.set_zero_linger().unwrap();
    assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
    socket.set_tos_v4(16).unwrap();
    assert_eq!(socket.tos_v4().unwrap(), 16);
    if let Ok(v6) = TcpSocket::new_v6() {
        v6.set_tclass_v6(16).unwrap();
        assert_eq!(v6.tclass_v6().unwrap(), 16);
    }
    if socket.bind_device(Some(b"lo")).is_ok() {
        assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..]));
    }
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap();
    assert!(socket.take_error().unwrap().is_none());
    let listener = socket.listen(8).unwrap();
    let client = TcpSocket::new_v4().unwrap().connect(addr).await.unwrap();
    assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());

    // As other crates make sockets with options of their own.
    let raw = TcpSocket::new_v4().unwrap().into_raw_fd();
    // SAFETY: it is a socket's own, and was given away.
    let socket = unsafe { TcpSocket::from_raw_fd(raw) };
    assert_eq!(socket.as_raw_fd(), socket.as_fd().as_raw_fd());
    let raw = socket.into_raw_fd();
    // SAFETY: the same.
    let std = unsafe { std::net::TcpStream::from_raw_fd(raw) };
    let client = TcpSocket::from_std_stream(std).connect(addr).await.unwrap();
    (&client.into_std().unwrap()).write_all(b"!").unwrap();
}
