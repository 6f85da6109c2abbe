//! Making a pool.

use super::own::Pool;
use crate::pool::options::{Options, StartThread};
use runtime_core::primitive::atomic::{AtomicU64, Ordering};
use runtime_core::sync::Semaphore;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

/// Threads of a pool, if nothing else is said: so many, or a few more than there are cores. As Python's.
const THREADS_DEFAULT_MAX: usize = 32;
/// How many more than cores.
const THREADS_BESIDE_CORES: usize = 4;

/// Makes a [`Pool`] with options: what [`Pool::builder`] returns.
///
/// # Examples
/// ```
/// use runtime::blocking::Pool;
/// use std::time::Duration;
///
/// let db = Pool::builder()
///     .name("db")
///     .threads(3)
///     .queue(100)
///     .keep_alive(Duration::from_secs(60))
///     .build()?;
/// let name = db.spawn(|| std::thread::current().name().map(str::to_owned));
/// assert_eq!(name.join_blocking().unwrap().as_deref(), Some("db-1"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Builder {
    name: String,
    queue: Option<usize>,
    options: Options,
}

impl Pool {
    /// A builder with the defaults: `pool` for a name, a few more threads than there are cores (32 at most), a queue
    /// without a bound, and 10 s without a job before a thread ends.
    pub fn builder() -> Builder {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let max_threads = (cores + THREADS_BESIDE_CORES).min(THREADS_DEFAULT_MAX);
        let options = Options { max_threads, ..Options::default() };
        Builder { name: "pool".to_owned(), queue: None, options }
    }
}

impl Builder {
    /// The name of the pool. Its threads are called `<name>-1`, `<name>-2` and so on; systems cut that (Linux to 15
    /// bytes).
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = name.into();
        self
    }

    /// Most threads at a time. They come when jobs wait for one.
    pub fn threads(&mut self, count: usize) -> &mut Self {
        self.options.max_threads = count;
        self
    }

    /// How many jobs may wait for a thread. The pool has at most `threads + queue` jobs, those that run included;
    /// with 0 it takes a job only if a thread is free for it.
    pub fn queue(&mut self, count: usize) -> &mut Self {
        self.queue = Some(count);
        self
    }

    /// How long a thread waits for a job before it ends.
    pub fn keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.options.keep_alive = duration;
        self
    }

    /// The stack of each thread, in bytes.
    pub fn stack_size(&mut self, bytes: usize) -> &mut Self {
        self.options.stack_size = Some(bytes);
        self
    }

    /// Called on each thread before its first job. If it panics, the thread serves all the same.
    pub fn on_thread_start(&mut self, f: impl Fn() + Send + Sync + 'static) -> &mut Self {
        self.options.on_thread_start = Some(Arc::new(f));
        self
    }

    /// Called on each thread after its last job.
    pub fn on_thread_stop(&mut self, f: impl Fn() + Send + Sync + 'static) -> &mut Self {
        self.options.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// Called on each thread, around its whole life, with the closure that is this life: it must call it once. If it
    /// does not, the thread serves nobody, and the job for which it was started fails.
    pub fn wrap_thread(
        &mut self,
        f: impl for<'a> Fn(Box<dyn FnOnce() + 'a>) + Send + Sync + 'static,
    ) -> &mut Self {
        self.options.wrap_thread = Some(Arc::new(f));
        self
    }

    /// Starts the threads. To be replaced by tests that refuse some.
    #[doc(hidden)]
    pub fn start_thread(&mut self, start: StartThread) -> &mut Self {
        self.options.start_thread = start;
        self
    }

    /// Makes the pool. It has no threads until it has jobs.
    ///
    /// # Errors
    /// `InvalidInput`, naming the option, when one makes no sense.
    #[track_caller]
    pub fn build(&self) -> io::Result<Pool> {
        if self.name.contains('\0') {
            return invalid("name contains a NUL, which no thread's name may".to_owned());
        }
        let jobs_max = match self.queue {
            None => Semaphore::MAX_PERMITS,
            Some(queue) => match self.options.max_threads.checked_add(queue) {
                Some(jobs) if jobs <= Semaphore::MAX_PERMITS => jobs,
                _ => return invalid(format!("queue is {queue}: leave it out for a queue without a bound")),
            },
        };
        let mut options = self.options.clone();
        let (name, threads) = (self.name.clone(), AtomicU64::new(0));
        // ORDER: Relaxed: a number for a name.
        options.thread_name =
            Arc::new(move || format!("{name}-{}", 1 + threads.fetch_add(1, Ordering::Relaxed)));
        // The machinery's options have longer names.
        let named = |error: io::Error| {
            io::Error::new(error.kind(), error.to_string().replace("max_threads", "threads"))
        };
        Pool::new(self.name.clone(), jobs_max, options).map_err(named)
    }
}

fn invalid<T>(what: String) -> io::Result<T> {
    Err(io::Error::new(ErrorKind::InvalidInput, what))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("queue", &self.queue)
            .field("options", &self.options)
            .finish()
    }
}
