//! What an entry tells of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pmp_protocol::{Digest, ExperienceId, OrganizationId, ReceiptStatus, SnapshotVersion};
use serde::{Deserialize, Serialize};

/// The most outcomes that one entry names: an item of DynamoDB's holds 400 KB, and each outcome
/// takes some 250 bytes.
pub const MAX_OUTCOMES: usize = 200;

/// What was done or seen. What a person asks for is written before it is done; if it failed, a
/// `failed` entry follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Event {
    /// A snapshot was published: stored as a new version, or announced again by a person.
    Publish {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The digest of its content.
        content: Digest,
        /// Products on its list of approved ones.
        approved: usize,
        /// Products on its list of rejected ones.
        rejected: usize,
        /// What was done with it.
        outcome: Publishing,
        /// What made the hub look: `schedule`, `change-event` or `operator`.
        trigger: String,
        /// The version that the fleet was pinned to; absent where it was pinned to none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pinned: Option<SnapshotVersion>,
    },
    /// The ledger holds a version that no entry tells of: a hub stopped before it wrote the entry,
    /// or one of an earlier release stored it.
    Found {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The digest of its content.
        content: Digest,
    },
    /// A person lets a snapshot through that guard rails hold.
    Confirm {
        /// Whose experiences are let through.
        whom: Vec<Whom>,
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// The digest of its content.
        content: Digest,
    },
    /// A person takes a confirmation back.
    Unconfirm {
        /// Whose confirmation is taken back.
        whom: Vec<Whom>,
        /// Number of the snapshot.
        version: SnapshotVersion,
    },
    /// A person holds the fleet, or organizations, at a snapshot.
    Pin {
        /// These organizations; absent for the whole fleet.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        organizations: Vec<OrganizationId>,
        /// The wave by which the person named them; absent where it was by their ids.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wave: Option<String>,
        /// The version whose content is held.
        version: SnapshotVersion,
        /// The digest of that content.
        content: Digest,
        /// Why, in the person's words.
        reason: String,
    },
    /// A person ends a pin.
    Unpin {
        /// These organizations; absent for the whole fleet.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        organizations: Vec<OrganizationId>,
        /// The wave by which the person named them; absent where it was by their ids.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wave: Option<String>,
        /// Why, in the person's words.
        reason: String,
    },
    /// A person has the fleet, or organizations, change nothing for a while.
    Pause {
        /// These organizations; absent for the whole fleet.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        organizations: Vec<OrganizationId>,
        /// The wave by which the person named them; absent where it was by their ids.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wave: Option<String>,
        /// Then it ends by itself.
        #[cfg_attr(feature = "schema", schemars(with = "pmp_protocol::schema::DateTime"))]
        until: Timestamp,
        /// Why, in the person's words.
        reason: String,
    },
    /// A person ends a pause before its time.
    Resume {
        /// These organizations; absent for the whole fleet.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        organizations: Vec<OrganizationId>,
        /// The wave by which the person named them; absent where it was by their ids.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wave: Option<String>,
        /// Why, in the person's words.
        reason: String,
    },
    /// A person lets the version that is on its way go on into the next wave, or has one published
    /// again that was taken back.
    Promote {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// Why, in the person's words.
        reason: String,
    },
    /// A person stops the version that is on its way through the waves.
    Halt {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// Why, in the person's words.
        reason: String,
    },
    /// The hub took a version further through the waves, or stopped it.
    Waves {
        /// Number of the snapshot.
        version: SnapshotVersion,
        /// What no earlier entry tells of, in the order in which it came.
        steps: Vec<WaveStep>,
    },
    /// The hub works with other settings of these than an earlier entry tells.
    Settings(HubSettings),
    /// A person signs directions again, with another key.
    Sign {
        /// Directions of these organizations.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        organizations: Vec<OrganizationId>,
        /// Whether the direction of the whole fleet is among them.
        fleet: bool,
    },
    /// A person admits organizations to the roster.
    Admit {
        /// Organizations that are admitted.
        organizations: Vec<OrganizationId>,
        /// Whether they keep many experiences.
        large: bool,
    },
    /// A person ends an organization, and deletes what the ledger knows of it.
    Forget {
        /// Organization that is ended.
        organization: OrganizationId,
    },
    /// A person lets the hub go on after the table of snapshots was restored.
    Recover {
        /// The newest version that the table still has; absent where it has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latest: Option<SnapshotVersion>,
        /// The highest version that was ever stored; absent where nothing was lost.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        highest: Option<SnapshotVersion>,
    },
    /// What the members' receipts say by now, as the hub saw it in a run by schedule. The hub
    /// writes it only when something differs from what it wrote before.
    Receipts {
        /// All receipts that the hub saw and believes.
        receipts: usize,
        /// How many of them there are of each status.
        statuses: BTreeMap<String, usize>,
        /// The digest of what all of them say, whether they are named here or not.
        state: Digest,
        /// Those that no earlier entry tells of.
        changed: Vec<SeenOutcome>,
        /// How many more are new, and are named by one of the next entries; absent where none is.
        #[serde(default, skip_serializing_if = "is_zero")]
        more: usize,
    },
    /// What an earlier entry tells of failed, or was not done whole.
    Failed {
        /// Number of that entry.
        entry: u64,
        /// What came back from the call.
        error: String,
        /// Organizations for which it was not done, or not whole: it was done for the others that
        /// the entry names. Absent where nothing of it was done.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_done: Vec<OrganizationId>,
    },
}

