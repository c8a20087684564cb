//! What happens at the services, and what the judge hears of it.

use std::collections::{BTreeMap, BTreeSet};

use pmp_protocol::{ExperienceId, OrganizationId, SnapshotVersion};
use pmp_runtime::Clock;
use pmp_test_reference::{Direction, Lists, Target};
use serde_json::Value;

use crate::cloud::queues::Moved;
use crate::cloud::tables::{Key, written};
use crate::cloud::{Answer, Request, Service, catalog};
use crate::faults::Fault;
use crate::fleet::management;
use crate::items::{asks_direction, direction_of, receipt_of, target_of, version_of};
use crate::people;
use crate::rare::Rare;
use crate::told::brief;
use crate::world::{Process, Who, World};

/// What an answer tells the process that asked: known to it once the answer is delivered.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Messages: ids, bodies, receive counts.
    pub(crate) received: Vec<(String, String, u32)>,
    /// What is directed: for the fleet (true), or for the organization.
    heard: Option<(bool, Option<Direction>)>,
    /// The lists of experiences.
    lists: Vec<(ExperienceId, Lists)>,
}

impl World {
    /// A line in the log about a call.
    pub(crate) fn called(&mut self, process: &Process, request: &Request, how: &str) {
        let line = format!("{:?} {} {}: {how}", process.who, request.operation, request.subject);
        self.note(line);
    }

    /// A request has its effect.
    pub(crate) fn effect(&mut self, process: &Process, request: &Request, fault: Option<Fault>) -> (Answer, Seen) {
        self.advance();
        let (now, account) = (self.now(), self.account(process.who));
        if !self.cloud.sessions.takes(&request.key, now) {
            self.reach(Rare::SessionRefused);
            self.called(process, request, "the session has ended");
            let text = "The security token included in the request is expired";
            return (Answer::refused(request.service, 400, "ExpiredTokenException", text), Seen::default());
        }
        let (answer, seen) = match request.service {
            Service::Catalog => self.at_catalog(process, &account, request, fault),
            Service::Tables => self.at_tables(process, request),
            Service::Queues => {
                let (answer, moved) = self.cloud.queues.answer(&account, request, now);
                (answer, self.moved(process, moved))
            }
            Service::Topic => {
                let (answer, message) = self.cloud.topic.publish(request);
                self.published(&message);
                (answer, Seen::default())
            }
            Service::Sessions => (self.cloud.sessions.assume(request, now), Seen::default()),
        };
        let is_idle_poll = request.operation == "ReceiveMessage" && seen.received.is_empty();
        if !is_idle_poll {
            let fault = fault.map(|fault| format!("  <- {fault:?}")).unwrap_or_default();
            let outcome = answer.error.as_deref().unwrap_or("ok");
            let how = format!("{outcome} {}{fault}", brief(&answer.body));
            self.called(process, request, &how);
        }
        self.note_violations();
        (answer, seen)
    }

    /// Whatever the judge found stands in the log where it happened.
    fn note_violations(&mut self) {
        let found: Vec<_> = self.judge.violations().iter().skip(self.found).cloned().collect();
        self.found += found.len();
        found.into_iter().for_each(|violation| self.note(format!("VIOLATION: {violation}")));
    }

    /// An answer has reached the process.
    pub(crate) fn delivered(&mut self, process: &Process, seen: Seen) {
        let Some(organization) = self.member(process.who).map(|member| member.organization.clone()) else { return };
        for (id, body, times) in seen.received {
            self.judge.received(&organization, process.life, &id);
            if times > 1 {
                self.reach(Rare::ReceivedAgain);
            }
            if self.forged.contains(&body) {
                self.reach(Rare::ForgedReceived);
            }
        }
        if let Some((fleet, direction)) = seen.heard {
            let now = process.day.now();
            if direction.as_ref().is_some_and(|it| it.pause.is_some_and(|pause| pause.holds(now))) {
                self.reach(Rare::HeardPause);
            }
            if !fleet && direction.as_ref().is_some_and(|it| it.pin.is_some()) {
                self.reach(Rare::HeardPin);
            }
            self.judge.heard(&organization, process.life, fleet, direction);
        }
        for (experience, lists) in seen.lists {
            self.judge.read_lists(&organization, process.life, &experience, lists);
        }
    }

    /// A process dies at a call: before its effect, or after it.
    pub(crate) fn dies(&mut self, process: &Process, request: &Request, had_effect: bool) {
        let when = if had_effect { "after" } else { "before" };
        let state = match (process.who, request.service, request.operation.as_str(), had_effect) {
            (Who::Hub(_), Service::Tables, "TransactWriteItems", true) => Some(Rare::HubDiedAfterStore),
            (Who::Hub(_), Service::Tables, "TransactWriteItems", false) => Some(Rare::HubDiedBeforeStore),
            (Who::Hub(_), Service::Topic, _, true) => Some(Rare::HubDiedAfterPublish),
            (Who::Spoke(..), _, "StartChangeSet", true) => Some(Rare::DiedAfterStart),
            (Who::Spoke(..), _, "DeleteMessageBatch", false) => Some(Rare::DiedBeforeDelete),
            (Who::Spoke(..), Service::Tables, "PutItem", true) => Some(Rare::DiedAfterReceipt),
            _ => None,
        };
        state.into_iter().for_each(|state| self.reach(state));
        self.kill(process, &format!("{when} {} {}", request.operation, request.subject));
    }

