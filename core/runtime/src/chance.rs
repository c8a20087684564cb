//! Chance, as a port.

use std::fmt;

/// Makes random values. A simulation hands in one that a seed determines, and gets the same run
/// again.
pub trait Chance: fmt::Debug + Send + Sync {
    /// A number from 0 to below 1, spread evenly: for jitter. Not for secrets.
    fn fraction(&self) -> f64;

    /// A text that no other call returns, in this process or in another: for the name of one
    /// attempt.
    fn unique_id(&self) -> String;
}

/// Fractions from the generator of the thread, which a test may seed (`fastrand::seed`); ids from
/// the operating system's randomness (UUID, version 4).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn fraction(&self) -> f64 {
        fastrand::f64()
    }

    fn unique_id(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_determines_the_fractions_and_never_the_ids() {
        let draw = || {
            fastrand::seed(7);
            (0..100).map(|_| SystemChance.fraction()).collect::<Vec<_>>()
        };
        let fractions = draw();
        assert!(fractions.iter().all(|fraction| (0.0..1.0).contains(fraction)));
        assert_eq!(fractions, draw());
        let ids: BTreeSet<String> = (0..100)
            .map(|_| {
                fastrand::seed(7);
                SystemChance.unique_id()
            })
            .collect();
        assert_eq!(ids.len(), 100);
    }
}