/// What a hub did with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Publishing {
    /// It was stored as a new version, and announced.
    Stored,
    /// An earlier run had stored it, and this one announced it.
    Recovered,
    /// It was announced again, unchanged.
    Announced,
}

/// A step of a version on its way through the waves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum WaveStep {
    /// A wave was entered: its organizations may take the version.
    Enter {
        /// The name of the wave, as it is configured.
        wave: String,
        /// Who let the version into it by hand; absent where it came by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promoted_by: Option<String>,
    },
    /// The hub stopped the version where it is.
    Stop {
        /// Why the hub stopped it.
        reason: String,
    },
    /// The hub takes the version back.
    RollBack {
        /// The version whose content is published again.
        to: SnapshotVersion,
        /// Why the hub takes it back.
        reason: String,
    },
    /// All waves had it: everybody may take it.
    ForEverybody,
}

/// The settings of a hub that decide what its members do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HubSettings {
    /// The fleet's change windows, in the hub's words; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_windows: Option<String>,
    /// The longest that a member may hold, in seconds; absent for the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_hold_seconds: Option<u64>,
    /// The names of the waves, in their order; absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<String>,
    /// The digest of the waves' configuration, as it was given; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waves_digest: Option<Digest>,
    /// Organizations that the settings admit since the last such entry; absent where there are
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admitted: Vec<OrganizationId>,
    /// Organizations that the settings do not admit any more; absent where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no_longer_admitted: Vec<OrganizationId>,
}

/// A member organization, or one experience of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Whom {
    /// Organization that is meant.
    pub organization: OrganizationId,
    /// One member experience; absent for all of the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member_experience: Option<ExperienceId>,
}

/// What a receipt says of the last sync of a member experience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SeenOutcome {
    /// Organization that wrote the receipt.
    pub organization: OrganizationId,
    /// Member experience that the receipt is about.
    pub member_experience: ExperienceId,
    /// What came of the last sync.
    pub status: ReceiptStatus,
    /// The version that was tried.
    pub version: SnapshotVersion,
    /// The version that is in force; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<SnapshotVersion>,
    /// When the spoke took the snapshot up, by its clock.
    #[cfg_attr(feature = "schema", schemars(with = "pmp_protocol::schema::DateTime"))]
    pub received_at: Timestamp,
    /// How many outcomes the spoke wrote so far. If it grew by more than one, there were outcomes
    /// between two looks of the hub: those of `between`, and perhaps more.
    pub outcomes: u64,
    /// Why it is held, skipped or failed; absent where it is neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What came and went since the entry before, the oldest first: the member's own word, which
    /// the hub did not see. Absent where there was nothing, or where it could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub between: Vec<ToldOutcome>,
}

