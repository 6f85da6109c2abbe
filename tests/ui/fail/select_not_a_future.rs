fn main() {
    let _ = async {
        runtime::select! {
            _ = std::future::ready(1) => {}
            n = 5 => drop(n),
        }
    };
}
