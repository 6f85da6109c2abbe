mod runtime {
    pub fn answer() -> u32 {
        42
    }
}

#[::runtime::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(runtime::answer(), 42);
}
