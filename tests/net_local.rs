//! UDP, Unix sockets, pipes and foreign descriptors on a whole runtime.

use runtime::io::{AsyncFd, AsyncReadExt, AsyncWriteExt, Interest};
use runtime::net::unix::pipe;
use runtime::net::{UdpSocket, UnixDatagram, UnixListener, UnixStream};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;

fn runtime() -> runtime::Runtime {
    runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

/// A path that nobody has, removed at the end.
struct Path(std::path::PathBuf);

impl Path {
    fn new(name: &str) -> Path {
        Path(std::env::temp_dir().join(format!("runtime-{name}-{}", std::process::id())))
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn udp_answers_whoever_asks() {
    runtime().block_on(async {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        let server = runtime::spawn(async move {
            let mut buf = [0; 64];
            for _ in 0..300 {
                let (len, peer) = server.recv_from(&mut buf).await.unwrap();
                server.send_to(&buf[..len], peer).await.unwrap();
            }
        });
        let clients: Vec<_> = (0..3_u8)
            .map(|id| {
                runtime::spawn(async move {
                    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                    client.connect(addr).await.unwrap();
                    for round in 0..100_u8 {
                        client.send(&[id, round]).await.unwrap();
                        let mut buf = [0; 8];
                        assert_eq!(client.recv(&mut buf).await.unwrap(), 2);
                        assert_eq!(buf[..2], [id, round]);
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        server.await.unwrap();
    });
}

#[test]
fn p27_any_number_of_tasks_receive_from_one_udp_socket() {
    runtime().block_on(async {
        const COUNT: usize = 64;
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let addr = socket.local_addr().unwrap();
        let receivers: Vec<_> = (0..COUNT)
            .map(|_| {
                let socket = Arc::clone(&socket);
                runtime::spawn(async move {
                    let mut buf = [0; 8];
                    assert_eq!(socket.recv(&mut buf).await.unwrap(), 1);
                    buf[0]
                })
            })
            .collect();
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for id in 0..COUNT {
            sender.send_to(&[id as u8], addr).await.unwrap();
        }
        let mut received = Vec::new();
        for receiver in receivers {
            received.push(receiver.await.unwrap());
        }
        received.sort_unstable();
        assert!(received.into_iter().eq(0..COUNT as u8));
    });
}

#[test]
fn unix_sockets_at_paths() {
    runtime().block_on(async {
        let path = Path::new("stream");
        let listener = UnixListener::bind(&path.0).unwrap();
        let server = runtime::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buf = [0; 5];
            stream.read_exact(&mut buf).await.unwrap();
            stream.write_all(&buf).await.unwrap();
        });
        let mut client = UnixStream::connect(&path.0).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"hello");
        server.await.unwrap();

        let path = Path::new("datagram");
        let receiver = UnixDatagram::bind(&path.0).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.send_to(b"hello", &path.0).await.unwrap();
        let mut buf = [0; 8];
        let (len, peer) = receiver.recv_from(&mut buf).await.unwrap();
        assert_eq!(&buf[..len], b"hello");
        assert!(peer.is_unnamed());
    });
}

#[test]
fn pipes_end_when_the_sender_goes() {
    runtime().block_on(async {
        let (mut sender, mut receiver) = pipe::pipe().unwrap();
        let reader = runtime::spawn(async move {
            let mut all = Vec::new();
            receiver.read_to_end(&mut all).await.unwrap();
            all.len()
        });
        sender.write_all(&vec![1; 300_000]).await.unwrap();
        drop(sender);
        assert_eq!(reader.await.unwrap(), 300_000);
    });
}

#[test]
fn foreign_descriptors_are_watched() {
    runtime().block_on(async {
        let (one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
        one.set_nonblocking(true).unwrap();
        let one = AsyncFd::new(one).unwrap();
        let reader = runtime::spawn(async move {
            let mut buf = [0; 8];
            one.async_io(Interest::READABLE, |mut stream| stream.read(&mut buf)).await.unwrap()
        });
        other.write_all(b"hello").unwrap();
        assert_eq!(reader.await.unwrap(), 5);
    });
}

/// What `/proc` says of each descriptor of this process.
fn descriptors() -> Vec<(i32, String, u32)> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let entries = entries.filter_map(|entry| {
        let fd: i32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let target = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        Some((fd, target.to_string_lossy().into_owned(), u32::from_str_radix(flags.trim(), 8).ok()?))
    });
    entries.collect()
}

#[test]
fn p30_every_descriptor_of_ours_is_close_on_exec_and_sockets_do_not_block() {
    const CLOEXEC: u32 = 0o2_000_000;
    const NONBLOCK: u32 = 0o4_000;
    runtime().block_on(async {
        let path = Path::new("fds");
        let listener = runtime::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = runtime::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let server = listener.accept().await.unwrap().0;
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let unix_listener = UnixListener::bind(&path.0).unwrap();
        let unix_client = UnixStream::connect(&path.0).await.unwrap();
        let unix_server = unix_listener.accept().await.unwrap().0;
        let pair = UnixStream::pair().unwrap();
        let datagrams = UnixDatagram::pair().unwrap();
        let pipe = pipe::pipe().unwrap();
        let mine = [
            listener.as_raw_fd(),
            client.as_raw_fd(),
            server.as_raw_fd(),
            udp.as_raw_fd(),
            unix_listener.as_raw_fd(),
            unix_client.as_raw_fd(),
            unix_server.as_raw_fd(),
            pair.0.as_raw_fd(),
            pair.1.as_raw_fd(),
            datagrams.0.as_raw_fd(),
            datagrams.1.as_raw_fd(),
            pipe.0.as_raw_fd(),
            pipe.1.as_raw_fd(),
        ];
        let all = descriptors();
        for fd in mine {
            let (_, target, flags) = all.iter().find(|(open, ..)| *open == fd).unwrap();
            assert_eq!(flags & (CLOEXEC | NONBLOCK), CLOEXEC | NONBLOCK, "{fd} {target} {flags:o}");
        }
        // And what the drivers of this process have for themselves.
        for (fd, target, flags) in all.iter().filter(|(_, target, _)| target.starts_with("anon_inode:")) {
            assert!(flags & CLOEXEC != 0, "{fd} {target} {flags:o}");
        }
    });
}
