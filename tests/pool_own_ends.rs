//! Pools of one's own: how their threads come and go, and how they end. The rest is in `pool_own.rs`.

mod own_pools;

use futures::executor::block_on;
use futures::future::poll_immediate;
use own_pools::{LONG, assert_cancelled, block_one, eventually, flavors, pool};
use runtime::blocking::{Builder, Pool};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

#[test]
fn p42_idle_threads_leave_and_others_come() {
    let short = Pool::builder().threads(4).keep_alive(Duration::from_millis(1)).build().unwrap();
    for _ in 0..3 {
        let blocked: Vec<_> = (0..4).map(|_| block_one(&short)).collect();
        assert_eq!(short.metrics().threads, 4);
        drop(blocked);
        eventually("all four leave", || short.metrics().threads == 0);
    }
}

#[test]
fn a_closed_pool_drains_and_takes_nothing() {
    for rt in flavors() {
        let pool = pool(1, 2);
        let (release, running) = block_one(&pool);
        let queued: Vec<_> = (0..2).map(|n| pool.spawn(move || n)).collect();
        let mut waiting = Box::pin(pool.run(|| 42));
        assert!(rt.block_on(poll_immediate(&mut waiting)).is_none());
        let mut closed = Box::pin(pool.wait_closed());
        assert!(rt.block_on(poll_immediate(&mut closed)).is_none());
        assert!(!pool.is_closed());
        pool.close();
        pool.close();
        assert!(pool.is_closed());
        assert_cancelled(rt.block_on(waiting));
        assert_cancelled(rt.block_on(pool.run(|| ())));
        assert_cancelled(rt.block_on(pool.spawn(|| ())));
        assert!(pool.try_spawn(|| ()).unwrap_err().is_closed());
        assert!(rt.block_on(poll_immediate(&mut closed)).is_none());
        drop(release);
        rt.block_on(closed);
        for (n, job) in queued.into_iter().enumerate() {
            assert_eq!(rt.block_on(job).unwrap(), n);
        }
        rt.block_on(running).unwrap();
        eventually("its threads leave", || pool.metrics().threads == 0);
        assert!(pool.shutdown(LONG).survivors().is_empty());
        rt.block_on(pool.wait_closed());
    }
}

#[test]
fn p38_a_shutdown_answers_what_is_queued_and_names_what_runs() {
    let pool = Pool::builder().name("slow").threads(2).queue(10).build().unwrap();
    let idle = block_one(&pool);
    let (release, running) = block_one(&pool);
    drop(idle.0);
    block_on(idle.1).unwrap();
    eventually("the other one sleeps", || pool.metrics().idle == 1);
    let began = std::time::Instant::now();
    let (second, _also) = block_one(&pool);
    let queued: Vec<_> = (0..10).map(|_| pool.spawn(|| ())).collect();
    let mut waiting = Box::pin(pool.run(|| ()));
    assert!(block_on(poll_immediate(&mut waiting)).is_none());
    assert_eq!(pool.running().len(), 2);
    let report = pool.shutdown(Duration::from_millis(20));
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert_eq!(report.survivors().len(), 2, "{report:?}");
    for job in report.survivors() {
        assert!(["slow-1", "slow-2"].contains(&&*job.thread), "{job}");
        assert_eq!(job.spawn_site.file(), file!());
        assert!((Duration::from_millis(20)..LONG).contains(&job.elapsed), "{job}");
        assert!(format!("{report:?}").contains(&format!("{}:{}", file!(), job.spawn_site.line())));
    }
    let survivor = report.survivors().iter().find(|job| job.id == running.id()).unwrap();
    assert_eq!(survivor.spawn_site, running.spawn_site());
    for job in queued {
        assert_cancelled(block_on(job));
    }
    assert_cancelled(block_on(waiting));
    drop((release, second));
    block_on(running).unwrap();
    assert!(pool.shutdown(LONG).survivors().is_empty());
    assert_eq!(pool.metrics().threads, 0);
}

#[test]
fn the_last_handle_may_be_a_jobs_own_and_the_queue_goes_on() {
    for _ in 0..50 {
        let pool = pool(1, 1);
        let last = pool.clone();
        let (go, gone) = channel::<()>();
        let first = pool.spawn(move || {
            let _ = gone.recv();
            drop(last);
            1
        });
        let queued = pool.spawn(|| 2);
        drop(pool);
        drop(go);
        assert_eq!((block_on(first).unwrap(), block_on(queued).unwrap()), (1, 2));
    }
    let pool = pool(1, 1);
    let own = pool.clone();
    let survivors = pool.spawn(move || own.shutdown(LONG).survivors().len());
    assert_eq!(block_on(survivors).unwrap(), 1, "itself");
}

