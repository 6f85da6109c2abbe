//! Timers (skeleton).
/// All timers of one runtime.
#[derive(Debug)]
pub struct Timers(());
