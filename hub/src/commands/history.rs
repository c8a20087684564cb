//! `history`, `show` and `diff`: show the versions that the ledger keeps.

mod diff;

pub(crate) use diff::diff;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use aws_config::SdkConfig;
use clap::Args;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use pmp_catalog::{ChangeHistory, RateLimits, Scope, SdkCatalog};
use pmp_ledger::{
    DynamoReceipts, DynamoRollouts, DynamoSnapshots, KeptVersion, LedgerError, ReceiptStore, SnapshotStore, TableName,
};
use pmp_protocol::{
    Content, Digest, ExperienceId, NamedProduct, Note, Pin, ProductId, ResourceRequests, Snapshot, SnapshotVersion,
    one_line,
};
use pmp_terminal::{
    Exit, Failure, Frame, Output, OutputFormat, Table, age, count, cut, fold, parse_duration, progress,
};
use serde::Serialize;
use serde_json::json;

use super::look::no_snapshot;
use super::not_kept;
use super::plan::seal;
use crate::commands::mistyped;
use crate::compose;
use crate::config::{ConfigArgs, Named};
use crate::error::{HubError, sdk};
use crate::inspect::change_sets::{Brought, begin_of, brought, in_words, known_since};
use crate::inspect::difference;
use crate::inspect::difference::ListedProduct;
use crate::inspect::not_published::{InForce, Next};
use crate::publish::read;
use crate::render::status::person;
use crate::rollout::state::OnTheWay;
use crate::status::named::Names;

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Only what was taken since then: a time ago (36h, 7d), a day (2026-11-24) or a moment
    /// (2026-11-24T12:00:00Z), in UTC
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Also say which change sets of the management experience each brought, as the catalog tells:
    /// the 20 newest. AWS CloudTrail says, under the id of one, who started it
    #[arg(long)]
    change_sets: bool,
    /// All of them, and not only one screen
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The snapshot; without it, the newest
    #[arg(value_name = "VERSION")]
    version: Option<SnapshotVersion>,
    /// All products, and not only one screen
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The snapshot to compare; without it, the newest
    #[arg(value_name = "VERSION")]
    before: Option<SnapshotVersion>,
    /// With what: a snapshot, or `now`, which reads the management experience
    #[arg(value_name = "VERSION|now", default_value = "now")]
    after: Side,
    /// What changed since then: the last snapshot from before it, and the newest. Times are those
    /// of `history`
    #[arg(long, value_name = "TIME", conflicts_with = "before")]
    since: Option<Since>,
    /// All products, and not only one screen
    #[arg(long)]
    all: bool,
}

/// The moment from which snapshots or outcomes are listed, as a person writes it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Since {
    Ago(SignedDuration),
    At(Timestamp),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self::At(at));
        }
        if text.parse::<Date>().is_ok() {
            return {
                let midnight = format!("{text}T00:00:00Z").parse();
                midnight.map(Self::At).map_err(|_| format!("`{text}` is a day that no clock tells"))
            };
        }
        let ago = parse_duration(text).ok().and_then(|ago| SignedDuration::try_from(ago).ok());
        ago.map(Self::Ago).ok_or_else(|| {
            "neither a time ago (36h, 7d), nor a day (2026-11-24), nor a moment (2026-12-01T06:00:00Z)".to_owned()
        })
    }
}

impl Since {
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(at) => at,
        }
    }
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Kept(SnapshotVersion),
    Now,
}

impl FromStr for Side {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "now" {
            return Ok(Self::Now);
        }
        text.parse().map(Self::Kept).map_err(|_| "neither a version (1, 2, 3 …) nor `now`".to_owned())
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(version) => write!(f, "{version}"),
            Self::Now => f.write_str("now"),
        }
    }
}

