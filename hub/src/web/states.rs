//! What a state means, how it is marked, and what a person does about it.

use crate::status::SpokeState;

/// All states, worst first.
pub(super) const ALL: [SpokeState; 13] = [
    SpokeState::Disputed,
    SpokeState::Unreadable,
    SpokeState::Held,
    SpokeState::Error,
    SpokeState::Drifted,
    SpokeState::Never,
    SpokeState::Stale,
    SpokeState::Paused,
    SpokeState::Applying,
    SpokeState::WouldChange,
    SpokeState::Pinned,
    SpokeState::Synced,
    SpokeState::Skipped,
];

/// The class of its colours, in two letters: the page names it for every experience.
pub(super) fn class(state: SpokeState) -> &'static str {
    match state {
        SpokeState::Disputed => "di",
        SpokeState::Unreadable => "un",
        SpokeState::Held => "he",
        SpokeState::Error => "er",
        SpokeState::Drifted => "dr",
        SpokeState::Never => "ne",
        SpokeState::Stale => "st",
        SpokeState::Paused => "pa",
        SpokeState::Applying => "ap",
        SpokeState::WouldChange => "wc",
        SpokeState::Pinned => "pi",
        SpokeState::Synced => "sy",
        SpokeState::Skipped => "sk",
    }
}

/// Its letters in the heat map: colour alone says nothing to some people, and on some paper. They
/// are letters and no signs, because axe cannot tell whether the contrast of a sign is enough.
pub(super) fn letter(state: SpokeState) -> &'static str {
    match state {
        SpokeState::Disputed => "D",
        SpokeState::Unreadable => "U",
        SpokeState::Held => "H",
        SpokeState::Error => "E",
        SpokeState::Drifted => "F",
        SpokeState::Never => "N",
        SpokeState::Stale => "S",
        SpokeState::Paused => "P",
        SpokeState::Applying => "A",
        SpokeState::WouldChange => "W",
        SpokeState::Pinned => "I",
        SpokeState::Synced => "ok",
        SpokeState::Skipped => "K",
    }
}

/// What it means that an experience waits for its wave.
pub(super) const WAITS: &str = "In step with an older snapshot: its turn for the newest has not come.";

/// What it means, in a sentence.
pub(super) fn meaning(state: SpokeState) -> &'static str {
    match state {
        SpokeState::Disputed => "What was reported does not match the ledger, so it is not believed.",
        SpokeState::Unreadable => "Something that was reported cannot be read.",
        SpokeState::Held => "A guard rail holds the change until an operator confirms it.",
        SpokeState::Error => "The spoke refused or failed, and says why.",
        SpokeState::Drifted => "Somebody else changed the experience, and its spoke leaves that as it was told to.",
        SpokeState::Never => "The organization was admitted and has never reported.",
        SpokeState::Stale => "The spoke is silent, or behind, for longer than expected.",
        SpokeState::Paused => "Nothing is changed there until a time that operators or the member set.",
        SpokeState::Applying => "On its way to the current snapshot.",
        SpokeState::WouldChange => "Its spoke only observes, and something would change.",
        SpokeState::Pinned => "On the older snapshot to which operators pinned its organization.",
        SpokeState::Synced => "On the snapshot that it is to be on.",
        SpokeState::Skipped => "Not managed now: missing, disabled, archived or without a policy.",
    }
}

/// What an operator does about it. `None` where nothing is to be done.
pub(super) fn advice(state: SpokeState) -> Option<&'static str> {
    Some(match state {
        SpokeState::Disputed => {
            "Find out who wrote it: `pmp-hub log ORG` shows what its spoke reported. An organization that is yours and not \
             on the roster is admitted with `pmp-hub members admit ORG`."
        }
        SpokeState::Unreadable => {
            "Update the hub if the member's spoke is newer. Otherwise ask the member which program wrote the item."
        }
        SpokeState::Held => {
            "If the removal is meant, confirm it. If it is not, correct the management experience: the next snapshot is \
             judged again."
        }
        SpokeState::Error => {
            "The sentence says what failed. `pmp-hub log ORG` shows since when. The member runs `pmp-spoke doctor`, which \
             names each fix."
        }
        SpokeState::Drifted => {
            "`pmp-hub drift` names the account and the change set. The member sets PMP_DRIFT to have such edits undone."
        }
        SpokeState::Never => {
            "Check that its spoke is deployed and may reach the ledger: `pmp-spoke doctor` in its account. One that has left \
             is ended with `pmp-hub members forget ORG ORG`."
        }
        SpokeState::Stale => {
            "Ask the member for the errors of its function and for its dead letters. `pmp-hub publish` announces the \
             snapshot again."
        }
        _ => return None,
    })
}
