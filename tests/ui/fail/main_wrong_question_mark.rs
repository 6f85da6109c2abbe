#[derive(Debug)]
struct OnlyMine;

#[runtime::main]
async fn main() -> Result<(), OnlyMine> {
    let number: u32 = "1".parse()?;
    println!("{number}");
    Ok(())
}
