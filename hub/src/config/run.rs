//! What a hub needs that runs by itself: the function's settings, and how long a spoke may be
//! silent.

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use pmp_metrics::MetricSet;
use pmp_terminal::{Failure, Given, Settings, Span, parse_duration};

use super::{ConfigArgs, INTERVAL, PublishConfig, RunSettings, STALE};

/// How many versions the ledger keeps, where nothing else is asked for.
pub(crate) const KEEP_VERSIONS: u64 = 50;
/// How long a spoke may be silent or behind, where nothing else is asked for.
const STALE_AFTER: &str = "3h";
/// The same, where the interval is not longer than a third of it.
pub(crate) const SILENCE: Duration = Duration::from_secs(3 * 60 * 60);
/// Where it is: one announcement may go astray, and one be late.
const INTERVALS_OF_SILENCE: u32 = 3;

/// The settings of the Lambda function, which come from the environment alone.
#[derive(Debug, Clone, Args)]
pub(crate) struct FunctionArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    run: RunSettings,
}

/// How long a spoke may be silent, as the commands take it that look at the fleet.
#[derive(Debug, Args)]
pub(crate) struct StaleAfter {
    /// How long a spoke may be silent, or behind, before it is stale
    #[arg(long, env = STALE.variable, default_value = STALE_AFTER, value_parser = parse_stale_after, value_name = "DURATION")]
    pub(crate) stale_after: Duration,
}

impl RunSettings {
    /// How long a spoke may be silent, as `status` takes it. `check` says what is wrong there.
    pub(crate) fn silence(&self) -> SignedDuration {
        let given = self.stale_after().if_right().map_or(SILENCE, |span| span.0);
        SignedDuration::try_from(given).unwrap_or(SignedDuration::MAX)
    }

    /// Notes what is wrong with these settings.
    pub(super) fn check(&self, settings: &mut Settings) {
        let _ = self.read(settings);
    }

    /// How many versions are kept, and how long a spoke may be silent to a program that runs.
    pub(super) fn read(&self, settings: &mut Settings) -> (u64, Duration) {
        let _ = self.metrics().optional(settings);
        let keep = self.keep_versions().optional(settings).map_or(KEEP_VERSIONS, |keep| keep.get());
        let interval = self.interval().optional(settings).map_or(Duration::ZERO, |span| span.0);
        let given = self.stale_after().optional(settings).map(|span| span.0);
        (keep, silence(settings, given, interval))
    }
}

/// What the Lambda function needs.
#[derive(Debug, Clone)]
pub(crate) struct FunctionConfig {
    /// One for each management experience; at least one.
    pub(crate) publish: Vec<PublishConfig>,
    pub(crate) keep_versions: u64,
    pub(crate) stale_after: Duration,
    pub(crate) metrics: MetricSet,
}

impl FunctionArgs {
    pub(crate) fn config(&self) -> Result<FunctionConfig, Failure> {
        let mut settings = Settings::default();
        let publish = self.config.publish(&mut settings, ConfigArgs::served);
        let (keep_versions, stale_after) = self.run.read(&mut settings);
        let metrics = self.run.metrics().if_right().unwrap_or_default();
        settings.finish(|| Some(FunctionConfig { publish: publish?, keep_versions, stale_after, metrics }))
    }
}

/// How long a spoke may be silent. One that is well gives a sign of life once in an interval, so it
/// has to be longer than that.
fn silence(settings: &mut Settings, given: Option<Duration>, interval: Duration) -> Duration {
    match given {
        Some(given) if given <= interval => {
            settings.problem(
                STALE,
                format!("not longer than {INTERVAL}: between two announcements every spoke would be silent"),
            );
            given
        }
        Some(given) => given,
        None => SILENCE.max(interval.saturating_mul(INTERVALS_OF_SILENCE)),
    }
}

/// The same for `status` and `members`, which know of no interval. A blank is how templates spell
/// "not set".
fn parse_stale_after(text: &str) -> Result<Duration, String> {
    if text.trim().is_empty() { Ok(SILENCE) } else { parse_duration(text) }
}

/// The same for `run`.
pub(crate) fn silence_of_run(given: Option<&str>, interval: Duration) -> Result<Duration, Failure> {
    let mut settings = Settings::default();
    let given = Given::<Span>::new(given, STALE).optional(&mut settings).map(|span| span.0);
    let silence = silence(&mut settings, given, interval);
    settings.finish(|| Some(silence))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        function: FunctionArgs,
    }

    /// How long a spoke may be silent to a function with these settings; or what it says of them.
    fn of_function(settings: &[(&str, &str)]) -> Result<Duration, String> {
        let needed = [
            ("--experience-id", "exp-1"),
            ("--snapshots-table", "Snapshots"),
            ("--topic-arn", "arn:aws:sns:us-east-1:111111111111:t"),
        ];
        let args = needed.iter().chain(settings).flat_map(|(flag, value)| [*flag, *value]);
        let cli = Cli::try_parse_from(["hub"].into_iter().chain(args)).unwrap();
        cli.function.config().map(|config| config.stale_after).map_err(|failure| failure.render())
    }

    #[test]
    fn a_silence_is_longer_than_the_interval() {
        for (interval, given, expected) in [
            ("", "", Some(3)),
            ("1h", "", Some(3)),
            ("6h", "", Some(18)),
            ("1h", "2h", Some(2)),
            ("12h", "2d", Some(48)),
            ("", "1h", Some(1)),
            ("3h", "3h", None),
            ("12h", "3h", None),
            ("6h", "360m", None),
        ] {
            let found = of_function(&[("--interval", interval), ("--stale-after", given)]);
            match expected {
                Some(hours) => assert_eq!(found, Ok(HOUR * hours), "{interval}, {given}"),
                None => assert!(
                    found.unwrap_err().contains("--stale-after (PMP_STALE_AFTER): not longer than"),
                    "{interval}"
                ),
            }
        }
        assert_eq!(silence_of_run(None, HOUR * 6).unwrap(), HOUR * 18);
        assert_eq!(silence_of_run(Some(" "), HOUR).unwrap(), HOUR * 3);
        assert!(silence_of_run(Some("1h"), HOUR).is_err() && silence_of_run(Some("soon"), HOUR).is_err());
        assert_eq!((parse_stale_after(""), parse_stale_after("2h")), (Ok(HOUR * 3), Ok(HOUR * 2)));
        assert_eq!(parse_duration(STALE_AFTER), Ok(SILENCE));
    }

    #[test]
    fn an_interval_that_is_no_duration_is_named() {
        assert!(of_function(&[("--interval", "hourly")]).unwrap_err().contains("--interval (PMP_INTERVAL)"));
    }
}
