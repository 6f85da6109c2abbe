//! TCP over the loopback interface.

use super::*;
use futures::future::join_all;
use futures::{AsyncReadExt, AsyncWriteExt, poll};
use socket2::SockRef;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::pin::pin;
use std::task::Poll;

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

#[test]
fn a_fresh_stream_is_writable_and_not_known_to_be_readable() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    in_time(async move {
        assert!(poll!(pin!(client.readable())).is_pending());
        assert!(poll!(pin!(server.readable())).is_pending());
        server.writable().await.unwrap();
        assert_eq!(client.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(server.try_read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn p22_nothing_is_lost_after_a_short_read() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    // The receiver's buffer is larger than each message, so each read is short and clears the
    // readiness without a second system call, while the next message is on its way.
    let reader = spawn(async move {
        let mut buf = [0; 64];
        let mut total = 0;
        loop {
            match (&server).read(&mut buf).await.unwrap() {
                0 => return total,
                len => total += len,
            }
        }
    });
    in_time(async move {
        for _ in 0..100_000 {
            (&client).write_all(b"0123456").await.unwrap();
        }
    });
    assert_eq!(reader.recv_timeout(HANG).unwrap(), 700_000);
}

#[test]
fn p22_a_full_send_buffer_becomes_writable_again() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    let chunk = vec![7; 1 << 20];
    let mut sent = 0;
    // Fills both buffers; the last write may be partial.
    while let Ok(len) = client.try_write(&chunk) {
        sent += len;
    }
    let writer = spawn(async move {
        (&client).write_all(&chunk).await.unwrap();
        chunk.len()
    });
    let reader = spawn(async move {
        let mut all = Vec::new();
        (&server).read_to_end(&mut all).await.unwrap();
        all.len()
    });
    sent += writer.recv_timeout(HANG).unwrap();
    assert_eq!(reader.recv_timeout(HANG).unwrap(), sent);
}

#[test]
fn p27_all_tasks_that_wait_in_one_direction_are_woken() {
    let harness = Harness::new();
    let (mut client, server) = harness.connection();
    let server = Arc::new(server);
    let queued: Vec<_> = (0..3)
        .map(|_| {
            let server = Arc::clone(&server);
            spawn(async move { server.peek(&mut [0; 8]).await.unwrap() })
        })
        .collect();
    let in_slot: Vec<_> = (0..3)
        .map(|_| {
            let server = Arc::clone(&server);
            spawn(async move { std::future::poll_fn(|cx| server.poll_read_ready(cx)).await.unwrap() })
        })
        .collect();
    // The other direction goes on meanwhile.
    let writer = spawn(async move { (&*server).write_all(b"out").await.unwrap() });
    writer.recv_timeout(HANG).unwrap();
    in_time(async move {
        let mut buf = [0; 3];
        client.read_exact(&mut buf).await.unwrap();
        client.write_all(b"in").await.unwrap();
        client
    });
    for waiting in queued {
        assert_eq!(waiting.recv_timeout(HANG).unwrap(), 2);
    }
    for waiting in in_slot {
        waiting.recv_timeout(HANG).unwrap();
    }
}

#[test]
fn p28_a_half_close_ends_reading_and_lets_writing_go_on() {
    let harness = Harness::new();
    let (mut client, server) = harness.connection();
    let reader = spawn(async move {
        let len = (&server).read(&mut [0; 8]).await.unwrap();
        assert!(server.ready(crate::io::Interest::READABLE).await.unwrap().is_read_closed());
        (&server).write_all(b"still here").await.unwrap();
        len
    });
    in_time(async move {
        client.close().await.unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"still here");
    });
    assert_eq!(reader.recv_timeout(HANG).unwrap(), 0);
}

#[test]
fn p28_the_end_in_the_same_event_as_data_is_seen() {
    for _ in 0..200 {
        let harness = Harness::new();
        let (client, server) = harness.connection();
        client.try_write(b"bye").unwrap();
        drop(client);
        let read = in_time(async move {
            server.readable().await.unwrap();
            let mut all = Vec::new();
            (&server).read_to_end(&mut all).await.unwrap();
            all
        });
        assert_eq!(read, b"bye");
    }
}

#[test]
fn p28_a_reset_wakes_reader_and_writer() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    let server = Arc::new(server);
    while server.try_write(&[0; 1 << 16]).is_ok() {}
    let (reading, writing) = (Arc::clone(&server), server);
    let reader = spawn(async move { (&*reading).read(&mut [0; 8]).await });
    let writer = spawn(async move { (&*writing).write_all(&[0; 1 << 20]).await });
    client.set_zero_linger().unwrap();
    drop(client);
    // The system gives the reset to one of them, and the end of the stream or a broken pipe to the other.
    assert!(matches!(reader.recv_timeout(HANG).unwrap(), Err(_) | Ok(0)));
    assert!(writer.recv_timeout(HANG).unwrap().is_err());
}

