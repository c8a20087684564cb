//! Copies of everything that the page shows: plain values that can be rendered without holding a
//! lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::http::{Method, Uri};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::journal::{Entry, Receipt};
use super::{Call, Caller, Cloud, Reply};
use crate::catalog::{ChangeSetView, ExperienceView, Listed, Move};
use crate::world::Product;

/// How long the page marks a product's move as new.
const FRESH: SignedDuration = SignedDuration::from_secs(6);
/// How many change sets are shown: this many running ones, and this many that have ended.
const CHANGE_SETS: usize = 40;

/// The state of the services at one moment.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    pub(crate) now: Timestamp,
    pub(crate) region: String,
    /// The organizations: those with a management experience first, then in the order of the world.
    pub(crate) organizations: Vec<OrganizationView>,
    /// The change sets, the running ones first.
    pub(crate) change_sets: Vec<ChangeSetView>,
    pub(crate) moves: Vec<Move>,
    pub(crate) queues: Vec<QueueView>,
    pub(crate) topics: Vec<TopicView>,
    /// The latest events, the newest first.
    pub(crate) journal: Vec<Entry>,
}

/// An organization with its private marketplace.
#[derive(Debug, Serialize)]
pub(crate) struct OrganizationView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) management_account: String,
    pub(crate) delegated_administrators: Vec<String>,
    pub(crate) member_accounts: Vec<String>,
    pub(crate) experiences: Vec<ExperienceState>,
}

/// An experience, and what was written about it into the hub's ledger since the start.
#[derive(Debug, Serialize)]
pub(crate) struct ExperienceState {
    #[serde(flatten)]
    pub(crate) experience: ExperienceView,
    /// For a management experience: its newest version in the ledger.
    pub(crate) version: Option<String>,
    /// For a member experience: its newest receipt, and when it was written.
    pub(crate) receipt: Option<(Timestamp, Receipt)>,
}

/// A queue, with the number of its messages.
#[derive(Debug, Serialize)]
pub(crate) struct QueueView {
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    /// When the oldest message in the queue was sent, to the second.
    pub(crate) oldest: Option<Timestamp>,
    /// Whether it is the dead-letter queue of another queue.
    pub(crate) dead_letters: bool,
}

/// A topic, and the queues that are subscribed to it.
#[derive(Debug, Serialize)]
pub(crate) struct TopicView {
    pub(crate) arn: String,
    pub(crate) subscribers: Vec<String>,
}

impl Cloud {
    /// Copies everything. It holds each lock briefly, and none while it waits.
    pub(crate) fn view(&self) -> View {
        let now = self.clock.now();
        let (experiences, change_sets, moves) = {
            let catalog = self.catalog();
            (catalog.view_experiences(), catalog.view_change_sets(CHANGE_SETS, now), catalog.moves(FRESH, now))
        };
        View {
            now,
            region: self.world.region.clone(),
            organizations: self.view_organizations(experiences),
            change_sets,
            moves,
            queues: self.view_queues(),
            topics: self.view_topics(),
            journal: self.journal.entries(),
        }
    }

    /// The products of the world.
    pub(crate) fn products(&self) -> &[Product] {
        &self.world.products
    }

    /// The products on the lists of an experience, by id.
    pub(crate) fn lists(&self, experience: &str) -> BTreeMap<String, Listed> {
        self.catalog().lists(experience)
    }

    /// For each product, the list that it is on in each experience; `None` if it is on no list.
    pub(crate) fn listed(&self, experiences: &[String], products: &[String]) -> Vec<Vec<Option<Listed>>> {
        self.catalog().listed(experiences, products)
    }

    /// Calls `StartChangeSet` as `account`, with all checks that a signed request gets.
    pub(crate) async fn start_change_set_as(&self, account: &str, request: &Value, authority: &str) -> Reply {
        let caller = Caller::Account(account.to_owned());
        let request_id = awsim_core::RequestContext::new("", "").request_id;
        let region = self.world.region.clone();
        let (authority, stale) = (authority.to_owned(), Duration::ZERO);
        let call = Call { caller, region, request_id, authority, server_fault: false, stale };
        let uri = Uri::from_static("/StartChangeSet");
        self.answer_marketplace(&Method::POST, &uri, request.to_string().as_bytes(), &call).await
    }

    fn view_organizations(&self, experiences: Vec<ExperienceView>) -> Vec<OrganizationView> {
        let (versions, receipts) = (self.journal.versions(), self.journal.receipts());
        let mut by_owner: BTreeMap<String, Vec<ExperienceState>> = BTreeMap::new();
        for experience in experiences {
            let version = versions.get(&experience.id).cloned();
            let receipt = receipts.iter().find(|(_, receipt)| receipt.member_experience == experience.id).cloned();
            let owner = experience.owner.clone();
            by_owner.entry(owner).or_default().push(ExperienceState { experience, version, receipt });
        }
        let organizations = self.world.organizations.iter().map(|organization| OrganizationView {
            id: organization.id.clone(),
            name: organization.name.clone(),
            management_account: organization.management_account.clone(),
            delegated_administrators: organization.delegated_administrators.clone(),
            member_accounts: organization.member_accounts.clone(),
            experiences: by_owner.remove(&organization.management_account).unwrap_or_default(),
        });
        let mut organizations: Vec<_> = organizations.collect();
        organizations.sort_by_key(|organization| organization.experiences.iter().all(|e| e.version.is_none()));
        organizations
    }

    fn view_queues(&self) -> Vec<QueueView> {
        let mut queues = Vec::new();
        let mut dead_letter_targets = BTreeSet::new();
        for ((account, _), state) in self.sqs.store().iter_all() {
            for queue in &state.queues {
                let waiting = queue.messages.iter().chain(queue.inflight.values().map(|inflight| &inflight.message));
                let oldest = waiting.map(|message| message.sent_at_secs).min();
                let oldest = oldest.and_then(|seconds| Timestamp::from_second(i64::try_from(seconds).ok()?).ok());
                dead_letter_targets.extend(queue.redrive_policy.iter().map(|p| p.dead_letter_target_arn.clone()));
                let view = QueueView {
                    account: account.clone(),
                    name: queue.name.clone(),
                    visible: queue.messages.len(),
                    in_flight: queue.inflight.len(),
                    oldest,
                    dead_letters: false,
                };
                queues.push((queue.arn.clone(), view));
            }
        }
        queues.sort_by(|(_, a), (_, b)| (&a.account, &a.name).cmp(&(&b.account, &b.name)));
        let known = |(arn, view)| QueueView { dead_letters: dead_letter_targets.contains(&arn), ..view };
        queues.into_iter().map(known).collect()
    }

    fn view_topics(&self) -> Vec<TopicView> {
        let mut topics = Vec::new();
        for (_, state) in self.sns.store_handle().iter_all() {
            for topic in &state.topics {
                let subscriptions = state.subscriptions.iter().filter(|s| s.topic_arn == topic.arn && s.confirmed);
                let mut subscribers: Vec<String> = subscriptions.map(|s| s.endpoint.clone()).collect();
                subscribers.sort();
                topics.push(TopicView { arn: topic.arn.clone(), subscribers });
            }
        }
        topics.sort_by(|a, b| a.arn.cmp(&b.arn));
        topics
    }
}
