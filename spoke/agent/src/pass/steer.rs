//! What the hub's operators direct, and the member's own hold: which snapshot a pass is for, and
//! whether it may change anything.
//!
//! Directions are read from the ledger at the beginning of each pass (rule 9). Where keys are
//! configured, only those count that the hub signed, of a generation that is not below the one that
//! was trusted before. Whatever cannot be read or verified changes nothing: the last good state
//! stays, and the sign of life says why (rule 12).

use jiff::{SignedDuration, Timestamp};
use pmp_ledger::{Directed, Head, Organization, Said};
use pmp_protocol::{
    Digest, Direction, ExperienceId, Halted, Hold, OrganizationId, Paused, Pin, Receipt, SnapshotVersion, Turn, halted,
    longest_hold, paused, turn,
};
use pmp_signature::{SignedDirection, TrustedKeys, open_direction};

use crate::not_obeyed::NotObeyed;
use crate::pass::windows::WindowsInForce;

/// How long the sign of life tells of a hold that the hub's bound has ended.
const TELL_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What a pass goes by, besides the ledger's head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Steering {
    /// The direction for all organizations.
    pub(crate) fleet: Option<Direction>,
    /// The direction for this organization.
    pub(crate) own: Option<Direction>,
    /// The member's own hold, whether it still lasts or not.
    pub(crate) hold: Option<Hold>,
    /// The change windows of the fleet, and the member's own.
    pub(crate) windows: WindowsInForce,
    /// The halt of the version that may be taken here, where this spoke has not begun with it.
    pub(crate) halted: Option<Halted>,
    /// Whether the role may read what operators direct. An earlier template's may not: then this
    /// spoke obeys none, and says so.
    pub(crate) reads: bool,
}

impl Steering {
    /// The snapshot that the organization is pinned to.
    pub(crate) fn pin(&self) -> Option<&Pin> {
        self.own.as_ref()?.pin.as_ref()
    }

    /// How often the pin was changed: the first part of the order of receipts.
    pub(crate) fn line(&self) -> u64 {
        self.own.as_ref().map_or(0, |own| own.line)
    }

    /// The version that waves let the organization take; none where there are no waves.
    pub(crate) fn turn(&self) -> Option<&Turn> {
        turn(self.fleet.as_ref(), self.own.as_ref())
    }

    /// The snapshot that is directed, whatever the newest is: the pin's, or the one that waves let
    /// the organization take. What operators pin goes before waves.
    pub(crate) fn directed(&self) -> Option<(SnapshotVersion, Digest)> {
        // Protocol D5.
        let pin = self.pin().map(|pin| (pin.version, pin.digest));
        pin.or_else(|| self.turn().map(|turn| (turn.version, turn.digest)))
    }

    /// Which snapshot a pass is for: the one that is directed, or the one that `head` names.
    pub(crate) fn target(&self, head: &Head) -> (SnapshotVersion, Digest) {
        self.directed().unwrap_or((head.latest, head.digest))
    }

    /// The same, where it is known what this spoke has done so far.
    pub(crate) fn with(self, receipts: &[Receipt]) -> Self {
        // Protocol D15.
        let halted = halted(self.fleet.as_ref(), self.own.as_ref());
        let halted = halted.filter(|halted| !receipts.iter().any(|receipt| receipt.has_begun(halted))).cloned();
        Self { halted, ..self }
    }

    /// Why nothing may be changed at `now`: a halt, or of a pause and closed change windows what
    /// ends last.
    pub(crate) fn paused(&self, now: Timestamp) -> Option<Paused> {
        // What does not end by itself goes first.
        if let Some(halted) = &self.halted {
            return Some(Paused::by_halt(halted, now));
        }
        let paused = paused(self.fleet.as_ref(), self.own.as_ref(), self.hold.as_ref(), now);
        paused.into_iter().chain(self.windows.paused(now)).max_by_key(|paused| paused.until)
    }

    /// The hold as the sign of life tells it: while it lasts, and for a day after the hub's bound
    /// ended it.
    pub(crate) fn told_hold(&self, now: Timestamp) -> Option<Hold> {
        let bound = longest_hold(self.fleet.as_ref());
        let hold = self.hold.as_ref()?;
        let lately = hold.is_cut(bound, now) && now.duration_since(hold.ends(bound)) < TELL_FOR;
        (hold.holds(bound, now) || lately).then(|| hold.clone())
    }
}

