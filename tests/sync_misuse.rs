//! Misuse of `sync` is told, at the place where it happens, and hangs nobody.

mod sync_support;

use runtime::sync::{Mutex, RwLock, Semaphore, broadcast, mpsc, oneshot};
use runtime::task;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::process::Command;
use std::sync::{Arc, Mutex as StdMutex};

/// Where the panic came from, and its message.
fn panic_of(misuse: impl FnOnce()) -> (String, String) {
    let payload = catch_unwind(AssertUnwindSafe(misuse)).expect_err("it was not refused");
    let message = payload.downcast_ref::<&str>().map(|message| (*message).to_owned());
    (LAST_PANIC.lock().unwrap().clone(), message.unwrap_or_default())
}

/// The file that the last of these panics blamed, from the hook.
static LAST_PANIC: StdMutex<String> = StdMutex::new(String::new());

type Misuse = Box<dyn FnOnce() + Send>;

/// Every blocking method, on something that it would not have to wait for, except channels that are empty.
fn blocking_calls() -> Vec<(&'static str, Misuse)> {
    let (tx, rx) = mpsc::channel::<u8>(1);
    let (mut some, mut other) = (mpsc::unbounded_channel::<u8>().1, rx);
    let (_sender, receiver) = oneshot::channel::<u8>();
    let mutex = || Arc::new(Mutex::new(1));
    let semaphore = || Arc::new(Semaphore::new(1));
    vec![
        ("Mutex::blocking_lock", Box::new(move || drop(mutex().blocking_lock()))),
        ("Mutex::blocking_lock_owned", Box::new(move || drop(mutex().blocking_lock_owned()))),
        ("RwLock::blocking_read", Box::new(|| drop(RwLock::new(1).blocking_read()))),
        ("RwLock::blocking_write", Box::new(|| drop(RwLock::new(1).blocking_write()))),
        ("Semaphore::blocking_acquire", Box::new(move || drop(semaphore().blocking_acquire()))),
        ("Semaphore::blocking_acquire_many", Box::new(move || drop(semaphore().blocking_acquire_many(1)))),
        ("Semaphore::blocking_acquire_owned", Box::new(move || drop(semaphore().blocking_acquire_owned()))),
        (
            "Semaphore::blocking_acquire_many_owned",
            Box::new(move || drop(semaphore().blocking_acquire_many_owned(1))),
        ),
        (
            "mpsc::Sender::blocking_send",
            Box::new(move || {
                let _ = tx.blocking_send(1);
            }),
        ),
        (
            "mpsc::Receiver::blocking_recv",
            Box::new(move || {
                let _ = other.blocking_recv();
            }),
        ),
        (
            "mpsc::UnboundedReceiver::blocking_recv",
            Box::new(move || {
                let _ = some.blocking_recv();
            }),
        ),
        (
            "broadcast::Receiver::blocking_recv",
            Box::new(|| {
                let _ = broadcast::channel::<u8>(1).1.blocking_recv();
            }),
        ),
        ("oneshot::Receiver::blocking_recv", Box::new(move || drop(receiver.blocking_recv()))),
    ]
}

/// On a worker, in a `block_on`, and in what runs between polls; never elsewhere.
#[test]
fn blocking_calls_refuse_where_they_would_hold_up_tasks() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<&str>();
        if message.is_some_and(|message| message.contains("running tasks")) {
            *LAST_PANIC.lock().unwrap() = info.location().map(|at| at.file().to_owned()).unwrap_or_default();
        } else {
            hook(info);
        }
    }));
    let refuse_all = || {
        for (name, call) in blocking_calls() {
            let (file, message) = panic_of(call);
            assert!(message.contains("running tasks") && message.contains("`.await`"), "{name}: {message:?}");
            assert!(file.ends_with("tests/sync_misuse.rs"), "{name} blames {file}");
        }
    };
    let (mut many, mut one) = (runtime::Builder::new_multi_thread(), runtime::Builder::new_current_thread());
    for runtime in [many.worker_threads(1), &mut one].map(|builder| builder.build().unwrap()) {
        runtime.block_on(async { refuse_all() });
        runtime.block_on(async { runtime::spawn(async move { refuse_all() }).await.unwrap() });
        // A job's thread may wait, and so may this one, entered or not.
        let job = || drop(Mutex::new(1).blocking_lock());
        runtime.block_on(async { runtime::spawn_blocking(job).await.unwrap() });
        let _entered = runtime.enter();
        job();
    }
}

/// Runs `test` of this binary in a process of its own, and gives what it wrote on stderr.
fn stderr_of(test: &str) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("SYNC_MISUSE_CHILD", "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    String::from_utf8_lossy(&child.stderr).into_owned()
}

