#[runtime::main(ctrl_c = true)]
async fn main() {}
