//! Gathering, shielding, groups.

use runtime::sync::oneshot;
use runtime::task::{self, GroupError, TaskError};
use runtime::time;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn counter() -> (Arc<AtomicUsize>, impl Fn() -> Dropped) {
    let drops = Arc::new(AtomicUsize::new(0));
    let count = drops.clone();
    (drops, move || Dropped(count.clone()))
}

#[runtime::test(start_paused = true)]
async fn gather_gives_results_in_the_order_of_the_futures() {
    let start = time::Instant::now();
    let results = task::gather((0..10u32).rev().map(|i| async move {
        time::sleep(i * SECOND).await;
        assert!(i != 3, "three");
        i
    }))
    .await;
    assert_eq!(start.elapsed(), 9 * SECOND);
    let values: Vec<Option<u32>> = results.iter().map(|result| result.as_ref().ok().copied()).collect();
    let expected: Vec<Option<u32>> = (0..10).rev().map(|i| (i != 3).then_some(i)).collect();
    assert_eq!(values, expected);
    assert!(results[6].as_ref().unwrap_err().is_panic());
    assert!(task::gather(Vec::<std::future::Ready<()>>::new()).await.is_empty());
}

#[runtime::test(start_paused = true)]
async fn a_dropped_gather_asks_its_tasks_for_their_end() {
    let (drops, guard) = counter();
    let (cleaned, is_cleaned) = oneshot::channel();
    let listener = async move {
        task::cancelled().await;
        time::sleep(SECOND).await;
        cleaned.send(()).unwrap();
    };
    let listener: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(listener);
    let others = (0..3).map(|_| {
        let guard = guard();
        Box::pin(async move {
            let _guard = guard;
            pending::<()>().await;
        }) as _
    });
    let gather = task::gather([listener].into_iter().chain(others));
    assert!(time::timeout(SECOND, gather).await.is_err());
    is_cleaned.await.unwrap();
    while drops.load(Ordering::SeqCst) < 3 {
        task::yield_now().await;
    }
}

#[runtime::test(start_paused = true)]
async fn try_gather_gives_the_first_error_at_once_and_the_others_go_on() {
    let start = time::Instant::now();
    let (done, is_done) = oneshot::channel();
    let mut done = Some(done);
    let error = task::try_gather((1..4u32).map(|i| {
        let done = done.take_if(|_| i == 3);
        async move {
            time::sleep(i * 10 * SECOND).await;
            if let Some(done) = done {
                done.send(()).unwrap();
            }
            if i == 1 { Err(format!("error {i}")) } else { Ok(i) }
        }
    }))
    .await
    .unwrap_err();
    assert_eq!(start.elapsed(), 10 * SECOND);
    assert_eq!(error.index(), 0);
    assert_eq!(error.to_string(), "task number 0 of the gathered ones failed: error 1");
    assert_eq!(error.into_inner().unwrap(), "error 1");
    is_done.await.unwrap();
    assert_eq!(start.elapsed(), 30 * SECOND);
    let values = task::try_gather((0..3).map(|i| async move { Ok::<_, ()>(i) })).await.unwrap();
    assert_eq!(values, [0, 1, 2]);
}

#[runtime::test(start_paused = true)]
async fn cancel_rest_waits_for_the_cleanup_of_the_others() {
    let start = time::Instant::now();
    let gather = task::try_gather((0..3u64).map(|i| async move {
        if i == 1 {
            time::sleep(SECOND).await;
            return Err("first");
        }
        task::cancelled().await;
        time::sleep(2 * SECOND).await;
        Err("while it cleaned up")
    }))
    .cancel_rest();
    let gather: task::TryGather<(), &str> = gather;
    let error = gather.await.unwrap_err();
    assert_eq!((error.index(), error.into_inner().unwrap()), (1, "first"));
    assert_eq!(start.elapsed(), 3 * SECOND);
}

#[runtime::test(start_paused = true)]
async fn a_panic_is_an_error_of_try_gather() {
    let gather = task::try_gather((0..2).map(|i| async move {
        assert!(i != 1, "on purpose");
        time::sleep(SECOND).await;
        Ok::<i32, ()>(i)
    }));
    let error = gather.await.unwrap_err();
    assert!(error.error().is_panic());
    assert!(error.into_inner().unwrap_err().to_string().contains("on purpose"));
}

#[runtime::test(start_paused = true)]
async fn what_is_shielded_goes_on() {
    let (done, is_done) = oneshot::channel();
    let (started, is_started) = oneshot::channel();
    let outer = runtime::spawn(async move {
        let inner = task::shield(async move {
            time::sleep(SECOND).await;
            done.send(()).unwrap();
        });
        started.send(()).unwrap();
        inner.await
    });
    is_started.await.unwrap();
    assert!(outer.cancel().await.unwrap_err().is_cancelled());
    is_done.await.unwrap();
}