/// What a member's spoke tells of a sync that the hub did not see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ToldOutcome {
    /// When the sync ended, by the spoke's clock.
    #[cfg_attr(feature = "schema", schemars(with = "pmp_protocol::schema::DateTime"))]
    pub at: Timestamp,
    /// What came of it.
    pub status: ReceiptStatus,
    /// The version that was tried.
    pub version: SnapshotVersion,
    /// Why it was held, skipped or failed; absent where it was neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl Event {
    /// All actions, as they are spelled in entries.
    pub const ACTIONS: [&str; 18] = [
        "publish",
        "found",
        "confirm",
        "unconfirm",
        "pin",
        "unpin",
        "pause",
        "resume",
        "promote",
        "halt",
        "waves",
        "settings",
        "sign",
        "admit",
        "forget",
        "recover",
        "receipts",
        "failed",
    ];

    /// The action, as it is spelled in an entry.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Publish { .. } => "publish",
            Self::Found { .. } => "found",
            Self::Confirm { .. } => "confirm",
            Self::Unconfirm { .. } => "unconfirm",
            Self::Pin { .. } => "pin",
            Self::Unpin { .. } => "unpin",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::Promote { .. } => "promote",
            Self::Halt { .. } => "halt",
            Self::Waves { .. } => "waves",
            Self::Settings(_) => "settings",
            Self::Sign { .. } => "sign",
            Self::Admit { .. } => "admit",
            Self::Forget { .. } => "forget",
            Self::Recover { .. } => "recover",
            Self::Receipts { .. } => "receipts",
            Self::Failed { .. } => "failed",
        }
    }

    /// The version that the ledger holds, of which this tells.
    #[must_use]
    pub fn stored(&self) -> Option<SnapshotVersion> {
        match self {
            Self::Publish { version, .. } | Self::Found { version, .. } => Some(*version),
            _ => None,
        }
    }

    /// What happened, in a few words for a person. The reason comes last, because it may be cut.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Publish { version, content, outcome, pinned, .. } => {
                let done = match outcome {
                    Publishing::Stored => "stored and announced",
                    Publishing::Recovered => "announced what an earlier run stored",
                    Publishing::Announced => "announced again",
                };
                let pinned = pinned.map(|pinned| format!(", the content of {pinned}")).unwrap_or_default();
                format!("snapshot {version} ({}){pinned}: {done}", content.short())
            }
            Self::Found { version, content } => {
                format!("snapshot {version} ({}), of which no entry tells", content.short())
            }
            Self::Confirm { whom, version, .. } => format!("snapshot {version} for {}", those(whom)),
            Self::Unconfirm { whom, version } => format!("snapshot {version} for {}", those(whom)),
            Self::Pin { organizations, wave, version, reason, .. } => {
                format!("{} to snapshot {version}: {reason}", directed(organizations, wave.as_deref()))
            }
            Self::Unpin { organizations, wave, reason } | Self::Resume { organizations, wave, reason } => {
                format!("{}: {reason}", directed(organizations, wave.as_deref()))
            }
            Self::Pause { organizations, wave, until, reason } => {
                format!("{} until {until}: {reason}", directed(organizations, wave.as_deref()))
            }
            Self::Promote { version, reason } | Self::Halt { version, reason } => {
                format!("snapshot {version}: {reason}")
            }
            Self::Waves { version, steps } => {
                let steps: Vec<_> = steps.iter().map(WaveStep::in_words).collect();
                format!("snapshot {version}: {}", steps.join(", "))
            }
            Self::Settings(settings) => settings.in_words(),
            Self::Sign { organizations, fleet } => {
                let number = organizations.len() + usize::from(*fleet);
                pmp_protocol::count(number, "direction")
            }
            Self::Admit { organizations, .. } => named(organizations),
            Self::Forget { organization } => organization.to_string(),
            Self::Recover { highest, .. } => highest.map_or_else(
                || "nothing was lost".to_owned(),
                |highest| format!("snapshots were stored up to {highest}"),
            ),
            Self::Receipts { receipts, changed, more, .. } => {
                let more = if *more == 0 { String::new() } else { format!(", and {more} more are to come") };
                let told: usize = changed.iter().map(|seen| seen.between.len()).sum();
                let told = match told {
                    0 => String::new(),
                    told => format!("; {} in between, as members tell", pmp_protocol::count(told, "outcome")),
                };
                let new = changed.len();
                format!("{new} of {} say something new{more}{told}", pmp_protocol::count(*receipts, "receipt"))
            }
            Self::Failed { entry, error, not_done } => {
                let who = pmp_protocol::count(not_done.len(), "organization");
                let most = if not_done.is_empty() { String::new() } else { format!(", for {who}") };
                format!("entry {entry}{most}: {error}")
            }
        }
    }
}

