//! `JoinSet`: results in the order in which tasks end, none lost, and members that end with the set.

mod sync_support;

use futures::stream::{FusedStream, Stream, StreamExt};
use runtime::sync::{Semaphore, oneshot};
use runtime::task::{AbortHandle, JoinSet, LocalSet, yield_now};
use runtime::{Builder, Runtime};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use sync_support::{Count, Event, nosy_waker, within_bounds};

fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

/// A member that ends with `value` when its gate is opened.
fn gated<T: Send + 'static>(set: &mut JoinSet<T>, value: T) -> (oneshot::Sender<()>, AbortHandle) {
    let (open, gate) = oneshot::channel();
    let member = set.spawn(async move {
        let _ = gate.await;
        value
    });
    (open, member)
}

async fn end(gate: oneshot::Sender<()>, member: &AbortHandle) {
    let _ = gate.send(());
    while !member.is_finished() {
        yield_now().await;
    }
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn results_come_in_the_order_in_which_the_tasks_ended() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            let mut gates: Vec<_> = (0..8).map(|value| Some(gated(&mut set, value))).collect();
            assert!(set.try_join_next().is_none());
            let order = [5, 0, 7, 2, 1, 6, 4, 3];
            for index in order {
                let (gate, member) = gates[index].take().unwrap();
                end(gate, &member).await;
            }
            assert_eq!(set.len(), 8);
            let mut results = Vec::new();
            while let Some(result) = set.join_next().await {
                results.push(result.unwrap());
            }
            assert_eq!(results, order);
            assert!(set.is_empty());
        });
    }
}

/// Also for what had ended before the set could leave its waker, or before anybody polled the set.
#[test]
fn members_that_end_at_once_are_found() {
    within_bounds(|| {
        for rt in flavors() {
            rt.block_on(async {
                let mut set = JoinSet::new();
                for round in 0..500 {
                    for value in 0..4 {
                        set.spawn(async move { value });
                    }
                    if round % 2 == 0 {
                        yield_now().await;
                    }
                    let mut seen = BTreeSet::new();
                    while let Some(value) = set.join_next().await {
                        assert!(seen.insert(value.unwrap()));
                    }
                    assert_eq!(seen.len(), 4);
                }
            });
        }
    });
}

#[test]
fn places_are_used_again_and_results_stay_with_their_tasks() {
    within_bounds(|| {
        runtime::run(async {
            let mut set = JoinSet::new();
            let mut ids = BTreeMap::new();
            let mut joined = 0;
            for value in 0..5000_u32 {
                ids.insert(set.spawn(async move { value }).id(), value);
                // Grows and shrinks again.
                while set.len() > (value as usize % 300) {
                    let (id, result) = set.join_next_with_id().await.unwrap().unwrap();
                    assert_eq!(ids.remove(&id), Some(result));
                    joined += 1;
                }
            }
            while let Some(result) = set.try_join_next_with_id() {
                let (id, result) = result.unwrap();
                assert_eq!(ids.remove(&id), Some(result));
                joined += 1;
            }
            while let Some(result) = set.join_next_with_id().await {
                let (id, result) = result.unwrap();
                assert_eq!(ids.remove(&id), Some(result));
                joined += 1;
            }
            assert_eq!((joined, ids.len()), (5000, 0));
        });
    });
}

#[test]
fn an_empty_set_has_nothing_to_wait_for() {
    futures::executor::block_on(async {
        let mut set = JoinSet::<u8>::default();
        assert!(set.is_empty() && set.is_terminated());
        assert!(set.join_next().await.is_none());
        assert!(set.join_next_with_id().await.is_none());
        assert!(set.try_join_next().is_none());
        assert!(set.try_join_next_with_id().is_none());
        assert!(set.next().await.is_none());
        set.abort_all();
        set.detach_all();
        set.shutdown().await;
        assert_eq!(format!("{set:?}"), "JoinSet { len: 0 }");
        assert_eq!(set.join_all().await, []);
    });
}

#[test]
fn dropping_a_set_aborts_its_members() {
    within_bounds(|| {
        for rt in flavors() {
            let drops = Arc::new(AtomicUsize::new(0));
            rt.block_on(async {
                let mut set = JoinSet::new();
                for _ in 0..10 {
                    let counted = Counted(drops.clone());
                    set.spawn(async move {
                        let _counted = counted;
                        pending::<()>().await;
                    });
                }
                drop(set);
                // The runtime is still there: it is not its end that drops them.
                while drops.load(SeqCst) < 10 {
                    yield_now().await;
                }
            });
        }
    });
}

