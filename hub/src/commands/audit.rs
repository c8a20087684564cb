//! `audit`: lists the newest entries; exports all of them, and verifies and replays a file of them.

mod export;
mod replay;
mod verify;

#[cfg(test)]
pub(crate) use replay::ReplayedAudit;
#[cfg(test)]
pub(crate) use verify::VerifiedAudit;

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use pmp_audit::{Entry, Event, Told};
use pmp_ledger::{AuditHead, AuditStore, DynamoAudit, StoredEntry};
use pmp_protocol::{OrganizationId, PlainText, not_one_of};
use pmp_terminal::progress::waiting_for;
use pmp_terminal::{Exit, Failure, Output, OutputFormat, Table};
use serde_json::{Value, json};

use crate::commands::audit::export::{ExportArgs, export};
use crate::commands::audit::replay::replay_file;
use crate::commands::audit::verify::{VerifyFileArgs, verify_file};
use crate::compose;
use crate::config::ConfigArgs;
use crate::error::{HubError, sdk};
use crate::render::status as shown;

/// What every entry has, as the columns of a spreadsheet.
const COLUMNS: &[&str] = &["number", "previous", "at", "experience", "author", "action", "digest"];

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    /// How many of the newest entries
    #[arg(long, value_name = "N", default_value_t = Table::SCREEN_ROWS as u64, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    last: u64,
    /// Only entries of these actions, separated by commas: forget, admit, pin, publish …
    #[arg(long, value_name = "ACTION,…", value_delimiter = ',', value_parser = action)]
    action: Vec<String>,
    /// Only entries that name this organization
    #[arg(long, value_name = "ORG")]
    org: Option<OrganizationId>,
}

fn action(text: &str) -> Result<String, String> {
    let written = text.trim().to_lowercase();
    if Event::ACTIONS.contains(&written.as_str()) { Ok(written) } else { Err(not_one_of(text, &Event::ACTIONS)) }
}

impl AuditArgs {
    fn takes_all(&self) -> bool {
        self.action.is_empty() && self.org.is_none()
    }

    fn takes(&self, entry: &StoredEntry) -> bool {
        let of_action = || document(entry)["action"].as_str().is_some_and(|of| self.action.iter().any(|it| it == of));
        // An id stands in an entry as a text of its own.
        let names = |id: &OrganizationId| entry.text.contains(&format!("\"{id}\""));
        (self.action.is_empty() || of_action()) && self.org.as_ref().is_none_or(names)
    }
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Write the entries into a file, one a line, which `audit verify` verifies without AWS
    #[command(after_help = "Examples:
  pmp-hub audit export --out audit-of-today.ndjson
  pmp-hub audit export --since 7d | gzip > audit.ndjson.gz")]
    Export(ExportArgs),
    /// Verify an exported file by itself, without AWS and without settings
    #[command(after_help = "Examples:
  pmp-hub audit verify audit.ndjson
  pmp-hub audit verify audit.ndjson --anchor sha256:…   the head that was noted
  pmp-hub audit verify part.ndjson --since 812          a part, exported with --since")]
    Verify(VerifyFileArgs),
    /// Verify an exported file, and say whether what its entries tell goes together
    #[command(
        long_about = "Verify an exported file, and say whether what its entries tell goes together: that a snapshot keeps its \
content, that nothing is directed that was never stored, that no wave comes before its turn. It needs no AWS and no settings",
        after_help = "Examples:
  pmp-hub audit replay audit.ndjson
  pmp-hub audit replay part.ndjson --since 812          a part, exported with --since"
    )]
    Replay(VerifyFileArgs),
}

pub(crate) async fn audit(config: &ConfigArgs, args: &AuditArgs, output: Output) -> Result<Exit, Failure> {
    match &args.command {
        Some(AuditCommand::Export(args)) => waiting_for(output, "the ledger: the entries", export(config, args)).await,
        Some(AuditCommand::Verify(args)) => verify_file(args, output),
        Some(AuditCommand::Replay(args)) => replay_file(args, output),
        None => waiting_for(output, "the ledger", list(config, args, output)).await,
    }
}

