//! The other spokes of this organization that follow the same management experience. What another
//! keeps in step is left to it; one that is told to keep some of the same experiences in step is
//! taken for what this spoke was before, and superseded. Pure.

use pmp_ledger::Organization;
use pmp_protocol::{ExperienceId, OrganizationSeen, Receipt, SpokeScope};

/// What the ledger says of this spoke and of the others beside it.
#[derive(Debug, Clone)]
pub(crate) struct Beside {
    me: SpokeScope,
    /// What this one said last.
    before: Option<SpokeScope>,
    /// What the others said last. Each names itself.
    others: Vec<OrganizationSeen>,
}

impl Beside {
    /// Those of an organization, beside the spoke that is `me`.
    pub(crate) fn of(me: SpokeScope, organization: &Organization) -> Self {
        let (mine, others): (Vec<_>, Vec<_>) =
            organization.spokes.iter().cloned().partition(|seen| seen.spoke.as_ref().is_some_and(|it| it.id == me.id));
        let before = mine.into_iter().next().and_then(|seen| seen.spoke);
        Self { me, before, others }
    }

    /// Which of the organization's spokes this one is.
    pub(crate) fn me(&self) -> &SpokeScope {
        &self.me
    }

    /// Who this is, for its sign of life of now.
    pub(crate) fn introduction(&self) -> SpokeScope {
        self.me.beginning(self.before.as_ref(), self.scopes())
    }

    /// Whether a receipt is to be left to the spoke that wrote it. Of one that has given no sign of
    /// life, it is: it may have died in its first pass.
    pub(crate) fn is_anothers(&self, receipt: &Receipt) -> bool {
        let Some(owner) = &receipt.owner else { return false };
        let mine = *owner == self.me.id || self.me.selects(&receipt.member_experience);
        !mine && !self.scopes().any(|it| it.id == *owner && it.overlaps(&self.me))
    }

    /// Whether another spoke, and not this one, is told to keep an experience in step.
    pub(crate) fn is_for_another(&self, experience: &ExperienceId) -> bool {
        !self.me.selects(experience) && self.scopes().any(|it| it.selects(experience))
    }

    /// The signs of life of those that a pass of this spoke supersedes, as they are to stand from
    /// then on.
    pub(crate) fn superseded(&self) -> Vec<OrganizationSeen> {
        let stands = |spoke: &SpokeScope| spoke.superseded_by.is_none() && spoke.overlaps(&self.me);
        let superseded = self.others.iter().filter_map(|seen| {
            let spoke = seen.spoke.clone().filter(stands)?;
            let spoke = Some(SpokeScope { superseded_by: Some(self.me.id.clone()), ..spoke });
            Some(OrganizationSeen { spoke, ..seen.clone() })
        });
        superseded.collect()
    }

    /// Those that keep other experiences in step.
    pub(crate) fn neighbours(&self) -> impl Iterator<Item = &OrganizationSeen> {
        let disjoint = |spoke: &SpokeScope| spoke.superseded_by.is_none() && !spoke.overlaps(&self.me);
        self.others.iter().filter(move |seen| seen.spoke.as_ref().is_some_and(disjoint))
    }

    /// Those that keep some of the same experiences in step, and were not superseded yet.
    pub(crate) fn overlapping(&self) -> impl Iterator<Item = (&OrganizationSeen, &SpokeScope)> {
        let others = self.others.iter().filter_map(|seen| Some((seen, seen.spoke.as_ref()?)));
        others.filter(move |(_, spoke)| spoke.superseded_by.is_none() && spoke.overlaps(&self.me))
    }

    fn scopes(&self) -> impl Iterator<Item = &SpokeScope> {
        self.others.iter().filter_map(|seen| seen.spoke.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;
    use pmp_protocol::{AccountId, OrganizationId, ReceiptStatus};

    use super::*;
    use crate::draft::{Draft, Progress};

    fn id(id: &str) -> ExperienceId {
        ExperienceId::new(id).unwrap()
    }

    fn only(ids: &[&str]) -> SpokeScope {
        SpokeScope::of(Some(ids.iter().map(|it| id(it)).collect::<BTreeSet<_>>()))
    }

    fn beside(me: &SpokeScope, others: &[SpokeScope]) -> Beside {
        let organization = OrganizationId::new("o-alpha00000").unwrap();
        let seen = |spoke: &SpokeScope| OrganizationSeen {
            organization: organization.clone(),
            experience: id("exp-management"),
            last_seen: Timestamp::UNIX_EPOCH,
            account: AccountId::new("222222222222").unwrap(),
            region: "us-east-1".into(),
            experiences: 1,
            spoke: Some(spoke.clone()),
            spoke_version: "0.1.0".into(),
            error: None,
            change_set_times: None,
            needs: None,
            ledger: None,
            hold: None,
            disputed: Vec::new(),
        };
        let spokes = others.iter().map(seen).collect();
        Beside::of(me.clone(), &Organization { spokes, ..Organization::unknown(organization.clone()) })
    }

    fn receipt(member: &str, owner: Option<&SpokeScope>) -> Receipt {
        let draft = Draft::of(member);
        let receipt = draft.receipt(ReceiptStatus::Held, &Progress::default(), None);
        Receipt { owner: owner.map(|owner| owner.id.clone()), ..receipt }
    }

    #[test]
    fn what_another_spoke_keeps_in_step_is_left_to_it_and_what_this_one_was_told_before_is_not() {
        let (all, a, b, ab) = (SpokeScope::of(None), only(&["exp-a"]), only(&["exp-b"]), only(&["exp-a", "exp-b"]));
        for (me, others, owner, expected) in [
            (&a, &[b.clone()][..], Some(&b), true),
            // It has not finished a pass yet.
            (&a, &[], Some(&b), true),
            (&a, std::slice::from_ref(&all), Some(&all), false),
            (&a, std::slice::from_ref(&ab), Some(&ab), false),
            (&a, &[], Some(&a), false),
            (&all, std::slice::from_ref(&b), Some(&b), false),
            // Of a spoke of an earlier release.
            (&a, std::slice::from_ref(&b), None, false),
        ] {
            let found = beside(me, others).is_anothers(&receipt("exp-b", owner));
            assert_eq!(found, expected, "{} beside {others:?}, of {owner:?}", me.id);
        }
        // Its own experience is its own, whoever had it before.
        assert!(!beside(&a, std::slice::from_ref(&b)).is_anothers(&receipt("exp-a", Some(&b))));
        assert!(beside(&a, std::slice::from_ref(&b)).is_for_another(&id("exp-b")));
        assert!(!beside(&a, &[]).is_for_another(&id("exp-b")));
    }

    #[test]
    fn a_pass_supersedes_those_with_some_of_the_same_experiences_once() {
        let (all, a, b) = (SpokeScope::of(None), only(&["exp-a"]), only(&["exp-b"]));
        let found = beside(&a, &[all.clone(), b.clone()]);
        let superseded = found.superseded();
        let spoke = superseded[0].spoke.clone().unwrap();
        assert_eq!((superseded.len(), spoke.id.as_str(), spoke.superseded_by.as_ref()), (1, "all", Some(&a.id)));
        assert_eq!(beside(&a, &[spoke, b.clone()]).superseded(), []);
        assert_eq!(found.neighbours().map(|seen| seen.spoke.clone().unwrap()).collect::<Vec<_>>(), [b]);
    }
}
