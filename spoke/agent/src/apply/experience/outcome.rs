//! Handles the end of a change set, and errors. The table in [`Reaction`] says how the executor
//! reacts to each error.

use std::fmt::Write;
use std::ops::ControlFlow::{Break, Continue};

use pmp_catalog::{
    CatalogError, ChangeError, ChangeKind, ChangeSetId, ChangeSetState, ChangeSetStatus, Experience, Revision,
};
use pmp_protocol::{ProductBatch, ProductId, one_line};
use pmp_runtime::Waited;
use tokio::time::Instant;

use super::{EARLIER, End, ExperienceRun, Lists, MAX_FAULTS, SettingsStep, Sharing, Step, Work};
use crate::apply::isolate::names;
use crate::apply::poller::Ended;
use crate::retry::backoff;
use crate::retry::reaction::Reaction;

impl ExperienceRun<'_> {
    /// Handles the end of a change set.
    pub(super) async fn after(&mut self, id: &ChangeSetId, ended: Ended, work: Work, shared: bool) -> Step {
        let ChangeSetStatus { state, started, .. } = match ended {
            Ok(status) => status,
            // The change set may still be running, and lock the experience. The next pass waits for
            // it. Until then nobody knows how the lists are left.
            Err(error) => {
                self.lists = Lists::CarriedOn;
                return Break(End::gave_up(&error));
            }
        };
        // The change set has ended. If it succeeded, its products are counted below.
        self.progress.removing = 0;
        self.progress.running = None;
        // A change set from before this pass came back because the token was repeated. Its success
        // may have been undone since, and its failure may not happen again.
        let earlier = started.is_some_and(|started| started < self.order.pass - EARLIER);
        if !matches!(state, ChangeSetState::Running | ChangeSetState::Succeeded) {
            // The next request needs another token, or the catalog would return this one again.
            self.in_vain.insert(work.token.clone(), id.clone());
            if earlier {
                return Continue(());
            }
        }
        match state {
            ChangeSetState::Running | ChangeSetState::Succeeded => self.succeeded(&work).await,
            ChangeSetState::Cancelled => self.pause(format!("change set {id} was cancelled")).await,
            ChangeSetState::Failed { server_fault: true, errors } => {
                self.stop_sharing_if(shared);
                self.faults += 1;
                let error = failure_text(id, &errors);
                if self.faults >= MAX_FAULTS {
                    return Break(End::failed(format!("{error}, {MAX_FAULTS} times")));
                }
                self.pause(error).await
            }
            ChangeSetState::Failed { server_fault: false, errors } => {
                self.isolate(&errors, &work, shared);
                Continue(())
            }
        }
    }

    /// Applies the change to the known lists, and reads the new revision.
    async fn succeeded(&mut self, work: &Work) -> Step {
        let (allow, deny) = (ids(work.change_set.allow()), ids(work.change_set.deny()));
        // Whether lists that were read are seen to be older than this change. A denial of what was
        // not approved, and settings, leave no trace that every read would have to show.
        let shows = !allow.is_empty() || deny.iter().any(|id| self.live.policy.approved.contains(id));
        self.progress.allowed += allow.len();
        self.progress.denied += deny.len();
        let changed = allow.len() + deny.len();
        self.backoff.reset();
        self.lists = Lists::CarriedOn;
        self.effect.applied_since = true;
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
        self.allowed.extend(allow.iter().cloned());
        for id in allow {
            policy.rejected.remove(id);
            policy.approved.insert(id.clone());
            self.changed.insert(id.clone(), true);
        }
        for id in deny {
            let removed = policy.approved.remove(id);
            self.progress.removed += usize::from(removed);
            self.progress.taken_back += usize::from(removed && self.order.added_by_others.contains(id));
            policy.rejected.insert(id.clone());
            self.changed.insert(id.clone(), false);
        }
        self.changed_at = Some(Instant::now());
        // The plan counted the products of this change set as pending. To plan anew only for this
        // number would take most of the time between two change sets.
        self.progress.pending = self.progress.pending.saturating_sub(changed);
        if shows && self.progress.pending == 0 && self.wanted_settings().is_none() {
            // Everything is read once more before an experience is in step, its revision too. Where
            // old lists could not be told from new ones, the next revision is waited for, as below.
            return self.reread().await;
        }
        let before = self.live.experience.revision;
        let next = Revision(before.0 + 1);
        let mut delay = backoff::for_a_delay(&self.engine.chance);
        loop {
            let read = self.engine.experiences.read(&self.live.experience.id);
            let Some(read) = self.engine.unless_stopped(read).await else { return Break(End::stopped()) };
            match read {
                Ok(experience) if experience.revision == next => {
                    self.live.experience = experience;
                    return Continue(());
                }
                // This answer may be from before the end of the change set. Then its lists would be
                // as old.
                Ok(experience) if experience.revision <= before => match delay.wait(&self.engine.stop).await {
                    Waited::TryAgain => continue,
                    Waited::Stopped => return Break(End::stopped()),
                    Waited::Exhausted => {}
                },
                // Somebody else changed it as well, or the catalog counts revisions in another way.
                Ok(Experience { id, revision, .. }) => {
                    tracing::info!(experience = %id, %before, now = %revision, "not the next revision; reading the lists");
                }
                Err(_) => {}
            }
            return self.reread().await;
        }
    }

    /// Finds the part of a failed change set that was at fault, and sets that part aside. The next
    /// plan goes on with everything else.
    fn isolate(&mut self, errors: &[ChangeError], work: &Work, shared: bool) {
        let experience = self.live.experience.id.as_str();
        let named = errors.iter().any(|error| error.entity.is_some());
        let mine: Vec<_> =
            errors.iter().filter(|error| error.entity.as_deref().is_none_or(|id| id == experience)).collect();
        if shared && named && mine.is_empty() {
            // The error names other experiences only, so this one sets nothing aside.
            return;
        }
        let at_fault = |kind| mine.iter().any(|error| error.kind == Some(kind));
        let settings = work.change_set.settings().is_some();
        let known = [ChangeKind::Allow, ChangeKind::Deny, ChangeKind::Settings].into_iter().any(at_fault);
        if shared && !known {
            // Any part may be at fault. Each is repeated alone, and then only the faulty one fails.
            self.sharing = Sharing::Alone;
            return;
        }
        let text = mine.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        if settings {
            // Retry without the settings first. The products are to blame only if that fails as
            // well.
            let refused = at_fault(ChangeKind::Settings) || !work.has_products();
            self.settings_step = if refused { SettingsStep::Refused(text.clone()) } else { SettingsStep::Last };
            if !known {
                // It is not known whether the settings or the products were at fault.
                return;
            }
        }
        // If the error names no change, all of them are suspects.
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
                "refused; searching for the offending product"
            );
            if work.test {
                self.isolation.failed(kind, &text);
            } else {
                self.isolation.suspect(kind, batch.products(), &text);
            }
        }
    }

    /// Reacts to a refused request, as the table of [`Reaction`] says.
    pub(super) async fn react(&mut self, error: &CatalogError, work: &Work) -> Step {
        let reaction = Reaction::to(error.class());
        if reaction == Reaction::Suspect {
            if self.suspect(error, work) {
                return Continue(());
            }
            let refused = self.refused.entry(work.token.clone()).or_default();
            (refused.times, refused.unclear) = (refused.times + 1, refused.unclear + 1);
            let unclear = refused.unclear;
            if unclear <= 2 {
                let stale = self.is_stale(unclear == 2).await?;
                if stale {
                    self.refused.remove(&work.token);
                    // The same pause as after an error that says that the revision is stale.
                    return self.pause(one_line(error)).await;
                }
                if unclear == 1 {
                    // The catalog may know the token already, and say so in a text that is new to
                    // us. A request with another token tells.
                    return Continue(());
                }
            }
        }
        if work.change_set.settings().is_some() && matches!(reaction, Reaction::Suspect | Reaction::GiveUp) {
            // The next change sets carry the products alone, and the last one the settings alone.
            self.settings_step =
                if work.has_products() { SettingsStep::Last } else { SettingsStep::Refused(one_line(error)) };
            return Continue(());
        }
        match reaction {
            Reaction::AwaitHolder => self.await_holder(error).await,
            Reaction::AskAgain | Reaction::AwaitOwn => self.pause(one_line(error)).await,
            Reaction::LookAgain => {
                // A stale revision is read again at once. After repeated refusals, the pause keeps
                // us from chasing somebody else's edits.
                self.reread().await?;
                self.pause(one_line(error)).await
            }
            Reaction::AskAnew => {
                self.refused.entry(work.token.clone()).or_default().times += 1;
                self.await_holder(error).await
            }
            Reaction::AskForFewer if self.engine.tighten(work.limit) => Continue(()),
            Reaction::AskForFewer | Reaction::Suspect | Reaction::GiveUp => Break(End::gave_up(error)),
        }
    }

    /// Returns whether the experience has changed since it was read. If so, reads its lists again.
    ///
    /// It is called after a refusal with an unknown text, because AWS does not document how it
    /// refuses a stale revision. With `patiently`, it asks for some seconds, because reads may lag
    /// behind.
    async fn is_stale(&mut self, patiently: bool) -> Step<bool> {
        let asked = self.live.experience.revision;
        let mut delay = backoff::for_a_delay(&self.engine.chance);
        loop {
            let read = self.engine.experiences.read(&self.live.experience.id);
            let Some(read) = self.engine.unless_stopped(read).await else { return Break(End::stopped()) };
            if read.is_ok_and(|now| now.revision != asked) {
                self.reread().await?;
                return Continue(true);
            }
            if !patiently {
                return Continue(false);
            }
            match delay.wait(&self.engine.stop).await {
                Waited::TryAgain => {}
                Waited::Stopped => return Break(End::stopped()),
                Waited::Exhausted => return Continue(false),
            }
        }
    }

    /// Makes suspects of the batches whose products the catalog's text names. Returns whether it
    /// names any.
    fn suspect(&mut self, error: &CatalogError, work: &Work) -> bool {
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
        found
    }
}

fn ids(batch: Option<&ProductBatch>) -> &[ProductId] {
    batch.map_or(&[], ProductBatch::products)
}

fn failure_text(id: &ChangeSetId, errors: &[ChangeError]) -> String {
    let mut text = format!("change set {id} failed");
    for error in errors {
        let _infallible = write!(text, ": {error}");
    }
    text
}
