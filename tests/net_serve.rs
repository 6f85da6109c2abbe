//! `net::serve`: accepting, limiting, closing and draining; handlers that panic; descriptors that run out.

use futures::FutureExt;
use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{self, Server, TcpListener, TcpStream, UnixListener, UnixStream};
use runtime::sync::{Event, Semaphore, mpsc};
use runtime::{Runtime, ShutdownOptions, task};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as StdTcpStream};
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Far more than anything here takes: who waits longer hangs.
const HANG: Duration = Duration::from_secs(30);

fn runtimes() -> [Runtime; 2] {
    let multi_thread = runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    [multi_thread, runtime::Builder::new_current_thread().build().unwrap()]
}

async fn in_time<F: Future>(future: F) -> F::Output {
    runtime::time::timeout(HANG, future).await.expect("it hangs")
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn echo(mut stream: TcpStream, _: SocketAddr) -> std::io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

/// Sends a byte and waits for its echo.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"?").await.unwrap();
    in_time(stream.read_exact(&mut [0])).await.unwrap();
}

#[test]
fn every_connection_has_a_task_of_its_own() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let server = net::serve(listen().await, echo);
            let addr = server.local_addr().unwrap();
            let mut clients = Vec::new();
            for _ in 0..50 {
                let mut client = TcpStream::connect(addr).await.unwrap();
                ask(&mut client).await;
                clients.push(client);
            }
            assert_eq!(server.connections(), 50);
            for client in &mut clients {
                ask(client).await;
            }
            let shown = format!("{server:?}");
            assert!(shown.contains(&format!("local_addr: {addr}, connections: 50")), "{shown}");
            drop(clients);
            server.close();
            in_time(server.wait_closed()).await;
            assert_eq!(server.connections(), 0);
            assert!(format!("{server:?}").contains("is_closed: true"));
        });
    }
}

#[test]
fn unix_connections_are_served_too() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let path = std::env::temp_dir().join(format!("runtime-serve-{}", std::process::id()));
            let listener = UnixListener::bind(&path).unwrap();
            let server = net::serve(listener, async |mut stream: UnixStream, _| {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await?;
                stream.write_all(&all).await
            });
            assert_eq!(server.local_addr().unwrap().as_pathname(), Some(path.as_path()));
            let mut client = UnixStream::connect(&path).await.unwrap();
            client.write_all(b"there and back").await.unwrap();
            client.close().await.unwrap();
            let mut back = String::new();
            client.read_to_string(&mut back).await.unwrap();
            assert_eq!(back, "there and back");
            server.close();
            in_time(server.wait_closed()).await;
            let error = UnixStream::connect(&path).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            std::fs::remove_file(&path).unwrap();
        });
    }
}

#[test]
fn close_refuses_at_once_and_lets_connections_drain() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let server = net::serve(listen().await, echo);
            let addr = server.local_addr().unwrap();
            let mut client = TcpStream::connect(addr).await.unwrap();
            ask(&mut client).await;
            let waiters: Vec<_> = (0..3)
                .map(|_| {
                    let server = server.clone();
                    runtime::spawn(async move { server.wait_closed().await })
                })
                .collect();
            assert!(server.wait_closed().now_or_never().is_none(), "it is open");
            server.close();
            // With nothing run in between: the listener went in the call.
            let error = StdTcpStream::connect(addr).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            server.close();
            for _ in 0..3 {
                ask(&mut client).await;
            }
            assert!(server.wait_closed().now_or_never().is_none(), "a connection is left");
            assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
            drop(client);
            in_time(server.wait_closed()).await;
            for waiter in waiters {
                in_time(waiter).await.unwrap();
            }
            in_time(server.wait_closed()).await;
        });
    }
}

#[test]
fn a_server_without_connections_is_closed_at_once() {
    runtimes()[1].block_on(async {
        let server = net::serve(listen().await, echo);
        server.close();
        assert!(server.wait_closed().now_or_never().is_some());
    });
}

