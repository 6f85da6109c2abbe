//! Event, Barrier, OnceCell, SetOnce, tokens: who waits for something to happen learns of it, whoever else gives up.

use crate::crowd::{Crowd, World, play};
use runtime_core::sync::{
    Barrier, BarrierWaitResult, CancellationToken, Event, OnceCell, Semaphore, SetOnce,
};
use runtime_core::util::rand::Rand;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

#[derive(Default)]
struct EventWorld {
    event: Arc<Event>,
    is_set: bool,
    /// How often it was set.
    count: usize,
}

impl World for EventWorld {
    /// How often it had been set when the wait began.
    type Kind = usize;
    type Output = ();

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        match rand.below(8) {
            0 => drop(self.open()),
            1 | 2 => {
                self.event.clear();
                self.is_set = false;
            }
            _ => {
                let event = self.event.clone();
                crowd.add(rand, 0, async move { event.wait().await });
            }
        }
        assert_eq!(self.event.is_set(), self.is_set);
    }

    fn begins(&mut self, kind: &mut usize) {
        *kind = self.count;
    }

    fn done(&mut self, began: usize, (): ()) {
        assert!(self.is_set || self.count > began, "up without a reason");
    }

    fn check(&self, asleep: &[usize]) {
        let is_right = |began: &usize| !self.is_set && self.count == *began;
        assert!(asleep.iter().all(is_right), "it was set, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        self.event.set();
        self.count += 1;
        !std::mem::replace(&mut self.is_set, true)
    }
}

#[test]
fn p44_an_event_tells_everybody() {
    play(|_| EventWorld::default());
}

/// The exact model of a barrier.
struct BarrierWorld {
    barrier: Arc<Barrier>,
    parties: usize,
    arrived: BTreeSet<usize>,
    /// They may go on.
    passed: BTreeSet<usize>,
    leaders: BTreeSet<usize>,
    is_broken: bool,
    count: usize,
}

impl World for BarrierWorld {
    type Kind = usize;
    type Output = BarrierWaitResult;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if rand.below(150) == 0 {
            self.open();
        }
        self.count += 1;
        let barrier = self.barrier.clone();
        crowd.add(rand, self.count, async move { barrier.wait().await });
    }

    fn begins(&mut self, id: &mut usize) {
        self.arrived.insert(*id);
        if self.is_broken || self.arrived.len() == self.parties {
            self.passed.append(&mut self.arrived);
            self.leaders.insert(*id);
        }
    }

    fn done(&mut self, id: usize, result: BarrierWaitResult) {
        assert!(self.passed.remove(&id), "passed before all had come");
        if result.is_broken() {
            assert!(self.is_broken && !result.is_leader());
        } else {
            assert_eq!(result.is_leader(), self.leaders.contains(&id));
        }
    }

    fn dropped(&mut self, id: usize) {
        self.arrived.remove(&id);
        self.passed.remove(&id);
    }

    fn check(&self, asleep: &[usize]) {
        let asleep: BTreeSet<usize> = asleep.iter().copied().collect();
        assert_eq!(asleep, self.arrived, "who sleeps is not who has arrived");
    }

    fn open(&mut self) -> bool {
        self.barrier.abort();
        self.passed.append(&mut self.arrived);
        !std::mem::replace(&mut self.is_broken, true)
    }
}

#[test]
fn p44_a_barrier_counts_who_is_there() {
    play(|rand| {
        let parties = 1 + rand.below(4) as usize;
        let (arrived, passed, leaders) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let barrier = Arc::new(Barrier::new(parties));
        BarrierWorld { barrier, parties, arrived, passed, leaders, is_broken: false, count: 0 }
    });
}

#[derive(Clone, Default)]
struct OneCell {
    cell: Arc<OnceCell<usize>>,
    /// How many are about to fill it.
    running: Rc<Cell<usize>>,
}

/// Counts who runs, also those that are dropped.
struct Running(Rc<Cell<usize>>);

