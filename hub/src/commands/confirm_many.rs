//! `confirm` for several organizations, or for one cause. It lists the held experiences, and
//! confirms each of them, and only the listed ones.

use std::collections::BTreeSet;

use clap::Args;
use futures::StreamExt;
use jiff::SignedDuration;
use pmp_audit::Event;
use pmp_ledger::{DynamoReceipts, Head, LedgerError, ReceiptStore};
use pmp_protocol::{Confirmed, Halted, OperatorConfirmation, SnapshotVersion};
use pmp_terminal::{Exit, Failure, Output, ask, count, progress};
use pmp_waves::WaveName;
use serde_json::json;

use super::announce::announce;
use super::caller;
use super::look::meant;
use crate::audit::Auditor;
use crate::commands::select::{SelectArgs, in_wave};
use crate::compose;
use crate::config::{ConfigArgs, SILENCE};
use crate::confirm::{IN_ONE_ENTRY, whom};
use crate::error::{HubError, sdk};
use crate::inspect::exceptions;
use crate::inspect::exceptions::HeldGroup;
use crate::render::color;
use crate::render::page::{Block, Page, who};
use crate::status::fleet::{Fleet, View};
use crate::status::{SpokeState, SpokeStatus};
use crate::{confirm, status};

/// Confirmations that are written at the same time.
const AT_ONCE: usize = 16;

/// What is let through, where it is more than one organization.
#[derive(Debug, Args)]
pub(crate) struct ManyArgs {
    /// All that is held at the newest snapshot
    #[arg(long)]
    all: bool,
    /// What is held for these causes, as `exceptions` names them, separated by commas
    #[arg(long, value_name = "CAUSE,…", value_delimiter = ',', conflicts_with = "all")]
    cause: Vec<String>,
    #[command(flatten)]
    select: SelectArgs,
    /// What is held in the organizations of this wave
    #[arg(long, value_name = "NAME")]
    wave: Option<WaveName>,
    /// Do not ask; without --cause, only together with --snapshot
    #[arg(long)]
    yes: bool,
    /// Only if this is the newest snapshot
    #[arg(long, value_name = "VERSION")]
    snapshot: Option<SnapshotVersion>,
}

impl ManyArgs {
    /// Whether the arguments may mean more than one organization.
    pub(crate) fn are_given(&self) -> bool {
        self.all || !self.cause.is_empty() || !self.select.organizations.is_empty() || self.wave.is_some()
    }

    /// Chooses the groups that the arguments name.
    fn choose<'a>(&self, held: Vec<HeldGroup<'a>>, head: &Head) -> Result<Vec<HeldGroup<'a>>, Failure> {
        let version = head.latest;
        let look = "`pmp-hub exceptions` shows what is held now".to_owned();
        if let Some(wanted) = self.snapshot.filter(|wanted| *wanted != version) {
            let error = format!("snapshot {wanted} is not the newest: {version} is");
            return Err(Failure::new("E4046", error).hint(look).exit(Exit::Refused));
        }
        if let Some(unknown) = self.cause.iter().find(|cause| held.iter().all(|held| held.id != **cause)) {
            let error =
                format!("no held plans have the number `{unknown}`: it is mistyped, or what is held has changed");
            let meant = meant(unknown, held.iter().map(|held| held.id.as_str()));
            return Err(Failure::new("E4047", error).hint(meant).hint(look).exit(Exit::Refused));
        }
        let chosen: Vec<_> =
            held.into_iter().filter(|held| self.cause.is_empty() || self.cause.contains(&held.id)).collect();
        if chosen.is_empty() {
            return Err(Failure::new("E4048", format!("nothing is held at snapshot {version}")).hint(look));
        }
        Ok(chosen)
    }

    /// Whether the operator agrees, after seeing the list.
    fn agreed(&self, question: &str, version: SnapshotVersion) -> Result<bool, Failure> {
        if self.yes && self.cause.is_empty() && self.snapshot.is_none() {
            let error = "`--yes` would confirm experiences that nobody has reviewed, unless it names the snapshot or the causes";
            let hint = format!("for what is listed above: `--yes --snapshot {version}`");
            return Err(Failure::new("E4049", error).hint(hint).exit(Exit::Refused));
        }
        if self.yes {
            return Ok(true);
        }
        ask(question).map_err(|error| Failure::tried("E1753", "cannot ask", error))?.ok_or_else(|| {
            let error = "nothing is confirmed: there is no terminal to ask on";
            let hint = format!("for what is listed above: `--yes --snapshot {version}`");
            Failure::new("E4050", error).hint(hint).exit(Exit::Refused)
        })
    }
}

