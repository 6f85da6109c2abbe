//! `tokio::net::UdpSocket`.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// `net::UdpSocket`: `bind`, `connect`.
async fn pair() -> (UdpSocket, UdpSocket) {
    let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    one.connect(other.local_addr().unwrap()).await.unwrap();
    other.connect(one.local_addr().unwrap()).await.unwrap();
    (one, other)
}

/// `net::UdpSocket`: `local_addr`, `peer_addr`, `send`, `recv`, `try_send`, `try_recv`, `poll_send`.
/// `net::UdpSocket`: `readable`, `writable`, `ready`, `poll_recv_ready`, `poll_send_ready`, `peek`, `try_peek`.
/// `net::UdpSocket`: `try_io`, `async_io`, `take_error`, `from_std`, `into_std`.
#[tokio::test]
async fn connected() {
    let (one, other) = pair().await;
    assert_eq!(one.local_addr().unwrap(), other.peer_addr().unwrap());
    let mut buf = [0; 8];
    assert_eq!(one.try_recv(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(one.try_peek(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(other.send(b"abc").await.unwrap(), 3);
    assert_eq!(one.peek(&mut buf).await.unwrap(), 3);
    assert_eq!(one.try_peek(&mut buf).unwrap(), 3);
    assert_eq!(one.recv(&mut buf).await.unwrap(), 3);
    assert_eq!(&buf[..3], b"abc");
    other.writable().await.unwrap();
    other.try_send(b"").unwrap();
    one.readable().await.unwrap();
    assert_eq!(one.try_recv(&mut buf).unwrap(), 0);
    poll_fn(|cx| other.poll_send_ready(cx)).await.unwrap();
    poll_fn(|cx| other.poll_send(cx, b"de")).await.unwrap();
    poll_fn(|cx| one.poll_recv_ready(cx)).await.unwrap();
    assert!(one.ready(Interest::READABLE).await.unwrap().is_readable());
    // Longer than there is room for: the rest of the datagram is lost.
    assert_eq!(one.recv(&mut buf[..1]).await.unwrap(), 1);
    other.try_io(Interest::WRITABLE, || rustix::io::write(&other, b"f").map_err(io::Error::from)).unwrap();
    let read = || rustix::io::read(&one, &mut buf).map_err(io::Error::from);
    assert_eq!(one.async_io(Interest::READABLE, read).await.unwrap(), 1);
    assert!(one.take_error().unwrap().is_none());
    let one = UdpSocket::from_std(one.into_std().unwrap()).unwrap();
    other.send(b"!").await.unwrap();
    assert_eq!(one.recv(&mut buf).await.unwrap(), 1);
}

/// `net::UdpSocket`: `send_to`, `recv_from`, `try_send_to`, `try_recv_from`, `poll_send_to`, `peek_from`, `try_peek_from`.
/// `net::UdpSocket`: `peek_sender`, `poll_peek_sender`, `try_peek_sender`.
#[tokio::test]
async fn to_and_from() {
    let one = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (addr, sender) = (one.local_addr().unwrap(), other.local_addr().unwrap());
    let mut buf = [0; 8];
    assert_eq!(one.try_recv_from(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(one.try_peek_from(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(one.try_peek_sender().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(other.send_to(b"abc", addr).await.unwrap(), 3);
    assert_eq!(one.peek_sender().await.unwrap(), sender);
    assert_eq!(poll_fn(|cx| one.poll_peek_sender(cx)).await.unwrap(), sender);
    assert_eq!(one.try_peek_sender().unwrap(), sender);
    assert_eq!(one.peek_from(&mut buf).await.unwrap(), (3, sender));
    assert_eq!(one.try_peek_from(&mut buf).unwrap(), (3, sender));
    assert_eq!(one.recv_from(&mut buf).await.unwrap(), (3, sender));
    assert_eq!(other.try_send_to(b"de", addr).unwrap(), 2);
    one.readable().await.unwrap();
    assert_eq!(one.try_recv_from(&mut buf).unwrap(), (2, sender));
    assert_eq!(poll_fn(|cx| other.poll_send_to(cx, b"f", addr)).await.unwrap(), 1);
    assert_eq!(one.recv_from(&mut buf).await.unwrap(), (1, sender));
    let nobody: &[std::net::SocketAddr] = &[];
    assert_eq!(other.send_to(b"", nobody).await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// `net::UdpSocket`: `broadcast`, `set_broadcast`, `ttl`, `set_ttl`, `tos_v4`, `set_tos_v4`, `tclass_v6`, `set_tclass_v6`.
/// `net::UdpSocket`: `device`, `bind_device`, `multicast_loop_v4`, `set_multicast_loop_v4`, `multicast_ttl_v4`.
/// `net::UdpSocket`: `set_multicast_ttl_v4`, `multicast_loop_v6`, `set_multicast_loop_v6`, `join_multicast_v4`.
/// `net::UdpSocket`: `leave_multicast_v4`, `join_multicast_v6`, `leave_multicast_v6`.
#[tokio::test]
async fn options() {
    let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    socket.set_broadcast(true).unwrap();
    assert!(socket.broadcast().unwrap());
    socket.set_ttl(60).unwrap();
    assert_eq!(socket.ttl().unwrap(), 60);
    socket.set_tos_v4(16).unwrap();
    assert_eq!(socket.tos_v4().unwrap(), 16);
    socket.set_multicast_ttl_v4(3).unwrap();
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 3);
    socket.set_multicast_loop_v4(false).unwrap();
    assert!(!socket.multicast_loop_v4().unwrap());
    socket.set_multicast_loop_v4(true).unwrap();
    let group = Ipv4Addr::new(224, 0, 0, 114);
    socket.join_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
    let port = socket.local_addr().unwrap().port();
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    sender.send_to(b"to all", (group, port)).await.unwrap();
    let mut buf = [0; 8];
    assert_eq!(socket.recv_from(&mut buf).await.unwrap(), (6, sender.local_addr().unwrap()));
    socket.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
    assert!(socket.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).is_err());
    if socket.bind_device(Some(b"lo")).is_ok() {
        assert_eq!(socket.device().unwrap().as_deref(), Some(&b"lo"[..]));
    }
    if let Ok(v6) = UdpSocket::bind("[::1]:0").await {
        v6.set_tclass_v6(16).unwrap();
        assert_eq!(v6.tclass_v6().unwrap(), 16);
        v6.set_multicast_loop_v6(false).unwrap();
        assert!(!v6.multicast_loop_v6().unwrap());
        let group: Ipv6Addr = "ff02::114".parse().unwrap();
        // Not every machine lets its own interface into a group.
        if v6.join_multicast_v6(&group, 1).is_ok() {
            v6.leave_multicast_v6(&group, 1).unwrap();
        }
    }
}
