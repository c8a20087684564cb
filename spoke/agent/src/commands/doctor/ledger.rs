//! Checks the hub's resources that a spoke uses: the role to assume, the two tables, and the lease.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use pmp_aws::{ApiError, assume_role_now};
use pmp_doctor::Session;
use pmp_ledger::{
    AnswerStore, AnswersHead, DynamoAnswers, DynamoLeases, DynamoReceipts, DynamoReports, DynamoSnapshots, LedgerError,
    Organization, ReceiptStore, Reports, SnapshotStore, TableName,
};
use pmp_protocol::{
    Drift, ExperienceId, Hint, Needs, OrganizationId, OrganizationSeen, Receipt, ReceiptStatus, SnapshotVersion, alike,
};
use pmp_signature::TrustedKeys;
use pmp_terminal::checkup::{Finding, Stage};
use pmp_terminal::{Source, age, count, export};

use super::{listed, meant};
use crate::compose;
use crate::config::{
    DoctorConfig, EXPERIENCE, EXTERNAL_ID, FILTER_CONFIG, FILTERS, HUB_ROLE, MEMBERS, SNAPSHOTS, TIMESTAMPS, TRUSTED,
    acting_for,
};
use crate::error::SpokeError;
use crate::pass::beside::Beside;
use crate::pass::snapshot;
use crate::pass::trust::{judge, trusted_before};

/// A spoke is silent if it has finished no pass for this long: three times the usual hour between a
/// hub's announcements.
const SILENT: SignedDuration = SignedDuration::from_hours(3);

/// Makes the checks `hub-role`, `snapshots-table`, `timestamps-table`, `sign-of-life` and `lease`.
/// Also returns the identity of this spoke in the hub's account.
pub(super) async fn examine(
    session: &Session,
    config: &DoctorConfig,
    organization: Option<&OrganizationId>,
) -> (Vec<Finding>, Option<SdkConfig>) {
    let rest = ["snapshots-table", "timestamps-table", "sign-of-life", "lease", "trusted-keys"].into_iter();
    let Some(organization) = organization else {
        let because = session.because().unwrap_or("`organization` failed");
        return (["hub-role"].into_iter().chain(rest).map(|check| Finding::skipped(check, because)).collect(), None);
    };
    let mut hub = None;
    let role = session
        .look("hub-role", Ok(()), async |()| {
            let (finding, acting) = assume(session, config, organization).await;
            hub = acting;
            finding
        })
        .await;
    let Some(hub) = hub else {
        let because = session.because().unwrap_or("`hub-role` failed");
        return ([role].into_iter().chain(rest.map(|check| Finding::skipped(check, because))).collect(), None);
    };
    let experience = config.experience.as_ref().ok_or(EXPERIENCE);
    let with = |table: Option<&TableName>, source: Source| -> Result<(ExperienceId, TableName), Source> {
        Ok((experience?.clone(), table.cloned().ok_or(source)?))
    };
    let mut seen = None;
    let (snapshots, timestamps, lease, trusted) = tokio::join!(
        async {
            let found =
                session.look("snapshots-table", with(config.snapshots.as_ref(), SNAPSHOTS), |(experience, table)| {
                    snapshots(&hub, experience, table, config.timestamps.clone())
                });
            let found = found.await;
            // A table that answers is the right one, whatever else is wrong with what it holds.
            if experience.is_err() {
                found.command(Stage::Settings, meant::experience(&hub, config).await)
            } else if config.snapshots.is_none() || may_be_wrong(&found) && !answers_at_all(&hub, config).await {
                named(found, SNAPSHOTS, meant::snapshots(&hub, config).await)
            } else {
                found
            }
        },
        async {
            let found = session
                .look("timestamps-table", with(config.timestamps.as_ref(), TIMESTAMPS), async |(experience, table)| {
                    let store = DynamoReceipts::new(&hub, table.clone());
                    match store.organization(organization, &experience).await {
                        Ok(found) => {
                            let receipts = count(found.receipts.len(), "receipt");
                            seen = Some(found);
                            let finding = Finding::of("timestamps-table").note(table.as_str()).note(receipts);
                            match store.mark(&experience).await {
                                Ok(_) => finding,
                                Err(error) => unread_mark(finding, &error),
                            }
                        }
                        Err(error) => failed(Finding::of("timestamps-table"), &error, TIMESTAMPS),
                    }
                })
                .await;
            let wrong = experience.is_err() || config.timestamps.is_none() || may_be_wrong(&found);
            let meant = if wrong { meant::timestamps(&hub, config, organization).await } else { None };
            named(found, TIMESTAMPS, meant)
        },
        session.look("lease", config.timestamps.clone().ok_or(TIMESTAMPS), |table| lease(&hub, table, organization)),
        async {
            let Some(keys) = &config.trusted else {
                let note = format!("{TRUSTED} is not set: what the ledger says is believed, signed or not");
                return session.judge(Finding::skipped("trusted-keys", &note)).await;
            };
            let needed = with(config.snapshots.as_ref(), SNAPSHOTS)
                .and_then(|found| Ok((found, config.timestamps.clone().ok_or(TIMESTAMPS)?)));
            session
                .look("trusted-keys", needed, |((experience, snapshots), timestamps)| {
                    trust(&hub, experience, snapshots, timestamps, organization, keys)
                })
                .await
        },
    );
    // It is the same table, of which its own check has said what is wrong.
    let lease = if lease.is_failed() && timestamps.is_failed() {
        Finding::skipped("lease", "`timestamps-table` failed")
    } else {
        lease
    };
    let life = match &seen {
        Some(seen) => {
            let beside = Beside::of(config.selection.scope(), seen);
            let now = compose::clock().now();
            let filters =
                config.filters.as_ref().is_none_or(|rules| rules.assigned().any(|(_, filter)| filter.is_some()));
            others(sign_of_life(&own(seen, &beside), filters, now), &beside, now)
        }
        None => Finding::skipped("sign-of-life", "`timestamps-table` was not read"),
    };
    let life = session.judge(life).await;
    (vec![role, snapshots, timestamps, life, lease, trusted], Some(hub))
}

