//! What tokio-console shows of tasks.

use super::resources;
use super::{get, observe, serve};
use console_api::field::{Name, Value};
use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, Update};
use console_api::tasks::{Stats, Task};
use runtime::sync::{Mutex, Notify, Semaphore, oneshot};
use runtime::task::{Builder, yield_now};
use runtime::time::sleep;
use runtime::{JoinHandle, Runtime};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};

/// Longer than anything here takes, by far.
pub(super) const LIMIT: Duration = Duration::from_secs(60);

/// So often a warning is looked at again.
const LOOKS: usize = 20;

/// A task as tokio-console knows it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) id: u64,
    target: String,
    fields: HashMap<String, Value>,
    place: String,
    stats: Stats,
}

impl Shown {
    fn text(&self, field: &str) -> &str {
        match self.fields.get(field) {
            Some(Value::DebugVal(text) | Value::StrVal(text)) => text,
            _ => "",
        }
    }

    fn number(&self, field: &str) -> Option<u64> {
        match self.fields.get(field) {
            Some(Value::U64Val(number)) => Some(*number),
            _ => None,
        }
    }

    fn polls(&self) -> u64 {
        self.stats.poll_stats.unwrap().polls
    }

    pub(super) fn is_ended(&self) -> bool {
        self.stats.dropped_at.is_some()
    }

    fn is_running(&self) -> bool {
        let polls = self.stats.poll_stats.unwrap();
        time(polls.last_poll_started) > time(polls.last_poll_ended)
    }

    fn wakers(&self) -> u64 {
        self.stats.waker_clones.saturating_sub(self.stats.waker_drops)
    }

    /// The warnings of tokio-console 0.1.14 (its `warnings.rs`), with its defaults.
    fn warnings(&self) -> Vec<&'static str> {
        let Stats { wakes, self_wakes, last_wake, .. } = self.stats;
        let polls = self.stats.poll_stats.unwrap();
        let is_blocking = matches!(self.text("kind"), "block_on" | "blocking");
        let is_awakened = polls.polls == 0 || time(last_wake) > time(polls.last_poll_started);
        let is_lost = !self.is_ended() && self.wakers() == 0 && !self.is_running() && !is_awakened;
        let started = time(polls.last_poll_started).and_then(|at| at.elapsed().ok());
        let is_long = started.is_some_and(|busy| busy >= Duration::from_secs(1));
        let original = self.number("original_size.bytes");
        let warnings = [
            ("lost waker", !is_blocking && is_lost),
            ("self wakes", !is_blocking && wakes > 0 && self_wakes * 100 / wakes > 50),
            ("never yielded", !is_blocking && self.is_running() && polls.polls <= 1 && is_long),
            ("boxed", original.is_some_and(|size| Some(size) != self.number("size.bytes"))),
            ("large", !is_blocking && self.number("size.bytes").is_some_and(|size| size >= 1024)),
        ];
        warnings.iter().filter(|(_, warns)| *warns).map(|(what, _)| *what).collect()
    }
}

pub(super) fn time(stamp: Option<impl TryInto<SystemTime>>) -> Option<SystemTime> {
    stamp.and_then(|stamp| stamp.try_into().ok())
}

/// The client, on a runtime of tokio's.
pub(super) struct Console {
    tokio: tokio::runtime::Runtime,
    server: String,
}