#[test]
fn p28_urgent_data_in_the_middle_hides_nothing() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    client.try_write(b"before").unwrap();
    SockRef::from(&client).send_out_of_band(b"!").unwrap();
    client.try_write(b"after").unwrap();
    let all = in_time(async move {
        server.readable().await.unwrap();
        let mut all = Vec::new();
        while all.len() < 11 {
            let mut buf = [0; 64];
            let len = (&server).read(&mut buf).await.unwrap();
            all.extend_from_slice(&buf[..len]);
        }
        all
    });
    assert_eq!(all, b"beforeafter");
    drop(client);
}

#[test]
fn p29_a_dropped_read_loses_no_bytes() {
    let harness = Harness::new();
    let (mut client, server) = harness.connection();
    in_time(async move {
        for round in 0..1000_u32 {
            {
                let mut buf = [0; 4];
                let mut reader = &server;
                let mut read = pin!(reader.read_exact(&mut buf));
                assert!(poll!(&mut read).is_pending());
                let mut peek_buf = [0; 4];
                assert!(poll!(pin!(server.peek(&mut peek_buf))).is_pending());
            }
            client.write_all(&round.to_be_bytes()).await.unwrap();
            let mut buf = [0; 4];
            (&server).read_exact(&mut buf).await.unwrap();
            assert_eq!(u32::from_be_bytes(buf), round);
        }
    });
}

#[test]
fn p31_everything_says_so_after_the_shutdown() {
    let mut harness = Harness::new();
    let (client, server) = harness.connection();
    let listener = harness.listen();
    let client = Arc::new(client);
    let in_slot = Arc::clone(&client);
    let waiting = [
        spawn(async move { (&*in_slot).read(&mut [0; 8]).await.map(drop) }),
        spawn({
            let client = Arc::clone(&client);
            async move { client.peek(&mut [0; 8]).await.map(drop) }
        }),
        spawn({
            let client = Arc::clone(&client);
            async move { client.readable().await }
        }),
        spawn(async move { listener.accept().await.map(drop) }),
    ];
    harness.stop();
    for waiting in waiting {
        assert_shut_down(waiting.recv_timeout(HANG).unwrap());
    }
    // Neither readiness nor data helps.
    assert_shut_down(server.try_write(b"x"));
    assert_shut_down(server.try_read(&mut [0; 8]));
    assert_shut_down(server.try_io(crate::io::Interest::WRITABLE, || Ok(())));
    assert_shut_down(in_time(async move { (&server).write(b"x").await }));
    let addr = "127.0.0.1:0".parse().unwrap();
    assert_shut_down(TcpListener::bind_in(Arc::clone(&harness.reactor), addr));
    // What needs no driver works: the socket can be taken away.
    let client = Arc::into_inner(client).unwrap().into_std().unwrap();
    assert!(client.peer_addr().is_ok());
}