#[test]
fn detached_members_go_on() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            let (open, gate) = oneshot::channel::<()>();
            let (done, is_done) = oneshot::channel();
            set.spawn(async move {
                gate.await.unwrap();
                done.send(42).unwrap();
            });
            set.detach_all();
            assert_eq!(set.len(), 0);
            assert!(set.join_next().await.is_none());
            drop(set);
            open.send(()).unwrap();
            assert_eq!(is_done.await, Ok(42));
        });
    }
}

#[test]
fn aborted_members_stay_in_the_set_until_they_are_joined() {
    for rt in flavors() {
        rt.block_on(async {
            let mut set = JoinSet::new();
            let (gate, first) = gated(&mut set, 1);
            end(gate, &first).await;
            let second = set.spawn(pending());
            set.abort_all();
            assert_eq!(set.len(), 2);
            assert_eq!(set.join_next().await.unwrap().unwrap(), 1, "one that had ended keeps its result");
            let error = set.join_next().await.unwrap().unwrap_err();
            assert!(error.is_cancelled());
            assert_eq!(error.id(), second.id());
            assert!(set.join_next().await.is_none());

            let third = set.spawn(pending());
            third.abort();
            assert!(set.join_next_with_id().await.unwrap().unwrap_err().is_cancelled());
        });
    }
}

#[test]
fn shutdown_waits_until_the_members_are_gone() {
    for rt in flavors() {
        let drops = Arc::new(AtomicUsize::new(0));
        rt.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..10 {
                let counted = Counted(drops.clone());
                set.spawn(async move {
                    let _counted = counted;
                    pending::<()>().await;
                });
            }
            set.shutdown().await;
            assert_eq!((set.len(), drops.load(SeqCst)), (0, 10));
        });
    }
}

#[test]
fn join_all_gives_every_result() {
    for rt in flavors() {
        rt.block_on(async {
            let set: JoinSet<u32> = (0..100).map(|value| async move { value }).collect();
            let mut all = set.join_all().await;
            all.sort_unstable();
            assert!(all.iter().copied().eq(0..100));
        });
    }
}

#[test]
fn join_all_passes_the_first_panic_on_and_aborts_the_others() {
    for rt in flavors() {
        let drops = Arc::new(AtomicUsize::new(0));
        let mut set = JoinSet::new();
        let counted = Counted(drops.clone());
        set.spawn_on(
            async move {
                let _counted = counted;
                pending().await
            },
            rt.handle(),
        );
        set.spawn_on(async { std::panic::resume_unwind(Box::new("payload")) }, rt.handle());
        let joined = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rt.block_on(set.join_all())));
        let payload: Box<dyn std::any::Any + Send> = match joined {
            Ok::<Vec<u8>, _>(_) => panic!("the panic was lost"),
            Err(payload) => payload,
        };
        assert_eq!(payload.downcast_ref(), Some(&"payload"));
        rt.block_on(async {
            while drops.load(SeqCst) == 0 {
                yield_now().await;
            }
        });
    }
}

#[test]
#[should_panic(expected = "was cancelled")]
fn join_all_panics_when_a_member_was_cancelled() {
    runtime::run(async {
        let mut set = JoinSet::<()>::new();
        set.spawn(pending());
        set.abort_all();
        set.join_all().await;
    });
}

#[test]
fn members_run_where_they_are_put() {
    let other = Builder::new_multi_thread().worker_threads(1).thread_name("other").build().unwrap();
    fn here() -> String {
        std::thread::current().name().unwrap_or_default().to_owned()
    }
    runtime::run(async {
        let mut set = JoinSet::new();
        set.spawn_on(async { here() }, other.handle());
        assert!(set.join_next().await.unwrap().unwrap().starts_with("other"));
        set.build_task().name("named").spawn_on(async { here() }, other.handle()).unwrap();
        assert!(set.join_next().await.unwrap().unwrap().starts_with("other"));
        set.spawn_blocking_on(
            || {
                runtime::spawn(async {});
                here()
            },
            other.handle(),
        );
        assert!(set.join_next().await.unwrap().unwrap().starts_with("other"));
        set.spawn_blocking(here);
        assert!(!set.join_next().await.unwrap().unwrap().starts_with("other"));
    });
    drop(other);
}

