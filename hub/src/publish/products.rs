//! Looks products up at AWS Marketplace, once for all members, and keeps what it is told in the
//! ledger, for their filters.
//!
//! It never stands in a publish's way: it comes after, or goes on beside. A product whose answer is
//! missing is asked for again the next time; until then the ledger says nothing of it, and spokes
//! leave it as it is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_catalog::{ErrorClass, LookUp, ProductDirectory, Told};
use pmp_ledger::{AnswerStore, LedgerError};
use pmp_protocol::{Answer, Answers, Coded, Content, Hint, ProductId, Reason, render};
use pmp_runtime::Stop;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::HubError;
use crate::publish::Hub;

/// What is known is asked for again after this time, since vendors and categories change, and
/// products come.
const FRESH: SignedDuration = SignedDuration::from_hours(24);
/// Calls that failed in a row, after which the service is not to be had now.
const MAX_FAILURES: usize = 10;
/// How long a hub that runs looks products up before it writes down what it was told, and goes on.
const ROUND: Duration = Duration::from_secs(60);
/// Answers between two lines of the log.
const PROGRESS: usize = 2_000;

/// Looks up what AWS Marketplace says of the approved products, once for all members' filters.
#[derive(Debug, Clone)]
pub(crate) struct Products {
    pub(crate) directory: Arc<dyn ProductDirectory>,
    pub(crate) answers: Arc<dyn AnswerStore>,
}

/// What came of looking products up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct LookedUp {
    /// Approved products of which something is known now, be it that there is no such product to be
    /// seen.
    pub(crate) known: usize,
    /// Approved products that were not answered yet.
    pub(crate) unknown: usize,
    /// How many products were answered in this run.
    pub(crate) answered: usize,
    /// Those of them that are the first for their product.
    pub(crate) new: usize,
    /// Calls to Marketplace Discovery; those that the SDK repeats by itself are counted once.
    pub(crate) calls: usize,
    /// Hours since the oldest answer; none where there is none.
    pub(crate) oldest_hours: Option<i64>,
    /// Why it ended before all were asked for; none where it did not.
    pub(crate) ended: Option<Ended>,
}

/// Why a look-up ended before all products were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(into = "String")]
pub(crate) enum Ended {
    #[error("told to stop")]
    Stopped,
    #[error("the time for it is up")]
    TimeIsUp,
    #[error("{0}")]
    Failed(String),
}

pmp_protocol::codes!(Ended {
    Stopped => "E4031",
    TimeIsUp => "E4032",
    Failed => "E4033",
});

pmp_protocol::without_hint!(Ended);

impl From<Ended> for String {
    fn from(ended: Ended) -> Self {
        ended.to_string()
    }
}

/// Which products to ask for: first those that were never answered, then those whose answer is old,
/// the oldest first.
fn due(content: &Content, answers: &Answers, now: Timestamp) -> Vec<ProductId> {
    let age = |id: &ProductId| answers.products.get(id).map(|answer| answer.at);
    let is_old = |at: Timestamp| now.duration_since(at) >= FRESH;
    let mut due: Vec<_> =
        content.approved().iter().map(|id| (age(id), id)).filter(|(at, _)| at.is_none_or(is_old)).collect();
    due.sort();
    due.into_iter().map(|(_, id)| id.clone()).collect()
}

impl Products {
    /// Looks up what the newest snapshot approves and nothing, or nothing of late, is known of, for
    /// as long as `stop` and `deadline` permit, and stores what was answered. Where first answers
    /// are among them, the snapshot is announced again, so that spokes take them up.
    ///
    /// # Errors
    /// Where the ledger or the topic fails. A directory that fails is told in the outcome.
    pub(crate) async fn look_up(
        &self,
        hub: &Hub,
        deadline: Option<Instant>,
        stop: &CancellationToken,
    ) -> Result<LookedUp, HubError> {
        let Some(head) = hub.snapshots.head(&hub.experience).await? else { return Ok(LookedUp::default()) };
        let snapshot = hub.snapshots.fetch(&hub.experience, head.latest).await?;
        let content = snapshot.content();
        let mut answers = self.stored(hub).await?;
        let due = due(content, &answers, hub.clock.now());
        let mut looked_up = LookedUp::default();
        if !due.is_empty() {
            tracing::info!(products = due.len(), "looking products up");
            self.ask(hub, due, &mut answers, &mut looked_up, deadline, stop).await;
            // Of what is not on the lists any more, nobody asks.
            answers.products.retain(|id, _| content.approved().contains(id) || content.rejected().contains(id));
        }
        if looked_up.answered > 0 {
            self.answers.store(&answers, hub.clock.now()).await?;
        }
        if looked_up.new > 0 && !stop.is_cancelled() {
            self.announce(hub).await?;
        }
        looked_up.known = content.approved().iter().filter(|id| answers.products.contains_key(*id)).count();
        looked_up.unknown = content.approved().len() - looked_up.known;
        looked_up.oldest_hours = answers.oldest().map(|at| hub.clock.now().duration_since(at).as_hours());
        Ok(looked_up)
    }

