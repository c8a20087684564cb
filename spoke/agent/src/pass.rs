//! One pass: all member experiences, against one snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use pmp_catalog::{Catalog, ChangeHistory, ChangeSetId};
use pmp_ledger::{LeaseStore, LeaseTerm, LedgerError, ReceiptStore, SnapshotStore};
use pmp_plan::{Confirmation, Desired, GuardRails};
use pmp_protocol::{
    ChangeSetTimes, Confirmed, Decisions, DriftHandling, ExperienceId, LEDGER_LAYOUT, OrganizationSeen,
    QuarantinedProduct, Receipt, ReceiptStatus, ResourceRequests, Snapshot, SnapshotVersion, confirmed,
};
use pmp_terminal::progress::{Step, step};
use pmp_terminal::{Stop, StopReason};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::apply::{Active, Applied, Engine, EngineSettings, Order};
use crate::attributes::{Attributes, Known, LookUpError};
use crate::beside::Beside;
use crate::drift::{self, Judged};
use crate::error::one_line;
use crate::filter_rules::FilterRules;
use crate::filters::{Chosen, Filters, InForce};
use crate::lease::{Leases, holder};
use crate::member::{
    Absent, Candidate, Discovered, Live, Member, Selection, discover, leave_management_alone, read_policies,
};
use crate::mode::Mode;
use crate::narrow::{Exhausted, Narrowed, narrow};
use crate::receipt::{Draft, Earlier, MAX_REASONS, Progress, SPOKE_VERSION, now, tells_nothing_new, told};
use crate::record::{Recorder, Records};
use crate::reporter::Reporter;
use crate::standing::{SignOfLife, Standing};
use crate::trust::Trust;
use crate::{Identity, SpokeError, Tally, erosion, set_aside};

/// Experiences that are worked on at once. The catalog's rate limits set the pace, not this; it bounds the memory.
const SIDE_BY_SIDE: usize = 100;
/// Policies that are read in one call. Where nothing is to be done, their lists are gone before the next call is made.
const POLICIES: usize = 20;
/// Runs of the filter at once: each has a memory of its own, and keeps a processor busy.
const FILTERS: usize = 2;

/// The spoke of one member organization, for one management experience.
#[derive(Debug, Clone)]
pub struct Spoke {
    /// The member organization's catalog.
    pub catalog: Arc<dyn Catalog>,
    /// The hub's snapshots.
    pub snapshots: Arc<dyn SnapshotStore>,
    /// The hub's table of receipts.
    pub receipts: Arc<dyn ReceiptStore>,
    /// Who this is.
    pub identity: Identity,
    /// The management experience.
    pub management: ExperienceId,
    pub(crate) selection: Selection,
    pub(crate) filters: Arc<Filters>,
    /// What the filter is told of products beyond the snapshot, where it is to be told.
    pub(crate) attributes: Option<Arc<Attributes>>,
    pub(crate) guard: GuardRails,
    /// How far back the guard rails look.
    pub(crate) guard_window: Duration,
    pub(crate) engine: EngineSettings,
    pub(crate) lease: Leases,
    /// Whose signatures count.
    pub(crate) trust: Arc<Trust>,
    /// Where decisions and outcomes are kept; none for a library's spoke, which leaves no record.
    pub(crate) records: Option<Records>,
    /// Whether the policy's settings follow the management experience's, too.
    pub(crate) sync_settings: bool,
    /// Whether anything is changed at all.
    pub(crate) mode: Mode,
    /// The revisions from which alone anything is changed, where a plan that was kept is done.
    pub(crate) bound: Option<Arc<BTreeMap<ExperienceId, u64>>>,
    /// What to do with edits of others.
    pub(crate) drift: FilterRules<DriftHandling>,
    /// Where to look who made them; none where nobody is to be named.
    pub(crate) history: Option<Arc<dyn ChangeHistory>>,
    /// Whether to tell a person on standard error how it goes; agents log instead.
    pub(crate) show_progress: bool,
    /// Whether the agent writes figures of each run to standard output.
    pub(crate) tell_figures: bool,
}

