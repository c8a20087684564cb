//! One organization: its change sets, the live states of its experiences, and its receipts. HW,
//! "The spoke", 2 to 8; protocol D5, D11, L18, M12, R2, R3, R7.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_protocol::{ExperienceId, OrganizationId, ProductId, ReceiptStatus, SnapshotVersion};

use crate::queue::Queue;
use crate::{Direction, Life, Lists, Reference, Target};

/// "A change set carries up to 50 allows and 50 denials" (HW, "The spoke", 7).
const MOST_PRODUCTS: usize = 50;

/// What a change set asks for on one experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// The products to be approved.
    pub allow: BTreeSet<ProductId>,
    /// The products to be rejected.
    pub deny: BTreeSet<ProductId>,
}

/// A receipt, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptSaid {
    /// The member experience that it is about.
    pub experience: ExperienceId,
    /// The line of pins; 0 where it says none.
    pub line: u64,
    /// `version` and `digest`: what was tried.
    pub tried: Target,
    /// `status`: what came of it.
    pub status: ReceiptStatus,
    /// `applied`: what is in force.
    pub applied: Option<Target>,
    /// Whether it names products that the catalog refused (`quarantined`).
    pub quarantined: bool,
}

impl ReceiptSaid {
    /// Whether it tells what came of a sync. `applying` says that change sets run. `partial` says
    /// that the spoke was stopped and keeps the message (R8), unless all that is missing are
    /// products that the catalog refused.
    fn is_outcome(&self) -> bool {
        match self.status {
            ReceiptStatus::Applying => false,
            ReceiptStatus::Partial => self.quarantined,
            _ => true,
        }
    }
}

/// One member experience, as it lives.
#[derive(Debug, Default)]
struct Experience {
    live: Lists,
    /// The change set that runs on it.
    running: Option<String>,
    /// The versions that it was in step with at some moment, but for what the catalog refuses.
    reached: BTreeSet<Target>,
    receipt: Option<ReceiptSaid>,
    /// Whether somebody who is no spoke wrote that receipt. One that names a later version is in
    /// the way of what the spoke writes in the same pass (R3), until the next pass finds it (R7).
    forged: bool,
    /// The last receipt that told an outcome: another spoke may be at work again.
    outcome: Option<ReceiptSaid>,
}

/// What one life of a spoke has read and written.
#[derive(Debug, Default)]
struct Known {
    /// Where in the history of what is in force its last reads of the head were, and those of what
    /// is directed for its organization: before the last one, and the last one. What it acts on was
    /// in force between the earlier of the former and now.
    head_reads: (usize, usize),
    direction_reads: (usize, usize),
    /// The directions that it read last: of the fleet, and of its organization.
    heard: [Option<Direction>; 2],
    /// The lists that it read last, of each experience.
    read: BTreeMap<ExperienceId, Lists>,
    signs: u64,
}

#[derive(Debug)]
pub(crate) struct Member {
    /// What its filter takes away.
    pub(crate) excluded: BTreeSet<ProductId>,
    experiences: BTreeMap<ExperienceId, Experience>,
    /// What was in force for it, one after the other.
    targets: Vec<Option<Target>>,
    lives: BTreeMap<Life, Known>,
    /// The life whose lease lies in the ledger; none once it is given back.
    lease: Option<Life>,
    pub(crate) queue: Queue,
}

impl Member {
    pub(crate) fn in_force(&mut self, target: Option<Target>) {
        if self.targets.last() != Some(&target) {
            self.targets.push(target);
        }
    }

    pub(crate) fn position(&self) -> usize {
        self.targets.len().saturating_sub(1)
    }

    pub(crate) fn signs_of(&self, life: Life) -> u64 {
        self.lives.get(&life).map_or(0, |known| known.signs)
    }

    pub(crate) fn receipts(&self) -> impl Iterator<Item = &ReceiptSaid> {
        self.experiences.values().filter_map(|experience| experience.receipt.as_ref())
    }

    fn since(&self, position: usize) -> impl Iterator<Item = Target> {
        self.targets[position.min(self.targets.len())..].iter().flatten().copied()
    }

