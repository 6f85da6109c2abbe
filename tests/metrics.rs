//! A runtime's figures: exact where what happens is.

use runtime::metrics::{Histogram, RuntimeMetrics, prometheus};
use runtime::net::{TcpListener, TcpStream};
use runtime::sync::{Notify, oneshot};
use runtime::{Builder, Runtime, task, time};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing here takes as long as this.
const LONG: Duration = Duration::from_secs(60);

fn builders() -> [Builder; 2] {
    let mut multi = Builder::new_multi_thread();
    multi.worker_threads(2);
    [Builder::new_current_thread(), multi]
}

fn flavours() -> [Runtime; 2] {
    builders().map(|mut builder| builder.build().unwrap())
}

/// Waits until the figures are so.
#[track_caller]
fn wait_until(runtime: &Runtime, what: &str, is_so: impl Fn(&RuntimeMetrics) -> bool) -> RuntimeMetrics {
    let start = Instant::now();
    loop {
        let metrics = runtime.metrics();
        if is_so(&metrics) {
            return metrics;
        }
        assert!(start.elapsed() < LONG, "{what}: {metrics:?}");
        thread::yield_now();
    }
}

#[test]
fn tasks_are_counted_when_they_are_spawned_and_until_they_end() {
    for runtime in flavours() {
        let tasks: Vec<_> = (0..100).map(|_| runtime.spawn(pending::<()>())).collect();
        let metrics = runtime.metrics();
        assert_eq!((metrics.num_alive_tasks(), metrics.spawned_tasks_count()), (100, 100));
        runtime.block_on(async {
            for task in tasks {
                task.abort();
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
        let metrics = runtime.metrics();
        assert_eq!((metrics.num_alive_tasks(), metrics.spawned_tasks_count()), (0, 100));
    }
}

#[test]
fn a_task_that_panics_is_no_longer_alive() {
    for runtime in flavours() {
        runtime.block_on(runtime.spawn(async { panic!("on purpose") })).unwrap_err();
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    }
}

#[test]
fn what_stays_on_one_thread_counts_too() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { task::spawn_local(async {}).await.unwrap() });
    let metrics = runtime.metrics();
    assert_eq!((metrics.spawned_tasks_count(), metrics.num_alive_tasks(), metrics.polls_count()), (1, 0, 1));
}

#[test]
fn a_task_that_yields_k_times_is_polled_once_more() {
    for runtime in flavours() {
        runtime
            .block_on(runtime.spawn(async {
                for _ in 0..1000 {
                    task::yield_now().await;
                }
            }))
            .unwrap();
        let metrics = runtime.metrics();
        assert_eq!(metrics.polls_count(), 1001);
        let of_workers = (0..metrics.num_workers()).map(|worker| metrics.worker_poll_count(worker));
        assert_eq!(of_workers.sum::<u64>(), 1001);
    }
}

/// Each of the two workers is in a poll of its own, so the third task waits.
#[test]
fn queues_are_as_deep_as_tasks_wait_in_them() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (entered, is_entered) = mpsc::channel();
    let gate = Arc::new(Barrier::new(3));
    for _ in 0..2 {
        let (gate, entered) = (gate.clone(), entered.clone());
        runtime.spawn(async move {
            entered.send(()).unwrap();
            gate.wait();
        });
    }
    is_entered.recv_timeout(LONG).unwrap();
    is_entered.recv_timeout(LONG).unwrap();
    let waiting: Vec<_> = (0..5).map(|_| runtime.spawn(async {})).collect();
    let metrics = runtime.metrics();
    assert_eq!(metrics.global_queue_depth(), 5);
    gate.wait();
    runtime.block_on(async {
        for task in waiting {
            task.await.unwrap();
        }
    });
    assert_eq!(runtime.metrics().global_queue_depth(), 0);
}