impl Console {
    /// Of the process, as the subscriber is.
    fn start() -> Console {
        let folder = std::env::temp_dir().join(format!("runtime-observe-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let socket: PathBuf = folder.join("console");
        observe::show_to_console(socket.to_str().unwrap()).unwrap();
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Console { tokio, server: format!("unix://{}", socket.display()) }
    }

    /// The first of the updates that tokio-console asks for has all that there is or was.
    pub(super) fn update(&self) -> Update {
        self.tokio.block_on(async {
            let begin = Instant::now();
            let mut client = loop {
                match InstrumentClient::connect(self.server.clone()).await {
                    Ok(client) => break client,
                    // Its thread has just begun.
                    Err(error) => assert!(begin.elapsed() < LIMIT, "{error}"),
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            };
            let updates = client.watch_updates(InstrumentRequest {}).await.unwrap();
            updates.into_inner().message().await.unwrap().unwrap()
        })
    }

    /// All tasks that there are or were.
    fn tasks(&self) -> BTreeMap<u64, Shown> {
        let update = self.update();
        let metadata = update.new_metadata.unwrap_or_default().metadata;
        let metadata: HashMap<u64, _> =
            metadata.into_iter().map(|new| (new.id.unwrap().id, new.metadata.unwrap())).collect();
        let tasks = update.task_update.unwrap();
        assert_eq!(tasks.dropped_events, 0);
        let show = |task: Task| {
            let id = task.id.unwrap().id;
            let metadata = metadata.get(&task.metadata?.id)?;
            let stats = *tasks.stats_update.get(&id)?;
            let name = |name| match name {
                Some(Name::StrName(name)) => name,
                Some(Name::NameIdx(index)) => metadata.field_names[index as usize].clone(),
                None => panic!("a field without a name"),
            };
            let fields = task.fields.into_iter().map(|field| (name(field.name), field.value.unwrap()));
            let place = task.location.unwrap_or_default();
            let place = format!("{}:{}", place.file.unwrap_or_default(), place.line.unwrap_or_default());
            let target = metadata.target.clone();
            Some((id, Shown { id, target, fields: fields.collect(), place, stats }))
        };
        tasks.new_tasks.into_iter().filter_map(show).collect()
    }

    /// The task of that name, once it `is_so`.
    #[track_caller]
    pub(super) fn wait(&self, name: &str, is_so: impl Fn(&Shown) -> bool) -> Shown {
        self.wait_any(|task| task.text("task.name") == name && is_so(task))
    }

    #[track_caller]
    fn wait_any(&self, is_it: impl Fn(&Shown) -> bool) -> Shown {
        let begin = Instant::now();
        loop {
            let tasks = self.tasks();
            if let Some(task) = tasks.values().find(|task| is_it(task)) {
                return task.clone();
            }
            assert!(begin.elapsed() < LIMIT, "{tasks:#?}");
        }
    }

    /// What tokio-console would warn of, and go on warning of: the figures of a task are not of one moment, so some that
    /// are taken in the middle of a wake may be wrong, and are others soon after.
    fn warnings(&self) -> Vec<(String, Vec<&'static str>)> {
        let mut warned = self.tasks();
        warned.retain(|_, task| !task.warnings().is_empty());
        for _ in 0..LOOKS {
            if !warned.is_empty() {
                let now = self.tasks();
                warned.retain(|id, task| now[id].stats == task.stats);
            }
        }
        let what = |task: Shown| (format!("{} at {}", task.text("task.name"), task.place), task.warnings());
        warned.into_values().map(what).collect()
    }
}

#[track_caller]
fn spawn<F>(runtime: &Runtime, name: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    Builder::new().name(name).spawn_on(future, runtime.handle()).unwrap()
}

#[test]
fn the_stock_client_shows_tasks_and_warns_of_nothing() {
    let console = Console::start();
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    one_that_has_ended(&console, &runtime);
    let waiting = those_that_wait(&console, &runtime);
    resources::what_they_wait_for(&console);
    one_that_is_woken(&console, &runtime);
    a_blocking_job(&console, &runtime);
    a_server_at_work(&console, &runtime);
    // All that is left is dropped.
    drop(runtime);
    drop(waiting);
    for name in WAITING.into_iter().chain(["is woken", "clock"]) {
        console.wait(name, Shown::is_ended);
    }
    resources::they_have_ended(&console);
    let driven = console.tasks().values().filter(|task| task.text("kind") == "block_on").count();
    assert!(driven >= 3, "each `block_on` has a span");
    assert_eq!(console.warnings(), []);
}

fn one_that_has_ended(console: &Console, runtime: &Runtime) {
    let (line, ended) = (line!(), spawn(runtime, "ended", sleep(Duration::from_millis(20))));
    runtime.block_on(ended).unwrap();
    let ended = console.wait("ended", Shown::is_ended);
    assert_eq!(ended.place, format!("{}:{line}", file!()));
    assert_eq!((ended.target.as_str(), ended.text("kind")), ("tokio::task", "task"));
    assert!(ended.number("task.id").is_some_and(|id| id > 0));
    assert!(ended.polls() >= 1);
    assert_eq!(ended.wakers(), 0, "{ended:?}");
}

const WAITING: [&str; 5] =
    ["waits for a value", "waits for a lock", "waits for permits", "waits for a socket", "waits for time"];

/// Each of them has a waker somewhere. What is returned keeps them waiting.
fn those_that_wait(console: &Console, runtime: &Runtime) -> impl Sized + use<> {
    let (tell, told) = oneshot::channel::<()>();
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.clone().try_lock_owned().unwrap();
    let semaphore = Arc::new(Semaphore::new(2));
    let listener = runtime.block_on(runtime::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let [value, lock, permits, socket, time] = WAITING;
    let tasks = [
        spawn(runtime, value, async { drop(told.await) }),
        spawn(runtime, lock, async move { drop(mutex.lock().await) }),
        spawn(runtime, permits, async move { drop(semaphore.acquire_many(3).await) }),
        spawn(runtime, socket, async move { drop(listener.accept().await) }),
        spawn(runtime, time, sleep(Duration::from_secs(3600))),
    ];
    for name in WAITING {
        let waits = console.wait(name, |task| task.polls() > 0 && !task.is_running());
        assert!(!waits.is_ended());
        assert_eq!((waits.polls(), waits.wakers(), waits.stats.wakes), (1, 1, 0), "{waits:?}");
    }
    (tell, held, tasks)
}

/// By somebody else and by itself in turns.
fn one_that_is_woken(console: &Console, runtime: &Runtime) {
    let notify = Arc::new(Notify::new());
    let notified = notify.clone();
    drop(spawn(runtime, "is woken", async move {
        loop {
            notified.notified().await;
            yield_now().await;
        }
    }));
    console.wait("is woken", |task| task.polls() == 1 && !task.is_running());
    for round in 1..=10 {
        notify.notify_one();
        let woken = console.wait("is woken", |task| task.polls() > 2 * round && !task.is_running());
        assert_eq!(woken.wakers(), 1, "{woken:?}");
        assert_eq!((woken.stats.wakes, woken.stats.self_wakes), (2 * round, round), "{woken:?}");
    }
}

fn a_blocking_job(console: &Console, runtime: &Runtime) {
    let (go, wait) = mpsc::channel::<()>();
    let (line, job) = (line!(), runtime.spawn_blocking(move || wait.recv().unwrap()));
    let place = format!("{}:{line}", file!());
    let shown = console.wait_any(|task| task.place == place && task.polls() == 1);
    assert_eq!((shown.target.as_str(), shown.text("kind")), ("tokio::task::blocking", "blocking"));
    assert!(shown.is_running());
    go.send(()).unwrap();
    runtime.block_on(job).unwrap();
    console.wait_any(|task| task.place == place && task.is_ended());
}

fn a_server_at_work(console: &Console, runtime: &Runtime) {
    let mut stream = TcpStream::connect(serve(runtime)).unwrap();
    for _ in 0..20 {
        for path in ["/wait", "/primes", "/tasks", "/metrics"] {
            let (head, _) = get(&mut stream, path);
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        }
        assert_eq!(console.warnings(), []);
    }
    let name = format!("connection {}", stream.local_addr().unwrap());
    let connection = console.wait(&name, |task| !task.is_running());
    assert!(connection.place.contains("examples/observe.rs:"), "{connection:?}");
    assert!(!connection.is_ended() && connection.polls() > 20);
    drop(stream);
    console.wait(&name, Shown::is_ended);
    console.wait("clock", |task| !task.is_ended());
}
