use runtime::main as entry;

#[entry]
async fn main() -> impl std::process::Termination {
    std::process::ExitCode::from(0)
}
