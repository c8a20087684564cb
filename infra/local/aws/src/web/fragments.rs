//! Texts and markup that several parts of the page share.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::catalog::ChangeSetView;
use crate::cloud::View;

/// A number with its noun, in the plural where needed: `1 product`, `2 products`.
pub(super) fn count(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// How many products a change set moves: `+3 −1`, followed by its other change types.
pub(super) fn amounts(set: &ChangeSetView) -> String {
    let signed = [("+", set.allowed.len()), ("−", set.denied.len())];
    let mut parts: Vec<String> =
        signed.iter().filter(|(_, count)| *count > 0).map(|(sign, count)| format!("{sign}{count}")).collect();
    parts.extend(set.types.iter().cloned());
    parts.join(" ")
}

/// A time of day in UTC, to the second.
pub(super) fn clock(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%H:%M:%S").to_string()) } }
}

/// The progress bar of a running change set; empty for one that has ended.
pub(super) fn progress(view: &View, set: &ChangeSetView) -> Markup {
    let Some(ends) = set.ends else { return html! {} };
    let whole = ends.duration_since(set.started).as_millis().max(1);
    let done = view.now.duration_since(set.started).as_millis().clamp(0, whole);
    html! { progress max="100" value=(done * 100 / whole) aria-label={ "Progress of change set " (set.id) } {} }
}