impl WaveStep {
    fn in_words(&self) -> String {
        match self {
            Self::Enter { wave, promoted_by: None } => format!("wave `{wave}` entered"),
            Self::Enter { wave, promoted_by: Some(_) } => format!("wave `{wave}` entered by hand"),
            Self::Stop { reason } => format!("stopped: {reason}"),
            Self::RollBack { to, reason } => format!("taken back to the content of {to}: {reason}"),
            Self::ForEverybody => "for everybody".to_owned(),
        }
    }
}

impl HubSettings {
    fn in_words(&self) -> String {
        let Self { change_windows, max_hold_seconds, waves, admitted, no_longer_admitted, .. } = self;
        let hold = max_hold_seconds.map_or_else(|| "the usual".to_owned(), |seconds| format!("{seconds} s"));
        let waves = if waves.is_empty() { "none".to_owned() } else { waves.join(", ") };
        let windows = change_windows.as_deref().unwrap_or("always");
        // First, because the end may be cut.
        let members = [("admitted", admitted), ("no longer admitted", no_longer_admitted)];
        let members = members.into_iter().filter(|(_, who)| !who.is_empty());
        let members: String = members.map(|(what, who)| format!("{what}: {}; ", named(who))).collect();
        format!("{members}waves: {waves}; longest hold: {hold}; change windows: {windows}")
    }
}

/// Whom a direction is for.
fn directed(organizations: &[OrganizationId], wave: Option<&str>) -> String {
    match (organizations, wave) {
        ([], _) => "the fleet".to_owned(),
        (_, Some(wave)) => format!("wave `{wave}`, {}", pmp_protocol::count(organizations.len(), "organization")),
        (_, None) => named(organizations),
    }
}

/// The first of them, and how many more there are.
fn named(organizations: &[OrganizationId]) -> String {
    match organizations {
        [] => "nobody".to_owned(),
        [one] => one.to_string(),
        [one, others @ ..] => format!("{one} and {} more", others.len()),
    }
}

