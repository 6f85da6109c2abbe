//! The programs of `tests/porting` as what they were written for.

extern crate tokio_util;

#[path = "../../tests/porting/mod.rs"]
mod porting;
