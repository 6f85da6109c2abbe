#[runtime::test]
#[test]
async fn checks() {}

fn main() {}
