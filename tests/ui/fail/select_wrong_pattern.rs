fn main() {
    let _ = async {
        runtime::select! {
            Some(n) = std::future::ready(Ok::<u32, ()>(1)) => n,
            else => 0,
        }
    };
}
