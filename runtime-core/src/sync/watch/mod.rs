//! The latest value, for many to see.
//!
//! [`channel`] makes a [`Sender`] and a [`Receiver`] around a value. Sending replaces the value; a receiver that is
//! slow sees the latest and none in between. Good for configuration, progress, "shut down now".
//!
//! Every receiver remembers which version it has *seen*: [`changed`](Receiver::changed) waits for another one and
//! marks it seen, [`borrow_and_update`](Receiver::borrow_and_update) looks at the value and marks it seen,
//! [`borrow`](Receiver::borrow) only looks. The version at which a receiver is made counts as seen.
//!
//! # Examples
//! ```
//! use runtime::sync::watch;
//!
//! # runtime::run(async {
//! let (tx, mut rx) = watch::channel("starting");
//! let watcher = runtime::spawn(async move {
//!     while *rx.borrow_and_update() != "ready" {
//!         rx.changed().await.unwrap();
//!     }
//! });
//! tx.send("halfway").unwrap();
//! tx.send("ready").unwrap();
//! watcher.await.unwrap();
//! # });
//! ```
//!
//! # Looking at the value
//!
//! A [`Ref`] is a read lock: while there is one, sending blocks its *thread*. So keep it short, copy out what is
//! needed, and never hold it over an `.await` (it is not `Send`, so a task that does cannot be spawned).
//!
//! - A thread may hold several `Ref`s, of one channel or of many: that never deadlocks, also when a sender waits in
//!   between. Other threads let a waiting sender go first, so readers do not starve it.
//! - To send while the same thread holds a `Ref` of the channel, or to look at the value, or send, inside of
//!   [`send_modify`](Sender::send_modify)'s closure, would wait for ever. It panics instead, also where other channels
//!   are locked in between, as long as the thread holds at most 8 `Ref`s, and is modifying the values of at most 8
//!   channels, one inside of the other. Threads that wait for each other are not found out.
//! - The closures of `send_modify`, `send_if_modified` and [`wait_for`](Receiver::wait_for) run under the lock. If
//!   one panics, the lock is released, the value stays as the closure left it, and nobody is told of a change.
//!
//! # How it is laid
//!
//! | file | what |
//! |---|---|
//! | `lock` | the value behind its readers-writer lock |
//! | `shared` | the version, and waiting for the next one |
//! | `sender`, `receiver`, `borrowed` | the public ends, and `Ref` |

pub mod error;

mod borrowed;
mod lock;
mod receiver;
mod sender;
mod shared;

pub use borrowed::Ref;
pub use receiver::Receiver;
pub use sender::Sender;

/// Makes a channel around `init`, which the receiver has seen.
///
/// # Examples
/// ```
/// let (tx, rx) = runtime::sync::watch::channel(1);
/// tx.send(2).unwrap();
/// assert_eq!(*rx.borrow(), 2);
/// ```
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let tx = Sender::new(init);
    let rx = tx.subscribe();
    (tx, rx)
}
