//! Tasks from spawn to end: panics, aborts, handles, and what is dropped when.

use futures::executor;
use futures::future::poll_immediate;
use runtime::{Builder, JoinError, JoinHandle, Runtime};
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Once, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

/// Longer than anything here takes, by far.
const LONG: Duration = Duration::from_secs(30);

fn flavors() -> [Runtime; 2] {
    [
        Builder::new_multi_thread().worker_threads(2).build().unwrap(),
        Builder::new_current_thread().build().unwrap(),
    ]
}

/// Thousands of lines that say nothing; all other panics are printed as ever.
fn hide_panics_on_purpose() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.to_string().contains("on purpose") {
                print(info);
            }
        }));
    });
}

/// Counts its drops, and panics in them if it is told to.
struct Counted {
    drops: Arc<AtomicUsize>,
    panics: bool,
}

impl Counted {
    fn new(drops: &Arc<AtomicUsize>) -> Self {
        Counted { drops: drops.clone(), panics: false }
    }

    fn panicking(drops: &Arc<AtomicUsize>) -> Self {
        Counted { drops: drops.clone(), panics: true }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.drops.fetch_add(1, SeqCst);
        if self.panics && !thread::panicking() {
            panic!("in a drop, on purpose");
        }
    }
}

#[test]
fn p01_a_thousand_panics_leave_the_threads_as_they_were() {
    let started = Arc::new(AtomicUsize::new(0));
    let starts = started.clone();
    let rt = Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(move || {
            starts.fetch_add(1, SeqCst);
        })
        // On a busy machine a spare may come otherwise.
        .rescue(runtime::RescueConfig::off())
        .build()
        .unwrap();
    hide_panics_on_purpose();
    let results: Vec<Result<(), JoinError>> = rt.block_on(async {
        let tasks: Vec<JoinHandle<()>> = (0..1000)
            .map(|number| runtime::spawn(async move { panic!("number {number}, on purpose") }))
            .collect();
        futures::future::join_all(tasks).await
    });
    for (number, result) in results.into_iter().enumerate() {
        let payload = result.unwrap_err().into_panic();
        assert_eq!(*payload.downcast::<String>().unwrap(), format!("number {number}, on purpose"));
    }
    assert_eq!(rt.block_on(async { runtime::spawn(async { 1 }).await.unwrap() }), 1);
    assert_eq!(started.load(SeqCst), 2);
}

/// What a task of the table does at its first poll, or what its drop does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Body {
    Ready,
    Pending,
    PanicInPoll,
    PanicInDrop,
    PanicInBoth,
}

/// What is done to the task and its handle, in some order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    LetRun,
    Abort,
    DropHandle,
    Shutdown,
}

const BODIES: [Body; 5] =
    [Body::Ready, Body::Pending, Body::PanicInPoll, Body::PanicInDrop, Body::PanicInBoth];
const STEPS: [Step; 4] = [Step::LetRun, Step::Abort, Step::DropHandle, Step::Shutdown];

/// All orders of some of the steps that end in the shutdown: 16 of them.
fn orders() -> Vec<Vec<Step>> {
    fn extend(order: &mut Vec<Step>, all: &mut Vec<Vec<Step>>) {
        if order.last() == Some(&Step::Shutdown) {
            all.push(order.clone());
            return;
        }
        for step in STEPS {
            if !order.contains(&step) {
                order.push(step);
                extend(order, all);
                order.pop();
            }
        }
    }
    let mut all = vec![];
    extend(&mut vec![], &mut all);
    all
}

/// A future with a guard, whose drop is counted. Its output has a guard as well.
struct Subject {
    body: Body,
    _guard: Counted,
    outputs: Arc<AtomicUsize>,
    polls: Arc<AtomicUsize>,
}

impl Future for Subject {
    type Output = Counted;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Counted> {
        self.polls.fetch_add(1, SeqCst);
        match self.body {
            Body::Ready | Body::PanicInDrop => Poll::Ready(Counted::new(&self.outputs)),
            Body::Pending => Poll::Pending,
            Body::PanicInPoll | Body::PanicInBoth => panic!("in a poll, on purpose"),
        }
    }
}

