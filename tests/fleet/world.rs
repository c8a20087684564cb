//! A fleet in a box: the services, the faults, the judge and the log, behind one lock.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{ExperienceId, OrganizationId};
use pmp_runtime::{Clock, Stop, StopReason};
use pmp_test_reference::{Content, Life, Reference};
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::arrivals::Arrivals;
use crate::cloud::queues::INBOX;
use crate::cloud::tables::Key;
use crate::cloud::{Cloud, catalog, topic};
use crate::faults::Faults;
use crate::fleet::{HUB, MemberShape, Shape, management};
use crate::rare::{Rare, Reached};
use crate::seeded::Day;

/// A fleet that is shared with the processes in it.
pub(crate) type Shared = Arc<Mutex<World>>;

/// Who it is that calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// One of the hubs.
    Hub(usize),
    /// An operator, with the hub's commands.
    Operator,
    /// A process of a member's spoke: the member, and which of its processes.
    Spoke(usize, usize),
}

/// A process that lives, or lived.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) who: Who,
    pub(crate) life: Life,
    /// Cancelled when it dies: then it calls nobody any more.
    pub(crate) dead: CancellationToken,
    /// By which it is told to stop.
    pub(crate) stop: Stop,
    /// The clock of its machine.
    pub(crate) day: Day,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) shape: Shape,
    pub(crate) day: Day,
    pub(crate) cloud: Cloud,
    pub(crate) faults: Faults,
    pub(crate) arrivals: Arrivals,
    pub(crate) judge: Reference,
    pub(crate) reached: Reached,
    pub(crate) log: Vec<String>,
    /// Calls of all processes so far.
    pub(crate) calls: u64,
    /// Those of each member's spokes since the faults ended.
    pub(crate) calls_in_peace: BTreeMap<usize, u64>,
    /// Change sets that run: who started them, and on which experiences.
    pub(crate) running: BTreeMap<String, (Option<Who>, BTreeSet<ExperienceId>)>,
    /// Change sets that spokes have started.
    pub(crate) own: BTreeSet<String>,
    /// Change sets of the spokes whose processes have died since.
    pub(crate) orphans: BTreeSet<String>,
    /// Rings when a change set on the management experience has succeeded.
    pub(crate) changed: Arc<Notify>,
    /// The setting `PMP_WAVES` of the hubs that start now.
    pub(crate) waves: Option<String>,
    /// The ledger's items as they were written last.
    pub(crate) ledger: BTreeMap<Key, Value>,
    /// Bodies of messages that no hub sent.
    pub(crate) forged: BTreeSet<String>,
    pub(crate) lives: u32,
    /// How many violations stand in the log.
    pub(crate) found: usize,
    /// The hubs that live, or lived last.
    pub(crate) hubs: Vec<Arc<Process>>,
}

impl World {
    pub(crate) fn new(shape: Shape) -> Self {
        let day = Day::new();
        let cloud = Cloud::new(&shape, day.now());
        let mut judge = Reference::new(management());
        judge.refuses(shape.poison.clone());
        judge.bound_failures(shape.waves.as_ref().map(|(_, most)| *most));
        for member in &shape.members {
            judge.joins(member.organization.clone(), member.excluded.clone());
            for (id, lists) in &member.experiences {
                judge.lives_as(&member.organization, id, lists.clone());
            }
        }
        let mut world = Self {
            day,
            cloud,
            faults: Faults::new(shape.seed, shape.per_mille),
            arrivals: Arrivals::default(),
            judge,
            reached: Reached::default(),
            log: Vec::new(),
            calls: 0,
            calls_in_peace: BTreeMap::new(),
            running: BTreeMap::new(),
            own: BTreeSet::new(),
            orphans: BTreeSet::new(),
            changed: Arc::default(),
            waves: shape.waves.as_ref().map(|(text, _)| text.clone()),
            ledger: BTreeMap::new(),
            forged: BTreeSet::new(),
            lives: 0,
            found: 0,
            hubs: Vec::new(),
            shape,
        };
        world.management_says();
        world
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.day.now()
    }

    pub(crate) fn note(&mut self, what: impl AsRef<str>) {
        let at = self.day.elapsed().as_secs_f64();
        self.log.push(format!("{at:10.3} s  {}", what.as_ref()));
    }

    pub(crate) fn reach(&mut self, state: Rare) {
        self.reached.reach(state);
    }