/// Shows the newest entries, the newest first.
async fn list(config: &ConfigArgs, args: &AuditArgs, output: Output) -> Result<Exit, Failure> {
    let config = config.for_status()?;
    let store: Arc<dyn AuditStore> = Arc::new(DynamoAudit::new(&sdk().await?, config.timestamps));
    let experience = &config.experience;
    let head = store.head(experience).await.map_err(HubError::Ledger)?;
    let mut entries = match head {
        Some(AuditHead { number, .. }) if args.takes_all() => {
            read(&*store, experience, newest(number, args.last), number).await?
        }
        Some(AuditHead { number, .. }) => taken(&*store, experience, args, number).await?,
        None => Vec::new(),
    };
    entries.reverse();
    if output.is_document() {
        let head = head.map(|head| json!({"number": head.number, "digest": head.digest}));
        let entries: Vec<_> = entries.iter().map(document).collect();
        output.document(&json!({"experience": experience, "head": head, "entries": entries}))?;
        return Ok(Exit::Ok);
    }
    let Some(head) = head else {
        if output.is_table() {
            output.line("Nothing stands in the audit yet.")?;
        } else {
            output.list_of::<Value>("entries", COLUMNS, &[], Table::new(&[]), "")?;
        }
        return Ok(Exit::Ok);
    };
    let rows: Vec<_> = entries.iter().map(document).collect();
    let entries_in_all = if head.number == 1 { "1 entry".to_owned() } else { format!("{} entries", head.number) };
    let of = if args.takes_all() { String::new() } else { format!("{} of ", entries.len()) };
    let summary = format!("{of}{entries_in_all}; head: {}", head.digest);
    let whole = output.format == OutputFormat::Wide;
    let all = args.last > Table::SCREEN_ROWS as u64;
    let table = table(&entries, whole, compose::clock().now());
    output.list_on_a_screen("entries", COLUMNS, &rows, table, &summary, all)?;
    Ok(Exit::Ok)
}

/// The newest of those entries that are asked for, the oldest first.
async fn taken(
    store: &dyn AuditStore,
    experience: &pmp_protocol::ExperienceId,
    args: &AuditArgs,
    newest_of_all: u64,
) -> Result<Vec<StoredEntry>, Failure> {
    /// Entries that are read at once.
    const AT_ONCE: u64 = 1_000;
    let most = usize::try_from(args.last).unwrap_or(usize::MAX);
    let (mut found, mut end) = (Vec::new(), newest_of_all);
    // What was asked stands in the audit before it is done, and that it failed stands behind it.
    let mut failed = BTreeMap::new();
    while end > 0 && found.len() < most {
        let begin = newest(end, AT_ONCE);
        for entry in read(store, experience, begin, end).await?.into_iter().rev() {
            if args.takes(&entry) {
                found.push(entry);
            } else if let Ok(Event::Failed { entry: of, .. }) = event(&entry) {
                failed.insert(of, entry);
            }
        }
        end = begin - 1;
    }
    found.truncate(most);
    let failed: Vec<_> = found.iter().filter_map(|entry| failed.remove(&entry.number)).collect();
    found.extend(failed);
    found.sort_by_key(|entry| entry.number);
    Ok(found)
}

/// What an entry says was done or seen.
fn event(entry: &StoredEntry) -> Result<Event, serde_json::Error> {
    serde_json::from_str::<Entry>(&entry.text).map(|entry| entry.event)
}

/// The number of the first of the newest `last` entries.
fn newest(number: u64, last: u64) -> u64 {
    number.saturating_sub(last.saturating_sub(1)).max(1)
}

/// All entries from one number to another.
async fn read(
    store: &dyn AuditStore,
    experience: &pmp_protocol::ExperienceId,
    from: u64,
    to: u64,
) -> Result<Vec<StoredEntry>, Failure> {
    let (mut entries, mut next) = (Vec::new(), from);
    while next <= to {
        let page = store.page(experience, next, to).await.map_err(HubError::Ledger)?;
        let Some(last) = page.last() else { break };
        next = last.number.saturating_add(1);
        entries.extend(page);
    }
    Ok(entries)
}

/// An entry as it stands in the table, with its digest; what cannot be read as its text.
fn document(entry: &StoredEntry) -> Value {
    let mut document = serde_json::from_str(&entry.text)
        .ok()
        .filter(Value::is_object)
        .unwrap_or_else(|| json!({"number": entry.number, "unreadable": entry.text}));
    document["digest"] = json!(entry.digest);
    document
}

fn table(entries: &[StoredEntry], whole: bool, now: Timestamp) -> Table {
    let mut table = Table::new(&["ENTRY", "WHEN", "WHO", "ACTION", "WHAT"]);
    for entry in entries {
        let number = entry.number.to_string();
        let Ok(told) = Told::read(&entry.text) else {
            let dash = || "-".to_owned();
            table.row([number, dash(), dash(), dash(), "this entry cannot be read".to_owned()]);
            continue;
        };
        let what = match event(entry) {
            Ok(event) => event.in_words(),
            Err(_) => "an entry of a later release".to_owned(),
        };
        let (when, who) = if whole {
            (shown::moment(told.at), told.author.clone())
        } else {
            (shown::short_moment(told.at, now), shown::person(&told.author))
        };
        table.row([number, when, who, PlainText::bounded(&told.action, 20).into(), what]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_entries_are_those_before_the_head() {
        assert_eq!([newest(1, 20), newest(20, 20), newest(21, 20), newest(500, 1)], [1, 1, 2, 500]);
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_shown_as_it_stands() {
        let entry = |text: &str| StoredEntry { number: 7, text: text.to_owned(), digest: "sha256:0".to_owned() };
        assert_eq!(document(&entry("x")), json!({"number": 7, "unreadable": "x", "digest": "sha256:0"}));
        assert_eq!(document(&entry(r#"{"number":7}"#)), json!({"number": 7, "digest": "sha256:0"}));
    }
}