    /// Which experience has no receipt for anything that was in force since then; none where all
    /// have one.
    pub(crate) fn without_outcome(&self, since: usize) -> Option<String> {
        let targets: BTreeSet<_> = self.since(since).collect();
        if targets.is_empty() {
            return Some("nothing was in force".to_owned());
        }
        let has = |experience: &Experience| experience.outcome.as_ref().is_some_and(|it| targets.contains(&it.tried));
        let lacks = |experience: &Experience| !has(experience) && !experience.forged;
        let (id, found) = self.experiences.iter().find(|(_, experience)| lacks(experience))?;
        let said = found.receipt.as_ref().map(|receipt| (receipt.line, receipt.tried.to_string(), receipt.status));
        Some(format!("the receipt of {id} is {said:?}"))
    }

    pub(crate) fn unfinished(
        &self,
        id: &OrganizationId,
        target: Target,
        asked: &Lists,
        refused: &BTreeSet<ProductId>,
    ) -> Vec<String> {
        let set_aside = !asked.approved.is_disjoint(refused) || !asked.rejected.is_disjoint(refused);
        let mut missing = Vec::new();
        for (name, experience) in &self.experiences {
            if !experience.live.are_as_but_for(asked, refused) {
                let lacks = asked.approved.difference(&experience.live.approved).count();
                let more = experience.live.approved.difference(&asked.approved).count();
                let rejections = asked.rejected.difference(&experience.live.rejected).count();
                missing.push(format!(
                    "{id}, {name}: {target} lacks {lacks}, has {more} too many, {rejections} not rejected"
                ));
            }
            let said = experience.receipt.as_ref();
            let is_true = |it: &ReceiptSaid| match it.status {
                ReceiptStatus::InSync => it.applied == Some(target),
                // "The catalog refuses a product": all others are applied.
                ReceiptStatus::Partial => set_aside,
                _ => false,
            };
            if !said.is_some_and(|it| it.tried == target && is_true(it)) {
                let said = said.map(|it| format!("{} {}, applied {:?}", it.tried, it.status, it.applied));
                missing.push(format!("{id}, {name}: the receipt says {said:?}, and {target} is in force"));
            }
            if experience.running.is_some() {
                missing.push(format!("{id}, {name}: a change set runs"));
            }
        }
        missing
    }
}

impl Reference {
    /// There is this organization, whose filter takes `excluded` away.
    pub fn joins(&mut self, organization: OrganizationId, excluded: BTreeSet<ProductId>) {
        let member = Member {
            excluded,
            experiences: BTreeMap::new(),
            targets: Vec::new(),
            lives: BTreeMap::new(),
            lease: None,
            queue: Queue::default(),
        };
        self.members.insert(organization, member);
        self.note_targets();
    }

    /// A member experience says this now: at the start, after a change set, after anybody's edit.
    pub fn lives_as(&mut self, organization: &OrganizationId, experience: &ExperienceId, live: Lists) {
        let Some(member) = self.members.get_mut(organization) else { return };
        member.experiences.entry(experience.clone()).or_default().live = live;
        self.note_reached();
    }

    /// Notes which versions each experience is in step with now.
    pub(crate) fn note_reached(&mut self) {
        let versions: Vec<_> = self.versions.digests().map(|(version, digest)| Target { version, digest }).collect();
        for (id, member) in &self.members {
            let mut found = Vec::new();
            for target in &versions {
                let Some(asked) = self.asked(id, *target) else { continue };
                for (name, experience) in &member.experiences {
                    if !experience.reached.contains(target) && experience.live.are_as_but_for(&asked, &self.refused) {
                        found.push((name.clone(), *target));
                    }
                }
            }
            self.reached_now.extend(found.into_iter().map(|(name, target)| (id.clone(), name, target)));
        }
        for (id, name, target) in std::mem::take(&mut self.reached_now) {
            if let Some(experience) = self.members.get_mut(&id).and_then(|member| member.experiences.get_mut(&name)) {
                experience.reached.insert(target);
            }
        }
    }

