//! Runs the table of workloads with the system's allocator; see `benches::compare`.

fn main() -> std::process::ExitCode {
    benches::compare::main()
}
