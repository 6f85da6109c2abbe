//! Descriptors that run out. The limit is the process', so the test runs in a child.

use super::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::TcpStream as StdTcpStream;
use std::process::Command;

const CHILD: &str = "RUNTIME_IO_FAULT_CHILD";

/// Runs this test alone in a child, which finds `CHILD` set.
fn in_child(test: &str, body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no test is called {test}");
}

/// No new descriptor beyond those that are open. Returns what to restore.
fn close_the_door() -> Rlimit {
    let old = getrlimit(Resource::Nofile);
    let next = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().parse::<u64>().unwrap())
        .max()
        .unwrap();
    setrlimit(Resource::Nofile, Rlimit { current: Some(next), maximum: old.maximum }).unwrap();
    // Fills the gaps below.
    while let Ok(file) = std::fs::File::open("/dev/null") {
        std::mem::forget(file);
    }
    old
}

#[test]
fn p24_accept_without_descriptors_says_so_and_serves_afterwards() {
    in_child("tests::faults::p24_accept_without_descriptors_says_so_and_serves_afterwards", || {
        const COUNT: usize = 5;
        let harness = Harness::new();
        let listener = harness.listen();
        let addr = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..COUNT).map(|_| StdTcpStream::connect(addr).unwrap()).collect();
        let old = close_the_door();
        let listener = in_time(async move {
            for _ in 0..3 {
                let error = listener.accept().await.unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            }
            listener
        });
        setrlimit(Resource::Nofile, old).unwrap();
        let served = in_time(async move {
            for _ in 0..COUNT {
                listener.accept().await.unwrap();
            }
            COUNT
        });
        assert_eq!(served, clients.len());
    });
}

#[test]
fn p55_a_driver_without_descriptors_is_an_error_that_leaks_nothing() {
    in_child("tests::faults::p55_a_driver_without_descriptors_is_an_error_that_leaks_nothing", || {
        let count = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let before = count();
        drop(IoDriver::new().unwrap());
        assert_eq!(count(), before);
        let limit = getrlimit(Resource::Nofile);
        let open = (0..).find(|&room| {
            // One descriptor more each time, until the driver has all that it needs.
            let current = Some(before as u64 + room);
            setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum }).unwrap();
            let made = IoDriver::new();
            setrlimit(Resource::Nofile, limit).unwrap();
            let is_ok = made.is_ok();
            drop(made);
            assert_eq!(count(), before, "with room for {room} descriptors");
            is_ok
        });
        assert!(open.unwrap() > 0, "the limit was felt");
    });
}