fn is_child() -> bool {
    std::env::var_os("SYNC_MISUSE_CHILD").is_some()
}

/// The line of the caller: `file:line:`.
#[track_caller]
fn here() -> String {
    let here = Location::caller();
    format!("{}:{}:", here.file(), here.line())
}

/// Locks `$lock` where it is held by the same task, until the first poll has told what there is to tell.
macro_rules! lock_again {
    ($($wait:tt)+) => {{
        let mut wait = sync_support::Polled::new($($wait)+);
        wait.pending();
        here()
    }};
}

/// A debug build names the task and both places, once for each place; and the lock goes on working.
#[test]
fn a_task_that_waits_for_itself_is_told() {
    const TEST: &str = "a_task_that_waits_for_itself_is_told";
    if !is_child() {
        let stderr = stderr_of(TEST);
        let warnings: Vec<_> = stderr.lines().filter(|line| line.starts_with("warning:")).collect();
        let expected: Vec<_> = stderr.lines().filter_map(|line| line.strip_prefix("expected: ")).collect();
        let expected = if cfg!(debug_assertions) { expected } else { Vec::new() };
        assert_eq!(warnings.len(), expected.len(), "{stderr}");
        for (warning, expected) in warnings.iter().zip(expected) {
            let all = expected.split(' ').all(|part| warning.replace(' ', "_").contains(part));
            assert!(all, "{warning}\nhas not all of: {expected}");
        }
        return;
    }
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(async {
        // The main future, a mutex; twice from one place: told once.
        let mutex = Arc::new(Mutex::new(0));
        let (guard, there) = (mutex.lock().await, here());
        let mut wait = String::new();
        for _ in 0..2 {
            wait = lock_again!(mutex.lock());
        }
        eprintln!("expected: the_future_of_a_`block_on`_waits_at_{wait} itself,_at_{there}");
        drop(guard);
        // Not held any more, or by another one: nothing to tell.
        let mut wait = sync_support::Polled::new(mutex.lock());
        drop(wait.ready());
        let owned = mutex.clone().lock_owned().await;
        let other = mutex.clone();
        runtime::spawn(async move { lock_again!(other.lock()) }).await.unwrap();
        drop(owned);

        let (lock, file) = (Arc::new(RwLock::new(0)), "tests/sync_misuse.rs");
        let task = task::Builder::new().name("re-enters").spawn(async move {
            let id = runtime_core::task::id();
            let writing = lock.write().await;
            lock_again!(lock.write());
            eprintln!("expected: task_{id}_`re-enters`,_spawned_at_{file} waits_at_{file}");
            lock_again!(lock.read());
            eprintln!("expected: task_{id}_`re-enters`,_spawned_at_{file} waits_at_{file}");
            // Exclusive no more: a read is given, a write waits.
            let reading = writing.downgrade();
            drop(sync_support::Polled::new(lock.read()).ready());
            lock_again!(lock.write());
            eprintln!("expected: task_{id}_`re-enters`,_spawned_at_{file} waits_at_{file}");
            drop(reading);
            // Another one reads, and this one has read: it may wait for that one.
            let other = lock.clone();
            let theirs = runtime::spawn(async move { other.read_owned().await }).await.unwrap();
            drop(lock.read().await);
            lock_again!(lock.write());
            drop(theirs);
            // A guard that went elsewhere and was dropped there.
            let away = lock.clone().read_owned().await;
            runtime::spawn(async move { drop(away) }).await.unwrap();
            drop(lock.write().await);
            let owned = lock.clone().try_write_owned().unwrap();
            lock_again!(lock.clone().write_owned());
            eprintln!("expected: task_{id}_`re-enters`,_spawned_at_{file} waits_at_{file}");
            drop(owned);
            drop(lock.write().await);
        });
        task.unwrap().await.unwrap();
    });
}

#[test]
fn closed_and_overfull_semaphores_answer() {
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    let too_many = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1))).unwrap_err();
    assert!(too_many.downcast_ref::<String>().map_or_else(
        || too_many.downcast_ref::<&str>().is_some_and(|message| message.contains("MAX_PERMITS")),
        |message| message.contains("MAX_PERMITS")
    ));
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    semaphore.close();
    assert!(sync_support::Polled::new(semaphore.acquire()).ready().is_err());
    assert!(catch_unwind(|| Semaphore::new(Semaphore::MAX_PERMITS + 1)).is_err());
    // More than there can be: it waits, and closing ends that.
    let semaphore = Semaphore::new(1);
    let mut wait = sync_support::Polled::new(semaphore.acquire_many(u32::MAX));
    wait.pending();
    semaphore.close();
    assert!(wait.ready().is_err());
}
