#[runtime::test]
fn checks() {}

fn main() {}
