//! UDP, Unix sockets, pipes and foreign descriptors.

use super::*;
use crate::io::{AsyncFd, Interest};
use crate::net::unix::pipe;
use crate::net::{UdpSocket, UnixDatagram, UnixListener, UnixStream};
use futures::{AsyncReadExt, AsyncWriteExt, poll};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::pin::pin;

#[test]
fn udp_sends_receives_and_peeks() {
    let harness = Harness::new();
    let bind = || UdpSocket::bind_in(Arc::clone(&harness.reactor), "127.0.0.1:0".parse().unwrap()).unwrap();
    let (one, other) = (bind(), bind());
    in_time(async move {
        let (to, from) = (other.local_addr().unwrap(), one.local_addr().unwrap());
        let mut buf = [0; 16];
        assert!(poll!(pin!(other.recv(&mut buf))).is_pending());
        for _ in 0..100 {
            assert_eq!(one.send_to(b"hello", to).await.unwrap(), 5);
            assert_eq!(other.peek_sender().await.unwrap(), from);
            assert_eq!(other.peek_from(&mut buf).await.unwrap(), (5, from));
            assert_eq!(other.recv_from(&mut buf).await.unwrap(), (5, from));
        }
        assert_eq!(other.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        other.connect(from).await.unwrap();
        // A short receive takes one datagram of two.
        other.send(b"a").await.unwrap();
        other.send(b"b").await.unwrap();
        assert_eq!(one.recv(&mut buf).await.unwrap(), 1);
        assert_eq!(one.recv(&mut buf).await.unwrap(), 1);
        other.set_broadcast(true).unwrap();
        assert!(other.broadcast().unwrap());
    });
}

#[test]
fn udp_reports_that_the_peer_is_gone_and_goes_on() {
    let harness = Harness::new();
    let bind = || UdpSocket::bind_in(Arc::clone(&harness.reactor), "127.0.0.1:0".parse().unwrap()).unwrap();
    let (one, other) = (bind(), bind());
    in_time(async move {
        let nobody = other.local_addr().unwrap();
        drop(other);
        one.connect(nobody).await.unwrap();
        assert!(poll!(pin!(one.recv(&mut [0; 8]))).is_pending());
        one.send(b"x").await.unwrap();
        let error = one.recv(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(poll!(pin!(one.recv(&mut [0; 8]))).is_pending());
    });
}

fn abstract_addr(name: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(format!("runtime-io-{name}-{}", std::process::id())).unwrap()
}

#[test]
fn unix_streams_connect_and_say_who_they_are() {
    let harness = Harness::new();
    let addr = abstract_addr("stream");
    let listener = StdUnixListener::bind_addr(&addr).unwrap();
    let listener = UnixListener::new_in(Arc::clone(&harness.reactor), listener).unwrap();
    let connect = UnixStream::connect_in(Arc::clone(&harness.reactor), crate::sys::unix_addr(&addr).unwrap());
    in_time(async move {
        let (client, server) = futures::join!(connect, listener.accept());
        let (mut client, (mut server, _)) = (client.unwrap(), server.unwrap());
        let cred = server.peer_cred().unwrap();
        assert_eq!(cred.pid(), Some(std::process::id() as i32));
        assert_eq!(cred.uid(), rustix::process::getuid().as_raw());
        assert_nonblocking_cloexec(client.as_fd());
        assert_nonblocking_cloexec(server.as_fd());
        client.write_all(b"hello").await.unwrap();
        let mut buf = [0; 5];
        server.read_exact(&mut buf).await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn unix_reads_that_end_short_at_descriptors_lose_nothing() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
    let harness = Harness::new();
    let (sender, receiver) = StdUnixStream::pair().unwrap();
    receiver.set_nonblocking(true).unwrap();
    let receiver = UnixStream::connected_in(Arc::clone(&harness.reactor), receiver).unwrap();
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = [sender.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(&sender, &[std::io::IoSlice::new(b"with")], &mut control, SendFlags::empty()).unwrap();
    (&sender).write_all(b"without").unwrap();
    let all = in_time(async move {
        // The event is there, so nothing but this event tells of both messages.
        receiver.readable().await.unwrap();
        let mut all = Vec::new();
        while all.len() < 11 {
            let mut buf = [0; 64];
            let len = (&receiver).read(&mut buf).await.unwrap();
            all.extend_from_slice(&buf[..len]);
        }
        all
    });
    assert_eq!(all, b"withwithout");
}

#[test]
fn unix_reads_that_end_short_at_other_credentials_lose_nothing() {
    let harness = Harness::new();
    let (sender, receiver) = StdUnixStream::pair().unwrap();
    receiver.set_nonblocking(true).unwrap();
    rustix::net::sockopt::set_socket_passcred(&receiver, true).unwrap();
    let receiver = UnixStream::connected_in(Arc::clone(&harness.reactor), receiver).unwrap();
    (&sender).write_all(b"mine").unwrap();
    let mut child = std::process::Command::new("printf");
    let status = child
        .arg("another's")
        .stdout(std::os::fd::OwnedFd::from(sender.try_clone().unwrap()))
        .status()
        .unwrap();
    assert!(status.success());
    let all = in_time(async move {
        receiver.readable().await.unwrap();
        let mut buf = [0; 64];
        let first = (&receiver).read(&mut buf).await.unwrap();
        assert_eq!(&buf[..first], b"mine", "the kernel keeps them apart");
        let second = (&receiver).read(&mut buf).await.unwrap();
        buf[..second].to_vec()
    });
    assert_eq!(all, b"another's");
}

#[test]
fn unix_pairs_and_datagrams() {
    let harness = Harness::new();
    let (one, other) = UnixStream::pair_in(&harness.reactor).unwrap();
    let (read, write) = one.into_split();
    assert!(read.reunite(write).is_ok());
    drop(other);
    let (one, other) = UnixDatagram::pair_in(&harness.reactor).unwrap();
    assert_nonblocking_cloexec(one.as_fd());
    in_time(async move {
        let mut buf = [0; 8];
        assert!(poll!(pin!(other.recv(&mut buf))).is_pending());
        // More than fits, so the sender has to wait.
        let (sent, received) = futures::join!(
            async {
                for round in 0..2000_u32 {
                    one.send(&round.to_be_bytes()).await.unwrap();
                }
                2000
            },
            async {
                for round in 0..2000_u32 {
                    let mut buf = [0; 8];
                    assert_eq!(other.recv(&mut buf).await.unwrap(), 4);
                    assert_eq!(buf[..4], round.to_be_bytes());
                }
                2000
            }
        );
        assert_eq!(sent, received);
    });
}

#[test]
fn pipes_carry_more_than_they_hold_and_end() {
    let harness = Harness::new();
    let (mut sender, mut receiver) = pipe::pipe_in(&harness.reactor).unwrap();
    assert_nonblocking_cloexec(sender.as_fd());
    assert_nonblocking_cloexec(receiver.as_fd());
    let reader = spawn(async move {
        let mut all = Vec::new();
        receiver.read_to_end(&mut all).await.unwrap();
        all.len()
    });
    in_time(async move { sender.write_all(&vec![1; 1 << 20]).await.unwrap() });
    assert_eq!(reader.recv_timeout(HANG).unwrap(), 1 << 20);

    let (sender, receiver) = pipe::pipe_in(&harness.reactor).unwrap();
    drop(receiver);
    let error = in_time(async move {
        sender.writable().await.unwrap();
        sender.try_write(b"x").unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn foreign_descriptors_clear_what_they_saw() {
    let harness = Harness::new();
    let (one, other) = StdUnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    let mut one = AsyncFd::new_in(Arc::clone(&harness.reactor), one, Interest::READABLE).unwrap();
    in_time(async move {
        assert!(poll!(pin!(one.readable())).is_pending());
        for _ in 0..100 {
            (&other).write_all(b"hello").unwrap();
            let mut guard = one.readable().await.unwrap();
            assert!(guard.ready().is_readable());
            let mut buf = [0; 8];
            let len = guard.try_io(|fd| fd.get_ref().read(&mut buf)).unwrap().unwrap();
            assert_eq!(len, 5);
            // A short read says nothing about a foreign descriptor: it stays ready until it blocks.
            let mut guard = one.readable().await.unwrap();
            assert!(guard.try_io(|fd| fd.get_ref().read(&mut buf)).is_err());
            assert!(poll!(pin!(one.readable())).is_pending());
            let blocked = one.try_io(Interest::READABLE, |_| -> std::io::Result<()> { unreachable!() });
            assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
        }
        (&other).write_all(b"x").unwrap();
        let len = one.async_io_mut(Interest::READABLE, |stream| stream.read(&mut [0; 8])).await.unwrap();
        assert_eq!(len, 1);
        drop(other);
        loop {
            let mut guard = one.readable().await.unwrap();
            if guard.ready().is_read_closed() {
                break;
            }
            guard.clear_ready();
        }
        one.into_inner().set_nonblocking(false).unwrap();
    });
}

#[test]
fn foreign_descriptors_that_cannot_be_watched_come_back() {
    let harness = Harness::new();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let error = AsyncFd::new_in(Arc::clone(&harness.reactor), file, Interest::READABLE).unwrap_err();
    assert!(error.to_string().contains("cannot be watched"));
    let (file, cause) = error.into_parts();
    assert_eq!(cause.raw_os_error(), Some(libc::EPERM));
    assert!(file.metadata().unwrap().len() > 0);
    let error = AsyncFd::new_in(Arc::clone(&harness.reactor), -1, Interest::READABLE).unwrap_err();
    assert_eq!(error.into_parts().1.raw_os_error(), Some(libc::EBADF));
}
