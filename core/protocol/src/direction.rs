//! What the hub's operators direct: which snapshot is to be held, and until when nothing is to be
//! changed; for the whole fleet, or for one member organization. And the hold of a member: "not
//! now".
//!
//! A direction is one item that is written again with each change. Its [`Direction::generation`]
//! grows with each, so that an older one is noticed. An example: the fleet is pinned to snapshot 40
//! (generation 1), paused (2), resumed (3) and unpinned (4).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{ChangeWindows, Digest, ExperienceId, Halted, OrganizationId, SnapshotVersion};

/// The form of a direction. A spoke refuses any other, rather than half understand it.
pub const DIRECTION_SCHEMA: &str = "pmp-sync.direction/1";
/// The longest that a pause may last: what is paused for longer is forgotten, and was meant to be
/// something else.
pub const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The longest reason that is kept, in characters: a person reads a sentence.
pub const MAX_REASON: usize = 300;

/// A snapshot that is held, whatever the management experience says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pin {
    /// The version whose content is held.
    pub version: SnapshotVersion,
    /// The digest of that content.
    pub digest: Digest,
    /// Who pinned it, as STS names them.
    pub by: String,
    /// When it was pinned, by the operator's clock.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}

/// A time in which nothing is changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Pause {
    /// Then it ends by itself.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub until: Timestamp,
    /// Who paused, as STS names them.
    pub by: String,
    /// Since when, by the operator's clock.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}

impl Pause {
    /// When it ends: when it says, and never later than the longest pause after its beginning,
    /// whoever wrote it.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        // Protocol D9.
        self.until.min(self.at.checked_add(LONGEST_PAUSE).unwrap_or(Timestamp::MAX))
    }

    /// Whether it holds at `now`, by the clock of whoever asks. AWS refuses requests whose time is
    /// more than five minutes from its own, so it ends at most so much too early or too late.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.ends()
    }
}

/// The version that waves let organizations take: the newest that went through all waves, for the
/// fleet, or the one on its way, for an organization whose turn has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Turn {
    /// The version that may be taken.
    pub version: SnapshotVersion,
    /// The digest of its content.
    pub digest: Digest,
    /// Since when, by the hub's clock.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
}

/// What the hub's operators direct, for the fleet or for one organization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
// Protocol D1.
pub struct Direction {
    /// The form of this document, always [`DIRECTION_SCHEMA`].
    pub schema: String,
    /// Management experience whose snapshots are meant.
    pub experience: ExperienceId,
    /// The member organization; none for the whole fleet.
    #[serde(default, rename = "member", skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// How often it was changed.
    pub generation: u64,
    /// How often its pin was changed. Receipts are in the order of this number first, and of their
    /// version then: so an organization can go back to an older version.
    pub line: u64,
    /// Who changed it last, as STS names them.
    pub by: String,
    /// When it was changed last, by the operator's clock.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::DateTime"))]
    pub at: Timestamp,
    /// Why it was changed last.
    pub reason: String,
    /// The snapshot that is held; none where what the management experience says is followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// Until when nothing is changed; none where nothing is paused. It may have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The longest that a member may hold, in seconds: of the fleet alone; none for the usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_hold_seconds: Option<u64>,
    /// The version that waves let them take. Of the fleet: none where there are no waves, and then
    /// those of single organizations count for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Turn>,
    /// When changes may be made: of the fleet alone; none for always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_windows: Option<ChangeWindows>,
    /// Versions that were stopped on their way, the newest last: of the fleet alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub halted: Vec<Halted>,
}

/// A change of a direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectionChange {
    /// Hold the content of a version.
    Pin(SnapshotVersion, Digest),
    /// Follow the management experience again.
    Unpin,
    /// Change nothing until then.
    Pause(Timestamp),
    /// Go on before the pause ends.
    Resume,
    /// Let members hold for this long at the most, in seconds.
    MaxHold(u64),
    /// Let a version be taken. One that is not newer than what may be taken changes nothing.
    Turn(SnapshotVersion, Digest),
    /// There are no waves any more: the newest snapshot is for everybody.
    EndWaves,
    /// Make changes in these windows alone; none for always.
    Windows(Option<ChangeWindows>),
    /// Start no change set for a version that is on its way.
    Halt(SnapshotVersion, Digest),
    /// Let a version go on that was halted.
    GoOn(SnapshotVersion),
}

/// Who changes a direction, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// Who, as STS names them.
    pub by: String,
    /// When, by their clock.
    pub at: Timestamp,
    /// Why, in their words.
    pub reason: String,
}

