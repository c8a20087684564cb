//! One seed is one run. Each seed's world lives twice, and both leave the same record, byte by
//! byte: every call with its time, every fault, all messages, receipts, leases and change sets in
//! full. So whatever a seed brought to light, it brings to light again.
//!
//! Time and chance reach the library through its ports (`seeded.rs`); `.ci/steps/purity` holds that
//! they do. Three sources are in libraries that cannot be seeded. None of them decides anything
//! here:
//!
//! - `tokio::select!` asks its arms in an order by chance. Only a build with `tokio_unstable` could
//!   seed that. So each `select!` of the library is `biased`, which the same step holds.
//! - `tokio::sync::watch` wakes its receivers in an order by chance. Each of ours has one receiver.
//! - The standard library's `HashMap` has an order by chance. The library looks things up in such
//!   maps; what is walked through is a `BTreeMap`.

use crate::chance::{history, recorded, seeds};
use crate::forged::hostile_history;
use crate::run::Shared;

/// Seeds that always run, each twice.
const SEEDS: u64 = 40;

#[test]
fn one_seed_run_twice_leaves_the_same_record() {
    println!("{}", each_twice("one_seed_run_twice", history));
}

#[test]
fn one_seed_of_forgeries_run_twice_leaves_the_same_record() {
    println!("{}", each_twice("one_seed_of_forgeries", hostile_history));
}

/// Lets each seed's world live through `history` twice, and says how much was compared. `name` is
/// what the test's name begins with.
fn each_twice(name: &str, history: impl AsyncFn(&Shared)) -> String {
    let seeds = seeds(SEEDS);
    let (mut lines, count) = (0, seeds.end - seeds.start);
    for seed in seeds {
        let (first, second) = (record(seed, &history), record(seed, &history));
        if let Some(difference) = first_difference(&first, &second) {
            let again = format!("PMP_SEED={seed} cargo test -p pmp-tests --test simulation {name}");
            panic!("seed {seed} (again: `{again}`): the second run is another one, {difference}");
        }
        lines += first.len();
    }
    format!("{count} seeds, each run twice: {lines} lines, all the same")
}

fn record(seed: u64, history: &impl AsyncFn(&Shared)) -> Vec<String> {
    let (mut record, outcome) = recorded(seed, history);
    record.push(format!("{outcome:?}"));
    record
}

/// The first line in which two records differ, as both have it.
fn first_difference(first: &[String], second: &[String]) -> Option<String> {
    let line = |record: &[String], at: usize| record.get(at).map_or("(the record ends)", String::as_str).to_owned();
    let at = (0..first.len().max(second.len())).find(|at| first.get(*at) != second.get(*at))?;
    Some(format!("from line {} on:\n  first   {}\n  second  {}", at + 1, line(first, at), line(second, at)))
}

#[test]
fn the_first_line_that_differs_is_shown_as_both_runs_have_it() {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let differ = |first: &[&str], second: &[&str]| first_difference(&lines(first), &lines(second));
    assert_eq!(differ(&["a", "b"], &["a", "b"]), None);
    assert_eq!(differ(&["a", "b"], &["a", "c"]).unwrap(), "from line 2 on:\n  first   b\n  second  c");
    assert_eq!(differ(&["a"], &["a", "c"]).unwrap(), "from line 2 on:\n  first   (the record ends)\n  second  c");
}

#[test]
fn two_seeds_leave_two_records() {
    assert_ne!(record(1, &history), record(2, &history));
}