/// What came of a pass: every member experience has a receipt in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// One for each.
    pub receipts: Vec<Receipt>,
    /// What was done.
    pub tally: Tally,
}

impl Pass {
    /// Whether it came to its end, rather than being told to stop.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.receipts.iter().any(Receipt::is_unfinished)
    }
}

impl Spoke {
    /// A spoke over these ports, for all live experiences, without a filter, and with the default guard rails.
    #[must_use]
    pub fn new(
        catalog: Arc<dyn Catalog>,
        snapshots: Arc<dyn SnapshotStore>,
        receipts: Arc<dyn ReceiptStore>,
        leases: Arc<dyn LeaseStore>,
        identity: Identity,
        management: ExperienceId,
    ) -> Self {
        let organization = identity.organization.clone();
        let lease = Leases::new(leases, organization, holder("library"), LeaseTerm::DEFAULT);
        let (selection, guard) = (Selection::All, GuardRails::default());
        let show_progress = false;
        Self {
            catalog,
            snapshots,
            receipts,
            identity,
            management,
            selection,
            filters: Arc::new(Filters::none()),
            attributes: None,
            guard,
            guard_window: erosion::WINDOW,
            engine: EngineSettings::default(),
            lease,
            trust: Arc::default(),
            records: None,
            sync_settings: false,
            mode: Mode::Apply,
            bound: None,
            drift: FilterRules::without_rules(DriftHandling::Heal),
            history: None,
            show_progress,
            tell_figures: false,
        }
    }

    /// The same, whose guard rails look so far back; with nothing, they judge each plan by itself.
    #[must_use]
    pub fn with_guard_window(self, guard_window: Duration) -> Self {
        Self { guard_window, ..self }
    }

    /// Brings every member experience to what `snapshot`, which is the one that `standing` names, and the filter ask for, and
    /// acknowledges each. What goes wrong with one experience stands in its receipt and stops no other.
    ///
    /// # Errors
    /// What concerns all of them; the sign of life in the ledger says it, too, where the ledger can be reached.
    pub(crate) async fn sync(
        &self,
        standing: Standing,
        snapshot: Arc<Snapshot>,
        confirmed: Option<Confirmed>,
        stop: &Stop,
    ) -> Result<Pass, SpokeError> {
        let life =
            SignOfLife { needs: standing.needs.clone(), disputed: standing.told.clone(), ..SignOfLife::default() };
        let beside = standing.beside.clone();
        let outcome = Box::pin(self.try_sync(standing, snapshot, confirmed, stop)).await;
        if matches!(outcome, Err(SpokeError::Stopped(_))) {
            // Nothing that the hub should know: the next run tells it.
            return outcome.map(|(pass, _)| pass);
        }
        let life = match &outcome {
            Ok((Pass { receipts, .. }, times)) => {
                let kept = receipts.iter().filter(|receipt| receipt.is_kept());
                SignOfLife { experiences: kept.count(), times: *times, ..life }
            }
            Err(error) => SignOfLife { error: Some(one_line(error)), ..life },
        };
        let report = async {
            // Under the lease: nobody else finishes a pass meanwhile.
            for superseded in beside.superseded() {
                self.receipts.put_spoke(&superseded).await?;
            }
            self.report_seen(life, &beside).await
        };
        let seen = stop.write_down(report).await;
        match (outcome, seen) {
            (Ok(_), Some(Err(error))) => Err(error.into()),
            (Ok(_), None) => Err(SpokeError::stopped(stop)),
            (outcome, _) => outcome.map(|(pass, _)| pass),
        }
    }

