#[runtime::main]
#[runtime::test]
async fn main() {}
