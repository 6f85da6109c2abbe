#[runtime::main]
async fn main() -> Result<(), std::io::Error> {
    let ready = async { true }.await;
    if ready {
        return Ok(());
    }
    "not a result"
}
