//! What stands on top of single tasks: callbacks, time-outs with cleanup, shared handles, gathering, groups.

pub mod body;
pub mod callbacks;
pub mod exit;
pub mod failures;
pub mod gather;
pub mod group;
pub mod handles;
pub mod members;
mod promises;
pub mod shared;