/// Whether another table may have been meant. What passes by itself says nothing of the settings.
fn may_be_wrong(table: &Finding) -> bool {
    table.is_failed() && !table.is_passing()
}

/// The finding about a table, where another one answers that was `meant`: then it is the setting
/// that is wrong, and no permission is missing.
fn named(finding: Finding, source: Source, meant: Option<TableName>) -> Finding {
    let Some(meant) = meant else { return finding };
    let command = export(source.variable, meant.as_str());
    let told = format!("check {source}: did you mean `{meant}`?");
    let finding = if finding.is_failed() { finding.fix_instead(told) } else { finding };
    finding.command(Stage::Settings, command)
}

/// Whether the table of snapshots that is set answers about the experience.
async fn answers_at_all(hub: &SdkConfig, config: &DoctorConfig) -> bool {
    let (Some(experience), Some(table)) = (&config.experience, &config.snapshots) else { return false };
    DynamoSnapshots::new(hub, table.clone()).head(experience).await.is_ok()
}

/// The hub's answers about products. The error is `None` if the hub has stored none.
pub(super) async fn answers(hub: &SdkConfig, config: &DoctorConfig) -> Result<AnswersHead, Option<LedgerError>> {
    let (Some(experience), Some(table)) = (&config.experience, &config.snapshots) else { return Err(None) };
    DynamoAnswers::new(hub, table.clone()).latest(experience).await.map_err(Some)?.ok_or(None)
}

/// The management experiences besides this spoke's own that the ledger holds. Empty where it cannot
/// be asked, which the check of the table says.
pub(super) async fn others_published(hub: Option<&SdkConfig>, config: &DoctorConfig) -> BTreeSet<ExperienceId> {
    let (Some(hub), Some(table)) = (hub, config.timestamps.clone()) else { return BTreeSet::new() };
    let mut known = DynamoReports::new(hub, table).management_experiences().await.unwrap_or_default();
    known.retain(|known| Some(known) != config.experience.as_ref());
    known
}