#[test]
fn a_workers_own_queue_is_as_deep_as_what_it_spawned() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let metrics = runtime.spawn(async {
        for _ in 0..7 {
            runtime::spawn(async {});
        }
        runtime::Handle::current().metrics()
    });
    let metrics = runtime.block_on(metrics).unwrap();
    // On a machine that takes its time, the monitor has moved the one in the next slot.
    assert_eq!(metrics.worker_local_queue_depth(0) + metrics.global_queue_depth(), 7);
    assert!(metrics.worker_local_queue_depth(0) >= 6);
}

/// One worker keeps what it has spawned waiting; only the other can run it, by stealing.
#[test]
fn what_another_worker_runs_was_stolen() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let spawner = runtime.spawn(async {
        let (done, is_done) = mpsc::channel();
        for _ in 0..10 {
            let done = done.clone();
            runtime::spawn(async move { done.send(()).unwrap() });
        }
        for _ in 0..10 {
            is_done.recv_timeout(LONG).unwrap();
        }
    });
    runtime.block_on(spawner).unwrap();
    let metrics = runtime.metrics();
    let steals: u64 = metrics.workers().iter().map(|worker| worker.steal_operations()).sum();
    let stolen: u64 = metrics.workers().iter().map(|worker| worker.stolen_tasks()).sum();
    // The monitor may have moved the one in the next slot into the injector.
    assert!(steals >= 1 && stolen >= 9 && stolen >= steals, "{metrics:?}");
}

#[test]
fn a_worker_without_work_parks_and_is_not_busy() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let asleep = |metrics: &RuntimeMetrics| metrics.worker_park_unpark_count(0) % 2 == 1;
    let before = wait_until(&runtime, "asleep", asleep);
    let later = runtime.metrics();
    if later.worker_park_unpark_count(0) == before.worker_park_unpark_count(0) {
        assert_eq!(later.worker_total_busy_duration(0), before.worker_total_busy_duration(0));
    }
    let work = Duration::from_millis(20);
    runtime.block_on(runtime.spawn(async move { thread::sleep(work) })).unwrap();
    let after = wait_until(&runtime, "asleep again", |metrics| {
        asleep(metrics) && metrics.worker_park_count(0) > before.worker_park_count(0)
    });
    assert!(after.worker_total_busy_duration(0) >= before.worker_total_busy_duration(0) + work);
}

#[test]
fn a_current_thread_runtime_is_busy_in_block_on_only() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let work = Duration::from_millis(20);
    runtime.block_on(async { thread::sleep(work) });
    let busy = runtime.metrics().worker_total_busy_duration(0);
    assert!(busy >= work);
    thread::sleep(work);
    assert_eq!(runtime.metrics().worker_total_busy_duration(0), busy);
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { panic!("on purpose") }))).unwrap_err();
    let busy = runtime.metrics().worker_total_busy_duration(0);
    thread::sleep(work);
    assert_eq!(runtime.metrics().worker_total_busy_duration(0), busy);
}

#[test]
fn timers_are_counted_while_they_wait() {
    for runtime in flavours() {
        let asleep = runtime.spawn(time::sleep(LONG));
        runtime.block_on(async {
            while runtime.metrics().timers_count() != 1 {
                task::yield_now().await;
            }
            asleep.abort();
            asleep.await.unwrap_err();
        });
        assert_eq!(runtime.metrics().timers_count(), 0);
    }
}

#[test]
fn sockets_and_their_events_are_counted() {
    for runtime in flavours() {
        runtime.block_on(async {
            let before = runtime.metrics();
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (accepted, connected) = futures::join!(listener.accept(), TcpStream::connect(address));
            let (accepted, connected) = (accepted.unwrap(), connected.unwrap());
            assert_eq!(runtime.metrics().io_driver_source_count(), 3);
            drop(connected);
            accepted.0.readable().await.unwrap();
            assert!(runtime.metrics().io_driver_ready_count() > before.io_driver_ready_count());
        });
        assert_eq!(runtime.metrics().io_driver_source_count(), 0);
    }
}

