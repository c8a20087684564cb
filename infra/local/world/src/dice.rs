//! Random numbers from a seed.
//!
//! The algorithm is SplitMix64 (Steele, Lea, Flood 2014). It is written out here because a seed
//! that someone noted down must give the same ids and durations after every upgrade; the generators
//! of the `rand` crate may change between versions.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A generator whose state can be saved: it continues the same sequence after a restart.
#[derive(Debug, Serialize, Deserialize)]
pub struct Dice(u64);

impl Dice {
    /// A generator that starts at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns true with this probability, from 0 to 1.
    pub fn chance(&mut self, probability: f64) -> bool {
        // A double has 53 bits of precision, so the upper 53 bits give a number from 0 to just
        // below 1.
        #[allow(clippy::cast_precision_loss)]
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }

    /// A duration between `min` and `max`, both included, in steps of a microsecond.
    pub fn between(&mut self, min: Duration, max: Duration) -> Duration {
        let span = u64::try_from(max.saturating_sub(min).as_micros()).unwrap_or(u64::MAX - 1);
        min + Duration::from_micros(self.next() % (span + 1))
    }

    /// A number above 0 and at most 1.
    pub fn fraction(&mut self) -> f64 {
        // 53 bits: as many as a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "no number here has more than 53 bits")]
        let (numerator, denominator) = (((self.next() >> 11) + 1) as f64, (1_u64 << 53) as f64);
        numerator / denominator
    }

    /// A position below `count`; 0 if `count` is 0.
    pub fn position(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % count).unwrap_or_default()
    }

    /// An id in the form of a change set's: 25 lower-case letters and digits.
    pub fn change_set_id(&mut self) -> String {
        self.letters(25)
    }

    /// An id in the form of a new entity's: the prefix, a hyphen, and 13 lower-case letters and
    /// digits.
    pub fn entity_id(&mut self, prefix: &str) -> String {
        format!("{prefix}-{}", self.letters(13))
    }

    fn letters(&mut self, count: usize) -> String {
        const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..count).map(|_| char::from(ALPHABET[(self.next() % 36) as usize])).collect()
    }

    /// A UUID, version 4.
    pub fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        let (a, b, c) = (high >> 32, (high >> 16) & 0xffff, high & 0x0fff);
        let (d, e) = ((low >> 48) & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-4{c:03x}-{d:04x}-{e:012x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_means_the_same_and_durations_stay_in_range() {
        let (mut one, mut two) = (Dice::new(7), Dice::new(7));
        assert_eq!(one.change_set_id(), two.change_set_id());
        assert_ne!(one.change_set_id(), Dice::new(8).change_set_id());
        assert_eq!(one.uuid().len(), 36);
        let (min, max) = (Duration::from_millis(5), Duration::from_millis(9));
        for _ in 0..1000 {
            assert!((min..=max).contains(&one.between(min, max)));
        }
        assert_eq!(one.between(min, min), min);
    }
}