/// Of all that were in a dropped pool's threads, none is left.
#[test]
fn the_threads_of_a_dropped_pool_leave() {
    let stopped = Arc::new(AtomicUsize::new(0));
    let stops = stopped.clone();
    let pool = Pool::builder()
        .threads(3)
        .on_thread_stop(move || {
            stops.fetch_add(1, SeqCst);
        })
        .build()
        .unwrap();
    let mut blocked: Vec<_> = (0..3).map(|_| block_one(&pool)).collect();
    let (release, running) = blocked.remove(0);
    drop(blocked);
    drop(pool);
    assert!(!running.is_finished());
    drop(release);
    block_on(running).unwrap();
    eventually("all three leave", || stopped.load(SeqCst) == 3);
}

#[test]
fn p38_a_close_or_shutdown_at_any_moment_answers_every_job() {
    for round in 0..100 {
        let pool = pool(2, 3);
        let calls = Arc::new(AtomicUsize::new(0));
        let submitter = {
            let (pool, calls) = (pool.clone(), calls.clone());
            std::thread::spawn(move || {
                let job = || {
                    let calls = calls.clone();
                    move || {
                        calls.fetch_add(1, SeqCst);
                    }
                };
                let jobs = (0..60).map(|n| match n % 3 {
                    0 => block_on(pool.run(job())).is_ok(),
                    1 => block_on(pool.spawn(job())).is_ok(),
                    _ => pool.try_spawn(job()).is_ok_and(|job| block_on(job).is_ok()),
                });
                jobs.filter(|is_ok| *is_ok).count()
            })
        };
        // Somewhere among the sixty.
        for _ in 0..round * 1_000 {
            std::hint::spin_loop();
        }
        if round % 2 == 0 {
            pool.close();
            block_on(pool.wait_closed());
        } else {
            assert!(pool.shutdown(LONG).survivors().is_empty());
        }
        let before = calls.load(SeqCst);
        assert_eq!(submitter.join().unwrap(), before, "a job ran after the end");
        assert_eq!(calls.load(SeqCst), before);
        eventually("the threads leave", || pool.metrics().threads == 0);
        assert_eq!((pool.metrics().queued, pool.metrics().running), (0, 0));
    }
}

#[test]
fn nonsense_is_an_error_that_names_the_option() {
    let refused = |set: fn(&mut Builder) -> &mut Builder, name: &str| {
        let error = set(&mut Pool::builder()).build().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(name), "{error}");
    };
    refused(|builder| builder.threads(0), "threads");
    refused(|builder| builder.threads(1 << 20), "threads");
    refused(|builder| builder.threads(usize::MAX).queue(1), "queue");
    refused(|builder| builder.queue(usize::MAX), "queue");
    refused(|builder| builder.name("d\0b"), "name");
    refused(|builder| builder.stack_size(0), "stack_size");
    refused(|builder| builder.stack_size(usize::MAX), "stack_size");
}

#[test]
fn threads_are_named_and_wrapped_and_told() {
    let (say, said): (Sender<String>, Receiver<String>) = channel();
    let (start, stop, wrap) = (say.clone(), say.clone(), say);
    let name = || std::thread::current().name().unwrap_or("").to_owned();
    let pool = Pool::builder()
        .name("db")
        .threads(1)
        .stack_size(128 * 1024)
        .on_thread_start(move || start.send(format!("{} starts", name())).unwrap())
        .on_thread_stop(move || stop.send(format!("{} stops", name())).unwrap())
        .wrap_thread(move |run| {
            run();
            wrap.send(format!("{} was wrapped", name())).unwrap();
        })
        .build()
        .unwrap();
    assert_eq!(block_on(pool.run(name)).unwrap(), "db-1");
    let shown = format!("{pool:?}");
    for part in ["\"db\"", "threads: 1", "queued: 0", "running: 0"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(pool.shutdown(LONG).survivors().is_empty());
    drop(pool);
    assert!(said.iter().eq(["db-1 starts", "db-1 stops", "db-1 was wrapped"]));
}