    /// An answer is lost on its way.
    pub(crate) fn answer_lost(&mut self, request: &Request, answer: &Answer) {
        let state = match (request.service, request.operation.as_str(), answer.is_ok()) {
            (_, "StartChangeSet", true) => Rare::StartLost,
            (Service::Tables, "TransactWriteItems", true) => Rare::StoreLost,
            (Service::Tables, "PutItem", true) => Rare::WriteLost,
            (_, "DeleteMessageBatch", true) => Rare::DeleteLost,
            (Service::Topic, _, true) => Rare::PublishLost,
            _ => return,
        };
        self.reach(state);
    }

    fn at_catalog(
        &mut self,
        process: &Process,
        account: &str,
        request: &Request,
        fault: Option<Fault>,
    ) -> (Answer, Seen) {
        let now = self.now();
        let is_start = request.operation == "StartChangeSet";
        let input = catalog::input(request);
        let changes = if is_start { catalog::changes(&input) } else { BTreeMap::new() };
        if changes.keys().any(|id| self.faults.broken.contains(id)) {
            return (catalog::refusal("AccessDeniedException", "not authorized", 403), Seen::default());
        }
        // Sometimes somebody else is faster.
        if is_start && !self.faults.are_over() && self.faults.rng.u8(0..10) == 0 {
            changes.keys().take(1).for_each(|experience| people::edit_experience(self, account, experience));
        }
        if is_start && fault == Some(Fault::ServerFails) {
            self.cloud.catalog.set_next_outcome(pmp_local_catalog::Outcome::ServerFault);
        }
        let answer = catalog::answer(&mut self.cloud.catalog, account, request, now);
        self.cloud.catalog.set_next_outcome(pmp_local_catalog::Outcome::Deserved);
        let Some(organization) = self.member(process.who).map(|member| member.organization.clone()) else {
            return (answer, Seen::default());
        };
        if is_start {
            match answer.error.as_deref() {
                None => {
                    let id = serde_json::from_slice::<Value>(&answer.body).unwrap()["ChangeSetId"].clone();
                    let id = id.as_str().unwrap_or_default().to_owned();
                    if self.own.insert(id.clone()) {
                        self.started(process, &organization, &id, &changes);
                    } else {
                        self.reach(Rare::TokenRepeated);
                    }
                }
                Some("ResourceInUseException") => self.reach(Rare::StartInUse),
                Some(_) => {}
            }
        }
        let experiences = self.member(process.who).map(|member| member.experiences.clone()).unwrap_or_default();
        let reads = ["DescribeEntity", "BatchDescribeEntities"].contains(&request.operation.as_str());
        let named = |id: &ExperienceId| {
            let policy = format!("policy-of-{id}");
            let text = input.to_string();
            text.contains(&format!("\"{policy}\""))
        };
        let read = experiences.into_iter().map(|(id, _)| id).filter(|id| reads && answer.is_ok() && named(id));
        let read: Vec<_> = read.collect();
        let lists = read.into_iter().map(|id| (id.clone(), catalog::lists(&self.cloud.catalog, &id))).collect();
        (answer, Seen { lists, ..Seen::default() })
    }

    fn started(
        &mut self,
        process: &Process,
        organization: &OrganizationId,
        id: &str,
        changes: &BTreeMap<ExperienceId, pmp_test_reference::Change>,
    ) {
        self.judge.started(organization, process.life, id, changes, process.day.now());
        let experiences: BTreeSet<_> = changes.keys().cloned().collect();
        if experiences.len() > 1 {
            self.reach(Rare::SeveralExperiences);
        }
        if changes.values().any(|change| change.allow.len() == 50 || change.deny.len() == 50) {
            self.reach(Rare::Full);
        }
        let (head, target) = (self.judge.head(), self.judge.target(organization));
        if head.zip(target).is_some_and(|(head, target)| target.version < head.version) {
            self.reach(Rare::StartedOlder);
        }
        self.running.insert(id.to_owned(), (Some(process.who), experiences));
        self.cloud.started.notify_waiters();
    }

