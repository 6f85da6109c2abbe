//! Sets of tasks: each result comes out once, in the order of the ends, however often waits are given up.

use crate::crowd::{Crowd, Shelf, World, play};
use runtime::sync::oneshot;
use runtime::task::{AbortHandle, Id, JoinSet, ReturnWhen, yield_now};
use runtime::{Builder, JoinError, Runtime};
use runtime_core::util::rand::Rand;
use std::cell::Cell;
use std::collections::VecDeque;

/// Members that are not taken out.
const MEMBERS_MAX: usize = 6;

struct Member {
    abort: AbortHandle,
    /// Lets it end, or panic.
    go: Option<oneshot::Sender<bool>>,
    is_aborted: bool,
    has_panicked: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    Next,
    Wait(ReturnWhen),
    /// Whether it has begun.
    Shutdown(bool),
}

type Outcome = (Id, Result<usize, JoinError>);

struct SetWorld {
    runtime: Runtime,
    set: Shelf<JoinSet<usize>>,
    members: Vec<Member>,
    /// Those that have ended and were not taken out, in this order.
    ended: VecDeque<usize>,
    /// But for those that a shutdown ended.
    are_in_order: bool,
    /// How many have not.
    running: usize,
    /// Somebody sleeps.
    is_awaited: Cell<bool>,
}

impl SetWorld {
    fn new() -> Self {
        SetWorld {
            runtime: Builder::new_current_thread().build().unwrap(),
            set: Shelf::new(JoinSet::new()),
            members: Vec::new(),
            ended: VecDeque::new(),
            are_in_order: true,
            running: 0,
            is_awaited: Cell::new(false),
        }
    }

    /// Lets tasks that are ready run.
    fn run(&self) {
        self.runtime.block_on(async {
            for _ in 0..4 {
                yield_now().await;
            }
        });
    }

    fn spawn(&mut self) {
        let Some(mut set) = self.set.lend() else { return };
        if self.ended.len() + self.running == MEMBERS_MAX {
            return;
        }
        let (go, may_go) = oneshot::channel();
        let at = self.members.len();
        let task = async move {
            if may_go.await == Ok(true) {
                // Without the hook's line on stderr.
                std::panic::resume_unwind(Box::new("on purpose"));
            }
            at
        };
        let abort = set.spawn_on(task, self.runtime.handle());
        drop(set);
        self.members.push(Member { abort, go: Some(go), is_aborted: false, has_panicked: false });
        self.running += 1;
        self.run();
    }

    /// One that runs ends: the first, or the last.
    fn end_one(&mut self, is_last: bool, aborts: bool) -> bool {
        let mut running = self.members.iter().enumerate().filter(|(_, member)| member.go.is_some());
        let Some((at, _)) = (if is_last { running.next_back() } else { running.next() }) else {
            return false;
        };
        let member = &mut self.members[at];
        let go = member.go.take().unwrap();
        member.is_aborted = aborts;
        // Every third.
        member.has_panicked = !aborts && at % 3 == 0;
        if aborts {
            member.abort.abort();
        } else {
            go.send(member.has_panicked).unwrap();
        }
        self.running -= 1;
        self.ended.push_back(at);
        self.run();
        true
    }

    /// It came out.
    fn took(&mut self, (id, result): Outcome) {
        let place = self.ended.iter().position(|at| self.members[*at].abort.id() == id);
        let place = place.expect("a result out of nowhere");
        assert!(place == 0 || !self.are_in_order, "not in the order of their ends");
        let Some(at) = self.ended.remove(place) else { unreachable!() };
        self.are_in_order |= self.ended.is_empty();
        let member = &self.members[at];
        match result {
            Ok(number) => assert!(number == at && !member.is_aborted && !member.has_panicked),
            Err(error) => {
                assert!(error.is_cancelled() == member.is_aborted && error.is_panic() == member.has_panicked);
            }
        }
    }

    fn take_rest(&mut self) {
        let mut set = self.set.lend().expect("nobody uses the set");
        while let Some(next) = set.try_join_next_with_id() {
            self.took(with_id(next));
        }
        assert!(set.is_empty() && self.running == 0, "a task was forgotten");
    }

