//! The algorithm for one experience: plan, start the next change set, wait for its end, read, plan
//! again.
//!
//! Between change sets the executor applies its own changes to the lists in memory, and reads only
//! the revision. If the revision is exactly the next one, nobody else changed anything. Otherwise
//! it reads the policy itself. It also does so before every `in-sync`.
//!
//! For example, A has 120 products to approve. A change set of 50 succeeds at revision 7, and the
//! experience is at revision 8: A plans the next 50 from memory. After the next one it finds
//! revision 10 instead of 9, so somebody else changed A. It reads the policy, and plans from that.
//!
//! [`outcome`] handles the end of a change set, and errors; [`live`] reads and waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Duration;

use jiff::SignedDuration;
use pmp_catalog::{CatalogError, ChangeSetId, ChangeSetRequest, ChangeSetState, Part};
use pmp_plan::{ChangeSet, IdLimit, Lately, Observed, Plan, Refusal, plan_after};
use pmp_protocol::{ProductBatch, ProductId, ReceiptStatus, ResourceRequests, SnapshotVersion};
use pmp_runtime::Backoff;
use tokio::time::Instant;

use super::isolate::Isolation;
use super::starter::Started;
use super::{Applied, Engine, Order, Watch};
use crate::apply::lists;
use crate::apply::live::{Live, left};
use crate::draft::Progress;
use crate::error::one_line_with_hint;
use crate::retry::backoff;

mod live;
mod observe;
mod outcome;

/// The most change sets that may fail by the catalog's own fault (`SERVER_FAULT`), or succeed
/// without effect.
const MAX_FAULTS: u32 = 3;
/// A change set that started this long before the pass belongs to an earlier pass. The margin
/// allows for a small difference between AWS's clock and this machine's.
const EARLIER: SignedDuration = SignedDuration::from_secs(60);
/// For this long after a change set succeeded, lists that do not show its effect may be older than
/// it. AWS does not document how soon reads follow. After this time the lists are believed.
const READS_MAY_LAG: Duration = Duration::from_secs(45);
const STOPPED: &str = "told to stop before the end";

/// The end of an experience, for its receipt.
pub(super) struct End {
    status: ReceiptStatus,
    error: Option<String>,
    /// Whether change windows closed before it.
    closed: bool,
}

/// Whether to go on with the experience: `Break` is its end.
pub(super) type Step<T = ()> = ControlFlow<End, T>;

impl End {
    const IN_SYNC: Self = Self { status: ReceiptStatus::InSync, error: None, closed: false };

    fn held(error: String) -> Self {
        Self { status: ReceiptStatus::Held, error: Some(error), closed: false }
    }

    fn failed(error: String) -> Self {
        Self { status: ReceiptStatus::Failed, error: Some(error), closed: false }
    }

    fn partial(error: String) -> Self {
        Self { status: ReceiptStatus::Partial, error: Some(error), closed: false }
    }

    fn stopped() -> Self {
        Self::partial(STOPPED.to_owned())
    }

    /// The end where change windows have closed, and something is left to change.
    fn closed() -> Self {
        Self { closed: true, ..Self::partial("the change windows closed before the end".to_owned()) }
    }

    /// The end after an error that this pass cannot fix.
    fn gave_up(error: &CatalogError) -> Self {
        Self::failed(one_line_with_hint(error))
    }
}

/// The source of the lists that a plan starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    /// The lists are the catalog's own answer.
    AsRead,
    /// The last answer, with this pass's own changes applied in memory.
    CarriedOn,
}

/// Whether parts of this experience may be in one change set with those of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Permitted,
    /// A shared change set failed, and the error named no part. From then on this experience shares
    /// no more, so that it cannot make others fail again.
    Alone,
}

/// The point in the pass at which the policy's settings are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum SettingsStep {
    /// In the first change set, together with products.
    WithProducts,
    /// After all products. A change set with both failed, and the two are tried apart to find out
    /// which was at fault.
    Last,
    /// Never: the catalog refused the settings, with this text.
    Refused(String),
}