    /// A spoke reads the head.
    pub fn reads_head(&mut self, organization: &OrganizationId, life: Life) {
        let Some(member) = self.members.get_mut(organization) else { return };
        let now = member.position();
        let known = member.lives.entry(life).or_default();
        known.head_reads = (known.head_reads.1, now);
    }

    /// A spoke reads what is directed for its organization.
    pub fn reads_direction(&mut self, organization: &OrganizationId, life: Life) {
        let Some(member) = self.members.get_mut(organization) else { return };
        let now = member.position();
        let known = member.lives.entry(life).or_default();
        known.direction_reads = (known.direction_reads.1, now);
    }

    /// A spoke has heard what is directed: for the fleet, or for its organization.
    pub fn heard(&mut self, organization: &OrganizationId, life: Life, fleet: bool, direction: Option<Direction>) {
        let Some(member) = self.members.get_mut(organization) else { return };
        member.lives.entry(life).or_default().heard[usize::from(!fleet)] = direction;
    }

    /// A spoke has read the lists of an experience.
    pub fn read_lists(&mut self, organization: &OrganizationId, life: Life, experience: &ExperienceId, lists: Lists) {
        let Some(member) = self.members.get_mut(organization) else { return };
        member.lives.entry(life).or_default().read.insert(experience.clone(), lists);
    }

    /// A life of a spoke wrote the lease, or gave it back.
    pub fn leased(&mut self, organization: &OrganizationId, life: Life, given_back: bool) {
        let Some(member) = self.members.get_mut(organization) else { return };
        member.lease = (!given_back).then_some(life);
    }

    /// A spoke started a change set. `now` is the time by its own clock.
    pub fn started(
        &mut self,
        organization: &OrganizationId,
        life: Life,
        id: &str,
        changes: &BTreeMap<ExperienceId, Change>,
        now: Timestamp,
    ) {
        let Some(member) = self.members.get(organization) else { return };
        let unknown = Known::default();
        let known = member.lives.get(&life).unwrap_or(&unknown);
        let mut problems = Vec::new();
        if member.lease != Some(life) {
            problems.push(("L18", format!("{id} was started without the lease")));
        }
        let paused = |heard: &Option<Direction>| heard.as_ref().and_then(|it| it.pause).is_some_and(|it| it.holds(now));
        if known.heard.iter().any(paused) {
            problems.push(("D11", format!("{id} was started in a pause that the spoke had read of")));
        }
        let candidates: BTreeSet<_> = member.since(known.head_reads.0.min(known.direction_reads.0)).collect();
        for (name, change) in changes {
            let Some(experience) = member.experiences.get(name) else {
                problems.push(("HW, The spoke, 4", format!("{id} changes {name}, which is nobody's")));
                continue;
            };
            // "Within one experience, change sets run strictly one after the other."
            if let Some(running) = &experience.running {
                problems.push(("HW, The spoke, 7", format!("{id} was started on {name} while {running} runs")));
            }
            if change.allow.len() > MOST_PRODUCTS || change.deny.len() > MOST_PRODUCTS {
                problems.push(("HW, The spoke, 7", format!("{id} carries too many products")));
            }
            // "allow `A − a`, deny `(a − A) ∪ (R − r)`": nothing is asked for that is so already.
            let Lists { approved, rejected } = &experience.live;
            let idle = change.allow.intersection(approved).count()
                + change
                    .deny
                    .iter()
                    .filter(|product| !approved.contains(*product) && rejected.contains(*product))
                    .count();
            if idle > 0 {
                problems.push(("HW, The spoke, 6", format!("{id} on {name}: {idle} products are as it asks already")));
            }
            // M12 and D5; and the filter can only narrow.
            let serves = |target: &Target| {
                self.asked(organization, *target).is_some_and(|asked| change.serves(&asked, approved))
            };
            if !candidates.iter().any(serves) {
                let known: Vec<_> = candidates.iter().map(ToString::to_string).collect();
                let change = format!("allows {:?}, denies {:?}", change.allow, change.deny);
                problems.push((
                    "M12",
                    format!("{id} on {name} serves nothing that was in force ({}): {change}", known.join(", ")),
                ));
            }
        }
        for (sentence, what) in problems {
            self.broken(sentence, format!("{organization}: {what}"));
        }
        if let Some(member) = self.members.get_mut(organization) {
            for name in changes.keys() {
                member.experiences.entry(name.clone()).or_default().running = Some(id.to_owned());
            }
        }
    }