    /// Whether a wait need not wait.
    fn is_over(&self, when: ReturnWhen) -> bool {
        self.running == 0
            || match when {
                ReturnWhen::AllCompleted => false,
                ReturnWhen::FirstCompleted => !self.ended.is_empty(),
                ReturnWhen::FirstException => self.ended.iter().any(|at| self.members[*at].has_panicked),
            }
    }

    /// All that runs is about to be aborted.
    fn note_shutdown(&mut self) {
        self.are_in_order = self.running == 0 && self.are_in_order;
        for (at, member) in self.members.iter_mut().enumerate() {
            if member.go.take().is_some() {
                member.is_aborted = true;
                self.running -= 1;
                self.ended.push_back(at);
            }
        }
    }

    fn add_wait(&self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let Some(mut set) = self.set.lend() else { return };
        let when = match rand.below(8) {
            0 => ReturnWhen::AllCompleted,
            1 | 2 => ReturnWhen::FirstCompleted,
            3 | 4 => ReturnWhen::FirstException,
            _ => {
                return crowd.add(rand, Kind::Next, async move {
                    let next = set.join_next_with_id().await;
                    next.map(with_id).into_iter().collect()
                });
            }
        };
        crowd.add(rand, Kind::Wait(when), async move { set.wait(when, None).await });
    }

    fn add_shutdown(&self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if let Some(mut set) = self.set.lend() {
            crowd.add(rand, Kind::Shutdown(false), async move {
                set.shutdown().await;
                Vec::new()
            });
        }
    }
}

fn with_id(next: Result<(Id, usize), JoinError>) -> Outcome {
    match next {
        Ok((id, number)) => (id, Ok(number)),
        Err(error) => (error.id(), Err(error)),
    }
}

impl World for SetWorld {
    type Kind = Kind;
    type Output = Vec<Outcome>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        match rand.below(40) {
            0..=11 => self.spawn(),
            12..=27 => self.add_wait(crowd, rand),
            28..=35 => drop(self.end_one(rand.below(2) == 0, rand.below(4) == 0)),
            36..=38 => {
                let next = self.set.lend().and_then(|mut set| set.try_join_next_with_id());
                next.map(with_id).into_iter().for_each(|outcome| self.took(outcome));
            }
            _ => self.add_shutdown(crowd, rand),
        }
        if let Some(set) = self.set.lend() {
            assert_eq!(set.len(), self.ended.len() + self.running);
        }
    }

    fn begins(&mut self, kind: &mut Kind) {
        if let Kind::Shutdown(has_begun) = kind {
            *has_begun = true;
            self.note_shutdown();
        }
    }

    fn done(&mut self, kind: Kind, outcomes: Vec<Outcome>) {
        match kind {
            Kind::Next => assert!(!outcomes.is_empty() || self.ended.len() + self.running == 0),
            Kind::Wait(when) => assert!(self.is_over(when) && outcomes.len() == self.ended.len()),
            Kind::Shutdown(_) => {
                assert_eq!(self.running, 0);
                self.ended.clear();
                self.are_in_order = true;
            }
        }
        outcomes.into_iter().for_each(|outcome| self.took(outcome));
    }

    fn dropped(&mut self, kind: Kind) {
        if let Kind::Shutdown(true) = kind {
            // What it aborted ends, and some results it has dropped already.
            self.run();
            self.take_rest();
            self.ended.clear();
        }
    }

    fn others_run(&mut self) {
        self.run();
    }

    fn check(&self, asleep: &[Kind]) {
        for kind in asleep {
            let is_right = match kind {
                Kind::Next => self.running > 0 && self.ended.is_empty(),
                Kind::Wait(when) => !self.is_over(*when),
                Kind::Shutdown(_) => false,
            };
            assert!(is_right, "{kind:?} sleeps");
        }
        self.is_awaited.set(!asleep.is_empty());
    }

    fn open(&mut self) -> bool {
        self.end_one(false, false)
    }

    fn end(mut self) {
        self.take_rest();
        assert!(self.ended.is_empty(), "a result was lost");
    }
}

#[test]
fn p44_a_set_of_tasks_loses_no_result() {
    play(|_| SetWorld::new());
}
