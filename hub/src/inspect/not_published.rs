//! What the next run makes of what the management experience says now: why it does not publish it,
//! or what it comes to while a version is halted. Pure: the same questions, in the same order, as
//! those of a publish.

use pmp_protocol::{Digest, Direction, SnapshotVersion};
use pmp_waves::Stopped;

use crate::rollout::state::Kept;
use crate::status::fleet::View;

/// What decides it: what is directed for the fleet, and the state of waves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InForce<'a> {
    pub(crate) fleet: Option<&'a Direction>,
    pub(crate) waves: Option<&'a Kept>,
}

/// What becomes of what the management experience says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next run publishes it.
    Published,
    /// The next run publishes it as a version of its own, in the place of one that is halted.
    InPlaceOfHalted(String),
    /// The next run publishes nothing of it, in words.
    NotPublished(String),
}

impl Next {
    /// Why nothing of it is published; none where it is.
    pub(crate) fn not_published(&self) -> Option<&str> {
        match self {
            Self::NotPublished(why) => Some(why),
            Self::Published | Self::InPlaceOfHalted(_) => None,
        }
    }

    /// What a person has to know of it; none where it is published as always.
    pub(crate) fn told(&self) -> Option<&str> {
        match self {
            Self::NotPublished(told) | Self::InPlaceOfHalted(told) => Some(told),
            Self::Published => None,
        }
    }
}

impl<'a> InForce<'a> {
    /// What a view of the fleet shows.
    pub(crate) fn of(view: &'a View) -> Self {
        Self { fleet: view.fleet.direction(), waves: view.waves.kept() }
    }

    /// Whether it depends on what the management experience says.
    pub(crate) fn asks_for_content(self) -> bool {
        let stopped = |kept: &Kept| kept.state.refused.is_some() || kept.state.rollout.stopped.is_some();
        self.waves.is_some_and(stopped)
    }

    /// What the next run makes of it. `content`: what the management experience says, where
    /// [`Self::asks_for_content`] asks for it. `latest`: the newest version that is stored.
    pub(crate) fn next(self, content: Option<Digest>, latest: Option<SnapshotVersion>) -> Next {
        if let Some(pin) = self.fleet.and_then(|fleet| fleet.pin.as_ref()) {
            let version = pin.version;
            return Next::NotPublished(format!(
                "the fleet is pinned to {version}: nothing of this is published until `pmp-hub unpin`"
            ));
        }
        let Some(kept) = self.waves else { return Next::Published };
        let version = kept.state.rollout.version;
        match &kept.state.rollout.stopped {
            None => Next::Published,
            Some(Stopped::RollingBack { to, .. }) => Next::NotPublished(format!(
                "snapshot {version} is being taken back: the next run publishes the content of {to}, and nothing of this"
            )),
            Some(Stopped::RolledBack { from, .. }) if content.is_some() && content == kept.state.refused => {
                Next::NotPublished(format!(
                    "snapshot {from} was taken back, and the management experience says the same: nothing of this is \
                     published until it says something else, or until `pmp-hub promote {from}`"
                ))
            }
            Some(Stopped::RolledBack { .. }) => Next::Published,
            // The next run has stored something else by then.
            Some(Stopped::Halted { .. }) if latest.is_some_and(|latest| latest != version) => Next::Published,
            Some(Stopped::Halted { reason }) if content == Some(kept.state.digest) => Next::NotPublished(format!(
                "snapshot {version} is halted: {reason}. The management experience says the same: the next run announces it \
                 again, and nobody else begins with it until `pmp-hub promote`"
            )),
            Some(Stopped::Halted { reason }) => Next::InPlaceOfHalted(format!(
                "snapshot {version} is halted: {reason}. What the management experience says now is another content: the next \
                 run publishes it in its place, and it begins with the first wave"
            )),
        }
    }
}