#[test]
fn a_dropped_server_serves_on() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let server = net::serve(listen().await, echo);
            let addr = server.local_addr().unwrap();
            drop(server);
            ask(&mut TcpStream::connect(addr).await.unwrap()).await;
        });
    }
}

#[test]
fn the_limit_holds_and_the_rest_is_served_in_turn() {
    const LIMIT: usize = 3;
    for runtime in runtimes() {
        runtime.block_on(async {
            let now = Arc::new(AtomicUsize::new(0));
            let most = Arc::new(AtomicUsize::new(0));
            let gate = Arc::new(Semaphore::new(0));
            let handler = {
                let (now, most, gate) = (now.clone(), most.clone(), gate.clone());
                move |mut stream: TcpStream, _| {
                    let (now, most, gate) = (now.clone(), most.clone(), gate.clone());
                    async move {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        stream.write_all(b"!").await.unwrap();
                        gate.acquire().await.unwrap().forget();
                        now.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            };
            let server = net::serve(listen().await, handler).limit(LIMIT);
            let addr = server.local_addr().unwrap();
            let mut clients: Vec<_> = (0..20).map(|_| StdTcpStream::connect(addr).unwrap()).collect();
            for client in &clients {
                client.set_nonblocking(true).unwrap();
            }
            let mut served = 0;
            while !clients.is_empty() {
                // Those at the front of the queue, and nobody else.
                for client in clients.drain(..clients.len().min(LIMIT)) {
                    let mut client = TcpStream::from_std(client).unwrap();
                    in_time(client.read_exact(&mut [0])).await.unwrap();
                    served += 1;
                }
                if let Some(next) = clients.first() {
                    assert_eq!(next.peek(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
                }
                assert!(server.connections() <= LIMIT);
                gate.add_permits(LIMIT);
            }
            server.close();
            in_time(server.wait_closed()).await;
            assert_eq!((served, most.load(Ordering::SeqCst)), (20, LIMIT));
        });
    }
}

#[test]
#[should_panic(expected = "`limit` takes 1 or more")]
fn a_limit_of_none_is_refused() {
    runtimes()[1].block_on(async {
        let _server = net::serve(listen().await, echo).limit(0);
    });
}

#[test]
fn a_panic_in_a_handler_is_reported_and_stays_there() {
    let (tell, told) = std::sync::mpsc::channel();
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .on_unhandled(move |unhandled| {
            tell.send((unhandled.message().to_owned(), unhandled.spawn_site().file())).unwrap();
        })
        .build()
        .unwrap();
    runtime.block_on(async {
        let count = AtomicUsize::new(0);
        let handler = move |mut stream: TcpStream, _| {
            // Before there is a future, as well as in it.
            assert_ne!(count.fetch_add(1, Ordering::SeqCst), 0, "no future");
            async move {
                let mut byte = [0];
                stream.read_exact(&mut byte).await.unwrap();
                assert_ne!(byte, *b"2", "no echo");
                stream.write_all(&byte).await.unwrap();
            }
        };
        let server = net::serve(listen().await, handler);
        let addr = server.local_addr().unwrap();
        for message in [b"1", b"2"] {
            let mut client = TcpStream::connect(addr).await.unwrap();
            // The first one may be gone already.
            let _ = client.write_all(message).await;
            // The connection is closed, or reset where what was sent lay unread.
            assert_eq!(in_time(client.read(&mut [0])).await.unwrap_or(0), 0);
        }
        ask(&mut TcpStream::connect(addr).await.unwrap()).await;
        server.close();
        in_time(server.wait_closed()).await;
    });
    drop(runtime);
    let mut told: Vec<_> = told.try_iter().collect();
    // A report comes when its connection is closed already: in any order.
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].0.contains("no echo") && told[1].0.contains("no future"), "{told:?}");
    assert!(told.iter().all(|(_, file)| file.ends_with("net_serve.rs")), "{told:?}");
}

#[test]
fn cancel_tells_those_that_listen_and_drops_the_others() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let (send, mut ends) = mpsc::unbounded_channel();
            let server = net::serve(listen().await, move |mut stream: TcpStream, _| {
                let send = send.clone();
                async move {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).await.unwrap();
                    if byte == *b"l" {
                        let cancelled = task::cancelled();
                        stream.write_all(b"!").await.unwrap();
                        cancelled.await;
                        stream.write_all(b"bye").await.unwrap();
                        send.send("cleaned up").unwrap();
                    } else {
                        stream.write_all(b"!").await.unwrap();
                        std::future::pending::<()>().await;
                        send.send("never").unwrap();
                    }
                }
            });
            let addr = server.local_addr().unwrap();
            let mut clients = Vec::new();
            for byte in [b"l", b"x"] {
                let mut client = TcpStream::connect(addr).await.unwrap();
                client.write_all(byte).await.unwrap();
                in_time(client.read_exact(&mut [0])).await.unwrap();
                clients.push(client);
            }
            server.cancel();
            in_time(server.wait_closed()).await;
            let mut said = [String::new(), String::new()];
            for (client, said) in clients.iter_mut().zip(&mut said) {
                in_time(client.read_to_string(said)).await.unwrap();
            }
            assert_eq!(said, ["bye", ""]);
            drop(server);
            assert_eq!(ends.recv().await, Some("cleaned up"));
            assert_eq!(ends.recv().await, None);
        });
    }
}

