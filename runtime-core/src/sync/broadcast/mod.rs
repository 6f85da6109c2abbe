//! Many values from many senders to many receivers: each receiver gets every value.
//!
//! [`channel`] keeps the last `capacity` values. Sending never waits: where the slots are full, the oldest value
//! is overwritten. A receiver that had not got it yet is told how many it missed
//! ([`RecvError::Lagged`](error::RecvError::Lagged)) and goes on with the oldest value that is left.
//!
//! A value is dropped as soon as the last receiver has it: that one gets the value itself, the others clones
//! of it.
//!
//! When all senders are gone, receivers get what is left, and then [`RecvError::Closed`](error::RecvError::Closed).
//! When all receivers are gone, sending fails, until there is one again.
//!
//! # Examples
//! ```
//! use runtime::sync::broadcast;
//!
//! # runtime::run(async {
//! let (tx, mut first) = broadcast::channel(16);
//! let mut second = tx.subscribe();
//! tx.send("hello").unwrap();
//! assert_eq!(first.recv().await, Ok("hello"));
//! assert_eq!(second.recv().await, Ok("hello"));
//! # });
//! ```
//! A slow receiver:
//! ```
//! use runtime::sync::broadcast::{self, error::RecvError};
//!
//! # runtime::run(async {
//! let (tx, mut rx) = broadcast::channel(2);
//! for value in 1..=5 {
//!     tx.send(value).unwrap();
//! }
//! assert_eq!(rx.recv().await, Err(RecvError::Lagged(3)));
//! assert_eq!(rx.recv().await, Ok(4));
//! assert_eq!(rx.recv().await, Ok(5));
//! # });
//! ```
//!
//! # How it is laid
//!
//! | file | what |
//! |---|---|
//! | `slot` | one value, and who is still to get it |
//! | `ring` | the slots and their tail: sending, taking, lagging; what both ends share |
//! | `sender`, `receiver` | the public ends |

pub mod error;

mod receiver;
mod ring;
mod sender;
mod slot;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

/// Makes a channel that keeps `capacity` values, rounded up to a power of two. All slots are allocated at once.
///
/// # Panics
/// If `capacity` is 0, or more than 2³¹, or there is no memory for it.
///
/// # Examples
/// ```
/// let (tx, mut rx) = runtime::sync::broadcast::channel(4);
/// assert_eq!(tx.send("one receiver"), Ok(1));
/// assert_eq!(rx.try_recv(), Ok("one receiver"));
/// ```
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let tx = Sender::new(capacity);
    let rx = tx.subscribe();
    (tx, rx)
}
