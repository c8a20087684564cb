//! One experience: plan, start the next change set, wait for its end, look, plan again.
//!
//! Between change sets the lists are carried on in memory, and only the revision is read: where it is the next one,
//! nobody else changed anything. Otherwise, and before it is said to be in step, the policy itself is read.

use std::collections::HashMap;
use std::fmt::Write;

use jiff::SignedDuration;
use pmp_catalog::{
    CatalogError, ChangeError, ChangeKind, ChangeSetId, ChangeSetRequest, ChangeSetState, ChangeSetStatus, Part,
    Revision,
};
use pmp_plan::{ChangeSet, IdLimit, Observed, Plan, Refusal, plan};
use pmp_protocol::{ProductBatch, ProductId, ReceiptStatus, ResourceRequests};

use super::isolate::{Isolation, names};
use super::poller::Ended;
use super::reaction::Reaction;
use super::starter::{Active, Started};
use super::{Applied, Engine, Order, Watch};
use crate::error::one_line;
use crate::member::Live;
use crate::patience::{Patience, Waited};
use crate::receipt::Progress;

/// How often change sets may fail for the catalog's own reasons (`SERVER_FAULT`), or succeed without effect.
const MAX_FAULTS: u32 = 3;
/// A change set that was started so long before this pass is an earlier run's, whatever the two clocks say.
const EARLIER: SignedDuration = SignedDuration::from_secs(60);
const STOPPED: &str = "told to stop before the end";

pub(super) type End = (ReceiptStatus, Option<String>);

pub(super) struct Run<'a> {
    engine: &'a Engine,
    order: &'a Order<'a>,
    live: Live,
    watch: &'a dyn Watch,
    progress: Progress,
    patience: Patience,
    isolation: Isolation,
    /// Whether the settings wait until all products are done, so that it is clear whose fault an error is.
    settings_last: bool,
    /// Why the catalog refused the settings, once it did.
    settings_refused: Option<String>,
    faults: u32,
    /// Whether its parts go alone: they were in a change set that failed, and which part was at fault is not known.
    alone: bool,
    /// Whether the lists are as they were read, rather than carried on.
    read: bool,
    /// What was pending when the lists were last read, and whether a change set succeeded since.
    pending_when_read: Option<usize>,
    applied_since: bool,
    /// By token, the change set that answered a request and ended without effect.
    in_vain: HashMap<String, ChangeSetId>,
    active: Option<Active>,
}

/// A change set, and what it is for.
struct Work {
    change_set: ChangeSet,
    /// Whether it tests suspects.
    test: bool,
    /// The limit that it was made for.
    limit: IdLimit,
}

