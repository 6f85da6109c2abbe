#[runtime::test]
async fn checks(value: u32) {
    assert_eq!(value, 1);
}

fn main() {}
