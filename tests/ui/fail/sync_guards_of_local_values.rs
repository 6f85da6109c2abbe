//! Guards of values that stay on their thread stay there, too.

use runtime::sync::RwLock;
use std::cell::Cell;
use std::rc::Rc;

fn main() {
    let (lock, shared) = (RwLock::new(Rc::new(1)), RwLock::new(Cell::new(1)));
    std::thread::scope(|scope| {
        let guard = lock.try_write().unwrap();
        scope.spawn(move || drop(guard));
        // It could become a guard for reading there, beside another one here.
        let guard = shared.try_write().unwrap();
        scope.spawn(move || drop(guard));
    });
}
