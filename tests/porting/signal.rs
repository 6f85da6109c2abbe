//! `tokio::signal`.

use std::future::poll_fn;
use tokio::process::Command;
use tokio::signal::ctrl_c;
use tokio::signal::unix::{SignalKind, signal};

async fn raise(name: &str) {
    let kill = Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status();
    assert!(kill.await.unwrap().success());
}

/// `signal::unix`: `signal`.
/// `signal::unix::Signal`: `recv`, `poll_recv`.
#[tokio::test]
async fn listening() {
    let mut hangup = signal(SignalKind::hangup()).unwrap();
    raise("HUP").await;
    assert_eq!(hangup.recv().await, Some(()));
    raise("HUP").await;
    assert_eq!(poll_fn(|cx| hangup.poll_recv(cx)).await, Some(()));
}

/// `signal`: `ctrl_c`.
#[tokio::test]
async fn interrupting() {
    // So that it is listened for before the other task runs.
    let _interrupt = signal(SignalKind::interrupt()).unwrap();
    let waits = tokio::spawn(ctrl_c());
    while !waits.is_finished() {
        raise("INT").await;
        tokio::task::yield_now().await;
    }
    waits.await.unwrap().unwrap();
}

/// `signal::unix::SignalKind`: `alarm`, `child`, `hangup`, `interrupt`, `io`, `pipe`, `quit`, `terminate`, `user_defined1`, `user_defined2`, `window_change`, `from_raw`, `as_raw_value`.
#[test]
fn kinds() {
    let kinds = [
        SignalKind::alarm(),
        SignalKind::child(),
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::io(),
        SignalKind::pipe(),
        SignalKind::quit(),
        SignalKind::terminate(),
        SignalKind::user_defined1(),
        SignalKind::user_defined2(),
        SignalKind::window_change(),
    ];
    let numbers = kinds.map(|kind| kind.as_raw_value());
    assert_eq!(kinds, numbers.map(SignalKind::from_raw));
    assert_eq!(i32::from(SignalKind::interrupt()), 2);
    assert_eq!(SignalKind::from(15), SignalKind::terminate());
}