/// Detects change sets that succeed and change nothing. Without it they would be repeated for ever.
#[derive(Debug, Default)]
struct EffectCheck {
    /// The number of products left to change when the lists were last read.
    pending_when_read: Option<usize>,
    /// Whether a change set succeeded since then.
    applied_since: bool,
}

impl EffectCheck {
    /// Call it after the lists were read, with the `pending` products that are left. Returns
    /// whether all change sets that succeeded since the last read were without effect.
    fn read(&mut self, pending: usize) -> bool {
        let before = self.pending_when_read.replace(pending);
        std::mem::take(&mut self.applied_since) && before.is_some_and(|before| pending >= before)
    }
}

/// One experience on its way to the desired state.
pub(super) struct ExperienceRun<'a> {
    engine: &'a Engine,
    order: &'a Order<'a>,
    live: Live,
    watch: &'a dyn Watch,
    progress: Progress,
    backoff: Backoff,
    isolation: Isolation,
    settings_step: SettingsStep,
    /// The number of change sets that failed by the catalog's own fault, or had no effect: at most
    /// [`MAX_FAULTS`].
    faults: u32,
    sharing: Sharing,
    lists: Lists,
    effect: EffectCheck,
    /// Products that this pass changed: `true` for approved, `false` for denied.
    changed: BTreeMap<ProductId, bool>,
    /// Time of the last success of a change set in this pass.
    changed_at: Option<Instant>,
    /// For each token, the change set that ended without effect and answered its request.
    in_vain: HashMap<String, ChangeSetId>,
    /// For each token, the refusals that may be due to the token itself.
    refused: HashMap<String, Refused>,
    /// Products that change sets of this pass have allowed.
    allowed: BTreeSet<ProductId>,
}

/// Counts refusals of one request that may be due to its token.
#[derive(Debug, Default, Clone, Copy)]
struct Refused {
    times: u32,
    /// The refusals among these whose text this program does not know.
    unclear: u32,
}

/// The next change set, and its purpose.
struct Work {
    change_set: ChangeSet,
    /// The token of the first request that carries this experience alone.
    token: String,
    /// Whether this change set tests suspects.
    test: bool,
    /// The limit of ids that was known when this change set was planned.
    limit: IdLimit,
}

impl Work {
    fn has_products(&self) -> bool {
        self.change_set.allow().is_some() || self.change_set.deny().is_some()
    }
}

impl<'a> ExperienceRun<'a> {
    pub(super) fn new(engine: &'a Engine, order: &'a Order<'a>, live: Live, watch: &'a dyn Watch) -> Self {
        let approved_before = live.policy.approved.len();
        Self {
            engine,
            order,
            live,
            watch,
            progress: Progress { approved_before, added_by_others: order.added_by_others.len(), ..Progress::default() },
            backoff: backoff::for_the_catalog(&engine.chance),
            isolation: Isolation::new(order.deferred, order.pass),
            settings_step: SettingsStep::WithProducts,
            faults: 0,
            sharing: Sharing::Permitted,
            lists: Lists::AsRead,
            effect: EffectCheck::default(),
            changed: BTreeMap::new(),
            changed_at: None,
            in_vain: HashMap::new(),
            refused: HashMap::new(),
            allowed: BTreeSet::new(),
        }
    }

    pub(super) async fn finish(mut self) -> Applied {
        let ControlFlow::Break(End { status, error, closed }) = self.until_end().await;
        self.keep_untested();
        self.note_how_it_is_left();
        Applied { status, progress: self.progress, error, closed }
    }

    /// Records the state in which this pass leaves the lists. Only lists that were read count;
    /// lists that were carried on in memory are an expectation.
    fn note_how_it_is_left(&mut self) {
        self.progress.left = (self.lists == Lists::AsRead).then(|| left(&self.live.policy));
    }

    /// Carries earlier passes' findings into the receipt, for products that this pass did not
    /// reach.
    fn keep_untested(&mut self) {
        let untested: Vec<_> =
            self.isolation.untested().filter(|found| !self.changed.contains_key(&found.product)).cloned().collect();
        let suspects = untested.iter().filter(|found| self.isolation.is_suspect(&found.product)).count();
        // Each product counts once: as deferred, and not as pending as well.
        self.progress.pending = self.progress.pending.saturating_sub(suspects);
        self.progress.deferred = self.isolation.deferred().cloned().chain(untested).collect();
    }

