//! The trials that change an experience. Each begins after the end of the one before, and the last
//! one leaves the experience as it was.

use std::time::Duration;

use pmp_catalog::{CatalogError, ChangeSetId, ChangeSetState};
use pmp_protocol::{ExperienceId, ProductId};
use pmp_terminal::progress::{self, Step};

use super::assumption::Assumption;
use super::error::VerifyError;
use super::judge::{self, Again};
use super::mask::Kind;
use super::record::{Judgement, Record};
use super::seen::Seen;
use super::subject::{Asked, Subject};
use crate::triggers::event_queue::EventQueue;

/// The longest wait for an event.
const EVENT: Duration = Duration::from_secs(60);

/// Makes the changes that `--change` allows, one after the other, and judges each.
pub(super) async fn try_changes(
    subject: &Subject<'_>,
    record: &mut Record,
    events: Option<&EventQueue>,
    unknown: Option<&ProductId>,
) -> Result<(), VerifyError> {
    let allowed = allow(subject, record, events).await?;
    let denied = deny_and_more(subject, record, &allowed).await?;
    let denied = stale(subject, record, &allowed, denied).await?;
    let back = settings_back(subject, record, &denied).await?;
    if let Some(product) = unknown {
        try_unknown(subject, record, &back, product).await?;
    }
    Ok(())
}

/// One change: a rejected product is allowed. The same request is sent twice more, the lists are
/// read right after the end, and the event is awaited.
async fn allow(subject: &Subject<'_>, record: &mut Record, events: Option<&EventQueue>) -> Result<Seen, VerifyError> {
    let before = subject.before().revision;
    let product = &subject.product;
    progress::step(Step::Doing, &format!("allowing {product}, which is denied"));
    let request = subject.request(before, Asked { allow: Some(product), ..Asked::default() });
    let id = start(subject, &request).await?;
    let running = subject.start(&request).await;
    subject.succeeded(&id, &request, record).await?;

    let is_new = |seen: &Seen| seen.revision > before && is_listed_as_allowed(seen, product);
    let first =
        subject.read().await.map_err(VerifyError::catalog(format!("cannot read the experience `{}`", subject.id)))?;
    let at_once = is_new(&first);
    if let Some(queue) = events {
        try_event(subject, record, queue, &id, &is_new).await?;
    }
    let settled = subject.settled(&id, is_new).await;
    if let Err(VerifyError::NotSeen(_, seconds)) = &settled {
        record.say(Assumption::ReadLag, judge::lag(false, *seconds as f64));
    }
    let (mut seen, seconds) = settled?;
    record.say(Assumption::ReadLag, judge::lag(at_once, seconds));
    record.say(Assumption::Listing, judge::listing(&seen.policy, product, false));

    progress::step(Step::Doing, "asking for the same once more");
    let ended = subject.start(&request).await;
    record.say(Assumption::KnownTokens, judge::token(&id, &running, &ended));
    for other in [&running, &ended] {
        if let Some(other) = other.as_ref().ok().filter(|other| **other != id) {
            subject.ended(other, &request, record).await?;
            seen = subject.settled(other, |now| now.revision > seen.revision).await?.0;
        }
    }
    Ok(seen)
}

/// Whether a product that was denied is on the approved list, whatever other list it is on.
fn is_listed_as_allowed(seen: &Seen, product: &ProductId) -> bool {
    seen.policy.approved.contains(product) || seen.policy.contradictory.contains(product)
}

async fn try_event(
    subject: &Subject<'_>,
    record: &mut Record,
    queue: &EventQueue,
    id: &ChangeSetId,
    is_new: &impl Fn(&Seen) -> bool,
) -> Result<(), VerifyError> {
    progress::step(Step::Waiting, "for its event");
    let came = queue.tells_of(id.as_str(), EVENT).await;
    if !came.map_err(VerifyError::api("cannot read the queue of change events"))? {
        let text = format!(
            "No event of it came to the queue within {} s. If a hub reads it, too, that one may have it.",
            EVENT.as_secs()
        );
        record.say(Assumption::EventsOfChanges, Judgement::refuted(text));
        let none = "No event came, so no read could follow one.";
        record.say(Assumption::ReadLagOfEvents, Judgement::not_tried(none));
        return Ok(());
    }
    record.say(Assumption::EventsOfChanges, Judgement::confirmed("Its event came to the queue."));
    let then =
        subject.read().await.map_err(VerifyError::catalog(format!("cannot read the experience `{}`", subject.id)))?;
    let judged = if is_new(&then) {
        Judgement::confirmed("A read after the event showed what the change set did.")
    } else {
        Judgement::refuted("A read after the event showed what was before.")
    };
    record.say(Assumption::ReadLagOfEvents, judged);
    Ok(())
}

/// Three changes in one set: the product is denied again, a product that is allowed already is
/// allowed, and the policy's setting is inverted.
async fn deny_and_more(subject: &Subject<'_>, record: &mut Record, now: &Seen) -> Result<Seen, VerifyError> {
    let product = &subject.product;
    progress::step(Step::Doing, &format!("denying {product} again, with other changes"));
    let other = subject.other_requests();
    let asked = Asked { deny: Some(product), allow: subject.approved.as_ref(), requests: Some(other) };
    let request = subject.request(now.revision, asked);
    let id = start(subject, &request).await?;
    subject.succeeded(&id, &request, record).await?;
    let done = |seen: &Seen| seen.revision > now.revision && seen.policy.policy_resource_requests == other;
    let (seen, _) = subject.settled(&id, done).await?;
    let changes = request.parts().iter().map(pmp_catalog::Part::changes).sum();
    record.say(Assumption::Revisions, judge::revision(now.revision, seen.revision, changes));
    record.say(Assumption::Listing, judge::listing(&seen.policy, product, true));
    Ok(seen)
}

