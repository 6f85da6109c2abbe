struct Id;

runtime::task_local! {
    static PLAIN: Id;
    #[inherit]
    static TRACE: Id;
}

fn main() {}
