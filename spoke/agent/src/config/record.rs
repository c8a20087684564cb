//! How much is recorded of what was decided, and for how long.

use pmp_terminal::{Settings, Source};

use super::{ConfigArgs, duration};
use crate::pass::record::Retention;

pub(super) const KEEP: Source = Source { flag: "--keep-decisions", variable: "PMP_KEEP_DECISIONS" };
pub(super) const KEEP_FOR: Source = Source { flag: "--keep-decisions-for", variable: "PMP_KEEP_DECISIONS_FOR" };

impl ConfigArgs {
    pub(super) fn retention(&self, settings: &mut Settings) -> Retention {
        let default = Retention::DEFAULT;
        // An item of DynamoDB's holds them all.
        let versions = settings.number(self.keep_decisions.as_deref(), KEEP, 1..=200_u8);
        let age = duration(settings, self.keep_decisions_for.as_deref(), KEEP_FOR);
        if age.is_some_and(|age| age < Retention::SHORTEST) {
            settings.problem(KEEP_FOR, "shorter than 24h: what is in force would be deleted as old between two passes");
        }
        Retention { versions: versions.map_or(default.versions, usize::from), age: age.unwrap_or(default.age) }
    }
}
