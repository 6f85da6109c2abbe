#[runtime::main]
async fn main() {
    async {}.await;
    5
}
