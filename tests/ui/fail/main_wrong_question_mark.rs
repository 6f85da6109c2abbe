#[runtime::main]
async fn main() -> Result<(), std::io::Error> {
    let number: u32 = "1".parse()?;
    println!("{number}");
    Ok(())
}
