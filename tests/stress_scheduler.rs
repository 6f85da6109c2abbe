//! The scheduler under stress: promises 5, 7, 13–17 and 54 of the list in `tests/PROMISES.md`.
//!
//! Sized for seconds in a debug build; `STRESS_FACTOR=1000` makes hours of it. A test that gets stuck is
//! ended by its watchdog, with the state it had reached.

mod stress;
#[path = "stress/tools.rs"]
mod tools;

use runtime::io::{AsyncReadExt, AsyncWriteExt};
use runtime::net::{TcpListener, TcpStream};
use runtime::task::{spawn_blocking, yield_now};
use runtime::time::sleep;
use runtime::{Builder, RescueConfig, Runtime};
use std::collections::HashSet;
use std::future::{pending, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use stress::{Held, Watchdog, alone, factor};
use tools::{Chance, Gate, Stop, cpu_time, resident_kib};

fn runtime(workers: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(workers).build().expect("cannot build a runtime")
}

/// What became of the tasks, by id.
struct Ledger {
    /// How often a task's body ran to its end.
    ended: Vec<AtomicU32>,
    /// Whether a task is being polled.
    polled: Vec<AtomicBool>,
    count: AtomicU64,
    threads: Mutex<HashSet<thread::ThreadId>>,
}

impl Ledger {
    fn new(tasks: usize) -> Arc<Self> {
        Arc::new(Self {
            ended: (0..tasks).map(|_| AtomicU32::new(0)).collect(),
            polled: (0..tasks).map(|_| AtomicBool::new(false)).collect(),
            count: AtomicU64::new(0),
            threads: Mutex::default(),
        })
    }

    /// The body of task `id`: gives way `yields` times, and notices when two threads poll it.
    async fn task(self: Arc<Self>, id: usize, yields: u64) {
        let mut left = yields;
        poll_fn(|cx| {
            assert!(!self.polled[id].swap(true, SeqCst), "two threads poll task {id}");
            let over = left == 0;
            left = left.saturating_sub(1);
            assert!(self.polled[id].swap(false, SeqCst), "two threads poll task {id}");
            if over {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        self.threads.lock().unwrap().insert(thread::current().id());
        self.ended[id].fetch_add(1, Relaxed);
        self.count.fetch_add(1, SeqCst);
    }

    fn watch(self: &Arc<Self>) -> Watchdog {
        let ledger = Arc::clone(self);
        Watchdog::watch(move || {
            let missing: Vec<_> =
                (0..ledger.ended.len()).filter(|id| ledger.ended[*id].load(Relaxed) == 0).collect();
            let first = &missing[..missing.len().min(10)];
            format!("{} tasks ended, {} did not: {first:?} …", ledger.count.load(SeqCst), missing.len())
        })
    }

    fn assert_each_once(&self) {
        for (id, ended) in self.ended.iter().enumerate() {
            assert_eq!(ended.load(Relaxed), 1, "task {id}");
        }
    }
}

/// Promise 14, steals alone: a worker hands out tasks and then sits on its thread until all have run,
/// so every one of them, the one in its next slot included, has to be stolen.
#[test]
fn every_task_of_a_blocked_worker_is_stolen_and_runs_once() {
    const BURST: usize = 300;
    let bursts = 1_000 * factor() as usize;
    let ledger = Ledger::new(bursts * BURST);
    let _watchdog = ledger.watch();
    let rt = runtime(4);
    for burst in 0..bursts {
        let ledger = Arc::clone(&ledger);
        let hands_out = rt.spawn(async move {
            let thread = thread::current().id();
            ledger.threads.lock().unwrap().clear();
            for id in burst * BURST..(burst + 1) * BURST {
                runtime::spawn(Arc::clone(&ledger).task(id, id as u64 % 3));
            }
            while ledger.count.load(SeqCst) < ((burst + 1) * BURST) as u64 {
                thread::yield_now();
            }
            assert!(!ledger.threads.lock().unwrap().contains(&thread), "a blocked thread ran a task");
        });
        rt.block_on(hands_out).unwrap();
    }
    ledger.assert_each_once();
}

/// Promise 14, all ways into the queues at once: spawned on workers in bursts that overflow a local
/// queue, injected from outside, woken while they run.
#[test]
fn tasks_from_everywhere_run_exactly_once() {
    const SPAWNERS: usize = 4;
    const OUTSIDERS: usize = 2;
    let share = 50_000 * factor() as usize;
    let ledger = Ledger::new(share * (SPAWNERS + OUTSIDERS));
    let _watchdog = ledger.watch();
    let rt = runtime(4);
    let spawners = (0..SPAWNERS).map(|spawner| {
        let ledger = Arc::clone(&ledger);
        rt.spawn(async move {
            let mut chance = Chance::new(spawner as u64);
            let mut burst = Vec::new();
            for id in spawner * share..(spawner + 1) * share {
                burst.push(runtime::spawn(Arc::clone(&ledger).task(id, chance.below(4))));
                if chance.below(1_000) == 0 {
                    for task in burst.drain(..) {
                        task.await.unwrap();
                    }
                }
            }
            for task in burst {
                task.await.unwrap();
            }
        })
    });
    let spawners: Vec<_> = spawners.collect();
    thread::scope(|scope| {
        for outsider in SPAWNERS..SPAWNERS + OUTSIDERS {
            let (rt, ledger) = (&rt, &ledger);
            scope.spawn(move || {
                let mut chance = Chance::new(outsider as u64);
                let ids = outsider * share..(outsider + 1) * share;
                let tasks: Vec<_> =
                    ids.map(|id| rt.spawn(Arc::clone(ledger).task(id, chance.below(4)))).collect();
                for task in tasks {
                    rt.block_on(task).unwrap();
                }
            });
        }
    });
    for spawner in spawners {
        rt.block_on(spawner).unwrap();
    }
    ledger.assert_each_once();
}

/// A foreign thread that makes one thing happen in a runtime at a time, and waits for its echo. It
/// waits a moment of ever different length before each, so as to meet workers on their way to sleep.
struct Prodder {
    echo: Receiver<()>,
    chance: Chance,
    done: Arc<AtomicU64>,
}

impl Prodder {
    fn new(seed: u64, done: &Arc<AtomicU64>) -> (Self, SyncSender<()>) {
        let (answer, echo) = sync_channel(1);
        (Self { echo, chance: Chance::new(seed), done: Arc::clone(done) }, answer)
    }

    fn prod(&mut self, times: u64, mut prod: impl FnMut()) {
        for _ in 0..times {
            for _ in 0..self.chance.below(2_000) {
                std::hint::spin_loop();
            }
            prod();
            self.echo.recv().expect("the runtime let go of the echo");
            self.done.fetch_add(1, Relaxed);
        }
    }
}

fn watch_count(what: &'static str, done: &Arc<AtomicU64>) -> Watchdog {
    let done = Arc::clone(done);
    Watchdog::watch(move || format!("{} {what}", done.load(Relaxed)))
}

/// Promise 13: a wake from outside that meets workers falling asleep.
#[test]
fn no_wake_from_outside_is_lost() {
    let times = 15_000 * factor();
    for workers in [1, 4] {
        let done = Arc::new(AtomicU64::new(0));
        let _watchdog = watch_count("wakes", &done);
        let rt = runtime(workers);
        thread::scope(|scope| {
            for seed in 0..2 {
                let (mut prodder, answer) = Prodder::new(seed, &done);
                let gate = Arc::new(Gate::default());
                let opened = Arc::clone(&gate);
                rt.spawn(async move {
                    for _ in 0..times {
                        gate.pass().await;
                        answer.send(()).expect("the prodder is gone");
                    }
                });
                scope.spawn(move || prodder.prod(times, || opened.open()));
            }
        });
        assert_eq!(done.load(Relaxed), 2 * times);
    }
}

/// Promise 13: a task injected from outside that meets workers falling asleep.
#[test]
fn no_injected_task_is_lost() {
    let times = 15_000 * factor();
    for workers in [1, 4] {
        let done = Arc::new(AtomicU64::new(0));
        let _watchdog = watch_count("injected tasks", &done);
        let rt = runtime(workers);
        thread::scope(|scope| {
            for seed in 0..2 {
                let (mut prodder, answer) = Prodder::new(seed, &done);
                let rt = &rt;
                scope.spawn(move || {
                    prodder.prod(times, || {
                        let answer = answer.clone();
                        rt.spawn(async move { answer.send(()).expect("the prodder is gone") });
                    });
                });
            }
        });
        assert_eq!(done.load(Relaxed), 2 * times);
    }
}

/// Promise 13 between two runtimes: each is asleep, or on its way there, when the other wakes its task.
#[test]
fn two_runtimes_that_wake_each_other_never_stop() {
    let laps = 200_000 * factor();
    let done = Arc::new(AtomicU64::new(0));
    let _watchdog = watch_count("laps", &done);
    let (one, other) = (runtime(2), runtime(2));
    let (there, back) = (Arc::new(Gate::default()), Arc::new(Gate::default()));
    let player = |passes: &Arc<Gate>, opens: &Arc<Gate>, done: Option<Arc<AtomicU64>>| {
        let (passes, opens) = (Arc::clone(passes), Arc::clone(opens));
        async move {
            for _ in 0..laps {
                passes.pass().await;
                opens.open();
                if let Some(done) = &done {
                    done.fetch_add(1, Relaxed);
                }
            }
        }
    };
    let first = one.spawn(player(&there, &back, None));
    let second = other.spawn(player(&back, &there, Some(Arc::clone(&done))));
    there.open();
    one.block_on(first).unwrap();
    other.block_on(second).unwrap();
    assert_eq!(done.load(Relaxed), laps);
}

/// Promises 5 and 6: wakes from several threads meet a task before, while and after it is polled. Some
/// of them coalesce, but what was written before a wake is always seen by a later poll.
#[test]
fn coalesced_wakes_lose_no_signal() {
    const THREADS: u64 = 3;
    let signals = 300_000 * factor();
    let raised = Arc::new(AtomicU64::new(0));
    let _watchdog = watch_count("signals raised", &raised);
    let rt = runtime(2);
    let (give, wakers) = sync_channel(1);
    let seen = Arc::clone(&raised);
    let task = rt.spawn(poll_fn(move |cx| {
        // Once: all threads use the first waker, which stays this task's.
        let _ = give.try_send(cx.waker().clone());
        if seen.load(Relaxed) == THREADS * signals { Poll::Ready(()) } else { Poll::Pending }
    }));
    let waker = wakers.recv().unwrap();
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let (raised, waker) = (&raised, &waker);
            scope.spawn(move || {
                let mut chance = Chance::new(seed);
                for _ in 0..signals {
                    raised.fetch_add(1, Relaxed);
                    waker.wake_by_ref();
                    for _ in 0..chance.below(200) {
                        std::hint::spin_loop();
                    }
                }
            });
        }
    });
    rt.block_on(task).unwrap();
}

/// Wakes itself until it is stopped, and counts its polls.
async fn spin(stop: Stop, polls: Arc<AtomicU64>) {
    poll_fn(|cx| {
        polls.fetch_add(1, SeqCst);
        if stop.is_set() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Promise 16: beside tasks that wake themselves on every worker, timers fire, sockets are read,
/// yielding tasks and blocking jobs go on.
#[test]
fn self_waking_tasks_starve_nobody() {
    for workers in [1, 2] {
        let polls = Arc::new(AtomicU64::new(0));
        let _watchdog = watch_count("polls of the spinning tasks", &polls);
        let rt = runtime(workers);
        let stop = Stop::default();
        let spinners: Vec<_> =
            (0..2 * workers).map(|_| rt.spawn(spin(stop.clone(), Arc::clone(&polls)))).collect();
        let timers = rt.spawn(async {
            for _ in 0..50 {
                sleep(Duration::from_millis(1)).await;
            }
        });
        let yields = rt.spawn(async {
            for _ in 0..10_000 {
                yield_now().await;
            }
        });
        let blocking = rt.spawn(async {
            for _ in 0..50 {
                spawn_blocking(|| ()).await.unwrap();
            }
        });
        let start = Instant::now();
        rt.block_on(rt.spawn(echo(100))).unwrap();
        for task in [timers, yields, blocking] {
            rt.block_on(task).unwrap();
        }
        // Less than a second when nothing starves; what is left to chance takes minutes.
        assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
        stop.set();
        for spinner in spinners {
            rt.block_on(spinner).unwrap();
        }
    }
}

/// Sends a byte to and fro between two tasks on a connection of their own.
async fn echo(times: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = runtime::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        for _ in 0..times {
            stream.read_exact(&mut byte).await.unwrap();
            stream.write_all(&byte).await.unwrap();
        }
    });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut byte = [7];
    for _ in 0..times {
        stream.write_all(&byte).await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
    }
    assert_eq!(byte, [7]);
    server.await.unwrap();
}

/// Promise 15: with one worker, whose polls are all counted, a task injected from outside is polled
/// within 256 polls of others, also as the last of a batch.
#[test]
fn an_injected_task_runs_within_256_polls() {
    const POLLS_MAX: u64 = 256;
    let polls = Arc::new(AtomicU64::new(0));
    let _watchdog = watch_count("polls of the spinning tasks", &polls);
    for spinners in [1, 8] {
        // Where the system takes the core away in the middle of a poll, a spare would poll beside the worker.
        let mut builder = Builder::new_multi_thread();
        let rt = builder.worker_threads(1).rescue(RescueConfig::off()).build().unwrap();
        let stop = Stop::default();
        for _ in 0..spinners {
            rt.spawn(spin(stop.clone(), Arc::clone(&polls)));
        }
        for batch in [1, 64] {
            for _ in 0..2_000 * factor() {
                let injected: Vec<_> = (0..batch)
                    .map(|_| {
                        let polls = Arc::clone(&polls);
                        rt.spawn(async move { polls.load(SeqCst) })
                    })
                    .collect();
                // All are in the queue by now: what is polled from here on goes before them.
                let queued = polls.load(SeqCst);
                for task in injected {
                    let waited = rt.block_on(task).unwrap().saturating_sub(queued);
                    assert!(waited <= POLLS_MAX, "{waited} polls, {spinners} spinners, batches of {batch}");
                }
            }
        }
        stop.set();
    }
}

/// Promise 17: nothing to do costs nothing, although tasks wait on timers and sockets and the pool has
/// idle threads.
#[test]
fn an_idle_runtime_uses_no_cpu() {
    alone("an_idle_runtime_uses_no_cpu", || {
        let rt = runtime(4);
        let used = rt.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            runtime::spawn(async move { listener.accept().await.map(drop) });
            runtime::spawn(sleep(Duration::from_secs(600)));
            runtime::spawn(pending::<()>());
            spawn_blocking(|| ()).await.unwrap();
            // This thread waits for a blocking job, which waits for the kernel.
            let measure = || {
                // Until everyone sleeps: half a second in which next to nothing happened.
                let window = Duration::from_millis(500);
                let calm = |at_most| {
                    let before = cpu_time();
                    thread::sleep(window);
                    cpu_time() - before <= at_most
                };
                let settled = (0..20).any(|_| calm(window / 200));
                assert!(settled, "never came to rest");
                let before = cpu_time();
                thread::sleep(Duration::from_secs(2));
                cpu_time() - before
            };
            spawn_blocking(measure).await.unwrap()
        });
        // 0.5 % of two seconds.
        assert!(used < Duration::from_millis(10), "an idle runtime used {used:?} in 2 s");
    });
}

