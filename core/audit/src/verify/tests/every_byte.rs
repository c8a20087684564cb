//! A file of 10,000 entries, altered in every way that one change can alter it: each byte, each
//! entry left out, each pair of neighbours and many others swapped, the file cut at each line.
//! Every change is found, and the entry is named.
//!
//! The verifier reads line after line and ends at the first fault. So what it says of a file whose
//! line 5,000 was altered is what it says of that line after it has read 4,999 lines, and these are
//! the same for each change of that line. The test keeps the verifier as it is before each line,
//! and hands the altered rest to a copy of it: the same functions as `pmp-hub audit verify` calls,
//! from the same state. That this is so is tried with whole files as well.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::testing::{chain, file};
use crate::{Fault, Verified, Verifier};

const ENTRIES: u64 = 10_000;

/// Made once for all tests.
static AUDIT: LazyLock<Audit> = LazyLock::new(Audit::new);

struct Audit {
    file: Vec<u8>,
    /// Where each line begins, and where the file ends.
    begins: Vec<usize>,
    /// The verifier before each line.
    before: Vec<Verifier>,
}

impl Audit {
    fn new() -> Self {
        let file = file(&chain(ENTRIES), 1).into_bytes();
        let mut begins = vec![0];
        begins.extend(file.iter().zip(1..).filter(|(byte, _)| **byte == b'\n').map(|(_, next)| next));
        let mut before = vec![Verifier::new(None)];
        for line in file.split_inclusive(|byte| *byte == b'\n') {
            let mut next = before.last().unwrap().clone();
            next.bytes(line).unwrap();
            before.push(next);
        }
        assert_eq!(before.pop().unwrap().finish().unwrap().last, ENTRIES);
        assert_eq!(before.len(), usize::try_from(ENTRIES).unwrap() + 1);
        Self { file, begins, before }
    }

    fn line(&self, line: usize) -> &[u8] {
        &self.file[self.begins[line]..self.begins[line + 1]]
    }

    /// What is said of the file with `rest` from this line on. Only as much of the rest is read as
    /// it takes to come to a fault.
    fn from(&self, line: usize, rest: &[u8]) -> Result<(), Fault> {
        self.before[line].clone().bytes(rest)
    }
}

fn whole(file: &[u8]) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(None);
    verifier.bytes(file)?;
    verifier.finish()
}

/// Whether a fault names the line with this index: an entry by its number, the first and the last
/// line by themselves.
fn names(fault: &Fault, line: usize) -> bool {
    let number = line as u64 + 1;
    // The last line stands where entry 10,001 would: what it was can no longer be told.
    fault.line == number && (number > ENTRIES || fault.entry.map_or(line == 0, |entry| entry == number))
}

/// Alters each byte by each of these masks, and counts what is found.
fn each_byte_is_altered(masks: &[u8]) {
    let audit = &*AUDIT;
    let (lines, next) = (audit.begins.len() - 1, AtomicUsize::new(0));
    let worker = || {
        let mut tried = 0_usize;
        loop {
            let line = next.fetch_add(1, Ordering::Relaxed);
            if line >= lines {
                return tried;
            }
            // With the line after it, because a line break that is altered joins the two.
            let after = if line + 1 < lines { audit.line(line + 1) } else { &[] };
            let mut rest = [audit.line(line), after].concat();
            for at in 0..audit.line(line).len() {
                for mask in masks {
                    rest[at] ^= mask;
                    let fault = audit.from(line, &rest);
                    rest[at] ^= mask;
                    let fault = fault.expect_err("an altered byte was not found");
                    assert!(names(&fault, line), "byte {at} of line {}: {fault}", line + 1);
                    tried += 1;
                }
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let tried: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(tried, audit.file.len() * masks.len(), "every byte was altered");
}

#[test]
fn every_byte_that_is_altered_is_found_and_named() {
    // Protocol A5 and A7.
    // The lowest bit: a digit becomes another digit, a letter another letter.
    each_byte_is_altered(&[1]);
}

/// Every bit, and all of them: `.ci/soak`.
#[test]
#[ignore = "takes a minute: .ci/soak audit"]
fn ten_thousand_entries_keep_every_bit() {
    each_byte_is_altered(&[1, 2, 4, 8, 16, 32, 64, 128, 255]);
}

#[test]
fn whole_files_are_verified_within_a_second_and_say_the_same() {
    let audit = &*AUDIT;
    // The quickest of several: this machine may have other things to do.
    let timed = || {
        let began = Instant::now();
        assert_eq!(whole(&audit.file).unwrap().last, ENTRIES);
        began.elapsed()
    };
    let quickest = (0..5).map(|_| timed()).min().unwrap();
    println!("{} bytes, {ENTRIES} entries: {quickest:?}", audit.file.len());
    assert!(quickest < Duration::from_secs(1), "{quickest:?}");
    let step = audit.file.len() / 20;
    for at in (0..audit.file.len()).step_by(step) {
        let line = audit.begins.partition_point(|begin| *begin <= at) - 1;
        let mut altered = audit.file.clone();
        altered[at] ^= 4;
        let fault = whole(&altered).unwrap_err();
        assert_eq!(Err(fault.clone()), audit.from(line, &altered[audit.begins[line]..]));
        assert!(names(&fault, line), "{fault}");
    }
}

#[test]
fn every_entry_that_is_left_out_is_found_and_named() {
    let audit = &*AUDIT;
    for line in 0..usize::try_from(ENTRIES).unwrap() {
        let number = line as u64 + 1;
        let fault = if line == 0 {
            // Only the last line tells that the file began earlier.
            whole(&audit.file[audit.begins[1]..]).unwrap_err()
        } else {
            audit.from(line, audit.line(line + 1)).unwrap_err()
        };
        assert_eq!(fault.entry, Some(number), "{fault}");
    }
}

#[test]
fn entries_that_are_swapped_are_found_and_the_first_is_named() {
    let audit = &*AUDIT;
    let entries = usize::try_from(ENTRIES).unwrap();
    for line in 0..entries - 1 {
        for distance in [1, 7, 1_000, entries - 1] {
            let other = line + distance;
            if other >= entries {
                continue;
            }
            let fault = audit.from(line, audit.line(other)).expect_err("swapped entries were not found");
            assert_eq!((fault.entry, fault.line), (Some(line as u64 + 1), line as u64 + 1), "{fault}");
        }
    }
}

#[test]
fn a_file_that_is_cut_after_any_line_is_found() {
    let audit = &*AUDIT;
    for (line, verifier) in audit.before.iter().enumerate() {
        let fault = verifier.clone().finish().unwrap_err();
        assert_eq!(fault.line, line as u64 + 1);
        // In the middle of a line, too.
        let cut = audit.line(line);
        let fault = audit.from(line, &cut[..cut.len() / 2]).unwrap_err();
        assert_eq!(fault.line, line as u64 + 1);
    }
}
