//! TEMPORARY, never committed.
#![allow(missing_docs)]
use std::{io, pin::pin, sync::Arc, task::*, time::Duration};
#[derive(Debug)]
pub struct Builder(usize);
#[derive(Debug)]
pub struct Runtime;
impl Builder {
    pub fn new_multi_thread() -> Self {
        Builder(1)
    }
    pub fn new_current_thread() -> Self {
        Builder(1)
    }
    pub fn worker_threads(&mut self, n: usize) -> &mut Self {
        self.0 = n;
        self
    }
    pub fn max_blocking_threads(&mut self, n: usize) -> &mut Self {
        self.0 = n;
        self
    }
    pub fn start_paused(&mut self, _: bool) -> &mut Self {
        self
    }
    pub fn build(&mut self) -> io::Result<Runtime> {
        if self.0 == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "worker_threads: 0"));
        }
        Ok(Runtime)
    }
}
struct W(std::thread::Thread);
impl Wake for W {
    fn wake(self: Arc<Self>) {
        self.0.unpark()
    }
}
impl Runtime {
    pub fn block_on<F: Future>(&self, f: F) -> F::Output {
        let mut f = pin!(f);
        let w = Waker::from(Arc::new(W(std::thread::current())));
        loop {
            if let Poll::Ready(x) = f.as_mut().poll(&mut Context::from_waker(&w)) {
                return x;
            }
            std::thread::park();
        }
    }
    pub fn shutdown_timeout(self, _: Duration) {}
}
