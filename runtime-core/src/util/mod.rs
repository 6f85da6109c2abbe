//! Small parts without knowledge of tasks or threads.

pub(crate) mod fault;
pub mod histogram;
pub(crate) mod in_place;
pub mod inherited;
pub mod linked_list;
pub mod page_bytes;
pub mod rand;
pub mod wake_list;
