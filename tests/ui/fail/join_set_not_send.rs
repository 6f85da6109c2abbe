fn main() {
    let mut set = runtime::task::JoinSet::new();
    let local = std::rc::Rc::new(1);
    set.spawn(async move {
        runtime::task::yield_now().await;
        drop(local);
    });
}
