//! The example `observe` as tokio-console and Prometheus see it: through tokio-console's own subscriber, and with the client
//! that it is made of.

#[path = "../../examples/observe.rs"]
#[allow(dead_code)]
mod observe;

#[cfg(any(console_without_tokio_unstable, tokio_unstable))]
#[path = "console/resources.rs"]
mod resources;
#[cfg(any(console_without_tokio_unstable, tokio_unstable))]
#[path = "console/tasks.rs"]
mod tasks;

use runtime::Runtime;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A server on a runtime of its own, which ends with that.
fn serve(runtime: &Runtime) -> SocketAddr {
    let listener = runtime.block_on(runtime::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    drop(runtime.spawn(observe::serve(listener)));
    address
}

/// What the server answers to one request of a connection.
fn get(stream: &mut TcpStream, path: &str) -> (String, String) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0].into());
    }
    let length = head.split_once("Content-Length: ").unwrap().1.split_once('\r').unwrap().0;
    let mut page = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut page).unwrap();
    (head, String::from_utf8(page).unwrap())
}

#[test]
fn its_pages_are_what_they_say() {
    let runtime = Runtime::new().unwrap();
    let mut stream = TcpStream::connect(serve(&runtime)).unwrap();
    assert!(get(&mut stream, "/").1.contains("/metrics"));
    assert!(get(&mut stream, "/tasks").1.contains("clock: "));
    assert_eq!(get(&mut stream, "/wait").1, "waited\n");
    assert_eq!(get(&mut stream, "/primes").1, "2262\n");
    assert!(get(&mut stream, "/missing").0.starts_with("HTTP/1.1 404 "));
}

/// The text that `metrics::prometheus` makes is looked at closely in the tests of the runtime; this is the page.
#[test]
fn its_metrics_are_for_prometheus() {
    let runtime = Runtime::new().unwrap();
    let mut stream = TcpStream::connect(serve(&runtime)).unwrap();
    let (head, page) = get(&mut stream, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4\r\n"), "{head}");
    assert!(page.ends_with('\n'));
    let mut samples = 0;
    let mut family = String::new();
    for line in page.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let words: Vec<&str> = comment.splitn(3, ' ').collect();
            match words[..] {
                ["HELP", name, _] => family = name.to_owned(),
                ["TYPE", name, "counter" | "gauge" | "histogram"] => assert_eq!(name, family),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with(&family), "{line} in {family}");
        let labels = name.split_once('{').map_or("", |(_, labels)| labels.strip_suffix("\"}").unwrap());
        assert_eq!(labels.matches('"').count(), labels.matches('=').count(), "{line}");
        assert!(value.parse::<f64>().unwrap() >= 0.0, "{line}");
        samples += 1;
    }
    assert!(samples > 20, "{page}");
    // The clock, the connection, and the server itself.
    assert!(page.contains("\nruntime_tasks_alive 3\n"), "{page}");
}