impl Direction {
    /// The direction before the first: nothing is pinned, nothing is paused.
    #[must_use]
    pub fn none(experience: ExperienceId, organization: Option<OrganizationId>) -> Self {
        Self {
            schema: DIRECTION_SCHEMA.to_owned(),
            experience,
            organization,
            generation: 0,
            line: 0,
            by: String::new(),
            at: Timestamp::UNIX_EPOCH,
            reason: String::new(),
            pin: None,
            pause: None,
            max_hold_seconds: None,
            turn: None,
            change_windows: None,
            halted: Vec::new(),
        }
    }

    /// The direction after a change; none where it is so already. What ended in between is left
    /// out.
    #[must_use]
    pub fn changed(&self, change: &DirectionChange, because: &Because) -> Option<Self> {
        let Because { by, at, reason } = because.clone();
        let mut next = self.clone();
        next.pause = next.pause.filter(|pause| pause.holds(at));
        match change.clone() {
            DirectionChange::Pin(version, digest) => {
                let same = self.pin.as_ref().is_some_and(|pin| (pin.version, pin.digest) == (version, digest));
                if same {
                    return None;
                }
                next.pin = Some(Pin { version, digest, by: by.clone(), at, reason: reason.clone() });
            }
            DirectionChange::Unpin => next.pin = None,
            DirectionChange::Pause(until) => {
                next.pause = Some(Pause { until, by: by.clone(), at, reason: reason.clone() });
            }
            DirectionChange::Resume => next.pause = None,
            DirectionChange::MaxHold(seconds) => next.max_hold_seconds = Some(seconds),
            // Whoever may take a version may take it from then on, or a newer one.
            DirectionChange::Turn(version, digest) => {
                // Protocol D7.
                if self.turn.as_ref().is_none_or(|turn| turn.version < version) {
                    next.turn = Some(Turn { version, digest, at });
                    next.halted.retain(|halted| halted.version > version);
                }
            }
            DirectionChange::EndWaves => (next.turn, next.halted) = (None, Vec::new()),
            DirectionChange::Windows(windows) => next.change_windows = windows,
            // Protocol D15.
            DirectionChange::Halt(version, digest) => {
                if !self.halted.iter().any(|halted| (halted.version, halted.digest) == (version, digest)) {
                    Halted::new(version, digest, by.clone(), at, &reason).add_to(&mut next.halted);
                }
            }
            DirectionChange::GoOn(version) => next.halted.retain(|halted| halted.version != version),
        }
        let (pins, pauses) = (next.pin != self.pin, next.pause != self.pause);
        let asked = match change {
            DirectionChange::Unpin => pins,
            DirectionChange::Resume => self.pause.as_ref().is_some_and(|pause| pause.holds(at)),
            DirectionChange::MaxHold(_) => next.max_hold_seconds != self.max_hold_seconds,
            DirectionChange::Turn(..) | DirectionChange::EndWaves => next.turn != self.turn,
            // The same words by another version of the time zone database are no change: two hubs
            // of different releases would write it again and again.
            DirectionChange::Windows(_) => words(&next) != words(self),
            DirectionChange::Halt(..) | DirectionChange::GoOn(_) => next.halted != self.halted,
            DirectionChange::Pin(..) | DirectionChange::Pause(_) => pins || pauses,
        };
        if !asked {
            return None;
        }
        // Protocol D3.
        next.generation = self.generation.saturating_add(1);
        // Protocol D4.
        next.line = self.line.saturating_add(u64::from(pins));
        (next.by, next.at, next.reason) = (by, at, reason);
        Some(next)
    }

    /// The pause that holds at `now`.
    #[must_use]
    pub fn paused(&self, now: Timestamp) -> Option<&Pause> {
        self.pause.as_ref().filter(|pause| pause.holds(now))
    }

    /// What is wrong with it as one of `experience` for `organization`, or for the fleet; none
    /// where nothing is.
    #[must_use]
    pub fn problem(&self, experience: &ExperienceId, organization: Option<&OrganizationId>) -> Option<String> {
        // Protocol D2.
        if self.schema != DIRECTION_SCHEMA {
            return Some(format!("its form is not {DIRECTION_SCHEMA}: it needs a newer release"));
        }
        if self.experience != *experience {
            return Some(format!("it is about `{}`", self.experience));
        }
        if self.organization.as_ref() != organization {
            let whose = self.organization.as_ref().map_or("the fleet".to_owned(), |id| format!("`{id}`"));
            return Some(format!("it is for {whose}"));
        }
        if self.generation == 0 {
            return Some("its generation is 0".to_owned());
        }
        None
    }
}

/// The change windows of a direction, in words.
fn words(direction: &Direction) -> Option<&str> {
    direction.change_windows.as_ref().map(|windows| windows.text.as_str())
}

