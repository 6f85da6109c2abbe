//! Signals. They belong to the whole process, so most of these run in one of their own.
#![cfg(unix)]

#[allow(dead_code)]
mod other;

use futures::FutureExt;
use futures::future::{join_all, poll_immediate};
use other::{other, other_in, say};
use runtime::io::AsyncWriteExt;
use runtime::net::UnixStream;
use runtime::process::Command;
use runtime::signal::ctrl_c;
use runtime::signal::unix::{Signal, SignalKind, signal};
use runtime::{Builder, Runtime};
use rustix::process::{Signal as Number, getpid, kill_process};
use std::io::{ErrorKind, IoSlice};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

fn raise(signal: Number) {
    kill_process(getpid(), signal).unwrap();
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().build().unwrap()
}

fn usr1() -> Signal {
    signal(SignalKind::user_defined1()).unwrap()
}

/// Whether the signal is in a line of `/proc/self/status`: `SigCgt` has what is caught, `SigIgn` what is ignored.
fn is_in(line: &str, signal: Number) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let set = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(":\t")).unwrap();
    u64::from_str_radix(set, 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
}

#[test]
fn every_listener_of_every_runtime_is_told() {
    let Some(other) = other("every_listener_of_every_runtime_is_told") else {
        let (first, second) = (Runtime::new().unwrap(), one_thread());
        let entered = first.enter();
        let mut here: Vec<Signal> = (0..3).map(|_| usr1()).collect();
        drop(entered);
        let (tell, mut told) = runtime::sync::mpsc::channel(3);
        for _ in 0..3 {
            let (tell, mut signal) = (tell.clone(), first.block_on(async { usr1() }));
            first.spawn(async move {
                while signal.recv().await.is_some() {
                    tell.send(()).await.unwrap();
                }
            });
        }
        second.block_on(async {
            let mut there: Vec<Signal> = (0..3).map(|_| usr1()).collect();
            for _ in 0..3 {
                raise(Number::USR1);
                join_all(there.iter_mut().map(Signal::recv)).await;
                join_all(here.iter_mut().map(Signal::recv)).await;
                for _ in 0..3 {
                    told.recv().await.unwrap();
                }
            }
        });
        // A runtime that is gone disturbs nobody.
        drop(first);
        assert_eq!(here[0].recv().now_or_never(), Some(None));
        second.block_on(async {
            let mut there = usr1();
            raise(Number::USR1);
            there.recv().await.unwrap();
        });
        drop(here);
        assert!(!is_in("SigCgt", Number::USR1));
        return;
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn signals_that_nobody_looked_for_are_one() {
    let Some(other) = other("signals_that_nobody_looked_for_are_one") else {
        return one_thread().block_on(async {
            let (mut eager, mut lazy, mut deaf) = (usr1(), usr1(), signal(SignalKind::hangup()).unwrap());
            for _ in 0..5 {
                raise(Number::USR1);
                eager.recv().await.unwrap();
            }
            assert_eq!(eager.recv().now_or_never(), None);
            assert_eq!(lazy.recv().now_or_never(), Some(Some(())));
            assert_eq!(lazy.recv().now_or_never(), None);
            assert_eq!(deaf.recv().now_or_never(), None);
            // What came before it began to listen is not for it.
            assert_eq!(usr1().recv().now_or_never(), None);
            // A wait that is dropped loses nothing.
            assert_eq!(poll_immediate(lazy.recv()).await, None);
            raise(Number::USR1);
            eager.recv().await.unwrap();
            assert_eq!(lazy.recv().now_or_never(), Some(Some(())));
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn the_last_listener_gives_the_signal_back_its_effect() {
    let Some(other) = other("the_last_listener_gives_the_signal_back_its_effect") else {
        return one_thread().block_on(async {
            for _ in 0..3 {
                let (mut first, second) = (signal(SignalKind::terminate()).unwrap(), ctrl_c());
                let third = signal(SignalKind::terminate()).unwrap();
                drop((second, third));
                raise(Number::TERM);
                first.recv().await.unwrap();
                drop(first);
                assert!(!is_in("SigCgt", Number::TERM));
            }
            say("nobody listens");
            raise(Number::TERM);
            say("still alive");
        });
    };
    let (status, said, _) = other.end();
    assert_eq!(status.signal(), Some(15), "{status}: {said}");
    assert!(said.contains("- nobody listens") && !said.contains("- still alive"), "{said}");
}

#[test]
fn ctrl_c_is_heard_while_it_is_awaited_and_kills_afterwards() {
    let Some(mut other) = other("ctrl_c_is_heard_while_it_is_awaited_and_kills_afterwards") else {
        return one_thread().block_on(async {
            let mut waits = std::pin::pin!(ctrl_c());
            assert!(poll_immediate(waits.as_mut()).await.is_none());
            say("waits");
            waits.await.unwrap();
            say("heard");
            std::future::pending().await
        });
    };
    other.says("waits");
    other.interrupt();
    other.says("heard");
    other.interrupt();
    let (status, said, _) = other.end();
    assert_eq!(status.signal(), Some(2), "{status}: {said}");
}

#[test]
fn a_signal_that_was_ignored_is_ignored_again() {
    let ignoring = ["sh", "-c", "trap '' USR1; exec \"$0\" \"$@\""];
    let Some(other) = other_in(&ignoring, "a_signal_that_was_ignored_is_ignored_again") else {
        return one_thread().block_on(async {
            assert!(is_in("SigIgn", Number::USR1));
            let mut listener = usr1();
            assert!(is_in("SigCgt", Number::USR1));
            raise(Number::USR1);
            listener.recv().await.unwrap();
            drop(listener);
            assert!(is_in("SigIgn", Number::USR1));
            raise(Number::USR1);
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

/// Nobody waits for the children of such a program: they must not stay as zombies while somebody listens.
#[test]
fn children_of_a_program_that_ignores_them_are_reaped_under_a_listener() {
    let ignoring = ["env", "--ignore-signal=CHLD"];
    let Some(other) =
        other_in(&ignoring, "children_of_a_program_that_ignores_them_are_reaped_under_a_listener")
    else {
        return one_thread().block_on(async {
            assert!(is_in("SigIgn", Number::CHILD));
            let mut listener = signal(SignalKind::child()).unwrap();
            let mut child = std::process::Command::new("true").spawn().unwrap();
            listener.recv().await.unwrap();
            // The system has taken its status.
            assert_eq!(
                child.wait().unwrap_err().raw_os_error(),
                Some(rustix::io::Errno::CHILD.raw_os_error())
            );
            drop(listener);
            assert!(is_in("SigIgn", Number::CHILD));
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

/// A handler that counts, as another library sets it.
fn foreign(signal: Number, count: &Arc<AtomicUsize>) {
    let count = count.clone();
    // SAFETY: an atomic is all it touches.
    unsafe {
        signal_hook::low_level::register(signal.as_raw(), move || {
            count.fetch_add(1, Ordering::SeqCst);
        })
    }
    .unwrap();
}

#[test]
fn handlers_of_other_libraries_that_were_first_go_on() {
    let Some(other) = other("handlers_of_other_libraries_that_were_first_go_on") else {
        return one_thread().block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            foreign(Number::USR1, &count);
            for round in 1..4 {
                let mut listener = usr1();
                raise(Number::USR1);
                listener.recv().await.unwrap();
                drop(listener);
                raise(Number::USR1);
                while count.load(Ordering::SeqCst) < 2 * round {
                    std::thread::yield_now();
                }
                assert_eq!(count.load(Ordering::SeqCst), 2 * round);
            }
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn handlers_of_other_libraries_that_came_later_stay() {
    let Some(other) = other("handlers_of_other_libraries_that_came_later_stay") else {
        return one_thread().block_on(async {
            let count = Arc::new(AtomicUsize::new(0));
            let mut listener = usr1();
            foreign(Number::USR1, &count);
            raise(Number::USR1);
            listener.recv().await.unwrap();
            drop(listener);
            // Ours cannot go: theirs is on top, and calls it. Without a listener it does nothing.
            for round in 2..5 {
                raise(Number::USR1);
                while count.load(Ordering::SeqCst) < 2 * round - 2 {
                    std::thread::yield_now();
                }
                let mut listener = usr1();
                raise(Number::USR1);
                listener.recv().await.unwrap();
                assert_eq!(count.load(Ordering::SeqCst), 2 * round - 1);
            }
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

#[runtime::test]
async fn what_cannot_be_caught_is_refused_by_name() {
    let names =
        [(9, "SIGKILL"), (19, "SIGSTOP"), (11, "SIGSEGV"), (8, "SIGFPE"), (4, "SIGILL"), (7, "SIGBUS")];
    for (number, name) in names {
        let error = signal(SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(name), "{error}");
    }
    // 32 is the C library's own.
    for number in [0, -1, 32, 65, i32::MAX, i32::MIN] {
        let error = signal(SignalKind::from_raw(number)).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&format!("signal {number} ")), "{error}");
    }
    // One for real-time.
    let mut real_time = signal(SignalKind::from_raw(40)).unwrap();
    let kill = Command::new("kill").args(["-40", &std::process::id().to_string()]).status().await.unwrap();
    assert!(kill.success());
    real_time.recv().await.unwrap();
}

#[test]
#[should_panic(expected = "runtime")]
fn outside_of_a_runtime_it_panics() {
    let _ = signal(SignalKind::hangup());
}

/// An exec resets handlers.
#[test]
fn children_start_with_the_usual_effects() {
    let Some(other) = other("children_start_with_the_usual_effects") else {
        return one_thread().block_on(async {
            let _listener = usr1();
            let output = Command::new("cat").arg("/proc/self/status").output().await.unwrap();
            let status = String::from_utf8(output.stdout).unwrap();
            assert!(status.contains("SigCgt:\t0000000000000000\n"), "{status}");
            let kill = Command::new("sh").args(["-c", "kill -USR1 $$"]).status().await.unwrap();
            assert_eq!(kill.signal(), Some(Number::USR1.as_raw()));
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

/// It has the handler, and nobody in it listens: the signal has its usual effect there, and none here.
#[test]
fn a_signal_in_a_fork_is_no_event_of_its_parents() {
    let Some(other) = other("a_signal_in_a_fork_is_no_event_of_its_parents") else {
        return one_thread().block_on(async {
            let mut listener = usr1();
            let mut fork = Command::new("true");
            // SAFETY: two system calls.
            unsafe {
                fork.pre_exec(|| {
                    kill_process(getpid(), Number::USR1)?;
                    Ok(())
                })
            };
            let status = fork.status().await.unwrap();
            assert_eq!(status.signal(), Some(Number::USR1.as_raw()), "{status}");
            assert_eq!(listener.recv().now_or_never(), None);
            raise(Number::USR1);
            listener.recv().await.unwrap();
        });
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

#[test]
fn listeners_cost_one_descriptor_for_each_runtime() {
    let Some(other) = other("listeners_cost_one_descriptor_for_each_runtime") else {
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let runtime = one_thread();
        drop(runtime.block_on(async { usr1() }));
        let before = open();
        for _ in 0..10 {
            let listeners: Vec<Signal> = runtime.block_on(async { (0..1000).map(|_| usr1()).collect() });
            assert_eq!(open(), before + 1);
            drop(listeners);
            assert_eq!(open(), before);
        }
        return;
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

/// Signals come all the time while listeners come and go on two runtimes: each hears one, and the process lives.
#[test]
fn listeners_come_and_go_under_signals() {
    const ROUNDS: usize = 2000;
    let Some(other) = other("listeners_come_and_go_under_signals") else {
        let runtimes = [Builder::new_multi_thread().worker_threads(2).build().unwrap(), one_thread()];
        let stop = AtomicBool::new(false);
        // So that there is always one: without it a signal kills.
        let keep = runtimes[0].block_on(async { usr1() });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    raise(Number::USR1);
                    std::thread::yield_now();
                }
            });
            let rounds = runtimes.each_ref().map(|runtime| {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        runtime.block_on(async {
                            let mut listeners = [usr1(), usr1(), usr1()];
                            join_all(listeners.iter_mut().map(Signal::recv)).await;
                        });
                    }
                })
            });
            for round in rounds {
                round.join().unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        drop(keep);
        return;
    };
    let (status, said, _) = other.end();
    assert!(status.success(), "{status}: {said}");
}

/// std's programs ignore that signal, but a library may be part of another.
#[runtime::test]
async fn a_write_to_a_peer_that_has_gone_is_an_error_and_no_signal() {
    let mut signals = signal(SignalKind::pipe()).unwrap();
    let (mut one, other) = UnixStream::pair().unwrap();
    drop(other);
    let bufs = [IoSlice::new(b"to"), IoSlice::new(b"nobody")];
    for result in [one.write(b"x").await, one.write_vectored(&bufs).await, one.try_write_vectored(&bufs)] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
    assert_eq!(poll_immediate(signals.recv()).await, None);
}
