//! For the unit tests of this folder: a runtime of one thread, paused time and no driver.

use crate::coop;
use crate::timer::Timers;
use crate::timer::clock::SystemClock;
use crate::util::wake_list::WakeList;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct World {
    timers: Timers,
    /// Tasks by number, the main future first. `None`: ended, or being polled.
    tasks: RefCell<Vec<Option<Task>>>,
    wake: mpsc::Sender<usize>,
}

thread_local! {
    static WORLD: RefCell<Option<Rc<World>>> = const { RefCell::new(None) };
}

struct TaskWaker {
    number: usize,
    wake: mpsc::Sender<usize>,
}

impl Wake for TaskWaker {
    fn wake(self: std::sync::Arc<Self>) {
        let _ = self.wake.send(self.number);
    }
}

/// As `context::with_timers`, for a thread inside of [`run`].
pub(super) fn with_timers<R>(f: impl FnOnce(Option<(&Timers, usize)>) -> R) -> R {
    let world = WORLD.with_borrow(|world| world.clone());
    f(world.as_deref().map(|world| (&world.timers, 0)))
}

/// Shuts the timers of this thread's runtime down.
pub(super) fn shut_timers_down() {
    let world = WORLD.with_borrow(|world| world.clone());
    world.expect("inside of `run`").timers.shutdown(&mut WakeList::new());
}

/// How many timers wait.
pub(super) fn timer_count() -> usize {
    with_timers(|timers| timers.expect("inside of `run`").0.count())
}

/// Adds a task beside the main future.
pub(super) fn spawn(task: impl Future<Output = ()> + 'static) {
    let world = WORLD.with_borrow(|world| world.clone()).expect("inside of `run`");
    let mut tasks = world.tasks.borrow_mut();
    world.wake.send(tasks.len()).unwrap();
    tasks.push(Some(Box::pin(task)));
}

/// Runs `main` with the time paused: tasks in the order in which they are woken, expired timers after each
/// round, and a jump to the next deadline when nothing is left to do.
///
/// Says how often `main` was polled.
pub(super) fn run(main: impl Future<Output = ()> + 'static) -> usize {
    let timers = Timers::new(std::sync::Arc::new(SystemClock), 1, || {});
    timers.pause().unwrap();
    run_on(timers, main)
}

/// [`run`] with the time running: for a `main` that never waits.
pub(super) fn run_unpaused(main: impl Future<Output = ()> + 'static) -> usize {
    run_on(Timers::new(std::sync::Arc::new(SystemClock), 1, || {}), main)
}

fn run_on(timers: Timers, main: impl Future<Output = ()> + 'static) -> usize {
    let (wake, woken) = mpsc::channel();
    let world = Rc::new(World { timers, tasks: RefCell::new(vec![]), wake });
    WORLD.set(Some(Rc::clone(&world)));
    spawn(main);
    let mut main_poll_count = 0;
    loop {
        let round: VecDeque<usize> = woken.try_iter().collect();
        if round.is_empty() {
            let mut ready = WakeList::new();
            let fired_count = world.timers.advance_to_next(&mut ready);
            assert!(fired_count > 0, "everybody waits, and nothing will come");
        }
        for number in round {
            main_poll_count += usize::from(number == 0);
            if poll_task(&world, number).is_ready() && number == 0 {
                WORLD.set(None);
                return main_poll_count;
            }
        }
        world.timers.fire_all(world.timers.now_ns(), &mut WakeList::new());
    }
}

fn poll_task(world: &World, number: usize) -> Poll<()> {
    let Some(mut task) = world.tasks.borrow_mut()[number].take() else { return Poll::Pending };
    let waker = Waker::from(std::sync::Arc::new(TaskWaker { number, wake: world.wake.clone() }));
    let (poll, yielded) = coop::enter(&waker, || task.as_mut().poll(&mut Context::from_waker(&waker)));
    if yielded {
        world.wake.send(number).unwrap();
    }
    if poll.is_pending() {
        world.tasks.borrow_mut()[number] = Some(task);
    }
    poll
}