impl Running {
    fn new(running: &Rc<Cell<usize>>) -> Self {
        running.set(running.get() + 1);
        assert_eq!(running.get(), 1, "two fill a cell at the same time");
        Running(running.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Cells that are filled by whoever passes a gate; some fail.
struct OnceWorld {
    cells: Vec<OneCell>,
    gate: Arc<Semaphore>,
    count: usize,
    has_sleepers: Cell<bool>,
}

impl World for OnceWorld {
    /// Which cell.
    type Kind = usize;
    /// What is in it.
    type Output = Result<usize, ()>;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if rand.below(5) == 0 {
            return self.gate.add_permits(1);
        }
        if self.cells.last().is_none_or(|last| last.cell.initialized()) {
            self.cells.push(OneCell::default());
        }
        let at = self.cells.len() - 1;
        self.count += 1;
        let (this, gate, value, fails) =
            (self.cells[at].clone(), self.gate.clone(), self.count, rand.below(3) == 0);
        crowd.add(rand, at, async move {
            let fill = || async {
                let _running = Running::new(&this.running);
                gate.acquire().await.unwrap().forget();
                if fails { Err(()) } else { Ok(value) }
            };
            this.cell.get_or_try_init(fill).await.copied()
        });
    }

    fn done(&mut self, at: usize, output: Result<usize, ()>) {
        if let Ok(value) = output {
            assert_eq!(self.cells[at].cell.get(), Some(&value));
        }
    }

    fn check(&self, asleep: &[usize]) {
        for at in asleep {
            let OneCell { cell, running } = &self.cells[*at];
            assert!(!cell.initialized(), "it is filled, and somebody sleeps");
            assert_eq!(running.get(), 1, "nobody fills it, and somebody sleeps");
            assert_eq!(self.gate.available_permits(), 0);
        }
        self.has_sleepers.set(!asleep.is_empty());
    }

    fn open(&mut self) -> bool {
        self.gate.add_permits(1);
        self.has_sleepers.get()
    }
}

#[test]
fn p44_a_once_cell_is_filled_by_the_next() {
    play(|_| OnceWorld {
        cells: Vec::new(),
        gate: Arc::new(Semaphore::new(0)),
        count: 0,
        has_sleepers: Cell::new(false),
    });
}

#[derive(Default)]
struct SetOnceWorld {
    cells: Vec<Arc<SetOnce<usize>>>,
}

impl World for SetOnceWorld {
    type Kind = usize;
    type Output = usize;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        if self.cells.len() < 6 {
            self.cells.push(Arc::default());
        }
        let at = rand.below(self.cells.len() as u32) as usize;
        let cell = self.cells[at].clone();
        if rand.below(10) == 0 {
            let was_set = cell.initialized();
            assert_eq!(cell.set(at).is_err(), was_set);
        } else {
            crowd.add(rand, at, async move { *cell.wait().await });
        }
    }

    fn done(&mut self, at: usize, value: usize) {
        assert_eq!((Some(&at), at), (self.cells[at].get(), value));
    }

    fn check(&self, asleep: &[usize]) {
        assert!(asleep.iter().all(|at| !self.cells[*at].initialized()), "it is set, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        self.cells.iter().enumerate().any(|(at, cell)| cell.set(at).is_ok())
    }
}

#[test]
fn p44_a_set_once_tells_everybody() {
    play(|_| SetOnceWorld::default());
}

/// A tree of tokens, whose handles come and go.
struct TokenWorld {
    /// With its parent. `None` when no handle is left here; waits have theirs.
    tokens: Vec<(Option<CancellationToken>, Option<usize>)>,
    cancelled: BTreeSet<usize>,
    runs: bool,
}

impl TokenWorld {
    fn new() -> Self {
        let root = (Some(CancellationToken::new()), None);
        TokenWorld { tokens: vec![root], cancelled: BTreeSet::new(), runs: false }
    }

    fn is_cancelled(&self, at: usize) -> bool {
        self.cancelled.contains(&at) || self.tokens[at].1.is_some_and(|parent| self.is_cancelled(parent))
    }

    fn cancel(&mut self, at: usize) -> bool {
        let Some(token) = &self.tokens[at].0 else { return false };
        token.cancel();
        self.cancelled.insert(at)
    }
}

impl World for TokenWorld {
    type Kind = usize;
    type Output = ();

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        // The root stays.
        let at = rand.below(self.tokens.len() as u32) as usize;
        let Some(token) = self.tokens[at].0.clone() else { return };
        match rand.below(40) {
            0..10 => self.tokens.push((Some(token.child_token()), Some(at))),
            10 => drop(self.cancel(at)),
            11..16 if at > 0 => self.tokens[at].0 = None,
            _ => {
                self.runs = !self.runs;
                let runs = self.runs;
                crowd.add(rand, at, async move {
                    if runs {
                        let never = std::future::pending::<()>();
                        assert!(token.run_until_cancelled(never).await.is_none());
                    } else {
                        token.cancelled_owned().await;
                    }
                });
            }
        }
        for (at, (token, _)) in self.tokens.iter().enumerate() {
            let is_right = token.as_ref().is_none_or(|token| token.is_cancelled() == self.is_cancelled(at));
            assert!(is_right, "token {at}");
        }
    }

    fn done(&mut self, at: usize, (): ()) {
        assert!(self.is_cancelled(at));
    }

    fn check(&self, asleep: &[usize]) {
        assert!(asleep.iter().all(|at| !self.is_cancelled(*at)), "it was cancelled, and somebody sleeps");
    }

    fn open(&mut self) -> bool {
        self.cancel(0)
    }
}

#[test]
fn p44_a_cancelled_token_tells_everybody_below() {
    play(|_| TokenWorld::new());
}
