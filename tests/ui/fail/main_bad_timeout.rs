#[runtime::main(shutdown_timeout = "5 days")]
async fn main() {}
