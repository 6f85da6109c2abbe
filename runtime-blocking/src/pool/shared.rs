//! What the threads and the submitters of one pool share: submit, start, shut down.

use super::desk::Site;
use super::guard::guarded;
use super::options::{NewThread, Options};
use super::roster::{Place, Roster};
use super::sleepers::Sleepers;
use super::word::{Call, StartFailed, Submit, Word};
use runtime_core::primitive::Arc;
use runtime_core::primitive::channel::{Receiver, Sender, unbounded};
use runtime_core::task::{Id, JobsEnd};
use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How long a shutdown waits for threads that run no job, even if told not to wait: they have nothing
/// left to do but leave, and the caller is promised that they have.
const LEAVING_MAX: Duration = Duration::from_millis(50);

/// What a pool carries. Dropping it cancels it.
pub trait Work: Send + 'static {
    /// Does it.
    fn run(self);
    /// Answers it with an error: nobody can do it.
    fn refuse(self, source: io::Error);
    /// Who it is, for those who ask what a thread is at.
    fn whose(&self) -> Option<(Id, Site)> {
        None
    }
}

runtime_core::tls! {
    // Address of the pool that this thread serves; 0 if none.
    static SERVES: Cell<usize> = Cell::new(0);
}

/// One pool.
pub struct Shared<W> {
    pub(super) word: Word,
    pub(super) sleepers: Sleepers,
    pub(crate) roster: Roster,
    pub(super) options: Options,
    /// `options.max_threads`, checked.
    pub(super) cap: u16,
    /// What a thread runs from its first to its last moment.
    main: fn(Arc<Shared<W>>, Place),
    jobs_in: Sender<W>,
    jobs_out: Receiver<W>,
    /// Whether those that run are asked for their end.
    jobs_end: JobsEnd,
}

impl<W: Work> Shared<W> {
    /// A pool without threads. The ones it starts run `main`.
    ///
    /// # Errors
    /// `InvalidInput` for options that make no sense.
    pub(super) fn with_main(options: Options, main: fn(Arc<Self>, Place)) -> io::Result<Self> {
        let cap = options.check()?;
        let (jobs_in, jobs_out) = unbounded();
        let (word, sleepers, roster) = (Word::new(), Sleepers::new(), Roster::new());
        let jobs_end = JobsEnd::new();
        Ok(Shared { word, sleepers, roster, options, cap, main, jobs_in, jobs_out, jobs_end })
    }

    /// The calling thread is one of this pool's from now on.
    pub(super) fn serve(&self) {
        SERVES.with(|serves| serves.set(std::ptr::from_ref(self).addr()));
        self.jobs_end.serve();
    }

    /// Whether the calling thread is one of this pool's.
    fn is_served_by_caller(&self) -> bool {
        // A thread whose locals are gone is past all jobs.
        SERVES.try_with(Cell::get).is_ok_and(|address| address == std::ptr::from_ref(self).addr())
    }

    /// Queues `job`.
    ///
    /// # Errors
    /// Gives the job back when the pool is shut down, or has no thread and gets none.
    pub fn submit(this: &Arc<Self>, job: W) -> Result<(), (W, io::Error)> {
        // Counted, then sent: see `word`. A thread is started in between, so that a job for which there
        // will be none need not be fished out again.
        match this.word.submit(this.cap) {
            Submit::Closed => {
                Err((job, io::Error::new(ErrorKind::BrokenPipe, "the blocking pool is shut down")))
            }
            Submit::Full => {
                Err((job, io::Error::new(ErrorKind::OutOfMemory, "too many blocking jobs are queued")))
            }
            Submit::Counted(Call::Nobody) => {
                this.send(job);
                Ok(())
            }
            Submit::Counted(Call::Wake) => {
                this.send(job);
                this.sleepers.wake();
                Ok(())
            }
            Submit::Counted(Call::Start) => match Self::start(this) {
                Ok(()) => {
                    this.send(job);
                    Ok(())
                }
                Err(source) => this.refused(Some(job), source),
            },
        }
    }

