//! What a subscriber is told of locks, channels and timers, and of the waits for them.

use super::recorder::{
    PANICS, POLL, REFUSES, RESOURCE, Seen, TASK, WAIT, What, all, all_on_line, hear_states, named, only,
};
use super::{runtimes, spawn};
use runtime::sync::{Barrier, BoundedSemaphore, Mutex, RwLock, Semaphore, mpsc, oneshot};
use runtime::task::yield_now;
use runtime::time::{Instant, interval, pause, sleep, sleep_until, timeout, timeout_at};
use runtime::{JoinHandle, Runtime};
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn runtime() -> Runtime {
    let [_, runtime] = runtimes();
    runtime
}

/// The only resource that was made on that line of this file.
#[track_caller]
fn made_on(line: u32) -> Seen {
    only(all_on_line(RESOURCE, line))
}

/// The waits for a resource, in their order.
fn waits(resource: &Seen) -> Vec<Seen> {
    all(|span| span.name == WAIT && span.parent == Some(resource.id))
}

fn sources(waits: &[Seen]) -> Vec<&str> {
    waits.iter().map(|wait| wait.field("source").unwrap()).collect()
}

/// How it stood, in order.
fn states(span: &Seen) -> Vec<&str> {
    let states = span.what.iter().filter_map(|what| match what {
        What::State(state) => Some(state.as_str()),
        _ => None,
    });
    states.collect()
}

/// The polls of a wait: how many were not ready, and whether one was. All are by that task, and have that name.
#[track_caller]
fn polls(wait: &Seen, name: &str, task: &Seen) -> (usize, bool) {
    let (mut pending, mut ready) = (0, 0);
    for what in &wait.what {
        let What::Polled(called, is_ready, by) = what else { continue };
        assert_eq!((called.as_str(), *by), (name, Some(task.id)), "{wait:?}");
        *if *is_ready { &mut ready } else { &mut pending } += 1;
    }
    assert!(ready < 2, "{wait:?}");
    // Each is inside of the span that is inside of the wait's.
    let inner = only(all(|span| span.name == POLL && span.parent == Some(wait.id)));
    assert_eq!(inner.counts().entered, pending + ready, "{inner:?}");
    assert_eq!(wait.counts().entered, pending + ready, "{wait:?}");
    if wait.is_closed() {
        wait.check_ended();
        inner.check_ended();
    }
    (pending, ready == 1)
}

/// Until the wait number `nth` for the resource was polled.
async fn until_polled(resource: &Seen, nth: usize) {
    while !waits(resource).get(nth).is_some_and(|wait| wait.what.contains(&What::Exited)) {
        yield_now().await;
    }
}

#[test]
fn each_says_what_it_is_and_where_it_was_made() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let future = pending::<()>;
    let at = Instant::now() + SECOND;
    let one = "Sync";
    let made: Vec<(u32, &str, &str, Box<dyn std::any::Any>)> = vec![
        (line!(), one, "Mutex", Box::new(Mutex::new(1))),
        (line!(), one, "Mutex", Box::new(Mutex::from(1))),
        (line!(), one, "Mutex", Box::new(Mutex::<u8>::default())),
        (line!(), one, "RwLock", Box::new(RwLock::new(1))),
        (line!(), one, "RwLock", Box::new(RwLock::with_max_readers(1, 7))),
        (line!(), one, "RwLock", Box::new(RwLock::<u8>::default())),
        (line!(), one, "Semaphore", Box::new(Semaphore::new(2))),
        (line!(), one, "BoundedSemaphore", Box::new(BoundedSemaphore::new(2))),
        (line!(), one, "Barrier", Box::new(Barrier::new(3))),
        (line!(), one, "Sender|Receiver", Box::new(oneshot::channel::<()>())),
        (line!(), one, "mpsc::Sender|Receiver", Box::new(mpsc::channel::<()>(4))),
        (line!(), "timer", "Sleep", Box::new(sleep(SECOND))),
        (line!(), "timer", "Sleep", Box::new(sleep_until(at))),
        (line!(), "timer", "Sleep", Box::new(timeout(SECOND, future()))),
        (line!(), "timer", "Sleep", Box::new(timeout_at(at, future()))),
        (line!(), "timer", "Sleep", Box::new(runtime.spawn(future()).timeout(SECOND))),
        (line!(), "timer", "Interval", Box::new(interval(SECOND))),
    ];
    for (line, kind, concrete_type, thing) in made {
        let resource = made_on(line);
        assert!(resource.is_root && !resource.is_closed(), "{resource:?}");
        assert_eq!(resource.target, "runtime::resource");
        assert_eq!(resource.field("kind"), Some(kind));
        assert_eq!(resource.field("concrete_type"), Some(concrete_type));
        assert!(resource.field("loc.col").unwrap().parse::<u32>().is_ok());
        drop(thing);
        let resource = made_on(line);
        assert!(resource.is_closed(), "{resource:?}");
        assert!(waits(&resource).iter().all(Seen::is_closed));
    }
}