    /// Announces the newest snapshot again, which may be another by now. One that is not published
    /// yet will be by whoever stored it.
    async fn announce(&self, hub: &Hub) -> Result<(), HubError> {
        match hub.snapshots.head(&hub.experience).await? {
            Some(head) if head.published == Some(head.latest) => {
                hub.announce_again(&head, Reason::Scheduled).await.map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// The answers in the ledger. What cannot be read there any more is found out anew.
    async fn stored(&self, hub: &Hub) -> Result<Answers, HubError> {
        let none = || Answers::none(hub.experience.clone());
        let stored = match self.answers.latest(&hub.experience).await {
            Ok(None) => return Ok(none()),
            Ok(Some(head)) => self.answers.fetch(&hub.experience, &head).await,
            Err(error) => Err(error),
        };
        match stored {
            Err(LedgerError::Unreadable { problem, .. }) => {
                tracing::warn!(problem, "the ledger lost what was looked up: all products are looked up again");
                Ok(none())
            }
            stored => Ok(stored?),
        }
    }

    async fn ask(
        &self,
        hub: &Hub,
        due: Vec<ProductId>,
        answers: &mut Answers,
        looked_up: &mut LookedUp,
        deadline: Option<Instant>,
        stop: &CancellationToken,
    ) {
        let due_count = due.len();
        let mut look_up = LookUp::new(self.directory.as_ref(), due);
        let (mut failures, mut told_at) = (0, 0);
        let mut failed = BTreeSet::new();
        looked_up.ended = loop {
            let told = tokio::select! {
                biased;
                // Cancel-safe, all three: what was answered is there, the rest is asked for the
                // next time.
                () = stop.cancelled() => break Some(Ended::Stopped),
                () = at(deadline) => break Some(Ended::TimeIsUp),
                told = look_up.next() => told,
            };
            match told {
                None => break None,
                Some(Told::Answers(found)) => {
                    failures = 0;
                    let at = whole_second(hub.clock.now());
                    for (id, attributes) in found {
                        looked_up.answered += 1;
                        let before = answers.products.insert(id, Answer { at, attributes });
                        looked_up.new += usize::from(before.is_none());
                    }
                }
                Some(Told::Failed(ids, error)) => {
                    failures += 1;
                    failed.extend(ids);
                    if error.class() == ErrorClass::AccessDenied || failures >= MAX_FAILURES {
                        let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                        break Some(Ended::Failed(format!("{error}{hint}")));
                    }
                }
            }
            if looked_up.answered >= told_at + PROGRESS {
                told_at = looked_up.answered;
                tracing::info!(answered = looked_up.answered, of = due_count, "products looked up so far");
            }
        };
        looked_up.calls = look_up.calls();
        if !failed.is_empty() {
            tracing::warn!(
                products = failed.len(),
                "some products could not be looked up: they are asked for the next time"
            );
        }
    }
}

/// So that a batch has one time, which packs well.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Tells the log of it, and gives what came of it. Nothing that goes wrong here concerns the
/// snapshot.
pub(crate) fn log_outcome(outcome: Result<LookedUp, HubError>) -> Option<LookedUp> {
    match outcome {
        Ok(looked_up) => {
            let LookedUp { known, unknown, answered, calls, oldest_hours, ended, .. } = &looked_up;
            if let Some(reason) = ended {
                tracing::warn!(
                    known,
                    unknown,
                    answered,
                    calls,
                    oldest_hours,
                    %reason,
                    code = %reason.code(),
                    "not all products were looked up"
                );
            } else {
                tracing::info!(known, unknown, answered, calls, oldest_hours, "products are looked up");
            }
            Some(looked_up)
        }
        Err(error) => {
            let error = render(&error);
            tracing::warn!(error, "products could not be looked up; the snapshot is published anyway");
            None
        }
    }
}

/// Beside a hub that runs: looks products up whenever `due` rings, until `stop`.
pub(crate) async fn run(products: &Products, hub: &Hub, due: &Notify, stop: &Stop) {
    loop {
        tokio::select! {
            biased;
            // Cancel-safe, both: nothing has begun.
            () = stop.stopped() => return,
            () = due.notified() => {}
        }
        // After a stop, what was answered until then is written down.
        let round = products.look_up(hub, Some(Instant::now() + ROUND), stop.token());
        let Some(outcome) = stop.write_down(round).await else { return };
        if log_outcome(outcome).is_some_and(|looked_up| looked_up.ended == Some(Ended::TimeIsUp)) {
            due.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pmp_protocol::{ExperienceId, ResourceRequests};

    use super::*;

    #[test]
    fn what_was_never_answered_comes_first_and_then_the_oldest_and_what_is_fresh_not_at_all() {
        let id = |id: &str| ProductId::new(id).unwrap();
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let experience = ExperienceId::new("exp-1").unwrap();
        let approved = ["a-fresh", "b-old", "c-older", "d-never", "e-none-of-old"].map(id).into();
        let rejected = [id("f-rejected")].into();
        let content =
            Content::new(experience.clone(), approved, rejected, BTreeMap::new(), ResourceRequests::Allow).unwrap();
        let answer = |hours| Answer { at: now - SignedDuration::from_hours(hours), attributes: None };
        let products = [("a-fresh", 23), ("b-old", 24), ("c-older", 48), ("e-none-of-old", 30)];
        let products = products.map(|(product, hours)| (id(product), answer(hours))).into();
        let answers = Answers { products, ..Answers::none(experience) };
        let due = due(&content, &answers, now);
        assert_eq!(
            due.iter().map(ProductId::as_str).collect::<Vec<_>>(),
            ["d-never", "c-older", "e-none-of-old", "b-old"]
        );
    }
}
