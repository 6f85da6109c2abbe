//! `tokio::io::unix`, and the words for readiness.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

fn pair() -> (UnixStream, UnixStream) {
    let (one, two) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    two.set_nonblocking(true).unwrap();
    (one, two)
}

/// `io::Interest`: `READABLE`, `WRITABLE`, `ERROR`, `PRIORITY`, `add`, `remove`.
/// `io::Interest`: `is_readable`, `is_writable`, `is_error`, `is_priority`.
/// `io::Ready`: `EMPTY`, `READABLE`, `WRITABLE`, `READ_CLOSED`, `WRITE_CLOSED`, `PRIORITY`, `ERROR`, `ALL`.
/// `io::Ready`: `is_empty`, `is_readable`, `is_writable`, `is_read_closed`, `is_write_closed`, `is_priority`, `is_error`.
#[test]
fn words() {
    let interest = Interest::READABLE.add(Interest::ERROR) | Interest::PRIORITY;
    assert!(interest.is_readable() && interest.is_error() && interest.is_priority());
    assert!(!interest.is_writable() && Interest::WRITABLE.is_writable());
    assert_eq!(Interest::ERROR.remove(Interest::ERROR), None);
    let ready = Ready::READABLE | Ready::WRITE_CLOSED | Ready::ERROR | Ready::PRIORITY;
    assert!(ready.is_readable() && ready.is_writable() && ready.is_write_closed());
    assert!(ready.is_error() && ready.is_priority() && !ready.is_read_closed());
    assert_eq!((Ready::ALL - ready) & Ready::ALL, Ready::WRITABLE | Ready::READ_CLOSED);
    assert!(Ready::EMPTY.is_empty());
}

/// `io::unix::AsyncFd`: `register`, `register_with_interest`, `readable`, `writable`, `ready`, `get_ref`, `get_mut`.
/// `io::unix::AsyncFd`: `into_inner`, `async_io`, `try_io`, `poll_read_ready`, `poll_write_ready`.
/// `io::unix::AsyncFdReadyGuard`: `clear_ready`, `clear_ready_matching`, `get_inner`, `get_ref`, `ready`.
/// `io::unix::AsyncFdReadyGuard`: `retain_ready`, `try_io`.
#[tokio::test]
async fn descriptors() {
    let (one, two) = pair();
    // SAFETY: it owns its descriptor.
    let mut one = unsafe { AsyncFd::register(one) }.unwrap();
    // SAFETY: as above.
    let two = unsafe { AsyncFd::register_with_interest(two, Interest::WRITABLE) }.unwrap();
    let mut guard = two.writable().await.unwrap();
    guard.retain_ready();
    assert!(guard.ready().is_writable() && guard.get_inner().peer_addr().is_ok());
    guard.try_io(|fd| fd.get_ref().write(b"ab")).unwrap().unwrap();
    poll_fn(|cx| two.poll_write_ready(cx)).await.unwrap().retain_ready();

    let mut buf = [0];
    let mut guard = one.readable().await.unwrap();
    assert_eq!(guard.get_ref().get_ref().read(&mut buf).unwrap(), 1);
    guard.clear_ready_matching(Ready::EMPTY);
    let mut guard = poll_fn(|cx| one.poll_read_ready(cx)).await.unwrap();
    assert_eq!(guard.try_io(|fd| fd.get_ref().read(&mut buf)).unwrap().unwrap(), 1);
    // Nothing is left: what was readiness is cleared.
    assert!(guard.try_io(|fd| fd.get_ref().read(&mut buf)).is_err());
    let none = one.try_io(Interest::READABLE, |mut fd| fd.read(&mut buf)).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::WouldBlock);
    two.get_ref().write_all(b"c").unwrap();
    assert_eq!(one.async_io(Interest::READABLE, |mut fd| fd.read(&mut buf)).await.unwrap(), 1);
    one.ready(Interest::WRITABLE).await.unwrap().clear_ready();
    one.get_mut().write_all(b"d").unwrap();
    assert_eq!(two.into_inner().read(&mut buf).unwrap(), 1);
}

/// `io::unix::AsyncFd`: `new`, `with_interest`, `try_new`, `try_with_interest`, `readable_mut`, `writable_mut`, `ready_mut`.
/// `io::unix::AsyncFd`: `async_io_mut`, `try_io_mut`, `poll_read_ready_mut`, `poll_write_ready_mut`.
/// `io::unix::AsyncFdReadyMutGuard`: `clear_ready`, `clear_ready_matching`, `get_inner`, `get_inner_mut`, `get_mut`, `get_ref`.
/// `io::unix::AsyncFdReadyMutGuard`: `ready`, `retain_ready`, `try_io`.
/// `io::unix::AsyncFdRegisterError`: `into_parts`.
/// `io::unix::TryIoError`.
#[tokio::test]
#[allow(deprecated)] // by tokio
async fn exclusively() {
    let (one, two) = pair();
    let mut one = AsyncFd::new(one).unwrap();
    let mut two = AsyncFd::with_interest(two, Interest::WRITABLE).unwrap();
    let mut guard = two.writable_mut().await.unwrap();
    guard.retain_ready();
    assert!(guard.ready().is_writable());
    guard.get_inner_mut().write_all(b"a").unwrap();
    guard.get_mut().get_mut().write_all(b"b").unwrap();
    assert!(guard.get_inner().peer_addr().is_ok() && guard.get_ref().get_ref().peer_addr().is_ok());
    poll_fn(|cx| two.poll_write_ready_mut(cx).map_ok(|mut guard| guard.retain_ready())).await.unwrap();

    let mut buf = [0];
    let mut guard = one.readable_mut().await.unwrap();
    assert_eq!(guard.try_io(|fd| fd.get_mut().read(&mut buf)).unwrap().unwrap(), 1);
    guard.clear_ready_matching(Ready::EMPTY);
    assert_eq!(one.try_io_mut(Interest::READABLE, |fd| fd.read(&mut buf)).unwrap(), 1);
    let again = one.try_io_mut(Interest::READABLE, |fd| fd.read(&mut buf));
    assert_eq!(again.unwrap_err().kind(), ErrorKind::WouldBlock);
    two.get_mut().write_all(b"c").unwrap();
    assert_eq!(one.async_io_mut(Interest::READABLE, |fd| fd.read(&mut buf)).await.unwrap(), 1);
    two.get_mut().write_all(b"d").unwrap();
    poll_fn(|cx| one.poll_read_ready_mut(cx).map_ok(|mut guard| guard.clear_ready())).await.unwrap();
    one.ready_mut(Interest::WRITABLE).await.unwrap().clear_ready();

    // A file is always ready: the driver does not watch it.
    let file = || std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let (file_again, cause) = AsyncFd::try_new(file()).unwrap_err().into_parts();
    assert!(file_again.metadata().is_ok() && cause.kind() != ErrorKind::WouldBlock);
    let refused: io::Error = AsyncFd::try_with_interest(file(), Interest::READABLE).unwrap_err().into();
    assert!(refused.raw_os_error().is_some());
}