/// A version that the ledger keeps.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Row {
    /// The number of the snapshot.
    version: SnapshotVersion,
    /// The digest of its content.
    digest: Digest,
    /// When the hub read it.
    #[cfg_attr(test, schemars(with = "pmp_protocol::schema::DateTime"))]
    taken_at: Timestamp,
    /// How many products it approves; none where the hub that stored it did not write that down.
    approved: Option<usize>,
    /// How many it rejects.
    rejected: Option<usize>,
    /// Whether it is the newest.
    in_force: bool,
    /// The pin of the fleet for which it was stored: who went back to which version, when and why;
    /// none where it is what the management experience said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<Pin>,
    /// The change sets of the management experience that it brought, the newest first, as far as
    /// the catalog tells of them; absent where that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    change_sets: Option<Vec<Brought>>,
}

impl Row {
    /// What every row has, as the columns of a spreadsheet.
    const COLUMNS: &[&str] = &["version", "digest", "taken_at", "approved", "rejected", "in_force"];
}

/// The columns of the products of one version, and of those that differ between two.
const LISTED: &[&str] = &["product", "listed", "note"];
const CHANGED: &[&str] = &["product", "before", "after", "note_before", "note_after"];

/// Everything that the three commands read from.
struct History {
    experience: ExperienceId,
    snapshots: DynamoSnapshots,
    /// The table of snapshots.
    table: TableName,
    /// The table that names other management experiences, if it is set.
    timestamps: Option<TableName>,
    named: Named,
    sdk: SdkConfig,
}

impl History {
    async fn open(config: &ConfigArgs) -> Result<Self, Failure> {
        let (experience, table, timestamps) = config.for_history()?;
        let sdk = sdk().await?;
        let named = config.named();
        Ok(Self { experience, snapshots: DynamoSnapshots::new(&sdk, table.clone()), table, timestamps, named, sdk })
    }

    /// Adds the change sets that each version brought. Where the catalog does not tell, a hint says
    /// why, and the rest is listed all the same.
    async fn attribute(&self, kept: &[KeptVersion], rows: &mut [Row]) {
        let Some(oldest) = rows.last() else { return };
        let since = begin_of(kept, oldest.version);
        let catalog = SdkCatalog::new(&self.sdk, RateLimits::default());
        let past = async |scope| catalog.past_change_sets(&self.experience, scope, since).await;
        // A delegated administrator sees the change sets of others only as shared.
        let found = match past(Scope::Own).await {
            Ok(own) if own.is_empty() => past(Scope::SharedWithMe).await,
            found => found,
        };
        match found {
            Ok(found) => {
                let (mut of, known_since) = (brought(kept, &found), known_since(&found));
                for row in rows.iter_mut().filter(|row| begin_of(kept, row.version) >= known_since) {
                    row.change_sets = Some(of.remove(&row.version).unwrap_or_default());
                }
            }
            Err(error) => progress::note(&format!("hint: the change sets are not known: {}", one_line(&error))),
        }
    }

    /// The version that the ledger's head names. It is an error if nothing was stored yet.
    async fn newest(&self) -> Result<SnapshotVersion, Failure> {
        let head = self.snapshots.head(&self.experience).await.map_err(ledger)?;
        match head {
            Some(head) => Ok(head.latest),
            None => {
                let meant = mistyped::meant(&self.sdk, self.timestamps.as_ref(), &self.named, &self.experience).await;
                Err(no_snapshot(&self.experience, meant.as_ref()))
            }
        }
    }

