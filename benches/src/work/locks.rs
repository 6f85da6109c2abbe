//! What tasks share without sending it: locks, permits, wake-ups; with nobody in the way, and with many.

use super::switch::all;
use crate::measure::{Figures, Run};
use crate::rt::{Rt, Shared};
use std::sync::Arc;

/// Goes of a task that is alone: it meets nobody.
const ALONE: u64 = 20_000;
/// Tasks at one semaphore, its permits, and how often each takes one.
const ACQUIRERS: u64 = 100;
const PERMITS: usize = 10;
const ACQUIRES: u64 = 2_000;
/// Tasks at one lock for readers and writers, and how often each takes it.
const RW_TASKS: u64 = 8;
const RW_LOCKS: u64 = 10_000;
/// One in so many is for writing.
const RW_WRITE_EVERY: u64 = 10;
/// Wake-ups there and back between two tasks.
const ROUNDS: u64 = 10_000;

/// Taking and giving back a lock that nobody else wants.
pub fn mutex_free<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(ALONE, || {
        rt.on_worker(async {
            let mutex = R::mutex();
            for _ in 0..ALONE {
                *R::lock(&mutex).await += 1;
            }
            assert_eq!(*R::lock(&mutex).await, ALONE);
        });
    })
}

/// Taking and giving back a permit of which there are enough.
pub fn semaphore_free<R: Shared>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(ALONE, || {
        rt.on_worker(async {
            let semaphore = R::semaphore(PERMITS);
            for _ in 0..ALONE {
                drop(R::acquire(&semaphore).await);
            }
        });
    })
}

/// Many tasks that take one of few permits and yield while they hold it.
pub fn semaphore_contended<R: Shared>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(ACQUIRERS * ACQUIRES, || {
        rt.on_worker(async {
            let semaphore = Arc::new(R::semaphore(PERMITS));
            let acquire = |_| {
                let semaphore = Arc::clone(&semaphore);
                async move {
                    for _ in 0..ACQUIRES {
                        let permit = R::acquire(&semaphore).await;
                        R::yield_now().await;
                        drop(permit);
                    }
                }
            };
            all::<R, _>(ACQUIRERS, acquire).await;
        });
    })
}

/// Reading under a lock that nobody else wants.
pub fn rwlock_read_free<R: Shared>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(ALONE, || {
        rt.on_worker(async {
            let lock = R::rwlock();
            for _ in 0..ALONE {
                assert_eq!(*R::read_lock(&lock).await, 0);
            }
        });
    })
}

/// Tasks that mostly read and sometimes write, and yield while they hold the lock.
pub fn rwlock_contended<R: Shared>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(RW_TASKS * RW_LOCKS, || {
        rt.on_worker(async {
            let lock = Arc::new(R::rwlock());
            let read_and_write = |task| {
                let lock = Arc::clone(&lock);
                async move {
                    // Each task writes at another time.
                    for i in task..RW_LOCKS + task {
                        if i % RW_WRITE_EVERY == 0 {
                            let mut guard = R::write_lock(&lock).await;
                            *guard += 1;
                            R::yield_now().await;
                        } else {
                            let guard = R::read_lock(&lock).await;
                            let before = *guard;
                            R::yield_now().await;
                            assert_eq!(*guard, before);
                        }
                    }
                }
            };
            all::<R, _>(RW_TASKS, read_and_write).await;
            assert_eq!(*R::read_lock(&lock).await, RW_TASKS * RW_LOCKS / RW_WRITE_EVERY);
        });
    })
}

/// Storing a wake-up and taking it.
pub fn notify_stored<R: Shared>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(ALONE, || {
        rt.on_worker(async {
            let notify = R::notify();
            for _ in 0..ALONE {
                R::notify_one(&notify);
                R::notified(&notify).await;
            }
        });
    })
}

/// Two tasks that wake each other in turn; one operation is one wake-up.
pub fn notify_across<R: Shared>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(2 * ROUNDS, || {
        rt.on_worker(async {
            let there = Arc::new((R::notify(), R::notify()));
            let here = Arc::clone(&there);
            let partner = R::spawn(async move {
                for _ in 0..ROUNDS {
                    R::notified(&there.0).await;
                    R::notify_one(&there.1);
                }
            });
            for _ in 0..ROUNDS {
                R::notify_one(&here.0);
                R::notified(&here.1).await;
            }
            R::join(partner).await;
        });
    })
}