/// Whether `said` may be obeyed; none where nothing is directed. `before` is the direction of the
/// same place that was trusted before; without `keys` there is none, and the ledger's word counts.
/// Pure.
pub(crate) fn judge(
    said: &Said,
    keys: Option<&TrustedKeys>,
    management: &ExperienceId,
    organization: Option<&OrganizationId>,
    before: Option<&SignedDirection>,
) -> Result<Option<Direction>, NotObeyed> {
    let trusted = before.map(|before| before.direction.generation);
    let directed = match (said, trusted) {
        // Protocol D2.
        (Said::Unreadable(problem), _) => return Err(NotObeyed::Unreadable(problem.clone())),
        // Protocol K11.
        (Said::Nothing, Some(trusted)) => return Err(NotObeyed::Gone(trusted)),
        (Said::NotPermitted, Some(trusted)) => return Err(NotObeyed::NotPermitted(trusted)),
        (Said::Nothing | Said::NotPermitted, None) => return Ok(None),
        (Said::Directed(directed), _) => directed,
    };
    let Some(keys) = keys else { return Ok(Some(directed.direction.clone())) };
    // What is signed counts, and nothing that stands beside it.
    // Protocol K10.
    let direction = verified(directed, keys, management, organization)?.direction;
    match trusted {
        // Protocol K11.
        Some(trusted) if direction.generation < trusted => {
            Err(NotObeyed::Older { found: direction.generation, trusted })
        }
        _ => Ok(Some(direction)),
    }
}

/// What the envelope of a direction says, where a trusted key signed it for this place.
pub(crate) fn verified(
    directed: &Directed,
    keys: &TrustedKeys,
    management: &ExperienceId,
    organization: Option<&OrganizationId>,
) -> Result<SignedDirection, NotObeyed> {
    let signed = open_direction(directed.statement.as_deref(), keys)?;
    match signed.direction.problem(management, organization) {
        None => Ok(signed),
        Some(problem) => Err(NotObeyed::Unreadable(problem)),
    }
}

