//! What a program pays at its first build: seconds, and packages besides its own.

use crate::measure::median;
use crate::report::locked;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Builds of each.
const ROUNDS: usize = 3;

/// Builds an empty program with each runtime, cold, in turn, and answers with a table.
///
/// # Errors
/// When a package cannot be written or built. Nothing is fetched: what the workspace has not, fails.
pub fn table(workspace: &Path) -> io::Result<String> {
    let tokio = format!(
        "tokio = {{ version = \"={}\", features = [\"rt-multi-thread\", \"net\", \"time\"] }}",
        locked("tokio")
    );
    let packages = [
        ("ours", format!("runtime = {{ path = {:?} }}", workspace.canonicalize()?)),
        ("tokio, net + rt + time", tokio),
        ("smol", format!("smol = \"={}\"", locked("smol"))),
    ];
    let mut seconds = packages.clone().map(|_| Vec::new());
    let mut counts = [0; 3];
    for _ in 0..ROUNDS {
        for (index, (_, dependency)) in packages.iter().enumerate() {
            let (took, count) = build(workspace, dependency)?;
            seconds[index].push(took);
            counts[index] = count;
        }
    }
    let mut text = String::from(
        "\n## build\n\n| an empty program with | cold release build | packages |\n|---|---|---|\n",
    );
    for (index, (name, _)) in packages.iter().enumerate() {
        let _ = writeln!(text, "| {name} | {:.1} s | {} |", median(&mut seconds[index]), counts[index]);
    }
    Ok(text)
}

/// One cold build: seconds and packages.
fn build(workspace: &Path, dependency: &str) -> io::Result<(f64, usize)> {
    let folder = std::env::temp_dir().join(format!("compare-build-{}", std::process::id()));
    fs::create_dir_all(folder.join("src"))?;
    fs::write(folder.join("src/main.rs"), "fn main() {}\n")?;
    // The same versions as here, all of which are on this machine.
    fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    let manifest =
        "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n";
    fs::write(folder.join("Cargo.toml"), format!("{manifest}{dependency}\n"))?;
    let cargo = |args: &[&str]| {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command
            .args(args)
            .arg("--offline")
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", folder.join("target"));
        command
    };
    let start = Instant::now();
    let built = cargo(&["build", "--release", "-q"]).stdout(Stdio::null()).status()?;
    let seconds = start.elapsed().as_secs_f64();
    let tree = cargo(&["tree", "-e", "normal", "--prefix", "none"]).output()?;
    fs::remove_dir_all(&folder)?;
    if !built.success() {
        return Err(io::Error::other(format!("cannot build with {dependency}")));
    }
    let tree = String::from_utf8_lossy(&tree.stdout);
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    Ok((seconds, names.len() - 1))
}
