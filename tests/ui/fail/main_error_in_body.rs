#[runtime::main]
async fn main() {
    let one = 1;
    one.await;
    undefined();
}