#[test]
fn the_end_of_the_runtime_ends_the_server() {
    for runtime in runtimes() {
        let told = Arc::new(Event::new());
        let (server, client) = runtime.block_on(async {
            let told = told.clone();
            let server = net::serve(listen().await, move |mut stream: TcpStream, _| {
                let told = told.clone();
                async move {
                    let cancelled = task::cancelled();
                    stream.write_all(b"!").await.unwrap();
                    cancelled.await;
                    told.set();
                }
            });
            let mut client = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
            in_time(client.read_exact(&mut [0])).await.unwrap();
            (server, client.into_std().unwrap())
        });
        assert!(runtime.shutdown(ShutdownOptions::default()).survivors().is_empty());
        assert!(told.is_set(), "the handler listened, and was told");
        futures::executor::block_on(server.wait_closed());
        assert!(server.is_closed() && server.connections() == 0);
        let addr = server.local_addr().unwrap();
        assert_eq!(StdTcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        client.set_nonblocking(false).unwrap();
        assert_eq!((&client).read(&mut [0]).unwrap(), 0);
    }
}

/// Connections that are on their way when the server closes: each is served to its end, or was never accepted.
#[test]
fn a_close_in_the_middle_of_connections_leaks_none() {
    const CLIENTS: usize = 40;
    let runtime = runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    for round in 0..50 {
        runtime.block_on(async {
            let served = Arc::new(AtomicUsize::new(0));
            let count = served.clone();
            let server: Server = net::serve(listen().await, move |mut stream: TcpStream, _| {
                let count = count.clone();
                async move {
                    let mut name = Vec::new();
                    if stream.read_to_end(&mut name).await.is_ok() && name.len() == 4 {
                        count.fetch_add(1, Ordering::SeqCst);
                        stream.write_all(&name).await.unwrap();
                    }
                }
            });
            let addr = server.local_addr().unwrap();
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    runtime::spawn(async move {
                        let mut stream = TcpStream::connect(addr).await?;
                        stream.write_all(b"name").await?;
                        stream.close().await?;
                        let mut back = Vec::new();
                        stream.read_to_end(&mut back).await?;
                        std::io::Result::Ok(back)
                    })
                })
                .collect();
            for _ in 0..round {
                task::yield_now().await;
            }
            server.close();
            in_time(server.wait_closed()).await;
            assert_eq!(server.connections(), 0);
            let served = served.load(Ordering::SeqCst);
            let mut answered = 0;
            for client in clients {
                match in_time(client).await.unwrap() {
                    Ok(back) if back == b"name" => answered += 1,
                    // Never accepted: reset while it waited in the queue, or refused.
                    Ok(back) => assert_eq!(back, b""),
                    Err(_) => {}
                }
            }
            assert_eq!(answered, served);
        });
    }
}

