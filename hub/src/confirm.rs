//! Lets one exact snapshot pass that a guard rail holds in a member organization (rule 5). This
//! module decides from the ledger; the command writes and announces.

use pmp_audit::Whom;
use pmp_ledger::{Head, Organization};
use pmp_protocol::{
    Direction, ExperienceId, Halted, Hint, LAYOUT_OF_CONFIRMATIONS, OperatorConfirmation, OrganizationId, Receipt,
    ReceiptStatus, SnapshotVersion, alike, halted,
};

/// Confirmations that one entry of the audit names. Each takes some 150 bytes of at most 400 KB.
pub(crate) const IN_ONE_ENTRY: usize = 1_000;

/// Whom a confirmation is for, as the audit names it.
pub(crate) fn whom(confirmation: &OperatorConfirmation) -> Whom {
    let OperatorConfirmation { organization, member_experience, .. } = confirmation;
    Whom { organization: organization.clone(), member_experience: member_experience.clone() }
}

/// The confirmation that an operator requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) organization: OrganizationId,
    pub(crate) version: SnapshotVersion,
    /// One member experience. `None` for all of the organization.
    pub(crate) member_experience: Option<ExperienceId>,
    /// Confirm even if nothing is held yet.
    pub(crate) force: bool,
}

/// The reason why a confirmation would be wrong, or without effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is no snapshot yet")]
    NoSnapshot,
    #[error("there is no snapshot {version}: the newest is {latest}")]
    Unknown { version: SnapshotVersion, latest: SnapshotVersion },
    /// Spokes apply only the newest snapshot.
    #[error("snapshot {version} is not the newest any more: {latest} is")]
    Outdated { version: SnapshotVersion, latest: SnapshotVersion },
    /// Its spokes act on that alone.
    #[error("`{organization}` is pinned to snapshot {pinned}, and {version} is not applied there")]
    Pinned { organization: OrganizationId, pinned: SnapshotVersion, version: SnapshotVersion },
    /// Its spokes take it later.
    #[error("waves let `{organization}` take snapshot {turn}: its turn for {version} has not come")]
    NotItsTurn { organization: OrganizationId, turn: SnapshotVersion, version: SnapshotVersion },
    #[error("no spoke of `{0}` has reported")]
    UnknownOrganization(OrganizationId),
    #[error("no spoke of `{organization}` has reported about `{member_experience}`")]
    UnknownExperience { organization: OrganizationId, member_experience: ExperienceId, meant: Option<ExperienceId> },
    #[error("no plan of {whose} is held at snapshot {version}: {found}")]
    NothingHeld { whose: String, version: SnapshotVersion, found: String },
}

pmp_protocol::codes!(Refusal {
    NoSnapshot => "E4002",
    Unknown => "E4003",
    Outdated => "E4004",
    Pinned => "E4005",
    NotItsTurn => "E4006",
    UnknownOrganization => "E4007",
    UnknownExperience => "E4008",
    NothingHeld => "E4009",
});

impl Hint for Refusal {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSnapshot => "let the hub publish once: `pmp-hub publish`".to_owned(),
            Self::Unknown { latest, .. } | Self::Outdated { latest, .. } => {
                format!("look at what is held with `pmp-hub status`; only snapshot {latest} can be confirmed")
            }
            Self::Pinned { pinned, .. } => {
                format!("only snapshot {pinned} can be confirmed there; `pmp-hub unpin` lets it follow again")
            }
            Self::NotItsTurn { .. } => {
                "confirm it when its turn has come; `pmp-hub promote` enters the next wave before its time".to_owned()
            }
            Self::UnknownExperience { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
            Self::UnknownOrganization(_) | Self::UnknownExperience { .. } => {
                "`pmp-hub status` lists the organizations and their experiences".to_owned()
            }
            Self::NothingHeld { .. } => "to confirm it in advance, add `--force`".to_owned(),
        })
    }
}

