//! Answers questions about change windows, for `core/windows/zoneinfo/compare.py`, which asks
//! Python's `zoneinfo` the same.
//!
//! The first line is the version of the time zone database, the second has the names of all zones.
//! Then it reads lines, each with windows and moments in seconds since 1970, between tabs, and
//! answers each with as many words: `o` or `c` for open or closed, and until when, or `-`.

use std::error::Error;
use std::io::{BufRead, BufWriter, Write};

use jiff::Timestamp;
use pmp_windows::{Answer, TZDB, Windows, zones};

#[expect(clippy::disallowed_methods, reason = "numbers for a script, and no words")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    writeln!(out, "{TZDB}")?;
    writeln!(out, "{}", zones().collect::<Vec<_>>().join(" "))?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut fields = line.split('\t');
        let windows: Windows = fields.next().unwrap_or_default().parse()?;
        let mut answers = Vec::new();
        for second in fields {
            let (open, until) = match windows.answer(Timestamp::from_second(second.parse()?)?) {
                Answer::Open { until } => ('o', until),
                Answer::Closed { until, .. } => ('c', until),
            };
            let until = until.map_or("-".to_owned(), |until| until.at.as_second().to_string());
            answers.push(format!("{open}{until}"));
        }
        writeln!(out, "{}", answers.join("\t"))?;
    }
    out.flush()?;
    Ok(())
}
