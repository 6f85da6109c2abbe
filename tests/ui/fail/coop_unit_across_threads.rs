fn main() {
    runtime::spawn(async {
        let unit = std::future::poll_fn(runtime::task::coop::poll_proceed).await;
        runtime::task::yield_now().await;
        unit.made_progress();
    });
}