#[runtime::test(start_paused = true)]
async fn a_group_waits_for_all_and_gives_the_bodys_value() {
    let start = time::Instant::now();
    let (drops, guard) = counter();
    let value = task::group(async |g| {
        for i in 1..=5u32 {
            let guard = guard();
            let again = g.clone();
            g.spawn(async move {
                let _guard = guard;
                time::sleep(i * SECOND).await;
                if i == 5 {
                    // While the group waits.
                    again.spawn(async {
                        time::sleep(SECOND).await;
                        Ok(())
                    });
                }
                Ok::<_, ()>(())
            });
        }
        Ok(7)
    })
    .await;
    assert_eq!(value.unwrap(), 7);
    assert_eq!(start.elapsed(), 6 * SECOND);
    assert_eq!(drops.load(Ordering::SeqCst), 5);
}

#[runtime::test(start_paused = true)]
async fn the_first_error_ends_all_and_every_error_is_given() {
    let start = time::Instant::now();
    let (drops, guard) = counter();
    let in_body = guard();
    let result: Result<(), GroupError<String>> = task::group(async |g| {
        let _in_body = in_body;
        let guard = guard();
        let deaf = g.spawn(async move {
            let _guard = guard;
            pending::<Result<(), String>>().await
        });
        g.spawn(async {
            task::cancelled().await;
            time::sleep(2 * SECOND).await;
            Err::<(), _>("while cleaning up".to_owned())
        });
        g.spawn(async {
            task::cancelled().await;
            panic!("while cleaning up")
        }) as runtime::JoinHandle<()>;
        let failed = g.spawn(async {
            time::sleep(SECOND).await;
            Err::<(), _>("first".to_owned())
        });
        assert!(failed.await.unwrap_err().is_cancelled(), "the error went to the group");
        drop(deaf);
        pending().await
    })
    .await;
    let error = result.unwrap_err();
    assert_eq!(start.elapsed(), 3 * SECOND);
    assert_eq!(drops.load(Ordering::SeqCst), 2, "body and deaf task");
    assert_eq!(error.errors().len(), 3);
    assert!(matches!(&error.errors()[0], TaskError::Failed(text) if text == "first"));
    assert!(error.errors()[1].is_panic());
    assert!(matches!(&error.errors()[2], TaskError::Failed(text) if text == "while cleaning up"));
    let text = error.to_string();
    assert!(text.starts_with("3 tasks of the group failed: first; task "), "{text}");
}

#[runtime::test(start_paused = true)]
async fn an_error_of_the_body_ends_the_tasks() {
    let (drops, guard) = counter();
    let result: Result<(), _> = task::group(async |g| {
        let guard = guard();
        g.spawn(async move {
            let _guard = guard;
            pending::<Result<(), &str>>().await
        });
        Err("body")
    })
    .await;
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    let errors = result.unwrap_err().into_errors();
    assert!(matches!(errors.as_slice(), [TaskError::Failed("body")]));
}

#[runtime::test(start_paused = true)]
async fn a_panic_of_the_body_goes_on_after_the_cleanup() {
    let start = time::Instant::now();
    let outer = runtime::spawn(task::group(async |g: task::TaskGroup<()>| {
        let (ready, is_ready) = oneshot::channel();
        g.spawn(async move {
            let cancelled = task::cancelled();
            ready.send(()).unwrap();
            cancelled.await;
            time::sleep(SECOND).await;
            Ok(())
        });
        is_ready.await.unwrap();
        panic!("body");
        #[allow(unreachable_code)]
        Ok(())
    }));
    let error = outer.await.unwrap_err();
    assert!(error.to_string().contains("body"));
    assert_eq!(start.elapsed(), SECOND);
}

#[runtime::test(start_paused = true)]
async fn a_cancelled_group_ends_a_body_that_waits_for_something_else() {
    let (drops, guard) = counter();
    let in_body = guard();
    let result: Result<(), GroupError<()>> = task::group(async |g| {
        let _in_body = in_body;
        let other = g.clone();
        g.spawn(async move {
            time::sleep(SECOND).await;
            other.cancel();
            let refused = other.spawn(async { unreachable!("polled") }) as runtime::JoinHandle<()>;
            drop(refused);
            task::cancelled().await;
            time::sleep(SECOND).await;
            Ok(())
        });
        pending().await
    })
    .await;
    assert!(result.unwrap_err().is_cancelled());
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}

#[runtime::test]
async fn a_group_that_has_ended_takes_no_task() {
    let mut kept = None;
    task::group(async |g: task::TaskGroup<()>| {
        kept = Some(g.clone());
        Ok(())
    })
    .await
    .unwrap();
    let refused = kept.unwrap().spawn(async { unreachable!("polled") }) as runtime::JoinHandle<()>;
    assert!(refused.await.unwrap_err().is_cancelled());
}

