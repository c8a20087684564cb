//! `audit export`: writes the entries into a file, one a line.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use jiff::Timestamp;
use pmp_audit::{Fault, Told, Verifier, last_line, line};
use pmp_ledger::{AuditStore, DynamoAudit, StoredEntry};
use pmp_terminal::{Exit, Failure, print_json, progress};

use crate::commands::history::Since;
use crate::compose;
use crate::config::ConfigArgs;
use crate::error::{HubError, sdk};

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Only from this entry on (812), or since then: a time ago (36h, 7d), a day (2026-11-24) or a
    /// moment, in UTC
    #[arg(long, value_name = "N|TIME")]
    since: Option<Beginning>,
    /// The file, which must not be there yet; without it, standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// An entry, or a time.
#[derive(Debug, Clone, Copy)]
enum Beginning {
    Entry(u64),
    Time(Since),
}

impl FromStr for Beginning {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(0) => Err("entries are numbered from 1".to_owned()),
            Ok(number) => Ok(Self::Entry(number)),
            Err(_) => {
                text.parse().map(Self::Time).map_err(|problem: String| format!("no entry (1, 2, 3 …), and {problem}"))
            }
        }
    }
}

/// Where the lines go.
enum Sink {
    Standard,
    File(PathBuf, BufWriter<File>),
}

impl Sink {
    fn open(path: Option<&PathBuf>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::Standard) };
        match File::create_new(path) {
            Ok(file) => Ok(Self::File(path.clone(), BufWriter::new(file))),
            Err(error) => {
                let hint = (error.kind() == ErrorKind::AlreadyExists)
                    .then(|| "name another file: an audit is not written over another one".to_owned());
                Err(Failure::tried("E1751", format!("cannot write `{}`", path.display()), error).hint(hint))
            }
        }
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        match self {
            Self::Standard => Ok(print_json(line)?),
            Self::File(path, file) => writeln!(file, "{line}")
                .map_err(|error| Failure::tried("E1751", format!("cannot write `{}`", path.display()), error)),
        }
    }

    fn close(self) -> Result<(), Failure> {
        match self {
            Self::Standard => Ok(()),
            Self::File(path, file) => {
                let written =
                    file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
                written.map_err(|error| Failure::tried("E1751", format!("cannot write `{}`", path.display()), error))
            }
        }
    }
}

/// Writes what stands in the table, right or wrong, and fails if it is wrong: then the file shows
/// what is.
pub(crate) async fn export(config: &ConfigArgs, args: &ExportArgs) -> Result<Exit, Failure> {
    let config = config.for_status()?;
    let store = DynamoAudit::new(&sdk().await?, config.timestamps);
    let experience = &config.experience;
    let Some(head) = store.head(experience).await.map_err(HubError::Ledger)? else {
        progress::note("Nothing stands in the audit yet.");
        return Ok(Exit::Ok);
    };
    let (mut next, since) = match args.since {
        None => (1, Timestamp::MIN),
        Some(Beginning::Entry(number)) => (number, Timestamp::MIN),
        Some(Beginning::Time(time)) => (1, time.at(compose::clock().now())),
    };
    let (mut verified, mut first, mut written) = (Verified::whole(), None, 0_usize);
    // There is no file where there is nothing to write into it.
    let mut sink = None;
    while next <= head.number {
        let page = store.page(experience, next, head.number).await.map_err(HubError::Ledger)?;
        let Some(last) = page.last() else { break };
        next = last.number.saturating_add(1);
        for entry in &page {
            if first.is_none() && !is_since(entry, since) {
                continue;
            }
            if first.is_none() {
                verified = Verified::since(args.since, entry.number);
            }
            first.get_or_insert(entry.number);
            let sink = match &mut sink {
                Some(sink) => sink,
                None => sink.insert(Sink::open(args.out.as_ref())?),
            };
            let line = line(&entry.text, &entry.digest);
            verified.line(&line);
            sink.line(&line)?;
            written += 1;
        }
    }
    let (Some(first), Some(mut sink)) = (first, sink) else {
        let error = "no entry is as new as that";
        return Err(Failure::new("E4044", error).hint(format!("the newest is entry {}: `pmp-hub audit`", head.number)));
    };
    let last = last_line(experience, first, head.number, &head.digest);
    verified.line(&last);
    sink.line(&last)?;
    sink.close()?;
    if let Some(fault) = verified.fault() {
        return Err(Failure::from(fault)
            .within("what stands in the ledger is exported, and is not a whole audit")
            .exit(Exit::Unhealthy));
    }
    progress::note(&format!("Exported {written} of {} entries. Note the head elsewhere: {}", head.number, head.digest));
    if first > 1 {
        progress::note(&format!(
            "It begins with entry {first}: verify it with `pmp-hub audit verify FILE --since {first}`"
        ));
    }
    Ok(Exit::Ok)
}

/// Verifies the lines as they are written, up to the first fault.
struct Verified {
    verifier: Verifier,
    fault: Option<Fault>,
}

impl Verified {
    fn whole() -> Self {
        Self { verifier: Verifier::new(None), fault: None }
    }

    /// Where only a part is asked for, which begins with an entry, or, by a time, with `found`.
    fn since(since: Option<Beginning>, found: u64) -> Self {
        let whole = Self::whole();
        let first = match since {
            None => return whole,
            Some(Beginning::Entry(number)) => number,
            Some(Beginning::Time(_)) => found,
        };
        Self { verifier: whole.verifier.since(first), fault: None }
    }

    fn line(&mut self, line: &str) {
        if self.fault.is_none() {
            self.fault = self.verifier.line(line.as_bytes()).err();
        }
    }

    fn fault(self) -> Option<Fault> {
        self.fault.or_else(|| self.verifier.finish().err())
    }
}

/// Whether an entry was written then or later. One that does not say when it was counts.
fn is_since(entry: &StoredEntry, since: Timestamp) -> bool {
    since == Timestamp::MIN || Told::read(&entry.text).map_or(true, |told| told.at >= since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_begins_with_an_entry_or_a_time() {
        assert!(matches!("812".parse::<Beginning>(), Ok(Beginning::Entry(812))));
        assert!(matches!("7d".parse::<Beginning>(), Ok(Beginning::Time(_))));
        assert!(matches!("2026-11-24".parse::<Beginning>(), Ok(Beginning::Time(_))));
        assert!("0".parse::<Beginning>().is_err() && "soon".parse::<Beginning>().is_err());
    }
}
