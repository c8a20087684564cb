//! Checks the two tables, and what lies in them.

use aws_config::SdkConfig;
use jiff::SignedDuration;
use pmp_aws::ApiError;
use pmp_catalog::{CatalogError, SdkDirectory, tells_of_listings, tells_of_products};
use pmp_doctor::{Session, told};
use pmp_ledger::schema::{self, Expiry, Table};
use pmp_ledger::{
    AnswerStore, DynamoAnswers, DynamoReceipts, DynamoSnapshots, EXPIRES_AT, LedgerError, ReceiptStore, SnapshotStore,
    TableName,
};
use pmp_protocol::{ExperienceId, Hint, LAYOUT_OF_PARTS};
use pmp_terminal::checkup::{Finding, Stage};
use pmp_terminal::{Source, age, count};

use super::{INIT, PUBLISH, meant};
use crate::compose;
use crate::config::{DoctorConfig, EXPERIENCE, SNAPSHOTS, TIMESTAMPS};
use crate::error::HubError;
use crate::render::status as shown;
use crate::status;
use crate::status::fleet::{Fleet, Restored, View};

/// The details of findings if nothing was published yet, and if no spoke has reported yet.
pub(super) const NO_SNAPSHOT: &str = "no snapshot yet";
pub(super) const NO_REPORT: &str = "none has reported yet";

/// The finding for a ledger error, with the setting that names the table.
pub(super) fn ledger_failed(finding: Finding, error: &LedgerError, source: Source) -> Finding {
    let fix = match error {
        LedgerError::NoTable(_) => {
            Some(format!("check {source}: name, account and region; a template makes the table, or `pmp-hub init`"))
        }
        error => error.hint().or_else(|| Some(format!("check that {source} names the right one of the two tables"))),
    };
    finding.fail(error.to_string(), fix).passing(error.api().is_some_and(ApiError::is_passing))
}

/// Checks the keys of a table, if the caller may describe it. Reading the table tests them as well.
async fn keys(sdk: &SdkConfig, table: Table, name: &TableName, finding: Finding, source: Source) -> Finding {
    match schema::check(sdk, table, name).await {
        Ok(()) => finding.note(name.as_str()),
        Err(LedgerError::Api { error, .. }) if error.is_access_denied() => finding.note(name.as_str()),
        Err(error) => ledger_failed(finding, &error, source),
    }
}

pub(super) async fn snapshots(
    sdk: &SdkConfig,
    experience: &ExperienceId,
    table: &TableName,
    timestamps: Option<&TableName>,
) -> Finding {
    let finding = keys(sdk, Table::Snapshots, table, Finding::of("snapshots-table"), SNAPSHOTS).await;
    if finding.is_failed() {
        return finding;
    }
    let store = DynamoSnapshots::new(sdk, table.clone());
    // The mark is read before the head, so that a version that is stored in between does not look
    // like a loss. The check of its own table reports an error.
    let mark = match timestamps {
        Some(timestamps) => DynamoReceipts::new(sdk, timestamps.clone()).mark(experience).await.ok().flatten(),
        None => None,
    };
    let head = match store.head(experience).await {
        Ok(head) => head,
        Err(error) => return ledger_failed(finding, &error, SNAPSHOTS),
    };
    if let Some(restored) = Restored::find(mark.as_ref(), head.as_ref()) {
        return told(finding, &HubError::Restored(restored).into());
    }
    let Some(head) = head else {
        let finding = finding.warn(NO_SNAPSHOT, "publish one: `pmp-hub publish`".to_owned());
        return finding.command(Stage::Run, PUBLISH.to_owned());
    };
    let ago = age(head.taken_at, compose::clock().now());
    let finding = finding.note(format!("snapshot {} ({}), taken {ago} ago", head.latest, head.digest.short()));
    let finding = if head.published == Some(head.latest) {
        finding
    } else {
        finding
            .warn("stored, and not published yet", "publish it: `pmp-hub publish`".to_owned())
            .command(Stage::Run, PUBLISH.to_owned())
    };
    let finding = if head.is_large() {
        finding.note(format!("in {} parts: spokes read it from layout {LAYOUT_OF_PARTS} of the ledger on", head.chunks))
    } else {
        finding
    };
    match store.fetch(experience, head.latest).await {
        Ok(_) => finding,
        Err(error) => ledger_failed(finding, &error, SNAPSHOTS),
    }
}

