//! `tokio::net::unix::pipe`.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use tokio::io::Interest;
use tokio::net::unix::pipe::{self, OpenOptions, Receiver, Sender};

/// `net::unix::pipe`: `pipe`.
/// `net::unix::pipe::Sender`: `writable`, `ready`, `poll_write_ready`, `try_write`, `try_write_vectored`, `try_io`.
/// `net::unix::pipe::Receiver`: `readable`, `ready`, `poll_read_ready`, `try_read`, `try_read_vectored`, `try_io`.
#[tokio::test]
async fn anonymous() {
    let (sender, receiver) = pipe::pipe().unwrap();
    let mut buf = [0; 8];
    sender.writable().await.unwrap();
    assert!(sender.ready(Interest::WRITABLE).await.unwrap().is_writable());
    poll_fn(|cx| sender.poll_write_ready(cx)).await.unwrap();
    assert_eq!(sender.try_write(b"abc").unwrap(), 3);
    receiver.readable().await.unwrap();
    assert!(receiver.ready(Interest::READABLE).await.unwrap().is_readable());
    poll_fn(|cx| receiver.poll_read_ready(cx)).await.unwrap();
    assert_eq!(receiver.try_read(&mut buf).unwrap(), 3);
    assert_eq!(receiver.try_read(&mut buf).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert_eq!(sender.try_write_vectored(&[IoSlice::new(b"d"), IoSlice::new(b"e")]).unwrap(), 2);
    receiver.readable().await.unwrap();
    assert_eq!(receiver.try_read_vectored(&mut [IoSliceMut::new(&mut buf)]).unwrap(), 2);
    sender.try_io(|| rustix::io::write(&sender, b"f").map_err(io::Error::from)).unwrap();
    receiver.readable().await.unwrap();
    assert_eq!(
        receiver.try_io(|| rustix::io::read(&receiver, &mut buf).map_err(io::Error::from)).unwrap(),
        1
    );
    drop(sender);
    receiver.readable().await.unwrap();
    assert_eq!(receiver.try_read(&mut buf).unwrap(), 0);
}

/// `net::unix::pipe::OpenOptions`: `new`, `open_receiver`, `open_sender`, `read_write`, `unchecked`.
#[tokio::test]
async fn named() {
    let program = std::env::current_exe().unwrap().file_stem().unwrap().to_owned();
    let path =
        std::env::temp_dir().join(format!("{}-fifo-{}", program.to_string_lossy(), std::process::id()));
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).unwrap();
    // Nobody reads yet.
    assert!(OpenOptions::new().open_sender(&path).is_err());
    let receiver = OpenOptions::new().open_receiver(&path).unwrap();
    let sender = OpenOptions::new().unchecked(true).open_sender(&path).unwrap();
    sender.writable().await.unwrap();
    sender.try_write(b"!").unwrap();
    receiver.readable().await.unwrap();
    assert_eq!(receiver.try_read(&mut [0; 2]).unwrap(), 1);
    drop(receiver);
    let both = OpenOptions::new().read_write(true).open_sender(&path).unwrap();
    both.writable().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let file = std::env::current_exe().unwrap();
    assert_eq!(OpenOptions::new().open_receiver(file).unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// `net::unix::pipe::Sender`: `from_file`, `from_file_unchecked`, `from_owned_fd`, `from_owned_fd_unchecked`.
/// `net::unix::pipe::Sender`: `into_blocking_fd`, `into_nonblocking_fd`.
/// `net::unix::pipe::Receiver`: `from_file`, `from_file_unchecked`, `from_owned_fd`, `from_owned_fd_unchecked`.
/// `net::unix::pipe::Receiver`: `into_blocking_fd`, `into_nonblocking_fd`.
#[tokio::test]
async fn descriptors() {
    let (sender, receiver) = pipe::pipe().unwrap();
    let (sender, receiver) = (sender.into_nonblocking_fd().unwrap(), receiver.into_nonblocking_fd().unwrap());
    let sender = Sender::from_owned_fd(sender).unwrap();
    let receiver = Receiver::from_owned_fd(receiver).unwrap();
    let sender = Sender::from_owned_fd_unchecked(sender.into_nonblocking_fd().unwrap()).unwrap();
    let receiver = Receiver::from_owned_fd_unchecked(receiver.into_nonblocking_fd().unwrap()).unwrap();
    let sender = Sender::from_file(File::from(sender.into_blocking_fd().unwrap())).unwrap();
    let receiver = Receiver::from_file(File::from(receiver.into_blocking_fd().unwrap())).unwrap();
    let sender = Sender::from_file_unchecked(sender.into_nonblocking_fd().unwrap().into()).unwrap();
    let receiver = Receiver::from_file_unchecked(receiver.into_nonblocking_fd().unwrap().into()).unwrap();
    sender.writable().await.unwrap();
    sender.try_write(b"!").unwrap();
    receiver.readable().await.unwrap();
    assert_eq!(receiver.try_read(&mut [0; 2]).unwrap(), 1);
    // The wrong end is refused.
    let (sender, receiver) = (sender.into_blocking_fd().unwrap(), receiver.into_blocking_fd().unwrap());
    assert!(Sender::from_owned_fd(receiver.try_clone().unwrap()).is_err());
    assert!(Receiver::from_owned_fd(sender.try_clone().unwrap()).is_err());
    let (mut sender, mut receiver) = (File::from(sender), File::from(receiver));
    sender.write_all(b"?").unwrap();
    receiver.read_exact(&mut [0]).unwrap();
}
