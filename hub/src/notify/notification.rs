//! What is sent: transitions of one kind for one cause, in one document with one sentence. Pure.
//!
//! A bad day is told by its causes: a thousand organizations that fail for the same reason are one
//! notification. What a run tells is bounded, whatever the members write: [`MANY`] notifications of
//! each kind, with [`LISTED`] transitions in each, so some 30 KB at the most (SNS takes 256 KB).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pmp_protocol::{Digest, ExperienceId, LEFT_AS_SET, OrganizationId, PlainText, SnapshotVersion, count};
use serde::Serialize;

use crate::notify::state::{State, Subject};
use crate::notify::transition::Transition;
use crate::status::group::{Caused, Group, group};

/// The form of a notification. It changes when a field changes its meaning or goes; new fields, and
/// new kinds, may come at any time.
pub(crate) const SCHEMA_VERSION: u32 = 1;
/// The most notifications of one kind in one run; the last one is about all other causes.
const MANY: usize = 6;
/// The most transitions that a notification lists one by one.
const LISTED: usize = 50;
/// The longest sentence, in bytes.
const MAX_SUMMARY: usize = 500;

/// A notification, as its receivers read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Notification {
    /// The version of this form.
    #[cfg_attr(test, schemars(schema_with = "this_version"))]
    pub(crate) schema_version: u32,
    /// The same whenever this notification is sent again: a receiver that has seen it drops it.
    pub(crate) id: Digest,
    /// Management experience of the fleet.
    pub(crate) experience: ExperienceId,
    /// The state that these subjects came to, or `recovered`. New kinds may come.
    #[cfg_attr(test, schemars(with = "String"))]
    pub(crate) kind: &'static str,
    /// What happened, in one sentence.
    pub(crate) summary: String,
    /// Why: what the causes of all of them have in common.
    pub(crate) cause: String,
    /// How many other causes there are in it.
    pub(crate) other_causes: usize,
    /// When the hub noticed it.
    #[cfg_attr(test, schemars(with = "pmp_protocol::schema::DateTime"))]
    pub(crate) at: Timestamp,
    /// How many organizations it concerns.
    pub(crate) organizations: usize,
    /// How many member experiences it concerns; 0 where organizations as a whole are meant.
    pub(crate) experiences: usize,
    /// The version that was stopped in the waves; none with all other kinds.
    pub(crate) version: Option<SnapshotVersion>,
    /// What changed of organizations and experiences, one by one; on a bad day only the first of
    /// them.
    pub(crate) transitions: Vec<ToldTransition>,
    /// How many more changed than are listed.
    pub(crate) left_out: usize,
    /// The command that shows more, and how to go on.
    pub(crate) next: String,
}

impl Notification {
    /// What every notification has, as the columns of a spreadsheet.
    pub(crate) const COLUMNS: &[&str] = &[
        "schema_version",
        "id",
        "experience",
        "kind",
        "summary",
        "cause",
        "other_causes",
        "at",
        "organizations",
        "experiences",
        "version",
        "transitions",
        "left_out",
        "next",
    ];
}

/// A change of state of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ToldTransition {
    /// Names this change: two hubs that see it give it the same id.
    pub(crate) id: Digest,
    /// Organization whose state changed.
    pub(crate) organization: OrganizationId,
    /// The member experience; none where the organization as a whole is meant.
    pub(crate) member_experience: Option<ExperienceId>,
    /// The state that was told before.
    pub(crate) from: State,
    /// The state now; the same as before only where another snapshot is held.
    pub(crate) to: State,
    /// The snapshot of the last receipt; none without one.
    pub(crate) version: Option<SnapshotVersion>,
    /// Since when it stands so, as far as that is known.
    #[cfg_attr(test, schemars(with = "Option<pmp_protocol::schema::DateTime>"))]
    pub(crate) since: Option<Timestamp>,
    /// Why, in a sentence that may hold a member's own words.
    pub(crate) cause: String,
}

#[cfg(test)]
fn this_version(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"const": SCHEMA_VERSION})
}

impl Caused for Transition {
    type Class = State;

    fn class(&self) -> State {
        self.to
    }

    fn organization(&self) -> Option<&OrganizationId> {
        self.subject.organization.as_ref()
    }

    fn cause(&self) -> Cow<'_, str> {
        match self.to {
            // What is well has no cause of its own: those that had the same trouble recover
            // together.
            State::Well => self.from.as_str().into(),
            _ => self.cause.as_str().into(),
        }
    }
}

/// The notifications about these transitions, the most urgent first.
pub(crate) fn notifications(
    experience: &ExperienceId,
    transitions: &[Transition],
    now: Timestamp,
) -> Vec<Notification> {
    let mut of_kind = BTreeMap::<State, Vec<Group<'_, Transition>>>::new();
    for group in group(transitions) {
        of_kind.entry(group.class).or_default().push(group);
    }
    let groups = of_kind.into_values().rev().flat_map(|mut groups| {
        // Each kind by itself, so that many causes of one take no room from another.
        for more in groups.split_off(groups.len().min(MANY)) {
            if let Some(last) = groups.last_mut() {
                last.other_causes += 1 + more.other_causes;
                last.members.extend(more.members);
            }
        }
        groups
    });
    groups.map(|group| notification(experience, &group, now)).collect()
}

