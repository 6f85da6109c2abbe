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
use crate::task::{self, Home};
use crate::util::inherited;
use std::fmt;
use std::future::Future;
use std::panic::Location;
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
        let site = Location::caller();
        let _entered = context::enter_block_on(handle);
        let mut future = pin!(task::driven(future, site));
        let shared = Arc::clone(&handle.inner().shared);
        let place = StdArc::clone(&self.place);
        let waking = Arc::clone(&shared);
        let main = StdArc::new(MainWaker { is_woken: AtomicBool::new(true), shared: waking, place });
        let _watch = shared.failure.as_ref().map(|failure| failure.watch(Waker::from(StdArc::clone(&main))));
        loop {
            match self.take_worker(&main) {
                Some(worker) => {
                    let worker = self.check_thread(handle, worker);
                    let output = self.drive(handle, worker, &main, future);
                    shared.check_failure();
                    return output.expect("the worker stops when the future is ready");
                }
                None => {
                    shared.check_failure();
                    if let Poll::Ready(output) = poll_main(&main, future.as_mut()) {
                        shared.check_failure();
                        return output;
                    }
                }
            }
        }
    }

    /// Local tasks of another thread must not be polled here.
    #[track_caller]
    fn check_thread(&self, handle: &Handle, worker: Worker) -> Worker {
        if handle.inner().local.as_ref().is_some_and(LocalTasks::are_elsewhere) {
            *self.place.worker.lock() = Some(worker);
            self.place.changed.notify_all();
            panic!(
                "this current_thread runtime has tasks from `spawn_local` that live on another thread: enter it \
                 only there, or use a `LocalSet`"
            );
        }
        worker
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

    /// `None`: a failure that nobody took has ended the runtime's tasks.
    fn drive<F: Future>(
        &self,
        handle: &Handle,
        worker: Worker,
        main: &StdArc<MainWaker>,
        mut future: Pin<&mut F>,
    ) -> Option<F::Output> {
        let homes = &handle.inner().homes;
        let mut output = None;
        let mut has_cancelled = false;
        // The future belongs to the caller's scopes; the tasks do not.
        let hidden = inherited::hide();
        self.run(worker, |worker| {
            if output.is_none() && !main.shared.has_failed() {
                match hidden.show(|| poll_main(main, future.as_mut())) {
                    Poll::Ready(ready) => output = Some(ready),
                    Poll::Pending => return Step::GoOn,
                }
            }
            if !main.shared.has_failed() {
                return Step::Stop;
            }
            if !has_cancelled {
                // Who set the failure may not have come to that: a task spawned after `cancel_all` would live on.
                handle.close();
            }
            end_tasks(worker, homes, &mut has_cancelled)
        });
        output
    }

    /// Runs the worker on this thread, and puts it back, also after a panic.
    fn run(&self, worker: Worker, step: impl FnMut(&Worker) -> Step) {
        struct PutBack<'a>(&'a Place, Option<Rc<Worker>>);
        impl Drop for PutBack<'_> {
            fn drop(&mut self) {
                let worker = self.1.take().and_then(Rc::into_inner);
                debug_assert!(worker.is_some(), "nobody else keeps the worker");
                *self.0.worker.lock() = worker;
                self.0.changed.notify_all();
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
            let _hidden = inherited::hide();
            let homes: &[_] = if left == 0 { &inner.homes } else { &inner.homes[..1] };
            let mut has_cancelled = false;
            self.run(worker, |worker| end_tasks(worker, homes, &mut has_cancelled));
        }
        inner.shared.shut_down_parts();
        left
    }
}

/// A step that cancels the tasks of closed homes, and stops when all have ended.
fn end_tasks(worker: &Worker, homes: &[Arc<Home<Arc<Shared>>>], has_cancelled: &mut bool) -> Step {
    if !std::mem::replace(has_cancelled, true) {
        for home in homes {
            worker.cancel_all(home);
        }
    }
    if homes.iter().all(|home| home.is_vacated()) { Step::Stop } else { Step::GoOn }
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