/// Assumes the hub's role, if one is set.
async fn assume(
    session: &Session,
    config: &DoctorConfig,
    organization: &OrganizationId,
) -> (Finding, Option<SdkConfig>) {
    let (finding, sdk) = (Finding::of("hub-role"), &session.sdk);
    let Some(role) = config.hub_role.clone() else {
        if let Some((theirs, mine)) = accounts_differ(session, config)
            && is_refused(sdk, config).await
        {
            let problem =
                format!("the tables belong to {theirs} and you are {mine}, whom they refuse: {HUB_ROLE} is not set");
            let fix = format!("set {HUB_ROLE} to the role that the hub's operators made for this organization");
            return (finding.fail(problem, fix), None);
        }
        return (finding.note(format!("{HUB_ROLE} is not set: own credentials")), Some(sdk.clone()));
    };
    let role = acting_for(role, organization);
    match assume_role_now(sdk, &role).await {
        Ok(hub) => (finding.note(role.arn), Some(hub)),
        Err(error) if error.is_access_denied() => {
            let meant = meant::role(sdk, config, &role, organization).await;
            (refused(finding, &error).command(Stage::Settings, meant), None)
        }
        Err(error) => {
            let finding = pmp_doctor::failed(finding, &error);
            (finding.or(format!("check {HUB_ROLE} and {EXTERNAL_ID}")), None)
        }
    }
}

/// The account of the tables and that of the caller, if they differ.
fn accounts_differ<'a>(session: &'a Session, config: &'a DoctorConfig) -> Option<(&'a str, &'a str)> {
    let mine = session.caller.as_ref().ok()?.account.as_str();
    let tables = [&config.snapshots, &config.timestamps].into_iter().flatten();
    tables.filter_map(TableName::account).find(|theirs| *theirs != mine).map(|theirs| (theirs, mine))
}

/// Whether the caller may not read the ledger. The tables' policy may admit another account without
/// a role.
async fn is_refused(sdk: &SdkConfig, config: &DoctorConfig) -> bool {
    let (Some(experience), Some(table)) = (&config.experience, &config.snapshots) else { return false };
    let head = DynamoSnapshots::new(sdk, table.clone()).head(experience).await;
    head.is_err_and(|error| error.api().is_some_and(ApiError::is_access_denied))
}

/// STS does not say which condition of the trust policy was not met. This lists the possible ones.
fn refused(finding: Finding, error: &ApiError) -> Finding {
    // If AWS names the policy that refuses, it is none of the conditions.
    if error.refuser().is_some() {
        return pmp_doctor::failed(finding, error);
    }
    finding
        .fail(
            error.to_string(),
            format!("check {HUB_ROLE} and {EXTERNAL_ID} with the hub's operators: the role's trust policy names both, this account or role, and `aws:PrincipalOrgID`"),
        )
        .fail(
            "AWS does not say whether the role's trust policy refuses, a policy of this account, or a guard rail of an \
             organization",
            error.hint(),
        )
}

pub(super) fn failed(finding: Finding, error: &LedgerError, source: Source) -> Finding {
    let fix = match error {
        LedgerError::NoTable(_) => {
            Some(format!("check {source}: name, account and region; in another account it takes an ARN, or {HUB_ROLE}"))
        }
        error => {
            error.hint().or_else(|| Some(format!("check that {source} names the right one of the hub's two tables")))
        }
    };
    finding.fail(error.to_string(), fix).passing(error.api().is_some_and(ApiError::is_passing))
}

