//! How fast the spoke works: its change sets.

use pmp_terminal::Settings;

use super::declared::{ConfigArgs, IdLimit};
use crate::apply::EngineSettings;

impl ConfigArgs {
    pub(super) fn engine(&self, settings: &mut Settings) -> EngineSettings {
        let default = EngineSettings::default();
        let open = self.max_open_change_sets().optional(settings).and_then(|open| open.get().try_into().ok());
        let share = self.share_change_sets().optional(settings);
        EngineSettings {
            share_change_sets: share.map_or(default.share_change_sets, |switch| switch.0),
            max_open_change_sets: open.unwrap_or(default.max_open_change_sets),
            ids_per_request: self.product_id_limit().optional(settings) == Some(IdLimit::Request),
            ..default
        }
    }
}
