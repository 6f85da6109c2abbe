#[runtime::main(unhandled = "ignore")]
async fn main() {}
