#[runtime::main(crate = "my-runtime")]
async fn main() {}
