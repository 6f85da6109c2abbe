//! `#[runtime::main]` and `#[runtime::test]` as functions: what they keep, what they return, and (with
//! a recording stand-in for the crate) which options arrive.

use std::sync::Mutex;

/// Stands where the crate `runtime` would: `crate = "crate::recorder"`.
#[allow(unreachable_pub)]
mod recorder {
    pub mod __private {
        pub use runtime::__private::{UnhandledPolicy, never};
        use std::fmt::Write;

        /// Writes down what it is told, instead of building a runtime.
        pub struct Entry(String);

        impl Entry {
            pub fn multi_thread() -> Self {
                Entry("multi_thread".to_owned())
            }
            pub fn current_thread() -> Self {
                Entry("current_thread".to_owned())
            }
            pub fn worker_threads(self, n: usize) -> Self {
                self.note("workers", n)
            }
            pub fn blocking_threads(self, n: usize) -> Self {
                self.note("blocking", n)
            }
            pub fn start_paused(self, paused: bool) -> Self {
                self.note("paused", paused)
            }
            pub fn unhandled(self, policy: UnhandledPolicy) -> Self {
                self.note("unhandled", format!("{policy:?}"))
            }
            pub fn shutdown_timeout(self, secs: u64, nanos: u32) -> Self {
                self.note("timeout", format!("{secs}.{nanos:09}"))
            }
            pub fn cancel_on_ctrl_c(self) -> Self {
                self.note("ctrl_c", "cancel")
            }
            fn note(mut self, name: &str, value: impl std::fmt::Display) -> Self {
                write!(self.0, " {name}={value}").unwrap();
                self
            }
            pub fn main<F: Future>(self, body: F) -> F::Output {
                crate::LAST.lock().unwrap().push(("main", self.0));
                futures::executor::block_on(body)
            }
            pub fn test<F: Future>(self, body: F) -> F::Output {
                crate::LAST.lock().unwrap().push(("test", self.0));
                futures::executor::block_on(body)
            }
        }
    }
}

static LAST: Mutex<Vec<(&str, String)>> = Mutex::new(Vec::new());

/// What the stand-in was told by a call of `entry` (tests run side by side: each looks for its own).
fn was_told(kind: &str, options: &str) -> bool {
    LAST.lock().unwrap().iter().any(|(k, o)| *k == kind && o == options)
}

#[test]
fn p48_options_arrive() {
    const WORKERS: usize = 3;

    #[runtime::main(crate = "crate::recorder")]
    async fn defaults() {}
    #[runtime::main(
        crate = "crate::recorder",
        flavor = "multi_thread",
        worker_threads = WORKERS + 1,
        blocking_threads = 7,
        shutdown_timeout = "1.25s",
        ctrl_c = "cancel",
        unhandled = "abort"
    )]
    async fn all() {}
    #[runtime::main(crate = "self::recorder", flavor = "current_thread", shutdown_timeout = "100ms")]
    async fn single() {}

    defaults();
    all();
    single();
    assert!(was_told("main", "multi_thread"));
    assert!(was_told(
        "main",
        "multi_thread workers=4 blocking=7 timeout=1.250000000 unhandled=Abort ctrl_c=cancel"
    ));
    assert!(was_told("main", "current_thread timeout=0.100000000"));
}

#[runtime::test(crate = "recorder")]
async fn a_test_is_single_threaded() {
    assert!(was_told("test", "current_thread"));
}

#[runtime::test(crate = "crate::recorder", flavor = "multi_thread", worker_threads = 2, start_paused = true)]
async fn p48_options_of_a_test_arrive() {
    assert!(was_told("test", "multi_thread workers=2 paused=true"));
}

#[runtime::test]
async fn a_test_may_fail_with_a_question_mark() -> Result<(), std::num::ParseIntError> {
    let n: u32 = "5".parse()?;
    assert_eq!(n, 5);
    Ok(())
}

#[runtime::test]
#[should_panic(expected = "on purpose")]
async fn attributes_below_stay() {
    panic!("on purpose");
}

#[should_panic(expected = "on purpose")]
#[runtime::test]
async fn attributes_above_stay() {
    panic!("on purpose");
}

#[cfg(any())]
#[runtime::test]
async fn compiled_out() {
    does_not_exist();
}

#[runtime::main]
async fn question(text: &str) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
    let n: u32 = text.parse()?;
    if n == 7 {
        return Err("seven".into());
    }
    Ok(n)
}

#[test]
fn p48_return_type_and_question_mark() {
    assert_eq!(question("5").unwrap(), 5);
    assert_eq!(question("7").unwrap_err().to_string(), "seven");
    assert!(question("x").is_err());
}

