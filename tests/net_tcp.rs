//! TCP on a whole runtime. Names say which promise of the project's list they hold it to.

use runtime::io::{AsyncReadExt, AsyncWriteExt, Interest};
use runtime::net::{TcpListener, TcpSocket, TcpStream};
use rustix::io::{Errno, FdFlags};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Far more than anything here takes: who waits longer hangs.
const HANG: Duration = Duration::from_secs(30);

fn multi_thread() -> runtime::Runtime {
    runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
}

fn current_thread() -> runtime::Runtime {
    runtime::Builder::new_current_thread().build().unwrap()
}

/// Runs a test on both flavours, each with a watchdog.
fn on_each_flavor<F>(test: fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for build in [multi_thread, current_thread] {
        in_time(move || build().block_on(test()));
    }
}

/// The result of `body`, which must not hang.
fn in_time<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(body()));
    receive.recv_timeout(HANG).expect("it hangs, or it panicked")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Both ends of a connection.
async fn connection() -> (TcpStream, TcpStream) {
    let (listener, addr) = listen().await;
    let client = TcpStream::connect(addr).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[test]
fn many_connections_echo_at_the_same_time() {
    on_each_flavor(|| async {
        const CLIENTS: usize = 50;
        let (listener, addr) = listen().await;
        let server = runtime::spawn(async move {
            for _ in 0..CLIENTS {
                let (stream, _) = listener.accept().await.unwrap();
                runtime::spawn(async move {
                    let mut buf = [0; 256];
                    loop {
                        match (&stream).read(&mut buf).await.unwrap() {
                            0 => break,
                            len => (&stream).write_all(&buf[..len]).await.unwrap(),
                        }
                    }
                });
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|id| {
                runtime::spawn(async move {
                    let mut stream = TcpStream::connect(addr).await.unwrap();
                    for round in 0..20_u64 {
                        let sent = [round.to_be_bytes(), (id as u64).to_be_bytes()].concat();
                        stream.write_all(&sent).await.unwrap();
                        let mut received = [0; 16];
                        stream.read_exact(&mut received).await.unwrap();
                        assert_eq!(received[..], sent);
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
fn connect_tries_every_address() {
    on_each_flavor(|| async {
        let (refusing, refused) = listen().await;
        drop(refusing);
        let (listener, addr) = listen().await;
        let stream = TcpStream::connect(&[refused, addr][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        drop(listener);
        let error = TcpStream::connect(&[refused, addr][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect(&[][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn names_are_looked_up() {
    on_each_flavor(|| async {
        let (listener, addr) = listen().await;
        let found: Vec<_> = runtime::net::lookup_host(("localhost", addr.port())).await.unwrap().collect();
        assert!(found.iter().all(|found| found.ip().is_loopback()) && !found.is_empty());
        let accept = runtime::spawn(async move { listener.accept().await.unwrap() });
        TcpStream::connect(format!("localhost:{}", addr.port())).await.unwrap();
        accept.await.unwrap();
        assert!(TcpStream::connect("no port").await.is_err());
    });
}

#[test]
fn p27_two_tasks_may_wait_on_one_socket() {
    on_each_flavor(|| async {
        let (client, server) = connection().await;
        let server = Arc::new(server);
        // More than both buffers hold, in both directions, on one socket.
        const LEN: usize = 8 << 20;
        let writer = {
            let server = Arc::clone(&server);
            runtime::spawn(async move { (&*server).write_all(&vec![1; LEN]).await.unwrap() })
        };
        let reader = runtime::spawn(async move {
            let mut buf = vec![0; LEN];
            (&*server).read_exact(&mut buf).await.unwrap();
            buf.iter().all(|&byte| byte == 2)
        });
        let (mut read, mut write) = client.into_split();
        let client_writer = runtime::spawn(async move { write.write_all(&vec![2; LEN]).await.unwrap() });
        let mut buf = vec![0; LEN];
        read.read_exact(&mut buf).await.unwrap();
        assert!(buf.iter().all(|&byte| byte == 1));
        writer.await.unwrap();
        client_writer.await.unwrap();
        assert!(reader.await.unwrap());
    });
}

#[test]
fn p27_tasks_that_wait_in_one_direction_are_all_woken() {
    on_each_flavor(|| async {
        const WAITERS: usize = 8;
        let (mut client, server) = connection().await;
        let server = Arc::new(server);
        let (waiting, all_wait) = mpsc::channel();
        let waiters: Vec<_> = (0..WAITERS)
            .map(|id| {
                let (server, waiting) = (Arc::clone(&server), waiting.clone());
                runtime::spawn(async move {
                    let mut is_first = true;
                    std::future::poll_fn(|cx| {
                        let poll = if id % 2 == 0 {
                            server.poll_read_ready(cx)
                        } else {
                            server.poll_peek(cx, &mut [0; 1]).map_ok(drop)
                        };
                        if std::mem::take(&mut is_first) {
                            assert!(poll.is_pending());
                            waiting.send(()).unwrap();
                        }
                        poll
                    })
                    .await
                    .unwrap();
                })
            })
            .collect();
        runtime::spawn_blocking(move || (0..WAITERS).for_each(|_| all_wait.recv().unwrap())).await.unwrap();
        client.write_all(b"x").await.unwrap();
        for waiter in waiters {
            waiter.await.unwrap();
        }
    });
}

#[test]
fn p28_a_reset_wakes_both_sides_of_the_socket() {
    on_each_flavor(|| async {
        let (client, server) = connection().await;
        let server = Arc::new(server);
        let reader = {
            let server = Arc::clone(&server);
            runtime::spawn(async move { (&*server).read(&mut [0; 8]).await })
        };
        let writer = runtime::spawn(async move {
            loop {
                if let Err(error) = (&*server).write_all(&[0; 1 << 20]).await {
                    return error;
                }
            }
        });
        client.readable().await.unwrap();
        client.set_zero_linger().unwrap();
        drop(client);
        assert!(matches!(reader.await.unwrap(), Err(_) | Ok(0)));
        let kind = writer.await.unwrap().kind();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
    });
}

#[test]
fn p28_a_half_close_wakes_the_reader_only() {
    on_each_flavor(|| async {
        let (mut client, server) = connection().await;
        let reader = runtime::spawn(async move {
            let mut all = Vec::new();
            (&server).read_to_end(&mut all).await.unwrap();
            (&server).write_all(&all).await.unwrap();
        });
        client.write_all(b"last words").await.unwrap();
        client.close().await.unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"last words");
        reader.await.unwrap();
    });
}

/// The byte of urgent data that waits, if one does.
fn take_urgent(stream: &TcpStream) -> io::Result<u8> {
    let mut urgent = [0];
    match rustix::net::recv(stream, &mut urgent, RecvFlags::OOB) {
        Ok(_) => Ok(urgent[0]),
        // Linux' word for none.
        Err(Errno::INVAL) => Err(ErrorKind::WouldBlock.into()),
        Err(error) => Err(error.into()),
    }
}

#[test]
fn p28_a_read_that_ends_at_urgent_data_that_was_taken_hides_nothing() {
    on_each_flavor(|| async {
        let (mut client, mut server) = connection().await;
        let (mut other_client, mut other_server) = connection().await;
        client.write_all(b"before").await.unwrap();
        rustix::net::send(&client, b"!", SendFlags::OOB).unwrap();
        client.write_all(b"after").await.unwrap();
        let urgent = server.async_io(Interest::PRIORITY, || take_urgent(&server)).await.unwrap();
        assert_eq!(urgent, b'!');
        // The driver has been asked, so no event of the first connection is still to come.
        other_client.write_all(b"x").await.unwrap();
        other_server.read_exact(&mut [0]).await.unwrap();
        // There is no more of it: waiting for the next one needs the readiness cleared.
        let error = server.try_io(Interest::PRIORITY, || take_urgent(&server)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let mut all = Vec::new();
        while all.len() < 11 {
            let mut buf = [0; 64];
            let len = server.read(&mut buf).await.unwrap();
            all.extend_from_slice(&buf[..len]);
        }
        assert_eq!(all, b"beforeafter");
    });
}

#[test]
fn p29_reads_that_are_aborted_lose_no_bytes() {
    on_each_flavor(|| async {
        const LEN: usize = 100_000;
        let (mut client, server) = connection().await;
        let server = Arc::new(server);
        let received = Arc::new(std::sync::Mutex::new(Vec::<u8>::new()));
        let writer = runtime::spawn(async move {
            let bytes: Vec<u8> = (0..LEN).map(|at| at as u8).collect();
            for chunk in bytes.chunks(97) {
                client.write_all(chunk).await.unwrap();
            }
        });
        while received.lock().unwrap().len() < LEN {
            let (server, received) = (Arc::clone(&server), Arc::clone(&received));
            let reader = runtime::spawn(async move {
                let mut buf = [0; 64];
                loop {
                    let len = (&*server).read(&mut buf).await.unwrap();
                    if len == 0 {
                        break;
                    }
                    // No await between the read and this: what was read is kept.
                    received.lock().unwrap().extend_from_slice(&buf[..len]);
                }
            });
            runtime::task::yield_now().await;
            reader.abort();
            let _ = reader.await;
        }
        writer.await.unwrap();
        let received = received.lock().unwrap();
        assert!(received.iter().enumerate().all(|(at, &byte)| byte == at as u8));
    });
}

#[test]
fn p31_a_socket_that_outlives_its_runtime_says_so() {
    for build in [multi_thread, current_thread] {
        in_time(move || {
            let runtime = build();
            let (client, server, listener) = runtime.block_on(async {
                let (client, server) = connection().await;
                (client, server, listen().await.0)
            });
            // One waits, on another runtime, when it happens.
            let (waiting, waits) = mpsc::channel();
            let waiter = thread::spawn(move || {
                current_thread().block_on(async move {
                    std::future::poll_fn(|cx| {
                        let poll = server.poll_read_ready(cx);
                        let _ = waiting.send(());
                        poll
                    })
                    .await
                })
            });
            waits.recv().unwrap();
            drop(runtime);
            let text = "the runtime that owns this socket has shut down";
            assert_eq!(waiter.join().unwrap().unwrap_err().to_string(), text);
            assert_eq!(client.try_write(b"x").unwrap_err().to_string(), text);
            current_thread().block_on(async move {
                assert_eq!((&client).read(&mut [0; 8]).await.unwrap_err().to_string(), text);
                assert_eq!((&client).write(b"x").await.unwrap_err().to_string(), text);
                assert_eq!(client.readable().await.unwrap_err().to_string(), text);
                assert_eq!(listener.accept().await.unwrap_err().to_string(), text);
                // The socket itself is fine, and another runtime may have it.
                let client = TcpStream::from_std(client.into_std().unwrap()).unwrap();
                client.writable().await.unwrap();
            });
        });
    }
}

#[test]
fn a_socket_works_in_a_task_of_another_runtime() {
    in_time(|| {
        let owner = multi_thread();
        let (mut client, mut server) = owner.block_on(connection());
        current_thread().block_on(async move {
            let reader = runtime::spawn(async move {
                let mut buf = [0; 5];
                server.read_exact(&mut buf).await.unwrap();
                buf
            });
            client.write_all(b"hello").await.unwrap();
            assert_eq!(&reader.await.unwrap(), b"hello");
        });
    });
}

#[test]
fn p30_the_standard_librarys_sockets_become_nonblocking_and_close_on_exec() {
    on_each_flavor(|| async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let inherited = std::net::TcpStream::connect(addr).unwrap();
        rustix::io::fcntl_setfd(&inherited, FdFlags::empty()).unwrap();
        let stream = TcpStream::from_std(inherited).unwrap();
        assert_eq!(rustix::io::fcntl_getfd(&stream), Ok(FdFlags::CLOEXEC));
        let (server, _) = listener.accept().await.unwrap();
        // Would block the thread for ever otherwise.
        assert_eq!(stream.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(server.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.connect(addr).await.unwrap();
    });
}

#[test]
fn a_socket_that_was_taken_over_while_it_connects_is_not_writable_yet() {
    on_each_flavor(|| async {
        let socket = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap()
        };
        let listener = socket();
        rustix::net::bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let addr = SocketAddr::try_from(rustix::net::getsockname(&listener).unwrap()).unwrap();
        // The queue takes the first or two, and the last is not answered.
        let mut sockets: Vec<_> = (0..4).map(|_| socket()).collect();
        for socket in &sockets {
            assert_eq!(rustix::net::connect(socket, &addr), Err(Errno::INPROGRESS));
        }
        let stream = TcpStream::from_std(sockets.pop().unwrap().into()).unwrap();
        assert_eq!(stream.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        let mut writable = pin!(stream.writable());
        assert!(futures::poll!(&mut writable).is_pending());
        // Its next attempt, after a second, finds nobody.
        drop(listener);
        writable.await.unwrap();
        assert_eq!(stream.take_error().unwrap().unwrap().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_socket_that_is_connected_connects_to_nobody_else() {
    on_each_flavor(|| async {
        let (_client, server) = connection().await;
        let (_listener, elsewhere) = listen().await;
        let socket = TcpSocket::from_std_stream(server.into_std().unwrap());
        let error = socket.connect(elsewhere).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ISCONN.raw_os_error()));
    });
}

#[test]
fn a_linger_of_less_than_a_second_is_no_reset() {
    on_each_flavor(|| async {
        let (client, mut server) = connection().await;
        client.set_linger(Some(Duration::from_millis(500))).unwrap();
        assert_eq!(client.linger().unwrap(), Some(Duration::from_secs(1)));
        drop(client);
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_linger(Some(Duration::from_millis(2001))).unwrap();
        assert_eq!(socket.linger().unwrap(), Some(Duration::from_secs(3)));
    });
}

#[test]
fn sockets_outside_of_a_runtime_panic_with_the_remedy() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let panic = std::panic::catch_unwind(|| TcpListener::from_std(listener)).unwrap_err();
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap();
    assert!(text.contains("runtime"), "{text}");
}
