//! Whom the hub admitted, and how each of them stands. Pure: from what the hub sees and the rows of `status`.

use jiff::Timestamp;
use pmp_protocol::OrganizationId;
use pmp_terminal::{Table, age};
use serde::Serialize;

use crate::fleet::{Admitted, View};
use crate::status::{SpokeState, SpokeStatus};

/// How an organization came to be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AdmittedBy {
    /// The settings name it.
    Settings,
    /// An operator admitted it: a record in the ledger.
    Record,
    /// Both.
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

    fn as_str(self) -> &'static str {
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
pub(crate) struct MemberRow {
    pub(crate) organization: OrganizationId,
    /// The worst state of its experiences, and of the organization as a whole.
    pub(crate) state: Option<SpokeState>,
    pub(crate) source: AdmittedBy,
    /// Who admitted it, as STS names them; none where the settings do.
    pub(crate) admitted_by: Option<String>,
    pub(crate) admitted_at: Option<Timestamp>,
    pub(crate) last_seen: Option<Timestamp>,
}

/// The organizations that were admitted, and those that wrote without, by id. `rows` are those of `status`, worst first.
pub(crate) fn list(view: &View, rows: &[SpokeStatus]) -> Vec<MemberRow> {
    let row = |looked: &crate::fleet::Looked| {
        let admitted = view.roster.as_ref().and_then(|roster| roster.get(&looked.id));
        let record = admitted.and_then(|admitted| admitted.record.as_ref());
        let seen = looked.report.as_ref().ok().and_then(|report| report.organization.seen.as_ref());
        MemberRow {
            organization: looked.id.clone(),
            state: rows.iter().find(|row| row.organization == looked.id).map(|row| row.state),
            source: AdmittedBy::of(admitted),
            admitted_by: record.map(|record| record.admitted_by.clone()),
            admitted_at: record.map(|record| record.admitted_at),
            last_seen: seen.map(|seen| seen.last_seen),
        }
    };
    view.looked.iter().map(row).collect()
}

pub(crate) fn table(members: &[MemberRow], now: Timestamp) -> Table {
    let mut table = Table::new(&["ORGANIZATION", "STATE", "SOURCE", "ADMITTED", "ADMITTED-BY", "LAST-SEEN"]);
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for member in members {
        table.row([
            member.organization.to_string(),
            or_dash(member.state.map(|state| state.as_str().to_owned())),
            member.source.as_str().to_owned(),
            or_dash(member.admitted_at.map(|at| at.strftime("%Y-%m-%d").to_string())),
            or_dash(member.admitted_by.clone()),
            or_dash(member.last_seen.map(|seen| age(seen, now))),
        ]);
        if let Some(state) = member.state {
            table.color(1, state.color());
        }
    }
    table
}

/// The line below it.
pub(crate) fn summary(members: &[MemberRow]) -> String {
    let admitted = members.iter().filter(|member| member.source != AdmittedBy::Nobody).count();
    let count = |state| members.iter().filter(|member| member.state == Some(state)).count();
    let never = count(SpokeState::Never);
    let strangers = members.len() - admitted;
    format!("{admitted} admitted, {never} of them never reported; {strangers} not admitted")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pmp_ledger::{Member, Organization, Report};
    use pmp_protocol::ExperienceId;

    use super::*;
    use crate::fleet::Looked;

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
        let rows = crate::status::rows(&view, at, jiff::SignedDuration::from_hours(1));
        let members = list(&view, &rows);
        let told: Vec<_> = members.iter().map(|member| (member.source.as_str(), member.state)).collect();
        let never = Some(SpokeState::Never);
        assert_eq!(
            told,
            [("both", never), ("record", never), ("nobody", Some(SpokeState::Unreadable)), ("settings", never)]
        );
        assert_eq!(summary(&members), "3 admitted, 3 of them never reported; 1 not admitted");
        assert_eq!(members[2].admitted_by, None);
    }
}
