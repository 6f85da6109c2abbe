//! A crowd of futures polled by hand, and the play that tests a primitive with it.
//!
//! Each future has a waker that counts, and is polled when it is new or was woken (and now and then when it
//! was not, which is allowed and must do nothing). Half of them are condemned: they are dropped at some time
//! after their k-th poll, k = 0 … 5, woken or not. A [`World`] does random things to the primitive in
//! between, and knows what may be: who may be asleep when nobody has anything to do, and that in the end, when
//! all that could hold anybody up is gone, nobody sleeps. A turn that is lost shows as a sleeper there.

use crate::sync_support::Count;
use runtime_core::util::rand::Rand;
use std::cell::RefCell;
use std::fmt::Debug;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Seeds of one property. `PROPERTY_SEEDS=a..b` plays others.
const SEEDS: std::ops::Range<u64> = 0..300;
/// Moves of one play.
const MOVES: usize = 150;
/// A condemned future is polled this often at the most.
const POLLS_MAX: u32 = 5;
/// Polls until nobody is woken. More of them wake each other without end.
const SETTLE_MAX: usize = 10_000;

/// A primitive under test: what one does with it, and what must be true.
pub(crate) trait World: Sized {
    /// What a future is for.
    type Kind: Debug + Clone;
    /// What futures give.
    type Output;

    /// One random thing: often a new future.
    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand);

    /// A future is about to be polled for the first time.
    fn begins(&mut self, _kind: &mut Self::Kind) {}

    /// A future has ended.
    fn done(&mut self, kind: Self::Kind, output: Self::Output);

    /// A future was dropped before its end.
    fn dropped(&mut self, _kind: Self::Kind) {}

    /// Lets others run whom futures wait for.
    fn others_run(&mut self) {}

    /// Nobody is woken. Fails if one of those who sleep, in the order in which they came, should not.
    fn check(&self, asleep: &[Self::Kind]);

    /// Removes one thing that may hold somebody up; `false` if there is none.
    fn open(&mut self) -> bool;

    /// Whether `second`, who came after `first`, may be done while `first` sleeps.
    fn may_overtake(_second: &Self::Kind, _first: &Self::Kind) -> bool {
        true
    }

    /// Everybody has gone. Fails if anything was lost or left behind.
    fn end(self) {}
}

struct Wait<W: World> {
    kind: W::Kind,
    future: Pin<Box<dyn Future<Output = W::Output>>>,
    wakes: Arc<Count>,
    wakes_seen: usize,
    polls: u32,
    /// Condemned to be dropped after so many polls.
    polls_max: Option<u32>,
    /// When it was first polled: its place in the queue.
    arrival: u64,
}

impl<W: World> Wait<W> {
    fn is_awake(&self) -> bool {
        self.polls == 0 || self.wakes.get() > self.wakes_seen
    }

    fn is_condemned(&self) -> bool {
        self.polls_max.is_some_and(|max| self.polls >= max)
    }
}

/// The futures.
pub(crate) struct Crowd<W: World> {
    waits: Vec<Wait<W>>,
    arrivals: u64,
}

impl<W: World> Crowd<W> {
    /// Adds a future, half of the time a condemned one.
    pub(crate) fn add(
        &mut self,
        rand: &Rand,
        kind: W::Kind,
        future: impl Future<Output = W::Output> + 'static,
    ) {
        let polls_max = (rand.below(2) == 0).then(|| rand.below(POLLS_MAX + 1));
        self.waits.push(Wait {
            kind,
            future: Box::pin(future),
            wakes: Arc::default(),
            wakes_seen: 0,
            polls: 0,
            polls_max,
            arrival: 0,
        });
    }

    /// How many futures there are of which `is_it` is true.
    pub(crate) fn count(&self, is_it: impl Fn(&W::Kind) -> bool) -> usize {
        self.waits.iter().filter(|wait| is_it(&wait.kind)).count()
    }

    fn awake(&self) -> Vec<usize> {
        (0..self.waits.len()).filter(|&at| self.waits[at].is_awake()).collect()
    }

    fn all_in_order(&self) -> Vec<W::Kind> {
        let mut all: Vec<_> = self.waits.iter().collect();
        all.sort_by_key(|wait| wait.arrival);
        all.into_iter().map(|wait| wait.kind.clone()).collect()
    }

