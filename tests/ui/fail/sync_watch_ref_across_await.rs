//! A watched value stays locked as long as it is borrowed: not across an await.

fn main() {
    let (_tx, rx) = runtime::sync::watch::channel(1);
    drop(runtime::spawn(async move {
        let value = rx.borrow();
        std::future::ready(()).await;
        println!("{}", *value);
    }));
}
