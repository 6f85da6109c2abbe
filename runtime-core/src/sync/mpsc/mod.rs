//! Many values from many senders to one receiver.
//!
//! [`channel`] is bounded: senders wait for room, in turn, so a slow receiver slows its senders down.
//! [`unbounded_channel`] has no bound but memory.
//!
//! The channel is closed when the receiver is dropped or calls `close`: sending fails from then on and
//! gives the value back, what was sent before can still be received. When all senders are gone the receiver
//! gets the values that are left, and then `None`.
//!
//! # How it is laid
//!
//! | file | what |
//! |---|---|
//! | `queue` | the values: a list of blocks of slots, one compare-exchange a push |
//! | `chan` | what senders and receiver share: queue, sleep of the receiver, end of the channel |
//! | `room` | what limits a channel: permits that the receiver gives back by counting, or nothing |
//! | `bounded`, `permit`, `unbounded`, `receiver` | the public ends |

mod bounded;
mod chan;
mod permit;
mod queue;
mod receiver;
mod room;
mod unbounded;

pub mod error;

pub use bounded::{Sender, WeakSender, channel};
pub use permit::{OwnedPermit, Permit, PermitIterator};
pub use receiver::{Receiver, UnboundedReceiver};
pub use unbounded::{UnboundedSender, WeakUnboundedSender, unbounded_channel};
