fn main() {
    let _ = async { runtime::try_join!(std::future::ready(Ok::<u32, ()>(1)), std::future::ready(5)) };
}
