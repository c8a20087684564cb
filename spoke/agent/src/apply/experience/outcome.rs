//! What the end of a change set means for its experience, and what an error does: the executor's side of the table.

use std::fmt::Write;

use pmp_catalog::{
    CatalogError, ChangeError, ChangeKind, ChangeSetId, ChangeSetState, ChangeSetStatus, Experience, Revision,
};
use pmp_protocol::{ProductBatch, ProductId, ReceiptStatus};
use tokio::time::Instant;

use super::{EARLIER, End, MAX_FAULTS, Run, Work, gave_up, stopped};
use crate::apply::isolate::names;
use crate::apply::poller::Ended;
use crate::apply::reaction::Reaction;
use crate::error::one_line;
use crate::patience::{Patience, Waited};

impl Run<'_> {
    /// What the end of a change set means.
    pub(super) async fn after(&mut self, id: &ChangeSetId, ended: Ended, work: Work, shared: bool) -> Option<End> {
        let ChangeSetStatus { state, started, .. } = match ended {
            Ok(status) => status,
            // It may run on, and nothing else may be started meanwhile: the next pass takes the experience up.
            Err(error) => return Some(gave_up(&error)),
        };
        // The answer to a request of an earlier run, brought back by its token: it says nothing of now.
        let earlier = started.is_some_and(|started| started < self.order.pass - EARLIER);
        if !matches!(state, ChangeSetState::Running | ChangeSetState::Succeeded) {
            self.in_vain.insert(work.token.clone(), id.clone());
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
        self.allowed.extend(allow.iter().cloned());
        for id in allow {
            policy.rejected.remove(id);
            policy.approved.insert(id.clone());
            self.changed.insert(id.clone(), true);
        }
        for id in deny {
            self.progress.removed += usize::from(policy.approved.remove(id));
            policy.rejected.insert(id.clone());
            self.changed.insert(id.clone(), false);
        }
        self.changed_at = Some(Instant::now());
        let before = self.live.experience.revision;
        let next = Revision(before.0 + 1);
        let mut delay = Patience::with_a_delay();
        loop {
            let read = self.engine.experiences.read(&self.live.experience.id);
            let Some(read) = self.engine.unless_stopped(read).await else { return Some(stopped()) };
            match read {
                Ok(experience) if experience.revision == next => {
                    self.live.experience = experience;
                    return None;
                }
                // An answer from before the change set ended, perhaps: the lists would be as old.
                Ok(experience) if experience.revision <= before => match delay.wait(&self.engine.stop).await {
                    Waited::TryAgain => continue,
                    Waited::Stopped => return Some(stopped()),
                    Waited::Exhausted => {}
                },
                // Someone else changed it, too; or the catalog counts otherwise.
                Ok(Experience { id, revision, .. }) => {
                    tracing::info!(experience = %id, %before, now = %revision, "not the next revision; reading the lists");
                }
                Err(_) => {}
            }
            return self.look_again().await;
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
    pub(super) async fn react(&mut self, error: &CatalogError, work: &Work) -> Option<End> {
        let reaction = Reaction::to(error.class());
        if reaction == Reaction::Suspect {
            if self.suspect(error, work) {
                return None;
            }
            let refused = self.refused.entry(work.token.clone()).or_default();
            (refused.times, refused.unclear) = (refused.times + 1, refused.unclear + 1);
            let unclear = refused.unclear;
            if unclear <= 2 {
                match self.is_stale(unclear == 2).await {
                    Err(end) => return Some(end),
                    Ok(true) => {
                        self.refused.remove(&work.token);
                        // As with one that says so.
                        return self.pause(one_line(error)).await;
                    }
                    // Perhaps the catalog knows the token, and says so in its own words: another one shows that.
                    Ok(false) if unclear == 1 => return None,
                    Ok(false) => {}
                }
            }
        }
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
            Reaction::AskAnew => {
                self.refused.entry(work.token.clone()).or_default().times += 1;
                self.await_holder(error).await
            }
            Reaction::AskForFewer => (!self.engine.tighten(work.limit)).then(|| gave_up(error)),
            Reaction::Suspect | Reaction::GiveUp => Some(gave_up(error)),
        }
    }

    /// Whether the experience has changed since it was read; then it is read again. For a request that was refused in words that
    /// are not known: AWS documents none for this. `patiently`, since reads may lag behind.
    async fn is_stale(&mut self, patiently: bool) -> Result<bool, End> {
        let asked = self.live.experience.revision;
        let mut delay = Patience::with_a_delay();
        loop {
            let read = self.engine.experiences.read(&self.live.experience.id);
            let Some(read) = self.engine.unless_stopped(read).await else { return Err(stopped()) };
            if read.is_ok_and(|now| now.revision != asked) {
                return self.look_again().await.map_or(Ok(true), Err);
            }
            if !patiently {
                return Ok(false);
            }
            match delay.wait(&self.engine.stop).await {
                Waited::TryAgain => {}
                Waited::Stopped => return Err(stopped()),
                Waited::Exhausted => return Ok(false),
            }
        }
    }

    /// A request that is refused as such: where the catalog names one of its products, that is the reason. Whether it does.
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
