macro_rules! entry {
    ($name:ident, $result:ty, $body:block) => {
        #[runtime::main(flavor = "current_thread")]
        async fn $name() -> $result $body
    };
}

entry!(answer, u32, {
    let n = async { 41 }.await;
    n + 1
});

fn main() {
    assert_eq!(answer(), 42);
}
