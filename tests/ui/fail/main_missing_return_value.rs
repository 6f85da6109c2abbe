#[runtime::main]
async fn main() -> Result<(), std::io::Error> {
    async {}.await;
}
