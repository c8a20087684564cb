//! Which seeds are run, and what is said of them.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::fleet::Mode;
use crate::history::{Lived, live};
use crate::rare::Reached;

/// Seeds that always run. Debug builds of the SDK take some two milliseconds of a processor for
/// each call, and a seed makes a thousand calls and more.
const SEEDS: u64 = 40;
/// Seeds that always run twice.
const TWICE: u64 = 4;

/// Every other fleet heals as a whole; of the others, a core does.
fn mode(seed: u64) -> Mode {
    if seed.is_multiple_of(2) { Mode::Safety } else { Mode::Liveness }
}

#[test]
fn whatever_fails_the_rules_hold_and_the_end_is_reached() {
    println!("{}", each(SEEDS, "whatever_fails"));
}

#[test]
fn one_seed_run_twice_leaves_the_same_log() {
    let seeds = seeds(TWICE);
    let (count, mut lines) = (seeds.end - seeds.start, 0);
    for seed in seeds {
        let (first, second) = (log(&live(seed, mode(seed))), log(&live(seed, mode(seed))));
        if let Some(difference) = first_difference(&first, &second) {
            panic!("{}: the second run is another one, {difference}", again(seed, "one_seed_run_twice"));
        }
        lines += first.len();
    }
    println!("{count} seeds, each run twice: {lines} lines, all the same");
}

fn again(seed: u64, name: &str) -> String {
    format!("seed {seed} (again: `PMP_SEED={seed} cargo test --workspace --test fleet {name}`)")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seed that `PMP_SEED` names, or so many, and as many more as `PMP_SOAK` says.
fn seeds(always: u64) -> Range<u64> {
    match number("PMP_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..always + number("PMP_SOAK").unwrap_or_default(),
    }
}

fn log(lived: &Lived) -> Vec<String> {
    let mut log = lived.world.lock().unwrap().log.clone();
    log.push(format!("{:?}", lived.outcome));
    log
}

/// Lets the fleet of each seed live, several at once. All seeds together must come upon each state
/// of `rare.rs`, or the test fails.
fn each(always: u64, name: &str) -> String {
    let (seeds, began) = (seeds(always), Instant::now());
    let count = seeds.end - seeds.start;
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let totals = Mutex::new((Reached::default(), 0_u64, 0_usize));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let lived = live(seed, mode(seed));
            if let Err(problem) = &lived.outcome {
                let log = log(&lived).join("\n");
                failed.lock().unwrap().push((seed, format!("{}: {problem}", again(seed, name)), log));
                continue;
            }
            let world = lived.world.lock().unwrap();
            if count == 1 {
                println!("{}", world.log.join("\n"));
            }
            let mut totals = totals.lock().unwrap();
            totals.0.add(&world.reached);
            totals.1 += world.calls;
            totals.2 += world.shape.members.len();
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    if let Some((_, _, log)) = failed.first() {
        let each: Vec<_> = failed.iter().map(|(_, problem, _)| problem.as_str()).collect();
        panic!("{log}\n\n{} of {count} seeds failed:\n{}", failed.len(), each.join("\n"));
    }
    let (reached, calls, members) = totals.into_inner().unwrap();
    let (report, never) = reached.report();
    let seconds = began.elapsed().as_secs_f64();
    let report = format!(
        "{name}: {count} seeds, {members} organizations, {calls} calls, {seconds:.1} s, {:.1} seeds a second\n{report}",
        count as f64 / seconds
    );
    // One seed alone cannot come upon all of them.
    assert!(never.is_empty() || count < always, "{report}no seed came upon this: {}", never.join("; "));
    report
}

/// The first line in which two logs differ, as both have it.
fn first_difference(first: &[String], second: &[String]) -> Option<String> {
    let line = |log: &[String], at: usize| log.get(at).map_or("(the log ends)", String::as_str).to_owned();
    let at = (0..first.len().max(second.len())).find(|at| first.get(*at) != second.get(*at))?;
    Some(format!("from line {} on:\n  first   {}\n  second  {}", at + 1, line(first, at), line(second, at)))
}
