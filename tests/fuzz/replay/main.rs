//! Every target over its corpus, and over thousands of altered inputs, by a seed.
//!
//! ```sh
//! cargo test --workspace --test fuzz -- --nocapture                      # how much was tried
//! PMP_FUZZ_TRIES=100 cargo test --workspace --test fuzz ledger           # a hundred times as much
//! PMP_FUZZ_SEED=7 cargo test --workspace --test fuzz ledger              # by another seed
//! PMP_FUZZ_FOLDER=DIR cargo test --workspace --test fuzz guest    # the files of a folder
//! ```
//!
//! An input that breaks something is written to `target/fuzz/found`. Copied into the corpus of its
//! target it is tried at each test, whatever the seed.

#![allow(clippy::print_stdout, reason = "a test says how much it tried")]

mod alter;
mod corpus;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::Instant;

use pmp_protocol::Digest;
use pmp_test_fuzz::{TARGETS, Target, named, outcomes};

use crate::alter::Alter;

/// The seed of every test run: each tries the same.
const SEED: u64 = 1;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs the target. What breaks it is kept.
fn hold(target: &Target, input: &[u8], from: &str) {
    let Err(broken) = catch_unwind(AssertUnwindSafe(|| (target.run)(input))) else { return };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("fuzz").join("found");
    let file = folder.join(format!("{}-{}", target.name, Digest::of(input).short()));
    let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, input));
    println!("{} breaks by {from}: {} ({kept:?})", target.name, file.display());
    println!("{}", String::from_utf8_lossy(&input[..input.len().min(2_000)]));
    resume_unwind(broken);
}

/// How long it took, and what came of it.
fn told(began: Instant) -> String {
    let outcomes: Vec<_> = outcomes().iter().map(|(outcome, times)| format!("{outcome} {times}")).collect();
    format!("{:.1} s: {}", began.elapsed().as_secs_f64(), outcomes.join(", "))
}

fn replay(name: &str) {
    let target = named(name).expect("a target");
    let began = Instant::now();
    if let Ok(folder) = std::env::var("PMP_FUZZ_FOLDER") {
        let files = corpus::files(folder.as_ref());
        files.iter().for_each(|(file, input)| hold(target, input, file));
        return println!("{name}: {} files of {folder}, {}", files.len(), told(began));
    }
    let kept = corpus::of(target);
    assert!(!kept.is_empty(), "{name} has no corpus");
    kept.iter().for_each(|(file, input)| hold(target, input, file));
    let seed = number("PMP_FUZZ_SEED").unwrap_or(SEED);
    let tries = number("PMP_FUZZ_TRIES").unwrap_or(1) * u64::try_from(target.tries).expect("a small number");
    let inputs: Vec<&[u8]> = kept.iter().map(|(_, input)| input.as_slice()).collect();
    let mut alter = Alter::new(seed, &inputs);
    (0..tries).for_each(|time| hold(target, &alter.next(), &format!("seed {seed}, input {time}")));
    println!("{name}: {} files, {tries} altered, {}", kept.len(), told(began));
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })+

        /// A target without a test would be tried by nobody.
        #[test]
        fn every_target_has_a_test_and_a_driver() {
            let tested = [$(stringify!($name)),+];
            let targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(targets, tested);
            let manifest = include_str!("../libfuzzer/Cargo.toml");
            // A byte that is altered makes no other valid module, and wasm-smith does.
            for target in targets.into_iter().filter(|target| *target != "guest") {
                assert!(manifest.contains(&format!("name = \"{target}\"\n")), "libFuzzer does not drive `{target}`");
            }
        }
    };
}

targets!(
    access answers audit component configuration content directed envelope experience experiences guest journal keys ledger message
    packed policy rollout rules settings statement text waves windows world
);

/// A corpus is read by each test, and by each clone: it stays small.
#[test]
fn all_corpora_are_small_and_each_belongs_to_a_target() {
    let mut all = 0;
    for folder in std::fs::read_dir(pmp_test_fuzz::corpora()).expect("the corpora") {
        let name = folder.expect("a folder").file_name().into_string().expect("a name");
        let target = named(&name).unwrap_or_else(|| panic!("`{name}` is no target"));
        let bytes: usize = corpus::of(target).iter().map(|(_, input)| input.len()).sum();
        assert!(bytes <= 96 * 1024, "the corpus of `{name}` has {bytes} bytes");
        all += bytes;
    }
    assert!(all <= 640 * 1024, "{all} bytes");
}
