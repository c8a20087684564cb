//! What a fleet consists of: drawn from its seed.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;
use jiff::SignedDuration;
use pmp_protocol::{ExperienceId, OrganizationId, ProductId};
use pmp_test_reference::Lists;
use pmp_world::{ChangeSetTiming, Experience, Organization, ProcurementPolicy, World};

/// The account in which the hub runs.
pub(crate) const HUB: &str = "111111111111";
/// Where all clients call. Nobody listens there: the requests never leave the process.
pub(crate) const ENDPOINT: &str = "http://aws.fleet";
/// The region of everything in the fleet.
pub(crate) const REGION: &str = "us-east-1";
/// Products that there are.
pub(crate) const UNIVERSE: usize = 90;

/// What goes wrong, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything fails at any time. Only then all is well, and everybody has to come to the end.
    Safety,
    /// After a while all is well for a core of the fleet. The rest stays broken, and must not keep
    /// the core from coming to the end.
    Liveness,
}

/// One member organization before it lives.
#[derive(Debug, Clone)]
pub(crate) struct MemberShape {
    pub(crate) organization: OrganizationId,
    pub(crate) account: String,
    pub(crate) experiences: Vec<(ExperienceId, Lists)>,
    /// What its filter takes away; without any, it has no filter.
    pub(crate) excluded: BTreeSet<ProductId>,
    /// How many processes of its spoke there are.
    pub(crate) spokes: usize,
    /// How far its clocks are ahead.
    pub(crate) skew: SignedDuration,
    /// Whether its subscription asks for messages without SNS's envelope.
    pub(crate) raw: bool,
    /// Whether it comes to the end: all do, where all heals.
    pub(crate) core: bool,
}

/// A fleet before it lives.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    pub(crate) members: Vec<MemberShape>,
    pub(crate) management: Lists,
    pub(crate) hubs: usize,
    /// Of a thousand calls of usual weight, how many go wrong.
    pub(crate) per_mille: u32,
    /// The setting `PMP_WAVES`, and `max_failures` in it.
    pub(crate) waves: Option<(String, usize)>,
    /// Products that the catalog refuses.
    pub(crate) poison: BTreeSet<ProductId>,
    /// How many things people do.
    pub(crate) events: u32,
}

pub(crate) fn management() -> ExperienceId {
    ExperienceId::new("exp-management").unwrap()
}

pub(crate) fn product(n: usize) -> ProductId {
    ProductId::new(&format!("prod-{n:03}")).unwrap()
}

pub(crate) fn some_products(rng: &mut Rng, count: usize) -> BTreeSet<ProductId> {
    (0..count).map(|_| product(rng.usize(0..UNIVERSE))).collect()
}

fn some_lists(rng: &mut Rng, least: usize, most: usize) -> Lists {
    let (approved, rejected) = (rng.usize(least..most), rng.usize(0..8));
    let approved = some_products(rng, approved);
    let rejected = some_products(rng, rejected).difference(&approved).cloned().collect();
    Lists { approved, rejected }
}

/// Lists that are like those of the management experience, so that most plans pass the guard rails;
/// sometimes any lists at all.
fn near(rng: &mut Rng, management: &Lists) -> Lists {
    if rng.u8(0..6) == 0 {
        return some_lists(rng, 10, 50);
    }
    let (more, fewer) = (rng.usize(0..8), rng.usize(0..40));
    let mut lists = management.clone();
    lists.approved.retain(|_| rng.usize(0..100) >= fewer);
    lists.approved.extend(some_products(rng, more));
    lists.rejected = lists.rejected.difference(&lists.approved).cloned().collect();
    lists
}

