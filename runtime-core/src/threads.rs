//! The threads of a multi_thread runtime, from their start to their end.

#![forbid(unsafe_code)]

use crate::config::{Config, Hook};
use crate::context;
use crate::handle::Handle;
use crate::primitive::{Arc, thread};
use crate::scheduler::{self, Monitor, Shared, Starter, Step, Worker};
use crate::util::wake_list::{drop_quietly, quietly};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Starts the monitor, if there is to be one.
///
/// # Errors
/// The system's.
pub(crate) fn start_monitor(config: &Config, handle: &Handle) -> io::Result<Option<thread::JoinHandle<()>>> {
    if !config.rescue.is_on() {
        return Ok(None);
    }
    let inner = handle.inner();
    let monitor = Monitor::new(Arc::clone(&inner.shared), inner.homes.clone());
    start_thread(config, &inner.shared, move || monitor.run()).map(Some)
}

/// Starts one of the first workers.
///
/// # Errors
/// The system's.
pub(crate) fn start_worker(
    config: &Config,
    handle: &Handle,
    worker: Worker,
) -> io::Result<thread::JoinHandle<()>> {
    let (body_config, body_handle) = (config.clone(), handle.clone());
    let body = move || {
        live(&body_config, &body_handle, || {
            worker.sign_in();
            run_worker(&body_handle, &Rc::new(worker));
        });
    };
    start_thread(config, &handle.inner().shared, body)
}

/// Starts the threads of spares.
pub(crate) struct SpareStarter {
    config: Config,
    handle: Handle,
}

impl SpareStarter {
    pub(crate) fn new(config: &Config, handle: &Handle) -> Self {
        SpareStarter { config: config.clone(), handle: handle.clone() }
    }
}

impl Starter for SpareStarter {
    fn start(&self) -> io::Result<()> {
        let (config, handle) = (self.config.clone(), self.handle.clone());
        let body = move || live(&config, &handle, || run_spare(&handle));
        // Nobody joins it: who waits for the runtime's end waits for all that have started.
        start_thread(&self.config, &self.handle.inner().shared, body).map(drop)
    }
}

fn start_thread(
    config: &Config,
    shared: &Arc<Shared>,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    let name = catch_unwind(AssertUnwindSafe(|| (config.thread_name)())).map_err(|payload| {
        drop_quietly(payload);
        io::Error::other("thread_name_fn panicked")
    })?;
    if name.contains('\0') {
        let what = format!("thread_name_fn gave {name:?}: a thread's name may not contain a NUL");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut builder = thread::Builder::new().name(name);
    if let Some(stack_size) = config.stack_size {
        builder = builder.stack_size(stack_size);
    }
    shared.thread_starts();
    let ends = Arc::clone(shared);
    let thread = builder.spawn(move || {
        let ending = Ending(ends);
        let _thread = scheduler::ThreadOf::new(&ending.0);
        body();
    });
    if thread.is_err() && shared.thread_ends() {
        shared.shut_down_parts();
    }
    thread
}

/// Tells of a thread's end, however it comes: who shuts the runtime down waits for it.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.thread_ends() {
            self.0.shut_down_parts();
        }
    }
}

/// The whole life of a thread that runs tasks, with the hooks around it.
fn live(config: &Config, handle: &Handle, body: impl FnOnce()) {
    let mut body = Some(body);
    let mut run = || {
        let Some(body) = body.take() else { return };
        call(&config.on_thread_start);
        let _entered = context::enter(handle);
        body();
        call(&config.on_thread_stop);
    };
    if let Some(wrap) = &config.wrap_thread {
        quietly(|| wrap(Box::new(&mut run)));
    }
    // Without its worker the runtime would not end: it runs, wrapped or not.
    run();
}

fn call(hook: &Option<Hook>) {
    if let Some(hook) = hook {
        quietly(|| hook());
    }
}

/// Runs a worker until the runtime ends (`true`), or until it is a spare that is to stand down.
fn run_worker(handle: &Handle, worker: &Rc<Worker>) -> bool {
    let inner = handle.inner();
    let mut is_end = false;
    scheduler::run_worker(worker, |worker| {
        if inner.shared.is_closing() {
            while let Some(home) = inner.shared.home_to_cancel(inner.homes.len()) {
                worker.cancel_all(&inner.homes[home]);
            }
            is_end = inner.shared.is_vacated();
            return if is_end { Step::Stop } else { Step::GoOn };
        }
        if worker.is_to_stand_down() { Step::Stop } else { Step::GoOn }
    });
    is_end
}

/// A spare works when it is called, and rests in between.
fn run_spare(handle: &Handle) {
    let shared = &handle.inner().shared;
    let Some(worker) = scheduler::take_place(shared) else { return };
    let worker = Rc::new(worker);
    worker.sign_in();
    while shared.spares.rest(worker.idle_left()) {
        let is_end = loop {
            let is_end = run_worker(handle, &worker);
            if is_end || worker.stand_down() {
                break is_end;
            }
        };
        if is_end {
            break;
        }
    }
    let worker = Rc::into_inner(worker).expect("nobody else keeps the worker");
    scheduler::leave_place(worker);
}
