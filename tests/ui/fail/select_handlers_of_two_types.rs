fn main() {
    let _ = async {
        runtime::select! {
            n = std::future::ready(1) => n,
            _ = std::future::ready(2) => "two",
        }
    };
}
