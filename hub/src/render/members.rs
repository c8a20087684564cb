//! What `members` prints: one screen of how they stand, or a table with a row each.

use std::collections::BTreeMap;

use comfy_table::Color;
use jiff::Timestamp;
use pmp_protocol::{age, count};
use pmp_terminal::Table;

use crate::inspect::members::{AdmittedBy, MemberRow};
use crate::render::color;
use crate::render::page::{Block, Page, named};
use crate::status::SpokeState;

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
            table.color(1, color::of_state(state));
        }
    }
    table
}

/// How an organization stands, in the order in which that is asked: who never came, who is silent,
/// who left, and who needs a person.
fn standing(member: &MemberRow, has_roster: bool) -> (usize, &'static str, Color) {
    match (member.source, member.state) {
        (_, Some(SpokeState::Never)) => (0, "NEVER", color::of_state(SpokeState::Never)),
        (_, Some(SpokeState::Stale)) => (1, "STALE", color::of_state(SpokeState::Stale)),
        // It was taken off the roster, or never was on it, and has written. Where there is no
        // roster, everyone is heard.
        (AdmittedBy::Nobody, _) if has_roster => (2, "UNADMITTED", color::of_state(SpokeState::Disputed)),
        (_, None) => (3, "-", Color::DarkGrey),
        (_, Some(state)) => (4 + state as usize, state.as_str(), color::of_state(state)),
    }
}

/// One screen: how many stand how, and who they are, as far as there is room.
pub(crate) fn page(members: &[MemberRow], has_roster: bool, now: Timestamp) -> Page {
    let mut groups = BTreeMap::<usize, (&str, Color, Vec<&MemberRow>)>::new();
    for member in members {
        let (place, word, color) = standing(member, has_roster);
        groups.entry(place).or_insert((word, color, Vec::new())).2.push(member);
    }
    let block = |(word, color, mut members): (&str, Color, Vec<&MemberRow>)| {
        members.sort_by_key(|member| member.last_seen.or(member.admitted_at));
        let name = |member: &&MemberRow| {
            let when = match (member.last_seen, member.admitted_at) {
                (Some(seen), _) => format!(" ({} ago)", age(seen, now)),
                (None, Some(admitted)) => format!(" (admitted {} ago)", age(admitted, now)),
                (None, None) => String::new(),
            };
            format!("{}{when}", member.organization)
        };
        let what = count(members.len(), "organization");
        let head = named(&what, members.iter().map(name));
        Block { word: word.to_owned(), color, head, text: String::new() }
    };
    Page { blocks: groups.into_values().map(block).collect(), foot: summary(members), ..Page::default() }
}

/// The line below the table: how many were admitted, and how many were not.
pub(crate) fn summary(members: &[MemberRow]) -> String {
    let admitted = members.iter().filter(|member| member.source != AdmittedBy::Nobody).count();
    let never = members.iter().filter(|member| member.state == Some(SpokeState::Never)).count();
    let strangers = members.len() - admitted;
    // What there is none of is left out.
    let never = if never == 0 { String::new() } else { format!(", {never} of them never reported") };
    let admitted = (admitted > 0).then(|| format!("{admitted} admitted{never}"));
    let strangers = (strangers > 0).then(|| format!("{strangers} not admitted"));
    admitted.into_iter().chain(strangers).collect::<Vec<_>>().join("; ")
}