fn notification(experience: &ExperienceId, group: &Group<'_, Transition>, now: Timestamp) -> Notification {
    let organizations = group.organizations();
    // Each subject changes once in a run.
    let experiences = group.members.iter().filter(|it| it.subject.member_experience.is_some()).count();
    let mut ids: Vec<String> = group.members.iter().map(|it| it.id.to_string()).collect();
    ids.sort_unstable();
    let of_organizations = || group.members.iter().filter_map(|it| told(it));
    let version = group.members.iter().find(|_| group.class == State::WaveHalted).and_then(|it| it.version);
    Notification {
        schema_version: SCHEMA_VERSION,
        id: Digest::of(ids.join("\n").as_bytes()),
        experience: experience.clone(),
        kind: group.class.kind(),
        summary: summary(group, organizations.len(), experiences),
        cause: cause(group),
        other_causes: group.other_causes,
        at: now,
        organizations: organizations.len(),
        experiences,
        version,
        transitions: of_organizations().take(LISTED).collect(),
        left_out: of_organizations().count().saturating_sub(LISTED),
        next: next(group.class, &organizations),
    }
}

/// A transition as it is listed. None of the waves: they belong to no organization.
fn told(transition: &Transition) -> Option<ToldTransition> {
    let Transition { id, subject, from, to, version, since, cause } = transition.clone();
    let (organization, member_experience) = (subject.organization?, subject.member_experience);
    Some(ToldTransition { id, organization, member_experience, from, to, version, since, cause })
}

/// Why, in words that can be shown anywhere.
fn cause(group: &Group<'_, Transition>) -> String {
    match group.members.as_slice() {
        [only] => only.cause.clone(),
        members if group.class == State::Well => {
            format!("told as {} before", members.first().map_or(State::Well, |it| it.from).as_str())
        }
        _ => PlainText::bounded(&group.cause, MAX_SUMMARY).into(),
    }
}

fn summary(group: &Group<'_, Transition>, organizations: usize, experiences: usize) -> String {
    let class = group.class;
    let what = match group.members.as_slice() {
        [only] => {
            let Subject { organization, member_experience } = &only.subject;
            let whose = match (organization, member_experience) {
                (None, _) => "The waves".to_owned(),
                (Some(organization), None) => format!("Organization {organization}"),
                (Some(organization), Some(experience)) => format!("Member experience {experience} of {organization}"),
            };
            format!("{whose} {}", class.verb(false))
        }
        _ => {
            let who = count(organizations, "organization");
            let whose =
                if experiences == 0 { who } else { format!("{} of {who}", count(experiences, "member experience")) };
            format!("{whose} {}", class.verb(true))
        }
    };
    let before = match group.members.as_slice() {
        [only] if class == State::Well => format!(" (told as {} before)", only.from.as_str()),
        _ => String::new(),
    };
    let cause = cause(group);
    // The verb has said so.
    let cause = match class {
        State::Drifted => cause.strip_prefix(LEFT_AS_SET).unwrap_or(&cause).to_owned(),
        _ => cause,
    };
    let cause = if cause.is_empty() { cause } else { format!(": {cause}") };
    let others = match group.other_causes {
        0 => String::new(),
        others => format!("; and {}", count(others, "other cause")),
    };
    let bounded = PlainText::bounded(&format!("{what}{before}{cause}"), MAX_SUMMARY);
    format!("{}{others}.", bounded.as_str().trim_end_matches('.'))
}

/// The command that shows more.
fn next(class: State, organizations: &BTreeSet<&OrganizationId>) -> String {
    let one = organizations.first().filter(|_| organizations.len() == 1);
    let whose = one.map(|organization| format!(" --org {organization}")).unwrap_or_default();
    let all = |states: &str| if one.is_some() { String::new() } else { format!(" --state {states}") };
    match class {
        State::Well | State::WaveHalted => format!("pmp-hub status{whose}"),
        State::SetAside | State::Held => format!("pmp-hub exceptions{whose}"),
        State::PausedTooLong => "pmp-hub directions".to_owned(),
        State::Drifted => "pmp-hub drift".to_owned(),
        State::Behind => format!("pmp-hub status{whose}{}", all("stale")),
        State::Silent => format!("pmp-hub status{whose}{}", all("stale,never")),
        State::Failed => format!("pmp-hub status{whose}{}", all("error")),
        State::Unreadable => format!("pmp-hub status{whose}{}", all("unreadable")),
        State::Disputed => format!("pmp-hub status{whose}{}", all("disputed")),
    }
}
