//! Latencies in buckets of 3 % width.

use std::time::Duration;

/// Each power of two is cut into so many buckets.
const STEPS: u64 = 32;
const STEPS_LOG2: u32 = STEPS.ilog2();

/// Enough for every number of nanoseconds that fits into 64 bits.
const BUCKETS: usize = (64 - STEPS_LOG2 as usize + 1) << STEPS_LOG2;

/// How often each latency was seen.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
}

impl Histogram {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; BUCKETS],
        }
    }

    /// Counts one latency.
    pub(crate) fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
        }
    }

    /// Counts all that `other` has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// How many latencies were counted.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The latency that this share of all, in thousandths, did not exceed: 500 is the median. It is
    /// at most 3 % too high. Zero where nothing was counted.
    pub(crate) fn permille(&self, permille: u64) -> Duration {
        let wanted = (self.total() * permille).div_ceil(1_000);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return Duration::from_nanos(highest(bucket));
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a value: the value itself while it is small, then a power of two and the step in
/// it.
fn bucket(nanos: u64) -> usize {
    let found = if nanos < STEPS {
        nanos
    } else {
        let shift = nanos.ilog2() - STEPS_LOG2;
        u64::from(shift) * STEPS + (nanos >> shift)
    };
    usize::try_from(found).unwrap_or(BUCKETS)
}

/// The greatest value in a bucket.
fn highest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    let next = u128::from(bucket % STEPS + STEPS + 1) << shift;
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value lies in a bucket that exists and whose greatest value is at most 3.2 % above it.
    #[test]
    fn buckets_are_narrow() {
        let mut value = 0_u64;
        loop {
            for value in [value.saturating_sub(1), value, value.saturating_add(1)] {
                let bucket = bucket(value);
                assert!(bucket < BUCKETS, "{value}");
                let highest = highest(bucket);
                assert!(highest >= value, "{value} in {bucket} up to {highest}");
                assert!(
                    highest - value <= value / 31,
                    "{value} in {bucket} up to {highest}"
                );
            }
            if value == u64::MAX {
                break;
            }
            value = value.saturating_mul(3).saturating_add(1);
        }
    }

    /// Percentiles are those of the values counted, also over two histograms added.
    #[test]
    fn percentiles_are_found() {
        assert_eq!(Histogram::new().permille(500), Duration::ZERO);
        let (mut low, mut high) = (Histogram::new(), Histogram::new());
        for micros in 1..=500 {
            low.record(Duration::from_micros(micros));
            high.record(Duration::from_micros(micros + 500));
        }
        low.add(&high);
        assert_eq!(low.total(), 1_000);
        for permille in [1, 500, 990, 999, 1_000] {
            let exact = Duration::from_micros(permille);
            let found = low.permille(permille);
            assert!(found >= exact && found <= exact.mul_f64(1.033), "{found:?}");
        }
    }
}
