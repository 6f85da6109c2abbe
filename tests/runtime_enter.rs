//! Being inside of a runtime, or of a set of local tasks, without running one.

use futures::executor;
use runtime::task::{LocalSet, spawn_local};
use runtime::{Builder, Handle, Runtime, TryCurrentError};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

fn flavours() -> [Runtime; 2] {
    let multi_thread = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let current_thread = Builder::new_current_thread().build().unwrap();
    [multi_thread, current_thread]
}

#[test]
fn outside_of_a_runtime_there_is_no_current_one() {
    let error = Handle::try_current().unwrap_err();
    assert!(error.is_missing_context() && !error.is_thread_local_destroyed());
    for rt in flavours() {
        let entered = rt.enter();
        assert!(Handle::try_current().is_ok());
        drop(entered);
        assert_eq!(Handle::try_current().unwrap_err(), error);
    }
}

/// Says in its drop, while the thread's locals are torn down, what the current runtime is.
struct AtTheEnd(mpsc::Sender<TryCurrentError>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.send(Handle::try_current().unwrap_err()).unwrap();
    }
}

thread_local! {
    static BEFORE: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    static AFTER: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
}

/// In whichever order the system tears locals down: one of the two goes after ours.
#[test]
fn a_thread_whose_locals_are_gone_says_so() {
    let [rt, _] = flavours();
    let handle = rt.handle().clone();
    let (send, errors) = mpsc::channel();
    let thread = thread::spawn(move || {
        BEFORE.set(Some(AtTheEnd(send.clone())));
        drop(handle.enter());
        AFTER.set(Some(AtTheEnd(send)));
    });
    thread.join().unwrap();
    let errors: Vec<_> = errors.iter().collect();
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|error| error.is_missing_context() != error.is_thread_local_destroyed()));
    assert!(errors.iter().any(TryCurrentError::is_thread_local_destroyed), "{errors:?}");
}

#[test]
fn block_on_of_a_set_runs_its_tasks_and_those_of_the_runtime() {
    for rt in flavours() {
        let set = LocalSet::new();
        let early = set.spawn_local(async { *Rc::new(1) });
        let sum = set.block_on(&rt, async {
            let local = spawn_local(async { *Rc::new(2) });
            let task = runtime::spawn(async {
                runtime::time::sleep(Duration::from_millis(1)).await;
                4
            });
            early.await.unwrap() + local.await.unwrap() + task.await.unwrap()
        });
        assert_eq!(sum, 7);
        // What has not ended waits for the next time.
        let late = set.spawn_local(async { 8 });
        set.block_on(&rt, async {});
        assert!(!late.is_finished());
        assert_eq!(set.block_on(&rt, late).unwrap(), 8);
        let inside = catch_unwind(AssertUnwindSafe(|| rt.block_on(async { set.block_on(&rt, async {}) })));
        match rt.handle().runtime_flavor() {
            runtime::Flavor::MultiThread => inside.unwrap(),
            runtime::Flavor::CurrentThread => {
                let text = inside.unwrap_err().downcast::<String>().unwrap();
                assert!(text.contains("await the future instead"), "{text}");
            }
        }
    }
}

#[test]
fn guards_of_sets_put_back_what_was_entered_before() {
    let (outer, inner) = (LocalSet::new(), LocalSet::new());
    let in_outer = outer.enter();
    let first = spawn_local(async { "outer" });
    let in_inner = inner.enter();
    let second = spawn_local(async { "inner" });
    drop(in_inner);
    let third = spawn_local(async { "outer again" });
    drop(in_outer);
    assert!(catch_unwind(|| drop(spawn_local(async {}))).is_err());
    // Nothing runs before its set is polled.
    assert!(!first.is_finished() && !second.is_finished());
    executor::block_on(inner);
    assert!(!first.is_finished() && second.is_finished());
    executor::block_on(outer);
    let ends = executor::block_on(async { [first.await, second.await, third.await] });
    assert_eq!(ends.map(Result::unwrap), ["outer", "inner", "outer again"]);
}

#[test]
fn a_guard_may_outlive_its_set() {
    let set = LocalSet::new();
    let entered = set.enter();
    drop(set);
    let lost = spawn_local(async {});
    drop(entered);
    assert!(executor::block_on(lost).unwrap_err().is_cancelled());
}

#[test]
fn the_names_of_tokio_runtime_are_the_ones_of_the_root() {
    let rt: runtime::Runtime = runtime::runtime::Builder::new_current_thread().build().unwrap();
    let flavor: runtime::runtime::RuntimeFlavor = rt.handle().runtime_flavor();
    assert_eq!(flavor, runtime::Flavor::CurrentThread);
}
