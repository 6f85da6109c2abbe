//! UDP, Unix sockets, pipes and foreign descriptors on a whole runtime.

use runtime::io::{AsyncFd, AsyncReadExt, AsyncWriteExt, Interest};
use runtime::net::unix::pipe;
use runtime::net::{
    self, TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixSocket, UnixStream,
};
use runtime::time::timeout;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

/// Far more than anything here takes: who waits longer hangs.
const HANG: Duration = Duration::from_secs(30);

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
fn datagrams_go_to_abstract_names_and_back() {
    runtime().block_on(async {
        let name = |side: &str| format!("\0runtime-{side}-{}", std::process::id());
        let one = UnixDatagram::bind(name("one")).unwrap();
        let other = UnixDatagram::bind(name("other")).unwrap();
        assert_eq!(one.send_to(b"to", name("other")).await.unwrap(), 2);
        let mut buf = [0; 8];
        let (len, from) = other.recv_from(&mut buf).await.unwrap();
        assert_eq!((&buf[..len], from.as_abstract_name()), (&b"to"[..], Some(&name("one").as_bytes()[1..])));
        assert_eq!(other.try_send_to(b"fro", name("one")).unwrap(), 3);
        assert_eq!(one.recv(&mut buf).await.unwrap(), 3);
        other.connect(name("one")).unwrap();
        other.send(b"again").await.unwrap();
        assert_eq!(one.recv(&mut buf).await.unwrap(), 5);
        let nobody = one.send_to(b"x", name("nobody")).await.unwrap_err();
        assert_eq!(nobody.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn an_empty_path_is_a_name_of_ones_own_and_leads_to_nobody() {
    runtime().block_on(async {
        let [one, other] = [(); 2].map(|()| UnixDatagram::bind("").unwrap().local_addr().unwrap());
        let [third, fourth] = [(); 2].map(|()| UnixListener::bind("").unwrap().local_addr().unwrap());
        for addr in [one, other, third, fourth] {
            assert_ne!(addr.as_abstract_name(), Some(&b""[..]));
        }
        assert_eq!(UnixStream::connect("").await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let socket = UnixDatagram::unbound().unwrap();
        assert_eq!(socket.connect("").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(socket.try_send_to(b"x", "").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    });
}

/// Both packets, of which one event tells: it is there before the first read.
async fn comes_one_by_one(stream: &mut UnixStream) {
    stream.readable().await.unwrap();
    for packet in [b"first", b"other"] {
        let mut buf = [0; 64];
        let len = timeout(HANG, stream.read(&mut buf)).await.expect("it hangs").unwrap();
        assert_eq!(&buf[..len], packet);
    }
}

#[test]
fn packets_that_come_through_a_stream_come_one_by_one() {
    runtime().block_on(async {
        let flags = SocketFlags::CLOEXEC;
        let (one, other) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        for packet in [b"first", b"other"] {
            rustix::net::send(&one, packet, SendFlags::empty()).unwrap();
        }
        let mut stream = UnixStream::from_std(other.into()).unwrap();
        comes_one_by_one(&mut stream).await;
    });
}

#[test]
fn a_listener_for_packets_accepts_streams_of_packets() {
    runtime().block_on(async {
        let socket = || {
            let flags = SocketFlags::CLOEXEC;
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
        };
        let (listener, client) = (socket(), socket());
        let name = format!("runtime-packets-{}", std::process::id());
        let addr = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
        rustix::net::bind(&listener, &addr).unwrap();
        rustix::net::listen(&listener, 1).unwrap();
        rustix::net::connect(&client, &addr).unwrap();
        for packet in [b"first", b"other"] {
            rustix::net::send(&client, packet, SendFlags::empty()).unwrap();
        }
        let listener = UnixListener::from_std(listener.into()).unwrap();
        let mut stream = listener.accept().await.unwrap().0;
        comes_one_by_one(&mut stream).await;
    });
}

/// A system call takes 1024 buffers: more empty ones than that are no end of the stream.
#[test]
fn empty_buffers_end_nothing() {
    runtime().block_on(async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let mut from = vec![IoSlice::new(b""); 1025];
        from.push(IoSlice::new(b"hello"));
        assert_eq!(one.try_write_vectored(&from).unwrap(), 5);
        assert_eq!(one.write_vectored(&from).await.unwrap(), 5);
        for is_try in [false, true] {
            let mut buf = [0; 5];
            let mut into: Vec<_> = (0..1025).map(|_| IoSliceMut::new(&mut [])).collect();
            into.push(IoSliceMut::new(&mut buf));
            let len = if is_try {
                other.try_read_vectored(&mut into)
            } else {
                other.read_vectored(&mut into).await
            };
            assert_eq!(len.unwrap(), 5);
            assert_eq!(&buf, b"hello");
        }
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
fn a_sender_is_told_that_nobody_reads() {
    runtime().block_on(async {
        let (sender, receiver) = pipe::pipe().unwrap();
        let ready = sender.ready(Interest::WRITABLE).await.unwrap();
        assert!(ready.is_writable() && !ready.is_write_closed(), "{ready:?}");
        // Full, so that only the end of the other side can make it ready.
        while sender.try_write(&[0; 4096]).is_ok() {}
        drop(receiver);
        let ready = timeout(HANG, sender.ready(Interest::WRITABLE)).await.expect("it hangs").unwrap();
        assert!(ready.is_write_closed(), "{ready:?}");
        assert_eq!(sender.try_write(&[0]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn an_end_of_a_pipe_is_shared_by_reference() {
    runtime().block_on(async {
        let (sender, receiver) = pipe::pipe().unwrap();
        let (mut one, mut two) = (&sender, &sender);
        one.write_all(b"ab").await.unwrap();
        two.write_all(b"cd").await.unwrap();
        let (mut buf, mut room) = ([0; 2], [std::mem::MaybeUninit::uninit(); 8]);
        (&receiver).read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"ab");
        let len = std::future::poll_fn(|cx| receiver.poll_read_uninit(cx, &mut room)).await.unwrap();
        // SAFETY: so many were read.
        let rest = room[..len].iter().map(|byte| unsafe { byte.assume_init() });
        assert!(rest.eq(*b"cd"));
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

#[test]
fn descriptors_that_cannot_be_watched_say_what_to_do_instead() {
    runtime().block_on(async {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        let error = AsyncFd::try_new(file).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("Operation not permitted") && said.contains("runtime::fs"), "{said}");
        assert_eq!(io::Error::from(error).raw_os_error(), Some(Errno::PERM.raw_os_error()));

        let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let one = AsyncFd::new(one).unwrap();
        let said = AsyncFd::try_new(one.as_raw_fd()).unwrap_err().to_string();
        assert!(said.contains("File exists") && said.contains("try_clone"), "{said}");
        // The refusal took nothing from the first.
        one.writable().await.unwrap().retain_ready();
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

/// Everything that this process has opened since, in a process of its own: other tests open files, too.
#[test]
fn p30_every_descriptor_of_ours_is_close_on_exec_and_does_not_block() {
    const TEST: &str = "p30_every_descriptor_of_ours_is_close_on_exec_and_does_not_block";
    const CHILD: &str = "RUNTIME_NET_CHILD";
    const CLOEXEC: u32 = 0o2_000_000;
    const NONBLOCK: u32 = 0o4_000;
    if std::env::var_os(CHILD).is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let output = child.args([TEST, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
        return;
    }
    // Not the folder that `descriptors` itself reads.
    let is_ours = |(_, target, _): &(i32, String, u32)| !target.starts_with("/proc");
    let before: Vec<i32> = descriptors().into_iter().filter(is_ours).map(|(fd, ..)| fd).collect();
    runtime().block_on(async {
        let (path, datagram_path, fifo) = (Path::new("fds"), Path::new("fds-dgram"), Path::new("fds-fifo"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        let accepted = listener.accept().await.unwrap().0;
        let (tell, mut told) = runtime::sync::mpsc::unbounded_channel();
        let server = net::serve(listener, move |stream: TcpStream, _| {
            tell.send(stream).unwrap();
            std::future::ready(())
        });
        let clients = (TcpStream::connect(addr).await.unwrap(), TcpSocket::new_v4().unwrap());
        let served = told.recv().await.unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let unix_listener = UnixListener::bind(&path.0).unwrap();
        let unix_client = UnixStream::connect(&path.0).await.unwrap();
        let unix_server = unix_listener.accept().await.unwrap().0;
        let unix_socket = (UnixSocket::new_stream().unwrap(), UnixSocket::new_datagram().unwrap());
        let pair = UnixStream::pair().unwrap();
        let datagrams = (UnixDatagram::pair().unwrap(), UnixDatagram::unbound().unwrap());
        let bound = UnixDatagram::bind(&datagram_path.0).unwrap();
        let pipe = pipe::pipe().unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo.0, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        let receiver = pipe::OpenOptions::new().open_receiver(&fifo.0).unwrap();
        let sender = pipe::OpenOptions::new().open_sender(&fifo.0).unwrap();
        let from_std = TcpListener::from_std(std::net::TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
        let new: Vec<_> =
            descriptors().into_iter().filter(is_ours).filter(|(fd, ..)| !before.contains(fd)).collect();
        let of_kind = |kind: &str| new.iter().filter(|(_, target, _)| target.starts_with(kind)).count();
        assert_eq!((of_kind("socket:"), of_kind("pipe:")), (19, 2), "{new:?}");
        assert!(of_kind("anon_inode:[eventpoll]") == 1 && of_kind("anon_inode:[eventfd]") >= 1, "{new:?}");
        for (fd, target, flags) in &new {
            assert!(flags & CLOEXEC != 0, "{fd} {target} {flags:o}");
            // Nobody reads or writes an epoll instance.
            let is_io = target != "anon_inode:[eventpoll]";
            assert!(!is_io || flags & NONBLOCK != 0, "{fd} {target} {flags:o}");
        }
        drop((client, accepted, server, clients, served, udp, unix_listener, unix_client, unix_server));
        drop((unix_socket, pair, datagrams, bound, pipe, receiver, sender, from_std));
    });
}
