//! `tokio::net::unix`, and the Unix sockets of `tokio::net`.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd};
use std::os::linux::net::SocketAddrExt;
use std::path::PathBuf;
use tokio::io::Interest;
use tokio::net::unix::{self, ReuniteError, SocketAddr, UCred};
use tokio::net::{UnixDatagram, UnixListener, UnixSocket, UnixStream};

/// A path that nobody has, removed at the end.
struct Path(PathBuf);

impl Path {
    fn new(name: &str) -> Path {
        let program = std::env::current_exe().unwrap().file_stem().unwrap().to_owned();
        let name = format!("{}-{name}-{}", program.to_string_lossy(), std::process::id());
        Path(std::env::temp_dir().join(name))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// `net::UnixListener`: `bind`, `bind_addr`, `accept`, `poll_accept`, `local_addr`, `take_error`, `from_std`, `into_std`.
/// `net::UnixStream`: `connect`, `connect_addr`, `peer_addr`, `local_addr`, `peer_cred`, `take_error`.
/// `net::unix::SocketAddr`: `as_pathname`, `as_abstract_name`, `is_unnamed`.
/// `net::unix::UCred`: `uid`, `gid`, `pid`.
/// `net::unix`: `uid_t`, `gid_t`, `pid_t`.
#[tokio::test]
async fn listeners() {
    let path = Path::new("listener");
    let listener = UnixListener::bind(&path.0).unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    assert_eq!(addr.as_pathname(), Some(path.0.as_path()));
    assert!(listener.take_error().unwrap().is_none());
    let client = UnixStream::connect(&path.0).await.unwrap();
    let (server, peer) = listener.accept().await.unwrap();
    assert!(peer.is_unnamed() && client.local_addr().unwrap().is_unnamed());
    assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(path.0.as_path()));
    assert!(client.take_error().unwrap().is_none());
    let cred: UCred = server.peer_cred().unwrap();
    let (uid, gid, pid): (unix::uid_t, unix::gid_t, Option<unix::pid_t>) =
        (cred.uid(), cred.gid(), cred.pid());
    assert_eq!(pid, Some(std::process::id().try_into().unwrap()));
    let this = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    assert_eq!((uid, gid), this);

    let listener = UnixListener::from_std(listener.into_std().unwrap()).unwrap();
    let _client = UnixStream::connect(&path.0).await.unwrap();
    assert!(poll_fn(|cx| listener.poll_accept(cx)).await.is_ok());

    let name = path.0.to_str().unwrap();
    let addr = std::os::unix::net::SocketAddr::from_abstract_name(name).unwrap().into();
    let listener = UnixListener::bind_addr(&addr).unwrap();
    assert_eq!(listener.local_addr().unwrap().as_abstract_name(), Some(name.as_bytes()));
    assert!(UnixStream::connect_addr(&addr).await.is_ok());
    // The same address, written as a path.
    assert!(UnixStream::connect(format!("\0{name}")).await.is_ok());
    let second = UnixListener::bind(format!("\0{name}-second")).unwrap();
    assert!(second.local_addr().unwrap().as_pathname().is_none());
}

/// `net::UnixStream`: `pair`, `readable`, `writable`, `ready`, `try_read`, `try_write`, `try_read_vectored`.
/// `net::UnixStream`: `try_write_vectored`, `try_io`, `async_io`, `poll_read_ready`, `poll_write_ready`.
/// `net::UnixStream`: `from_std`, `into_std`.
#[tokio::test]
async fn streams() {
    let (one, other) = UnixStream::pair().unwrap();
    let mut buf = [0; 8];
    assert_eq!(one.try_read(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    other.writable().await.unwrap();
    assert_eq!(other.try_write(b"abc").unwrap(), 3);
    one.readable().await.unwrap();
    assert_eq!(one.try_read(&mut buf).unwrap(), 3);
    poll_fn(|cx| other.poll_write_ready(cx)).await.unwrap();
    assert_eq!(other.try_write_vectored(&[IoSlice::new(b"d"), IoSlice::new(b"e")]).unwrap(), 2);
    poll_fn(|cx| one.poll_read_ready(cx)).await.unwrap();
    assert_eq!(one.try_read_vectored(&mut [IoSliceMut::new(&mut buf)]).unwrap(), 2);
    assert_eq!(&buf[..2], b"de");
    assert!(other.ready(Interest::WRITABLE).await.unwrap().is_writable());
    other.try_io(Interest::WRITABLE, || rustix::io::write(&other, b"f").map_err(io::Error::from)).unwrap();
    let read = || rustix::io::read(&one, &mut buf).map_err(io::Error::from);
    assert_eq!(one.async_io(Interest::READABLE, read).await.unwrap(), 1);
    let one = UnixStream::from_std(one.into_std().unwrap()).unwrap();
    drop(other);
    one.readable().await.unwrap();
    assert_eq!(one.try_read(&mut buf).unwrap(), 0);
}

/// `net::UnixStream`: `split`, `into_split`.
/// `net::unix::ReadHalf`: `local_addr`, `peer_addr`, `readable`, `ready`, `try_read`, `try_read_vectored`.
/// `net::unix::WriteHalf`: `local_addr`, `peer_addr`, `ready`, `try_write`, `try_write_vectored`, `writable`.
/// `net::unix::OwnedReadHalf`: `local_addr`, `peer_addr`, `readable`, `ready`, `reunite`, `try_read`.
/// `net::unix::OwnedReadHalf`: `try_read_vectored`.
/// `net::unix::OwnedWriteHalf`: `local_addr`, `peer_addr`, `ready`, `reunite`, `try_write`, `try_write_vectored`.
/// `net::unix::OwnedWriteHalf`: `writable`, `forget`.
/// `net::unix::ReuniteError`: `0`, `1`.
#[tokio::test]
async fn halves() {
    let (mut stream, other) = UnixStream::pair().unwrap();
    let mut buf = [0; 4];
    {
        let (read, write) = stream.split();
        assert!(read.local_addr().unwrap().is_unnamed() && read.peer_addr().unwrap().is_unnamed());
        assert!(write.local_addr().unwrap().is_unnamed() && write.peer_addr().unwrap().is_unnamed());
        write.writable().await.unwrap();
        assert!(write.ready(Interest::WRITABLE).await.unwrap().is_writable());
        assert_eq!(write.try_write(b"a").unwrap(), 1);
        assert_eq!(write.try_write_vectored(&[IoSlice::new(b"b")]).unwrap(), 1);
        other.writable().await.unwrap();
        other.try_write(b"cd").unwrap();
        read.readable().await.unwrap();
        assert!(read.ready(Interest::READABLE).await.unwrap().is_readable());
        assert_eq!(read.try_read(&mut buf[..1]).unwrap(), 1);
        assert_eq!(read.try_read_vectored(&mut [IoSliceMut::new(&mut buf)]).unwrap(), 1);
    }
    let (read, write) = stream.into_split();
    assert!(read.local_addr().unwrap().is_unnamed() && read.peer_addr().unwrap().is_unnamed());
    assert!(write.local_addr().unwrap().is_unnamed() && write.peer_addr().unwrap().is_unnamed());
    write.writable().await.unwrap();
    assert!(write.ready(Interest::WRITABLE).await.unwrap().is_writable());
    assert_eq!(write.try_write(b"a").unwrap(), 1);
    assert_eq!(write.try_write_vectored(&[IoSlice::new(b"b")]).unwrap(), 1);
    other.writable().await.unwrap();
    other.try_write(b"cd").unwrap();
    read.readable().await.unwrap();
    assert!(read.ready(Interest::READABLE).await.unwrap().is_readable());
    assert_eq!(read.try_read(&mut buf[..1]).unwrap(), 1);
    assert_eq!(read.try_read_vectored(&mut [IoSliceMut::new(&mut buf)]).unwrap(), 1);
    let (other_read, other_write) = other.into_split();
    let ReuniteError(read, _other_write) = read.reunite(other_write).unwrap_err();
    let (_read, write) = write.reunite(read).unwrap().into_split();
    write.forget();
    assert_eq!(other_read.try_read(&mut buf).unwrap(), 4);
    assert_eq!(other_read.try_read(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

/// `net::UnixDatagram`: `bind`, `unbound`, `pair`, `connect`, `send`, `recv`, `try_send`, `try_recv`, `poll_send`.
/// `net::UnixDatagram`: `send_to`, `recv_from`, `try_send_to`, `try_recv_from`, `poll_send_to`, `local_addr`.
/// `net::UnixDatagram`: `peer_addr`, `readable`, `writable`, `ready`, `poll_recv_ready`, `poll_send_ready`, `try_io`.
/// `net::UnixDatagram`: `async_io`, `take_error`, `shutdown`, `from_std`, `into_std`.
#[tokio::test]
async fn datagrams() {
    let path = Path::new("datagram");
    let bound = UnixDatagram::bind(&path.0).unwrap();
    assert_eq!(bound.local_addr().unwrap().as_pathname(), Some(path.0.as_path()));
    let sender = UnixDatagram::unbound().unwrap();
    let mut buf = [0; 8];
    assert_eq!(bound.try_recv_from(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(sender.send_to(b"abc", &path.0).await.unwrap(), 3);
    let (len, from) = bound.recv_from(&mut buf).await.unwrap();
    assert!(len == 3 && from.is_unnamed());
    assert_eq!(sender.try_send_to(b"de", &path.0).unwrap(), 2);
    bound.readable().await.unwrap();
    assert_eq!(bound.try_recv_from(&mut buf).unwrap().0, 2);
    assert_eq!(poll_fn(|cx| sender.poll_send_to(cx, b"f", &path.0)).await.unwrap(), 1);
    assert_eq!(bound.recv(&mut buf).await.unwrap(), 1);
    sender.connect(&path.0).unwrap();
    assert_eq!(sender.peer_addr().unwrap().as_pathname(), Some(path.0.as_path()));
    assert!(sender.take_error().unwrap().is_none());

    let (one, other) = UnixDatagram::pair().unwrap();
    assert_eq!(other.send(b"a").await.unwrap(), 1);
    assert_eq!(one.recv(&mut buf).await.unwrap(), 1);
    other.writable().await.unwrap();
    other.try_send(b"b").unwrap();
    poll_fn(|cx| one.poll_recv_ready(cx)).await.unwrap();
    assert_eq!(one.try_recv(&mut buf).unwrap(), 1);
    poll_fn(|cx| other.poll_send_ready(cx)).await.unwrap();
    poll_fn(|cx| other.poll_send(cx, b"c")).await.unwrap();
    assert!(one.ready(Interest::READABLE).await.unwrap().is_readable());
    assert_eq!(one.recv(&mut buf).await.unwrap(), 1);
    other.try_io(Interest::WRITABLE, || rustix::io::write(&other, b"d").map_err(io::Error::from)).unwrap();
    let read = || rustix::io::read(&one, &mut buf).map_err(io::Error::from);
    assert_eq!(one.async_io(Interest::READABLE, read).await.unwrap(), 1);
    let one = UnixDatagram::from_std(one.into_std().unwrap()).unwrap();
    one.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(other.send(b"e").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

/// `net::UnixSocket`: `new_stream`, `new_datagram`, `bind`, `listen`, `connect`, `datagram`.
#[tokio::test]
async fn sockets() {
    let (path, client_path, datagram_path) =
        (Path::new("socket"), Path::new("socket-client"), Path::new("socket-datagram"));
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(&path.0).unwrap();
    let listener = socket.listen(8).unwrap();
    let socket = UnixSocket::new_stream().unwrap();
    socket.bind(&client_path.0).unwrap();
    let _client = socket.connect(&path.0).await.unwrap();
    assert_eq!(listener.accept().await.unwrap().1.as_pathname(), Some(client_path.0.as_path()));
    let socket = UnixSocket::new_datagram().unwrap();
    socket.bind(&datagram_path.0).unwrap();
    let receiver = socket.datagram().unwrap();
    UnixDatagram::unbound().unwrap().send_to(b"!", &datagram_path.0).await.unwrap();
    assert_eq!(receiver.recv(&mut [0]).await.unwrap(), 1);
    assert!(UnixSocket::new_datagram().unwrap().listen(1).is_err());
    assert!(UnixSocket::new_datagram().unwrap().connect(&path.0).await.is_err());
    assert!(UnixSocket::new_stream().unwrap().datagram().is_err());
    let raw = UnixSocket::new_stream().unwrap().into_raw_fd();
    // SAFETY: it is a socket's own, and was given away.
    let socket = unsafe { UnixSocket::from_raw_fd(raw) };
    assert_eq!(socket.as_raw_fd(), socket.as_fd().as_raw_fd());
    assert!(socket.connect(&path.0).await.is_ok());
}