    fn poll(&mut self, at: usize, world: &mut W) {
        let wait = &mut self.waits[at];
        if wait.polls == 0 {
            wait.arrival = self.arrivals;
            self.arrivals += 1;
            world.begins(&mut wait.kind);
        }
        wait.polls += 1;
        wait.wakes_seen = wait.wakes.get();
        let waker = Waker::from(wait.wakes.clone());
        let Poll::Ready(output) = wait.future.as_mut().poll(&mut Context::from_waker(&waker)) else { return };
        let wait = self.waits.swap_remove(at);
        let sleeps = |first: &&Wait<W>| first.arrival < wait.arrival && !first.is_awake();
        let overtaken =
            self.waits.iter().filter(sleeps).find(|first| !W::may_overtake(&wait.kind, &first.kind));
        if let Some(first) = overtaken {
            panic!("{:?} was done while {:?} slept, who came before", wait.kind, first.kind);
        }
        drop(wait.future);
        world.done(wait.kind, output);
    }

    fn drop_at(&mut self, at: usize, world: &mut W) {
        let wait = self.waits.swap_remove(at);
        drop(wait.future);
        world.dropped(wait.kind);
    }

    /// Something happens to somebody.
    fn step(&mut self, world: &mut W, rand: &Rand) {
        if self.waits.is_empty() {
            return;
        }
        let at = rand.below(self.waits.len() as u32) as usize;
        if self.waits[at].is_condemned() {
            self.drop_at(at, world);
        } else if self.waits[at].is_awake() || rand.below(8) == 0 {
            self.poll(at, world);
        }
    }

    /// Polls, or drops, everybody who is awake until nobody is.
    fn settle(&mut self, world: &mut W, rand: &Rand) {
        for _ in 0..SETTLE_MAX {
            if self.awake().is_empty() {
                world.others_run();
            }
            let awake = self.awake();
            if awake.is_empty() {
                return world.check(&self.all_in_order());
            }
            let at = awake[rand.below(awake.len() as u32) as usize];
            if self.waits[at].is_condemned() {
                self.drop_at(at, world);
            } else {
                self.poll(at, world);
            }
        }
        panic!("they wake each other for ever");
    }
}

/// Plays the world that `make` makes with each seed.
pub(crate) fn play<W: World>(make: impl Fn(&Rand) -> W + RefUnwindSafe) {
    let seeds = match std::env::var("PROPERTY_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("PROPERTY_SEEDS is a..b");
            from.parse().unwrap()..to.parse().unwrap()
        }
        Err(_) => SEEDS,
    };
    for seed in seeds {
        let result = catch_unwind(|| {
            // The generator is the same for 2n and 2n + 1.
            let rand = Rand::new(2 * seed);
            play_once(make(&rand), &rand)
        });
        assert!(result.is_ok(), "seed {seed}: PROPERTY_SEEDS={seed}..{} plays it alone", seed + 1);
    }
}

fn play_once<W: World>(mut world: W, rand: &Rand) {
    let mut crowd = Crowd { waits: Vec::new(), arrivals: 0 };
    for _ in 0..MOVES {
        match rand.below(12) {
            0..=4 => world.act(&mut crowd, rand),
            5..=10 => crowd.step(&mut world, rand),
            _ => crowd.settle(&mut world, rand),
        }
    }
    while let Some(at) = crowd.waits.iter().position(Wait::is_condemned) {
        crowd.drop_at(at, &mut world);
    }
    loop {
        crowd.settle(&mut world, rand);
        if !world.open() {
            break;
        }
    }
    let sleepers: Vec<_> = crowd.waits.iter().map(|wait| &wait.kind).collect();
    assert!(sleepers.is_empty(), "nothing holds them up, and they sleep: {sleepers:?}");
    world.end();
}

/// A place for something that one future at a time uses, and gives back when it ends or is dropped.
pub(crate) struct Shelf<T>(Rc<RefCell<Option<T>>>);

/// It, taken from its [`Shelf`].
pub(crate) struct Lent<T> {
    value: Option<T>,
    shelf: Shelf<T>,
}

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Shelf(Rc::clone(&self.0))
    }
}

impl<T> Shelf<T> {
    pub(crate) fn new(value: T) -> Self {
        Shelf(Rc::new(RefCell::new(Some(value))))
    }

    /// What is there, unless somebody uses it.
    pub(crate) fn lend(&self) -> Option<Lent<T>> {
        let value = self.0.borrow_mut().take()?;
        Some(Lent { value: Some(value), shelf: self.clone() })
    }

    /// Takes it away for good.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.borrow_mut().take()
    }
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().unwrap()
    }
}

impl<T> DerefMut for Lent<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().unwrap()
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        *self.shelf.0.borrow_mut() = self.value.take();
    }
}
