fn main() {
    let _ = async { runtime::join!(std::future::ready(1), 5) };
}