#[test]
fn members_need_not_be_send() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let mut set = JoinSet::new();
        let shared = Rc::new(Cell::new(0));
        for n in 1..=3 {
            let shared = shared.clone();
            set.spawn_local(async move {
                shared.set(shared.get() + n);
                shared
            });
        }
        let clone = shared.clone();
        set.build_task().name("local").spawn_local(async move { clone }).unwrap();
        assert_eq!(set.join_all().await.len(), 4);
        assert_eq!(shared.get(), 6);
    });
    runtime::run(async {
        let local = LocalSet::new();
        let mut set = JoinSet::new();
        set.spawn_local_on(async { Rc::new(1) }, &local);
        set.build_task().name("one").spawn_local_on(async { Rc::new(1) }, &local).unwrap();
        assert!(set.try_join_next().is_none(), "it runs when the LocalSet does");
        let joined = local.run_until(async {
            set.spawn_local(async { Rc::new(2) });
            set.join_all().await
        });
        assert_eq!(joined.await, [Rc::new(1), Rc::new(1), Rc::new(2)]);
    });
}

/// The error says where the member was spawned: not in here somewhere.
#[test]
fn spawn_sites_are_the_callers() {
    fn line(set: &mut JoinSet<()>) -> (u32, bool) {
        set.abort_all();
        let error = futures::executor::block_on(set.join_next()).unwrap().unwrap_err();
        (error.spawn_site().line(), error.spawn_site().file() == file!())
    }
    let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let _entered = rt.enter();
    let mut set = JoinSet::new();
    set.spawn(pending());
    assert_eq!(line(&mut set), (line!() - 1, true));
    set.spawn_on(pending(), rt.handle());
    assert_eq!(line(&mut set), (line!() - 1, true));
    set.extend([pending()]);
    assert_eq!(line(&mut set), (line!() - 1, true));
    set.build_task().name("name").spawn(pending()).unwrap();
    assert_eq!(line(&mut set), (line!() - 1, true));
    let mut set = JoinSet::from_iter([pending()]);
    assert_eq!(line(&mut set), (line!() - 1, true));
}

#[test]
fn a_set_is_a_stream_that_goes_on_when_something_is_spawned() {
    runtime::run(async {
        let mut set: JoinSet<u32> = (0..3).map(|value| async move { value }).collect();
        assert_eq!(set.size_hint(), (3, Some(3)));
        assert!(!set.is_terminated());
        let mut all: Vec<u32> = set.by_ref().map(Result::unwrap).collect().await;
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
        assert!(set.is_terminated());
        assert!(set.next().await.is_none());
        set.spawn(async { 7 });
        assert!(!set.is_terminated());
        assert_eq!(set.next().await.unwrap().unwrap(), 7);
    });
}