#[test]
fn the_blocking_pool_shows_threads_idle_ones_and_queued_jobs() {
    for mut builder in builders() {
        let runtime = builder.max_blocking_threads(1).build().unwrap();
        assert_eq!(runtime.metrics().num_blocking_threads(), 0);
        let (open, gate) = mpsc::channel::<()>();
        let (entered, is_entered) = mpsc::channel();
        let first = runtime.spawn_blocking(move || {
            entered.send(()).unwrap();
            gate.recv_timeout(LONG).unwrap();
        });
        is_entered.recv_timeout(LONG).unwrap();
        let others: Vec<_> = (0..3).map(|_| runtime.spawn_blocking(|| {})).collect();
        let metrics = runtime.metrics();
        assert_eq!((metrics.num_blocking_threads(), metrics.num_idle_blocking_threads()), (1, 0));
        assert_eq!(metrics.blocking_queue_depth(), 3);
        open.send(()).unwrap();
        runtime.block_on(async {
            first.await.unwrap();
            for other in others {
                other.await.unwrap();
            }
        });
        let metrics = wait_until(&runtime, "idle", |metrics| metrics.num_idle_blocking_threads() == 1);
        assert_eq!((metrics.num_blocking_threads(), metrics.blocking_queue_depth()), (1, 0));
        assert_eq!(metrics.spawned_tasks_count(), 0, "jobs are no tasks");
    }
}

