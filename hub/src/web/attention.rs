//! What needs a person: by cause, the worst first, with what to do and whom it concerns.

use maud::{Markup, html};
use pmp_protocol::count;

use crate::inspect::exceptions::{self, HeldGroup};
use crate::status::SpokeStatus;
use crate::status::group::{Group, group};
use crate::web::fleet::OneOrganization;
use crate::web::fragments::{amount, links, said, state, with_commands};
use crate::web::read::Seen;
use crate::web::states;

/// The most causes that are told. The states above count all of them.
const MOST_CAUSES: usize = 60;
/// The most organizations that a cause names.
const MOST_NAMED: usize = 100;

pub(super) fn part(seen: &Seen, all: &[OneOrganization<'_>]) -> Markup {
    let groups = group(seen.rows.iter().filter(|row| !row.state.is_healthy()));
    let held = exceptions::held(&seen.rows, seen.view.head.as_ref());
    let strangers = seen.view.strangers_in_waves();
    html! {
        section data-part="attention" aria-labelledby="attention" {
            h2 #attention { "Needs a person" }
            @if groups.is_empty() && strangers.is_empty() {
                p .quiet { @if all.is_empty() { "Nobody is admitted, and no spoke has reported." } @else { "Nothing." } }
            }
            @for (at, group) in groups.iter().take(MOST_CAUSES).enumerate() { (cause(at, group, &held)) }
            @if groups.len() > MOST_CAUSES {
                p .quiet { "and " (count(groups.len() - MOST_CAUSES, "more cause")) ": " code { "pmp-hub status --all" } }
            }
            @for (wave, organization) in strangers.iter().take(MOST_NAMED) {
                p .notice { "Wave " (said(wave)) " names " code { (organization) } ", which is not on the roster." }
            }
        }
    }
}

fn cause(at: usize, group: &Group<'_, SpokeStatus>, held: &[HeldGroup<'_>]) -> Markup {
    let organizations = group.organizations();
    let experiences = group.members.iter().filter(|row| row.member_experience.is_some()).count();
    let others = match group.other_causes {
        0 => String::new(),
        others => format!("; and {}", count(others, "other cause")),
    };
    let command = format!("pmp-hub status --all --state {}", group.class.as_str().to_lowercase());
    html! {
        details .cause {
            summary {
                (state(group.class)) " " strong { (amount(experiences, organizations.len())) } ": " (said(&group.cause)) (others)
            }
            div .within id={ "cause-" (at + 1) } {
                @if let Some(advice) = states::advice(group.class) { p { (with_commands(advice)) } }
                @if let Some(held) = held.iter().find(|held| is_it(held, group)) {
                    p { "All of these: " code { "pmp-hub confirm --cause " (held.id) } }
                }
                (links(organizations.into_iter(), MOST_NAMED, &command))
            }
        }
    }
}

/// Whether what can be confirmed is exactly this cause.
fn is_it(held: &HeldGroup<'_>, group: &Group<'_, SpokeStatus>) -> bool {
    let (members, others) = (&held.group.members, &group.members);
    members.len() == others.len() && members.iter().zip(others).all(|(one, other)| std::ptr::eq(*one, *other))
}