pub(crate) async fn confirm_many(
    config: &ConfigArgs,
    args: &ManyArgs,
    announces: bool,
    output: Output,
) -> Result<Exit, Failure> {
    let (config, topic) = config.for_confirm()?;
    let sdk = sdk().await?;
    // Read consistently, because the confirmations are written for exactly this state.
    let fleet = Fleet::consistent(&sdk, &config.snapshots, &config.timestamps, config.members.clone());
    let view = fleet.look(&config.experience).await.map_err(HubError::Ledger)?;
    let silence = SignedDuration::try_from(SILENCE).unwrap_or(SignedDuration::MAX);
    let mut rows = args.select.select(&view, status::judge::rows(&view, compose::clock().now(), silence))?;
    if let Some(wave) = &args.wave {
        in_wave(&view, wave, &mut rows)?;
    }
    let Some(head) = &view.head else { return Err(confirm::Refusal::NoSnapshot.into()) };
    let chosen = args.choose(exceptions::held(&rows, Some(head)), head)?;
    let held: Vec<&SpokeStatus> = chosen.iter().flat_map(|held| held.group.members.iter().copied()).collect();
    let version = head.latest;

    page(&chosen).frame(usize::MAX).plain().iter().for_each(|line| progress::note(line));
    let what = format!("{} of ", count(held.len(), "experience"));
    let what = who(&what, held.iter().map(|row| &row.organization));
    let what = what.split(':').next().unwrap_or_default();
    if !args.agreed(&format!("Let through {what}, for snapshot {version}?"), version)? {
        output.line("Nothing is confirmed.")?;
        return Ok(Exit::Refused);
    }

    let confirmed = Confirmed { by: caller(&sdk).await?, at: compose::clock().now() };
    let confirmations: Vec<_> = held
        .iter()
        .map(|row| OperatorConfirmation {
            organization: row.organization.clone(),
            experience: config.experience.clone(),
            member_experience: row.member_experience.clone(),
            version,
            digest: head.digest,
            confirmed: confirmed.clone(),
        })
        .collect();
    let receipts = DynamoReceipts::new(&sdk, config.timestamps.clone());
    let auditor = compose::auditor(&sdk, &config.timestamps, &config.experience);
    let Written { in_force, failure } = write(&receipts, &auditor, &confirmations).await?;
    let all = confirmations.len();
    too_old(&view, &held, version);
    let announced = match topic.filter(|_| announces) {
        Some(topic) => Some(announce(&sdk, config, topic, head).await?),
        None => None,
    };
    let halted = halted(&view, &held);
    if failure.is_some() {
        progress::note("Not all of it is confirmed.");
    }
    if output.is_table() {
        let what = match in_force.len() {
            done if done == all => what.to_owned(),
            done => format!("{done} of {}", count(all, "experience")),
        };
        let next = match halted {
            Some(halted) => confirm::not_before_it_goes_on(halted),
            None if announced.is_some() => "Announced it again: the spokes take it up within seconds.".to_owned(),
            None => "The spokes take it up with the next announcement.".to_owned(),
        };
        output.lines([format!("Confirmed snapshot {version} for {what}."), next])?;
    } else {
        output.document(&json!({"confirmations": in_force, "announced": announced, "halted": halted}))?;
    }
    failure.map_or(Ok(Exit::Ok), Err)
}

/// The confirmations that are in force by now, in their order, and why they are not all.
#[derive(Debug)]
struct Written<'a> {
    in_force: Vec<&'a OperatorConfirmation>,
    failure: Option<Failure>,
}

/// Writes confirmations of one snapshot, and before that into the audit that they are asked for.
///
/// # Errors
/// Where none of them is in force.
async fn write<'a>(
    receipts: &dyn ReceiptStore,
    auditor: &Auditor,
    confirmations: &'a [OperatorConfirmation],
) -> Result<Written<'a>, Failure> {
    let (mut in_force, mut failure) = (Vec::new(), None);
    for (index, part) in confirmations.chunks(IN_ONE_ENTRY).enumerate() {
        let Some(OperatorConfirmation { version, digest, .. }) = part.first() else { break };
        let event = Event::Confirm { whom: part.iter().map(whom).collect(), version: *version, content: *digest };
        let asked = match in_force.is_empty() {
            true => auditor.asked(event).await?,
            false => match auditor.asked_further(event).await {
                Ok(asked) => asked,
                // What was confirmed before is in force, and is announced.
                Err(error) => {
                    let left = confirmations.len() - index * IN_ONE_ENTRY;
                    failure.get_or_insert(error.hint(not_confirmed(left)));
                    break;
                }
            },
        };
        let put = async |it| (it, receipts.put_confirmation(it).await);
        let puts = futures::stream::iter(part).map(put).buffered(AT_ONCE);
        // One that cannot be confirmed keeps none of the others from it.
        let put: Vec<(&OperatorConfirmation, Result<(), LedgerError>)> = puts.collect().await;
        let mut failed = Vec::new();
        for (confirmation, put) in put {
            match put {
                Ok(()) => in_force.push(confirmation),
                Err(error) => failed.push((confirmation, error)),
            }
        }
        let (number, some) = (failed.len(), failed.len() < part.len());
        let whom: BTreeSet<_> = failed.iter().filter(|_| some).map(|(it, _)| it.organization.clone()).collect();
        if let Some((_, error)) = failed.into_iter().next() {
            let error = Failure::from(HubError::Ledger(error)).hint(not_confirmed(number));
            let error = asked.failed(error, whom.into_iter().collect()).await;
            if in_force.is_empty() {
                return Err(error);
            }
            failure.get_or_insert(error);
        }
    }
    Ok(Written { in_force, failure })
}

