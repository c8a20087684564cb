//! `report`: every decision, product by product, organization by organization; or the page of the
//! fleet.
//!
//! The decisions are printed while they are made: of one organization at a time, so their number
//! costs no memory.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use futures::StreamExt;
use pmp_protocol::OrganizationId;
use pmp_terminal::{Exit, Failure, Output, OutputFormat, Records, count, print_document, progress};

use super::look::{hints, no_snapshot};
use super::serve::see;
use super::why::{At, Place, versions};
use crate::compose;
use crate::config::{ConfigArgs, StaleAfter, StatusConfig};
use crate::error::HubError;
use crate::inspect::kept::KeptWhole;
use crate::inspect::report::{Asked, ReportRow};
use crate::status::fleet::Fleet;
use crate::status::named::Names;
use crate::web::page::{self, Shown};

/// What stands for standard output where a file is named.
const STANDARD_OUTPUT: &str = "-";
/// Organizations whose records are read ahead.
const AHEAD: usize = 4;

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// As CSV, for a spreadsheet: the same as `-o csv`
    #[arg(long)]
    csv: bool,
    /// Write the fleet as one page into this file (`-` for standard output): how it stands, why, on
    /// which versions and filters, and what changed. The page needs no other file and no network
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csv", "at", "organizations"])]
    html: Option<PathBuf>,
    /// As it was decided then: by a snapshot (42), or at a time: ago (36h, 7d), a day (2026-11-24)
    /// or a moment, in UTC
    #[arg(long, value_name = "VERSION|TIME")]
    at: Option<At>,
    /// Only these member organizations: o-…, separated by commas
    #[arg(long = "org", value_name = "ORG,…", value_delimiter = ',')]
    organizations: Vec<OrganizationId>,
    #[command(flatten)]
    stale: StaleAfter,
}

pub(crate) async fn report(config: &ConfigArgs, args: &ReportArgs, output: Output) -> Result<Exit, Failure> {
    if let Some(path) = &args.html {
        return write_page(config, args, path).await;
    }
    let format = if args.csv { OutputFormat::Csv } else { output.format };
    if !matches!(format, OutputFormat::Csv | OutputFormat::Ndjson) {
        let error = "a report has a row for each product in each member experience: it is not printed in this form";
        let hint = "there are `--csv` (`-o csv`) for a spreadsheet, `-o ndjson` for a program, and `--html FILE` for a page of the fleet";
        return Err(Failure::new("E4059", error).hint(hint.to_owned()));
    }
    let place = Place::open(config).await?;
    let StatusConfig { experience, snapshots, timestamps, members } = &place.config;
    let fleet = Fleet::new(&place.sdk, snapshots, timestamps, members.clone());
    let (view, names) = tokio::join!(fleet.look(experience), Names::read(&place.sdk, snapshots, experience));
    let view = view.map_err(HubError::Ledger)?;
    let Some(head) = &view.head else {
        return Err(no_snapshot(experience, fleet.meant(experience).await.map_err(HubError::Ledger)?.as_ref()));
    };
    if let Some(unknown) = args.organizations.iter().find(|id| view.looked.iter().all(|looked| looked.id != **id)) {
        return Err(super::look::nobody(&view, unknown));
    }
    let now = compose::clock().now();
    let (moment, version) = place.moment(args.at, head.latest, now).await?;
    let mut kept = KeptWhole::default();
    let mut records = Records::new(Output { format, ..output }, ReportRow::COLUMNS);
    let wanted = |id: &OrganizationId| args.organizations.is_empty() || args.organizations.contains(id);
    let looked = view.looked.iter().filter(|looked| wanted(&looked.id));
    let known = looked.map(|looked| place.known_of(&view, looked));
    let mut known = futures::stream::iter(known).buffered(AHEAD);
    while let Some(known) = known.next().await {
        let versions = versions(&view, std::slice::from_ref(&known), moment, version, false);
        kept.read(&place.snapshots, experience, &versions).await.map_err(HubError::Ledger)?;
        if !kept.has(version) {
            let error = format!("snapshot {version} is not in the ledger any more");
            return Err(Failure::new("E4060", error)
                .hint("`pmp-hub history` lists the versions that are kept (PMP_KEEP_VERSIONS)".to_owned()));
        }
        let asked = Asked { view: &view, kept: &kept, versions: &versions, names: &names, version, moment, now };
        for row in asked.rows(&known) {
            if !records.add(&row)? {
                return Ok(Exit::Ok);
            }
        }
    }
    records.finish()?;
    if let Some(left_out) = &view.left_out {
        progress::note(&format!("hint: {left_out}"));
    }
    Ok(Exit::Ok)
}

async fn write_page(config: &ConfigArgs, args: &ReportArgs, path: &Path) -> Result<Exit, Failure> {
    let (_, seen) = see(config, &args.stale).await?;
    let html = page::render(&seen, Shown::File);
    if path == Path::new(STANDARD_OUTPUT) {
        print_document(&html)?;
        hints(&seen.view);
        return Ok(Exit::Ok);
    }
    write_whole(path, &html)
        .map_err(|error| Failure::tried("E1751", format!("cannot write `{}`", path.display()), error))?;
    let organizations = count(seen.view.looked.len(), "organization");
    progress::note(&format!("Wrote {}: {organizations}, {} kB.", path.display(), html.len().div_ceil(1_000)));
    hints(&seen.view);
    Ok(Exit::Ok)
}

/// Writes the file beside its place and moves it there: nobody ever reads half a page, and what was
/// there before stays where this fails.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(io::ErrorKind::IsADirectory)?);
    name.push(".new");
    let beside = path.with_file_name(name);
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path).inspect_err(|_| {
        // It is of no use to anybody. That it cannot be removed either changes nothing.
        let _left = std::fs::remove_file(&beside);
    })
}
