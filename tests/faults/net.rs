//! Faults of the calls behind sockets and pipes: promises 24, 25 and 26.
//!
//! Both ends are ours in all of these, and send all the time: an injected `EAGAIN` is a lie (the data is there), which
//! only the next event can put right. The real one comes with the next event by its nature.

use super::{LONG, faulty, held};
use runtime::Runtime;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::unix::pipe;
use runtime::net::{self, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use runtime::time::{sleep, timeout};
use std::io;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(1);

/// The calls that are traced count all threads of the process: one thread makes it always the same order.
fn runtime() -> Runtime {
    runtime::Builder::new_current_thread().build().unwrap()
}

async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(LONG, future).await.expect("it hangs")
}

/// Sends the numbers from 0 on, one at a time, for as long as it is let.
async fn count<W: AsyncWriteExt + Unpin>(mut stream: W) {
    for number in (0..=u8::MAX).cycle() {
        stream.write_all(&[number]).await.unwrap();
        sleep(TICK).await;
    }
}

/// Receives so many numbers, of which none may be missing, twice there, or wrong.
async fn check<R: AsyncReadExt + Unpin>(mut stream: R, many: usize) {
    let mut received = vec![0; many];
    stream.read_exact(&mut received).await.unwrap();
    assert!(received.iter().enumerate().all(|(at, &number)| number == at as u8), "{received:?}");
}

/// Both ends count, until both have checked.
async fn both_ways<S>(one: &S, other: &S)
where
    for<'a> &'a S: AsyncReadExt + AsyncWriteExt + Unpin,
{
    const MANY: usize = 300;
    in_time(async {
        runtime::select! {
            () = async { runtime::join!(check(one, MANY), check(other, MANY)); } => {}
            () = count(one) => {}
            () = count(other) => {}
        }
    })
    .await;
}

#[test]
fn p25_streams_get_over_transient_errors() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let server = in_time(listener.accept()).await.unwrap().0;
        both_ways(&client, &server).await;

        let path = std::env::temp_dir().join(format!("runtime-faults-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).await.unwrap();
        let server = in_time(listener.accept()).await.unwrap().0;
        std::fs::remove_file(path).unwrap();
        both_ways(&client, &server).await;
    });
}

#[test]
fn p25_pipes_get_over_interruptions() {
    runtime().block_on(async {
        let (sender, receiver) = pipe::pipe().unwrap();
        in_time(async {
            runtime::select! {
                () = check(receiver, 300) => {}
                () = count(sender) => {}
            }
        })
        .await;
    });
}

#[test]
fn p25_datagrams_get_over_transient_errors() {
    runtime().block_on(async {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        udp.connect(udp.local_addr().unwrap()).await.unwrap();
        let (one, other) = UnixDatagram::pair().unwrap();
        for number in 0..100_u8 {
            let mut buf = [0; 8];
            in_time(udp.send(&[number])).await.unwrap();
            assert_eq!(in_time(udp.recv(&mut buf)).await.unwrap(), 1);
            assert_eq!(buf[0], number);
            in_time(one.send(&[number])).await.unwrap();
            assert_eq!(in_time(other.recv(&mut buf)).await.unwrap(), 1);
            assert_eq!(buf[0], number);
        }
    });
}

/// Connects until the first client is served, and gives the time that took.
async fn time_to_serve(addr: std::net::SocketAddr) -> Duration {
    let start = Instant::now();
    let first = async {
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.read_exact(&mut [0]).await.unwrap();
    };
    let others = async {
        let mut clients = Vec::new();
        loop {
            sleep(10 * TICK).await;
            clients.push(TcpStream::connect(addr).await);
            // Enough for a server that was told a lie; the others wait long for it.
            if clients.len() == 20 {
                std::future::pending::<()>().await;
            }
        }
    };
    in_time(async {
        runtime::select! {
            () = first => {}
            () = others => {}
        }
    })
    .await;
    start.elapsed()
}

#[test]
fn p25_accept_gets_over_transient_errors() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let accepting = async {
            let mut streams = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(b"!").await.unwrap();
                streams.push(stream);
            }
        };
        runtime::select! {
            _ = time_to_serve(addr) => {}
            () = accepting => {}
        }
    });
}

#[test]
fn p25_a_server_gets_over_errors_of_single_connections() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = net::serve(listener, async |mut stream: TcpStream, _| stream.write_all(b"!").await);
        let took = time_to_serve(addr).await;
        assert!(took < Duration::from_secs(2), "at once, not after pauses: {took:?}");
        server.close();
        in_time(server.wait_closed()).await;
    });
}

/// How often `when=1..N` injects.
fn injections() -> u32 {
    let fault = std::env::var("FAULT").unwrap_or_default();
    fault.rsplit_once("..").map_or(0, |(_, times)| times.parse().unwrap())
}

#[test]
fn p24_a_server_without_descriptors_or_memory_does_not_spin() {
    runtime().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = net::serve(listener, async |mut stream: TcpStream, _| stream.write_all(b"!").await);
        let took = time_to_serve(addr).await;
        let attempts = f64::from(injections() + 1);
        assert!(!faulty() || attempts > 10.0);
        let a_second = attempts / took.as_secs_f64();
        assert!(!faulty() || a_second < 200.0, "{a_second} calls of accept4 a second");
        // The others that wait are served as well.
        for _ in 0..20 {
            let mut client = TcpStream::connect(addr).await.unwrap();
            in_time(client.read_exact(&mut [0])).await.unwrap();
        }
        server.close();
        in_time(server.wait_closed()).await;
    });
}

/// As on a system without IPv6, where a name stands for addresses of both kinds.
#[test]
fn an_address_of_a_family_without_sockets_is_passed_over() {
    runtime().block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        in_time(TcpStream::connect(&[addr, addr][..])).await.unwrap();
    });
}

#[test]
fn p26_a_refused_registration_is_an_error_and_leaks_nothing() {
    const ENOMEM: i32 = 12;
    const ENOSPC: i32 = 28;
    let runtime = runtime();
    let before = held();
    let refused = |result: io::Result<()>| match result {
        Ok(()) => assert!(!faulty(), "it was registered"),
        Err(error) => {
            assert!(faulty(), "{error}");
            assert!([ENOMEM, ENOSPC].contains(&error.raw_os_error().unwrap_or(0)), "{error}");
        }
    };
    runtime.block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        refused(TcpListener::bind("127.0.0.1:0").await.map(drop));
        refused(TcpStream::connect(addr).await.map(drop));
        refused(UdpSocket::bind("127.0.0.1:0").await.map(drop));
        refused(UnixStream::pair().map(drop));
        refused(UnixDatagram::unbound().map(drop));
        refused(pipe::pipe().map(drop));
        refused(TcpListener::from_std(listener).map(drop));
    });
    // Without a fault other tests run beside this one.
    assert!(!faulty() || held() == before, "{:?} were {before:?}", held());
    assert_eq!(runtime.metrics().io_driver_source_count(), 0);
}