/// Promise 54: runtimes come and go by the thousand, each having used everything, and nothing stays.
#[test]
fn ten_thousand_runtimes_leave_nothing_behind() {
    const CYCLES: u64 = 10_000;
    alone("ten_thousand_runtimes_leave_nothing_behind", || {
        let done = Arc::new(AtomicU64::new(0));
        let _watchdog = watch_count("runtimes", &done);
        let cycles = |count| {
            for _ in 0..count {
                one_life(done.fetch_add(1, Relaxed));
            }
        };
        let threads = Held::now().threads;
        cycles(CYCLES / 10);
        let (before, kib_before) = (settled_threads(threads), resident_kib());
        cycles(CYCLES * factor() - CYCLES / 10);
        let (after, kib) = (settled_threads(threads), resident_kib());
        assert_eq!((before.threads, after.threads), (threads, threads), "threads");
        assert_eq!(after.files, before.files, "open files");
        // Nine times the cycles that made the first figure: a leak of half a KiB a cycle shows.
        assert!(kib < kib_before + 4 * 1024, "memory: {kib_before} KiB, then {kib} KiB");
    });
}

/// A runtime that runs a task and a blocking job, and is dropped with tasks, timers and a socket alive.
fn one_life(number: u64) {
    let rt = runtime(2);
    rt.spawn(pending::<()>());
    rt.block_on(async {
        runtime::spawn(sleep(Duration::from_secs(600)));
        let spawned = runtime::spawn(async move { number });
        assert_eq!(spawned.await.unwrap(), number);
        if number % 8 == 0 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            runtime::spawn(async move { listener.accept().await.map(drop) });
            assert_eq!(spawn_blocking(move || number).await.unwrap(), number);
        }
    });
}

/// What is held once no more than `threads` are left, or after waiting in vain for that.
fn settled_threads(threads: u64) -> Held {
    let start = Instant::now();
    loop {
        let held = Held::now();
        if held.threads <= threads || start.elapsed() > Duration::from_secs(10) {
            return held;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