    /// What is known of the snapshot's products, for the filter: of those that it can take away.
    pub(crate) async fn known(&self, snapshot: &Snapshot, stop: &CancellationToken) -> Result<Arc<Known>, LookUpError> {
        match &self.attributes {
            Some(attributes) if self.filters.has_any() => {
                let approved = snapshot.content().approved();
                attributes.look_up(approved.iter(), self.show_progress, stop).await.map(Arc::new)
            }
            _ => Ok(Arc::default()),
        }
    }

    /// The settings that the policies of member experiences should have; none where they do not follow.
    pub(crate) fn settings(&self, snapshot: &Snapshot) -> Option<ResourceRequests> {
        self.sync_settings.then(|| snapshot.content().policy_resource_requests())
    }

    /// Tells the hub that this spoke lives, and what stands in its way as a whole: for itself, and for the organization. The
    /// latter is all that a hub of an earlier release reads.
    pub(crate) async fn report_seen(&self, life: SignOfLife, beside: &Beside) -> Result<(), LedgerError> {
        let Identity { organization, account, region, .. } = self.identity.clone();
        let seen = OrganizationSeen {
            organization,
            experience: self.management.clone(),
            last_seen: Timestamp::now(),
            account,
            region,
            experiences: life.experiences,
            spoke: Some(beside.introduction()),
            spoke_version: SPOKE_VERSION.to_owned(),
            error: life.error.as_deref().map(told),
            change_set_times: life.times,
            needs: life.needs,
            ledger: Some(LEDGER_LAYOUT),
            disputed: life.disputed,
        };
        self.receipts.put_spoke(&seen).await?;
        let others: usize = beside.neighbours().map(|seen| seen.experiences).sum();
        self.receipts.put_seen(&OrganizationSeen { experiences: seen.experiences.saturating_add(others), ..seen }).await
    }

    async fn try_sync(
        &self,
        standing: Standing,
        snapshot: Arc<Snapshot>,
        confirmed: Option<Confirmed>,
        stop: &Stop,
    ) -> Result<(Pass, Option<ChangeSetTimes>), SpokeError> {
        let times = standing.before.seen.as_ref().and_then(|seen| seen.change_set_times);
        let before = kept(&standing);
        let discovered = discover(self.catalog.as_ref(), &self.management, &self.selection, &before);
        let discovered = stop.unless_stopped(discovered).await;
        let Discovered { candidates, half } = discovered.ok_or_else(|| SpokeError::stopped(stop))??;
        let kept = leave_management_alone(self.snapshots.as_ref(), &self.selection, candidates);
        let candidates = stop.unless_stopped(kept).await.ok_or_else(|| SpokeError::stopped(stop))??;
        let gone = gone(&standing, &candidates);
        if let (Some(error), false) = (&half, gone.is_empty()) {
            // The listing that failed may be the one that tells of them.
            return Err(SpokeError::List(error.clone()));
        }
        tracing::debug!(version = %snapshot.version(), experiences = candidates.len(), "pass started");
        let version = snapshot.version();
        let name = format!("pmp-sync snapshot {version}");
        let engine = Engine::start(self.catalog.clone(), self.engine, times, name, stop.token().clone());
        let began = now();
        // Before what takes long: a filter may have to be fetched.
        let in_force = stop.unless_stopped(self.filters.in_force()).await.ok_or_else(|| SpokeError::stopped(stop))?;
        // Where one of two listings failed, what a rule names may be there all the same.
        let rule_warnings = if half.is_some() { Vec::new() } else { in_force.warnings(named(&candidates)) };
        rule_warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let known = if candidates.is_empty() { Ok(Arc::default()) } else { self.known(&snapshot, stop.token()).await };
        let filters = Semaphore::new(FILTERS);
        let tally = Mutex::default();
        let exhausted = Exhausted::default();
        let recorder = |records| Recorder::new(records, self.snapshots.clone(), snapshot.clone());
        let recorder = self.records.clone().map(recorder);
        let pass = OnePass {
            spoke: self,
            engine,
            snapshot,
            confirmed,
            stop,
            standing,
            began,
            in_force,
            rule_warnings,
            filters,
            exhausted,
            known,
            recorder,
            tally,
        };
        let outcomes = pass.sync_all(candidates, gone).await;
        // Each receipt was tried; the first that could not be written keeps the message in the queue (rule 6).
        let mut receipts = outcomes.into_iter().collect::<Result<Vec<_>, SpokeError>>()?;
        receipts.sort_by(|a, b| a.member_experience.cmp(&b.member_experience));
        let in_sync = receipts.iter().filter(|receipt| receipt.status == ReceiptStatus::InSync).count();
        tracing::debug!(%version, experiences = receipts.len(), in_sync, "pass done");
        let tally = Tally { change_set_times: pass.engine.seen_times(), ..pass.tally().clone() };
        Ok((Pass { receipts, tally }, pass.engine.times()))
    }
}