/// One line of the table.
fn play(rt: Runtime, body: Body, order: &[Step]) {
    let case = format!("{body:?}, {order:?}");
    let [futures, outputs, polls]: [Arc<AtomicUsize>; 3] = Default::default();
    let panics = matches!(body, Body::PanicInDrop | Body::PanicInBoth);
    let guard = Counted { drops: futures.clone(), panics };
    let subject = Subject { body, _guard: guard, outputs: outputs.clone(), polls: polls.clone() };
    let mut rt = Some(rt);
    let mut handle = Some(rt.as_ref().unwrap().spawn(subject));
    for step in order {
        match step {
            // A task that was spawned later is polled later, or nearly so: that it ran is waited for below.
            Step::LetRun => rt.as_ref().unwrap().block_on(async {
                while polls.load(SeqCst) + futures.load(SeqCst) == 0 {
                    runtime::task::yield_now().await;
                }
            }),
            Step::Abort => handle.iter().for_each(JoinHandle::abort),
            Step::DropHandle => drop(handle.take()),
            Step::Shutdown => drop(rt.take()),
        }
    }
    assert_eq!(futures.load(SeqCst), 1, "the future, with {case}");
    assert!(polls.load(SeqCst) <= 1, "{case}");
    let was_polled = polls.load(SeqCst) == 1;
    if let Some(handle) = handle {
        assert!(handle.is_finished(), "{case}");
        check_answer((executor::block_on(handle), body), was_polled, &outputs, &case);
    }
    let made = matches!(body, Body::Ready | Body::PanicInDrop) && was_polled;
    assert_eq!(outputs.load(SeqCst), usize::from(made), "the output, with {case}");
}

fn check_answer(
    answer: (Result<Counted, JoinError>, Body),
    was_polled: bool,
    outputs: &AtomicUsize,
    case: &str,
) {
    match answer {
        (Ok(output), Body::Ready) => {
            assert_eq!(outputs.load(SeqCst), 0, "{case}");
            drop(output);
        }
        (Ok(_), _) => panic!("an output, with {case}"),
        (Err(error), Body::Pending) => assert!(error.is_cancelled(), "{error} with {case}"),
        (Err(error), Body::Ready) => assert!(error.is_cancelled() && !was_polled, "{error} with {case}"),
        (Err(error), Body::PanicInPoll) => assert_eq!(error.is_panic(), was_polled, "{error} with {case}"),
        (Err(error), _) => assert!(error.is_panic(), "{error} with {case}"),
    }
}

#[test]
fn p02_every_order_drops_the_future_once_and_the_output_once() {
    let orders = orders();
    assert_eq!(orders.len(), 16);
    hide_panics_on_purpose();
    for body in BODIES {
        for order in &orders {
            for rt in flavors() {
                play(rt, body, order);
            }
        }
    }
}

#[test]
fn p02_the_future_is_dropped_before_the_handle_answers() {
    for rt in flavors() {
        rt.block_on(async {
            for panics in [false, true] {
                for _ in 0..200 {
                    let drops = Arc::default();
                    let guard = Counted { drops: Arc::clone(&drops), panics: false };
                    let task = runtime::spawn(async move {
                        let _guard = guard;
                        runtime::task::yield_now().await;
                        if panics {
                            std::panic::resume_unwind(Box::new(()));
                        }
                    });
                    assert_eq!(task.await.is_err(), panics);
                    assert_eq!(drops.load(SeqCst), 1);
                }
            }
        });
    }
}

#[test]
fn p03_an_output_that_panics_in_its_drop_harms_nobody() {
    for rt in flavors() {
        let drops = Arc::default();
        rt.block_on(async {
            // The handle goes first: the task drops its output itself.
            let guard = Counted::panicking(&drops);
            drop(runtime::spawn(async move { guard }));
            while drops.load(SeqCst) < 1 {
                runtime::task::yield_now().await;
            }
            // The task is done first: the drop of the handle drops the output, and does not unwind.
            let guard = Counted::panicking(&drops);
            let task = runtime::spawn(async move { guard });
            while !task.is_finished() {
                runtime::task::yield_now().await;
            }
            drop(task);
            assert_eq!(drops.load(SeqCst), 2);
            assert_eq!(runtime::spawn(async { 1 }).await.unwrap(), 1);
        });
        // Neither did the workers suffer.
        drop(rt);
        assert_eq!(drops.load(SeqCst), 2);
    }
}

/// A payload whose drop panics, with a payload whose drop panics, and so on.
struct Babushka(usize);

impl Drop for Babushka {
    fn drop(&mut self) {
        if self.0 > 0 && !thread::panicking() {
            std::panic::panic_any(Babushka(self.0 - 1));
        }
    }
}

#[test]
fn p03_a_panic_payload_that_panics_in_its_drop_harms_nobody() {
    for rt in flavors() {
        rt.block_on(async {
            let task = runtime::spawn(async { std::panic::panic_any(Babushka(1)) });
            while !task.is_finished() {
                runtime::task::yield_now().await;
            }
            drop(task);
            drop(runtime::spawn(async { std::panic::panic_any(Babushka(1)) }));
            assert_eq!(runtime::spawn(async { 1 }).await.unwrap(), 1);
        });
    }
}