    pub(crate) fn member(&self, who: Who) -> Option<&MemberShape> {
        match who {
            Who::Spoke(member, _) => self.shape.members.get(member),
            Who::Hub(_) | Who::Operator => None,
        }
    }

    pub(crate) fn account(&self, who: Who) -> String {
        self.member(who).map_or(HUB, |member| &member.account).to_owned()
    }

    /// Whose member experience it is.
    pub(crate) fn owner(&self, experience: &ExperienceId) -> Option<OrganizationId> {
        let has = |member: &&MemberShape| member.experiences.iter().any(|(id, _)| id == experience);
        self.shape.members.iter().find(has).map(|member| member.organization.clone())
    }

    /// A process begins to live.
    pub(crate) fn born(&mut self, who: Who) -> Process {
        self.lives += 1;
        self.note(format!("{who:?} starts: life {}", self.lives));
        let day = match self.member(who) {
            Some(member) => self.day.with_skew(member.skew),
            None => self.day.clone(),
        };
        Process { who, life: Life(self.lives), dead: CancellationToken::new(), stop: Stop::new(), day }
    }

    pub(crate) fn kill(&mut self, process: &Process, how: &str) {
        if process.dead.is_cancelled() {
            return;
        }
        self.note(format!("{:?} dies {how}", process.who));
        let own = self.running.iter().filter(|(_, (who, _))| *who == Some(process.who)).map(|(id, _)| id.clone());
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            self.reach(Rare::DiedWhileItRan);
        }
        self.orphans.extend(own);
        process.dead.cancel();
    }

    pub(crate) fn tell_to_stop(&mut self, process: &Process) {
        self.note(format!("{:?} is told to stop", process.who));
        if self.running.values().any(|(who, _)| *who == Some(process.who)) {
            self.reach(Rare::ToldWhileItRan);
        }
        process.stop.stop(StopReason::Signal("SIGTERM"));
    }

    /// The judge hears what the management experience says.
    fn management_says(&mut self) {
        let lists = catalog::lists(&self.cloud.catalog, &management());
        self.judge.says(Content { lists, notes: BTreeMap::new(), requests: "Allow" });
    }

    /// Ends the change sets that are due.
    pub(crate) fn advance(&mut self) {
        let now = self.now();
        if !self.cloud.catalog.is_due(now) {
            return;
        }
        for event in self.cloud.catalog.advance(now) {
            let id = event.event["detail"]["ChangeSetId"].as_str().unwrap_or_default().to_owned();
            let how = event.event["detail-type"].as_str().unwrap_or_default().to_owned();
            let Some((who, experiences)) = self.running.remove(&id) else { continue };
            self.note(format!("{how}: {id} of {who:?}"));
            if how.ends_with("Failed") && who.is_some() {
                self.reach(Rare::OwnFailed);
            }
            for experience in experiences {
                if experience == management() {
                    self.management_says();
                    self.changed.notify_waiters();
                } else if let Some(owner) = self.owner(&experience) {
                    let lists = catalog::lists(&self.cloud.catalog, &experience);
                    self.judge.lives_as(&owner, &experience, lists);
                }
            }
            self.judge.ended(&id);
            if self.orphans.remove(&id) && how.ends_with("Succeeded") {
                self.reach(Rare::EndedUnseen);
            }
        }
    }

    /// The topic delivers a message to each queue, or does not.
    pub(crate) fn deliver(&mut self, message: &str) {
        let now = self.now();
        for position in 0..self.shape.members.len() {
            let member = &self.shape.members[position];
            let (account, body) = match member.raw {
                true => (member.account.clone(), message.to_owned()),
                false => (member.account.clone(), topic::wrapped(message)),
            };
            let calm = self.faults.are_over();
            let (copies, delay) = match if calm { 9 } else { self.faults.rng.u8(0..10) } {
                0 => (0, 0),
                1 => (2, 0),
                2 | 3 => (1, self.faults.rng.i64(1..80)),
                _ => (1, 0),
            };
            match (copies, delay) {
                (0, _) => self.reach(Rare::MessageLost),
                (2, _) => self.reach(Rare::MessageTwice),
                (_, 1..) => self.reach(Rare::MessageLate),
                _ => {}
            }
            for copy in 0..copies {
                let visible = now + SignedDuration::from_secs(delay + 7 * copy);
                self.cloud.queues.send(&account, INBOX, body.clone(), now, visible);
            }
        }
    }
}
