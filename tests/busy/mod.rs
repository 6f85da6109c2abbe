//! A blocking thread that is at something else.

use std::sync::mpsc;

/// Keeps a blocking thread of `runtime` at something else until the sender is dropped: it has begun.
pub(crate) fn keep_busy(runtime: &runtime::Runtime) -> mpsc::Sender<()> {
    let (release, gate) = mpsc::channel();
    let (started, is_started) = mpsc::channel();
    runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        let _ = gate.recv();
    });
    is_started.recv().unwrap();
    release
}
