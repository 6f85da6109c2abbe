#![forbid(unsafe_code)]
#![deny(warnings, clippy::all)]

#[runtime::main(flavor = "current_thread")]
async fn main() {
    let (one, two) = (async { 1 }, async { 2 });
    runtime::pin!(one, two);
    let (a, b) = runtime::join!(&mut one, two);
    let c = runtime::select! {
        biased;
        Some(c) = async { Some(3) } => c,
        else => 0,
    };
    assert_eq!(a + b + c, 6);
}

#[runtime::test(start_paused = true)]
async fn checks() {}
