//! A task that waits for a lock around a value that stays on its thread stays there, too.

use runtime::sync::{OnceCell, RwLock};
use std::cell::Cell;
use std::sync::Arc;

fn main() {
    let lock = Arc::new(RwLock::new(Cell::new(1)));
    runtime::spawn(async move { lock.write().await.set(2) });
    let cell = Arc::new(OnceCell::<Cell<u8>>::new());
    runtime::spawn(async move { cell.get_or_init(async || Cell::new(1)).await.set(2) });
}
