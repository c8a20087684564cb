//! Lists the admitted organizations with their states. Pure: it takes the hub's view and the rows
//! of `status`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pmp_protocol::OrganizationId;
use serde::Serialize;

use crate::status::fleet::{Admitted, View};
use crate::status::{SpokeState, SpokeStatus};

/// How an organization came to be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AdmittedBy {
    /// The settings name it.
    Settings,
    /// An operator admitted it: a record in the ledger.
    Record,
    /// The settings name it, and an operator admitted it.
    Both,
    /// Nobody admitted it; it has written all the same.
    Nobody,
}

impl AdmittedBy {
    fn of(admitted: Option<&Admitted>) -> Self {
        match admitted {
            Some(Admitted { named: true, record: Some(_) }) => Self::Both,
            Some(Admitted { record: Some(_), .. }) => Self::Record,
            Some(_) => Self::Settings,
            None => Self::Nobody,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Record => "record",
            Self::Both => "both",
            Self::Nobody => "nobody",
        }
    }
}

/// One line of `members`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct MemberRow {
    /// Organization that this row is about.
    pub(crate) organization: OrganizationId,
    /// The worst state of its experiences, and of the organization as a whole.
    pub(crate) state: Option<SpokeState>,
    /// How it came to be listed.
    pub(crate) source: AdmittedBy,
    /// Who admitted it, as STS names them; none where the settings do.
    pub(crate) admitted_by: Option<String>,
    /// When; none where the settings do.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) admitted_at: Option<Timestamp>,
    /// When one of its spokes last finished a pass.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) last_seen: Option<Timestamp>,
}

/// The organizations that were admitted, and those that wrote without being admitted, by id. `rows`
/// are those of `status`, worst first.
pub(crate) fn list(view: &View, rows: &[SpokeStatus]) -> Vec<MemberRow> {
    // The rows are sorted worst first, so the first row of an organization is its worst.
    let mut worst = BTreeMap::<&OrganizationId, SpokeState>::new();
    for row in rows {
        worst.entry(&row.organization).or_insert(row.state);
    }
    let row = |looked: &crate::status::fleet::Looked| {
        let admitted = view.roster.as_ref().and_then(|roster| roster.get(&looked.id));
        let record = admitted.and_then(|admitted| admitted.record.as_ref());
        let seen = looked.report.as_ref().ok().and_then(|report| report.organization.seen.as_ref());
        MemberRow {
            organization: looked.id.clone(),
            state: worst.get(&looked.id).copied(),
            source: AdmittedBy::of(admitted),
            admitted_by: record.map(|record| record.admitted_by.clone()),
            admitted_at: record.map(|record| record.admitted_at),
            last_seen: seen.map(|seen| seen.last_seen),
        }
    };
    view.looked.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use pmp_ledger::{Member, Organization, Report};
    use pmp_protocol::ExperienceId;

    use super::*;
    use crate::render::members::{page, summary};
    use crate::status::fleet::Looked;

    #[test]
    fn each_is_listed_with_how_it_came_and_how_it_stands() {
        let id = |id: &str| OrganizationId::new(id).unwrap();
        let at: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let record = Member {
            organization: id("o-alpha00000"),
            experience: ExperienceId::new("exp-management").unwrap(),
            admitted_by: "arn:someone".into(),
            admitted_at: at,
            large: false,
        };
        let roster = BTreeMap::from([
            (id("o-alpha00000"), Admitted { named: true, record: Some(record.clone()) }),
            (id("o-beta000000"), Admitted { named: false, record: Some(record) }),
            (id("o-gamma00000"), Admitted { named: true, record: None }),
        ]);
        let all = ["o-alpha00000", "o-beta000000", "o-delta00000", "o-gamma00000"].map(|name| Looked {
            id: id(name),
            report: Ok(Report { organization: Organization::unknown(id(name)), more: name == "o-delta00000" }),
        });
        let view = View { roster: Some(roster), looked: all.into(), ..View::default() };
        let rows = crate::status::judge::rows(&view, at, jiff::SignedDuration::from_hours(1));
        let members = list(&view, &rows);
        let told: Vec<_> = members.iter().map(|member| (member.source.as_str(), member.state)).collect();
        let never = Some(SpokeState::Never);
        assert_eq!(
            told,
            [("both", never), ("record", never), ("nobody", Some(SpokeState::Unreadable)), ("settings", never)]
        );
        assert_eq!(summary(&members), "3 admitted, 3 of them never reported; 1 not admitted");
        assert_eq!(members[2].admitted_by, None);
        let lines = page(&members, true, at).frame(24).plain();
        assert_eq!(
            lines,
            [
                "NEVER       3 organizations: o-gamma00000 and 2 more",
                "UNADMITTED  1 organization: o-delta00000",
                "3 admitted, 3 of them never reported; 1 not admitted"
            ]
        );
    }
}