    /// What is known of these products. Names are a help, and no more: where they cannot be read,
    /// there are none.
    async fn names<'a>(&self, products: impl Iterator<Item = &'a ProductId>) -> Vec<NamedProduct> {
        Names::read(&self.sdk, &self.table, &self.experience).await.of_known(products)
    }

    /// The last snapshot that was taken before `since`, and the newest one. If none that old is
    /// kept, the oldest one that is.
    async fn around(&self, since: Timestamp) -> Result<(SnapshotVersion, SnapshotVersion), Failure> {
        let newest = self.newest().await?;
        let kept = self.snapshots.versions(&self.experience).await.map_err(ledger)?;
        let (before, is_kept) = last_before(&kept, newest, since);
        if !is_kept {
            progress::note(&format!(
                "snapshot {before} is the oldest that is kept, and was taken later: what changed until then is not known"
            ));
        }
        Ok((before, newest))
    }

    async fn fetch(&self, version: SnapshotVersion) -> Result<Snapshot, Failure> {
        match self.snapshots.fetch(&self.experience, version).await {
            Ok(snapshot) => Ok(snapshot),
            Err(error @ LedgerError::NoSnapshot { .. }) => {
                // If the ledger does not know the experience, this is the error, because there is
                // no list of versions either.
                self.newest().await?;
                Err(not_kept::told(&self.snapshots, &self.experience, version, error).await)
            }
            Err(error) => Err(ledger(error)),
        }
    }

    /// What the next run makes of what the management experience says now. Without the table that
    /// knows of pins and waves, or where it cannot be read, nobody says more than that it differs.
    async fn next(&self, content: &Content) -> Result<Next, Failure> {
        let Some(timestamps) = &self.timestamps else { return Ok(Next::Published) };
        let receipts = DynamoReceipts::new(&self.sdk, timestamps.clone());
        let rollouts = DynamoRollouts::new(&self.sdk, timestamps.clone());
        let (fleet, waves) =
            tokio::join!(receipts.direction(&self.experience, None), OnTheWay::look(&rollouts, &self.experience),);
        let (fleet, waves) = match (fleet, waves) {
            (Ok(fleet), Ok(waves)) => (fleet, waves),
            (Err(error), _) | (_, Err(error)) => {
                let error = one_line(&error);
                progress::note(&format!("hint: whether the next run publishes this is not known: {error}"));
                return Ok(Next::Published);
            }
        };
        let in_force = InForce { fleet: fleet.direction(), waves: waves.kept() };
        let digest = match in_force.asks_for_content() {
            true => Some(seal(&self.experience, content)?.digest()),
            false => None,
        };
        let head = self.snapshots.head(&self.experience).await.map_err(ledger)?;
        Ok(in_force.next(digest, head.map(|head| head.latest)))
    }

    async fn content(&self, side: Side) -> Result<Content, Failure> {
        match side {
            Side::Kept(version) => Ok(self.fetch(version).await?.content().clone()),
            Side::Now => {
                let catalog = SdkCatalog::new(&self.sdk, RateLimits::default());
                match read::management_experience(&catalog, &self.experience).await {
                    Ok(content) => Ok(content),
                    Err(error) => Err(mistyped::told(&self.sdk, self.timestamps.as_ref(), &self.named, error).await),
                }
            }
        }
    }
}

fn ledger(error: LedgerError) -> Failure {
    HubError::Ledger(error).into()
}

/// Lists the versions that are kept, newest first.
pub(crate) async fn history(config: &ConfigArgs, args: &HistoryArgs, output: Output) -> Result<Exit, Failure> {
    let history = History::open(config).await?;
    let newest = history.newest().await?;
    let now = compose::clock().now();
    let since = args.since.map_or(Timestamp::MIN, |since| since.at(now));
    let kept = history.snapshots.versions(&history.experience).await.map_err(ledger)?;
    let mut rows = rows(&kept, newest, since);
    if args.change_sets {
        history.attribute(&kept, &mut rows).await;
    }
    if output.is_document() {
        output.document(&json!({"experience": history.experience, "versions": rows}))?;
    } else if rows.is_empty() && output.is_table() {
        output.line(&format!("No snapshot since {}. The newest is {newest}.", since.strftime("%Y-%m-%d %H:%M:%SZ")))?;
    } else {
        let summary = format!("{} kept", count(kept.len(), "version"));
        output.list_on_a_screen(
            "versions",
            Row::COLUMNS,
            &rows,
            table(&rows, output.format == OutputFormat::Wide, now),
            &summary,
            args.all,
        )?;
    }
    Ok(Exit::Ok)
}

