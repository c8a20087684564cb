//! What operators and waves direct: protocol D3 to D9, and which version an organization is on.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::OrganizationId;

use crate::{Reference, Target};

/// D9: no pause is longer, counted from the moment at which it was directed.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A direction, as far as anything follows from it here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Direction {
    /// Grows by one with each change.
    pub generation: u64,
    /// Grows by one with each change of the pin.
    pub line: u64,
    /// The snapshot whose content is held.
    pub pin: Option<Target>,
    /// The version that waves let be taken.
    pub turn: Option<Target>,
    /// Nothing is changed while it holds.
    pub pause: Option<Pause>,
}

/// A pause that operators directed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// When an operator directed it.
    pub at: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

impl Pause {
    /// D9: it ends at `until`, and never later than 30 days after it was directed.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until && now.duration_since(self.at) < LONGEST_PAUSE
    }
}

/// All directions of the ledger: of the fleet (none), and of single organizations.
#[derive(Debug, Default)]
pub(crate) struct Directions(BTreeMap<Option<OrganizationId>, Direction>);

impl Directions {
    pub(crate) fn of(&self, place: Option<&OrganizationId>) -> Option<&Direction> {
        self.0.get(&place.cloned())
    }

    /// D5 and D6: the own pin; without one, the newer turn of the fleet's and the own, where the
    /// fleet has one; without one, the head.
    pub(crate) fn target(&self, organization: &OrganizationId, head: Target) -> Target {
        let own = self.of(Some(organization));
        if let Some(pin) = own.and_then(|own| own.pin) {
            return pin;
        }
        let Some(fleet) = self.of(None).and_then(|fleet| fleet.turn) else { return head };
        own.and_then(|own| own.turn).filter(|turn| turn.version > fleet.version).unwrap_or(fleet)
    }
}

impl Reference {
    /// A direction was written by the hub or its operators, for an organization or for the fleet.
    pub fn directed(&mut self, place: Option<&OrganizationId>, next: Direction) {
        let whose = place.map_or_else(|| "the fleet".to_owned(), ToString::to_string);
        let before = self.directions.of(place).cloned().unwrap_or_default();
        // D3.
        let follows = next.generation == before.generation + 1;
        self.check(follows, "D3", || format!("{whose}: generation {} after {}", next.generation, before.generation));
        // D4.
        let line = before.line + u64::from(next.pin != before.pin);
        self.check(next.line == line, "D4", || format!("{whose}: line {}, and {line} is due", next.line));
        // D7.
        let older = |(before, next): (Target, Target)| next.version < before.version;
        let went_back = before.turn.zip(next.turn).is_some_and(older);
        self.check(!went_back, "D7", || format!("{whose}: the turn {:?} was replaced by {:?}", before.turn, next.turn));
        for target in [next.pin, next.turn].into_iter().flatten() {
            let given = self.versions.was_given(target);
            self.check(given, "D5", || format!("{whose}: directed to {target}, which was never stored"));
        }
        if let (Some(id), Some(turn)) = (place, next.turn.filter(|turn| Some(*turn) != before.turn)) {
            self.admitted(id, turn);
        }
        self.directions.0.insert(place.cloned(), next);
        self.note_targets();
    }
}
