//! The experiences of one pass. Each is read, narrowed by its filter, applied, and has its receipt
//! written. A failure of one ends in its own receipt, and stops no other (rule 3).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use pmp_catalog::ChangeSetId;
use pmp_plan::Desired;
use pmp_protocol::{
    Confirmed, Decisions, Deferred, ExperienceId, FactsFrom, FilterInput, Paused, Receipt, ReceiptStatus, Snapshot,
    VerdictMark, confirmed, count,
};
use pmp_runtime::{Stop, StopReason};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::apply::live::Live;
use crate::apply::{Active, Applied, Engine, Order};
use crate::draft::{Draft, Earlier, MAX_REASONS, Progress, now, tells_nothing_new, told};
use crate::erosion;
use crate::error::{SpokeError, one_line_with_hint};
use crate::filters::lookup::{Known, LookUpError};
use crate::filters::narrow::{Exhausted, Narrowed, narrow};
use crate::filters::{Assigned, Chosen, InForce};
use crate::mode::Mode;
use crate::pass::deferred;
use crate::pass::discover::{Absent, Candidate, Member, read_policies};
use crate::pass::drift;
use crate::pass::drift::Judged;
use crate::pass::record::Recorder;
use crate::pass::reporter::Reporter;
use crate::pass::standing::Standing;
use crate::pass::tally::Tally;
use crate::progress::ProgressEvent;

use super::Spoke;

/// The fewest and the most experiences that are worked on at once. This bounds the memory; the
/// catalog's rate limits set the pace.
const SIDE_BY_SIDE: [usize; 2] = [100, 200];
/// The products that the experiences that are worked on at once may list together before there are
/// fewer of these.
const LISTED_AT_ONCE: usize = 400_000;
/// The most policies that are read in one call: AWS permits 20. Where nothing is to be changed,
/// their lists are dropped before the next call.
const POLICIES: usize = 20;
/// The products that the policies of one call should list together, some 8 MB of JSON. This bounds
/// the memory where policies are large.
const PRODUCTS: usize = 80_000;

/// The policies to read in one call, where each may list so many products.
fn policies_at_once(products: usize) -> usize {
    (PRODUCTS / products.max(1)).clamp(1, POLICIES)
}

/// The experiences to work on at once, where each may list so many products.
fn side_by_side(products: usize) -> usize {
    (LISTED_AT_ONCE / products.max(1)).clamp(SIDE_BY_SIDE[0], SIDE_BY_SIDE[1])
}

/// What the experiences of one pass share.
pub(super) struct Pass<'a> {
    pub(super) spoke: &'a Spoke,
    pub(super) engine: Engine,
    pub(super) snapshot: Arc<Snapshot>,
    /// Who confirmed this snapshot on this command line. `None` where nobody did.
    pub(super) confirmed: Option<Confirmed>,
    pub(super) stop: &'a Stop,
    pub(super) standing: Standing,
    pub(super) began: Timestamp,
    pub(super) in_force: InForce,
    /// Warnings about filter rules that match no experience, for every receipt.
    pub(super) rule_warnings: Vec<String>,
    pub(super) filters: Semaphore,
    pub(super) exhausted: Exhausted,
    pub(super) known: Result<Arc<Known>, LookUpError>,
    pub(super) recorder: Option<Recorder>,
    pub(super) tally: Mutex<Tally>,
    /// Set by a pass that only looks, once it has found something to do or to write down.
    pub(super) news: AtomicBool,
}

