//! Which member experiences are kept in step, and what becomes of edits of others in them.

use pmp_protocol::{DriftHandling, ExperienceId};
use pmp_terminal::Settings;

use super::declared::{ConfigArgs, DRIFT, MEMBERS};
use super::text_or_file;
use crate::filters::rules;
use crate::filters::rules::FilterRules;
use crate::pass::discover::Selection;

impl ConfigArgs {
    /// A list that came out empty does not mean everything: blank alone does.
    pub(super) fn selection(&self, settings: &mut Settings, management: Option<&ExperienceId>) -> Selection {
        let given = self.member_experience_ids();
        if !given.is_set() {
            return Selection::All;
        }
        // A list that is wrong is noted, and selects nothing.
        let ids = given.optional(settings).unwrap_or_default().0;
        if management.is_some_and(|management| ids.iter().eq([management])) {
            settings.problem(MEMBERS, "names the management experience alone, which is the one to follow");
        }
        Selection::Only(ids)
    }

    /// What becomes of edits of others, by experience. None where that is wrong.
    pub(super) fn drift_rules(
        &self,
        settings: &mut Settings,
        management: Option<&ExperienceId>,
    ) -> Option<FilterRules<DriftHandling>> {
        if !self.drift().is_set() {
            return Some(FilterRules::without_rules(DriftHandling::Heal));
        }
        let given = self.drift().optional(settings);
        let written = text_or_file(settings, given, DRIFT)?;
        let rules = rules::read_drift(&written, management);
        rules.map_err(|problems| problems.into_iter().for_each(|it| settings.problem(DRIFT, it))).ok()
    }
}
