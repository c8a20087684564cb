//! Several spokes of one organization, for one management experience: each keeps experiences of its
//! own in step.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Digest, ExperienceId};

/// The most rivals that a sign of life names.
const MAX_RIVALS: usize = 10;

/// Which of an organization's spokes this is: by what it was told to keep in step. As its sign of
/// life says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpokeScope {
    /// `all`, or `only-` and eight hexadecimal digits of the digest of the ids.
    pub id: String,
    /// The experiences that it was told to keep in step; absent: all live ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<BTreeSet<ExperienceId>>,
    /// Another one with some of the same experiences that finished a pass since; absent while there
    /// is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<String>,
    /// The one that had superseded it by its last pass: it lived on all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contested_by: Option<String>,
    /// Others that live, and keep some of the same experiences in step, turn by turn with it.
    /// Bounded by the writer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<String>,
}

impl SpokeScope {
    /// The spoke of all live experiences, or of those that are `selected`.
    #[must_use]
    pub fn of(selected: Option<BTreeSet<ExperienceId>>) -> Self {
        let id = match &selected {
            None => "all".to_owned(),
            Some(ids) => {
                let ids: Vec<_> = ids.iter().map(ExperienceId::as_str).collect();
                format!("only-{}", Digest::of(ids.join(",").as_bytes()).short())
            }
        };
        Self { id, selected, superseded_by: None, contested_by: None, rivals: Vec::new() }
    }

    /// Whether it was told to keep this experience in step, by its id or with all others.
    #[must_use]
    pub fn selects(&self, experience: &ExperienceId) -> bool {
        self.selected.as_ref().is_none_or(|ids| ids.contains(experience))
    }

    /// Whether both may keep one experience in step.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (&self.selected, &other.selected) {
            (Some(ids), Some(others)) => !ids.is_disjoint(others),
            _ => true,
        }
    }

    /// The same as it begins a pass, beside what it said `before` and what `others` say.
    ///
    /// Two with some of the same experiences may be two that live, or one that was told otherwise
    /// in the meantime. Each pass supersedes the others of that kind; who was superseded and lives
    /// all the same says so; and where the other one had said so, too, both live. So a person who
    /// runs one pass with another selection is no rival, and two agents are told after two passes
    /// of each.
    #[must_use]
    pub fn beginning<'a>(&self, before: Option<&Self>, others: impl Iterator<Item = &'a Self>) -> Self {
        let contested_by = before.and_then(|before| before.superseded_by.clone());
        let lives_on = |other: &&Self| other.contested_by.as_ref() == Some(&self.id);
        let rivals = others.filter(|other| contested_by.as_ref() == Some(&other.id) && self.overlaps(other));
        let rivals = rivals.filter(lives_on).take(MAX_RIVALS).map(|other| other.id.clone()).collect();
        Self { superseded_by: None, contested_by, rivals, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(ids: &[&str]) -> SpokeScope {
        SpokeScope::of(Some(ids.iter().map(|id| ExperienceId::new(id).unwrap()).collect()))
    }

    #[test]
    fn a_spoke_is_known_by_what_it_keeps_in_step() {
        let all = SpokeScope::of(None);
        let (a, ab, b) = (scope(&["exp-a"]), scope(&["exp-b", "exp-a"]), scope(&["exp-b"]));
        assert_eq!((all.id.as_str(), &ab.id), ("all", &scope(&["exp-a", "exp-b"]).id));
        assert!(a.id != b.id && a.id.starts_with("only-") && a.id.len() == 13);
        assert!(a.overlaps(&ab) && ab.overlaps(&b) && !a.overlaps(&b) && all.overlaps(&a) && b.overlaps(&all));
        let id = ExperienceId::new("exp-a").unwrap();
        assert!(a.selects(&id) && all.selects(&id) && !b.selects(&id));
    }

    /// What the spokes have said so far, by id, after passes in this order.
    fn after(passes: &[&SpokeScope]) -> Vec<SpokeScope> {
        let mut said = Vec::<SpokeScope>::new();
        for me in passes {
            let others = said.iter().filter(|it| it.id != me.id);
            let begun = me.beginning(said.iter().find(|it| it.id == me.id), others);
            said.retain(|it| it.id != me.id);
            for other in said.iter_mut().filter(|other| other.overlaps(me)) {
                other.superseded_by = Some(me.id.clone());
            }
            said.push(begun);
        }
        said
    }

    #[test]
    fn two_that_live_and_overlap_are_rivals_and_one_that_was_told_otherwise_is_none() {
        let (all, a, b) = (SpokeScope::of(None), scope(&["exp-a"]), scope(&["exp-b"]));
        let rivals =
            |passes: &[&SpokeScope]| -> Vec<String> { after(passes).iter().flat_map(|it| it.rivals.clone()).collect() };
        // Told otherwise, once, and back; a person's single pass between an agent's.
        for passes in [&[&all, &a][..], &[&all, &all, &a, &a], &[&all, &a, &all, &all], &[&a, &all, &a]] {
            assert_eq!(rivals(passes), Vec::<String>::new(), "{passes:?}");
        }
        // Turn by turn.
        assert_eq!(rivals(&[&all, &a, &all, &a]), ["all"]);
        assert_eq!(rivals(&[&all, &a, &all, &a, &all]).len(), 2);
        // One of them has gone since.
        assert_eq!(rivals(&[&all, &a, &all, &a, &all, &all])[..], ["all"], "what the other said last");
        let said = after(&[&all, &a, &all, &a, &all, &all]);
        assert!(said.iter().find(|it| it.id == "all").unwrap().rivals.is_empty());
        // Disjoint ones do not concern each other.
        let said = after(&[&a, &b, &a, &b, &a, &b]);
        assert!(said.iter().all(|it| it.rivals.is_empty() && it.superseded_by.is_none()));
    }
}