impl Pass<'_> {
    /// Syncs all experiences side by side, and reads the policies of the next ones meanwhile. The
    /// lists of an experience are dropped as soon as it is done, which bounds the memory. Returns
    /// the receipts, or why one could not be written.
    pub(super) async fn sync_all(
        &self,
        candidates: Vec<Candidate>,
        gone: Vec<Member>,
    ) -> Vec<Result<Receipt, SpokeError>> {
        let mut outcomes = Vec::new();
        let mut syncs: FuturesUnordered<_> = gone.into_iter().map(|member| self.sync_member(member, None)).collect();
        let mut active: Vec<_> = candidates.iter().map(|_| self.engine.active()).collect();
        let mut candidates = candidates.into_iter();
        // What an experience lists now is known only when it was read. It is much like what the
        // snapshot lists.
        let content = self.snapshot.content();
        let products = content.approved().len() + content.rejected().len();
        let (at_once, side_by_side) = (policies_at_once(products), side_by_side(products));
        let mut next = || {
            let batch: Vec<_> = candidates.by_ref().take(at_once).collect();
            (!batch.is_empty()).then(|| Box::pin(self.read(batch)))
        };
        let mut reading = next();
        loop {
            let full = syncs.len() >= side_by_side;
            tokio::select! {
                biased;
                // Both arms are cancel-safe: the futures are kept between the rounds.
                members = async { match reading.as_mut() { Some(reading) => reading.await, None => Vec::new() } },
                    if reading.is_some() && !full =>
                {
                    syncs.extend(members.into_iter().map(|member| self.sync_member(member, active.pop())));
                    reading = next();
                }
                Some(outcome) = syncs.next(), if !syncs.is_empty() => {
                    outcomes.push(outcome);
                    if self.has_news() {
                        // A pass that only looks has seen enough.
                        return outcomes;
                    }
                }
                else => return outcomes,
            }
        }
    }

    /// Reads the policies of some candidates. Those that are not read before a stop are `NotRead`.
    async fn read(&self, candidates: Vec<Candidate>) -> Vec<Member> {
        let not_read: Vec<_> = candidates.iter().map(Candidate::not_read).collect();
        let reading = read_policies(self.spoke.catalog.as_ref(), candidates, &self.spoke.chance);
        self.stop.unless_stopped(reading).await.unwrap_or(not_read)
    }

    /// Syncs one member experience. Returns its receipt when that is in the ledger. `active` counts
    /// it for the starter until it is done.
    async fn sync_member(&self, member: Member, active: Option<Active>) -> Result<Receipt, SpokeError> {
        let mut decided = None;
        let is_nothing = matches!(member.state, Err(Absent::Misnamed { .. })) && !self.standing.knows(&member.id);
        let mut receipt = self.receipt_for(member, &mut decided).await;
        drop(active);
        if self.spoke.engine.looks_only {
            self.note_news(&receipt, decided.as_ref());
            return Ok(receipt);
        }
        if is_nothing {
            // A receipt would stay for ever: nobody can take it back. The sign of life tells it.
            let Receipt { member_experience, status, .. } = &receipt;
            tracing::warn!(experience = %member_experience, error = receipt.error, "no such experience");
            self.spoke.progress.show(ProgressEvent::Ended { member: member_experience, status: *status });
            return Ok(receipt);
        }
        self.record(&mut receipt, decided).await;
        let Receipt { member_experience, status, allowed, denied, pending, .. } = &receipt;
        let error = receipt.error.as_deref().unwrap_or_default();
        self.spoke.progress.show(ProgressEvent::Ended { member: member_experience, status: *status });
        let found = self.standing.found(member_experience);
        if found.is_none() && tells_nothing_new(self.before(member_experience), &receipt) {
            tracing::debug!(experience = %member_experience, %status, "experience as it was left");
            return Ok(receipt);
        }
        tracing::info!(experience = %member_experience, %status, allowed, denied, pending, error, "experience done");
        let write = async {
            match self.stop.reason() {
                // Another spoke holds the lease now, and its receipts must not be overwritten.
                // Protocol R5.
                Some(StopReason::Revoked(_)) => self.spoke.receipts.put_late(&receipt).await,
                _ => self.spoke.receipts.put(&receipt, found).await,
            }
        };
        if !self.stop.write_down(write).await.ok_or_else(|| SpokeError::stopped(self.stop))?? {
            tracing::warn!(experience = %member_experience, "the ledger holds a newer receipt");
        }
        Ok(receipt)
    }

    /// For a pass that only looks: notes whether this receipt, or the record, would be written.
    fn note_news(&self, receipt: &Receipt, decided: Option<&Decisions>) {
        let before = self.before(&receipt.member_experience);
        let recorder = self.recorder.as_ref();
        let recorded = recorder.is_none_or(|it| !it.has_news(receipt, before, decided, self.spoke.clock.now()));
        if !(recorded && tells_nothing_new(before, receipt)) {
            self.news.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a pass that only looks found something to do or to write down.
    pub(super) fn has_news(&self) -> bool {
        self.news.load(Ordering::Relaxed)
    }

    /// Records the decisions and the outcome. After a stop it does not: the time left is for the
    /// receipt (rule 7).
    async fn record(&self, receipt: &mut Receipt, decided: Option<Decisions>) {
        let Some(recorder) = &self.recorder else { return };
        let before = self.before(&receipt.member_experience);
        let recording = recorder.record(receipt, before, decided, self.spoke.clock.now());
        if let Some(recorded) = self.stop.unless_stopped(recording).await {
            receipt.recorded = Some(recorded);
        }
    }

    /// Brings one experience to its state, and returns the receipt. `decided` is set where the pass
    /// came so far as to decide about the products.
    async fn receipt_for(&self, member: Member, decided: &mut Option<Decisions>) -> Receipt {
        let chosen = self.chosen(&member);
        let mut draft = self.draft(&member, chosen.as_ref());
        // A pass that ends before the filter has run decides on no product, so all deferred ones
        // stay deferred.
        let untouched = Progress { deferred: self.deferred_before(&member.id), ..Progress::default() };
        let ended = |status, error: String| {
            let progress = if status == ReceiptStatus::Skipped { Progress::default() } else { untouched.clone() };
            draft.receipt(status, &progress, Some(error))
        };
        let live = match member.state {
            Ok(live) => live,
            Err(Absent::NotRead) => return self.stopped(&draft),
            Err(absent) if absent.is_failure() => {
                return ended(ReceiptStatus::Failed, one_line_with_hint(&absent));
            }
            Err(absent) => return ended(ReceiptStatus::Skipped, absent.to_string()),
        };
        if let Some(moved) = self.moved_since_planned(&live) {
            return ended(ReceiptStatus::Failed, moved);
        }
        let chosen = self.in_force.of(&live.experience.id, Some(&live.experience.name));
        let nothing_known = Arc::default();
        let known = match &self.known {
            // Without a filter no facts are needed, so no product is deferred for lack of them.
            _ if chosen.filter.is_nothing() => &nothing_known,
            Ok(known) => known,
            Err(LookUpError::Stopped) => return self.stopped(&draft),
            Err(error) => return ended(ReceiptStatus::Failed, error.to_string()),
        };
        // A filter that runs cannot be interrupted. After a stop it goes on until its limits end
        // it.
        let verdicts = match self.stop.unless_stopped(self.narrow(chosen, &live, known.clone())).await {
            None => return self.stopped(&draft),
            Some(Ok(Narrowed::By { verdicts, warnings })) => {
                draft.filter_warnings.extend(warnings);
                verdicts
            }
            Some(Ok(Narrowed::NotManaged(reason))) => return ended(ReceiptStatus::Skipped, reason),
            Some(Err(error)) => return ended(ReceiptStatus::Failed, error),
        };
        draft.decided = Some(VerdictMark::of(&verdicts));
        let desired = Desired::new(self.snapshot.content(), &verdicts);
        draft.filtered = desired.filtered();
        draft.filtered_for = desired.filtered_for(MAX_REASONS);
        let before = self.before(&draft.member);
        let unfinished = self.unfinished(&draft.member);
        let deferred = deferred::at_start(before, known.not_looked_up(), self.began);
        let edits = self.spoke.edits(before, &self.snapshot, draft.filter.clone(), &desired, &live, self.began);
        let Some(judged) = self.stop.unless_stopped(edits).await else { return self.stopped(&draft) };
        let Judged { drift, left_alone } = judged;
        draft.drift = drift;
        let added_by_others = erosion::added_by_others(before, &self.snapshot, &live.policy.approved);
        // From here on this pass may change the experience, so how it was left is not known any
        // more.
        draft.left = None;
        let order = Order {
            desired: &desired,
            version: self.snapshot.version(),
            guard: self.spoke.guard,
            lately: erosion::lately(&draft.removals),
            confirmed: draft.confirmed.as_ref().map(|_| self.snapshot.version()),
            pass: self.began,
            settings: self.spoke.settings(&self.snapshot),
            deferred: &deferred,
            left_alone: &left_alone,
            added_by_others: &added_by_others,
            unfinished: unfinished.map(|id| ChangeSetId::new(id)),
            uncounted: self.uncounted(&draft.member).is_some(),
            history: self.spoke.history.as_deref(),
        };
        let paused = self.standing.paused.as_ref().filter(|_| self.spoke.mode == Mode::Apply);
        let (applied, waits) = match (self.spoke.mode, paused) {
            (Mode::Apply, None) => self.unless_closed(self.apply(&order, live, &draft).await),
            // What waits for the end of the pause is planned and told.
            // Protocol D11.
            (Mode::Apply, Some(paused)) => paused_instead(self.engine.observe(&order, live), paused),
            // Protocol R11.
            (Mode::Observe, _) => (self.engine.observe(&order, live), None),
        };
        let Applied { status, progress, error, .. } = deferred::finish(applied, known.not_looked_up(), &deferred);
        self.tally().add(&draft, &progress, before);
        *decided = self.recorder.as_ref().map(|it| it.decisions(&verdicts, &progress.deferred));
        match status {
            ReceiptStatus::InSync => {
                drift::left_as_set(draft.in_sync(&progress, now(self.spoke.clock.as_ref()), before))
            }
            status => {
                let mut receipt = draft.receipt(status, &progress, error);
                receipt.paused = waits;
                // The reason of the stop says more than that there was one.
                if let Some(reason) = self.stop.reason().filter(|_| receipt.is_unfinished()) {
                    receipt.error = Some(told(&reason.to_string()));
                }
                receipt
            }
        }
    }

    /// The outcome of a pass whose change windows may have closed before its end: what is left
    /// waits for the next ones, and the agent wakes then.
    fn unless_closed(&self, applied: Applied) -> (Applied, Option<Paused>) {
        if !applied.closed {
            return (applied, None);
        }
        // If they are open again meanwhile, the experience is unfinished: the next pass goes on.
        let Some(paused) = self.standing.steering.paused(self.spoke.clock.now()) else { return (applied, None) };
        self.spoke.wakes_after(Some(&paused));
        let left = count(applied.progress.pending, "product");
        let error = Some(format!("{paused}; they closed during the pass, with {left} left to change"));
        (Applied { status: ReceiptStatus::Held, error, ..applied }, Some(paused))
    }

    /// Why a kept plan does not fit the experience any more. `None` where it fits, and where no
    /// plan was kept.
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

    /// Applies `order`, and reports the progress to the ledger meanwhile.
    async fn apply(&self, order: &Order<'_>, live: Live, draft: &Draft) -> Applied {
        let (receipts, shown) = (self.spoke.receipts.clone(), self.spoke.progress.clone());
        let found = self.standing.found(&draft.member).cloned();
        let reporter = Reporter::start(receipts, draft.clone(), found, shown, self.stop.token().clone());
        let applied = self.engine.apply(order, live, &reporter).await;
        reporter.finish().await;
        applied
    }

    /// The receipt of an experience that was not begun before the stop (rule 7). It still names the
    /// change set that an earlier run left open.
    fn stopped(&self, draft: &Draft) -> Receipt {
        // Protocol R8.
        let open = self.unfinished(&draft.member).cloned().into_iter().collect();
        let reason = self.stop.reason().map_or_else(|| LookUpError::Stopped.to_string(), ToString::to_string);
        let deferred = self.deferred_before(&draft.member);
        let running = self.uncounted(&draft.member).cloned();
        let progress = Progress { change_sets: open, running, deferred, ..Progress::default() };
        draft.receipt(ReceiptStatus::Partial, &progress, Some(reason))
    }

    /// The products that the last receipt defers.
    fn deferred_before(&self, member: &ExperienceId) -> Vec<Deferred> {
        self.before(member).map_or_else(Vec::new, |before| before.deferred.clone())
    }

    /// The last receipt of the experience. `None` where it has none, or a disputed one.
    fn before(&self, member: &ExperienceId) -> Option<&Receipt> {
        self.standing.before.receipts.iter().find(|receipt| receipt.member_experience == *member)
    }

    /// The change set that an earlier run started, and whose end it may not have seen. A sync that
    /// failed is one of those: it may have lost the permission to look.
    fn unfinished(&self, member: &ExperienceId) -> Option<&String> {
        let may_go_on = |it: &&Receipt| it.is_unfinished() || it.status == ReceiptStatus::Failed;
        self.before(member).filter(may_go_on)?.change_sets.last()
    }

    /// That change set, where an earlier pass started it for this snapshot, and its products are in
    /// no receipt yet.
    fn uncounted(&self, member: &ExperienceId) -> Option<&String> {
        let snapshot = (self.snapshot.version(), self.snapshot.digest());
        let before = self.before(member).filter(|before| (before.version, before.digest) == snapshot)?;
        self.unfinished(member).filter(|id| before.running.as_ref() == Some(*id))
    }

    /// The filter of the experience. `None` where rules go by names, and its name could not be
    /// read.
    fn chosen(&self, member: &Member) -> Option<Chosen> {
        let known = member.name.is_some() || !self.spoke.filters.has_rules();
        known.then(|| self.in_force.of(&member.id, member.name.as_deref()))
    }

    /// What the hub is told of the filter's input.
    fn filter_input(
        &self,
        chosen: Option<&Chosen>,
        name: Option<&str>,
        before: Option<&Receipt>,
    ) -> Option<FilterInput> {
        let Assigned::Filter(filter) = &chosen?.filter else { return None };
        let facts = match (&self.known, before.and_then(|before| before.filter_input.as_ref())) {
            (Ok(known), _) => known.from(),
            // Nothing could be looked up in this pass, and the filter is not run.
            (Err(_), Some(before)) => before.facts,
            (Err(_), None) => FactsFrom::default(),
        };
        self.spoke.sharing.input(filter, name, facts, before)
    }

    async fn narrow(&self, chosen: Chosen, live: &Live, known: Arc<Known>) -> Result<Narrowed, String> {
        let organization = self.spoke.identity.organization.clone();
        // The semaphore is never closed: it lives as long as the pass.
        let _slot = self.filters.acquire().await.map_err(|e| e.to_string())?;
        let (runs, began) = (!chosen.filter.is_nothing(), Instant::now());
        let snapshot = self.snapshot.clone();
        let experience = live.experience.clone();
        let filtered = narrow(chosen, organization, snapshot, experience, known, self.began, &self.exhausted).await;
        if runs {
            self.tally().add_filter(began.elapsed(), filtered.is_err());
        }
        filtered
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        // The tally is plain numbers, which are valid even if a thread panicked while it held the
        // lock.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draft(&self, member: &Member, chosen: Option<&Chosen>) -> Draft {
        let name = member.state.as_ref().ok().map(|live| live.experience.name.as_str()).or(member.name.as_deref());
        let member = &member.id;
        let hub = confirmed(&self.standing.before.confirmations, &self.snapshot, member);
        let before = self.before(member);
        Draft {
            organization: self.spoke.identity.organization.clone(),
            management: ExperienceId::clone(&self.spoke.management),
            member: member.clone(),
            version: self.snapshot.version(),
            digest: self.snapshot.digest(),
            line: self.standing.steering.line(),
            received_at: self.began,
            // Protocol R2.
            applied: before.and_then(Receipt::applied),
            filtered: 0,
            filtered_for: Vec::new(),
            filter_warnings: self.rule_warnings.clone(),
            filter: chosen.and_then(|chosen| chosen.filter.identity()),
            filter_input: self.filter_input(chosen, name, before),
            decided: None,
            confirmed: self.confirmed.clone().or_else(|| hub.cloned()),
            left: before.and_then(|before| before.left.clone()),
            drift: drift::still_told(before, self.began),
            owner: self.standing.beside.me().id.clone(),
            removals: erosion::recent(before, self.spoke.guard_window, self.began),
            earlier: Earlier::of(before, self.snapshot.version(), self.snapshot.digest()),
            recorded: before.and_then(|before| before.recorded),
            windows: self.standing.windows.clone(),
        }
    }
}

/// What a receipt tells while nothing may be changed: held, with what waits; and what that waits
/// for. What is in step is in step, and what a guard rail holds is held by it as well.
fn paused_instead(mut observed: Applied, paused: &Paused) -> (Applied, Option<Paused>) {
    let would_change = observed.progress.would_change.take();
    match observed.status {
        ReceiptStatus::Skipped => {
            let waits = would_change.map_or_else(String::new, |would_change| format!("; {would_change}"));
            let error = Some(format!("{paused}{waits}"));
            (Applied { status: ReceiptStatus::Held, error, ..observed }, Some(paused.clone()))
        }
        _ => (observed, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_policies_are_read_few_at_a_time() {
        assert_eq!([0, 600, 4_000, 20_000, 1_000_000].map(policies_at_once), [20, 20, 20, 4, 1]);
        assert_eq!([0, 600, 3_200, 20_000, 1_000_000].map(side_by_side), [200, 200, 125, 100, 100]);
    }
}
