//! Durations in buckets, each twice as wide as the one before.

#![forbid(unsafe_code)]

use crate::primitive::Count;
use std::ops::Range;
use std::time::Duration;

/// How many buckets: from 64 ns to 69 s, and one above.
const BUCKETS: usize = 32;

/// The first bucket ends at 2^6 ns: below that, reading the clock is what one measures.
const FIRST_BITS: u32 = 6;

/// Written by one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    buckets: [Count; BUCKETS],
    sum_ns: Count,
}

impl Recorder {
    pub(crate) fn record(&self, ns: u64) {
        self.buckets[bucket_of(ns)].add(1);
        self.sum_ns.add(ns);
    }

    pub(crate) fn snapshot(&self) -> Histogram {
        let mut histogram = Histogram { counts: [0; BUCKETS], sum_ns: self.sum_ns.get() };
        for (count, bucket) in histogram.counts.iter_mut().zip(&self.buckets) {
            *count = bucket.get();
        }
        histogram
    }
}

fn bucket_of(ns: u64) -> usize {
    let bits = u64::BITS - (ns >> FIRST_BITS).leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

/// How often a duration was measured, by its length: buckets that are each twice as wide as the one before.
///
/// # Examples
/// ```
/// let runtime = runtime::Builder::new_current_thread().detailed_metrics(true).build()?;
/// runtime.block_on(async { runtime::spawn(async {}).await.unwrap() });
/// let polls = runtime.metrics().poll_time();
/// assert_eq!(polls.count(), 1);
/// let (range, count) = polls.buckets().find(|(_, count)| *count > 0).unwrap();
/// assert!(count == 1 && range.contains(&polls.sum()));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    counts: [u64; BUCKETS],
    sum_ns: u64,
}

impl Histogram {
    /// How many buckets there are.
    pub fn num_buckets(&self) -> usize {
        BUCKETS
    }

    /// Which durations a bucket counts. The first begins at zero, the last ends nowhere (`Duration::MAX`).
    ///
    /// # Panics
    /// If there is none of this number.
    pub fn bucket_range(&self, bucket: usize) -> Range<Duration> {
        assert!(bucket < BUCKETS, "bucket {bucket} of {BUCKETS}");
        let end_of = |bucket: usize| Duration::from_nanos(1 << (FIRST_BITS as usize + bucket));
        let start = if bucket == 0 { Duration::ZERO } else { end_of(bucket - 1) };
        let end = if bucket == BUCKETS - 1 { Duration::MAX } else { end_of(bucket) };
        start..end
    }

    /// How many durations were measured that fall into this bucket.
    ///
    /// # Panics
    /// If there is none of this number.
    pub fn bucket_count(&self, bucket: usize) -> u64 {
        self.counts[bucket]
    }

    /// All buckets: their ranges and counts.
    pub fn buckets(&self) -> impl Iterator<Item = (Range<Duration>, u64)> + '_ {
        (0..BUCKETS).map(|bucket| (self.bucket_range(bucket), self.counts[bucket]))
    }

    /// How many durations were measured.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }

    /// Their mean; zero if nothing was measured.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos(self.sum_ns.checked_div(self.count()).unwrap_or(0))
    }

    /// What another has measured, too.
    pub(crate) fn add(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum_ns += other.sum_ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_falls_into_the_bucket_whose_range_has_it() {
        let shape = Histogram::default();
        for bits in 0..64 {
            for ns in [1 << bits, (1 << bits) - 1, (1 << bits) + 1] {
                let bucket = bucket_of(ns);
                let range = shape.bucket_range(bucket);
                assert!(range.contains(&Duration::from_nanos(ns)), "{ns} ns in {range:?}");
            }
        }
        assert!(shape.bucket_range(BUCKETS - 1).contains(&Duration::from_nanos(u64::MAX)));
    }

    #[test]
    fn ranges_follow_each_other() {
        let shape = Histogram::default();
        let ranges: Vec<_> = shape.buckets().map(|(range, _)| range).collect();
        assert_eq!(ranges[0].start, Duration::ZERO);
        assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
    }

    #[test]
    fn what_is_recorded_is_counted_and_added() {
        let recorder = Recorder::default();
        recorder.record(10);
        recorder.record(1_000);
        let mut both = recorder.snapshot();
        both.add(&recorder.snapshot());
        assert_eq!(
            (both.count(), both.sum(), both.mean()),
            (4, Duration::from_nanos(2_020), Duration::from_nanos(505))
        );
        assert_eq!(Histogram::default().mean(), Duration::ZERO);
    }
}