/// The hint that says how many are left.
fn not_confirmed(number: usize) -> String {
    format!("{} not confirmed; the same again confirms what is left", count(number, "experience"))
}

/// The halt that keeps one of these from beginning with what is confirmed.
fn halted<'a>(view: &'a View, held: &[&SpokeStatus]) -> Option<&'a Halted> {
    let held: BTreeSet<_> = held.iter().map(|row| &row.organization).collect();
    let organizations = view.reports().map(|report| &report.organization).filter(|it| held.contains(&it.id));
    let fleet = view.fleet.direction();
    organizations
        .filter_map(|it| confirm::waits_for_a_halt(fleet, view.direction(&it.id), &it.receipts))
        .min_by_key(|it| it.version)
}

/// The page of everything that would be confirmed. It is not cut, because nothing is confirmed
/// unseen.
fn page(chosen: &[HeldGroup<'_>]) -> Page {
    let block = |held: &HeldGroup<'_>| {
        let group = &held.group;
        let experiences = format!("{} of ", count(group.members.len(), "experience"));
        Block {
            word: SpokeState::Held.as_str().to_owned(),
            color: color::of_state(SpokeState::Held),
            head: who(&experiences, group.members.iter().map(|row| &row.organization)),
            text: group.cause.clone(),
        }
    };
    Page { blocks: chosen.iter().map(block).collect(), ..Page::default() }
}

/// Names the spokes of an earlier release, which do not read the confirmation from where it is
/// written.
fn too_old(view: &View, held: &[&SpokeStatus], version: SnapshotVersion) {
    let organizations = view.reports().map(|report| &report.organization);
    let held: BTreeSet<_> = held.iter().map(|row| &row.organization).collect();
    let concerned = organizations.filter(|organization| held.contains(&organization.id));
    concerned.filter_map(|organization| confirm::too_old(organization, version)).for_each(|hint| progress::note(&hint));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;
    use jiff::Timestamp;
    use pmp_ledger::testing::MemoryLedger;
    use pmp_ledger::{AuditHead, AuditStore, NewAuditEntry, StoredEntry};
    use pmp_protocol::testing::{experience, now, organization, version};
    use pmp_protocol::{Digest, ExperienceId};
    use pmp_runtime::Clock;

    use super::*;

    #[derive(Debug)]
    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            now()
        }
    }

    /// An audit that takes so many entries, and fails after that.
    #[derive(Debug)]
    struct Full(MemoryLedger, AtomicU64);

    #[async_trait]
    impl AuditStore for Full {
        async fn head(&self, experience: &ExperienceId) -> Result<Option<AuditHead>, LedgerError> {
            AuditStore::head(&self.0, experience).await
        }

        async fn append(&self, entry: &NewAuditEntry<'_>) -> Result<bool, LedgerError> {
            if self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                self.0.fail();
            }
            AuditStore::append(&self.0, entry).await
        }

        async fn page(&self, experience: &ExperienceId, from: u64, to: u64) -> Result<Vec<StoredEntry>, LedgerError> {
            AuditStore::page(&self.0, experience, from, to).await
        }

        async fn seen(&self, experience: &ExperienceId) -> Result<Vec<u8>, LedgerError> {
            AuditStore::seen(&self.0, experience).await
        }
    }

    async fn written(entries: u64) -> Result<(usize, Option<Failure>), Failure> {
        let confirmation = |number: usize| OperatorConfirmation {
            organization: organization("o-alpha00000"),
            experience: experience("exp-management"),
            member_experience: Some(experience(&format!("exp-{number}"))),
            version: version(8),
            digest: Digest::of(b"eight"),
            confirmed: Confirmed { by: "ada".to_owned(), at: now() },
        };
        let confirmations: Vec<_> = (0..IN_ONE_ENTRY + 200).map(confirmation).collect();
        let (ledger, audit) = (MemoryLedger::default(), Full(MemoryLedger::default(), AtomicU64::new(entries)));
        let auditor = Auditor::of(Arc::new(audit), experience("exp-management"), Arc::new(Fixed), "ada");
        let written = write(&ledger, &auditor, &confirmations).await?;
        let kept = ledger.organization(&organization("o-alpha00000"), &experience("exp-management")).await.unwrap();
        assert_eq!(kept.confirmations.len(), written.in_force.len());
        Ok((written.in_force.len(), written.failure))
    }

    #[tokio::test]
    async fn what_is_in_force_is_told_where_the_audit_fails_after_it() {
        let (all, failure) = written(2).await.unwrap();
        assert_eq!((all, failure.is_none()), (IN_ONE_ENTRY + 200, true));
        let (some, failure) = written(1).await.unwrap();
        assert_eq!(some, IN_ONE_ENTRY);
        let told = failure.unwrap().render();
        assert!(told.contains("the rest was not done, because it cannot be written into the audit"), "{told}");
        assert!(told.contains("200 experiences not confirmed; the same again confirms what is left"), "{told}");
        let nothing = written(0).await.unwrap_err().render();
        assert!(nothing.contains("nothing was done, because it cannot be written into the audit"), "{nothing}");
    }
}
