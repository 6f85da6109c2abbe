//! The feature `tracing`: what a subscriber is told of tasks, and of what they wait for. `observe/` has the test with tokio-console's own
//! subscriber and protocol.

#[path = "trace/recorder.rs"]
mod recorder;
#[path = "trace/resources.rs"]
mod resources;

use recorder::{Counts, PANICS, TASK, What, all_on_line, calling_back, listen, named, on_line, spans};
use runtime::fs;
use runtime::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use runtime::sync::{Notify, oneshot};
use runtime::task::{self, LocalSet};
use runtime::{Builder, Handle, JoinHandle, Runtime};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};

fn runtimes() -> [Runtime; 2] {
    listen();
    [
        Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

#[track_caller]
fn spawn<F>(name: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    task::Builder::new().name(name).spawn(future).unwrap()
}

#[track_caller]
fn spawn_on<F>(runtime: &Runtime, name: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    task::Builder::new().name(name).spawn_on(future, runtime.handle()).unwrap()
}

/// A poll that wants no other.
async fn rest() {
    let mut rested = false;
    poll_fn(|_| if std::mem::replace(&mut rested, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// A panic without the hook's message.
async fn unwind() {
    if task::try_id().is_some() {
        resume_unwind(Box::new(()))
    }
}

#[test]
fn the_span_says_what_tokio_console_asks_for() {
    for (number, runtime) in runtimes().into_iter().enumerate() {
        let name = format!("fields {number}");
        let (line, id) = runtime.block_on(async {
            let (line, task) = (line!(), spawn(&name, async {}));
            let id = task.id();
            task.await.unwrap();
            (line, id)
        });
        let span = named(&name);
        assert_eq!(span.target, "tokio::task");
        assert!(span.is_root);
        assert_eq!(span.field("kind"), Some("task"));
        assert_eq!(span.field("task.id"), Some(&*id.to_string()));
        assert_eq!(span.field("loc.file"), Some(file!()));
        assert_eq!(span.field("loc.line"), Some(&*line.to_string()));
        assert!(span.field("loc.col").unwrap().parse::<u32>().is_ok());
        assert_eq!(span.field("size.bytes"), Some("1"));
        assert_eq!(span.field("original_size.bytes"), None);
        assert_eq!(span.check_ended().entered, 1);
    }
}

#[test]
fn a_future_that_was_boxed_says_how_large_it_was() {
    let [runtime, _] = runtimes();
    let large = [7_u8; 20_000];
    let future = async move {
        rest().await;
        large[0]
    };
    let size = size_of_val(&future);
    let task = spawn_on(&runtime, "large", future);
    task.abort();
    drop(runtime.block_on(task));
    let span = named("large");
    assert_eq!(span.field("original_size.bytes"), Some(&*size.to_string()));
    assert_eq!(span.field("size.bytes"), Some(&*size_of::<usize>().to_string()));
}

/// On both kinds of runtime: however a task ends, its span is entered for each poll and for the drop of its future, and
/// closed once.
#[test]
fn a_span_ends_with_its_task_however_that_ends() {
    for (number, runtime) in runtimes().into_iter().enumerate() {
        let name = |what: &str| format!("{what} {number}");
        runtime.block_on(async {
            spawn(&name("finishes"), task::yield_now()).await.unwrap();
            let panics = spawn(&name("unwinds"), unwind());
            assert!(panics.await.unwrap_err().is_panic());
            let (tell, told) = oneshot::channel();
            let waits = async move {
                tell.send(()).unwrap();
                pending::<()>().await;
            };
            let waits = spawn(&name("is aborted"), waits);
            told.await.unwrap();
            waits.abort();
            assert!(waits.await.unwrap_err().is_cancelled());
            let listens = spawn(&name("listens"), async {
                let cancelled = task::cancelled();
                task::yield_now().await;
                cancelled.await;
            });
            task::yield_now().await;
            let _ = listens.cancel().await;
            let (tell, told) = oneshot::channel();
            drop(spawn(&name("is left"), async move {
                tell.send(()).unwrap();
                pending::<()>().await;
            }));
            told.await.unwrap();
        });
        let handle = runtime.handle().clone();
        drop(runtime);
        let late = task::Builder::new().name(&name("comes late")).spawn_on(async {}, &handle).unwrap();
        assert!(late.is_finished());

        for (what, entered) in
            [("finishes", 2), ("unwinds", 1), ("is aborted", 2), ("is left", 2), ("comes late", 1)]
        {
            let counts = named(&name(what)).check_ended();
            assert_eq!(counts.entered, entered, "{what}");
        }
        named(&name("listens")).check_ended();
    }
}

#[test]
fn a_task_that_is_aborted_before_its_first_poll_is_closed() {
    let [_, runtime] = runtimes();
    runtime.block_on(async {
        let task = spawn("is not polled", async {});
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    // The drop of its future.
    assert_eq!(named("is not polled").check_ended().entered, 1);
}

#[test]
fn blocking_jobs_have_spans() {
    listen();
    let runtime = Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let (go, wait) = mpsc::channel::<()>();
    let (runs, job) = (line!(), runtime.spawn_blocking(move || wait.recv().unwrap()));
    let (waits, aborted) = (line!(), runtime.spawn_blocking(|| ()));
    aborted.abort();
    go.send(()).unwrap();
    runtime.block_on(job).unwrap();
    assert!(runtime.block_on(aborted).unwrap_err().is_cancelled());
    let (unwinds, job) = (line!(), runtime.spawn_blocking(|| resume_unwind(Box::new(()))));
    let ended: Result<(), _> = runtime.block_on(job);
    assert!(ended.unwrap_err().is_panic());
    for line in [runs, waits, unwinds] {
        let span = on_line(line);
        assert_eq!((span.target, span.field("kind")), ("tokio::task::blocking", Some("blocking")));
        assert!(span.field("fn").unwrap().contains("blocking_jobs_have_spans"), "{span:?}");
        let none = Counts { entered: 1, wakes: 0, wakes_by_ref: 0, clones: 0, drops: 0 };
        assert_eq!(span.check_ended(), none);
    }
}

/// What the library asks the pool for, on behalf of somebody's line.
#[test]
fn lookups_and_calls_of_files_have_spans_on_the_line_that_asked() {
    for runtime in runtimes() {
        // Names without ports: std refuses them, but on the pool.
        let lines = runtime.block_on(async {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let mut lines = Vec::new();
            let mut asked = |line, is_refused: bool| {
                assert!(is_refused, "{line}");
                lines.push(line);
            };
            asked(line!(), lookup_host("nobody").await.is_err());
            asked(line!(), TcpStream::connect("nobody").await.is_err());
            asked(line!(), TcpListener::bind("nobody").await.is_err());
            asked(line!(), UdpSocket::bind("nobody").await.is_err());
            asked(line!(), socket.connect("nobody").await.is_err());
            asked(line!(), socket.send_to(b"x", "nobody").await.is_err());
            asked(line!(), fs::remove_dir("/nobody/nowhere").await.is_err());
            lines
        });
        drop(runtime);
        for line in lines {
            let spans = all_on_line(TASK, line);
            let is_job = |span: &recorder::Seen| span.field("kind") == Some("blocking");
            assert!(!spans.is_empty() && spans.iter().all(is_job), "{line}: {spans:?}");
        }
    }
}

#[test]
fn block_on_has_a_span() {
    for runtime in runtimes() {
        let (line, ()) = (line!(), runtime.block_on(task::yield_now()));
        let inside = all_on_line(TASK, line);
        let span = inside.last().unwrap();
        assert_eq!(span.field("kind"), Some("block_on"));
        assert_eq!(span.check_ended().entered, 2);
        // A body that unwinds closes its span as well.
        let unwinds = async {
            if line > 0 {
                resume_unwind(Box::new(()))
            }
        };
        let (line, body) = (line!(), AssertUnwindSafe(|| runtime.block_on(unwinds)));
        assert!(catch_unwind(body).is_err());
        let inside = all_on_line(TASK, line);
        inside.last().unwrap().check_ended();
    }
}

#[test]
fn tasks_of_one_thread_are_local() {
    let [_, runtime] = runtimes();
    let set = LocalSet::new();
    let (line_of_set, in_set) = (line!(), set.spawn_local(async {}));
    let line = runtime.block_on(async {
        let (line, local) = (line!(), runtime::spawn_local(async {}));
        local.await.unwrap();
        set.run_until(in_set).await.unwrap();
        line
    });
    for line in [line_of_set, line] {
        let span = on_line(line);
        assert_eq!(span.field("kind"), Some("local"));
        span.check_ended();
    }
}

/// Each clone of a waker is told, and each way in which it goes.
#[test]
fn what_becomes_of_wakers_is_told() {
    let [runtime, _] = runtimes();
    let (lend, lent) = mpsc::channel::<Waker>();
    let task = async move {
        let mut polls = 0;
        poll_fn(move |cx| {
            polls += 1;
            lend.send(cx.waker().clone()).unwrap();
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    };
    let task = spawn_on(&runtime, "lends", task);
    let first = lent.recv().unwrap();
    first.wake_by_ref();
    let second = lent.recv().unwrap();
    let also = first.clone();
    drop(first);
    second.wake();
    runtime.block_on(task).unwrap();
    let third = lent.recv().unwrap();
    drop(also);
    drop(runtime);
    // The last of them outlives its task, whose span is closed, and its runtime.
    assert!(named("lends").what.contains(&What::Closed));
    third.wake_by_ref();
    third.wake();
    let counts = Counts { entered: 3, wakes: 2, wakes_by_ref: 2, clones: 4, drops: 2 };
    assert_eq!(named("lends").check_ended(), counts);
}

/// Asking for another poll without a waker is told as a wake, inside of the span: a console counts it as one by the task
/// itself, and does not miss a waker.
#[test]
fn a_task_that_yields_wakes_itself() {
    for (number, runtime) in runtimes().into_iter().enumerate() {
        let name = format!("yields {number}");
        runtime.block_on(async {
            spawn(&name, async {
                for _ in 0..5 {
                    task::yield_now().await;
                }
            })
            .await
            .unwrap();
        });
        let span = named(&name);
        let yields =
            span.what.iter().filter(|what| **what == What::Waker("waker.wake_by_ref".to_owned(), true));
        assert_eq!(yields.count(), 5);
        let counts = Counts { entered: 6, wakes: 0, wakes_by_ref: 5, clones: 0, drops: 0 };
        assert_eq!(span.check_ended(), counts);
    }
}

/// Nobody but the future holds a span open.
#[test]
fn a_handle_does_not_keep_the_span_open() {
    let [runtime, _] = runtimes();
    let (tell, told) = mpsc::channel();
    let task = spawn_on(&runtime, "is kept", async {});
    task.on_finish(move |_| tell.send(()).unwrap());
    told.recv().unwrap();
    named("is kept").check_ended();
    runtime.block_on(task).unwrap();
    assert_eq!(named("is kept").check_ended().entered, 1);
}

#[test]
fn events_of_a_task_are_in_its_span() {
    let [runtime, _] = runtimes();
    runtime.block_on(async {
        let outer = spawn("speaks", async {
            tracing::info!("one");
            let inner = spawn("speaks in between", async { tracing::info!("two") });
            inner.await.unwrap();
            tracing::info!("three");
        });
        outer.await.unwrap();
    });
    let events = |name: &str| named(name).what.iter().filter(|what| **what == What::Event).count();
    assert_eq!((events("speaks"), events("speaks in between")), (2, 1));
    named("speaks").check_ended();
    named("speaks in between").check_ended();
}

/// A subscriber is foreign code: it harms nobody but itself.
#[test]
fn a_subscriber_that_panics_harms_no_task() {
    for (number, runtime) in runtimes().into_iter().enumerate() {
        let notify = Arc::new(Notify::new());
        let waits = Arc::clone(&notify);
        let answer = runtime.block_on(async {
            assert_eq!(spawn(&format!("{PANICS} at once"), async { 41 }).await.unwrap(), 41);
            let task = spawn(&format!("{PANICS} {number}"), async move {
                task::yield_now().await;
                waits.notified().await;
                42
            });
            notify.notify_one();
            task.await.unwrap()
        });
        assert_eq!(answer, 42);
        drop(runtime);
        named(&format!("{PANICS} {number}")).check_ended();
    }
    assert!(spans(|span| span.field("task.name") == Some("panics at once")).is_empty());
}

/// It is called while nothing of the runtime is locked or borrowed.
#[test]
fn a_subscriber_may_use_the_runtime() {
    for runtime in runtimes() {
        runtime.block_on(async {
            let set = LocalSet::new();
            let times = calling_back(|| {
                drop(runtime::spawn(async {}));
                drop(spawn("calls back", async {}));
                drop(Handle::current().spawn(async {}));
                drop(runtime::spawn_blocking(|| ()));
                drop(set.spawn_local(async {}));
            });
            assert_eq!(times, 5);
            set.await;
        });
    }
}

/// What was spawned while nobody listened is not told later.
#[test]
fn without_a_subscriber_there_is_no_span() {
    let [_, runtime] = runtimes();
    let waker = Mutex::new(None);
    let task = tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
        spawn_on(&runtime, "is not told", async { task::yield_now().await })
    });
    let before = spans(|_| true).len();
    runtime.block_on(async {
        task.await.unwrap();
        poll_fn(|cx| {
            *waker.lock().unwrap() = Some(cx.waker().clone());
            Poll::Ready(())
        })
        .await;
    });
    drop(waker);
    assert!(spans(|_| true).len() > before, "somebody listens");
    assert!(spans(|span| span.field("task.name") == Some("is not told")).is_empty());
}
