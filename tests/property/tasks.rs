//! Handles of tasks: no result is lost, and whoever waits for an end learns of it.

use crate::crowd::{Crowd, Shelf, World, play};
use runtime::sync::oneshot;
use runtime::task::{AbortHandle, yield_now};
use runtime::{Builder, JoinError, JoinHandle, Runtime};
use runtime_core::util::rand::Rand;

struct Task {
    handle: Shelf<JoinHandle<usize>>,
    abort: AbortHandle,
    /// Lets it end.
    go: Option<oneshot::Sender<()>>,
    is_aborted: bool,
}

impl Task {
    fn has_ended(&self) -> bool {
        self.go.is_none() || self.is_aborted
    }
}

struct JoinWorld {
    runtime: Runtime,
    tasks: Vec<Task>,
}

impl JoinWorld {
    fn new() -> Self {
        JoinWorld { runtime: Builder::new_current_thread().build().unwrap(), tasks: Vec::new() }
    }

    /// Lets tasks that are ready run.
    fn run(&self) {
        self.runtime.block_on(async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
    }

    fn finish(&mut self, at: usize) -> bool {
        let Some(go) = self.tasks[at].go.take() else { return false };
        // Fails if it was aborted.
        let _ = go.send(());
        self.run();
        true
    }
}

impl World for JoinWorld {
    type Kind = usize;
    type Output = Result<usize, JoinError>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if self.tasks.len() < 12 && rand.below(3) == 0 {
            let (go, may_go) = oneshot::channel();
            let at = self.tasks.len();
            let handle = self.runtime.spawn(async move {
                let _ = may_go.await;
                at
            });
            let abort = handle.abort_handle();
            self.tasks.push(Task { handle: Shelf::new(handle), abort, go: Some(go), is_aborted: false });
            self.run();
        }
        if self.tasks.is_empty() {
            return;
        }
        let at = rand.below(self.tasks.len() as u32) as usize;
        match rand.below(12) {
            0..=8 => {
                if let Some(mut handle) = self.tasks[at].handle.lend() {
                    crowd.add(rand, at, async move {
                        let handle: &mut JoinHandle<usize> = &mut handle;
                        handle.await
                    });
                }
            }
            9 | 10 => drop(self.finish(at)),
            _ => {
                let task = &mut self.tasks[at];
                task.is_aborted |= task.go.is_some();
                task.abort.abort();
                self.run();
            }
        }
    }

    fn done(&mut self, at: usize, output: Result<usize, JoinError>) {
        let task = &self.tasks[at];
        match output {
            Ok(number) => assert!(number == at && !task.is_aborted && task.has_ended()),
            Err(error) => assert!(error.is_cancelled() && task.is_aborted),
        }
        // It has given its result.
        drop(task.handle.take());
    }

    fn check(&self, asleep: &[usize]) {
        assert!(asleep.iter().all(|at| !self.tasks[*at].has_ended()), "it has ended, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        (0..self.tasks.len()).any(|at| self.finish(at))
    }

    fn end(self) {
        // Nobody took these results: they are still there.
        for (at, task) in self.tasks.iter().enumerate() {
            if let Some(handle) = task.handle.take() {
                assert_eq!(self.runtime.block_on(handle).ok(), (!task.is_aborted).then_some(at));
            }
        }
    }
}

#[test]
fn p44_a_join_handle_loses_no_result() {
    play(|_| JoinWorld::new());
}