#[test]
fn one_wake_up_for_any_number_of_ends_and_the_last_waker_gets_it() {
    let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let mut set = JoinSet::new();
    let semaphore = Arc::new(Semaphore::new(0));
    let members: Vec<_> = (0..50)
        .map(|_| {
            let semaphore = semaphore.clone();
            set.spawn_on(async move { semaphore.acquire().await.unwrap().forget() }, rt.handle())
        })
        .collect();
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    for count in &counts {
        let waker = Waker::from(count.clone());
        for _ in 0..2 {
            assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    semaphore.add_permits(50);
    while members.iter().any(|member| !member.is_finished()) {
        std::thread::yield_now();
    }
    // The last one to end wakes after it has ended: wait for it in the order of its worker.
    futures::executor::block_on(rt.spawn(async {})).unwrap();
    assert_eq!(counts.map(|count| count.get()), [0, 1]);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..50 {
        assert!(matches!(set.poll_join_next(&mut cx), Poll::Ready(Some(Ok(())))));
    }
    assert!(matches!(set.poll_join_next(&mut cx), Poll::Ready(None)));
}

/// A member that is added after the poll, and has ended already, is told to who polled.
#[test]
fn a_member_that_has_ended_before_it_is_added_wakes() {
    let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let mut set = JoinSet::new();
    set.spawn_on(pending::<()>(), rt.handle());
    let count = Arc::new(Count::default());
    let waker = Waker::from(count.clone());
    assert!(set.poll_join_next(&mut Context::from_waker(&waker)).is_pending());
    let second = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let closed = second.handle().clone();
    drop(second);
    set.spawn_on(async {}, &closed);
    assert_eq!(count.get(), 1);
    let error = futures::executor::block_on(set.join_next()).unwrap().unwrap_err();
    assert!(error.is_cancelled());
}

/// A waker's clone, wake and drop are foreign code: members end meanwhile, on another thread.
#[test]
fn no_lock_is_held_while_foreign_code_runs() {
    within_bounds(|| {
        let rt = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let handle = rt.handle().clone();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut set = JoinSet::new();
        let waiting: Arc<Mutex<Vec<_>>> =
            Arc::new(Mutex::new((0..4).map(|value| gated_on(&mut set, value, &handle)).collect()));
        let (events, to_end, caller) = (seen.clone(), waiting.clone(), std::thread::current().id());
        let waker = nosy_waker(move |event| {
            events.lock().unwrap().push(event);
            if std::thread::current().id() != caller {
                return;
            }
            let next = to_end.lock().unwrap().pop();
            if let Some((gate, _)) = next {
                gate.send(()).unwrap();
                // The only worker is done with the member, and with telling the set.
                futures::executor::block_on(handle.spawn(async {})).unwrap();
            }
        });
        let mut values = Vec::new();
        while values.len() < 4 {
            match set.poll_join_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(result) => values.push(result.unwrap().unwrap()),
                Poll::Pending => std::thread::yield_now(),
            }
            // In case nothing foreign happened: the test goes on, and says so below.
            let next = waiting.lock().unwrap().pop();
            if let Some((gate, _)) = next {
                gate.send(()).unwrap();
            }
        }
        values.sort_unstable();
        assert_eq!(values, [0, 1, 2, 3]);
        assert!(seen.lock().unwrap().contains(&Event::Cloned));
    });
}

fn gated_on(
    set: &mut JoinSet<u8>,
    value: u8,
    handle: &runtime::Handle,
) -> (oneshot::Sender<()>, AbortHandle) {
    let _entered = handle.enter();
    gated(set, value)
}

/// A set full of results does not let its task run for ever.
#[test]
fn taking_results_uses_budget() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        let mut set: JoinSet<()> = (0..2000).map(|_| async {}).collect();
        let members: Vec<_> = std::iter::repeat_with(|| set.spawn(async {})).take(2000).collect();
        while members.iter().any(|member| !member.is_finished()) {
            yield_now().await;
        }
        let others = Rc::new(Cell::new(0));
        let clone = others.clone();
        let other = runtime::spawn_local(async move {
            loop {
                clone.set(clone.get() + 1);
                yield_now().await;
            }
        });
        yield_now().await;
        let before = others.get();
        while let Some(result) = set.join_next().await {
            result.unwrap();
        }
        assert!(others.get() - before >= 4000 / 128 - 1, "{}", others.get() - before);
        other.abort();
        // Without a wait there is no budget: all of them at once.
        let members: Vec<_> = std::iter::repeat_with(|| set.spawn(async {})).take(2000).collect();
        while members.iter().any(|member| !member.is_finished()) {
            yield_now().await;
        }
        for _ in 0..2000 {
            set.try_join_next().unwrap().unwrap();
        }
    });
}

#[test]
fn results_that_nobody_took_are_dropped_with_the_set() {
    for rt in flavors() {
        let drops = Arc::new(AtomicUsize::new(0));
        rt.block_on(async {
            let mut set = JoinSet::new();
            for _ in 0..3 {
                let (gate, member) = gated(&mut set, Counted(drops.clone()));
                end(gate, &member).await;
            }
            drop(set.join_next().await);
            assert_eq!(drops.load(SeqCst), 1);
            drop(set);
            assert_eq!(drops.load(SeqCst), 3);
        });
    }
}

/// A task that owns a set, and has left its waker there, is freed when it is aborted.
#[test]
fn a_set_does_not_keep_the_task_alive_that_polls_it() {
    for rt in flavors() {
        let counted = Arc::new(AtomicUsize::new(0));
        rt.block_on(async {
            let (value, polled) = (Counted(counted.clone()), Arc::new(AtomicUsize::new(0)));
            let has_polled = polled.clone();
            let task = runtime::spawn(async move {
                let mut set = JoinSet::new();
                set.spawn(pending::<()>());
                let joined = set.join_next();
                let mut joined = Box::pin(joined);
                poll_fn(|cx| {
                    let _ = Pin::new(&mut joined).poll(cx);
                    has_polled.store(1, SeqCst);
                    Poll::<()>::Pending
                })
                .await;
                drop(value);
            });
            while polled.load(SeqCst) == 0 {
                yield_now().await;
            }
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert_eq!(counted.load(SeqCst), 1);
    }
}

/// A set goes where its results may go.
#[test]
fn sets_are_send_where_the_results_are() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    fn unpin<T: Unpin + std::panic::UnwindSafe>() {}
    send::<JoinSet<Cell<u8>>>();
    sync::<JoinSet<Cell<u8>>>();
    unpin::<JoinSet<std::marker::PhantomPinned>>();
    fn is_send<T: Send>(_: T) {}
    let mut set = JoinSet::<Cell<u8>>::new();
    is_send(set.join_next());
    is_send(set.wait(runtime::task::ReturnWhen::AllCompleted, Some(std::time::Duration::MAX)));
    is_send(set.shutdown());
    is_send(set.join_all());
}