#[runtime::test(start_paused = true)]
async fn a_dropped_group_asks_its_tasks_for_their_end() {
    let (cleaned, is_cleaned) = oneshot::channel();
    let group = task::group(async move |g: task::TaskGroup<()>| {
        g.spawn(async move {
            task::cancelled().await;
            time::sleep(SECOND).await;
            cleaned.send(()).unwrap();
            Ok(())
        });
        pending::<Result<(), ()>>().await
    });
    assert!(time::timeout(SECOND, group).await.is_err());
    is_cleaned.await.unwrap();
}

#[runtime::test(start_paused = true)]
async fn a_listening_task_that_is_cancelled_ends_its_group() {
    let start = time::Instant::now();
    let (ready, is_ready) = oneshot::channel();
    let outer = runtime::spawn(async move {
        let _listens = task::cancelled();
        task::group(async move |g: task::TaskGroup<()>| {
            g.spawn(async move {
                let cancelled = task::cancelled();
                ready.send(()).unwrap();
                cancelled.await;
                time::sleep(SECOND).await;
                Ok(())
            });
            Ok(5)
        })
        .await
    });
    is_ready.await.unwrap();
    assert_eq!(outer.cancel().await.unwrap().unwrap(), 5);
    assert_eq!(start.elapsed(), SECOND);
}

#[runtime::test(start_paused = true)]
async fn start_waits_until_the_task_is_ready() {
    let result = task::group(async |g: task::TaskGroup<String>| {
        let start = time::Instant::now();
        let port = g
            .start(async move |ready| {
                time::sleep(SECOND).await;
                ready.set(8080);
                time::sleep(SECOND).await;
                Ok(())
            })
            .await
            .unwrap();
        assert_eq!((port, start.elapsed()), (8080, SECOND));
        let never = g
            .start(async move |ready: task::Ready<()>| {
                drop(ready);
                Ok(())
            })
            .await;
        assert!(never.unwrap_err().is_cancelled());
        Ok(start)
    })
    .await;
    assert_eq!(result.unwrap().elapsed(), 2 * SECOND);

    let result = task::group(async |g: task::TaskGroup<String>| {
        let failed = g.start(async move |_ready: task::Ready<()>| Err("no port".to_owned())).await;
        assert!(failed.unwrap_err().is_cancelled());
        Ok(())
    })
    .await;
    assert_eq!(result.unwrap_err().errors().len(), 1);
}

/// What a group is made of is `Send` where its parts are.
#[test]
fn groups_and_gathers_may_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&task::group(async |g: task::TaskGroup<()>| {
        g.spawn(async { Ok(()) });
        Ok(())
    }));
    fn both<T: Send + Sync>() {}
    both::<task::TaskGroup<std::cell::Cell<u8>>>();
    fn send<T: Send>() {}
    send::<task::Gather<std::cell::Cell<u8>>>();
    both::<task::SharedHandle<String>>();
    both::<task::Cancelled>();
    both::<task::TimerHandle>();
}

#[runtime::test(start_paused = true)]
async fn gather_of_different_types_runs_them_in_parallel() {
    let start = time::Instant::now();
    let (drops, guard) = counter();
    let (a, b, c) = runtime::gather!(
        async {
            time::sleep(SECOND).await;
            1
        },
        async {
            time::sleep(2 * SECOND).await;
            "two".to_owned()
        },
        async { panic!("three") },
    )
    .await;
    let c: Result<(), _> = c;
    assert_eq!((a.unwrap(), b.unwrap().as_str(), c.unwrap_err().is_panic()), (1, "two", true));
    assert_eq!(start.elapsed(), 2 * SECOND);

    let guard = guard();
    let gather = runtime::gather!(async move {
        let _guard = guard;
        pending::<()>().await
    });
    drop(gather);
    while drops.load(Ordering::SeqCst) == 0 {
        task::yield_now().await;
    }
}

/// A body that runs out of budget on the way has not seen yet how its tasks ended.
#[runtime::test]
async fn a_cancelled_groups_body_awaits_a_thousand_handles() {
    for count in [10, 127, 200, 1000] {
        let result = task::group(async |g: task::TaskGroup<()>| {
            let handles: Vec<_> = (0..count).map(|_| g.spawn(pending::<Result<(), ()>>())).collect();
            g.cancel();
            let mut ended = 0;
            for handle in handles {
                assert!(handle.await.unwrap_err().is_cancelled());
                ended += 1;
            }
            Ok(ended)
        });
        assert_eq!(result.await.unwrap(), count);
    }
}