/// What a confirmation means for a plan of `version`.
pub(crate) fn confirmation(confirmed: Option<&Confirmed>, version: SnapshotVersion) -> Confirmation {
    confirmed.map_or(Confirmation::None, |_| Confirmation::Version(version))
}

/// Experiences that were kept in step before. Those of which a disputed receipt speaks are among them: it is not to stand.
pub(crate) fn kept(standing: &Standing) -> BTreeSet<ExperienceId> {
    let told = standing.before.receipts.iter().filter(|receipt| receipt.status != ReceiptStatus::Skipped);
    told.map(|receipt| &receipt.member_experience).chain(standing.disputed.keys()).cloned().collect()
}

/// Those that were kept in step before and are not found now: their receipts must not look as if they lagged.
fn gone(standing: &Standing, candidates: &[Candidate]) -> Vec<Member> {
    let found: BTreeSet<_> = candidates.iter().map(|candidate| &candidate.id).collect();
    let gone = kept(standing).into_iter().filter(|id| !found.contains(id));
    gone.map(|id| Member { id, name: None, state: Err(Absent::Gone) }).collect()
}

/// The experiences with their names, where these could be read.
pub(crate) fn named(candidates: &[Candidate]) -> impl Iterator<Item = (&ExperienceId, Option<&str>)> {
    candidates.iter().map(|candidate| (&candidate.id, candidate.name.as_deref()))
}

/// What all experiences of one pass have in common.
struct OnePass<'a> {
    spoke: &'a Spoke,
    engine: Engine,
    snapshot: Arc<Snapshot>,
    /// Who let this snapshot through here, where someone did.
    confirmed: Option<Confirmed>,
    stop: &'a Stop,
    standing: Standing,
    began: Timestamp,
    in_force: InForce,
    /// What is to be told of rules that decide nothing.
    rule_warnings: Vec<String>,
    filters: Semaphore,
    exhausted: Exhausted,
    known: Result<Arc<Known>, LookUpError>,
    recorder: Option<Recorder>,
    tally: Mutex<Tally>,
}

