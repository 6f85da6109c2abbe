//! A watched value is looked at by many threads at once.

use std::cell::Cell;

fn main() {
    let (tx, _rx) = runtime::sync::watch::channel(Cell::new(1));
    drop(std::thread::spawn(move || tx.send(Cell::new(2)).is_ok()));
}
