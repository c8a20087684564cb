//! Every organization in detail, in bunches that fit a screen, and a search.

use maud::{Markup, html};
use pmp_protocol::{Receipt, age, count};

use crate::render::status::version;
use crate::status::SpokeStatus;
use crate::web::fleet::OneOrganization;
use crate::web::fragments::{many, minute, number, said, state};
use crate::web::read::Seen;
use crate::web::states;

/// So many organizations are in one bunch.
const BUNCH: usize = 50;
/// The most rows of one organization that are told.
const MOST_ROWS: usize = 60;
/// The most products that are told for one experience.
const MOST_PRODUCTS: usize = 5;

pub(super) fn part(seen: &Seen, all: &[OneOrganization<'_>]) -> Markup {
    html! {
        section aria-labelledby="organizations" {
            h2 #organizations { "Organizations" }
            // The script shows it: without one it would do nothing.
            form #search role="search" aria-label="Organizations" hidden {
                label { span { "Find an organization, account or experience" } input type="search" name="text" autocomplete="off"; }
                label {
                    span { "State" }
                    select name="state" {
                        option value="" { "any" }
                        option value="bad" { "needs a person" }
                        @for state in states::ALL { option value=(states::class(state)) { (state.word()) } }
                    }
                }
                p #found role="status" {}
            }
            div #bunches data-part="bunches" {
                @for bunch in all.chunks(BUNCH) { (bunch_of(seen, bunch, all.len() <= BUNCH)) }
                @if all.is_empty() { p .quiet { "Nobody is admitted, and no spoke has reported." } }
            }
        }
    }
}

fn bunch_of(seen: &Seen, bunch: &[OneOrganization<'_>], open: bool) -> Markup {
    let (first, last) = (bunch.first().map(|one| one.id), bunch.last().map(|one| one.id));
    let needing = bunch.iter().filter(|one| one.worst().is_some_and(|state| !state.is_healthy())).count();
    html! {
        @if let (Some(first), Some(last)) = (first, last) {
            details .bunch open[open] {
                summary {
                    (first) " to " (last) ": " (many(bunch.len(), "organization"))
                    @if needing > 0 { ", " strong { (number(needing)) " in need of a person" } }
                }
                div id={ "from-" (first) } { @for one in bunch { (organization(seen, one)) } }
            }
        }
    }
}

fn organization(seen: &Seen, one: &OneOrganization<'_>) -> Markup {
    let more = one.rows.len().saturating_sub(MOST_ROWS);
    html! {
        details .org {
            summary { (one.id) " " @if let Some(worst) = one.worst() { (state(worst)) } " " (one.states()) }
            div .within id=(one.id) {
                (facts(seen, one))
                ul .rows { @for row in one.rows.iter().take(MOST_ROWS) { (row_of(seen, row)) } }
                @if more > 0 { p .quiet { "and " (count(more, "more row")) ": " code { "pmp-hub status --all --org " (one.id) } } }
                p .quiet { code { "pmp-hub log " (one.id) } " lists its syncs." }
            }
        }
    }
}

/// What is known of it as a whole.
fn facts(seen: &Seen, one: &OneOrganization<'_>) -> Markup {
    let record = one.admitted.and_then(|admitted| admitted.record.as_ref());
    let direction = seen.view.direction(one.id);
    let pause = direction.and_then(|direction| direction.paused(seen.at));
    let signs = one.reported.map(|reported| reported.signs()).unwrap_or_default();
    html! {
        @for sign in signs.iter().take(MOST_PRODUCTS) {
            p {
                "Account " (sign.account) ", " (said(&sign.region)) ", spoke " (said(&sign.spoke_version))
                @if let Some(scope) = sign.spoke.as_ref().filter(|_| signs.len() > 1) { " (" (said(&scope.id)) ")" }
                ", seen " (age(sign.last_seen, seen.at)) " ago"
            }
        }
        @if let Some(record) = record { p .quiet { "Admitted " (minute(record.admitted_at)) " by " (said(&record.admitted_by)) } }
        @if one.admitted.is_none() && seen.view.roster.is_some() { p { "Nobody admitted it." } }
        @if let Some(wave) = one.rows.iter().find_map(|row| row.wave.as_ref()) { p { "Wave " (said(&wave.name)) " (" (wave.position) ")" } }
        @if let Some(pin) = direction.and_then(|direction| direction.pin.as_ref()) {
            p { "Pinned to " (pin.version) " on " (minute(pin.at)) " by " (said(&pin.by)) ": " (said(&pin.reason)) }
        }
        @if let Some(pause) = pause {
            p { "Paused until " (minute(pause.ends())) " by " (said(&pause.by)) ": " (said(&pause.reason)) }
        }
    }
}

fn row_of(seen: &Seen, row: &SpokeStatus) -> Markup {
    html! {
        li {
            (state(row.state)) " "
            @match &row.member_experience {
                Some(experience) => code { (experience) },
                None => "the organization",
            }
            @if row.tried.is_some() { " snapshot " (version(row)) }
            @if let Some(lag @ 1..) = row.lag { ", " (lag) " behind" }
            @if let Some(applied) = row.applied { ", applied " (age(applied.at, seen.at)) " ago" }
            @if let Some(receipt) = &row.receipt { (numbers(receipt)) }
            @if !row.message.is_empty() { p { (said(&row.message)) } }
            @if let Some(receipt) = &row.receipt { (products(seen, receipt)) }
        }
    }
}

/// What a receipt counts, where that is something.
fn numbers(receipt: &Receipt) -> Markup {
    let filter = receipt.filter.as_ref();
    html! {
        @for (count, what) in [(receipt.allowed, "allowed"), (receipt.denied, "denied"), (receipt.pending, "pending")] {
            @if count > 0 { ", " (number(count)) " " (what) }
        }
        @if let Some(filter) = filter { ", " (number(receipt.filtered)) " filtered by " (said(&filter.name)) }
    }
}

/// Products that are filtered or set aside there, and what others edited.
fn products(seen: &Seen, receipt: &Receipt) -> Markup {
    let more = receipt.deferred.len().saturating_sub(MOST_PRODUCTS);
    html! {
        @for reason in receipt.filtered_for.iter().take(MOST_PRODUCTS) {
            p .quiet {
                (many(reason.products, "product")) " filtered: " (reason.reason.as_deref().map_or_else(|| "no reason given".to_owned(), said))
                ", such as " (reason.example)
            }
        }
        @for warning in receipt.filter_warnings.iter().take(MOST_PRODUCTS) { p .quiet { "The filter warns: " (said(warning)) } }
        @for deferred in receipt.deferred.iter().take(MOST_PRODUCTS) {
            p .quiet {
                "Set aside: " (deferred.product) ": " (said(&deferred.error))
                @if let Some(next) = deferred.next_try { ", tried again at " (minute(next)) }
            }
        }
        @if more > 0 { p .quiet { "and " (count(more, "more product")) " set aside" } }
        @if let Some(drift) = &receipt.drift { p .quiet { "Edited by others " (age(drift.noticed_at, seen.at)) " ago: " (said(&drift.to_string())) } }
    }
}
