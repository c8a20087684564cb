//! The colours of states and kinds: red needs a person, yellow may, grey is left alone, green is in
//! step.

use comfy_table::Color;

use crate::inspect::exceptions::ExceptionKind;
use crate::status::SpokeState;

/// The colour of a state in tables and on screens.
pub(crate) fn of_state(state: SpokeState) -> Color {
    match state {
        SpokeState::Disputed | SpokeState::Unreadable | SpokeState::Held | SpokeState::Error => Color::Red,
        SpokeState::Drifted
        | SpokeState::Never
        | SpokeState::Stale
        | SpokeState::Paused
        | SpokeState::Applying
        | SpokeState::WouldChange => Color::Yellow,
        SpokeState::Skipped => Color::DarkGrey,
        SpokeState::Synced | SpokeState::Pinned => Color::Green,
    }
}

/// The colour of a kind of exception.
pub(crate) fn of_exception(kind: ExceptionKind) -> Color {
    match kind {
        ExceptionKind::Held => Color::Red,
        ExceptionKind::Confirmed | ExceptionKind::Paused | ExceptionKind::Pinned | ExceptionKind::Deferred => {
            Color::Yellow
        }
        ExceptionKind::Excluded | ExceptionKind::Skipped => Color::DarkGrey,
    }
}
