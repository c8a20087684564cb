//! How much is recorded of what was decided, and for how long.

use pmp_terminal::Settings;

use super::declared::ConfigArgs;
use crate::pass::record::Retention;

impl ConfigArgs {
    pub(super) fn retention(&self, settings: &mut Settings) -> Retention {
        let default = Retention::DEFAULT;
        let versions = self.keep_decisions().optional(settings).and_then(|versions| versions.get().try_into().ok());
        let age = self.keep_decisions_for().optional(settings);
        Retention { versions: versions.unwrap_or(default.versions), age: age.map_or(default.age, |age| age.0) }
    }
}