/// The hint for an experience without a snapshot, if the ledger knows these other ones.
pub(crate) fn unknown(experience: &ExperienceId, known: &BTreeSet<ExperienceId>) -> String {
    let publish = "let the hub publish once (`pmp-hub publish`)";
    if let Some(meant) = alike(experience.as_str(), known).first() {
        return format!("did you mean `{meant}`? Check {EXPERIENCE}; or {publish}");
    }
    if known.is_empty() {
        return format!("{publish}, or check {EXPERIENCE}");
    }
    let known = listed(&known.iter().map(ExperienceId::as_str).collect::<Vec<_>>());
    format!("check {EXPERIENCE}: the ledger holds snapshots of {known}; or {publish}")
}

/// The finding if the hub's confirmations, or its high-water mark, cannot be read.
fn unread_mark(finding: Finding, error: &LedgerError) -> Finding {
    if error.api().is_some_and(|error| error.is_access_denied() && error.refuser().is_none()) {
        return finding.warn(
            "the role may not read what the hub says: its confirmations do not arrive, and a ledger that was restored is not told",
            "ask the hub's operators to update this member's role (`hub-member`): it reads `hub#heads` and its own `hub#…`"
                .to_owned(),
        );
    }
    failed(finding, error, TIMESTAMPS)
}

async fn snapshots(
    hub: &SdkConfig,
    experience: ExperienceId,
    table: TableName,
    timestamps: Option<TableName>,
) -> Finding {
    let finding = Finding::of("snapshots-table").note(table.as_str());
    let store = DynamoSnapshots::new(hub, table);
    let mark = match timestamps.clone() {
        // If the mark cannot be read, the check `timestamps-table` says so.
        Some(timestamps) => DynamoReceipts::new(hub, timestamps).mark(&experience).await.ok().flatten(),
        None => None,
    };
    let head = match store.head(&experience).await {
        Ok(head) if mark.is_some_and(|mark| head.as_ref().is_none_or(|head| mark.version > head.latest)) => {
            let (head, stored) =
                (head.map(|head| head.latest), mark.map_or(SnapshotVersion::FIRST, |mark| mark.version));
            let restored = SpokeError::Restored { head, stored };
            return finding.fail(restored.to_string(), restored.hint());
        }
        Ok(Some(head)) => head,
        Ok(None) => {
            let known = match timestamps {
                Some(timestamps) => {
                    DynamoReports::new(hub, timestamps).management_experiences().await.unwrap_or_default()
                }
                None => BTreeSet::new(),
            };
            let meant = alike(experience.as_str(), &known);
            // Without any, this one may be right, and its first snapshot still to come.
            let meant = meant.first().copied().or_else(|| known.first().filter(|_| known.len() == 1));
            let command = meant.and_then(|meant| export(EXPERIENCE.variable, meant.as_str()));
            return finding
                .warn(format!("no snapshot of {experience} yet"), unknown(&experience, &known))
                .command(Stage::Settings, command);
        }
        Err(error) => return failed(finding, &error, SNAPSHOTS),
    };
    // The snapshot is read whole and verified (rule 0), as a pass reads it.
    match snapshot::in_force(&store, &experience, &head, &[]).await {
        Ok(snapshot) => {
            let (digest, ago) = (snapshot.digest().short(), age(head.taken_at, compose::clock().now()));
            finding.note(format!("snapshot {} ({digest}), taken {ago} ago", head.latest))
        }
        Err(SpokeError::Ledger(error)) => failed(finding, &error, SNAPSHOTS),
        Err(error) => finding.fail(error.to_string(), pmp_doctor::way_out(&error)),
    }
}

