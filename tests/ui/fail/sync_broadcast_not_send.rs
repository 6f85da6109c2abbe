//! A value goes to other threads: it must be `Send`, and need not be more.

use std::cell::Cell;
use std::rc::Rc;

fn main() {
    let (tx, _rx) = runtime::sync::broadcast::channel(1);
    drop(std::thread::spawn(move || tx.send(Cell::new(1)).is_ok()));
    let (tx, _rx) = runtime::sync::broadcast::channel(1);
    drop(std::thread::spawn(move || tx.send(Rc::new(1)).is_ok()));
}