/// As a library might have it: not called `main`, generic, with arguments and a `where`.
#[runtime::main(flavor = "current_thread")]
pub(crate) async fn generic<'a, T, const N: usize>(mut items: [T; N], (a, _): (&'a str, u8)) -> (T, &'a str)
where
    T: Copy + Default + std::ops::AddAssign,
{
    let mut sum = T::default();
    items.reverse();
    for item in items {
        sum += item;
    }
    (sum, a)
}

#[test]
fn p48_generics_arguments_and_visibility() {
    assert_eq!(generic([1, 2, 3], ("x", 0)), (6, "x"));
}

struct Service {
    name: String,
}

impl Service {
    /// A method, with `Self`, an elided lifetime and a receiver.
    #[runtime::main(flavor = "current_thread")]
    async fn first_word(&self) -> &str {
        async { self.name.split(' ').next().unwrap_or_default() }.await
    }

    #[runtime::main(flavor = "current_thread")]
    async fn new(name: &str) -> Self {
        Self { name: name.to_owned() }
    }
}

#[test]
fn p48_methods() {
    assert_eq!(Service::new("echo server").first_word(), "echo");
}

#[runtime::main(flavor = "current_thread")]
async fn opaque(n: u32) -> impl Iterator<Item = u32> {
    (0..n).map(|i| i * i)
}

#[test]
fn p48_impl_trait() {
    assert_eq!(opaque(4).collect::<Vec<_>>(), [0, 1, 4, 9]);
}

#[runtime::main(flavor = "current_thread")]
async fn never_returns() -> ! {
    std::panic::panic_any(5_u8)
}

#[test]
fn p48_never() {
    let outcome = std::panic::catch_unwind(|| never_returns());
    assert_eq!(outcome.unwrap_err().downcast_ref::<u8>(), Some(&5));
}

#[test]
#[deny(warnings, clippy::all)]
fn p48_no_warnings() {
    #[runtime::main(flavor = "current_thread")]
    async fn unit() {}

    #[runtime::main(flavor = "current_thread")]
    #[must_use]
    #[deny(missing_docs)]
    async fn early(stop: bool) -> u32 {
        if stop {
            return 1;
        }
        2
    }

    #[runtime::main(flavor = "current_thread")]
    #[expect(unused_variables)]
    async fn expected() {
        let unused = 1;
    }

    unit();
    expected();
    assert_eq!(early(true) + early(false), 3);
}

/// Items, macros and nested functions in the body see the module around, not something of ours.
#[test]
fn p48_hygiene() {
    #[allow(dead_code)]
    mod std {}
    #[allow(dead_code)]
    mod core {}
    #[allow(dead_code)]
    struct Entry;
    #[runtime::main(flavor = "current_thread")]
    async fn body() -> u32 {
        fn helper() -> u32 {
            1
        }
        macro_rules! two {
            () => {
                2
            };
        }
        helper() + two!()
    }
    assert_eq!(body(), 3);
}

#[runtime::test]
async fn by_default_a_test_is_single_threaded() {
    assert_eq!(runtime::Handle::current().runtime_flavor(), runtime::Flavor::CurrentThread);
    let here = std::thread::current().id();
    assert_eq!(runtime::spawn(async { std::thread::current().id() }).await.unwrap(), here);
}

/// More than there are cores, mostly: they meet only if each has a worker of its own.
#[runtime::test(flavor = "multi_thread", worker_threads = 17)]
async fn with_a_flavor_it_has_the_workers_asked_for() {
    use std::sync::{Arc, Condvar};
    assert_eq!(runtime::Handle::current().runtime_flavor(), runtime::Flavor::MultiThread);
    let meeting = Arc::new((Mutex::new(0), Condvar::new()));
    let tasks: Vec<_> = (0..17)
        .map(|_| {
            let meeting = meeting.clone();
            runtime::spawn(async move {
                let mut here = meeting.0.lock().unwrap();
                *here += 1;
                meeting.1.notify_all();
                let limit = std::time::Duration::from_secs(10);
                let (_here, late) = meeting.1.wait_timeout_while(here, limit, |here| *here < 17).unwrap();
                assert!(!late.timed_out());
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[runtime::test(start_paused = true)]
async fn a_paused_clock_jumps() {
    let start = std::time::Instant::now();
    runtime::time::sleep(std::time::Duration::from_secs(100)).await;
    assert!(start.elapsed() < std::time::Duration::from_secs(50));
}

#[test]
fn what_is_left_of_the_tasks_is_dropped_when_the_body_ends() {
    #[runtime::main(worker_threads = 2)]
    async fn body(alive: std::sync::Arc<()>) {
        for _ in 0..10 {
            let alive = alive.clone();
            runtime::spawn(async move {
                futures::future::pending::<()>().await;
                drop(alive);
            });
        }
    }
    let alive = std::sync::Arc::new(());
    body(alive.clone());
    assert_eq!(std::sync::Arc::strong_count(&alive), 1);
}

#[test]
fn a_blocking_job_does_not_hold_up_the_end_longer_than_asked() {
    #[runtime::main(flavor = "current_thread", shutdown_timeout = "50ms")]
    async fn body(wait: std::sync::mpsc::Receiver<()>) {
        let (started, has_started) = runtime::sync::oneshot::channel();
        runtime::spawn_blocking(move || {
            let _ = started.send(());
            let _ = wait.recv();
        });
        has_started.await.unwrap();
    }
    let (end, wait) = std::sync::mpsc::channel();
    let start = std::time::Instant::now();
    body(wait);
    let took = start.elapsed();
    drop(end);
    let least = std::time::Duration::from_millis(50);
    assert!(least <= took && took < least * 100, "{took:?}");
}

#[test]
fn a_panic_goes_through_and_the_runtime_is_ended() {
    #[runtime::main(worker_threads = 1)]
    async fn body(alive: std::sync::Arc<()>) {
        runtime::spawn(async move {
            futures::future::pending::<()>().await;
            drop(alive);
        });
        panic!("the body's own");
    }
    let alive = std::sync::Arc::new(());
    let weak = std::sync::Arc::downgrade(&alive);
    let payload = std::panic::catch_unwind(|| body(alive)).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"the body's own"));
    assert!(weak.upgrade().is_none());
}