/// Checks whether the keys vouch for the head, as a pass does (rule 9).
async fn trust(
    hub: &SdkConfig,
    experience: ExperienceId,
    snapshots: TableName,
    timestamps: TableName,
    organization: &OrganizationId,
    keys: &TrustedKeys,
) -> Finding {
    let named = keys.keys().iter().map(|key| format!("{} key {}", key.kind(), key.id().short()));
    let finding = named.fold(Finding::of("trusted-keys"), Finding::note);
    let head = match DynamoSnapshots::new(hub, snapshots).head(&experience).await {
        Ok(Some(head)) => head,
        Ok(None) => return finding.note("no snapshot to verify yet"),
        Err(error) => return failed(finding, &error, SNAPSHOTS),
    };
    let before = match DynamoReceipts::new(hub, timestamps).trusted(organization, &experience).await {
        Ok(before) => before.and_then(|envelope| trusted_before(&envelope, keys, &experience)),
        Err(error) => return failed(finding, &error, TIMESTAMPS),
    };
    match judge(&head, keys, &experience, before.as_ref(), compose::clock().now()) {
        Ok(statement) => finding.note(format!(
            "snapshot {} is signed by {}, until {}",
            statement.version,
            statement.key_id.short(),
            statement.expires_at
        )),
        Err(refusal) => {
            finding.fail(format!("snapshot {} is not trusted: {refusal}", head.latest), refusal.hint().to_owned())
        }
    }
}

/// The items of this spoke alone, if the organization has several.
fn own(found: &Organization, beside: &Beside) -> Organization {
    let seen = found.sign_of(&beside.me().id).cloned();
    let receipts = found.receipts.iter().filter(|receipt| !beside.is_anothers(receipt)).cloned().collect();
    Organization { seen, receipts, ..found.clone() }
}

/// Names the organization's other spokes: those with different experiences, and those that share
/// some with this one.
fn others(finding: Finding, beside: &Beside, now: Timestamp) -> Finding {
    let name = |seen: &OrganizationSeen| seen.spoke.as_ref().map_or_else(String::new, |spoke| spoke.id.clone());
    let finding = beside.neighbours().fold(finding, |finding, seen| {
        let (kept, ago) = (count(seen.experiences, "experience"), age(seen.last_seen, now));
        finding
            .note(format!("another spoke, `{}`, keeps {kept} of its own in step, and was seen {ago} ago", name(seen)))
    });
    let recent = |seen: &OrganizationSeen| now.duration_since(seen.last_seen) <= SILENT;
    let finding = beside.overlapping().filter(|(seen, _)| recent(seen)).fold(finding, |finding, (seen, spoke)| {
        let same = match (&spoke.selected, &beside.me().selected) {
            (Some(theirs), Some(mine)) => {
                listed(&theirs.intersection(mine).map(ExperienceId::as_str).collect::<Vec<_>>())
            }
            (Some(some), None) | (None, Some(some)) => {
                listed(&some.iter().map(ExperienceId::as_str).collect::<Vec<_>>())
            }
            (None, None) => "all experiences".to_owned(),
        };
        let (account, ago) = (&seen.account, age(seen.last_seen, now));
        finding
            .warn(
                format!(
                    "another spoke, `{}` in account {account}, keeps {same} in step, too, and was seen {ago} ago",
                    spoke.id
                ),
                format!(
                    "give each spoke its own {MEMBERS}; where this one has taken its place, its next pass ends this"
                ),
            )
            .command(Stage::Run, sync())
    });
    beside.introduction().rivals.iter().fold(finding, |finding, rival| {
        finding.warn(
            format!(
                "`{rival}` and this spoke, `{}`, keep some of the same experiences in step, turn by turn",
                beside.me().id
            ),
            format!("give each spoke its own {MEMBERS}"),
        )
    })
}