/// A waker of a task that is pending, and the handle of that task.
fn waker_of_a_task(rt: &Runtime) -> (Waker, JoinHandle<()>) {
    let (send, receive) = mpsc::channel();
    let task = rt.spawn(poll_fn(move |cx| {
        let _ = send.send(cx.waker().clone());
        Poll::Pending
    }));
    let waker = loop {
        match receive.try_recv() {
            Ok(waker) => break waker,
            Err(_) => rt.block_on(runtime::task::yield_now()),
        }
    };
    (waker, task)
}

#[test]
fn p04_a_waker_may_outlive_task_runtime_and_thread() {
    for rt in flavors() {
        let (waker, task) = thread::spawn(move || {
            let (waker, task) = waker_of_a_task(&rt);
            waker.wake_by_ref();
            drop(rt);
            (waker, task)
        })
        .join()
        .unwrap();
        waker.wake_by_ref();
        let other = waker.clone();
        assert!(other.will_wake(&waker));
        assert!(executor::block_on(task).unwrap_err().is_cancelled());
        thread::spawn(move || other.wake()).join().unwrap();
        waker.wake();
    }
}

#[test]
fn p04_wakers_of_a_task_that_ended_do_nothing() {
    for rt in flavors() {
        let (waker, task) = waker_of_a_task(&rt);
        task.abort();
        rt.block_on(task).unwrap_err();
        for _ in 0..100 {
            waker.wake_by_ref();
            let other = waker.clone();
            drop(waker.clone());
            other.wake();
        }
        assert_eq!(rt.block_on(async { runtime::spawn(async { 1 }).await.unwrap() }), 1);
    }
}

#[test]
fn p05_wakes_before_a_poll_make_one_poll_and_none_after_the_end() {
    for rt in flavors() {
        let polls = Arc::new(AtomicUsize::new(0));
        let counter = polls.clone();
        let task = rt.spawn(poll_fn(move |cx| {
            // Woken ten times while it runs: one more poll.
            for _ in 0..10 {
                cx.waker().wake_by_ref();
            }
            match counter.fetch_add(1, SeqCst) {
                0 => Poll::Pending,
                1 => Poll::Ready(()),
                _ => panic!("polled after its end"),
            }
        }));
        rt.block_on(task).unwrap();
        rt.block_on(async { runtime::spawn(async {}).await.unwrap() });
        assert_eq!(polls.load(SeqCst), 2);
    }
}

#[test]
fn p05_every_wake_of_a_pending_task_is_one_poll() {
    for rt in flavors() {
        let (send, polled) = runtime::sync::mpsc::unbounded_channel();
        let task = rt.spawn(poll_fn(move |cx| {
            let _ = send.send(cx.waker().clone());
            Poll::<()>::Pending
        }));
        let mut polled = polled;
        rt.block_on(async {
            for _ in 0..1000 {
                polled.recv().await.unwrap().wake();
            }
            polled.recv().await.unwrap();
            // No wake, no poll: whoever is spawned now runs, and the task does not.
            runtime::spawn(async {}).await.unwrap();
            assert!(polled.try_recv().is_err());
        });
        task.abort();
    }
}

#[test]
fn p06_what_came_before_a_wake_is_seen_by_the_next_poll() {
    let rt = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let board = Arc::new((AtomicUsize::new(0), Mutex::new(None::<Waker>)));
    let reader = board.clone();
    let task = rt.spawn(poll_fn(move |cx| {
        *reader.1.lock().unwrap() = Some(cx.waker().clone());
        // Relaxed on purpose: only the wake orders it.
        match reader.0.load(std::sync::atomic::Ordering::Relaxed) {
            0..10_000 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    }));
    for number in 1..=10_000 {
        board.0.store(number, std::sync::atomic::Ordering::Relaxed);
        let waker = board.1.lock().unwrap().clone();
        if let Some(waker) = waker {
            waker.wake();
        } else {
            // Its first poll comes after, and sees the number.
            thread::yield_now();
        }
    }
    let (send, done) = mpsc::channel();
    rt.spawn(async move { send.send(task.await.is_ok()) });
    assert_eq!(done.recv_timeout(LONG), Ok(true));
}

#[test]
fn p07_no_future_is_polled_by_two_threads_at_a_time() {
    let rt = Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let wakers = wakers.clone();
            let (is_polled, mut polls) = (AtomicBool::new(false), 0);
            rt.spawn(poll_fn(move |cx| {
                assert!(!is_polled.swap(true, SeqCst), "polled twice at a time");
                wakers.lock().unwrap().push(cx.waker().clone());
                thread::yield_now();
                polls += 1;
                cx.waker().wake_by_ref();
                is_polled.store(false, SeqCst);
                if polls < 2000 { Poll::Pending } else { Poll::Ready(()) }
            }))
        })
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, more) = (stop.clone(), wakers.clone());
    let waking = thread::spawn(move || {
        while !stopped.load(SeqCst) {
            let wakers = std::mem::take(&mut *more.lock().unwrap());
            wakers.into_iter().for_each(Waker::wake);
        }
    });
    for task in tasks {
        rt.block_on(task).unwrap();
    }
    stop.store(true, SeqCst);
    waking.join().unwrap();
}

