//! What is measured: jobs of several sizes, each in a world of its own.

use std::time::Duration;

use pmp_local_aws::world::{ChangeEventTarget, ChangeSetTiming, Experience, Organization, ProcurementPolicy};
use pmp_tests::{Job, Lists, World, member_role_for};
use serde_json::{Value, json};

/// What sets it going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// An operator runs `pmp-hub publish`.
    Publish,
    /// A person approves one product in the management experience; the agent `pmp-hub run` sees the
    /// catalog's event.
    Click,
}

/// One job for a spoke.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// How many member experiences there are.
    pub(crate) members: usize,
    /// Products to allow and to deny, in each of them.
    pub(crate) allow: usize,
    pub(crate) deny: usize,
    /// Products that are approved everywhere from the start.
    pub(crate) in_step: usize,
    /// How long a change set takes; none for the time that the command line asks for.
    pub(crate) timing: Option<(Duration, Duration)>,
    pub(crate) trigger: Trigger,
    /// What the command may take as a whole process.
    pub(crate) bounds: Bounds,
}

/// The most that `pmp-spoke sync` may take, on a machine that does nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    /// Wall time, as a multiple of the floor with shared change sets.
    of_floor: Option<f64>,
    /// Polls of each change set.
    looks: Option<f64>,
}

impl Bounds {
    const fn of_floor(most: f64) -> Self {
        Self { of_floor: Some(most), looks: None }
    }

    /// What is above them.
    pub(crate) fn above(&self, of_floor: Option<f64>, looks: Option<f64>) -> Vec<String> {
        let each = [(self.of_floor, of_floor, "of the shared floor"), (self.looks, looks, "looks a change set")];
        let above = each.into_iter().filter_map(|(bound, found, what)| Some((bound?, found?, what)));
        let above = above.filter(|(bound, found, _)| found > bound);
        above.map(|(bound, found, what)| format!("{found:.3} {what}, where {bound} is the bound")).collect()
    }
}

/// All scenarios, in the order in which they run. Each has accounts of its own, so that one catalog
/// can hold them all.
pub(crate) fn all() -> Vec<Scenario> {
    let job = |name, title, members, allow, deny| Scenario {
        name,
        title,
        members,
        allow,
        deny,
        in_step: 0,
        timing: None,
        trigger: Trigger::Publish,
        bounds: Bounds::default(),
    };
    let seconds = Duration::from_secs;
    vec![
        job("one", "1 experience, 500 allow", 1, 500, 0),
        Scenario { bounds: Bounds::of_floor(1.10), ..job("ten", "10 experiences, 500 allow + 500 deny", 10, 500, 500) },
        job("hundred", "100 experiences, 50 allow + 50 deny", 100, 50, 50),
        Scenario { in_step: 600, ..job("nothing", "100 experiences, nothing to do", 100, 0, 0) },
        job("sample", "10 experiences, 100 allow + 100 deny", 10, 100, 100),
        Scenario {
            timing: Some((seconds(5), seconds(15))),
            ..job("realistic", "3 experiences, 200 allow + 20 deny, 5-15 s", 3, 200, 20)
        },
        Scenario {
            timing: Some((seconds(1), seconds(1))),
            ..job("many", "300 experiences, 60 allow, 1 s", 300, 60, 0)
        },
        Scenario {
            timing: Some((seconds(3), seconds(3))),
            bounds: Bounds { looks: Some(2.5), ..Bounds::of_floor(1.03) },
            ..job("three", "3 experiences, 200 allow + 20 deny, 3 s", 3, 200, 20)
        },
        Scenario {
            timing: Some((seconds(15), seconds(15))),
            bounds: Bounds::of_floor(1.02),
            ..job("long", "1 experience, 500 allow, 15 s", 1, 500, 0)
        },
        Scenario { in_step: 50_000, ..job("large", "1 experience, 50,000 products in step", 1, 0, 0) },
        Scenario {
            in_step: 100,
            trigger: Trigger::Click,
            ..job("click", "3 experiences, one product, from the click", 3, 1, 0)
        },
        job("smoke", "2 experiences, 60 allow + 10 deny", 2, 60, 10),
    ]
}

impl Scenario {
    /// How long its change sets take, where the command line asks for `latency`.
    pub(crate) fn timing(&self, latency: Duration) -> (Duration, Duration) {
        self.timing.unwrap_or((latency, latency))
    }

