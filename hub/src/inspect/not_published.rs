//! Why what the management experience says now is not published by the next run. Pure: the same
//! questions, in the same order, as those of a publish.

use pmp_protocol::Digest;
use pmp_waves::Stopped;

use crate::status::fleet::View;

/// Whether some content is not published again, because a version was taken back.
pub(crate) fn refuses(view: &View) -> bool {
    view.waves.kept().is_some_and(|kept| kept.state.refused.is_some())
}

/// Why nothing of the management experience is published now; none where the next run does.
/// `content`: what it says, where [`refuses`] asks for it.
pub(crate) fn not_published(view: &View, content: Option<Digest>) -> Option<String> {
    if let Some(pin) = view.fleet.direction().and_then(|fleet| fleet.pin.as_ref()) {
        let version = pin.version;
        return Some(format!("the fleet is pinned to {version}: nothing of this is published until `pmp-hub unpin`"));
    }
    let kept = view.waves.kept()?;
    match kept.state.rollout.stopped.as_ref()? {
        Stopped::RollingBack { to, .. } => {
            let version = kept.state.rollout.version;
            Some(format!(
                "snapshot {version} is being taken back: the next run publishes the content of {to}, and nothing of this"
            ))
        }
        Stopped::RolledBack { from, .. } if content.is_some() && content == kept.state.refused => Some(format!(
            "snapshot {from} was taken back, and the management experience says the same: nothing of this is published \
             until it says something else, or until `pmp-hub promote {from}`"
        )),
        Stopped::RolledBack { .. } | Stopped::Halted { .. } => None,
    }
}