fn those(whom: &[Whom]) -> String {
    match whom {
        [] => "nobody".to_owned(),
        [Whom { organization, member_experience: Some(member) }] => format!("{member} of {organization}"),
        [Whom { organization, .. }] => organization.to_string(),
        [one, others @ ..] => format!("{} and {} more", one.organization, others.len()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// One event of each kind.
    pub(crate) fn events() -> Vec<Event> {
        let organization = || OrganizationId::new("o-alpha00000").unwrap();
        let organizations = || vec![organization(), OrganizationId::new("o-beta000000").unwrap()];
        let version = SnapshotVersion::new(40).unwrap();
        let content = Digest::of(b"it");
        let at: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let reason = || "an audit".to_owned();
        let member = || Some(ExperienceId::new("exp-a").unwrap());
        let whom = || vec![Whom { organization: organization(), member_experience: member() }];
        let outcome = SeenOutcome {
            organization: organization(),
            member_experience: member().unwrap(),
            status: ReceiptStatus::InSync,
            version,
            applied: Some(version),
            received_at: at,
            outcomes: 3,
            error: None,
            between: vec![ToldOutcome {
                at,
                status: ReceiptStatus::Failed,
                version,
                error: Some("gave up".to_owned()),
            }],
        };
        vec![
            Event::Publish {
                version,
                content,
                approved: 2,
                rejected: 1,
                outcome: Publishing::Stored,
                trigger: "schedule".to_owned(),
                pinned: None,
            },
            Event::Found { version, content },
            Event::Confirm { whom: whom(), version, content },
            Event::Unconfirm { whom: whom(), version },
            Event::Pin { organizations: Vec::new(), wave: None, version, content, reason: reason() },
            Event::Unpin { organizations: organizations(), wave: Some("canary".to_owned()), reason: reason() },
            Event::Pause { organizations: organizations(), wave: None, until: at, reason: reason() },
            Event::Resume { organizations: Vec::new(), wave: None, reason: reason() },
            Event::Promote { version, reason: reason() },
            Event::Halt { version, reason: reason() },
            Event::Waves {
                version,
                steps: vec![
                    WaveStep::Enter { wave: "canary".to_owned(), promoted_by: None },
                    WaveStep::Enter { wave: "all".to_owned(), promoted_by: Some("ada".to_owned()) },
                    WaveStep::Stop { reason: reason() },
                    WaveStep::RollBack { to: version, reason: reason() },
                    WaveStep::ForEverybody,
                ],
            },
            Event::Settings(HubSettings {
                change_windows: Some("Mon-Fri 09:00-17:00 Europe/Berlin".to_owned()),
                max_hold_seconds: Some(3600),
                waves: vec!["canary".to_owned(), "all".to_owned()],
                waves_digest: Some(content),
                admitted: organizations(),
                no_longer_admitted: vec![organization()],
            }),
            Event::Sign { organizations: organizations(), fleet: true },
            Event::Admit { organizations: organizations(), large: false },
            Event::Forget { organization: organization() },
            Event::Recover { latest: None, highest: Some(version) },
            Event::Receipts {
                receipts: 1,
                statuses: BTreeMap::from([("in-sync".to_owned(), 1)]),
                state: content,
                changed: vec![outcome],
                more: 0,
            },
            Event::Failed { entry: 6, error: "throttled".to_owned(), not_done: Vec::new() },
            Event::Failed { entry: 7, error: "throttled".to_owned(), not_done: organizations() },
        ]
    }

    #[test]
    fn an_event_says_what_it_is_as_it_is_written() {
        for event in events() {
            let written = serde_json::to_value(&event).unwrap();
            assert_eq!(written["action"], event.action());
            assert!(!event.in_words().is_empty());
        }
        let told: std::collections::BTreeSet<_> = events().iter().map(Event::action).collect();
        assert_eq!(told, Event::ACTIONS.into_iter().collect());
    }

    #[test]
    fn an_entry_with_as_many_outcomes_as_it_may_have_fits_an_item() {
        let events = events();
        let Some(Event::Receipts { changed, .. }) = events.iter().find(|event| event.action() == "receipts") else {
            panic!()
        };
        let longest = SeenOutcome {
            organization: OrganizationId::new(&format!("o-{}", "a".repeat(32))).unwrap(),
            member_experience: ExperienceId::new(&format!("exp-{}", "a".repeat(60))).unwrap(),
            error: Some("é".repeat(200)),
            ..changed[0].clone()
        };
        let text = serde_json::to_string(&vec![longest; MAX_OUTCOMES]).unwrap();
        assert!(text.len() < 200_000, "{} bytes", text.len());
    }
}
