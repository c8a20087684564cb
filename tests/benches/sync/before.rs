//! This build beside another one: both run each scenario, in turns, and what got worse is named.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::command;
use crate::figures::Whole;
use crate::report::aligned;
use crate::scenario::Scenario;

/// More than this share worse is a regression.
const WORSE: f64 = 0.15;
/// Differences below these are noise of the machine, whatever their share: of processor time in
/// seconds, of calls, and of memory in MiB.
const NOISE: [f64; 3] = [0.05, 4.0, 3.0];
/// What is compared, in this order.
const MEASURES: [&str; 3] = ["processor time", "calls to the catalog", "peak memory"];

/// One command of one scenario, by both builds: the median of all rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pair {
    pub(crate) scenario: String,
    /// 0 for the first run of the command; 1 for the run after it, with nothing to do.
    pub(crate) run: usize,
    pub(crate) before: Medians,
    pub(crate) now: Medians,
    /// What is worse by more than 15 %.
    pub(crate) worse: Vec<String>,
    /// What is not as it should be, in either build.
    pub(crate) problems: Vec<String>,
}

/// The medians of one build.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Medians {
    /// From start to exit, in seconds.
    pub(crate) wall: f64,
    /// Wall time as a multiple of the floor, or 0 where there is no floor.
    pub(crate) of_floor: f64,
    /// Processor time, in seconds.
    pub(crate) processor: f64,
    /// Calls to the catalog.
    pub(crate) calls: f64,
    /// Peak of the resident set, in MiB.
    pub(crate) peak_mib: f64,
    /// `DescribeChangeSet` calls for each change set, or 0 where there was none.
    pub(crate) looks: f64,
}

impl Medians {
    fn of(rounds: &[Whole]) -> Self {
        let median = |read: fn(&Whole) -> f64| {
            let mut values: Vec<_> = rounds.iter().map(read).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        #[allow(clippy::cast_precision_loss, reason = "far below 2^52 calls")]
        let calls = median(|whole| whole.all_calls() as f64);
        Self {
            wall: median(|whole| whole.wall),
            of_floor: median(|whole| whole.of_floor.unwrap_or_default()),
            processor: median(|whole| whole.processor),
            calls,
            peak_mib: median(|whole| whole.peak_mib),
            looks: median(|whole| whole.looks.unwrap_or_default()),
        }
    }

    fn compared(&self) -> [f64; 3] {
        [self.processor, self.calls, self.peak_mib]
    }
}

/// Runs the command of `scenario` by both builds, `rounds` times each, in turns.
pub(crate) async fn compare(
    scenario: &Scenario,
    latency: Duration,
    more: &[(&str, &str)],
    before: &Path,
    rounds: usize,
) -> Vec<Pair> {
    let (mut old, mut new): (Vec<Vec<Whole>>, Vec<Vec<Whole>>) = Default::default();
    for _ in 0..rounds.max(1) {
        for (runs, folder) in [(&mut old, Some(before)), (&mut new, None)] {
            for (place, whole) in command::run(scenario, latency, None, more, folder).await.into_iter().enumerate() {
                runs.resize(runs.len().max(place + 1), Vec::new());
                runs[place].push(whole);
            }
        }
    }
    let pair = |(run, (old, new)): (usize, (Vec<Whole>, Vec<Whole>))| {
        let (before, now) = (Medians::of(&old), Medians::of(&new));
        let problems = old.into_iter().chain(new).flat_map(|whole| whole.problems).collect();
        Pair { scenario: scenario.name.to_owned(), run, before, now, worse: worse(&before, &now), problems }
    };
    old.into_iter().zip(new).enumerate().map(pair).collect()
}

/// Names what is worse by more than [`WORSE`], and by more than noise.
fn worse(before: &Medians, now: &Medians) -> Vec<String> {
    let compared = before.compared().into_iter().zip(now.compared()).zip(NOISE).zip(MEASURES);
    let worse = compared.filter(|(((before, now), noise), _)| now - before > noise.max(before * WORSE));
    worse.map(|(((before, now), _), measure)| format!("{measure}: {now:.2} instead of {before:.2}")).collect()
}

/// One row for each command, then what got worse.
pub(crate) fn table(pairs: &[Pair]) -> String {
    let header =
        ["SCENARIO", "WALL", "RATIO", "÷SHARED", "PROCESSOR", "RATIO", "CALLS", "RATIO", "PEAK", "RATIO", "LOOKS"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for Pair { scenario, run, before, now, .. } in pairs {
        let ratio = |read: fn(&Medians) -> f64| {
            let (before, now) = (read(before), read(now));
            if before > 0.0 { format!("{:.2}", now / before) } else { "-".to_owned() }
        };
        let both = |read: fn(&Medians) -> f64, digits: usize, unit: &str| {
            format!("{:.digits$} > {:.digits$}{unit}", read(before), read(now))
        };
        rows.push(vec![
            if *run == 0 { scenario.clone() } else { format!("{scenario}, again") },
            both(|it| it.wall, 2, " s"),
            ratio(|it| it.wall),
            both(|it| it.of_floor, 3, ""),
            both(|it| it.processor, 2, " s"),
            ratio(|it| it.processor),
            both(|it| it.calls, 0, ""),
            ratio(|it| it.calls),
            both(|it| it.peak_mib, 1, " MiB"),
            ratio(|it| it.peak_mib),
            both(|it| it.looks, 2, ""),
        ]);
    }
    let mut lines = aligned(&rows);
    for Pair { scenario, worse, problems, .. } in pairs {
        lines.extend(worse.iter().map(|worse| format!("WORSE: {scenario}: {worse}")));
        lines.extend(problems.iter().map(|problem| format!("PROBLEM: {scenario}: {problem}")));
    }
    lines.join("\n")
}