/// A request with the revision from before the last change set. It would change nothing.
async fn stale(subject: &Subject<'_>, record: &mut Record, old: &Seen, now: Seen) -> Result<Seen, VerifyError> {
    progress::step(Step::Doing, "asking for a change of a revision that is stale");
    let asked = Asked { requests: Some(now.policy.policy_resource_requests), ..Asked::default() };
    let request = subject.request(old.revision, asked);
    let outcome: Again = subject.start(&request).await;
    record.say(Assumption::StaleRevisions, judge::stale(&outcome));
    let Ok(id) = outcome else { return Ok(now) };
    subject.succeeded(&id, &request, record).await?;
    Ok(subject.settled(&id, |seen| seen.revision > now.revision).await?.0)
}

/// Restores the policy's setting. After that, everything is as it was.
async fn settings_back(subject: &Subject<'_>, record: &mut Record, now: &Seen) -> Result<Seen, VerifyError> {
    progress::step(Step::Doing, "putting the setting back");
    let before = subject.before().policy.policy_resource_requests;
    let request = subject.request(now.revision, Asked { requests: Some(before), ..Asked::default() });
    let id = start(subject, &request).await?;
    subject.succeeded(&id, &request, record).await?;
    let done = |seen: &Seen| seen.revision > now.revision && seen.policy.policy_resource_requests == before;
    let (seen, _) = subject.settled(&id, done).await?;
    subject.is_back(&seen);
    Ok(seen)
}

/// Allows a product that does not exist. If that succeeds, the product is denied again, and stays
/// on the rejected list for good.
async fn try_unknown(
    subject: &Subject<'_>,
    record: &mut Record,
    now: &Seen,
    product: &ProductId,
) -> Result<(), VerifyError> {
    record.masks.know(Kind::Product, product.as_str());
    progress::step(Step::Doing, &format!("allowing {product}, which does not exist"));
    let was_dirty = subject.is_dirty();
    subject.tries_unknown(product);
    let request = subject.request(now.revision, Asked { allow: Some(product), ..Asked::default() });
    let outcome = match subject.start(&request).await {
        Ok(id) => Ok(subject.ended(&id, &request, record).await?),
        Err(error) => Err(error),
    };
    record.say(Assumption::UnknownProducts, judge::unknown(product, &outcome));
    match outcome {
        Ok(ChangeSetState::Failed { .. } | ChangeSetState::Cancelled) | Err(_) if !was_dirty => {
            // Nothing of it was applied, so the trial succeeded.
            let read = subject.read().await;
            subject
                .is_back(&read.map_err(VerifyError::catalog(format!("cannot read the experience `{}`", subject.id)))?);
        }
        _ => {}
    }
    Ok(())
}

/// Starts a change set that should succeed. If it is refused because of somebody else's change, the
/// error says so.
async fn start(subject: &Subject<'_>, request: &pmp_catalog::ChangeSetRequest) -> Result<ChangeSetId, VerifyError> {
    use pmp_catalog::ErrorClass::{Locked, StaleRevision};
    subject.start(request).await.map_err(|error: CatalogError| match error.class() {
        Locked | StaleRevision => VerifyError::ChangedByOthers(ExperienceId::clone(&subject.id)),
        _ => VerifyError::catalog(format!("cannot change the experience `{}`", subject.id))(error),
    })
}

#[cfg(test)]
mod tests {
    use pmp_catalog::testing::{Call, FakeCatalog, Fate, Refusal, experience, member};
    use pmp_protocol::Coded;
    use pmp_protocol::testing::{now, product};

    use super::*;

    /// A catalog with one experience, which approves a product and rejects another.
    fn catalog() -> FakeCatalog {
        let catalog = FakeCatalog::new(1, &[product("prod-a")].into());
        catalog.world().experiences.get_mut(&experience(0)).unwrap().rejected.insert(product("prod-r"));
        catalog
    }

    /// Makes the changes; how they end.
    async fn ended(catalog: &FakeCatalog) -> Result<(), String> {
        let (mut record, member) = (Record::default(), member(0));
        let tried = async {
            let subject = Subject::new(catalog, &member, None, now(), &mut record).await?;
            try_changes(&subject, &mut record, None, None).await
        };
        tried.await.map_err(|error: VerifyError| error.code().to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn trials_that_cannot_go_on_say_at_what() {
        assert_eq!(ended(&catalog()).await, Ok(()));
        let bare = catalog();
        bare.world().experiences.get_mut(&experience(0)).unwrap().rejected.clear();
        let cancelled = catalog();
        cancelled.world().fates.push(Fate::Cancelled);
        let endless = catalog();
        endless.world().duration = Duration::from_secs(20 * 60);
        let late = catalog();
        late.world().lag = (Duration::from_secs(120), Duration::from_secs(120));
        let locked = catalog();
        let refusal = Refusal { code: "ResourceInUseException", message: "it is locked", status: 423 };
        locked.refuse(Call::Start, [Some(refusal)]);
        for (catalog, code) in
            [(bare, "E4102"), (cancelled, "E4104"), (endless, "E4105"), (late, "E4106"), (locked, "E4107")]
        {
            assert_eq!(ended(&catalog).await, Err(code.to_owned()));
        }
    }
}