const CHILD: &str = "RUNTIME_SERVE_CHILD";

/// Runs this test alone in a child, which finds `CHILD` set; gives what it said on stderr.
fn in_child(test: &str, body: impl FnOnce()) -> Option<String> {
    if std::env::var_os(CHILD).is_some() {
        body();
        return None;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let output = child.args([test, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no test is called {test}");
    Some(said)
}

/// User and system time of this process, in ticks of 10 ms. `stat` was opened while there were descriptors.
fn cpu_ticks(stat: &File) -> u64 {
    let mut text = [0; 1024];
    let n = stat.read_at(&mut text, 0).unwrap();
    let text = String::from_utf8_lossy(&text[..n]);
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// No new descriptor beyond those that are open. Returns what to restore.
fn close_the_door() -> Rlimit {
    let old = getrlimit(Resource::Nofile);
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = open.map(|entry| entry.unwrap().file_name().to_string_lossy().parse::<u64>().unwrap());
    let next = numbers.max().unwrap();
    setrlimit(Resource::Nofile, Rlimit { current: Some(next), maximum: old.maximum }).unwrap();
    // Fills the gaps below.
    while let Ok(file) = std::fs::File::open("/dev/null") {
        std::mem::forget(file);
    }
    old
}

#[test]
fn p24_without_descriptors_the_server_waits_and_serves_everybody_afterwards() {
    const CLIENTS: usize = 5;
    let name = "p24_without_descriptors_the_server_waits_and_serves_everybody_afterwards";
    let said = in_child(name, || {
        // One thread: nothing is accepted before this awaits something.
        runtimes()[1].block_on(async {
            let listener = listen().await;
            let addr = listener.local_addr().unwrap();
            let stat = File::open("/proc/self/stat").unwrap();
            let mut clients: Vec<_> = (0..CLIENTS).map(|_| StdTcpStream::connect(addr).unwrap()).collect();
            let old = close_the_door();
            let server = net::serve(listener, echo);
            let cpu = cpu_ticks(&stat);
            runtime::time::sleep(Duration::from_secs(1)).await;
            let cpu = cpu_ticks(&stat) - cpu;
            assert!(cpu <= 5, "{cpu} ticks of 10 ms in a second of waiting");
            assert_eq!(server.connections(), 0);
            setrlimit(Resource::Nofile, old).unwrap();
            for client in &mut clients {
                client.write_all(b"?").unwrap();
                client.set_nonblocking(true).unwrap();
            }
            for client in clients {
                let mut client = TcpStream::from_std(client).unwrap();
                in_time(client.read_exact(&mut [0])).await.unwrap();
            }
            server.close();
            in_time(server.wait_closed()).await;
        });
    });
    let Some(said) = said else { return };
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("runtime: server at")).collect();
    // Not one for each attempt, of which there were about ten.
    let [cannot, again] = lines[..] else { panic!("{said}") };
    assert!(cannot.contains("cannot accept connections") && cannot.contains("ulimit -n"), "{cannot}");
    assert!(again.contains("accepts connections again, after "), "{again}");
}

#[test]
fn a_server_that_waits_for_descriptors_can_be_closed() {
    in_child("a_server_that_waits_for_descriptors_can_be_closed", || {
        runtimes()[1].block_on(async {
            let listener = listen().await;
            let _client = StdTcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let old = close_the_door();
            let server = net::serve(listener, echo);
            runtime::time::sleep(Duration::from_millis(50)).await;
            server.close();
            assert!(server.wait_closed().now_or_never().is_some());
            setrlimit(Resource::Nofile, old).unwrap();
        });
    });
}
