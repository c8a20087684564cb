//! How fast the spoke works, and how long another one waits for it: change sets and the lease.

use pmp_ledger::LeaseTerm;
use pmp_terminal::{Settings, Source};

use super::{ConfigArgs, duration};
use crate::apply::EngineSettings;

pub(super) const LEASE_TERM: Source = Source { flag: "--lease-term", variable: "PMP_LEASE_TERM" };
pub(super) const OPEN: Source = Source { flag: "--max-open-change-sets", variable: "PMP_MAX_OPEN_CHANGE_SETS" };
pub(super) const SHARING: Source = Source { flag: "--share-change-sets", variable: "PMP_SHARE_CHANGE_SETS" };
pub(super) const ID_LIMIT: Source = Source { flag: "--product-id-limit", variable: "PMP_PRODUCT_ID_LIMIT" };

impl ConfigArgs {
    pub(super) fn engine(&self, settings: &mut Settings) -> EngineSettings {
        let default = EngineSettings::default();
        // AWS permits 250 per account.
        let open = settings.number(self.max_open_change_sets.as_deref(), OPEN, 1..=250_u8);
        let ids: Option<String> = settings.optional(self.product_id_limit.as_deref(), ID_LIMIT);
        if ids.as_deref().is_some_and(|ids| !matches!(ids, "change" | "request")) {
            settings.problem(ID_LIMIT, "neither `change` nor `request`");
        }
        EngineSettings {
            share_change_sets: settings
                .switch(self.share_change_sets.as_deref(), SHARING)
                .unwrap_or(default.share_change_sets),
            max_open_change_sets: open.map_or(default.max_open_change_sets, usize::from),
            ids_per_request: ids.as_deref() == Some("request"),
        }
    }

    pub(super) fn lease_term(&self, settings: &mut Settings) -> LeaseTerm {
        let Some(given) = duration(settings, self.lease_term.as_deref(), LEASE_TERM) else { return LeaseTerm::DEFAULT };
        LeaseTerm::new(given).unwrap_or_else(|| {
            let longest = LeaseTerm::LONGEST.as_secs() / 3600;
            let problem = format!("shorter than {} s, or longer than {longest} h", LeaseTerm::SHORTEST.as_secs());
            settings.problem(LEASE_TERM, problem);
            LeaseTerm::DEFAULT
        })
    }
}
