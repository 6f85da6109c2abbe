const WORKERS: u8 = 4;

#[runtime::main(worker_threads = WORKERS)]
async fn main() {}
