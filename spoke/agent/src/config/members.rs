//! Which member experiences are kept in step, and what becomes of edits of others in them.

use std::collections::BTreeSet;

use pmp_protocol::{DriftHandling, ExperienceId};
use pmp_terminal::Settings;

use super::{ConfigArgs, DRIFT, MEMBERS, is_set, text_or_file};
use crate::filters::rules;
use crate::filters::rules::FilterRules;
use crate::pass::discover::Selection;

impl ConfigArgs {
    /// A list that came out empty does not mean everything: blank alone does.
    pub(super) fn selection(&self, settings: &mut Settings, management: Option<&ExperienceId>) -> Selection {
        let text = self.member_experience_ids.as_deref().unwrap_or_default().trim();
        if text.is_empty() {
            return Selection::All;
        }
        let mut ids = BTreeSet::new();
        for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            match ExperienceId::new(id) {
                Ok(id) => _ = ids.insert(id),
                Err(error) => settings.problem(MEMBERS, error),
            }
        }
        if text.split(',').all(|id| id.trim().is_empty()) {
            settings
                .problem(MEMBERS, format!("`{text}` holds no id; leave it blank to keep all live experiences in step"));
        }
        if management.is_some_and(|management| ids.iter().eq([management])) {
            settings.problem(MEMBERS, "names the management experience alone, which is the one to follow");
        }
        Selection::Only(ids)
    }

    /// What becomes of edits of others, by experience. None where that is wrong.
    pub(super) fn drift(
        &self,
        settings: &mut Settings,
        management: Option<&ExperienceId>,
    ) -> Option<FilterRules<DriftHandling>> {
        if !is_set(self.drift.as_ref()) {
            return Some(FilterRules::without_rules(DriftHandling::Heal));
        }
        let written = text_or_file(settings, self.drift.as_deref(), DRIFT)?;
        let rules = rules::read_drift(&written, management);
        rules.map_err(|problems| problems.into_iter().for_each(|it| settings.problem(DRIFT, it))).ok()
    }
}
