//! Sleeps, time-outs and intervals, on time that stands still: nobody sleeps past his moment or gets up before
//! it, a time-out loses no item, an interval no tick.

use crate::crowd::{Crowd, Shelf, World, play};
use runtime::sync::Queue;
use runtime::sync::queue::Item;
use runtime::time::{Instant, Interval, advance, interval_at, sleep_until, timeout_at};
use runtime::{Builder, EnterGuard, Runtime};
use runtime_core::util::rand::Rand;
use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

/// Deadlines lie so far ahead at the most.
const AHEAD_MS_MAX: u32 = 40;

fn ms(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

#[derive(Debug, Clone)]
enum Kind {
    Sleep(Instant),
    Get(Instant),
    Tick,
}

enum Output {
    Slept,
    /// `None`: the time was over.
    Got(Option<Item<u64>>),
    Ticked(Instant),
}

struct TimeWorld {
    // Left before the runtime ends.
    _inside: EnterGuard,
    runtime: Runtime,
    queue: Queue<u64>,
    /// Put and not taken.
    inside: VecDeque<u64>,
    interval: Shelf<Interval>,
    period: Duration,
    next_tick: Instant,
    has_sleepers: Cell<bool>,
    count: u64,
}

impl TimeWorld {
    fn new(rand: &Rand) -> Self {
        let runtime = Builder::new_current_thread().start_paused(true).build().unwrap();
        let inside = runtime.enter();
        let (next_tick, period) = (Instant::now() + ms(rand.below(10)), ms(1 + rand.below(20)));
        TimeWorld {
            _inside: inside,
            runtime,
            queue: Queue::unbounded(),
            inside: VecDeque::new(),
            interval: Shelf::new(interval_at(next_tick, period)),
            period,
            next_tick,
            has_sleepers: Cell::new(false),
            count: 0,
        }
    }

    fn pass(&self, duration: Duration) {
        self.runtime.block_on(advance(duration));
    }
}

impl World for TimeWorld {
    type Kind = Kind;
    type Output = Output;

    fn act(&mut self, crowd: &mut Crowd<Self>, rand: &Rand) {
        let deadline = Instant::now() + ms(rand.below(AHEAD_MS_MAX));
        match rand.below(8) {
            0 | 1 => crowd.add(rand, Kind::Sleep(deadline), async move {
                sleep_until(deadline).await;
                Output::Slept
            }),
            2 | 3 => {
                let queue = self.queue.clone();
                crowd.add(rand, Kind::Get(deadline), async move {
                    let got = timeout_at(deadline, queue.get()).await;
                    Output::Got(got.ok().map(|item| item.expect("nobody closes it")))
                });
            }
            4 => {
                if let Some(mut interval) = self.interval.lend() {
                    crowd.add(rand, Kind::Tick, async move { Output::Ticked(interval.tick().await) });
                }
            }
            5 => {
                self.count += 1;
                self.inside.push_back(self.count);
                self.queue.try_put(self.count).unwrap();
            }
            _ => self.pass(ms(rand.below(AHEAD_MS_MAX / 2))),
        }
    }

    fn done(&mut self, kind: Kind, output: Output) {
        match (kind, output) {
            (Kind::Sleep(deadline), Output::Slept) | (Kind::Get(deadline), Output::Got(None)) => {
                assert!(Instant::now() >= deadline, "up too early");
            }
            (_, Output::Got(Some(item))) => assert_eq!(Some(*item), self.inside.pop_front()),
            (_, Output::Ticked(at)) => {
                assert!(at == self.next_tick && Instant::now() >= at);
                self.next_tick += self.period;
            }
            _ => unreachable!(),
        }
    }

    fn check(&self, asleep: &[Kind]) {
        let now = Instant::now();
        for kind in asleep {
            match kind {
                Kind::Sleep(deadline) => assert!(now < *deadline, "its time has come"),
                Kind::Get(deadline) => assert!(now < *deadline && self.inside.is_empty()),
                Kind::Tick => assert!(now < self.next_tick, "the tick was missed"),
            }
        }
        self.has_sleepers.set(!asleep.is_empty());
    }

    fn open(&mut self) -> bool {
        self.pass(ms(AHEAD_MS_MAX));
        self.has_sleepers.get()
    }

    fn end(self) {
        let rest = std::iter::from_fn(|| self.queue.try_get().ok().map(Item::into_inner));
        assert_eq!(rest.collect::<VecDeque<_>>(), self.inside);
    }
}

#[test]
fn p44_whoever_waits_for_time_gives_up() {
    play(TimeWorld::new);
}
