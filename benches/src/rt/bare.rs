//! The limit of a spawn: async-task on one queue and one thread, with nothing around it.

use super::Spawn;
use async_task::{Runnable, Task};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

thread_local! {
    static QUEUE: RefCell<VecDeque<Runnable>> = const { RefCell::new(VecDeque::new()) };
}

/// A queue of tasks on the thread that calls [`block_on`](Spawn::block_on).
#[derive(Debug)]
pub struct Bare;

impl Spawn for Bare {
    type Join<T: Send + 'static> = Task<T>;

    fn new(_workers: usize) -> Self {
        Self
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
            while let Some(task) = QUEUE.with_borrow_mut(VecDeque::pop_front) {
                task.run();
            }
        }
    }

    fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (runnable, task) =
            async_task::spawn(future, |task| QUEUE.with_borrow_mut(|queue| queue.push_back(task)));
        runnable.schedule();
        task
    }

    fn spawn_outside<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        Self::spawn(future)
    }

    async fn join<T: Send + 'static>(task: Task<T>) -> T {
        task.await
    }

    fn detach<T: Send + 'static>(task: Task<T>) {
        task.detach();
    }

    async fn yield_now() {
        smol::future::yield_now().await;
    }
}
