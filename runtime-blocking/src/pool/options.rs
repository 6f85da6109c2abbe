//! What can be set on a pool.

use super::word::THREADS_MAX;
use runtime_core::primitive::thread::{Builder, JoinHandle};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Threads of a pool, if nothing else is said. They only come when that many jobs block at once.
const MAX_THREADS: usize = 512;
/// How long an idle thread stays, if nothing else is said.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Below this, thread stacks overflow in the runtime itself.
pub const STACK_MIN: usize = 16 * 1024;
/// More is a mistake: no system maps such a stack.
pub const STACK_MAX: usize = 1 << 40;

/// How often a thread looks for a job before it sleeps. Measured on 2 cores: a round trip takes 1.7 µs with
/// 12 or more, 5 µs with 8 or none; 20,000 jobs at once 60 ns each with any, 120 to 200 with none.
const SPINS: u32 = 12;

/// User code that runs on a pool thread at a turn of its life.
pub type Hook = Arc<dyn Fn() + Send + Sync>;
/// Gives each new thread its name.
pub type ThreadName = Arc<dyn Fn() -> String + Send + Sync>;
/// User code around the whole life of a thread: it is given that life and must call it.
pub type WrapThread = Arc<dyn for<'a> Fn(Box<dyn FnOnce() + 'a>) + Send + Sync>;
/// Starts a thread of the system: [`NewThread::start`], or a stand-in that refuses.
pub type StartThread = Arc<dyn Fn(NewThread) -> io::Result<JoinHandle<()>> + Send + Sync>;

/// What can be set on a [`Pool`](crate::Pool).
///
/// # Examples
/// ```
/// use runtime_blocking::{Options, Pool};
/// use std::time::Duration;
///
/// let mut options = Options::default();
/// options.max_threads = 3;
/// options.keep_alive = Duration::from_secs(1);
/// let pool: Pool = Pool::new(options)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Most threads at a time (512). Jobs beyond that wait.
    pub max_threads: usize,
    /// How long a thread without a job stays (10 s).
    pub keep_alive: Duration,
    /// Names each thread. A NUL, which no name may contain, is replaced.
    pub thread_name: ThreadName,
    /// Stack of each thread in bytes; `None` is the platform's default.
    pub stack_size: Option<usize>,
    /// Called on each thread before its first job. If it panics, the thread serves all the same.
    pub on_thread_start: Option<Hook>,
    /// Called on each thread after its last job.
    pub on_thread_stop: Option<Hook>,
    /// Called on each thread, around everything else. One that does not call what it is given makes a
    /// thread that serves nobody: the job it was started for is refused.
    pub wrap_thread: Option<WrapThread>,
    /// Starts the threads. To be replaced by tests that refuse some.
    #[doc(hidden)]
    pub start_thread: StartThread,
    /// How often a thread without a job looks for one before it sleeps.
    #[doc(hidden)]
    pub spins: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            max_threads: MAX_THREADS,
            keep_alive: KEEP_ALIVE,
            thread_name: Arc::new(|| "runtime-blocking".to_owned()),
            stack_size: None,
            on_thread_start: None,
            on_thread_stop: None,
            wrap_thread: None,
            start_thread: Arc::new(NewThread::start),
            spins: SPINS,
        }
    }
}

impl Options {
    /// The cap, if all options make sense.
    pub(super) fn check(&self) -> io::Result<u16> {
        let refuse = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        if self.max_threads == 0 {
            return refuse("max_threads must be at least 1: a pool without threads runs nothing".to_owned());
        }
        if self.max_threads > THREADS_MAX {
            return refuse(format!("max_threads is {}, but at most {THREADS_MAX}", self.max_threads));
        }
        if let Some(size) = self.stack_size.filter(|size| !(STACK_MIN..=STACK_MAX).contains(size)) {
            return refuse(format!(
                "stack_size is {size} bytes: it must be between {STACK_MIN} and {STACK_MAX}"
            ));
        }
        Ok(self.max_threads as u16)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_threads", &self.max_threads)
            .field("keep_alive", &self.keep_alive)
            .field("stack_size", &self.stack_size)
            .field("on_thread_start", &self.on_thread_start.is_some())
            .field("on_thread_stop", &self.on_thread_stop.is_some())
            .field("wrap_thread", &self.wrap_thread.is_some())
            .finish_non_exhaustive()
    }
}

/// A thread that is about to be started.
pub struct NewThread {
    pub(super) name: String,
    pub(super) stack_size: Option<usize>,
    pub(super) body: Box<dyn FnOnce() + Send>,
}

impl NewThread {
    /// Asks the system for it.
    ///
    /// # Errors
    /// The system's, when it has no thread to give.
    pub fn start(self) -> io::Result<JoinHandle<()>> {
        // A NUL would be a panic in std.
        let builder = Builder::new().name(self.name.replace('\0', "?"));
        match self.stack_size {
            Some(size) => builder.stack_size(size),
            None => builder,
        }
        .spawn(self.body)
    }
}

impl fmt::Debug for NewThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewThread").field("name", &self.name).finish_non_exhaustive()
    }
}