fn rows(kept: &[KeptVersion], newest: SnapshotVersion, since: Timestamp) -> Vec<Row> {
    let row = |kept: &KeptVersion| Row {
        version: kept.version,
        digest: kept.digest,
        taken_at: kept.taken_at,
        approved: kept.counts.map(|counts| counts.approved),
        rejected: kept.counts.map(|counts| counts.rejected),
        in_force: kept.version == newest,
        pinned: kept.pinned.clone(),
        change_sets: None,
    };
    // A restored table may hold versions above its head. No spoke ever followed them.
    let follows = |kept: &&KeptVersion| kept.version <= newest && kept.taken_at >= since;
    kept.iter().rev().filter(follows).map(row).collect()
}

/// The last version that was taken before `since`, up to `newest`. If there is none, the oldest
/// version and `false`.
fn last_before(kept: &[KeptVersion], newest: SnapshotVersion, since: Timestamp) -> (SnapshotVersion, bool) {
    let mut kept = kept.iter().filter(|kept| kept.version <= newest);
    let oldest = kept.clone().next().map_or(newest, |kept| kept.version);
    let last = kept.rfind(|kept| kept.taken_at < since).map(|kept| kept.version);
    (last.unwrap_or(oldest), last.is_some())
}

fn table(rows: &[Row], wide: bool, now: Timestamp) -> Table {
    // A column only where there is something in it.
    let pinned = rows.iter().any(|row| row.pinned.is_some());
    let mut header = vec!["VERSION", "TAKEN", "AGE", "APPROVED", "REJECTED", "DIGEST"];
    header.extend(pinned.then_some("PINNED"));
    let told = rows.iter().any(|row| row.change_sets.is_some());
    header.extend(told.then_some("CHANGE-SETS"));
    let mut table = Table::new(&header);
    let or_dash = |number: Option<usize>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    for row in rows {
        let mut cells = vec![
            row.version.to_string(),
            row.taken_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            age(row.taken_at, now),
            or_dash(row.approved),
            or_dash(row.rejected),
            row.digest.short(),
        ];
        let by = |pin: &Pin| if wide { pin.by.clone() } else { person(&pin.by) };
        let pin = row.pinned.as_ref().map(|pin| format!("to {} by {}: {}", pin.version, by(pin), pin.reason));
        cells.extend(pinned.then(|| pin.unwrap_or_else(|| "-".to_owned())));
        cells.extend(told.then(|| row.change_sets.as_deref().map_or_else(|| "not known".to_owned(), in_words)));
        table.row(cells);
    }
    table
}

/// Lists the products of one version.
pub(crate) async fn show(config: &ConfigArgs, args: &ShowArgs, output: Output) -> Result<Exit, Failure> {
    let history = History::open(config).await?;
    let version = match args.version {
        Some(version) => version,
        None => history.newest().await?,
    };
    let snapshot = history.fetch(version).await?;
    let content = snapshot.content();
    let products = difference::products(content);
    let names = history.names(products.iter().map(|listed| &listed.product)).await;
    if output.is_document() {
        output.document(&json!({
            "experience": history.experience, "version": version, "digest": snapshot.digest(),
            "taken_at": snapshot.taken_at(), "policy_resource_requests": content.policy_resource_requests(),
            "products": products, "names": names,
        }))?;
        return Ok(Exit::Ok);
    }
    if output.is_table() && output.header {
        let taken = snapshot.taken_at().strftime("%Y-%m-%d %H:%M:%SZ");
        let (digest, requests) = (snapshot.digest().short(), allowed(content.policy_resource_requests()));
        let headline =
            format!("{}, snapshot {version} ({digest}), taken {taken}; requests {requests}", history.experience);
        output.lines(fold(&headline, Frame::columns()))?;
    }
    let named = NameColumn::of(&names);
    let mut table = named.table(&["PRODUCT", "LISTED", NameColumn::TITLE, "NOTE"]);
    for ListedProduct { product, listed, note } in &products {
        let cells = [product.to_string(), listed.as_str().to_owned()].into_iter().chain(named.cell(product, output));
        table.row(cells.chain([or_dash(note.as_ref())]));
    }
    output.list_on_a_screen("products", LISTED, &products, table, &content.counts().to_string(), args.all)?;
    Ok(Exit::Ok)
}