/// Refuses what concerns an organization that no spoke has reported of: its id may be mistyped.
/// What it wrote and nobody can read is heard of it, too. Pure.
pub(crate) fn heard_of(organization: &Organization) -> Result<(), Refusal> {
    if organization.seen.is_none() && organization.receipts.is_empty() && organization.unreadable.is_empty() {
        return Err(Refusal::UnknownOrganization(organization.id.clone()));
    }
    Ok(())
}

/// The confirmations of one snapshot in an organization, by whether they are to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TakenBack {
    /// Those that are taken back.
    pub(crate) these: Vec<OperatorConfirmation>,
    /// Those that stay in force.
    pub(crate) others: Vec<OperatorConfirmation>,
}

impl TakenBack {
    /// Of all that operators confirmed in the organization, what is about `version`: for one member
    /// experience, or, where none is named, for the organization and each experience of it. Pure.
    pub(crate) fn of(
        confirmations: Vec<OperatorConfirmation>,
        version: SnapshotVersion,
        member_experience: Option<&ExperienceId>,
    ) -> Self {
        let about = confirmations.into_iter().filter(|it| it.version == version);
        let is_named = |it: &OperatorConfirmation| {
            member_experience.is_none_or(|named| it.member_experience.as_ref() == Some(named))
        };
        let (these, others) = about.partition(is_named);
        Self { these, others }
    }

    /// What stays in force, for a person who took the confirmation of `member_experience` back.
    pub(crate) fn stays(&self, member_experience: &ExperienceId) -> Option<String> {
        let first = self.others.first()?;
        let OperatorConfirmation { organization, version, .. } = first;
        let undo = format!("`pmp-hub confirm {organization} {version} --undo` takes back all of them");
        Some(if self.others.iter().any(|it| it.member_experience.is_none()) {
            format!("It stays confirmed for all of {organization}, and so for {member_experience}: {undo}.")
        } else {
            let others = pmp_protocol::count(self.others.len(), "other experience");
            format!("It stays confirmed for {others} of {organization}: {undo}.")
        })
    }
}

/// The receipts that the confirmation lets through. With `force` it may be empty, because nothing
/// has to be held yet. Pure.
pub(crate) fn decide<'a>(
    wanted: &Wanted,
    head: &Head,
    organization: &'a Organization,
) -> Result<Vec<&'a Receipt>, Refusal> {
    let version = wanted.version;
    let latest = head.latest;
    if version > latest {
        return Err(Refusal::Unknown { version, latest });
    }
    if version < latest {
        return Err(Refusal::Outdated { version, latest });
    }
    let named =
        |receipt: &&Receipt| wanted.member_experience.as_ref().is_none_or(|id| *id == receipt.member_experience);
    let receipts: Vec<_> = organization.receipts.iter().filter(named).collect();
    if let (true, Some(member_experience)) = (receipts.is_empty(), &wanted.member_experience) {
        let known = organization.receipts.iter().map(|receipt| &receipt.member_experience);
        let meant = alike(member_experience.as_str(), known).first().map(|meant| (*meant).clone());
        let (organization, member_experience) = (wanted.organization.clone(), member_experience.clone());
        return Err(Refusal::UnknownExperience { organization, member_experience, meant });
    }
    // What a pause holds goes on by itself.
    let held = |receipt: &&&Receipt| {
        receipt.version == version && receipt.status == ReceiptStatus::Held && receipt.paused.is_none()
    };
    let held: Vec<_> = receipts.iter().filter(held).copied().collect();
    if held.is_empty() && !wanted.force {
        let whose = wanted.member_experience.as_ref().map_or_else(
            || format!("`{}`", wanted.organization),
            |member_experience| format!("`{member_experience}` of `{}`", wanted.organization),
        );
        return Err(Refusal::NothingHeld { whose, version, found: stands(&receipts) });
    }
    Ok(held)
}