/// The hold of this organization; why it cannot be read, where an item is in its place.
pub(crate) fn own_hold(organization: &Organization, management: &ExperienceId) -> Result<Option<Hold>, NotObeyed> {
    let key = format!("hold#{management}");
    match organization.unreadable.iter().find(|item| item.key == key) {
        Some(item) => Err(NotObeyed::Unreadable(item.problem.clone())),
        None => Ok(organization.hold.clone()),
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Because, DirectionChange};
    use pmp_signature::{LocalKey, Refusal};

    use super::*;

    /// The private keys of RFC 8032's first two test vectors.
    const KEYS: [&str; 2] = [
        "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7-----END PRIVATE KEY-----",
    ];

    fn management() -> ExperienceId {
        ExperienceId::new("exp-management").unwrap()
    }

    fn alpha() -> OrganizationId {
        OrganizationId::new("o-alpha00000").unwrap()
    }

    fn pinned(version: u64, generation: u64) -> Direction {
        let because = Because { by: "arn:kim".into(), at: Timestamp::UNIX_EPOCH, reason: "bad".into() };
        let pin = DirectionChange::Pin(SnapshotVersion::new(version).unwrap(), Digest::of(b"content"));
        let direction = Direction::none(management(), Some(alpha())).changed(&pin, &because).unwrap();
        Direction { generation, ..direction }
    }

    fn signed(direction: &Direction, which: usize) -> Said {
        let key = LocalKey::from_pem(KEYS[which]).unwrap();
        let (issued_at, key_id) = (Timestamp::UNIX_EPOCH, key.public().id().clone());
        let signed = SignedDirection { direction: direction.clone(), issued_at, key_id };
        let unsigned = signed.to_sign();
        let statement = Some(unsigned.sealed(&key.sign(&unsigned.pae())));
        Said::Directed(Box::new(Directed { direction: direction.clone(), statement }))
    }

    fn judged(said: &Said, before: Option<u64>) -> Result<Option<u64>, NotObeyed> {
        let keys = TrustedKeys::only(LocalKey::from_pem(KEYS[0]).unwrap().public().clone());
        let before = before.map(|generation| SignedDirection {
            direction: pinned(40, generation),
            issued_at: Timestamp::UNIX_EPOCH,
            key_id: LocalKey::from_pem(KEYS[0]).unwrap().public().id().clone(),
        });
        let found = judge(said, Some(&keys), &management(), Some(&alpha()), before.as_ref())?;
        Ok(found.map(|direction| direction.pin.unwrap().version.get()))
    }

    #[test]
    fn only_what_the_hub_signed_and_nothing_older_is_obeyed() {
        // Protocol K11.
        let direction = pinned(40, 3);
        for before in [None, Some(1), Some(3)] {
            assert_eq!(judged(&signed(&direction, 0), before), Ok(Some(40)), "{before:?}");
        }
        assert_eq!(judged(&signed(&direction, 0), Some(4)), Err(NotObeyed::Older { found: 3, trusted: 4 }));
        assert!(matches!(judged(&signed(&direction, 1), None), Err(NotObeyed::Unverified(Refusal::UnknownKey(_)))));
        let unsigned = Said::Directed(Box::new(Directed { direction, statement: None }));
        assert_eq!(judged(&unsigned, None), Err(NotObeyed::Unverified(Refusal::Unsigned)));
        assert_eq!(judged(&Said::Nothing, None), Ok(None));
        assert_eq!(judged(&Said::Nothing, Some(3)), Err(NotObeyed::Gone(3)));
        assert_eq!(judged(&Said::NotPermitted, Some(3)), Err(NotObeyed::NotPermitted(3)));
        let unreadable = Said::Unreadable("no".to_owned());
        assert_eq!(judged(&unreadable, None), Err(NotObeyed::Unreadable("no".to_owned())));
    }

    #[test]
    fn a_pin_goes_before_waves_and_waves_go_before_the_newest_snapshot() {
        let because = Because { by: "the hub".into(), at: Timestamp::UNIX_EPOCH, reason: "waves".into() };
        let version = |number| SnapshotVersion::new(number).unwrap();
        let turn = |direction: Direction, number| {
            let change = DirectionChange::Turn(version(number), Digest::of(b"content"));
            Some(direction.changed(&change, &because).unwrap())
        };
        let head = pmp_ledger::testing::head(8);
        // Protocol D5 and D6.
        let target = |steering: &Steering| steering.target(&head).0.get();
        let mut steering = Steering::default();
        assert_eq!(target(&steering), 8);
        // Its own turn counts for nothing without the fleet's.
        steering.own = turn(Direction::none(management(), Some(alpha())), 6);
        assert_eq!(target(&steering), 8);
        steering.fleet = turn(Direction::none(management(), None), 5);
        assert_eq!(target(&steering), 6);
        steering.fleet = turn(Direction::none(management(), None), 7);
        assert_eq!(target(&steering), 7);
        steering.own = turn(pinned(3, 1), 8);
        assert_eq!((target(&steering), steering.turn().unwrap().version.get()), (3, 8));
    }

    #[test]
    fn what_stands_beside_the_signed_statement_counts_for_nothing() {
        // Protocol K10.
        let Said::Directed(mut forged) = signed(&pinned(40, 3), 0) else { panic!() };
        forged.direction = pinned(7, 9);
        assert_eq!(judged(&Said::Directed(forged), None), Ok(Some(40)));
        // Nor does a statement for somebody else.
        let fleet = Direction { organization: None, ..pinned(40, 3) };
        assert!(matches!(judged(&signed(&fleet, 0), None), Err(NotObeyed::Unreadable(_))));
    }

    #[test]
    fn without_keys_the_ledgers_word_counts_and_what_cannot_be_read_stops_it() {
        // Protocol D2.
        let judged = |said: &Said| judge(said, None, &management(), Some(&alpha()), None);
        let direction = pinned(40, 3);
        let said = Said::Directed(Box::new(Directed { direction: direction.clone(), statement: None }));
        assert_eq!(judged(&said), Ok(Some(direction)));
        assert_eq!((judged(&Said::Nothing), judged(&Said::NotPermitted)), (Ok(None), Ok(None)));
        assert!(judged(&Said::Unreadable("no".to_owned())).is_err());
    }
}