/// One that holds the mutex, and one that waits for it.
#[test]
fn a_wait_for_a_mutex_is_its_tasks() {
    for (number, runtime) in runtimes().into_iter().enumerate() {
        let name = format!("waits for a mutex {number}");
        let (line, mutex) = (line!(), Arc::new(Mutex::new(())));
        let first = all_on_line(RESOURCE, line).pop().unwrap();
        runtime.block_on(async {
            let held = mutex.lock().await;
            let other = mutex.clone();
            let task = spawn(&name, async move { drop(other.lock_owned().await) });
            until_polled(&first, 1).await;
            let waiting = &waits(&first)[1];
            assert_eq!(polls(waiting, "poll", &named(&name)), (1, false));
            assert!(!waiting.is_closed());
            drop(held);
            task.await.unwrap();
        });
        drop(mutex.try_lock().unwrap());
        let waits = waits(&first);
        assert_eq!(sources(&waits), ["Mutex::lock", "Mutex::lock_owned"]);
        assert_eq!(polls(&waits[1], "poll", &named(&name)), (1, true));
        let driven = waits[0].what.iter().find_map(|what| match what {
            What::Polled(_, true, by) => *by,
            _ => None,
        });
        let driven = only(all(|span| span.name == TASK && Some(span.id) == driven));
        assert_eq!(driven.field("kind"), Some("block_on"));
        drop((runtime, mutex));
        let mutex = only(all(|span| span.id == first.id));
        let free_and_locked = ["locked=false", "locked=true"];
        assert_eq!(states(&mutex)[..6], [free_and_locked; 3].concat());
        assert_eq!(states(&mutex)[6..], ["locked=false"]);
        assert!(mutex.is_closed());
    }
}

/// A wait that is dropped ends there.
#[test]
fn a_wait_that_is_dropped_is_closed() {
    let runtime = runtime();
    let (line, mutex) = (line!(), Arc::new(Mutex::new(())));
    runtime.block_on(async {
        let held = mutex.lock().await;
        let other = mutex.clone();
        let task = spawn("gives up", async move { drop(other.lock().await) });
        until_polled(&made_on(line), 1).await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        drop(held);
    });
    let waits = waits(&made_on(line));
    assert_eq!(polls(&waits[1], "poll", &named("gives up")), (1, false));
    assert!(waits[1].is_closed());
    named("gives up").check_ended();
}

#[test]
fn a_semaphore_says_how_many_permits_are_free_and_wanted() {
    let runtime = runtime();
    let (line, semaphore) = (line!(), Arc::new(Semaphore::new(3)));
    runtime.block_on(async {
        let two = semaphore.acquire_many(2).await.unwrap();
        let other = semaphore.clone();
        let task = spawn("wants two", async move { other.acquire_many_owned(2).await.unwrap().forget() });
        until_polled(&made_on(line), 1).await;
        semaphore.add_permits(1);
        task.await.unwrap();
        drop(two);
        drop(semaphore.try_acquire().unwrap());
        semaphore.forget_permits(5);
    });
    let semaphore = made_on(line);
    let told = states(&semaphore).into_iter().filter(|state| *state != "permits=0 permits.op=add");
    let told: Vec<&str> = told.map(|state| state.strip_prefix("permits=").unwrap()).collect();
    let override_add_sub =
        ["3 permits.op=override", "2 permits.op=sub", "1 permits.op=add", "2 permits.op=sub"];
    assert_eq!(told[..4], override_add_sub);
    assert_eq!(told[4..], ["2 permits.op=add", "1 permits.op=sub", "1 permits.op=add", "2 permits.op=sub"]);
    let waits = waits(&semaphore);
    assert_eq!(sources(&waits), ["Semaphore::acquire_many", "Semaphore::acquire_many_owned"]);
    assert_eq!(polls(&waits[1], "poll", &named("wants two")), (1, true));
    assert_eq!(states(&waits[1]), ["permits_requested=2 permits_requested.op=override"]);
}