impl OnePass<'_> {
    /// Syncs all of them side by side, while the policies of the next ones are read. Those where nothing is to be done
    /// are let go at once, which bounds the memory.
    async fn sync_all(&self, candidates: Vec<Candidate>, gone: Vec<Member>) -> Vec<Result<Receipt, SpokeError>> {
        let mut outcomes = Vec::new();
        let mut syncs: FuturesUnordered<_> = gone.into_iter().map(|member| self.sync_member(member, None)).collect();
        let mut active: Vec<_> = candidates.iter().map(|_| self.engine.active()).collect();
        let mut candidates = candidates.into_iter();
        let mut next = || {
            let batch: Vec<_> = candidates.by_ref().take(POLICIES).collect();
            (!batch.is_empty()).then(|| Box::pin(self.read(batch)))
        };
        let mut reading = next();
        loop {
            let full = syncs.len() >= SIDE_BY_SIDE;
            tokio::select! {
                // Cancel-safe, both: the futures are kept.
                members = async { match reading.as_mut() { Some(reading) => reading.await, None => Vec::new() } },
                    if reading.is_some() && !full =>
                {
                    syncs.extend(members.into_iter().map(|member| self.sync_member(member, active.pop())));
                    reading = next();
                }
                Some(outcome) = syncs.next(), if !syncs.is_empty() => outcomes.push(outcome),
                else => return outcomes,
            }
        }
    }

    /// Reads the policies of some candidates, unless told to stop before that is done.
    async fn read(&self, candidates: Vec<Candidate>) -> Vec<Member> {
        let not_read: Vec<_> = candidates.iter().map(Candidate::not_read).collect();
        let reading = read_policies(self.spoke.catalog.as_ref(), candidates);
        self.stop.unless_stopped(reading).await.unwrap_or(not_read)
    }

    /// Syncs one member experience, `active` meanwhile; its receipt, once it is in the ledger.
    async fn sync_member(&self, member: Member, active: Option<Active>) -> Result<Receipt, SpokeError> {
        let mut decided = None;
        let mut receipt = self.receipt_for(member, &mut decided).await;
        drop(active);
        self.record(&mut receipt, decided).await;
        let Receipt { member_experience, status, allowed, denied, pending, .. } = &receipt;
        let error = receipt.error.as_deref().unwrap_or_default();
        if self.spoke.show_progress {
            let ended = if matches!(status, ReceiptStatus::InSync | ReceiptStatus::Skipped) {
                Step::Done
            } else {
                Step::Failed
            };
            step(ended, &format!("{member_experience} {status}"));
        }
        let found = self.standing.found(member_experience);
        if found.is_none() && tells_nothing_new(self.before(member_experience), &receipt) {
            tracing::debug!(experience = %member_experience, %status, "experience as it was left");
            return Ok(receipt);
        }
        tracing::info!(experience = %member_experience, %status, allowed, denied, pending, error, "experience done");
        let write = async {
            match self.stop.reason() {
                // Whoever has the lease now writes receipts of its own.
                Some(StopReason::LeaseLost(_)) => self.spoke.receipts.put_late(&receipt).await,
                _ => self.spoke.receipts.put(&receipt, found).await,
            }
        };
        if !self.stop.write_down(write).await.ok_or_else(|| SpokeError::stopped(self.stop))?? {
            tracing::warn!(experience = %member_experience, "the ledger holds a newer receipt");
        }
        Ok(receipt)
    }

    /// Keeps what was decided, and what came of it, unless told to stop: then the receipt is what there is time for.
    async fn record(&self, receipt: &mut Receipt, decided: Option<Decisions>) {
        let Some(recorder) = &self.recorder else { return };
        let before = self.before(&receipt.member_experience);
        let recording = recorder.record(receipt, before, decided, Timestamp::now());
        if let Some(recorded) = self.stop.unless_stopped(recording).await {
            receipt.recorded = Some(recorded);
        }
    }

    /// The receipt, and what was `decided` about the snapshot's products, where it came to that.
    async fn receipt_for(&self, member: Member, decided: &mut Option<Decisions>) -> Receipt {
        let chosen = self.chosen(&member);
        let mut draft = self.draft(&member.id, chosen.as_ref());
        // A pass that ends before the products decides on none: what was set aside stays so.
        let undecided = Progress { quarantined: self.set_aside_before(&member.id), ..Progress::default() };
        let ended = |status, error: String| {
            let progress = if status == ReceiptStatus::Skipped { Progress::default() } else { undecided.clone() };
            draft.receipt(status, &progress, Some(error))
        };
        let live = match member.state {
            Ok(live) => live,
            Err(Absent::NotRead) => return self.stopped(&draft),
            Err(absent) if absent.is_failure() => return ended(ReceiptStatus::Failed, absent.to_string()),
            Err(absent) => return ended(ReceiptStatus::Skipped, absent.to_string()),
        };
        if let Some(moved) = self.moved_since_planned(&live) {
            return ended(ReceiptStatus::Failed, moved);
        }
        let chosen = self.in_force.of(&live.experience.id, Some(&live.experience.name));
        let nothing_known = Arc::default();
        let known = match &self.known {
            // Whoever has no filter needs no facts, and leaves no product for want of them.
            _ if chosen.filter.is_nothing() => &nothing_known,
            Ok(known) => known,
            Err(LookUpError::Stopped) => return self.stopped(&draft),
            Err(error) => return ended(ReceiptStatus::Failed, error.to_string()),
        };
        // A filter cannot be interrupted; it is left to its limits.
        let verdicts = match self.stop.unless_stopped(self.narrow(chosen, &live, known.clone())).await {
            None => return self.stopped(&draft),
            Some(Ok(Narrowed::By { verdicts, warnings })) => {
                draft.filter_warnings.extend(warnings);
                verdicts
            }
            Some(Ok(Narrowed::NotManaged(reason))) => return ended(ReceiptStatus::Skipped, reason),
            Some(Err(error)) => return ended(ReceiptStatus::Failed, error),
        };
        let desired = Desired::new(self.snapshot.content(), &verdicts);
        draft.narrowed = desired.narrowed();
        draft.narrowed_for = desired.narrowed_for(MAX_REASONS);
        let before = self.before(&draft.member);
        let unfinished = self.unfinished(&draft.member);
        let set_aside = set_aside::from_the_start(before, known.undecided(), self.began);
        let edits = self.spoke.edits(before, &self.snapshot, draft.filter.clone(), &desired, &live, self.began);
        let Some(judged) = self.stop.unless_stopped(edits).await else { return self.stopped(&draft) };
        let Judged { drift, left_alone, handling } = judged;
        draft.drift = drift;
        // From here on this pass changes it.
        draft.left = None;
        let order = Order {
            desired: &desired,
            version: self.snapshot.version(),
            guard: self.spoke.guard,
            lately: erosion::lately(&draft.removals),
            confirmation: confirmation(draft.confirmed.as_ref(), self.snapshot.version()),
            pass: self.began,
            settings: self.spoke.settings(&self.snapshot),
            quarantined: &set_aside,
            left_alone: &left_alone,
            unfinished: unfinished.map(|id| ChangeSetId::new(id)),
        };
        let applied = match self.spoke.mode {
            Mode::Apply => self.apply(&order, live, &draft).await,
            Mode::Observe => self.engine.observe(&order, live),
        };
        let Applied { status, progress, error } = set_aside::in_the_end(applied, known.undecided(), &set_aside);
        let left = progress.left.clone().filter(|_| handling == DriftHandling::Report);
        let progress = Progress { left, ..progress };
        self.tally().add(&draft, &progress, before);
        *decided = self.recorder.as_ref().map(|it| it.decisions(&verdicts, &progress.quarantined));
        match status {
            ReceiptStatus::InSync => drift::left_as_set(draft.in_sync(&progress, now(), before)),
            status => {
                let mut receipt = draft.receipt(status, &progress, error);
                // Where it was stopped, the reason says more than that it was.
                if let Some(reason) = self.stop.reason().filter(|_| receipt.is_unfinished()) {
                    receipt.error = Some(told(&reason.to_string()));
                }
                receipt
            }
        }
    }

    /// That the experience is not what the plan that is done was made from; none where it is, or where there is no such plan.
    fn moved_since_planned(&self, live: &Live) -> Option<String> {
        let bound = self.spoke.bound.as_ref()?;
        let (planned, now) = (bound.get(&live.experience.id).copied(), live.experience.revision.0);
        let planned = match planned {
            Some(planned) if planned == now => return None,
            Some(planned) => format!("revision {planned}"),
            None => "no revision of it".to_owned(),
        };
        Some(format!("it changed while the plan was being taken up: that was made from {planned}, and it is at {now}"))
    }

    /// Applies `order`, and tells the ledger meanwhile how far it is.
    async fn apply(&self, order: &Order<'_>, live: Live, draft: &Draft) -> Applied {
        let (receipts, show) = (self.spoke.receipts.clone(), self.spoke.show_progress);
        let found = self.standing.found(&draft.member).cloned();
        let reporter = Reporter::start(receipts, draft.clone(), found, show, self.stop.token().clone());
        let applied = self.engine.apply(order, live, &reporter).await;
        reporter.finish().await;
        applied
    }

    /// The receipt of an experience of which nothing was begun before the stop. What an earlier run left open stays named.
    fn stopped(&self, draft: &Draft) -> Receipt {
        let open = self.unfinished(&draft.member).cloned().into_iter().collect();
        let reason = self.stop.reason().map_or_else(|| LookUpError::Stopped.to_string(), ToString::to_string);
        let quarantined = self.set_aside_before(&draft.member);
        let progress = Progress { change_sets: open, quarantined, ..Progress::default() };
        draft.receipt(ReceiptStatus::Partial, &progress, Some(reason))
    }

    /// The products that earlier passes set aside.
    fn set_aside_before(&self, member: &ExperienceId) -> Vec<QuarantinedProduct> {
        self.before(member).map_or_else(Vec::new, |before| before.quarantined.clone())
    }

    /// The receipt that stands.
    fn before(&self, member: &ExperienceId) -> Option<&Receipt> {
        self.standing.before.receipts.iter().find(|receipt| receipt.member_experience == *member)
    }

    /// The change set that an earlier run did not see end.
    fn unfinished(&self, member: &ExperienceId) -> Option<&String> {
        self.before(member).filter(|receipt| receipt.is_unfinished())?.change_sets.last()
    }

    /// What the experience has; none where that goes by its name, which could not be read.
    fn chosen(&self, member: &Member) -> Option<Chosen> {
        let known = member.name.is_some() || !self.spoke.filters.has_rules();
        known.then(|| self.in_force.of(&member.id, member.name.as_deref()))
    }

    async fn narrow(&self, chosen: Chosen, live: &Live, known: Arc<Known>) -> Result<Narrowed, String> {
        let organization = self.spoke.identity.organization.clone();
        // Never closed: it lives as long as the pass.
        let _turn = self.filters.acquire().await.map_err(|e| e.to_string())?;
        let (runs, began) = (!chosen.filter.is_nothing(), Instant::now());
        let snapshot = self.snapshot.clone();
        let experience = live.experience.clone();
        let narrowed = narrow(chosen, organization, snapshot, experience, known, self.began, &self.exhausted).await;
        if runs {
            self.tally().add_filter(began.elapsed(), narrowed.is_err());
        }
        narrowed
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Plain numbers: they are whole even if a holder panicked.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draft(&self, member: &ExperienceId, chosen: Option<&Chosen>) -> Draft {
        let hub = confirmed(&self.standing.before.confirmations, &self.snapshot, member);
        let before = self.before(member);
        Draft {
            organization: self.spoke.identity.organization.clone(),
            management: self.spoke.management.clone(),
            member: member.clone(),
            version: self.snapshot.version(),
            digest: self.snapshot.digest(),
            received_at: self.began,
            applied: before.and_then(Receipt::applied),
            narrowed: 0,
            narrowed_for: Vec::new(),
            filter_warnings: self.rule_warnings.clone(),
            filter: chosen.and_then(|chosen| chosen.filter.identity()),
            confirmed: self.confirmed.clone().or_else(|| hub.cloned()),
            left: before.and_then(|before| before.left.clone()),
            drift: drift::still_told(before, self.began),
            owner: self.standing.beside.me().id.clone(),
            removals: erosion::recent(before, self.spoke.guard_window, self.began),
            earlier: Earlier::of(before, self.snapshot.version(), self.snapshot.digest()),
            recorded: before.and_then(|before| before.recorded),
        }
    }
}