    async fn until_end(&mut self) -> Step<Infallible> {
        self.adopt_unfinished().await?;
        loop {
            match self.next()? {
                Some(_) if self.engine.looks_only || self.engine.stop.is_cancelled() => return Break(End::stopped()),
                Some(_) if self.engine.is_closed() => return Break(End::closed()),
                Some(work) => self.change(work).await?,
                // The catalog's own answer leaves nothing to change. An experience gets in step in
                // no other way.
                None if self.lists == Lists::AsRead => return Break(self.done()),
                None => self.reread().await?,
            }
        }
    }

    /// Returns the next change set, planned from the known lists. `None` if nothing is left to
    /// change.
    fn next(&mut self) -> Step<Option<Work>> {
        let mut plan = match self.plan() {
            Ok(plan) => plan,
            Err(refusal) => return Break(self.held(&refusal)),
        };
        let to_change = plan.pending() + usize::from(self.wanted_settings().is_some());
        self.check_effect(to_change)?;
        self.isolation.leave_out_of(&mut plan);
        // Settings that are to come last wait until the plan has no product left.
        let with_products = self.settings_step == SettingsStep::WithProducts;
        let settings = self.wanted_settings().filter(|_| with_products || plan.pending() == 0);
        let plan = plan.with_settings(settings, self.live.policy.policy_resource_requests);
        let limit = self.engine.limit();
        // Suspects are tested only when nothing else is left, so that they delay no other product.
        let batch = plan.first(limit).map(|change_set| (change_set, false));
        let next = batch.or_else(|| self.isolation.next_test(limit).map(|change_set| (change_set, true)));
        let work = next.map(|(change_set, test)| {
            let token = ChangeSetRequest::new(self.first_part(&change_set), "").client_request_token();
            Work { change_set, token, test, limit }
        });
        self.progress.pending = plan.pending() + self.isolation.suspects();
        self.progress.deferred = self.isolation.deferred().cloned().collect();
        Continue(work)
    }

    /// Counts the products that are left after a change set that failed, so that "done" and "left"
    /// in a receipt add up.
    fn count_pending(&mut self) {
        if let Ok(mut plan) = self.plan() {
            self.isolation.leave_out_of(&mut plan);
            self.progress.pending = plan.pending() + self.isolation.suspects();
        }
    }

    fn plan(&self) -> Result<Plan, Box<Refusal>> {
        self.plan_with(self.order.confirmed)
    }

    fn plan_with(&self, confirmed: Option<SnapshotVersion>) -> Result<Plan, Box<Refusal>> {
        let Order { desired, version, guard, lately, .. } = *self.order;
        let lists = lists::as_if_done(&self.live.policy, desired, self.order.left_alone);
        let observed = Observed { approved: &lists.0, rejected: &lists.1 };
        // The guard rail (rule 5) also counts the products that this pass has removed so far.
        let Progress { removed, approved_before, .. } = self.progress;
        let lately = Lately { removed: lately.removed + removed, approved: lately.approved.max(approved_before) };
        plan_after(lately, desired, observed, version, guard, confirmed)
    }

    /// The settings that the policy should have. `None` if it has them, or if the catalog refused
    /// them.
    fn wanted_settings(&self) -> Option<ResourceRequests> {
        let observed = self.live.policy.policy_resource_requests;
        let refused = matches!(self.settings_step, SettingsStep::Refused(_));
        self.order.settings.filter(|wanted| *wanted != observed && !refused)
    }

    fn held(&mut self, refusal: &Refusal) -> End {
        self.progress.pending = refusal.changes;
        let hint = format!("let it through with `pmp-spoke sync --confirm {}`", self.order.version);
        End::held(format!("{refusal}; {hint}"))
    }

    /// Ends the experience if change sets succeed again and again without effect.
    fn check_effect(&mut self, pending: usize) -> Step {
        // Lists that are carried on in memory show the expected effect, not the actual one.
        if self.lists == Lists::CarriedOn || !self.effect.read(pending) {
            return Continue(());
        }
        self.faults += 1;
        if self.faults < MAX_FAULTS {
            return Continue(());
        }
        Break(End::failed("the catalog reports success, but its lists did not change".to_owned()))
    }