    /// Does what the word has decided.
    pub(super) fn call(this: &Arc<Self>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Wake => this.sleepers.wake(),
            Call::Start => {
                if let Err(source) = Self::start(this) {
                    // Without a job of our own there is none to give back.
                    let _ = this.refused(None, source);
                }
            }
        }
    }

    /// Starts a thread that the word counts already.
    fn start(this: &Arc<Self>) -> io::Result<()> {
        // The name comes from user code.
        let name = catch_unwind(AssertUnwindSafe(|| (this.options.thread_name)())).map_err(|payload| {
            guarded(|| drop(payload));
            io::Error::other("naming a blocking thread panicked")
        })?;
        let place = this.roster.starting(&name);
        let (id, shared, main) = (place.id, this.clone(), this.main);
        let body = Box::new(move || main(shared, place));
        match (this.options.start_thread)(NewThread { name, stack_size: this.options.stack_size, body }) {
            Ok(handle) => {
                this.roster.started(id, handle);
                Ok(())
            }
            Err(source) => {
                this.roster.refused(id);
                Err(source)
            }
        }
    }

    /// No thread was to be had; `job` is counted but not sent.
    fn refused(&self, job: Option<W>, source: io::Error) -> Result<(), (W, io::Error)> {
        match self.word.start_failed() {
            StartFailed::OthersDrain(call) => {
                if let Some(job) = job {
                    self.send(job);
                }
                if call == Call::Wake {
                    self.sleepers.wake();
                }
                Ok(())
            }
            // Others may have counted on this thread: their jobs have the same answer.
            StartFailed::NoneLeft(queued) => {
                for _ in usize::from(job.is_some())..queued as usize {
                    let other = self.receive();
                    guarded(|| other.refuse(copy_of(&source)));
                }
                job.map_or(Ok(()), |job| Err((job, source)))
            }
        }
    }

    fn send(&self, job: W) {
        assert!(self.jobs_in.send(job).is_ok(), "the receiver is in the same struct");
    }

    /// The next job, for one who was granted it by the word: it is there or about to be.
    pub(super) fn receive(&self) -> W {
        self.jobs_out.recv().unwrap_or_else(|_| unreachable!("the sender is in the same struct"))
    }

    /// Refuses jobs from now on, cancels those queued, sends the threads home. Says how many may be inside a job;
    /// `None` if all this was done before.
    pub(crate) fn close(&self) -> Option<u16> {
        let closed = self.word.close()?;
        for _ in 0..closed.idle {
            self.sleepers.wake();
        }
        for _ in 0..closed.queued {
            let job = self.receive();
            guarded(|| drop(job));
        }
        Some(closed.busy)
    }

    /// Asks the jobs that run for their end.
    pub(super) fn ask_running(&self) {
        self.jobs_end.ask();
    }

    /// [`close`](Self::close)s the pool, asks the jobs that run for their end, waits up to `timeout` for
    /// those inside a job (not for the calling one, if it is ours), and joins all that have ended.
    /// Returns how many are left.
    pub fn shutdown(&self, timeout: Duration) -> usize {
        self.ask_running();
        let now = Instant::now();
        // No deadline: later than the clock can count.
        let deadline = now.checked_add(timeout);
        let own = usize::from(self.is_served_by_caller());
        // If it was closed before, those that are at a job are the ones not to wait for.
        let busy = self.close().map_or_else(|| self.roster.running().len(), usize::from);
        let leaving = deadline.map(|deadline| deadline.max(now + LEAVING_MAX));
        self.roster.wait_until_few(busy.max(own), leaving);
        let left = self.roster.wait_until_few(own, deadline);
        self.roster.join_ended();
        left
    }
}

/// `io::Error` is not `Clone`.
fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl<W> fmt::Debug for Shared<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("word", &self.word)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