/// It is told that permits are taken after they were, and that they are given back before they are: so there are never fewer
/// than none, whoever comes in between.
#[test]
fn counts_add_up() {
    let runtime = runtime();
    let semaphore = Arc::new(Semaphore::new(5));
    let ((tell, told), other) = (std::sync::mpsc::channel(), semaphore.clone());
    hear_states(move || tell.send(other.available_permits()).unwrap());
    let two = runtime.block_on(semaphore.acquire_many(2)).unwrap();
    let one = semaphore.try_acquire().unwrap();
    drop(two);
    semaphore.add_permits(1);
    drop(one);
    semaphore.forget_permits(4);
    let free: Vec<usize> = told.try_iter().collect();
    assert_eq!(free, [3, 2, 2, 4, 5, 2]);
}

#[test]
fn a_rwlock_says_who_is_inside() {
    let runtime = runtime();
    let (line, lock) = (line!(), RwLock::with_max_readers((), 8));
    runtime.block_on(async {
        let readers = (lock.read().await, lock.try_read().unwrap());
        drop(readers);
        let writer = lock.write().await;
        drop(writer.downgrade());
    });
    let lock = made_on(line);
    let reads = ["current_readers=1 current_readers.op=add"; 2];
    let leaves = ["current_readers=1 current_readers.op=sub"; 2];
    let begin = [
        "max_readers=8 max_readers.op=override",
        "write_locked=false",
        "current_readers=0 current_readers.op=override",
    ];
    let writes = ["write_locked=true", "write_locked=false", reads[0], leaves[0]];
    assert_eq!(states(&lock), [&begin[..], &reads, &leaves, &writes].concat());
    assert_eq!(sources(&waits(&lock)), ["RwLock::read", "RwLock::write"]);
}

#[test]
fn a_barrier_says_how_many_have_arrived() {
    let runtime = runtime();
    let (line, barrier) = (line!(), Arc::new(Barrier::new(2)));
    runtime.block_on(async {
        let other = barrier.clone();
        let task = spawn("arrives", async move { other.wait().await.is_leader() });
        until_polled(&made_on(line), 0).await;
        assert!(barrier.wait().await.is_leader());
        assert!(!task.await.unwrap());
        // And one that gives up.
        assert!(timeout(Duration::ZERO, barrier.wait()).await.is_err());
    });
    let (comes, goes) = ("arrived=1 arrived.op=add", "arrived=1 arrived.op=sub");
    let begin = ["size=2 size.op=override", "arrived=0 arrived.op=override"];
    let barrier = made_on(line);
    assert_eq!(states(&barrier), [&begin[..], &[comes, comes, goes, goes, comes, goes]].concat());
    let waits = waits(&barrier);
    assert_eq!(sources(&waits), ["Barrier::wait"; 3]);
    assert_eq!(polls(&waits[0], "poll", &named("arrives")), (1, true));
}

#[test]
fn a_oneshot_channel_says_how_far_it_is() {
    let runtime = runtime();
    let (line, (tell, told)) = (line!(), oneshot::channel());
    let (closed_line, (mut asks, answers)) = (line!(), oneshot::channel::<()>());
    runtime.block_on(async {
        let task = spawn("is told", told);
        until_polled(&made_on(line), 0).await;
        tell.send(()).unwrap();
        task.await.unwrap().unwrap();
        let task = spawn("sees the end", async move { asks.closed().await });
        until_polled(&made_on(closed_line), 1).await;
        drop(answers);
        task.await.unwrap();
    });
    let begin = ["tx_dropped=false", "rx_dropped=false", "value_sent=false", "value_received=false"];
    let channel = made_on(line);
    assert_eq!(states(&channel), [&begin[..], &["value_sent=true", "value_received=true"]].concat());
    let received = &waits(&channel)[0];
    assert_eq!(received.field("source"), Some("Receiver::await"));
    assert_eq!(polls(received, "poll_recv", &named("is told")), (1, true));
    let channel = made_on(closed_line);
    assert_eq!(states(&channel), [&begin[..], &["rx_dropped=true", "tx_dropped=true"]].concat());
    let waits = waits(&channel);
    assert_eq!(sources(&waits), ["Receiver::await", "Sender::closed"]);
    assert_eq!(polls(&waits[1], "poll_closed", &named("sees the end")), (1, true));
}

