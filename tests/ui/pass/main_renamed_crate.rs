mod vendored {
    pub use ::runtime as rt;
}
mod runtime {}

#[vendored::rt::main(crate = "vendored::rt")]
async fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
