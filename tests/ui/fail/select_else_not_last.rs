fn main() {
    let _ = async {
        runtime::select! {
            else => 0,
            n = std::future::ready(1) => n,
        }
    };
}