    fn at_tables(&mut self, process: &Process, request: &Request) -> (Answer, Seen) {
        let now = self.now();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let may_be_stale = body["ConsistentRead"] == Value::Bool(false) || body["ConsistentRead"].is_null();
        let is_read = ["GetItem", "Query"].contains(&request.operation.as_str());
        let stale = is_read && may_be_stale && self.faults.is_stale();
        let answer = self.cloud.tables.answer(request, now, stale);
        if stale {
            self.reach(Rare::StaleRead);
        }
        if answer.is_ok() {
            for key in written(request) {
                let item = self.cloud.tables.item(&key, now);
                // A transaction that is repeated with its token has no effect a second time.
                let repeated = request.operation == "TransactWriteItems" && self.ledger.get(&key) == Some(&item);
                if !repeated {
                    self.item_written(process, &key, &item);
                    self.ledger.insert(key, item);
                }
            }
        } else if process.who != Who::Operator {
            self.write_refused(process, request);
        }
        let Some(organization) = self.member(process.who).map(|member| member.organization.clone()) else {
            return (answer, Seen::default());
        };
        let mut seen = Seen::default();
        if answer.is_ok() && body["Key"]["item"]["S"] == "head" {
            self.judge.reads_head(&organization, process.life);
        }
        if answer.is_ok()
            && request.operation == "Query"
            && let Some(fleet) = asks_direction(&body, &organization)
        {
            let place = (!fleet).then_some(&organization);
            if !fleet {
                self.judge.reads_direction(&organization, process.life);
            }
            seen.heard = Some((fleet, self.judge.direction(place).cloned()));
        }
        (answer, seen)
    }

    fn write_refused(&mut self, process: &Process, request: &Request) {
        let lease = written(request).iter().any(|key| key.item == "lease");
        match (process.who, request.operation.as_str()) {
            (Who::Hub(_), "TransactWriteItems") => self.reach(Rare::StoreOutrun),
            (Who::Spoke(..), "PutItem") if lease => self.reach(Rare::LeaseRefused),
            _ => {}
        }
    }

    /// An item lies in the ledger now as a process wrote it.
    fn item_written(&mut self, process: &Process, key: &Key, item: &Value) {
        let own = self.member(process.who).map(|member| member.organization.clone());
        if let Some(organization) = &own {
            self.judge.wrote(organization, &key.partition);
        }
        let direction = format!("direction#{}", management());
        match (key.snapshots, key.partition.as_str(), key.item.as_str()) {
            (true, _, "head") => {
                if let Some(head) = target_of(item, "latest") {
                    self.judge.head_written(head, version_of(item, "published"));
                }
            }
            (true, ..) => {}
            (_, "hub#heads", name) if name == management().as_str() => {
                if let Some(mark) = target_of(item, "version") {
                    self.judge.marked(mark);
                }
            }
            (_, "hub#heads", name) if name == direction => self.judge.directed(None, direction_of(item)),
            (_, partition, name) if name == direction => {
                let place = partition.strip_prefix("hub#").and_then(|id| OrganizationId::new(id).ok());
                if let Some(place) = place {
                    self.turn_comes(&place, item);
                    self.judge.directed(Some(&place), direction_of(item));
                }
            }
            (_, _, name) => {
                if let Some(organization) = own {
                    self.own_item_written(process, &organization, name, item);
                }
            }
        }
    }

    fn turn_comes(&mut self, place: &OrganizationId, item: &Value) {
        let before = self.judge.direction(Some(place)).and_then(|it| it.turn);
        if direction_of(item).turn.is_some_and(|turn| Some(turn) != before) {
            self.reach(Rare::TurnCame);
        }
    }

    fn own_item_written(&mut self, process: &Process, organization: &OrganizationId, name: &str, item: &Value) {
        let prefix = format!("{}#", management());
        if name == "lease" {
            let given_back = item["expires_at_ms"]["N"] == "0";
            self.judge.leased(organization, process.life, given_back);
        } else if name == prefix || name.starts_with("spoke#") {
            self.judge.signed_life(organization, process.life);
        } else if let Some(receipt) = name.strip_prefix(&prefix).and_then(|_| receipt_of(item)) {
            self.reach(Rare::of_status(receipt.status));
            if process.day.is_skewed() {
                self.reach(Rare::SkewedReceipt);
            }
            self.judge.wrote_receipt(organization, process.life, receipt);
        }
    }

    fn published(&mut self, message: &str) {
        let body: Value = serde_json::from_str(message).unwrap_or(Value::Null);
        let version = body["version"].as_u64().and_then(|version| SnapshotVersion::new(version).ok());
        let digest = body["digest"].as_str().and_then(|digest| digest.parse().ok());
        if let (Some(version), Some(digest)) = (version, digest) {
            self.judge.announced(Target { version, digest });
        }
        self.deliver(message);
    }

    fn moved(&mut self, process: &Process, moved: Moved) -> Seen {
        let Some(organization) = self.member(process.who).map(|member| member.organization.clone()) else {
            return Seen::default();
        };
        if let Some(body) = moved.buried {
            self.reach(Rare::SetAside);
            self.judge.buried(&organization, &body);
        }
        for (id, body) in moved.deleted {
            self.judge.deleted(&organization, process.life, &id, &body);
        }
        Seen { received: moved.received, ..Seen::default() }
    }
}