/// The halt that keeps an organization from beginning with what it may take, although it is
/// confirmed; none where there is none, and where the organization has begun with it.
pub(crate) fn waits_for_a_halt<'a>(
    fleet: Option<&'a Direction>,
    own: Option<&'a Direction>,
    receipts: &[Receipt],
) -> Option<&'a Halted> {
    halted(fleet, own).filter(|halted| !receipts.iter().any(|receipt| receipt.has_begun(halted)))
}

/// What a confirmation comes to while its version is halted, for a person.
pub(crate) fn not_before_it_goes_on(halted: &Halted) -> String {
    let Halted { version, by, reason, .. } = halted;
    format!(
        "Snapshot {version} is halted by {by}: {reason}. Who has not begun with it does not begin, confirmed or not, until \
         `pmp-hub promote`."
    )
}

/// The hint for a spoke of an earlier release. Such a spoke reads confirmations from its
/// organization's own partition, where anybody in the organization could write one.
pub(crate) fn too_old(organization: &Organization, version: SnapshotVersion) -> Option<String> {
    let seen = organization.seen.as_ref()?;
    seen.ledger.is_none_or(|layout| layout < LAYOUT_OF_CONFIRMATIONS).then(|| {
        format!(
            "hint: the spoke of {} is of an earlier release and does not see what is confirmed here: update it, or let its \
             operators confirm there, with `pmp-spoke sync --confirm {version}`",
            organization.id
        )
    })
}

