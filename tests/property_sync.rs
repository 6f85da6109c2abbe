//! Promise 44 for every async operation: whatever is dropped after its k-th poll (k = 0 … 5), no value, permit,
//! notification or turn is lost. How it is played is in `property/crowd.rs`, what must be true of each
//! primitive in the other files there. (`sync_random.rs` compares some primitives with exact models.)

#[path = "property/broadcasts.rs"]
mod broadcasts;
#[path = "property/cells.rs"]
mod cells;
#[path = "property/channels.rs"]
mod channels;
#[path = "property/crowd.rs"]
mod crowd;
#[path = "property/locks.rs"]
mod locks;
#[path = "property/queues.rs"]
mod queues;
#[path = "property/sets.rs"]
mod sets;
mod sync_support;
#[path = "property/tasks.rs"]
mod tasks;
#[path = "property/timers.rs"]
mod timers;
