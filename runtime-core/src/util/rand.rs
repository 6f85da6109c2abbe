//! A small seeded generator: the only source of chance in this crate.

use std::cell::Cell;

/// Marsaglia's xorshift64* ("Xorshift RNGs", 2003; multiplier by Vigna, 2014). Not for secrets.
#[derive(Debug)]
pub struct Rand {
    state: Cell<u64>,
}

impl Rand {
    /// A generator whose sequence is fixed by `seed`.
    pub const fn new(seed: u64) -> Self {
        // Zero is the one state from which xorshift never leaves.
        Rand { state: Cell::new(seed ^ 0x9E37_79B9_7F4A_7C15 | 1) }
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let mut x = self.state.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.state.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `n`.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn below(&self, n: u32) -> u32 {
        assert!(n > 0, "Rand::below(0) has no answer");
        // Lemire's multiply-shift ("Fast Random Integer Generation in an Interval", 2019).
        (((self.next_u64() >> 32) * u64::from(n)) >> 32) as u32
    }
}
