#[runtime::test(start_paused = "yes")]
async fn checks() {}

fn main() {}
