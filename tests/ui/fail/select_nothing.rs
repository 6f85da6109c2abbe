fn main() {
    let _ = async { runtime::select! {} };
}
