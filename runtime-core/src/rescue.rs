//! What is done about tasks that block their worker.

#![forbid(unsafe_code)]

pub use crate::scheduler::{RescueConfig, StuckTask};
