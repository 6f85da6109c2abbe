//! Handles of tasks: no result is lost, whoever waits for an end learns of it, and whoever gives up waiting
//! changes nothing.

use crate::crowd::{Crowd, Shelf, World, play};
use runtime::sync::oneshot;
use runtime::task::{AbortHandle, SharedHandle, cancelled, yield_now};
use runtime::{Builder, JoinHandle, Runtime};
use runtime_core::util::rand::Rand;

/// What a task that listens adds to its result when it was asked for its end.
const CLEANED_UP: usize = 100;

/// Who waits for the task.
enum Owner {
    One(Shelf<JoinHandle<usize>>),
    Many(SharedHandle<usize>),
    /// It was asked for its end by the future that has the handle.
    Gone,
}

struct Task {
    owner: Owner,
    abort: AbortHandle,
    /// Lets it end.
    go: Option<oneshot::Sender<()>>,
    /// Lets its cleanup end.
    clean: Option<oneshot::Sender<()>>,
    listens: bool,
    is_asked: bool,
    /// How it has ended, if it has: `Some(None)` is cancelled.
    end: Option<Option<usize>>,
}

struct TaskWorld {
    runtime: Runtime,
    tasks: Vec<Task>,
}

impl TaskWorld {
    fn new() -> Self {
        TaskWorld { runtime: Builder::new_current_thread().build().unwrap(), tasks: Vec::new() }
    }

    /// Lets tasks that are ready run.
    fn run(&self) {
        self.runtime.block_on(async {
            for _ in 0..4 {
                yield_now().await;
            }
        });
    }

    fn spawn(&mut self, listens: bool) {
        let ((go, may_go), (clean, is_clean)) = (oneshot::channel(), oneshot::channel());
        let at = self.tasks.len();
        let handle = self.runtime.spawn(async move {
            if !listens {
                let _ = may_go.await;
                return at;
            }
            let cancelled = cancelled();
            runtime::select! {
                _ = may_go => at,
                () = cancelled => {
                    let _ = is_clean.await;
                    at + CLEANED_UP
                }
            }
        });
        let abort = handle.abort_handle();
        let owner = Owner::One(Shelf::new(handle));
        let (go, clean) = (Some(go), Some(clean));
        self.tasks.push(Task { owner, abort, go, clean, listens, is_asked: false, end: None });
        self.run();
    }

    /// What was done to it may have ended it.
    fn note_end(&mut self, at: usize, is_aborted: bool) {
        self.run();
        let task = &mut self.tasks[at];
        let is_cleaning = task.is_asked && task.listens;
        task.end = task.end.or(if is_aborted || task.is_asked && !task.listens {
            Some(None)
        } else if is_cleaning && task.clean.is_none() {
            Some(Some(at + CLEANED_UP))
        } else if !is_cleaning && task.go.is_none() {
            Some(Some(at))
        } else {
            None
        });
        assert_eq!(task.abort.is_finished(), task.end.is_some());
    }

    fn finish(&mut self, at: usize) -> bool {
        let Some(go) = self.tasks[at].go.take() else { return false };
        // Fails if it has ended.
        let _ = go.send(());
        self.note_end(at, false);
        true
    }

    fn clean(&mut self, at: usize) -> bool {
        let Some(clean) = self.tasks[at].clean.take() else { return false };
        let _ = clean.send(());
        self.note_end(at, false);
        true
    }

    /// Somebody waits for it, in one of the ways that there are.
    fn wait(&mut self, at: usize, crowd: &mut Crowd<Self>, rand: &Rand) {
        match &self.tasks[at].owner {
            Owner::One(shelf) => match rand.below(8) {
                0 => {
                    let Some(handle) = shelf.take() else { return };
                    // Asks now, not at the first poll.
                    let cancel = handle.cancel();
                    self.tasks[at].owner = Owner::Gone;
                    self.tasks[at].is_asked = true;
                    self.note_end(at, false);
                    crowd.add(rand, at, async move { cancel.await.ok() });
                }
                1 => {
                    let Some(handle) = shelf.take() else { return };
                    self.tasks[at].owner = Owner::Many(handle.shared());
                }
                _ => {
                    let Some(mut handle) = shelf.lend() else { return };
                    crowd.add(rand, at, async move {
                        let handle: &mut JoinHandle<usize> = &mut handle;
                        handle.await.ok()
                    });
                }
            },
            Owner::Many(handle) => {
                let handle = handle.clone();
                crowd.add(rand, at, async move { handle.await.ok() });
            }
            Owner::Gone => {}
        }
    }
}

impl World for TaskWorld {
    type Kind = usize;
    type Output = Option<usize>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if self.tasks.is_empty() || self.tasks.len() < 12 && rand.below(3) == 0 {
            self.spawn(rand.below(2) == 0);
        }
        let at = rand.below(self.tasks.len() as u32) as usize;
        match rand.below(24) {
            0..=19 => self.wait(at, crowd, rand),
            20 | 21 => drop(self.finish(at)),
            22 => drop(self.clean(at)),
            _ => {
                self.tasks[at].abort.abort();
                self.note_end(at, true);
            }
        }
    }

    fn done(&mut self, at: usize, output: Option<usize>) {
        let task = &mut self.tasks[at];
        assert_eq!(Some(output), task.end);
        if let Owner::One(shelf) = &task.owner {
            // It has given its result.
            drop(shelf.take());
        }
    }

    fn check(&self, asleep: &[usize]) {
        assert!(asleep.iter().all(|at| self.tasks[*at].end.is_none()), "it has ended, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        (0..self.tasks.len()).any(|at| self.finish(at) || self.clean(at))
    }

    fn end(self) {
        // Nobody took these results: they are still there.
        for task in self.tasks {
            if let Owner::One(shelf) = task.owner {
                if let Some(handle) = shelf.take() {
                    assert_eq!(Some(self.runtime.block_on(handle).ok()), task.end);
                }
            }
        }
    }
}

#[test]
fn p44_handles_lose_no_result() {
    play(|_| TaskWorld::new());
}
