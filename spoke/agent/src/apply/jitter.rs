//! A little randomness, so that many spokes do not call in step. Not for secrets.

use std::hash::{BuildHasher, RandomState};

/// Numbers from 0 to 1.
#[derive(Debug, Default)]
pub(crate) struct Jitter {
    keys: RandomState,
    count: u64,
}

impl Jitter {
    /// The next one.
    pub(crate) fn next(&mut self) -> f64 {
        self.count += 1;
        // The hasher's keys are random in each process; 32 bits of a hash are exact in a float.
        let bits = self.keys.hash_one(self.count) >> 32;
        bits as f64 / f64::from(u32::MAX)
    }
}
