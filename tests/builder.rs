//! What a builder refuses, and what it sets.

use runtime::{Builder, Runtime};
use std::io::ErrorKind;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn multi_thread() -> Builder {
    Builder::new_multi_thread()
}

/// The text of the error, which must be of the kind for nonsense.
#[track_caller]
fn refused(result: std::io::Result<Runtime>) -> String {
    let error = result.expect_err("it was built");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error.to_string()
}

#[test]
fn p19_worker_counts_work_or_are_refused() {
    for count in [0, 4097, usize::MAX] {
        let text = refused(multi_thread().worker_threads(count).build());
        assert!(text.contains("worker_threads") && text.contains(&count.to_string()), "{text}");
    }
    for count in [1, 2, 64] {
        let rt = multi_thread().worker_threads(count).build().unwrap();
        let sum: usize = rt.block_on(async {
            let tasks: Vec<_> = (0..100).map(|number| runtime::spawn(async move { number })).collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 4950);
    }
    // It has no workers.
    let rt = Builder::new_current_thread().worker_threads(0).build().unwrap();
    assert_eq!(rt.block_on(async { 1 }), 1);
}

#[test]
fn p60_nonsense_is_refused_with_the_name_of_the_option() {
    for new in [Builder::new_multi_thread, Builder::new_current_thread] {
        let text = refused(new().worker_threads(1).thread_name("nul\0").build());
        assert!(text.contains("thread_name"), "{text}");
        for size in [0, 1, usize::MAX] {
            let text = refused(new().worker_threads(1).thread_stack_size(size).build());
            assert!(text.contains("thread_stack_size"), "{text}");
        }
        for count in [0, usize::MAX] {
            let text = refused(new().worker_threads(1).max_blocking_threads(count).build());
            assert!(text.contains("max_blocking_threads"), "{text}");
        }
    }
    let text = refused(multi_thread().worker_threads(1).thread_name_fn(|| "nul\0".to_owned()).build());
    assert!(text.contains("thread_name_fn"), "{text}");
}

#[test]
fn p60_a_name_that_replaces_a_bad_one_counts() {
    let rt = multi_thread().worker_threads(1).thread_name("nul\0").thread_name("good").build().unwrap();
    assert_eq!(rt.block_on(async { 1 }), 1);
    let rt = multi_thread().worker_threads(1).thread_name("nul\0").thread_name_fn(|| "good".into()).build();
    assert_eq!(rt.unwrap().block_on(async { 1 }), 1);
}

#[test]
fn p33_any_keep_alive_is_accepted() {
    for duration in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let rt = multi_thread().worker_threads(1).thread_keep_alive(duration).build().unwrap();
        for _ in 0..10 {
            assert_eq!(rt.block_on(rt.spawn_blocking(|| 1)).unwrap(), 1);
        }
    }
}

/// Set in child processes to the value of `RUNTIME_WORKERS` that they expect to be refused or taken.
const CHILD: &str = "RUNTIME_TEST_CHILD";

#[test]
fn p60_the_environment_beats_the_default_and_is_checked() {
    if let Ok(expected) = std::env::var(CHILD) {
        let workers = Arc::new(AtomicUsize::new(0));
        let started = workers.clone();
        let build = multi_thread()
            .on_thread_start(move || {
                started.fetch_add(1, SeqCst);
            })
            .build();
        match expected.as_str() {
            "refused" => {
                let text = refused(build);
                assert!(text.contains("RUNTIME_WORKERS"), "{text}");
                // The builder beats it, also where it makes no sense.
                multi_thread().worker_threads(1).build().unwrap();
            }
            count => {
                drop(build.unwrap());
                assert_eq!(workers.load(SeqCst), count.parse().unwrap());
            }
        }
        return;
    }
    let lines = [
        ("3", "3"),
        (" 2 ", "2"),
        ("0", "refused"),
        ("", "refused"),
        ("-1", "refused"),
        ("many", "refused"),
        ("4097", "refused"),
        ("99999999999999999999999", "refused"),
    ];
    for (value, expected) in lines {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "p60_the_environment_beats_the_default_and_is_checked", "--nocapture"])
            .env("RUNTIME_WORKERS", value)
            .env(CHILD, expected)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
        assert!(child.status.success() && said.contains("1 passed"), "{value:?}: {said}");
    }
}

#[test]
fn p01_hooks_that_panic_harm_nobody() {
    let boom = || panic!("in a hook, on purpose");
    for new in [Builder::new_multi_thread, Builder::new_current_thread] {
        let rt = new()
            .worker_threads(2)
            .on_thread_start(boom)
            .on_thread_stop(boom)
            .on_thread_park(boom)
            .on_thread_unpark(boom)
            .build()
            .unwrap();
        rt.block_on(async {
            for _ in 0..3 {
                runtime::time::sleep(Duration::from_millis(1)).await;
                runtime::spawn(async {}).await.unwrap();
                runtime::spawn_blocking(|| ()).await.unwrap();
            }
        });
    }
}

#[test]
fn hooks_run_on_the_threads_and_in_pairs() {
    let seen: Arc<Mutex<Vec<(&str, std::thread::ThreadId)>>> = Arc::default();
    let hook = |what: &'static str| {
        let seen = seen.clone();
        move || seen.lock().unwrap().push((what, std::thread::current().id()))
    };
    let rt = multi_thread()
        .worker_threads(2)
        .on_thread_start(hook("start"))
        .on_thread_stop(hook("stop"))
        .wrap_thread({
            let (before, after) = (hook("before"), hook("after"));
            move |run| {
                before();
                run();
                after();
            }
        })
        .build()
        .unwrap();
    rt.block_on(async { runtime::spawn_blocking(|| ()).await.unwrap() });
    rt.shutdown_timeout(Duration::from_secs(30));
    let seen = seen.lock().unwrap();
    let threads: std::collections::HashSet<_> = seen.iter().map(|(_, thread)| *thread).collect();
    assert_eq!(threads.len(), 3);
    for thread in threads {
        let own: Vec<_> = seen.iter().filter(|(_, id)| *id == thread).map(|(what, _)| *what).collect();
        assert_eq!(own, ["before", "start", "stop", "after"]);
    }
}

#[test]
fn threads_have_their_names() {
    let rt = multi_thread().worker_threads(1).thread_name("mine").build().unwrap();
    let name = || std::thread::current().name().map(str::to_owned);
    let names = rt.block_on(async {
        [runtime::spawn(async move { name() }).await.unwrap(), runtime::spawn_blocking(name).await.unwrap()]
    });
    assert_eq!(names, ["mine", "mine"].map(|name| Some(name.to_owned())));
}