/// One that always has something to do ends all the same.
#[runtime::test]
async fn a_cancelled_groups_body_that_never_rests_ends() {
    let result: Result<(), GroupError<()>> = task::group(async |g: task::TaskGroup<()>| {
        g.cancel();
        loop {
            task::coop::consume_budget().await;
        }
    })
    .await;
    assert!(result.unwrap_err().is_cancelled());
}

/// While the awaiting task cleans up, the tasks of the group are asked once, however often it is polled.
#[runtime::test(start_paused = true)]
async fn a_group_asks_its_tasks_once() {
    let (ready, is_ready) = oneshot::channel();
    let outer = runtime::spawn(async move {
        let cancelled = task::cancelled();
        task::group(async move |g: task::TaskGroup<()>| {
            g.spawn(async {
                task::cancelled().await;
                time::sleep(SECOND).await;
                Ok(())
            });
            task::yield_now().await;
            ready.send(()).unwrap();
            cancelled.await;
            for _ in 0..1000 {
                task::yield_now().await;
            }
            // Asked, too, though it comes late.
            let late = g.spawn(async {
                task::cancelled().await;
                Ok(())
            });
            drop(late);
            Ok(5)
        })
        .await
    });
    is_ready.await.unwrap();
    assert_eq!(outer.cancel().await.unwrap().unwrap(), 5);
}

#[runtime::test(start_paused = true)]
async fn start_does_not_wait_for_a_task_that_will_not_be_ready() {
    let result = task::group(async |g: task::TaskGroup<()>| {
        let never = g.start(async move |ready: task::Ready<()>| {
            drop(ready);
            pending().await
        });
        assert!(never.await.unwrap_err().is_cancelled());
        Ok(1)
    })
    .await;
    assert_eq!(result.unwrap(), 1);
}

/// A task of a group that waits in a group of its own: what it has started ends before it does.
#[runtime::test(start_paused = true)]
async fn nested_groups_wait_for_the_cleanup_of_their_tasks() {
    let start = time::Instant::now();
    let cleaned = Arc::new(AtomicUsize::new(0));
    let count = cleaned.clone();
    let (ready, is_ready) = oneshot::channel();
    let result: Result<(), _> = task::group(async move |outer: task::TaskGroup<&str>| {
        outer.spawn(async move {
            // Two in one task, one inside of the other.
            let middle = task::group(async move |middle: task::TaskGroup<&str>| {
                let inner_count = count.clone();
                middle.spawn(async move {
                    task::cancelled().await;
                    time::sleep(2 * SECOND).await;
                    inner_count.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
                task::group(async move |inner: task::TaskGroup<&str>| {
                    inner.spawn(async move {
                        let cancelled = task::cancelled();
                        ready.send(()).unwrap();
                        cancelled.await;
                        time::sleep(SECOND).await;
                        count.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    });
                    pending().await
                })
                .await
                .map_err(|_| "the inner group ended")
            });
            let result: Result<(), _> = middle.await;
            assert!(result.is_err(), "nothing in it ends well");
            std::future::pending::<Result<(), _>>().await
        });
        is_ready.await.unwrap();
        Err("on purpose")
    })
    .await;
    let errors = result.unwrap_err().into_errors();
    assert!(matches!(errors.as_slice(), [TaskError::Failed("on purpose")]), "{errors:?}");
    assert_eq!(cleaned.load(Ordering::SeqCst), 2, "the outer group returned before all had cleaned up");
    assert_eq!(start.elapsed(), 2 * SECOND);
}

/// A task whose group ends in time goes on to its next await, and ends there.
#[runtime::test(start_paused = true)]
async fn a_task_that_was_asked_in_a_group_ends_after_it() {
    let (ready, is_ready) = oneshot::channel();
    let came_out = Arc::new(AtomicUsize::new(0));
    let count = came_out.clone();
    let task = runtime::spawn(async move {
        let value = task::group(async move |g: task::TaskGroup<()>| {
            let child = g.spawn(async move {
                let cancelled = task::cancelled();
                ready.send(()).unwrap();
                cancelled.await;
                Ok(5)
            });
            Ok(child.await.unwrap())
        });
        assert_eq!(value.await.unwrap(), 5);
        count.fetch_add(1, Ordering::SeqCst);
        pending::<()>().await;
    });
    is_ready.await.unwrap();
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert!(came_out.load(Ordering::SeqCst) <= 1);
}

/// One without tasks holds nobody up.
#[runtime::test(start_paused = true)]
async fn a_task_in_an_empty_group_ends_at_once() {
    let start = time::Instant::now();
    let (ready, is_ready) = oneshot::channel();
    let task = runtime::spawn(task::group(async move |_: task::TaskGroup<()>| {
        ready.send(()).unwrap();
        pending::<Result<(), ()>>().await
    }));
    is_ready.await.unwrap();
    assert!(task.cancel().await.unwrap_err().is_cancelled());
    assert_eq!(start.elapsed(), Duration::ZERO);
}
