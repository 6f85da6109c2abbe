#[runtime::main(worker_threads = 2, flavor = "multi_thread", worker_threads = 3)]
async fn main() {}
