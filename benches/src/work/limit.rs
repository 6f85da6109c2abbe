//! Limits: the same work by other means, without an async runtime.

use super::{echo, spawn, switch};
use crate::load::MESSAGE;
use crate::measure::{Figures, Run};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Forking and joining with rayon.
pub fn fork_join(run: &Run) -> Figures {
    fn fib(n: u32) -> u64 {
        if n <= spawn::FIB_PLAIN {
            return spawn::fib_plain(n);
        }
        let (left, right) = rayon::join(|| fib(n - 1), || fib(n - 2));
        left + right
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(run.workers).build().expect("rayon");
    run.repeat(1, || assert_eq!(pool.install(|| fib(spawn::FIB)), spawn::FIB_RESULT))
}

/// A blocking channel between threads.
pub fn mpsc_fan_in(run: &Run) -> Figures {
    run.repeat(switch::SENDERS * switch::VALUES, || {
        let (tx, rx) = crossbeam_channel::bounded(switch::ROOM);
        thread::scope(|scope| {
            for _ in 0..switch::SENDERS {
                let tx = tx.clone();
                scope.spawn(move || (0..switch::VALUES).for_each(|value| tx.send(value).expect("receiver")));
            }
            drop(tx);
            assert_eq!(rx.iter().count() as u64, switch::SENDERS * switch::VALUES);
        });
    })
}

/// An echo server of one thread around epoll.
pub fn tcp_echo(run: &Run, connections: usize) -> Figures {
    let (listener, address) = echo::bind();
    // It ends with the process.
    thread::spawn(move || echo_loop(&listener));
    echo::measure(run, "load", &address.to_string(), connections)
}

fn echo_loop(listener: &TcpListener) {
    const LISTENER: u64 = u64::MAX;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("epoll");
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER)).expect("epoll_ctl");
    let mut streams: Vec<TcpStream> = Vec::new();
    let mut events = vec![EpollEvent::empty(); 1024];
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE).expect("epoll_wait");
        for event in &events[..count] {
            if event.data() == LISTENER {
                let (stream, _) = listener.accept().expect("cannot accept");
                stream.set_nodelay(true).expect("nodelay");
                let key = streams.len() as u64;
                epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, key)).expect("epoll_ctl");
                streams.push(stream);
                continue;
            }
            let stream = &mut streams[event.data() as usize];
            let mut buf = [0; MESSAGE];
            let read = stream.read(&mut buf).unwrap_or(0);
            if read == 0 || stream.write_all(&buf[..read]).is_err() {
                // The client is gone, and with it the run.
                epoll.delete(&*stream).expect("epoll_ctl");
            }
        }
    }
}
