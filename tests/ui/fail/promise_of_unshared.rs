use std::cell::RefCell;

fn main() {
    let (promise, future) = runtime::sync::promise();
    // Two clones on two threads would clone the value at the same time.
    runtime::spawn(async move { future.await.map(|value: RefCell<u8>| value.into_inner()) });
    promise.set(RefCell::new(1)).unwrap();
}
