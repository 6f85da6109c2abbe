#[runtime::main(debug = true)]
async fn main() {}
