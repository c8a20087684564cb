//! Runs a program under callgrind, and reads what it counted.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// What callgrind counted of one path.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) instructions: u64,
    /// The functions, and the share in percent that each takes without those that it calls. Most
    /// first.
    pub(crate) largest: Vec<(f64, String)>,
}

/// Counts the instructions of one path in `program`, which is the `hot` of some build.
pub(crate) fn count(program: &Path, name: &str, products: usize) -> Result<Counted, String> {
    let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
    let out = folder.path().join("callgrind.out");
    // The compiler of filters is a process of its own, which does not start under valgrind.
    let filter = folder.path().join("filter");
    let prepared = Command::new(program).arg("--prepare").arg(&filter).status();
    if !prepared.is_ok_and(|ended| ended.success()) {
        return Err(format!("`{} --prepare` fails", program.display()));
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    // Only what this function calls is counted, on whatever thread.
    valgrind.arg("--toggle-collect=*counted_by_callgrind*");
    valgrind.arg(format!("--callgrind-out-file={}", out.display())).arg(program);
    valgrind.args(["--run", name, "--products", &products.to_string(), "--filter"]).arg(&filter);
    let ended =
        valgrind.output().map_err(|e| format!("valgrind does not start: {e} (Debian's package is `valgrind`)"))?;
    if !ended.status.success() {
        return Err(format!("under valgrind: {}", String::from_utf8_lossy(&ended.stderr)));
    }
    let said = std::fs::read_to_string(&out).map_err(|e| e.to_string())?;
    let counted = read(&said);
    if counted.instructions == 0 { Err("nothing was counted".to_owned()) } else { Ok(counted) }
}

/// Reads callgrind's format: `fn=` begins a function. A line of two numbers is a cost of its own.
/// The line after `calls=` is what it called, which counts there.
fn read(said: &str) -> Counted {
    let (mut own, mut function, mut called) = (HashMap::<&str, u64>::new(), "", false);
    for line in said.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = name;
        } else if line.starts_with("calls=") {
            called = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if !std::mem::take(&mut called) {
                *own.entry(function).or_default() += cost.unwrap_or_default();
            }
        }
    }
    let instructions = own.values().sum();
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52 instructions")]
    let share = |cost: u64| 100.0 * cost as f64 / instructions as f64;
    let mut largest: Vec<_> = own.into_iter().map(|(name, cost)| (share(cost), name.to_owned())).collect();
    largest.sort_by(|a, b| b.0.total_cmp(&a.0));
    Counted { instructions, largest }
}
