//! Inner docs and attributes of the crate.
#![deny(warnings)]

const THREADS: usize = 2;

/// Docs stay.
#[runtime::main(
    flavor = "multi_thread",
    worker_threads = THREADS,
    blocking_threads = 4,
    shutdown_timeout = "1.5s",
    ctrl_c = "cancel",
    unhandled = "log",
    crate = "::runtime",
)]
#[allow(clippy::unused_async)]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n: u32 = "1".parse()?;
    if n == 1 {
        return Ok(());
    }
    Err("not one".into())
}