#[test]
fn a_bounded_channel_says_who_waits_for_room() {
    let runtime = runtime();
    let (line, (tx, mut rx)) = (line!(), mpsc::channel(1));
    runtime.block_on(async {
        tx.send(1).await.unwrap();
        let task = spawn("has no room", async move { tx.send(2).await.unwrap() });
        until_polled(&made_on(line), 0).await;
        assert_eq!((rx.recv().await, rx.recv().await), (Some(1), Some(2)));
        task.await.unwrap();
    });
    let channel = made_on(line);
    assert_eq!(states(&channel), ["size=1 size.op=override"]);
    let waits = waits(&channel);
    assert_eq!(sources(&waits), ["Sender::send"]);
    assert_eq!(polls(&waits[0], "poll", &named("has no room")), (1, true));
}

#[test]
fn a_timer_says_how_long_it_is() {
    let runtime = runtime();
    let (sleeps, ticks) = runtime.block_on(async {
        pause();
        let sleeps = line!() + 2;
        let task = spawn("sleeps", async {
            let mut nap = pin!(sleep(SECOND));
            assert!(timeout(Duration::ZERO, nap.as_mut()).await.is_err());
            nap.as_mut().reset(Instant::now() + 3 * SECOND);
            nap.await;
        });
        task.await.unwrap();
        let ticks = line!() + 2;
        let task = spawn("ticks", async {
            let mut ticks = interval(5 * SECOND);
            ticks.tick().await;
            ticks.tick().await;
        });
        task.await.unwrap();
        (sleeps, ticks)
    });
    let nap = made_on(sleeps);
    let ms = |n| format!("duration={n} duration.op=override duration.unit=ms");
    assert_eq!(states(&nap), [ms(1000), ms(3000)]);
    let naps = waits(&nap);
    assert_eq!(sources(&naps), ["Sleep::new_timeout", "Sleep::reset"]);
    assert_eq!(polls(&naps[0], "poll_elapsed", &named("sleeps")), (1, false));
    assert_eq!(polls(&naps[1], "poll_elapsed", &named("sleeps")), (1, true));
    let interval = made_on(ticks);
    assert_eq!(states(&interval), ["period=5000 period.op=override period.unit=ms"]);
    let ticks = waits(&interval);
    assert_eq!(sources(&ticks), ["Interval::tick"; 2]);
    assert_eq!(polls(&ticks[0], "poll_tick", &named("ticks")), (0, true));
    assert_eq!(polls(&ticks[1], "poll_tick", &named("ticks")), (1, true));
}

/// Those that are for statics, and those of which nobody wanted to know.
#[test]
fn some_are_not_told_of() {
    let runtime = runtime();
    let line = line!();
    let made = (Mutex::const_new(()), RwLock::const_new(()), Semaphore::const_new(1));
    let unheard = tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
        (Mutex::new(()), oneshot::channel::<()>(), sleep(Duration::ZERO))
    });
    let last = line!();
    runtime.block_on(async {
        drop((made.0.lock().await, made.1.read().await, made.2.acquire().await.unwrap()));
        let (mutex, (tell, told), nap) = unheard;
        tell.send(()).unwrap();
        drop(mutex.lock().await);
        told.await.unwrap();
        nap.await;
    });
    assert!((line..last).all(|line| all_on_line(RESOURCE, line).is_empty()));
}

/// Whatever it is told of.
#[test]
fn a_subscriber_that_panics_harms_no_wait() {
    for (number, runtime) in runtimes().into_iter().enumerate() {
        for name in [format!("{PANICS} in waits {number}"), format!("{REFUSES} {number}")] {
            runtime.block_on(async {
                let task: JoinHandle<u8> = spawn(&name, async {
                    let (mutex, lock) = (Mutex::new(()), RwLock::new(()));
                    drop((mutex.lock().await, lock.read().await));
                    drop(lock.write().await.downgrade());
                    let semaphore = Semaphore::new(1);
                    drop(semaphore.acquire().await.unwrap());
                    assert_eq!(semaphore.available_permits(), 1);
                    assert!(Barrier::new(1).wait().await.is_leader());
                    let (tell, told) = oneshot::channel();
                    tell.send(7).unwrap();
                    sleep(Duration::from_millis(1)).await;
                    let mut ticks = interval(Duration::from_millis(1));
                    ticks.tick().await;
                    ticks.tick().await;
                    assert!(timeout(Duration::from_millis(1), pending::<()>()).await.is_err());
                    told.await.unwrap()
                });
                assert_eq!(task.await.unwrap(), 7);
            });
            let task = named(&name);
            task.check_ended();
            assert!(task.what.contains(&What::Entered));
        }
    }
}
