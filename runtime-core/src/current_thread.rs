//! The runtime without worker threads: whoever is inside of `block_on` runs the tasks.
//!
//! The one worker lives in [`CurrentThread`]; a thread that enters takes it out, and others that enter
//! meanwhile wait for their own future, or for the worker, whichever comes first.

#![forbid(unsafe_code)]

use crate::context;
use crate::coop;
use crate::handle::Handle;
use crate::local_tasks::LocalTasks;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::{Arc, Condvar, Mutex};
use crate::scheduler::{self, Shared, Step, Worker};
use crate::task::{Home, Notified};
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Wake, Waker};

/// The worker, or the place where it comes back to.
pub(crate) struct CurrentThread {
    place: StdArc<Place>,
}

struct Place {
    worker: Mutex<Option<Worker>>,
    changed: Condvar,
}

impl Place {
    fn put_back(&self, worker: Option<Worker>) {
        *self.worker.lock() = worker;
        self.changed.notify_all();
    }
}

const LOCALS_ELSEWHERE: &str = "this current_thread runtime has tasks from `spawn_local` that live on \
     another thread: enter it only there, or use a `LocalSet`";

/// Wakes the future of a `block_on`.
struct MainWaker {
    is_woken: AtomicBool,
    shared: Arc<Shared>,
    place: StdArc<Place>,
}

impl Wake for MainWaker {
    fn wake(self: StdArc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &StdArc<Self>) {
        // ORDER: AcqRel: publishes what came before the wake to the poll.
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.shared.unpark(0);
            drop(self.place.worker.lock());
            self.place.changed.notify_all();
        }
    }
}

impl MainWaker {
    fn take(&self) -> bool {
        // ORDER: as above.
        self.is_woken.swap(false, Ordering::AcqRel)
    }
}

impl CurrentThread {
    pub(crate) fn new(worker: Worker) -> Self {
        let place = Place { worker: Mutex::new(Some(worker)), changed: Condvar::new() };
        CurrentThread { place: StdArc::new(place) }
    }

    /// Runs `future`, and while it waits, the runtime's tasks.
    #[track_caller]
    pub(crate) fn block_on<F: Future>(&self, handle: &Handle, future: F) -> F::Output {
        let _entered = context::enter_block_on(handle);
        let are_elsewhere = || handle.inner().local.as_ref().is_some_and(LocalTasks::are_elsewhere);
        assert!(!are_elsewhere(), "{LOCALS_ELSEWHERE}");
        let mut future = pin!(future);
        let shared = Arc::clone(&handle.inner().shared);
        let place = StdArc::clone(&self.place);
        let main = StdArc::new(MainWaker { is_woken: AtomicBool::new(true), shared, place });
        loop {
            match self.take_worker(&main) {
                // Who drove until now may have left some, after we looked.
                Some(worker) if are_elsewhere() => {
                    self.place.put_back(Some(worker));
                    panic!("{LOCALS_ELSEWHERE}");
                }
                Some(worker) => return self.drive(worker, &main, future),
                None => {
                    if let Poll::Ready(output) = poll_main(&main, future.as_mut()) {
                        return output;
                    }
                }
            }
        }
    }

    /// The worker; or `None`, when another thread has it and the future was woken.
    fn take_worker(&self, main: &MainWaker) -> Option<Worker> {
        let mut worker = self.place.worker.lock();
        loop {
            if worker.is_some() {
                return worker.take();
            }
            if main.is_woken.load(Ordering::Acquire) {
                return None;
            }
            worker = self.place.changed.wait(worker);
        }
    }

    fn drive<F: Future>(&self, worker: Worker, main: &StdArc<MainWaker>, future: Pin<&mut F>) -> F::Output {
        let mut future = future;
        let mut output = None;
        self.run(worker, |_| match poll_main(main, future.as_mut()) {
            Poll::Ready(ready) => {
                output = Some(ready);
                Step::Stop
            }
            Poll::Pending => Step::GoOn,
        });
        output.expect("the worker stops when the future is ready")
    }

    /// Runs the worker on this thread, and puts it back, also after a panic.
    fn run(&self, worker: Worker, step: impl FnMut(&Worker) -> Step) {
        struct PutBack<'a>(&'a Place, Option<Rc<Worker>>);
        impl Drop for PutBack<'_> {
            fn drop(&mut self) {
                let worker = self.1.take().and_then(Rc::into_inner);
                debug_assert!(worker.is_some(), "nobody else keeps the worker");
                self.0.put_back(worker);
            }
        }
        // Dropped last, also by a panic: it must be the only one that has the worker then.
        let put_back = PutBack(&self.place, Some(Rc::new(worker)));
        if let Some(worker) = &put_back.1 {
            scheduler::run_worker(&Rc::clone(worker), step);
        }
    }

    /// Ends all tasks on this thread. Those of another thread stay as they are, and are counted.
    pub(crate) fn shut_down(&self, handle: &Handle) -> usize {
        let inner = handle.inner();
        let local = inner.local.as_ref().expect("a current_thread runtime has local tasks");
        let left = if local.are_elsewhere() { local.count() } else { 0 };
        inner.homes[0].close();
        if left == 0 {
            local.close();
        }
        inner.shared.begin_close();
        let worker = self.place.worker.lock().take();
        if let Some(worker) = worker {
            let _entered = context::enter(handle);
            if left > 0 {
                cancel_around(&worker, &inner.homes[0], local);
                inner.shared.shut_down_parts();
                return left;
            }
            let homes = &inner.homes;
            let mut has_cancelled = false;
            self.run(worker, |worker| {
                if !std::mem::replace(&mut has_cancelled, true) {
                    worker.cancel_all(homes);
                }
                if homes.iter().all(|home| home.is_vacated()) { Step::Stop } else { Step::GoOn }
            });
        }
        inner.shared.shut_down_parts();
        left
    }
}

/// Cancels the tasks of `home` and leaves those of `local`, which belong to another thread, as they are. The
/// worker does not run: its queue may hold tasks of both, and the drop of one may wake another.
fn cancel_around(worker: &Worker, home: &Home<Arc<Shared>>, local: &LocalTasks) {
    let mut ready: Vec<Notified> = Vec::new();
    home.cancel_all(|task| ready.push(task));
    loop {
        worker.take_all(&mut ready);
        if ready.is_empty() {
            if home.is_vacated() {
                return;
            }
            // A waker on another thread has claimed a task and not pushed it yet.
            crate::primitive::thread::yield_now();
        }
        for task in ready.drain(..).filter(|task| !local.has(task)) {
            task.run();
        }
    }
}

fn poll_main<F: Future>(main: &StdArc<MainWaker>, future: Pin<&mut F>) -> Poll<F::Output> {
    if !main.take() {
        return Poll::Pending;
    }
    let waker = Waker::from(StdArc::clone(main));
    let (poll, yielded) = coop::enter(&waker, || future.poll(&mut Context::from_waker(&waker)));
    if yielded {
        waker.wake();
    }
    poll
}

impl fmt::Debug for CurrentThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentThread").finish_non_exhaustive()
    }
}