    /// A change set of anybody has ended.
    pub fn ended(&mut self, id: &str) {
        for experience in self.members.values_mut().flat_map(|member| member.experiences.values_mut()) {
            experience.running.take_if(|running| running == id);
        }
    }

    /// A life of a spoke wrote a sign of life.
    pub fn signed_life(&mut self, organization: &OrganizationId, life: Life) {
        let Some(member) = self.members.get_mut(organization) else { return };
        member.lives.entry(life).or_default().signs += 1;
    }

    /// Somebody who is no spoke wrote a receipt.
    pub fn forged_receipt(&mut self, organization: &OrganizationId, receipt: ReceiptSaid) {
        let experience = self.members.get_mut(organization).and_then(|it| it.experiences.get_mut(&receipt.experience));
        if let Some(experience) = experience {
            (experience.receipt, experience.forged) = (Some(receipt), true);
        }
    }

    /// A spoke wrote a receipt.
    pub fn wrote_receipt(&mut self, organization: &OrganizationId, life: Life, receipt: ReceiptSaid) {
        let Some(member) = self.members.get(organization) else { return };
        let name = &receipt.experience;
        let Some(experience) = member.experiences.get(name) else { return };
        let mut problems = Vec::new();
        let order = |receipt: &ReceiptSaid| (receipt.line, receipt.tried.version);
        // R3; R4: one that the ledger does not bear out may be replaced.
        if let Some(before) = experience.receipt.as_ref().filter(|before| order(before) > order(&receipt)) {
            let line = self.directions.of(Some(organization)).map_or(0, |own| own.line);
            if self.versions.was_given(before.tried)
                && before.line <= line
                && self.is_not_above_head(before.tried.version)
            {
                problems.push(("R3", format!("{} took the place of {}", receipt.tried, before.tried)));
            }
        }
        // R2 and rule 9: what is tried was in force.
        if !self.versions.was_given(receipt.tried) {
            problems.push(("M12", format!("it is about {}, which was never stored", receipt.tried)));
        }
        let before = experience.receipt.as_ref().and_then(|before| before.applied);
        if let Some(applied) = receipt.applied
            && !experience.reached.contains(&applied)
            && before != Some(applied)
        {
            problems.push(("R2", format!("{applied} is said to be applied, and never was")));
        }
        if receipt.status == ReceiptStatus::InSync {
            let asked = self.asked(organization, receipt.tried);
            let read = member.lives.get(&life).and_then(|known| known.read.get(name));
            // "The spoke reads the policy once more before it reports an experience as in step."
            if !read.zip(asked.as_ref()).is_some_and(|(read, asked)| read.are_as(asked)) {
                problems
                    .push(("HW, The ledger", format!("in-sync with {}, and what was read last is not", receipt.tried)));
            }
        }
        let name = name.clone();
        for (sentence, what) in problems {
            self.broken(sentence, format!("{organization}: the receipt of {name}: {what}"));
        }
        if let Some(experience) = self.members.get_mut(organization).and_then(|it| it.experiences.get_mut(&name)) {
            if receipt.is_outcome() {
                experience.outcome = Some(receipt.clone());
            }
            (experience.receipt, experience.forged) = (Some(receipt), false);
        }
    }

    fn is_not_above_head(&self, version: SnapshotVersion) -> bool {
        self.versions.head().is_some_and(|head| version <= head.version)
    }
}

impl Change {
    /// Whether it only brings lists nearer to what is asked for. `approved` are the products that
    /// are approved now.
    fn serves(&self, asked: &Lists, approved: &BTreeSet<ProductId>) -> bool {
        let may_deny = |product: &ProductId| {
            !asked.approved.contains(product) && (approved.contains(product) || asked.rejected.contains(product))
        };
        self.allow.is_subset(&asked.approved) && self.deny.iter().all(may_deny)
    }
}
