//! The builder's hooks around a task's life.

use runtime::runtime::TaskMeta;
use runtime::{Builder, Handle, Runtime, task};
use std::future::pending;
use std::sync::{Arc, Mutex};

/// What the hooks saw: which hook, and of which task, by its name.
type Seen = Arc<Mutex<Vec<(&'static str, String)>>>;

fn builders() -> [Builder; 2] {
    let mut multi = Builder::new_multi_thread();
    multi.worker_threads(2);
    [Builder::new_current_thread(), multi]
}

fn note(seen: &Seen, hook: &'static str) -> impl Fn(&TaskMeta<'_>) + Send + Sync + 'static {
    let seen = seen.clone();
    move |task| seen.lock().unwrap().push((hook, task.name().unwrap_or("?").to_owned()))
}

fn observed() -> impl Iterator<Item = (Runtime, Seen)> {
    builders().into_iter().map(|mut builder| {
        let seen = Seen::default();
        builder
            .on_task_spawn(note(&seen, "spawn"))
            .on_before_task_poll(note(&seen, "before"))
            .on_after_task_poll(note(&seen, "after"))
            .on_task_terminate(note(&seen, "terminate"));
        (builder.build().unwrap(), seen)
    })
}

fn of(seen: &Seen, name: &str) -> Vec<&'static str> {
    seen.lock().unwrap().iter().filter(|(_, task)| task == name).map(|(hook, _)| *hook).collect()
}

fn spawn<F>(runtime: &Runtime, name: &str, future: F) -> runtime::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    task::Builder::new().name(name).spawn_on(future, runtime.handle()).unwrap()
}

#[test]
fn hooks_come_in_order_once_each() {
    for (runtime, seen) in observed() {
        runtime.block_on(spawn(&runtime, "yields", task::yield_now())).unwrap();
        assert_eq!(of(&seen, "yields"), ["spawn", "before", "after", "before", "after", "terminate"]);
    }
}

#[test]
fn a_task_that_panics_has_them_all() {
    for (runtime, seen) in observed() {
        let task = spawn(&runtime, "panics", async { panic!("on purpose") });
        assert!(runtime.block_on(task).unwrap_err().is_panic());
        assert_eq!(of(&seen, "panics"), ["spawn", "before", "after", "terminate"]);
    }
}

#[test]
fn an_aborted_task_terminates() {
    for (runtime, seen) in observed() {
        let task = spawn(&runtime, "aborted", pending::<()>());
        runtime.block_on(async {
            while of(&seen, "aborted").len() < 3 {
                task::yield_now().await;
            }
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert_eq!(of(&seen, "aborted"), ["spawn", "before", "after", "terminate"]);
    }
}

#[test]
fn a_task_that_never_ran_has_a_beginning_and_an_end() {
    let (runtime, seen) = observed().next().unwrap();
    let task = spawn(&runtime, "unpolled", pending::<()>());
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    assert_eq!(of(&seen, "unpolled"), ["spawn", "terminate"]);
}

#[test]
fn tasks_terminate_with_their_runtime_and_after_it() {
    for (runtime, seen) in observed() {
        let handle = runtime.handle().clone();
        spawn(&runtime, "left", pending::<()>());
        drop(runtime);
        let left = of(&seen, "left");
        assert_eq!((left[0], left[left.len() - 1]), ("spawn", "terminate"), "{left:?}");
        assert_eq!(left.iter().filter(|hook| **hook == "terminate").count(), 1);
        let late = task::Builder::new().name("late").spawn_on(async {}, &handle).unwrap();
        assert!(late.is_finished());
        assert_eq!(of(&seen, "late"), ["spawn", "terminate"]);
    }
}

#[test]
fn local_tasks_have_them_and_jobs_and_block_on_do_not() {
    let (runtime, seen) = observed().next().unwrap();
    runtime.block_on(async {
        task::Builder::new().name("local").spawn_local(async {}).unwrap().await.unwrap();
        runtime::spawn_blocking(|| {}).await.unwrap();
    });
    assert_eq!(of(&seen, "local"), ["spawn", "before", "after", "terminate"]);
    assert_eq!(seen.lock().unwrap().len(), 4);
}

#[test]
fn the_meta_says_which_task() {
    for mut builder in builders() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sees = seen.clone();
        let runtime = builder
            .on_task_spawn(move |task| {
                sees.lock().unwrap().push((task.id(), task.spawned_at().line(), format!("{task:?}")));
            })
            .build()
            .unwrap();
        let entered = runtime.enter();
        let line = line!() + 1;
        let task = runtime::spawn(async {});
        drop(entered);
        let seen = seen.lock().unwrap();
        assert_eq!((seen.len(), seen[0].0, seen[0].1), (1, task.id(), line));
        assert!(seen[0].2.starts_with("TaskMeta { id: "), "{}", seen[0].2);
    }
}

#[test]
fn hooks_may_panic() {
    for mut builder in builders() {
        let boom = |_: &TaskMeta<'_>| panic!("in a hook, on purpose");
        builder.on_task_spawn(boom).on_task_terminate(boom);
        let runtime = builder.on_before_task_poll(boom).on_after_task_poll(boom).build().unwrap();
        assert_eq!(runtime.block_on(async { runtime::spawn(async { 42 }).await }).unwrap(), 42);
        assert_eq!(runtime.metrics().num_alive_tasks(), 0);
    }
}

/// Outside of locks and borrows: hooks may use the runtime, also that of another one, and the list of tasks.
#[test]
fn hooks_may_use_the_runtime() {
    for mut builder in builders() {
        let other = Arc::new(Builder::new_current_thread().build().unwrap());
        let ended = Arc::new(Mutex::new(Vec::new()));
        let ends = ended.clone();
        let use_it = move |task: &TaskMeta<'_>| {
            let _entered = other.enter();
            drop(other.handle().spawn(async {}));
            if let Ok(current) = Handle::try_current() {
                current.metrics();
                current.tasks();
            }
            // A panic above would end here, unseen.
            ends.lock().unwrap().push(task.id());
        };
        let use_it = Arc::new(use_it);
        let hook = || {
            let use_it = use_it.clone();
            move |task: &TaskMeta<'_>| use_it(task)
        };
        builder.on_task_spawn(hook()).on_task_terminate(hook()).on_before_task_poll(hook());
        let runtime = builder.on_after_task_poll(hook()).build().unwrap();
        let tasks = runtime.spawn(async {
            let child = task::Builder::new().name("child").spawn(task::yield_now()).unwrap();
            child.await.unwrap();
            Handle::current().tasks().len()
        });
        assert_eq!(runtime.block_on(tasks).unwrap(), 1);
        // Two ends of tasks, and three polls at least, with two hooks each.
        assert!(ended.lock().unwrap().len() >= 10, "{ended:?}");
    }
}