/// Checks when the spoke last finished a pass, and its result. `filters`: whether there are any.
fn sign_of_life(found: &Organization, filters: bool, now: Timestamp) -> Finding {
    let finding = Finding::of("sign-of-life");
    // A pass may take back what a person set and the spoke leaves: that is not for a pasted
    // command.
    let is_left = |receipt: &Receipt| receipt.drift.as_ref().is_some_and(Drift::is_left);
    let again = || (!found.receipts.iter().any(is_left)).then(sync);
    let Some(seen) = &found.seen else {
        let fix = "let the hub announce (`pmp-hub publish`), or run `pmp-spoke sync`; where announcements do not come, look for a resource \
                   control policy on queues (docs/deploy.md, \"Data perimeters\")"
            .to_owned();
        return finding.warn("no pass has finished yet", fix).command(Stage::Run, sync());
    };
    let ago = age(seen.last_seen, now);
    let finding = if now.duration_since(seen.last_seen) > SILENT {
        finding
            .warn(
                format!("the last pass finished {ago} ago"),
                "look whether the spoke runs, whether messages wait in its queue, and what its log says".to_owned(),
            )
            .command(Stage::Run, again())
    } else {
        finding.note(format!("the last pass finished {ago} ago"))
    };
    let finding = match &seen.error {
        Some(error) => finding.warn(error, None).command(Stage::Run, again()),
        None => finding,
    };
    let finding = match &seen.needs {
        Some(Needs { schema }) => {
            let problem = format!("a message has the schema `{schema}`, which this spoke does not read");
            finding.warn(problem, "install a newer spoke".to_owned())
        }
        None => finding,
    };
    let finding = seen.disputed.iter().fold(finding, |finding, it| {
        let (member, version, digest) = (&it.member_experience, it.version, it.digest.short());
        finding.warn(
            format!(
                "a receipt of {member} for snapshot {version} ({digest}) did not match the ledger, and was replaced"
            ),
            "find out who other than the spoke writes with the hub's role for this organization".to_owned(),
        )
    });
    let finding = found.unreadable.iter().fold(finding, |finding, it| {
        finding.warn(format!("the item `{}` cannot be read: {}", it.key, it.problem), None)
    });
    let mut warnings = BTreeMap::<&str, Vec<&str>>::new();
    for receipt in &found.receipts {
        for warning in &receipt.filter_warnings {
            warnings.entry(warning).or_default().push(receipt.member_experience.as_str());
        }
    }
    let finding = warnings.into_iter().fold(finding, |finding, (warning, members)| {
        let fix = format!("check {FILTER_CONFIG}, or {FILTERS} where there are rules");
        // Without a filter, the next pass takes the warning back.
        let command = if filters { None } else { again() };
        finding.warn(format!("{}: the filter warns: {warning}", listed(&members)), fix).command(Stage::Run, command)
    });
    let well = |status| matches!(status, ReceiptStatus::InSync | ReceiptStatus::Skipped | ReceiptStatus::Applying);
    found.receipts.iter().filter(|receipt| !well(receipt.status)).fold(finding, |finding, receipt| {
        let error = receipt.error.as_deref().unwrap_or_default();
        let told = format!("{} {}: {error}", receipt.member_experience, receipt.status);
        if is_left(receipt) {
            let decide = "decide with the person who changed it (`pmp-hub drift`): they take it back, or the hub approves it; PMP_DRIFT=heal sets \
                          it back with the next pass";
            return finding.warn(told, decide.to_owned());
        }
        // What a guard rail holds is for a person to confirm.
        let command = if receipt.status == ReceiptStatus::Held { None } else { again() };
        finding.warn(told, None).command(Stage::Run, command)
    })
}

/// The command that lets this spoke look now.
fn sync() -> String {
    "pmp-spoke sync".to_owned()
}

/// Shows who holds the lease. It does not test whether the lease can be written.
async fn lease(hub: &SdkConfig, table: TableName, organization: &OrganizationId) -> Finding {
    let (finding, now) = (Finding::of("lease"), compose::clock().now());
    match DynamoLeases::new(hub, table).current(organization).await {
        Ok(None) => finding.note("free, and never taken"),
        Ok(Some(lease)) if lease.is_free(now) => finding.note("free"),
        Ok(Some(lease)) if lease.is_odd(now) => finding.warn(
            format!("held by {}", lease.describe(now)),
            "a spoke that waits takes it after a term without a renewal; or delete the item `lease` of this organization"
                .to_owned(),
        )
        .command(Stage::Run, "pmp-spoke sync --wait".to_owned()),
        Ok(Some(lease)) => finding.note(format!("held by {}", lease.describe(now))),
        Err(error) => failed(finding, &error, TIMESTAMPS),
    }
}