impl Shape {
    /// The fleet of a seed.
    pub(crate) fn of(seed: u64, mode: Mode) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x5eed_0f1e);
        let count = match rng.u8(0..24) {
            0 => rng.usize(6..=20),
            1..=4 => rng.usize(4..6),
            _ => rng.usize(1..4),
        };
        let mut management = some_lists(&mut rng, 10, 80);
        let mut members: Vec<_> = (0..count).map(|n| Self::member(&mut rng, n, count, &management)).collect();
        if mode == Mode::Liveness {
            members.iter_mut().skip(1).for_each(|member| member.core = rng.u8(0..3) > 0);
        }
        let per_mille = [0, 6, 12, 25][rng.usize(0..4)];
        let waves = (rng.u8(0..3) == 0).then(|| {
            let most = rng.usize(0..2);
            let first = members[0].organization.as_str();
            let on_failure = if rng.bool() { "halt" } else { "roll-back" };
            let waves = serde_json::json!({ "max_failures": most, "on_failure": on_failure, "silent_after": "20m",
                "waves": [{ "name": "first", "organizations": [first], "deadline": "40m" },
                    { "name": "all", "share": 100, "deadline": "40m" }] });
            (waves.to_string(), most)
        });
        let poison = if rng.u8(0..4) == 0 { some_products(&mut rng, 2) } else { BTreeSet::new() };
        // Nobody can approve them any more: they were approved before the catalog refused them.
        management.approved.extend(poison.iter().cloned());
        management.rejected.retain(|id| !poison.contains(id));
        Self {
            seed,
            mode,
            management,
            hubs: if rng.u8(0..4) == 0 { 2 } else { 1 },
            per_mille,
            waves,
            poison,
            events: rng.u32(3..if count > 5 { 7 } else { 14 }),
            members,
        }
    }

    fn member(rng: &mut Rng, n: usize, count: usize, management: &Lists) -> MemberShape {
        let experiences = (0..rng.usize(1..=if count > 5 { 1 } else { 3 })).map(|which| {
            let id = ExperienceId::new(&format!("exp-m{n}-{which}")).unwrap();
            (id, near(rng, management))
        });
        let experiences: Vec<_> = experiences.collect();
        // A filter runs on a thread of its own. Of several experiences, one may be there when the
        // other's change set is about to start, or not: the machine would decide whether they share
        // it, and not the seed.
        let may_filter = experiences.len() == 1;
        let skewed = rng.u8(0..3) == 0;
        MemberShape {
            organization: OrganizationId::new(&format!("o-member{n:04}")).unwrap(),
            account: format!("2{n:011}"),
            experiences,
            excluded: if may_filter && rng.u8(0..3) > 0 { some_products(rng, 3) } else { BTreeSet::new() },
            spokes: if rng.u8(0..6) == 0 { 2 } else { 1 },
            skew: SignedDuration::from_secs(if skewed { rng.i64(-120..120) } else { 0 }),
            raw: rng.bool(),
            core: true,
        }
    }

    /// The world with which the catalog begins.
    pub(crate) fn world(&self) -> World {
        let experience = |id: &ExperienceId, lists: &Lists| {
            let policy = ProcurementPolicy::new(&format!("policy-of-{id}"))
                .approving(lists.approved.iter().map(ProductId::as_str))
                .rejecting(lists.rejected.iter().map(ProductId::as_str));
            Experience::new(id.as_str(), id.as_str()).with_policy(policy)
        };
        let hub = Organization::new("o-thehub00000", "hub", HUB);
        let mut organizations = vec![hub.with_experience(experience(&management(), &self.management))];
        for member in &self.members {
            let organization = Organization::new(member.organization.as_str(), "member", &member.account);
            let with = |organization: Organization, (id, lists): &(ExperienceId, Lists)| {
                organization.with_experience(experience(id, lists))
            };
            organizations.push(member.experiences.iter().fold(organization, with));
        }
        World {
            region: REGION.to_owned(),
            seed: self.seed,
            change_sets: ChangeSetTiming::between(Duration::from_secs(1), Duration::from_secs(12)),
            organizations,
            poison_products: self.poison.iter().map(ToString::to_string).collect(),
            ..World::default()
        }
    }
}