    fn done(&self) -> End {
        if let SettingsStep::Refused(text) = &self.settings_step {
            return End::failed(format!("the products are in step, but the catalog refused the settings: {text}"));
        }
        let Some(first) = self.progress.deferred.first() else { return End::IN_SYNC };
        let count = self.progress.deferred.len();
        let products = if count == 1 { "product is" } else { "products are" };
        End::partial(format!(
            "{count} {products} set aside, all others are applied; `{}`: {}",
            first.product, first.error
        ))
    }

    /// Starts a change set, waits for its end, and handles the outcome.
    async fn change(&mut self, work: Work) -> Step {
        let part = self.part(&work);
        // A test of suspects must not make others fail. A bound on whole requests leaves no room
        // for others.
        let alone = self.sharing == Sharing::Alone || work.test || work.limit != IdLimit::PerChange;
        match self.engine.starter.submit(part, alone).await {
            Started::Stopped => Break(End::stopped()),
            Started::Closed => Break(End::closed()),
            Started::Gone => Break(End::gave_up(&starter_gone())),
            // Another experience of the change set was at fault: this one submits its part again.
            Started::Refused { concerned: false, .. } => Continue(()),
            Started::Refused { error, shared, .. } => {
                self.stop_sharing_if(shared);
                self.react(&error, &work).await
            }
            Started::Running { id, shared, ended } => {
                self.progress.change_sets.push(id.to_string());
                self.progress.running = Some(id.to_string());
                self.progress.removing = self.removed_by(&work.change_set);
                self.watch.progress(&self.progress);
                let ended = tokio::select! {
                    biased;
                    // Both arms are cancel-safe: the change set is recorded, and goes on by itself.
                    () = self.engine.stop.cancelled() => return Break(End::stopped()),
                    ended = ended => ended.unwrap_or_else(|_| Err(poller_gone(&id))),
                };
                let state = ended.as_ref().map(|status| &status.state);
                // What passed a test may have set its neighbours aside.
                let succeeded = matches!(state, Ok(ChangeSetState::Running | ChangeSetState::Succeeded)) && !work.test;
                let step = self.after(&id, ended, work, shared).await;
                if !succeeded {
                    self.count_pending();
                }
                self.watch.progress(&self.progress);
                step
            }
        }
    }

    /// The number of approved products that a change set denies, without those that somebody else
    /// approved.
    fn removed_by(&self, change_set: &ChangeSet) -> usize {
        let denied = change_set.deny().map_or(&[][..], ProductBatch::products);
        let approved = denied.iter().filter(|id| self.live.policy.approved.contains(*id));
        approved.filter(|id| !self.order.added_by_others.contains(*id)).count()
    }

    fn stop_sharing_if(&mut self, failed_together: bool) {
        if failed_together {
            self.sharing = Sharing::Alone;
        }
    }

    /// The part of a change set that is requested for the first time.
    fn first_part(&self, change_set: &ChangeSet) -> Part {
        Part {
            experience: self.live.member.clone(),
            revision: self.live.experience.revision,
            allow: change_set.allow().cloned(),
            deny: change_set.deny().cloned(),
            settings: change_set.settings(),
            after: None,
            refused: 0,
        }
    }

    /// The part to request now. Its token is never one that was refused, or that was answered by a
    /// change set without effect.
    fn part(&self, work: &Work) -> Part {
        let after = self.in_vain.get(&work.token).cloned();
        let refused = self.refused.get(&work.token).map_or(0, |refused| refused.times);
        Part { after, refused, ..self.first_part(&work.change_set) }
    }
}

fn starter_gone() -> CatalogError {
    let problem = "the task that starts change sets has ended; this is a fault of pmp-spoke".to_owned();
    CatalogError::Unexpected { entity: "change set".to_owned(), problem }
}

fn poller_gone(id: &ChangeSetId) -> CatalogError {
    let problem = "the task that polls change sets has ended; this is a fault of pmp-spoke".to_owned();
    CatalogError::Unexpected { entity: id.to_string(), problem }
}
