//! The heat map: a row of cells for each organization, a cell for each of its experiences.

use maud::{Markup, html};

use crate::status::SpokeState;
use crate::web::fleet::OneOrganization;
use crate::web::fragments::{link, many, state};
use crate::web::states;

/// The most cells of one organization. Its own part of the page tells of more.
const MOST_CELLS: usize = 40;

pub(super) fn part(all: &[OneOrganization<'_>]) -> Markup {
    // Everything that is well goes together; what is not stands open, the worst state first.
    let well = |one: &&OneOrganization<'_>| one.worst().is_none_or(SpokeState::is_healthy);
    let (healthy, others): (Vec<_>, Vec<_>) = all.iter().partition(well);
    let used =
        states::ALL.into_iter().filter(|state| all.iter().flat_map(|one| &one.rows).any(|row| row.state == *state));
    html! {
        section data-part="heat" aria-labelledby="heat" {
            h2 #heat { "Heat map: organization × experience" }
            @if all.is_empty() { p .quiet { "There is no organization to show." } }
            @else {
                p .quiet { "Each organization has a cell for each of its experiences, the worst first. A single wide cell stands for the organization as a whole." }
                ul .legend aria-label="What the letters mean" {
                    @for state in used {
                        li { i .(states::class(state)) { (states::letter(state)) } " " (state.word()) }
                    }
                }
                @for worst in states::ALL {
                    @let those: Vec<_> = others.iter().filter(|one| one.worst() == Some(worst)).collect();
                    @if !those.is_empty() {
                        details open {
                            summary { (state(worst)) " at worst: " (many(those.len(), "organization")) }
                            ul .heat id={ "heat-" (states::class(worst)) } { @for one in those { (tile(one)) } }
                        }
                    }
                }
                @if !healthy.is_empty() {
                    details open[others.is_empty()] {
                        summary { (many(healthy.len(), "organization")) " without a problem" }
                        ul .heat #heat-well { @for one in &healthy { (tile(one)) } }
                    }
                }
            }
        }
    }
}

fn tile(one: &OneOrganization<'_>) -> Markup {
    // Rows about the organization as a whole are told where there are no others.
    let mut rows: Vec<_> = one.rows.iter().filter(|row| row.member_experience.is_some()).collect();
    let whole = rows.is_empty();
    if whole {
        rows = one.rows.iter().take(1).collect();
    }
    // By experience, so that the same one is in the same place the next time.
    rows.sort_by(|a, b| a.member_experience.cmp(&b.member_experience));
    let more = rows.len().saturating_sub(MOST_CELLS);
    html! {
        li {
            (link(one.id))
            span .(if whole { "w" } else { "c" }) aria-hidden="true" {
                @for row in rows.iter().take(MOST_CELLS) { i .(states::class(row.state)) { (states::letter(row.state)) } }
                @if more > 0 { "+" (more) }
            }
            span .hidden { (one.states()) }
        }
    }
}