impl Work {
    fn has_products(&self) -> bool {
        self.change_set.allow().is_some() || self.change_set.deny().is_some()
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(engine: &'a Engine, order: &'a Order<'a>, live: Live, watch: &'a dyn Watch) -> Self {
        Self {
            engine,
            order,
            live,
            watch,
            progress: Progress::default(),
            patience: Patience::with_the_catalog(),
            isolation: Isolation::new(order.quarantined, order.pass),
            settings_last: false,
            settings_refused: None,
            faults: 0,
            alone: false,
            read: true,
            pending_when_read: None,
            applied_since: false,
            in_vain: HashMap::new(),
            active: None,
        }
    }

    pub(super) async fn finish(mut self) -> Applied {
        let (status, error) = self.until_done().await;
        Applied { status, progress: self.progress, error }
    }

    async fn until_done(&mut self) -> End {
        if let Some(end) = self.adopt_unfinished().await {
            return end;
        }
        loop {
            let next = match self.next() {
                Ok(next) => next,
                Err(end) => return end,
            };
            let step = match next {
                Some(_) if self.engine.stop.is_cancelled() => return stopped(),
                Some(work) => self.step(work).await,
                None if self.read => return self.done(),
                None => self.look_again().await,
            };
            if let Some(end) = step {
                return end;
            }
        }
    }

    /// What to do next, from the lists as they are known: none where nothing is left.
    fn next(&mut self) -> Result<Option<Work>, End> {
        let mut plan = match self.plan() {
            Ok(plan) => plan,
            Err(refusal) => return Err(self.held(&refusal)),
        };
        let to_change = plan.pending() + usize::from(self.wanted_settings().is_some());
        if let Some(end) = self.check_effect(to_change) {
            return Err(end);
        }
        self.isolation.set_aside(&mut plan);
        let settings = self.wanted_settings().filter(|_| !self.settings_last || plan.pending() == 0);
        let plan = plan.with_settings(settings, self.live.policy.policy_resource_requests);
        let limit = self.engine.limit();
        let batch = plan.first(limit).map(|change_set| Work { change_set, test: false, limit });
        let test = || self.isolation.next_test(limit).map(|change_set| Work { change_set, test: true, limit });
        let work = batch.or_else(test);
        self.progress.pending = plan.pending() + self.isolation.suspects();
        self.progress.quarantined = self.isolation.quarantined().cloned().collect();
        Ok(work)
    }

    fn plan(&self) -> Result<Plan, Box<Refusal>> {
        let Order { desired, version, guard, confirmation, .. } = *self.order;
        let observed = Observed { approved: &self.live.policy.approved, rejected: &self.live.policy.rejected };
        plan(desired, observed, version, guard, confirmation)
    }

    /// The settings that the policy should have, where it has not and the catalog has not refused them.
    fn wanted_settings(&self) -> Option<ResourceRequests> {
        let observed = self.live.policy.policy_resource_requests;
        self.order.settings.filter(|wanted| *wanted != observed && self.settings_refused.is_none())
    }

    fn held(&mut self, refusal: &Refusal) -> End {
        self.progress.pending = refusal.changes;
        let hint = format!("let it through with `pmp-spoke sync --confirm {}`", self.order.version);
        (ReceiptStatus::Held, Some(format!("{refusal}; {hint}")))
    }

    /// Change sets that succeeded must have changed something: some that do not would be repeated for ever.
    fn check_effect(&mut self, pending: usize) -> Option<End> {
        if !self.read {
            return None;
        }
        let in_vain = self.applied_since && self.pending_when_read.is_some_and(|before| pending >= before);
        (self.pending_when_read, self.applied_since) = (Some(pending), false);
        if !in_vain {
            return None;
        }
        self.faults += 1;
        let error = "the catalog reports success, but its lists did not change";
        (self.faults >= MAX_FAULTS).then(|| (ReceiptStatus::Failed, Some(error.to_owned())))
    }

    fn done(&self) -> End {
        if let Some(refused) = &self.settings_refused {
            let error = format!("the products are in step, but the catalog refused the settings: {refused}");
            return (ReceiptStatus::Failed, Some(error));
        }
        let Some(first) = self.progress.quarantined.first() else { return (ReceiptStatus::InSync, None) };
        let count = self.progress.quarantined.len();
        let products = if count == 1 { "product is" } else { "products are" };
        let error = format!(
            "{count} {products} refused by the catalog, all others are applied; `{}`: {}",
            first.product, first.error
        );
        (ReceiptStatus::Partial, Some(error))
    }

    /// Starts a change set and waits for its end; what it means is an end, or going on.
    async fn step(&mut self, work: Work) -> Option<End> {
        if self.active.is_none() {
            self.active = Some(self.engine.starter.active());
        }
        let (part, token) = self.part(&work.change_set);
        // A bound on requests leaves no room for others.
        let alone = self.alone || work.test || work.limit != IdLimit::PerChange;
        match self.engine.starter.submit(part, alone).await {
            Started::Stopped => Some(stopped()),
            Started::Refused { concerned: false, .. } => None,
            Started::Refused { error, shared, .. } => {
                self.alone |= shared;
                self.react(&error, &work).await
            }
            Started::Running { id, shared, ended } => {
                self.progress.change_sets.push(id.to_string());
                self.watch.progress(&self.progress);
                let ended = tokio::select! {
                    // Cancel-safe, both: the change set is recorded, and goes on by itself.
                    () = self.engine.stop.cancelled() => return Some(stopped()),
                    ended = ended => ended.unwrap_or_else(|_| Err(poller_gone(&id))),
                };
                let end = self.after(&id, ended, work, shared, token).await;
                self.watch.progress(&self.progress);
                end
            }
        }
    }

    /// The part for a change set, and the token that it would have by itself the first time.
    fn part(&self, change_set: &ChangeSet) -> (Part, String) {
        let part = Part {
            experience: self.live.experience.id.clone(),
            revision: self.live.experience.revision,
            allow: change_set.allow().cloned(),
            deny: change_set.deny().cloned(),
            settings: change_set.settings(),
            after: None,
        };
        let token = ChangeSetRequest::new(part.clone(), "").client_request_token();
        let after = self.in_vain.get(&token).cloned();
        (Part { after, ..part }, token)
    }

    /// What the end of a change set means.
    async fn after(&mut self, id: &ChangeSetId, ended: Ended, work: Work, shared: bool, token: String) -> Option<End> {
        let ChangeSetStatus { state, started, .. } = match ended {
            Ok(status) => status,
            // It may run on, and nothing else may be started meanwhile: the next pass takes the experience up.
            Err(error) => return Some(gave_up(&error)),
        };
        // The answer to a request of an earlier run, brought back by its token: it says nothing of now.
        let earlier = started.is_some_and(|started| started < self.order.pass - EARLIER);
        if !matches!(state, ChangeSetState::Running | ChangeSetState::Succeeded) {
            self.in_vain.insert(token, id.clone());
            if earlier {
                return None;
            }
        }
        match state {
            ChangeSetState::Running | ChangeSetState::Succeeded => self.succeeded(&work).await,
            ChangeSetState::Cancelled => self.pause(format!("change set {id} was cancelled")).await,
            ChangeSetState::Failed { server_fault: true, errors } => {
                self.alone |= shared;
                self.faults += 1;
                let error = failure_text(id, &errors);
                if self.faults >= MAX_FAULTS {
                    return Some((ReceiptStatus::Failed, Some(format!("{error}, {MAX_FAULTS} times"))));
                }
                self.pause(error).await
            }
            ChangeSetState::Failed { server_fault: false, errors } => {
                self.isolate(&errors, &work, shared);
                None
            }
        }
    }

    /// Carries the change on in the known lists, and reads the new revision.
    async fn succeeded(&mut self, work: &Work) -> Option<End> {
        let (allow, deny) = (ids(work.change_set.allow()), ids(work.change_set.deny()));
        self.progress.allowed += allow.len();
        self.progress.denied += deny.len();
        self.patience.reset();
        (self.read, self.applied_since) = (false, true);
        if work.test {
            for (kind, ids) in [(ChangeKind::Allow, allow), (ChangeKind::Deny, deny)] {
                if !ids.is_empty() {
                    self.isolation.passed(kind);
                }
            }
        }
        let policy = &mut self.live.policy;
        if let Some(requests) = work.change_set.settings() {
            policy.policy_resource_requests = requests;
        }
        for id in allow {
            policy.rejected.remove(id);
            policy.approved.insert(id.clone());
        }
        for id in deny {
            policy.approved.remove(id);
            policy.rejected.insert(id.clone());
        }
        let next = Revision(self.live.experience.revision.0 + 1);
        match self.engine.experiences.read(&self.live.experience.id).await {
            Ok(experience) if experience.revision == next => {
                self.live.experience = experience;
                None
            }
            // Someone else changed it, too; or the catalog counts otherwise.
            _ => self.look_again().await,
        }
    }

    /// Finds out whose fault a failed change set is, and sets that aside. All others go on.
    fn isolate(&mut self, errors: &[ChangeError], work: &Work, shared: bool) {
        let experience = self.live.experience.id.as_str();
        let told = errors.iter().any(|error| error.entity.is_some());
        let mine: Vec<_> =
            errors.iter().filter(|error| error.entity.as_deref().is_none_or(|id| id == experience)).collect();
        if shared && told && mine.is_empty() {
            return;
        }
        let at_fault = |kind| mine.iter().any(|error| error.kind == Some(kind));
        let settings = work.change_set.settings().is_some();
        let known = [ChangeKind::Allow, ChangeKind::Deny, ChangeKind::Settings].into_iter().any(at_fault);
        if shared && !known {
            self.alone = true;
            return;
        }
        let text = mine.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        if settings {
            // Whose fault it was shows without them: only then are products suspects.
            self.settings_last = true;
            if at_fault(ChangeKind::Settings) || !work.has_products() {
                self.settings_refused = Some(text.clone());
            }
            if !known {
                return;
            }
        }
        for (kind, batch) in [(ChangeKind::Allow, work.change_set.allow()), (ChangeKind::Deny, work.change_set.deny())]
        {
            let Some(batch) = batch else { continue };
            if known && !at_fault(kind) {
                continue;
            }
            tracing::warn!(
                experience,
                products = batch.products().len(),
                error = text,
                "refused; looking for the culprit"
            );
            if work.test {
                self.isolation.failed(kind, &text);
            } else {
                self.isolation.suspect(kind, batch.products(), &text);
            }
        }
    }

    /// What an error means: the executor's side of the table.
    async fn react(&mut self, error: &CatalogError, work: &Work) -> Option<End> {
        let reaction = Reaction::to(error.class());
        if work.change_set.settings().is_some() && matches!(reaction, Reaction::Suspect | Reaction::GiveUp) {
            // The products first, without them; then the settings alone.
            if !work.has_products() {
                self.settings_refused = Some(one_line(error));
            }
            self.settings_last = true;
            return None;
        }
        match reaction {
            Reaction::AwaitHolder => self.await_holder(error).await,
            Reaction::AskAgain | Reaction::AwaitOwn => self.pause(one_line(error)).await,
            Reaction::LookAgain => match self.look_again().await {
                // Read at once; but a revision that is stale again and again is not hurried after.
                None => self.pause(one_line(error)).await,
                end => end,
            },
            Reaction::AskForFewer => (!self.engine.tighten(work.limit)).then(|| gave_up(error)),
            Reaction::Suspect => self.suspect(error, work),
            Reaction::GiveUp => Some(gave_up(error)),
        }
    }

    /// A request that is refused as such: where the catalog names one of its products, that is the reason.
    fn suspect(&mut self, error: &CatalogError, work: &Work) -> Option<End> {
        let text = one_line(error);
        let mut found = false;
        for (kind, batch) in [(ChangeKind::Allow, work.change_set.allow()), (ChangeKind::Deny, work.change_set.deny())]
        {
            let products = ids(batch);
            if products.iter().any(|id| names(&text, id)) {
                found = true;
                if work.test {
                    self.isolation.failed(kind, &text);
                } else {
                    self.isolation.suspect(kind, products, &text);
                }
            }
        }
        (!found).then(|| gave_up(error))
    }

    /// A change set that an earlier run started is waited for, not fought.
    async fn adopt_unfinished(&mut self) -> Option<End> {
        let id = self.order.unfinished.clone()?;
        tracing::info!(experience = %self.live.experience.id, change_set = %id, "waiting for an earlier run's change set");
        tokio::select! {
            // Cancel-safe, both: it is not ours.
            () = self.engine.stop.cancelled() => {
                let pending = self.plan().map_or_else(|refusal| refusal.changes, |plan| plan.pending());
                self.progress.pending = pending;
                self.progress.change_sets.push(id.to_string());
                Some(stopped())
            }
            ended = self.engine.poller.adopted(&id) => match ended {
                // It had ended before the lists were read, or is unknown: what became of it is in the live state.
                Ok(Ok(ChangeSetStatus { ended: Some(at), .. })) if at < self.order.pass - EARLIER => None,
                _ => self.look_again().await,
            },
        }
    }

    /// Locked: finds the change set that holds the experience, and waits for its end.
    async fn await_holder(&mut self, error: &CatalogError) -> Option<End> {
        let experience = &self.live.experience.id;
        let holders = match self.engine.catalog.open_change_sets(experience).await {
            Ok(holders) => holders,
            Err(error) => {
                tracing::info!(%experience, %error, "cannot find the change set that holds it");
                Vec::new()
            }
        };
        if holders.is_empty()
            && let Some(end) = self.pause(one_line(error)).await
        {
            return Some(end);
        }
        for holder in holders {
            tracing::info!(experience = %self.live.experience.id, change_set = %holder, "waiting for the change set that holds it");
            tokio::select! {
                // Cancel-safe, both: it is not ours.
                () = self.engine.stop.cancelled() => return Some(stopped()),
                _ended = self.engine.poller.adopted(&holder) => {}
            }
        }
        self.look_again().await
    }

    /// Reads the live state: the experience first, then its policy. In this order a change in between makes the revision
    /// stale, and the next change set is refused instead of overwriting it.
    async fn look_again(&mut self) -> Option<End> {
        loop {
            let error = match self.read_once().await {
                Ok(()) => return None,
                Err(error) => error,
            };
            match Reaction::to(error.class()) {
                Reaction::GiveUp | Reaction::Suspect | Reaction::AskForFewer => return Some(gave_up(&error)),
                _ => {
                    if let Some(end) = self.pause(one_line(&error)).await {
                        return Some(end);
                    }
                }
            }
        }
    }

    async fn read_once(&mut self) -> Result<(), CatalogError> {
        let experience = self.engine.experiences.read(&self.live.experience.id).await?;
        let policy = self.engine.policies.read(&self.live.policy_id).await?;
        self.live.experience = experience;
        self.live.policy = policy;
        self.read = true;
        Ok(())
    }

    async fn pause(&mut self, reason: String) -> Option<End> {
        tracing::info!(experience = %self.live.experience.id, reason, "trying again");
        match self.patience.wait(&self.engine.stop).await {
            Waited::TryAgain => None,
            Waited::Stopped => Some(stopped()),
            Waited::Exhausted => Some((ReceiptStatus::Failed, Some(format!("gave up: {reason}")))),
        }
    }
}

fn ids(batch: Option<&ProductBatch>) -> &[ProductId] {
    batch.map_or(&[], ProductBatch::products)
}

fn stopped() -> End {
    (ReceiptStatus::Partial, Some(STOPPED.to_owned()))
}

fn gave_up(error: &CatalogError) -> End {
    let text = one_line(error);
    (ReceiptStatus::Failed, Some(error.hint().map_or_else(|| text.clone(), |hint| format!("{text}; {hint}"))))
}

fn poller_gone(id: &ChangeSetId) -> CatalogError {
    CatalogError::Unexpected { entity: id.to_string(), problem: "nobody looks at it any more".to_owned() }
}

fn failure_text(id: &ChangeSetId, errors: &[ChangeError]) -> String {
    let mut text = format!("change set {id} failed");
    for error in errors {
        let _infallible = write!(text, ": {error}");
    }
    text
}
