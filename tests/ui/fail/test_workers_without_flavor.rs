#[runtime::test(worker_threads = 2)]
async fn checks() {}

fn main() {}