/// The halt of the version that an organization may take; none where that goes on. A pin of the
/// organization goes before waves. Pure.
#[must_use]
pub fn halted<'a>(fleet: Option<&'a Direction>, own: Option<&'a Direction>) -> Option<&'a Halted> {
    // Protocol D15.
    if own.is_some_and(|own| own.pin.is_some()) {
        return None;
    }
    let turn = turn(fleet, own)?;
    let of_the_fleet = fleet?.turn.as_ref()?.version;
    // What everybody may take went through all waves.
    fleet?.halted.iter().find(|halted| turn.version > of_the_fleet && halted.is_of(turn.version, turn.digest))
}

/// The version that waves let an organization take: its own, or the fleet's where that is newer.
/// None where there are no waves, which the fleet's direction alone decides. Pure.
#[must_use]
pub fn turn<'a>(fleet: Option<&'a Direction>, own: Option<&'a Direction>) -> Option<&'a Turn> {
    // Protocol D6.
    let of_the_fleet = fleet?.turn.as_ref()?;
    let own = own.and_then(|own| own.turn.as_ref()).filter(|own| own.version > of_the_fleet.version);
    Some(own.unwrap_or(of_the_fleet))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    pub(crate) fn because(second: i64) -> Because {
        Because { by: "arn:kim".to_owned(), at: at(second), reason: "bad approval".to_owned() }
    }

    fn version(number: u64) -> SnapshotVersion {
        SnapshotVersion::new(number).unwrap()
    }

    fn fleet() -> Direction {
        Direction::none(ExperienceId::new("exp-management").unwrap(), None)
    }

    fn pin(number: u64) -> DirectionChange {
        DirectionChange::Pin(version(number), Digest::of(&number.to_le_bytes()))
    }

    fn windows(hour: Option<usize>) -> DirectionChange {
        let text = |hour| format!("daily 0{hour}:00-12:00 UTC");
        DirectionChange::Windows(hour.map(|hour| ChangeWindows {
            text: text(hour),
            tzdb: "2026f".to_owned(),
            at: at(0),
        }))
    }

    #[test]
    fn the_same_windows_by_another_database_are_no_change() {
        assert_eq!(fleet().changed(&windows(None), &because(1)), None, "always is what it was");
        let directed = fleet().changed(&windows(Some(1)), &because(1)).unwrap();
        assert_eq!((directed.generation, directed.line), (1, 0));
        let DirectionChange::Windows(Some(same)) = windows(Some(1)) else { panic!() };
        let newer = DirectionChange::Windows(Some(ChangeWindows { tzdb: "2027a".to_owned(), ..same }));
        assert_eq!(directed.changed(&newer, &because(2)), None);
        assert!(directed.changed(&windows(Some(2)), &because(2)).is_some());
        assert_eq!(directed.changed(&windows(None), &because(2)).unwrap().change_windows, None);
    }

    #[test]
    fn each_change_is_a_generation_and_each_change_of_the_pin_a_line() {
        // Protocol D3 and D4.
        let pinned = fleet().changed(&pin(40), &because(1)).unwrap();
        assert_eq!((pinned.generation, pinned.line), (1, 1));
        assert_eq!(pinned.changed(&pin(40), &because(2)), None, "it is so already");
        let paused = pinned.changed(&DirectionChange::Pause(at(100)), &because(2)).unwrap();
        assert_eq!((paused.generation, paused.line), (2, 1));
        let other = paused.changed(&pin(45), &because(3)).unwrap();
        assert_eq!((other.generation, other.line, other.pause.is_some()), (3, 2, true));
        let unpinned = other.changed(&DirectionChange::Unpin, &because(4)).unwrap();
        assert_eq!((unpinned.generation, unpinned.line, &unpinned.pin), (4, 3, &None));
        assert_eq!(unpinned.changed(&DirectionChange::Unpin, &because(5)), None);
        let resumed = unpinned.changed(&DirectionChange::Resume, &because(5)).unwrap();
        assert_eq!((resumed.generation, &resumed.pause), (5, &None));
        assert_eq!(resumed.changed(&DirectionChange::Resume, &because(6)), None);
    }

    fn may_take(number: u64) -> DirectionChange {
        DirectionChange::Turn(version(number), Digest::of(&number.to_le_bytes()))
    }

    #[test]
    fn a_turn_never_goes_back_and_changes_no_line() {
        // Protocol D7.
        let seven = fleet().changed(&may_take(7), &because(1)).unwrap();
        let of = |direction: &Direction| direction.turn.as_ref().map(|turn| turn.version.get());
        assert_eq!((seven.generation, seven.line, of(&seven)), (1, 0, Some(7)));
        for older in [6, 7] {
            assert_eq!(seven.changed(&may_take(older), &because(2)), None, "{older}");
        }
        // A pin stands beside it.
        let pinned = seven.changed(&pin(3), &because(2)).unwrap();
        let eight = pinned.changed(&may_take(8), &because(3)).unwrap();
        assert_eq!((eight.line, of(&eight), eight.pin.is_some()), (1, Some(8), true));
        let ended = eight.changed(&DirectionChange::EndWaves, &because(4)).unwrap();
        assert_eq!((of(&ended), ended.changed(&DirectionChange::EndWaves, &because(5))), (None, None));
    }

    #[test]
    fn an_organizations_own_turn_counts_where_the_fleet_has_one_and_it_is_newer() {
        // Protocol D6.
        let of = |number| fleet().changed(&may_take(number), &because(1)).unwrap();
        let (seven, eight) = (of(7), of(8));
        let counts = |fleet: Option<&Direction>, own: Option<&Direction>| turn(fleet, own).map(|it| it.version.get());
        assert_eq!(counts(Some(&seven), None), Some(7));
        assert_eq!(counts(Some(&seven), Some(&eight)), Some(8));
        assert_eq!(counts(Some(&eight), Some(&seven)), Some(8), "the fleet went on");
        // Without waves the newest snapshot is for everybody.
        assert_eq!((counts(None, Some(&eight)), counts(Some(&fleet()), Some(&eight))), (None, None));
    }

    #[test]
    fn a_pause_that_has_ended_is_nothing_to_resume() {
        let paused = fleet().changed(&DirectionChange::Pause(at(100)), &because(0)).unwrap();
        assert!(paused.paused(at(99)).is_some() && paused.paused(at(100)).is_none());
        assert_eq!(paused.changed(&DirectionChange::Resume, &because(100)), None);
        // Whatever else is changed then takes it along.
        assert_eq!(paused.changed(&pin(3), &because(100)).unwrap().pause, None);
    }

    #[test]
    fn a_pause_ends_after_thirty_days_whatever_it_says() {
        // Protocol D9.
        let pause = Pause { until: Timestamp::MAX, by: "arn:kim".to_owned(), at: at(0), reason: "for ever".to_owned() };
        let month = 30 * 24 * 60 * 60;
        assert!(pause.holds(at(month - 1)) && !pause.holds(at(month)));
    }

    #[test]
    fn a_direction_for_somebody_else_is_none() {
        // Protocol D2.
        let organization = OrganizationId::new("o-alpha00000").unwrap();
        let direction = fleet().changed(&pin(40), &because(1)).unwrap();
        let experience = direction.experience.clone();
        assert_eq!(direction.problem(&experience, None), None);
        assert_eq!(direction.problem(&experience, Some(&organization)).unwrap(), "it is for the fleet");
        let other = ExperienceId::new("exp-other").unwrap();
        assert_eq!(direction.problem(&other, None).unwrap(), "it is about `exp-management`");
        let later = Direction { schema: "pmp-sync.direction/2".to_owned(), ..direction };
        assert!(later.problem(&experience, None).unwrap().ends_with("it needs a newer release"));
    }

    fn any_change() -> impl Strategy<Value = DirectionChange> {
        prop_oneof![
            (1_u64..4).prop_map(pin),
            Just(DirectionChange::Unpin),
            (0_i64..100).prop_map(|second| DirectionChange::Pause(at(second))),
            Just(DirectionChange::Resume),
            (1_u64..3).prop_map(DirectionChange::MaxHold),
            (1_u64..4).prop_map(may_take),
            Just(DirectionChange::EndWaves),
            (1_u64..4).prop_map(|number| DirectionChange::Halt(version(number), Digest::of(&number.to_le_bytes()))),
            (1_u64..4).prop_map(|number| DirectionChange::GoOn(version(number))),
            (0_usize..3).prop_map(|hour| windows(Some(hour).filter(|hour| *hour > 0))),
        ]
    }

    proptest! {
        /// Whatever operators do, in whatever order: receipts of a later pin come after those of an
        /// earlier one, and within one pin nothing but the version orders them.
        #[test]
        fn a_line_holds_one_pin_and_lines_only_grow(changes in prop::collection::vec(any_change(), 0..30)) {
            // Protocol D3 and D4.
            let mut direction = fleet();
            for (second, change) in changes.iter().enumerate() {
                let Some(next) = direction.changed(change, &because(second as i64)) else { continue };
                prop_assert_eq!(next.generation, direction.generation + 1);
                prop_assert_eq!(next.line, direction.line + u64::from(next.pin != direction.pin));
                prop_assert_eq!(next.problem(&direction.experience, None), None);
                let json = serde_json::to_string(&next).unwrap();
                prop_assert_eq!(serde_json::from_str::<Direction>(&json).unwrap(), next.clone());
                direction = next;
            }
        }
    }
}
