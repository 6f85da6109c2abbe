#[runtime::main]
async fn main() -> u64 {
    5
}