#[test]
fn a_refused_connection_is_an_error() {
    let harness = Harness::new();
    let addr = harness.listen().local_addr().unwrap();
    let connect = TcpSocket::new_v4().unwrap().connect_in(Arc::clone(&harness.reactor), addr);
    assert_eq!(in_time(connect).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn any_number_of_tasks_accept_from_one_listener() {
    const COUNT: usize = 16;
    let harness = Harness::new();
    let listener = harness.listen();
    let addr = listener.local_addr().unwrap();
    let accepted = spawn(async move {
        let all = join_all((0..COUNT).map(|_| listener.accept())).await;
        all.into_iter().filter(Result::is_ok).count()
    });
    let _clients: Vec<_> = (0..COUNT).map(|_| std::net::TcpStream::connect(addr).unwrap()).collect();
    assert_eq!(accepted.recv_timeout(HANG).unwrap(), COUNT);
}

#[test]
fn owned_halves_come_together_again_and_only_with_each_other() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    let addr = client.local_addr().unwrap();
    let (read, write) = client.into_split();
    let (other_read, other_write) = server.into_split();
    let error = read.reunite(other_write).unwrap_err();
    assert!(error.to_string().contains("not of the same stream"));
    let client = error.0.reunite(write).unwrap();
    assert_eq!(client.local_addr().unwrap(), addr);
    let server = error.1.reunite(other_read).unwrap();
    // Nothing was shut down on the way.
    assert_eq!(client.try_write(b"x").unwrap(), 1);
    assert_eq!(server.try_write(b"x").unwrap(), 1);
}

#[test]
fn dropping_the_writing_half_ends_the_stream_unless_forgotten() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    let (mut read, write) = server.into_split();
    drop(write);
    let client = in_time(async move {
        assert_eq!((&client).read(&mut [0; 8]).await.unwrap(), 0);
        (&client).write_all(b"x").await.unwrap();
        client
    });
    assert_eq!(in_time(async move { read.read(&mut [0; 8]).await.unwrap() }), 1);
    drop(client);

    let (client, server) = harness.connection();
    let (read, write) = server.into_split();
    write.forget();
    in_time(async move {
        assert!(poll!(pin!((&client).read(&mut [0; 8]))).is_pending());
        drop(read);
        assert_eq!((&client).read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn borrowed_halves_work_at_the_same_time() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    let echo = spawn(async move { futures::io::copy(&server, &mut &server).await.unwrap() });
    in_time(async move {
        let (mut read, mut write) = client.split();
        let sent = vec![3; 4 << 20];
        let mut received = vec![0; sent.len()];
        let (wrote, read) = futures::join!(write.write_all(&sent), read.read_exact(&mut received));
        wrote.unwrap();
        read.unwrap();
        assert!(sent == received);
    });
    assert_eq!(echo.recv_timeout(HANG).unwrap(), 4 << 20);
}

#[test]
fn vectored_uninit_and_peek() {
    let harness = Harness::new();
    let (mut client, server) = harness.connection();
    in_time(async move {
        let bufs = [IoSlice::new(b"one"), IoSlice::new(b"two")];
        assert_eq!(client.write_vectored(&bufs).await.unwrap(), 6);
        assert_eq!(client.try_write_vectored(&bufs).unwrap(), 6);
        assert_eq!(server.peek(&mut [0; 3]).await.unwrap(), 3);
        assert_eq!(std::future::poll_fn(|cx| server.poll_peek(cx, &mut [0; 2])).await.unwrap(), 2);

        let (mut a, mut b) = ([0; 2], [0; 4]);
        let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!((&server).read_vectored(&mut bufs).await.unwrap(), 6);
        assert_eq!((&a, &b), (b"on", b"etwo"));
        let mut buf = [MaybeUninit::uninit(); 3];
        let len = std::future::poll_fn(|cx| server.poll_read_uninit(cx, &mut buf)).await.unwrap();
        assert_eq!(len, 3);
        server.readable().await.unwrap();
        let mut rest = [0; 8];
        assert_eq!(server.try_read_vectored(&mut [IoSliceMut::new(&mut rest)]).unwrap(), 3);
        assert_eq!(&rest[..3], b"two");
    });
}

/// A system call takes 1,024 buffers: that it filled no more of them says nothing about what is left.
#[test]
fn more_buffers_than_a_call_takes() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    in_time(async move {
        (&client).write_all(&[7; 3000]).await.unwrap();
        // All has arrived before the first read: no event comes between the reads.
        while server.peek(&mut [0; 3000]).await.unwrap() < 3000 {}
        let mut received = 0;
        while received < 3000 {
            let mut bytes = [[0; 1]; 2000];
            let mut bufs: Vec<_> = bytes.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
            received += (&server).read_vectored(&mut bufs).await.unwrap();
        }
        // The direction to write stays ready, too.
        let bufs: Vec<_> = (0..2000).map(|_| IoSlice::new(b"7")).collect();
        for _ in 0..3 {
            assert_eq!((&client).write_vectored(&bufs).await.unwrap(), 1024);
        }
    });
}

#[test]
fn options_are_kept() {
    let harness = Harness::new();
    let (client, _server) = harness.connection();
    client.set_nodelay(true).unwrap();
    assert!(client.nodelay().unwrap());
    client.set_ttl(77).unwrap();
    assert_eq!(client.ttl().unwrap(), 77);
    client.set_linger(Some(Duration::from_secs(3))).unwrap();
    assert_eq!(client.linger().unwrap(), Some(Duration::from_secs(3)));
    client.set_linger(None).unwrap();
    assert_eq!(client.linger().unwrap(), None);
    assert!(client.take_error().unwrap().is_none());

    let socket = TcpSocket::new_v4().unwrap();
    socket.set_keepalive(true).unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.set_nodelay(true).unwrap();
    assert!(socket.keepalive().unwrap() && socket.reuseaddr().unwrap());
    assert!(socket.reuseport().unwrap() && socket.nodelay().unwrap());
    socket.set_send_buffer_size(1 << 16).unwrap();
    assert!(socket.send_buffer_size().unwrap() >= 1 << 16);
    socket.set_recv_buffer_size(1 << 16).unwrap();
    assert!(socket.recv_buffer_size().unwrap() >= 1 << 16);
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket.local_addr().unwrap();
    let listener = socket.listen_in(Arc::clone(&harness.reactor), 8).unwrap();
    assert_eq!(listener.local_addr().unwrap(), addr);
}

#[test]
fn p30_every_descriptor_is_nonblocking_and_close_on_exec() {
    let harness = Harness::new();
    let listener = harness.listen();
    let (client, server) = harness.connection();
    for fd in [listener.as_fd(), client.as_fd(), server.as_fd(), TcpSocket::new_v6().unwrap().as_fd()] {
        assert_nonblocking_cloexec(fd);
    }
}

#[test]
fn a_taken_socket_works_without_the_driver() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    let mut client = client.into_std().unwrap();
    let mut server = server.into_std().unwrap();
    assert!(!harness.reactor.has_sources());
    client.write_all(b"x").unwrap();
    server.set_nonblocking(false).unwrap();
    server.read_exact(&mut [0]).unwrap();
    client.shutdown(Shutdown::Both).unwrap();
}

#[test]
fn the_operation_of_try_io_runs_only_when_ready_and_clears_when_wrong() {
    let harness = Harness::new();
    let (client, mut server) = harness.connection();
    in_time(async move {
        use crate::io::Interest;
        let blocked = client.try_io(Interest::WRITABLE, || Err::<(), _>(ErrorKind::WouldBlock.into()));
        assert_eq!(blocked.unwrap_err().kind(), ErrorKind::WouldBlock);
        // The driver has to say it anew, which it does at the next event.
        server.write_all(b"x").await.unwrap();
        client.readable().await.unwrap();
        let mut calls = 0;
        let len = client
            .async_io(Interest::READABLE, || {
                calls += 1;
                SockRef::from(&client).recv(&mut [MaybeUninit::uninit(); 4])
            })
            .await;
        assert_eq!((len.unwrap(), calls), (1, 1));
        let never = client
            .async_io(Interest::READABLE, || SockRef::from(&client).recv(&mut [MaybeUninit::uninit(); 4]));
        assert!(matches!(poll!(pin!(never)), Poll::Pending));
    });
}

#[test]
fn an_operation_that_always_blocks_on_an_ended_stream_lets_others_run() {
    let harness = Harness::new();
    let (client, server) = harness.connection();
    drop(server);
    in_time(async move {
        use crate::io::Interest;
        while !client.ready(Interest::READABLE).await.unwrap().is_read_closed() {}
        let mut operation =
            pin!(client.async_io(Interest::READABLE, || Err::<(), _>(ErrorKind::WouldBlock.into())));
        for _ in 0..10 {
            assert!(poll!(&mut operation).is_pending());
        }
    });
}
