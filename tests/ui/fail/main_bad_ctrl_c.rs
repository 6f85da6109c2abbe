#[runtime::main(ctrl_c = "ignore")]
async fn main() {}
