//! Values from one task to another, and to many.

use crate::measure::{Figures, Gate, Run};
use crate::rt::{Rt, Shared};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Goes of a task that is alone: it meets nobody.
const ALONE: u64 = 20_000;
/// Answers that one task gives another.
const ANSWERS: u64 = 10_000;
/// Receivers of one sender.
const RECEIVERS: usize = 8;
/// Values that a `watch` channel holds one after the other.
const CHANGES: u64 = 5_000;
/// Room in a `broadcast` channel, what is sent before the sender looks after the slowest, and how often.
const ROOM: usize = 1024;
const HALF: u64 = ROOM as u64 / 2;
const HALVES: u64 = 40;

/// A channel made, a value sent and received, by one task.
pub fn oneshot_alone<R: Rt>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(ALONE, || {
        rt.on_worker(async {
            for value in 0..ALONE {
                let (tx, rx) = R::oneshot();
                R::send_one(tx, value);
                assert_eq!(R::recv_one(rx).await, value);
            }
        });
    })
}

/// One task hands the sending half to another, which answers: both wait each time.
pub fn oneshot_across<R: Rt<OneTx: 'static>>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(ANSWERS, || {
        rt.on_worker(async {
            // What carries the question is the same for all.
            let asked = Arc::new((Gate::default(), Mutex::new(None)));
            let questions = Arc::clone(&asked);
            let partner = R::spawn(async move {
                for answer in 0..ANSWERS {
                    questions.0.pass().await;
                    let tx = questions.1.lock().unwrap().take();
                    R::send_one(tx.expect("a question"), answer);
                }
            });
            for answer in 0..ANSWERS {
                let (tx, rx) = R::oneshot();
                *asked.1.lock().unwrap() = Some(tx);
                asked.0.open();
                assert_eq!(R::recv_one(rx).await, answer);
            }
            R::join(partner).await;
        });
    })
}

/// How a sender waits for the slowest of its receivers: at most two batches are under way.
#[derive(Default)]
struct Pace {
    /// Receivers that are through with the batch, by the batch's last bit.
    done: [AtomicU64; 2],
    all_done: Gate,
}

impl Pace {
    /// A receiver is through with this batch.
    fn done(&self, batch: u64) {
        let count = self.done[batch as usize % 2].fetch_add(1, Ordering::AcqRel) + 1;
        if count % RECEIVERS as u64 == 0 {
            self.all_done.open();
        }
    }
}

/// A value for many receivers, who have all seen it before the next one comes; one operation is one
/// value seen by one receiver.
pub fn watch<R: Shared>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(RECEIVERS as u64 * CHANGES, || {
        rt.on_worker(async {
            let pace = Arc::new(Pace::default());
            let (tx, receivers) = R::watch(RECEIVERS);
            let receivers = receivers.into_iter().map(|mut rx| {
                let pace = Arc::clone(&pace);
                R::spawn(async move {
                    for value in 1..=CHANGES {
                        assert_eq!(R::changed(&mut rx).await, value);
                        pace.done(value);
                    }
                })
            });
            let receivers = receivers.collect::<Vec<_>>();
            for value in 1..=CHANGES {
                R::publish(&tx, value);
                pace.all_done.pass().await;
            }
            for receiver in receivers {
                R::join(receiver).await;
            }
        });
    })
}

/// Many values, each of which many receivers get; one operation is one value at one receiver. The sender
/// is never more ahead of the slowest one than there is room: nobody misses anything.
pub fn broadcast<R: Shared>(run: &Run) -> Figures {
    let rt = R::new(run.workers);
    run.repeat(RECEIVERS as u64 * HALF * HALVES, || {
        rt.on_worker(async {
            let pace = Arc::new(Pace::default());
            let (tx, receivers) = R::broadcast(ROOM, RECEIVERS);
            let receivers = receivers.into_iter().map(|mut rx| {
                let pace = Arc::clone(&pace);
                R::spawn(async move {
                    let mut next = 0;
                    while let Some(value) = R::heard(&mut rx).await {
                        assert_eq!(value, next);
                        next += 1;
                        if next % HALF == 0 {
                            pace.done(next / HALF);
                        }
                    }
                    assert_eq!(next, HALF * HALVES);
                })
            });
            let receivers = receivers.collect::<Vec<_>>();
            for half in 0..HALVES {
                if half >= 2 {
                    pace.all_done.pass().await;
                }
                for value in half * HALF..(half + 1) * HALF {
                    R::cast(&tx, value).await;
                }
            }
            drop(tx);
            for receiver in receivers {
                R::join(receiver).await;
            }
        });
    })
}
