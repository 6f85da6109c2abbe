//! Small parts without knowledge of tasks or threads.

pub mod linked_list;
pub mod rand;
pub mod wake_list;