    /// What it asks of the catalog.
    pub(crate) fn job(&self) -> Job {
        Job { experiences: self.members, allow: self.allow, deny: self.deny }
    }

    /// The least time that it takes; from a click, the change set that the click starts comes
    /// first. Of random durations the mean is all that is known before.
    pub(crate) fn floor(&self, latency: Duration, shared: bool) -> Duration {
        let (min, max) = self.timing(latency);
        let mean = (min + max) / 2;
        let click = if self.trigger == Trigger::Click { mean } else { Duration::ZERO };
        click + self.job().floor(mean, shared)
    }

    /// Its accounts: that of the hub, and that of the spoke.
    pub(crate) fn accounts(&self) -> (String, String) {
        let place = all().iter().position(|one| one.name == self.name).unwrap_or_default();
        (format!("{:012}", 100_000_000_001 + 2 * place as u64), format!("{:012}", 100_000_000_002 + 2 * place as u64))
    }

    pub(crate) fn organization(&self) -> String {
        format!("o-{:0>10}", self.name)
    }

    pub(crate) fn management(&self) -> String {
        format!("exp-{}-management", self.name)
    }

    pub(crate) fn member_ids(&self) -> Vec<String> {
        (0..self.members).map(|n| format!("exp-{}-{n:03}", self.name)).collect()
    }

    /// What the management experience says when it is published, and what the members are to say in
    /// the end.
    pub(crate) fn desired(&self) -> Lists {
        let mut lists = self.start();
        lists.approved.extend(self.products("allow", self.allow));
        lists.rejected.extend(self.products("deny", self.deny));
        lists
    }

    /// What the members say at the start.
    pub(crate) fn start(&self) -> Lists {
        let mut lists = Lists::default();
        lists.approved.extend(self.products("step", self.in_step));
        lists
    }

    fn products(&self, kind: &str, count: usize) -> impl Iterator<Item = String> {
        (0..count).map(move |n| format!("prod-{kind}{n:0>width$}", width = 13 - kind.len()))
    }

    /// The product that a person approves.
    pub(crate) fn clicked(&self) -> Option<String> {
        (self.trigger == Trigger::Click).then(|| self.products("allow", 1).next()).flatten()
    }

    fn management_lists(&self) -> Lists {
        if self.trigger == Trigger::Click { self.start() } else { self.desired() }
    }

    /// The world in which it happens: the hub's organization and the member's, both with change
    /// events to a queue.
    pub(crate) fn world(&self, latency: Duration) -> World {
        let (hub, spoke) = self.accounts();
        let (min, max) = self.timing(latency);
        let policy = |id: String, lists: Lists| {
            ProcurementPolicy::new(&format!("policy-{id}")).approving(lists.approved).rejecting(lists.rejected)
        };
        let experience = |id: String, lists| Experience::new(&id, &id).with_policy(policy(id.clone(), lists));
        let management = experience(self.management(), self.management_lists());
        let mut member = Organization::new(&self.organization(), "Member", &spoke);
        for id in self.member_ids() {
            member = member.with_experience(experience(id, self.start()));
        }
        let events = |account: &str| ChangeEventTarget::to_queue(account, EVENTS_QUEUE);
        World {
            change_sets: ChangeSetTiming::between(min, max),
            organizations: vec![Organization::new("o-hub0000000", "Hub", &hub).with_experience(management), member],
            roles: vec![member_role_for(&hub, &spoke, &self.organization())],
            change_event_targets: vec![events(&hub), events(&spoke)],
            ..World::default()
        }
    }

    /// The same for a catalog of another make, as JSON: all experiences belong to the hub's
    /// account.
    pub(crate) fn experiences_elsewhere(&self, latency: Duration) -> Vec<Value> {
        let (account, _) = self.accounts();
        let (min, max) = self.timing(latency);
        let experience = |id: String, lists: Lists| {
            json!({"account": account, "id": id, "approved": lists.approved, "rejected": lists.rejected,
                   "seconds": [min.as_secs_f64(), max.as_secs_f64()]})
        };
        let members = self.member_ids().into_iter().map(|id| experience(id, self.start()));
        members.chain([experience(self.management(), self.management_lists())]).collect()
    }
}

/// The queue of an account's change events.
pub(crate) const EVENTS_QUEUE: &str = "change-events";
