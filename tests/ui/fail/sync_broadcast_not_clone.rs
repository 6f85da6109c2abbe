//! Every receiver gets a clone of its own.

struct Unique;

fn main() {
    let tx = runtime::sync::broadcast::Sender::new(1);
    let mut rx = tx.subscribe();
    let _ = tx.send(Unique);
    let _ = rx.try_recv();
}
