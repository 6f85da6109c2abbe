//! Why a job was not taken.

use std::error::Error;
use std::fmt;

/// What [`Pool::try_spawn`](super::Pool::try_spawn) answers when it has not taken the job, which is inside.
///
/// # Examples
/// ```
/// use runtime::blocking::Pool;
///
/// let pool = Pool::builder().threads(1).queue(0).build()?;
/// pool.close();
/// let full = pool.try_spawn(|| 42).unwrap_err();
/// assert!(full.is_closed());
/// let job = full.into_inner();
/// assert_eq!(job(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Full<F> {
    job: F,
    is_closed: bool,
}

impl<F> Full<F> {
    pub(super) fn new(job: F, is_closed: bool) -> Self {
        Full { job, is_closed }
    }

    /// The job, unharmed.
    pub fn into_inner(self) -> F {
        self.job
    }

    /// Whether the pool takes no jobs any more, so that trying again is of no use.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }
}

impl<F> fmt::Display for Full<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_closed {
            "the pool is closed"
        } else {
            "the pool has no room for another job"
        })
    }
}

impl<F> fmt::Debug for Full<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Full").field("is_closed", &self.is_closed).finish_non_exhaustive()
    }
}

impl<F> Error for Full<F> {}
