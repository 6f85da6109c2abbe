runtime::task_local! {
    static PLAIN: std::rc::Rc<u8>;
    #[inherit]
    static TRACE: std::rc::Rc<u8>;
}

fn main() {}
