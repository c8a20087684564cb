//! The commands that set what was meant, where a setting names what is not there: an experience, a
//! table or a topic. What the account has is listed, which nothing else needs: where that is not
//! permitted, there is no command.

use pmp_aws::{DEFAULT_REGION, TopicArn};
use pmp_doctor::{Session, meant};
use pmp_ledger::schema::{Table, with_keys_of};
use pmp_ledger::{DynamoReports, Reports, TableName};
use pmp_terminal::checkup::{Finding, Stage, Verdict};
use pmp_terminal::{Source, export};

use super::INIT;
use crate::config::{DoctorConfig, EXPERIENCE, SNAPSHOTS, TIMESTAMPS};

/// The only management experience that the ledger knows, where none is set.
pub(super) async fn experience(session: &Session, config: &DoctorConfig) -> Option<String> {
    session.caller.as_ref().ok()?;
    let reports = DynamoReports::new(&session.sdk, config.timestamps.clone()?);
    let known = reports.management_experiences().await.ok()?;
    let mut known = known.iter();
    let only = known.next().filter(|_| known.next().is_none())?;
    export(EXPERIENCE.variable, only.as_str())
}

/// The finding about one of the two tables, with the command that names the right one, or makes it.
pub(super) async fn table(session: &Session, config: &DoctorConfig, finding: Finding, table: Table) -> Finding {
    let (source, named) = match table {
        Table::Snapshots => (SNAPSHOTS, config.snapshots.as_ref()),
        Table::SyncTimestamps => (TIMESTAMPS, config.timestamps.as_ref()),
    };
    // It is skipped where no experience is known, and the table may be a wrong one all the same.
    let is_open = finding.verdict() == Verdict::Skipped || named.is_none() && finding.verdict() != Verdict::Ok;
    if session.caller.is_err() || finding.is_passing() || !(finding.is_failed() || is_open) {
        return finding;
    }
    match find(session, config, table, source, named).await {
        Found::Meant(command) => finding.command(Stage::Settings, command),
        // A table by another name may hold the ledger in a place that was not looked at; a new one
        // beside it harms nothing, and the settings name it already.
        Found::None if finding.is_failed() && named.is_some() => finding.command(Stage::Resources, INIT.to_owned()),
        Found::None | Found::NotKnown => finding,
    }
}

enum Found {
    /// The command that sets what was meant.
    Meant(Option<String>),
    /// There is no such table anywhere.
    None,
    /// The one that is named is there: something else is wrong. Or several may be meant.
    NotKnown,
}

async fn find(
    session: &Session,
    config: &DoctorConfig,
    table: Table,
    source: Source,
    named: Option<&TableName>,
) -> Found {
    let wanted = named.map_or("", |table| table.as_str().rsplit('/').next().unwrap_or_default());
    let configured = session.sdk.region().map(AsRef::as_ref).unwrap_or(DEFAULT_REGION);
    // The topic is in the region of the tables.
    let mut regions = vec![configured];
    regions.extend(named.and_then(TableName::region));
    regions.extend(config.topic.as_ref().map(TopicArn::region));
    regions.push(DEFAULT_REGION);
    let mut any = false;
    for (position, region) in regions.iter().enumerate() {
        if regions[..position].contains(region) {
            continue;
        }
        let known = with_keys_of(&pmp_aws::in_region(&session.sdk, region), table, wanted).await;
        let is_plain = named.is_some_and(|named| named.region().is_none());
        let account = session.caller.as_ref().ok().map(|caller| caller.account.as_str());
        let is_this = named.is_some_and(|named| named.region() == Some(region) && named.account() == account);
        if known.iter().any(|name| name == wanted) {
            return match *region == configured {
                true if is_plain || is_this => Found::NotKnown,
                // An ARN with another account, or another region.
                true => Found::Meant(export(source.variable, wanted)),
                false if is_plain => Found::Meant(export("AWS_REGION", region)),
                false => Found::NotKnown,
            };
        }
        any |= !known.is_empty();
        let names: Vec<_> = known.iter().map(String::as_str).collect();
        if *region == configured
            && let Some(meant) = meant::one_of(wanted, &names)
        {
            return Found::Meant(export(source.variable, meant));
        }
    }
    if any { Found::NotKnown } else { Found::None }
}

/// The command that names the topic that was meant. `except` is a topic for something else.
pub(super) async fn topic(
    session: &Session,
    source: Source,
    wanted: Option<&TopicArn>,
    except: Option<&TopicArn>,
) -> Option<String> {
    let configured = session.sdk.region().map(AsRef::as_ref);
    let mut regions = vec![wanted.map(TopicArn::region), configured, Some(DEFAULT_REGION)];
    regions.dedup();
    for region in regions.into_iter().flatten() {
        let found = meant::topic(&session.sdk, region, wanted, except).await;
        if let Some(found) = found.filter(|found| wanted.is_none_or(|wanted| wanted.as_str() != found)) {
            return export(source.variable, &found);
        }
    }
    None
}
