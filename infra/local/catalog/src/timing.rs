//! How long the next change set takes.

use std::time::Duration;

use pmp_world::Dice;
use pmp_world::{ChangeSetTiming, Distribution};

/// Draws a duration within the timing's bounds. The same dice give the same durations.
pub(super) fn draw(timing: &ChangeSetTiming, dice: &mut Dice) -> Duration {
    let drawn = match timing.distribution {
        Distribution::Uniform => dice.between(timing.min, timing.max),
        Distribution::Exponential(exponential) => {
            timing.min + scaled(exponential.mean, -dice.fraction().ln(), timing.max)
        }
        Distribution::Lognormal(lognormal) => {
            scaled(lognormal.median, (lognormal.sigma * standard_normal(dice)).exp(), timing.max)
        }
    };
    drawn.clamp(timing.min, timing.max)
}

/// A number from the standard normal distribution (Box and Muller 1958).
fn standard_normal(dice: &mut Dice) -> f64 {
    let (radius, angle) = (dice.fraction(), dice.fraction());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// A multiple of a duration; `max` if the product does not fit into a duration.
fn scaled(duration: Duration, factor: f64, max: Duration) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(max).min(max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmp_world::{Exponential, Lognormal};

    /// A thousand durations of a distribution, sorted, in milliseconds.
    fn drawn(distribution: Distribution) -> Vec<u128> {
        let seconds = Duration::from_secs;
        let timing = ChangeSetTiming { distribution, ..ChangeSetTiming::between(seconds(2), seconds(60)) };
        let mut dice = Dice::new(7);
        let mut drawn: Vec<u128> = (0..1000).map(|_| draw(&timing, &mut dice).as_millis()).collect();
        let mut again = Dice::new(7);
        assert_eq!(drawn[0], draw(&timing, &mut again).as_millis(), "the same seed means the same");
        drawn.sort_unstable();
        drawn
    }

    #[test]
    fn distributions_have_their_shape_and_stay_within_bounds() {
        let lognormal = Lognormal { median: Duration::from_secs(12), sigma: 0.5 };
        let exponential = Exponential { mean: Duration::from_secs(6) };
        for (distribution, median) in [
            (Distribution::Uniform, 31_000),
            // 2 s and ln 2 times the mean.
            (Distribution::Exponential(exponential), 6_159),
            (Distribution::Lognormal(lognormal), 12_000),
        ] {
            let drawn = drawn(distribution);
            assert!(drawn[0] >= 2_000 && drawn[999] <= 60_000, "{distribution:?}: {} to {}", drawn[0], drawn[999]);
            let tolerated = median / 10;
            assert!(drawn[500].abs_diff(median) < tolerated, "{distribution:?}: the median is {} ms", drawn[500]);
        }
    }

    #[test]
    fn a_fixed_time_is_always_that_time_and_no_parameter_overflows() {
        let fixed = ChangeSetTiming::always(Duration::from_secs(3));
        assert_eq!(draw(&fixed, &mut Dice::new(1)), Duration::from_secs(3));
        let wild = Distribution::Lognormal(Lognormal { median: Duration::MAX, sigma: 1000.0 });
        let wild = ChangeSetTiming { distribution: wild, ..ChangeSetTiming::default() };
        let mut dice = Dice::new(3);
        assert!((0..100).all(|_| (wild.min..=wild.max).contains(&draw(&wild, &mut dice))));
    }
}