/// Checks that products can be looked up for the members' filters, and counts the facts that are
/// known.
pub(super) async fn products(sdk: &SdkConfig, experience: &ExperienceId, table: &TableName) -> Finding {
    let finding = Finding::of("products");
    let directory = SdkDirectory::new(sdk);
    let (listed, product) = tokio::join!(tells_of_listings(&directory), tells_of_products(&directory));
    let failed = |finding: Finding, error: Option<CatalogError>| match error {
        Some(error) => finding.fail(error.to_string(), pmp_doctor::way_out(&error)),
        None => finding,
    };
    let finding = failed(failed(finding, listed.err()), product.err());
    match DynamoAnswers::new(sdk, table.clone()).latest(experience).await {
        Ok(Some(head)) => {
            let (products, ago) = (count(head.products, "product"), age(head.at, compose::clock().now()));
            finding.note(format!("{products} looked up, stored {ago} ago"))
        }
        Ok(None) => finding
            .warn("none were looked up yet", "publish once: `pmp-hub publish`".to_owned())
            .command(Stage::Run, PUBLISH.to_owned()),
        Err(error) => ledger_failed(finding, &error, SNAPSHOTS),
    }
}

/// Checks that DynamoDB deletes the members' expired records, if the caller may read that setting.
async fn expiry(sdk: &SdkConfig, table: &TableName, finding: Finding) -> Finding {
    let fix = || {
        format!(
            "`aws dynamodb update-time-to-live --table-name {} --time-to-live-specification \
             Enabled=true,AttributeName={EXPIRES_AT}`, or update the hub's stack",
            table.as_str()
        )
    };
    match schema::expiry(sdk, table).await {
        Ok(Expiry::Off) => finding
            .warn("records of decisions are not deleted when they are past their time", fix())
            .command(Stage::Resources, INIT.to_owned()),
        Ok(Expiry::Other(attribute)) => {
            finding.warn(format!("its TTL goes by `{attribute}`: records of decisions stay"), fix())
        }
        Ok(Expiry::On) | Err(_) => finding,
    }
}

/// Checks the table of receipts, the receipts in it, and the number of admitted organizations if
/// the roster can be read.
pub(super) async fn spokes(
    session: &Session,
    config: &DoctorConfig,
    stale_after: SignedDuration,
) -> ([Finding; 2], Option<usize>, Option<View>) {
    const TABLE: &str = "timestamps-table";
    let Some(table) = &config.timestamps else {
        let finding = Finding::of(TABLE).warn(
            format!("{TIMESTAMPS} is not set"),
            "set it: `status`, `confirm` and the metrics about spokes need it".to_owned(),
        );
        let finding = meant::table(session, config, finding, Table::SyncTimestamps).await;
        return ([finding, Finding::skipped("spokes", &format!("{TIMESTAMPS} is not set"))], None, None);
    };
    let mut view = None;
    let mut unread = "`timestamps-table` was not read";
    let finding = session
        .look(TABLE, config.experience.as_ref().ok_or(EXPERIENCE), async |experience| {
            let finding = keys(&session.sdk, Table::SyncTimestamps, table, Finding::of(TABLE), TIMESTAMPS).await;
            if finding.is_failed() {
                return finding;
            }
            let finding = expiry(&session.sdk, table, finding).await;
            // Without the table of snapshots there is nothing to compare with. Its own check says
            // what is wrong.
            let snapshots = config.snapshots.as_ref().unwrap_or(table);
            let fleet = Fleet::new(&session.sdk, snapshots, table, config.members.clone());
            match fleet.look(experience).await {
                Ok(found) => {
                    let finding = finding.note(count(found.looked.len(), "organization"));
                    view = Some(found);
                    finding
                }
                // The head and the digests are in the other table, whose own check says what is
                // wrong.
                Err(error) if error.table().is_some_and(|failed| failed == snapshots && failed != table) => {
                    unread = "`snapshots-table` was not read";
                    finding
                }
                Err(error) => ledger_failed(finding, &error, TIMESTAMPS),
            }
        })
        .await;
    let finding = meant::table(session, config, finding, Table::SyncTimestamps).await;
    let Some(view) = view else {
        return ([finding, Finding::skipped("spokes", unread)], None, None);
    };
    let rows = status::judge::rows(&view, compose::clock().now(), stale_after);
    let spokes = Finding::of("spokes");
    let spokes = match &view.roster {
        Some(roster) => spokes.note(format!("{} admitted", count(roster.len(), "organization"))),
        None => spokes.note("nobody is admitted: the receipts of every organization count"),
    };
    let spokes = if rows.is_empty() {
        spokes.warn(NO_REPORT, "deploy a spoke, and look at it with `pmp-spoke doctor`".to_owned())
    } else if rows.iter().all(|row| row.state.is_healthy()) {
        spokes.note(shown::summary(&view, &rows))
    } else {
        spokes.warn(shown::summary(&view, &rows), "`pmp-hub status` says which, and why".to_owned())
    };
    let spokes = match &view.left_out {
        Some(left_out) => spokes.warn(left_out.clone(), None),
        None => spokes,
    };
    let admitted = view.roster.as_ref().map(|roster| roster.len());
    ([finding, session.judge(spokes).await], admitted, Some(view))
}