#[test]
fn p08_a_dropped_handle_detaches_its_task() {
    for rt in flavors() {
        let (send, receive) = runtime::sync::oneshot::channel();
        // Before its first poll, and in the middle.
        drop(rt.spawn(async move {
            runtime::task::yield_now().await;
            send.send(7).unwrap();
        }));
        assert_eq!(rt.block_on(receive).unwrap(), 7);
        let (started, starts) = runtime::sync::oneshot::channel();
        let (proceed, proceeds) = runtime::sync::oneshot::channel();
        let (send, receive) = runtime::sync::oneshot::channel();
        let task = rt.spawn(async move {
            started.send(()).unwrap();
            send.send(proceeds.await.unwrap()).unwrap();
        });
        rt.block_on(async {
            starts.await.unwrap();
            drop(task);
            proceed.send(8).unwrap();
            assert_eq!(receive.await.unwrap(), 8);
        });
    }
}

#[test]
fn p09_abort_from_anywhere_in_any_state_gives_an_answer() {
    for rt in flavors() {
        rt.block_on(async {
            // Before the first poll, by the handle and by its clones on other threads.
            for _ in 0..100 {
                let task = runtime::spawn(async { 1 });
                let abort = task.abort_handle();
                let aborting = thread::spawn(move || {
                    abort.abort();
                    abort.clone().abort();
                });
                match task.await {
                    Ok(output) => assert_eq!(output, 1),
                    Err(error) => assert!(error.is_cancelled(), "{error}"),
                }
                aborting.join().unwrap();
            }
            // While it runs: it ends at its next await.
            let (send, receive) = runtime::sync::oneshot::channel::<runtime::task::AbortHandle>();
            let task = runtime::spawn(async move {
                let own = receive.await.unwrap();
                own.abort();
                assert!(!own.is_finished());
                pending::<()>().await;
            });
            send.send(task.abort_handle()).unwrap();
            assert!(task.await.unwrap_err().is_cancelled());
            // By itself, and then it is ready nevertheless: the result stands.
            let (send, receive) = runtime::sync::oneshot::channel::<runtime::task::AbortHandle>();
            let task = runtime::spawn(async move { receive.await.unwrap().abort() });
            send.send(task.abort_handle()).unwrap();
            task.await.unwrap();
            // After the end: the result stands.
            let mut task = runtime::spawn(async { 2 });
            while !task.is_finished() {
                runtime::task::yield_now().await;
            }
            task.abort();
            task.abort_handle().abort();
            assert_eq!(poll_immediate(&mut task).await.unwrap().unwrap(), 2);
            task.abort();
            assert!(task.is_finished());
        });
    }
}

#[test]
fn p20_block_on_polls_once_for_each_wake() {
    const WAKES: usize = 100;
    for rt in flavors() {
        // Others that run all the time do not make it poll.
        let noise: Vec<_> = (0..4)
            .map(|_| {
                rt.spawn(async {
                    loop {
                        runtime::task::yield_now().await;
                    }
                })
            })
            .collect();
        let (mut polls, mut threads) = (0, vec![]);
        let wakes = Arc::new(AtomicUsize::new(0));
        rt.block_on(poll_fn(|cx| {
            polls += 1;
            if wakes.load(SeqCst) == WAKES {
                return Poll::Ready(());
            }
            // One at a time, from a thread of its own.
            if wakes.load(SeqCst) == threads.len() {
                let (waker, wakes) = (cx.waker().clone(), wakes.clone());
                threads.push(thread::spawn(move || {
                    wakes.fetch_add(1, SeqCst);
                    waker.wake();
                }));
            }
            Poll::Pending
        }));
        assert_eq!(polls, WAKES + 1);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        noise.iter().for_each(JoinHandle::abort);
    }
}