#[test]
fn detailed_histograms_have_every_poll_and_every_wait() {
    for mut builder in builders() {
        let runtime = builder.detailed_metrics(true).build().unwrap();
        let sleepy = Duration::from_millis(5);
        runtime.block_on(async {
            let tasks: Vec<_> = (0..10)
                .map(|_| {
                    runtime::spawn(async move {
                        thread::sleep(sleepy);
                        task::yield_now().await;
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        // The last poll is measured after the handle was told.
        let metrics = wait_until(&runtime, "measured", |metrics| metrics.poll_time().count() == 20);
        assert_eq!(metrics.schedule_latency().count(), 20);
        let long = |histogram: &Histogram| -> u64 {
            let long = histogram.buckets().filter(|(range, _)| range.end > sleepy);
            long.map(|(_, count)| count).sum()
        };
        assert!(long(&metrics.poll_time()) >= 10, "{:?}", metrics.poll_time());
        assert!(metrics.poll_time().sum() >= sleepy * 10);
        if metrics.num_workers() == 1 {
            // All but the first wait for another at least.
            assert!(long(&metrics.schedule_latency()) >= 9, "{:?}", metrics.schedule_latency());
        }
        // Spares included: on a busy machine one may have come.
        let of_workers = (0..metrics.workers().len()).map(|worker| {
            let buckets = 0..metrics.poll_time_histogram_num_buckets();
            buckets.map(|bucket| metrics.poll_time_histogram_bucket_count(worker, bucket)).sum::<u64>()
        });
        assert_eq!(of_workers.sum::<u64>(), 20);
    }
}

#[test]
fn by_default_one_poll_in_a_few_hundred_is_measured() {
    for runtime in flavours() {
        let polls = 100_000;
        runtime
            .block_on(runtime.spawn(async move {
                for _ in 1..polls {
                    task::yield_now().await;
                }
            }))
            .unwrap();
        let measured = runtime.metrics().schedule_latency().count();
        assert!((polls / 512..=polls / 250).contains(&measured), "{measured} of {polls}");
    }
}

/// The stamp goes with the entry, whatever way that takes: from other threads, through next slots, stolen.
#[test]
fn entries_from_other_threads_are_measured() {
    for mut builder in builders() {
        let runtime = builder.detailed_metrics(true).build().unwrap();
        let (notify, polls) = (Arc::new(Notify::new()), 50);
        let waiter = runtime.spawn({
            let notify = notify.clone();
            async move {
                for _ in 0..polls {
                    notify.notified().await;
                }
            }
        });
        let handle = waiter.abort_handle();
        let waker = thread::spawn(move || {
            while !handle.is_finished() {
                notify.notify_one();
                thread::yield_now();
            }
        });
        runtime.block_on(waiter).unwrap();
        waker.join().unwrap();
        let metrics =
            wait_until(&runtime, "measured", |metrics| metrics.poll_time().count() == metrics.polls_count());
        assert_eq!(metrics.schedule_latency().count(), metrics.polls_count());
    }
}

/// Tasks that are in queues when the runtime ends, with their stamps.
#[test]
fn stamped_entries_end_with_the_runtime() {
    for mut builder in builders() {
        let runtime = builder.detailed_metrics(true).build().unwrap();
        let (done, is_done) = oneshot::channel::<()>();
        let tasks: Vec<_> = (0..1000).map(|_| runtime.spawn(pending::<()>())).collect();
        runtime.spawn(async move {
            let _done = done;
            loop {
                task::yield_now().await;
            }
        });
        drop(runtime);
        assert!(futures::executor::block_on(is_done).is_err());
        assert!(tasks.iter().all(|task| task.is_finished()));
    }
}

#[test]
fn rescues_and_spares_are_counted() {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let before = runtime.metrics();
    assert_eq!((before.rescues_count(), before.spares_count(), before.num_spares()), (0, 0, 0));
    let (tell, told) = std::sync::mpsc::channel();
    let task = runtime.spawn(async move {
        let behind = runtime::spawn(async move { tell.send(()).unwrap() });
        // It runs first, and waits for the one behind it.
        let blocker = runtime::spawn(async move { told.recv().unwrap() });
        behind.await.unwrap();
        blocker.await.unwrap();
    });
    runtime.block_on(task).unwrap();
    let after = runtime.metrics();
    assert!(after.rescues_count() >= 1 && after.spares_count() >= 1, "{after:?}");
    assert_eq!((after.num_workers(), after.workers().len()), (1, 2));
}

/// By the rules of the text format: a HELP and a TYPE line before each name, once, and histograms that are cumulative.
#[test]
fn the_text_for_prometheus_is_well_formed() {
    for mut builder in builders() {
        let runtime = builder.detailed_metrics(true).build().unwrap();
        runtime.block_on(runtime.spawn(task::yield_now())).unwrap();
        wait_until(&runtime, "measured", |metrics| metrics.poll_time().count() == 2);
        let text = prometheus(&runtime.metrics());
        assert!(text.ends_with('\n'));
        let mut kinds = std::collections::BTreeMap::new();
        let mut family = ("", "");
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let kind = lines.next().unwrap().strip_prefix("# TYPE ").unwrap();
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(
                    help.split_once(' ').is_some_and(|(of, what)| of == name && !what.is_empty()),
                    "{line}"
                );
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
                assert_eq!(kinds.insert(name, kind), None, "{name} twice");
                family = (name, kind);
                continue;
            }
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(value >= 0.0, "{line}");
            let name = sample.split('{').next().unwrap();
            let rest = name.strip_prefix(family.0).unwrap_or_else(|| panic!("{line} in {family:?}"));
            let is_right = match family.1 {
                "histogram" => ["_bucket", "_sum", "_count"].contains(&rest),
                _ => rest.is_empty(),
            };
            assert!(is_right, "{line} in {family:?}");
        }
        assert!(text.contains("\nruntime_tasks_spawned_total 1\n"));
        check_histogram(&text, "runtime_poll_time_seconds", 2.0);
        check_histogram(&text, "runtime_schedule_latency_seconds", 2.0);
    }
}

fn check_histogram(text: &str, name: &str, count: f64) {
    let samples: Vec<(&str, f64)> = text
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '))
        .map(|(rest, value)| (rest, value.parse().unwrap()))
        .collect();
    let bound = |rest: &str| -> Option<f64> {
        let end = rest.strip_prefix("_bucket{le=\"")?.strip_suffix("\"}")?;
        Some(if end == "+Inf" { f64::INFINITY } else { end.parse().unwrap() })
    };
    let buckets: Vec<(f64, f64)> =
        samples.iter().filter_map(|(rest, value)| Some((bound(rest)?, *value))).collect();
    assert!(buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1), "{buckets:?}");
    assert_eq!(buckets.last(), Some(&(f64::INFINITY, count)));
    assert_eq!(samples.iter().find(|(rest, _)| *rest == "_count").unwrap().1, count);
    assert!(samples.iter().any(|(rest, sum)| *rest == "_sum" && *sum > 0.0));
}