/// The states of the experiences instead, in a few words.
fn stands(receipts: &[&Receipt]) -> String {
    const MAX_NAMED: usize = 3;
    let named = receipts.iter().take(MAX_NAMED);
    let stands = |receipt: &&Receipt| {
        let waits = receipt.paused.as_ref().filter(|_| receipt.status == ReceiptStatus::Held);
        let waits = waits.map(|paused| format!(" ({paused})")).unwrap_or_default();
        format!("`{}` is {} at {}{waits}", receipt.member_experience, receipt.status, receipt.version)
    };
    let mut named: Vec<_> = named.map(stands).collect();
    match receipts.len() {
        0 => return "it keeps no experience in step".to_owned(),
        count if count > MAX_NAMED => named.push(format!("{} more", count - MAX_NAMED)),
        _ => {}
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use pmp_ledger::Unreadable;
    use pmp_ledger::testing::head;
    use pmp_protocol::testing::{now, receipt, seen, version};
    use pmp_protocol::{Coded, Confirmed, Digest, OrganizationSeen};

    use super::*;

    fn organization(receipts: &[(&str, u64, ReceiptStatus)]) -> Organization {
        let id = OrganizationId::new("o-alpha00000").unwrap();
        let receipts = receipts.iter().map(|(member, number, status)| Receipt {
            member_experience: ExperienceId::new(member).unwrap(),
            ..receipt(*number, *status, None)
        });
        Organization { receipts: receipts.collect(), ..Organization::unknown(id) }
    }

    fn decided(number: u64, member: Option<&str>, force: bool, organization: &Organization) -> Result<usize, String> {
        let wanted = Wanted {
            organization: organization.id.clone(),
            version: version(number),
            member_experience: member.map(|id| ExperienceId::new(id).unwrap()),
            force,
        };
        let held =
            heard_of(organization).and_then(|()| decide(&wanted, &head(42), organization).map(|held| held.len()));
        held.map_err(|refusal| format!("{}: {refusal}", refusal.code()))
    }

    #[test]
    fn what_is_held_at_the_newest_version_is_let_through_all_of_it_or_one() {
        let two = [("exp-a", 42, ReceiptStatus::Held), ("exp-b", 42, ReceiptStatus::Held)];
        let organization = organization(&[two[0], two[1], ("exp-c", 42, ReceiptStatus::InSync)]);
        assert_eq!(decided(42, None, false, &organization), Ok(2));
        assert_eq!(decided(42, Some("exp-b"), false, &organization), Ok(1));
    }

    #[test]
    fn what_is_unknown_outdated_or_not_held_is_refused_with_what_is_there() {
        let some = organization(&[("exp-a", 41, ReceiptStatus::Held), ("exp-b", 42, ReceiptStatus::InSync)]);
        let refused = |number, member| decided(number, member, false, &some).unwrap_err();
        assert_eq!(refused(43, None), "E4003: there is no snapshot 43: the newest is 42");
        assert_eq!(refused(41, None), "E4004: snapshot 41 is not the newest any more: 42 is");
        assert_eq!(refused(42, Some("exp-z")), "E4008: no spoke of `o-alpha00000` has reported about `exp-z`");
        let nothing =
            "E4009: no plan of `o-alpha00000` is held at snapshot 42: `exp-a` is held at 41, `exp-b` is in-sync at 42";
        assert_eq!(refused(42, None), nothing);
        assert_eq!(decided(42, None, true, &some), Ok(0));
        assert_eq!(decided(41, None, true, &some).unwrap_err(), "E4004: snapshot 41 is not the newest any more: 42 is");
        let nobody = organization(&[]);
        assert_eq!(decided(42, None, true, &nobody).unwrap_err(), "E4007: no spoke of `o-alpha00000` has reported");
    }

    #[test]
    fn what_a_member_made_unreadable_is_heard_of_it() {
        let mut organization = organization(&[]);
        assert!(heard_of(&organization).is_err());
        let (key, problem) = ("exp-management#exp-a".to_owned(), "no receipt".to_owned());
        let id = organization.id.clone();
        organization.unreadable.push(Unreadable { organization: id, key, problem, found: None });
        assert_eq!(heard_of(&organization), Ok(()));
    }

    #[test]
    fn of_an_organization_each_confirmation_of_the_version_is_taken_back() {
        let confirmation = |number, member: Option<&str>| OperatorConfirmation {
            organization: OrganizationId::new("o-alpha00000").unwrap(),
            experience: ExperienceId::new("exp-management").unwrap(),
            member_experience: member.map(|id| ExperienceId::new(id).unwrap()),
            version: version(number),
            digest: Digest::of(b"it"),
            confirmed: Confirmed { by: "ada".to_owned(), at: now() },
        };
        let (all, one, other) =
            (confirmation(42, None), confirmation(42, Some("exp-a")), confirmation(42, Some("exp-b")));
        let given = || vec![all.clone(), one.clone(), other.clone(), confirmation(41, Some("exp-c"))];
        let back = TakenBack::of(given(), version(42), None);
        assert_eq!((back.these, back.others), (vec![all.clone(), one.clone(), other.clone()], vec![]));
        let named = ExperienceId::new("exp-a").unwrap();
        let back = TakenBack::of(given(), version(42), Some(&named));
        assert!(
            back.stays(&named).unwrap().starts_with("It stays confirmed for all of o-alpha00000, and so for exp-a: ")
        );
        assert_eq!((back.these, back.others), (vec![one.clone()], vec![all, other.clone()]));
        let back = TakenBack::of(vec![one.clone(), other], version(42), Some(&named));
        assert!(back.stays(&named).unwrap().starts_with("It stays confirmed for 1 other experience of o-alpha00000: "));
        assert_eq!(TakenBack::of(vec![one], version(42), Some(&named)).stays(&named), None);
    }

    #[test]
    fn a_spoke_of_an_earlier_release_is_told_of() {
        let mut organization = organization(&[]);
        assert_eq!(too_old(&organization, version(42)), None, "nobody has reported");
        for (ledger, told) in [(None, true), (Some(1), true), (Some(2), false), (Some(3), false)] {
            organization.seen = Some(OrganizationSeen { ledger, ..seen() });
            assert_eq!(too_old(&organization, version(42)).is_some(), told, "{ledger:?}");
        }
        organization.seen = Some(seen());
        assert!(too_old(&organization, version(42)).unwrap().contains("`pmp-spoke sync --confirm 42`"));
    }
}