/// The column with the names of products; there is none where nothing is known of any.
struct NameColumn<'a>(BTreeMap<&'a ProductId, &'a NamedProduct>);

impl<'a> NameColumn<'a> {
    const TITLE: &'static str = "NAME";

    fn of(names: &'a [NamedProduct]) -> Self {
        Self(names.iter().map(|named| (&named.id, named)).collect())
    }

    /// A table with these columns, without this one where it would be empty.
    fn table(&self, columns: &[&'static str]) -> Table {
        let shown = columns.iter().copied().filter(|column| *column != Self::TITLE || !self.0.is_empty());
        Table::new(&shown.collect::<Vec<_>>())
    }

    /// The cell of a product: as much of its name as stands beside the other columns on a screen,
    /// and all of it where there is room.
    fn cell(&self, product: &ProductId, output: Output) -> Option<String> {
        /// With an id of AWS's own and the list beside it, a line has 80 columns.
        const WIDTH: usize = 32;
        let wider = Frame::room() - Frame::WIDTH;
        let name = self.0.get(product).map_or_else(|| "-".to_owned(), |named| named.known());
        let name = if output.format == OutputFormat::Wide { name } else { cut(&name, WIDTH + wider) };
        (!self.0.is_empty()).then_some(name)
    }
}

fn or_dash(note: Option<&Note>) -> String {
    note.map_or("-", Note::as_str).to_owned()
}

fn allowed(requests: ResourceRequests) -> &'static str {
    match requests {
        ResourceRequests::Allow => "allowed",
        ResourceRequests::Deny => "denied",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_a_day_and_a_time_ago_are_taken_and_nothing_else() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("7d", "2026-11-17T12:00:00Z"),
            ("36h", "2026-11-23T00:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("2026-11-20T08:30:00Z", "2026-11-20T08:30:00Z"),
        ] {
            assert_eq!(text.parse::<Since>().unwrap().at(now).to_string(), expected, "{text}");
        }
        for text in ["", "tuesday", "7", "2026-13-01"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_newest_comes_first_and_nothing_above_the_head() {
        let kept = |number, taken_at: &str| KeptVersion {
            version: SnapshotVersion::new(number).unwrap(),
            digest: Digest::of(b"it"),
            taken_at: taken_at.parse().unwrap(),
            counts: None,
            pinned: None,
        };
        let all = [
            kept(1, "2026-11-01T00:00:00Z"),
            kept(2, "2026-11-02T00:00:00Z"),
            kept(3, "2026-11-03T00:00:00Z"),
            kept(4, "2026-11-04T00:00:00Z"),
        ];
        let shown = rows(&all, SnapshotVersion::new(3).unwrap(), "2026-11-02T00:00:00Z".parse().unwrap());
        let shown: Vec<_> = shown.iter().map(|row| (row.version.get(), row.in_force)).collect();
        assert_eq!(shown, [(3, true), (2, false)]);
        for (since, expected) in [("2026-11-03", (2, true)), ("2026-11-09", (3, true)), ("2026-11-01", (1, false))] {
            let since = since.parse::<Since>().unwrap().at(Timestamp::MIN);
            let (before, is_kept) = last_before(&all, SnapshotVersion::new(3).unwrap(), since);
            assert_eq!((before.get(), is_kept), expected, "{since}");
        }
    }
}
