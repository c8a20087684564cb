//! Who is on which filter, and what differs from the snapshot on purpose.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use pmp_protocol::{Digest, OrganizationId, count};

use crate::inspect::drift;
use crate::inspect::exceptions::{self, ExceptionRow};
use crate::status::group::{Group, group};
use crate::status::{SpokeState, SpokeStatus};
use crate::web::fragments::{links, many, minute, number, said};
use crate::web::read::Seen;

/// The most filters, causes and edits that are told.
const MOST: usize = 60;
/// The most organizations that each names.
const MOST_NAMED: usize = 100;

/// The experiences that one filter narrows: name, version and digest are one filter.
#[derive(Default)]
struct Narrowed<'a> {
    organizations: BTreeSet<&'a OrganizationId>,
    experiences: usize,
    products: usize,
}

type Filter<'a> = (&'a str, &'a str, Digest);

pub(super) fn part(seen: &Seen) -> Markup {
    let (filters, without) = by_filter(&seen.rows);
    let mut filters: Vec<_> = filters.into_iter().collect();
    filters.sort_by_key(|(_, narrowed)| std::cmp::Reverse(narrowed.organizations.len()));
    html! {
        section data-part="filters" aria-labelledby="filters" {
            h2 #filters { "Who is on which filter" }
            @for (at, ((name, version, digest), narrowed)) in filters.iter().take(MOST).enumerate() {
                details {
                    summary {
                        code { (said(name)) " " (said(version)) } " " code .quiet { (digest.short()) } ": "
                        (many(narrowed.experiences, "experience")) " of " (many(narrowed.organizations.len(), "organization"))
                        ", " (many(narrowed.products, "product")) " filtered"
                    }
                    div .within id={ "filter-" (at + 1) } {
                        p { "Digest " code { (digest) } }
                        (links(narrowed.organizations.iter().copied(), MOST_NAMED, "pmp-hub exceptions --all"))
                    }
                }
            }
            @if filters.len() > MOST { p .quiet { "and " (count(filters.len() - MOST, "more filter")) ": " code { "pmp-hub status -o csv" } } }
            p { (many(without.experiences, "experience")) " of " (many(without.organizations.len(), "organization")) " without a filter." }
        }
        (exceptions(seen))
    }
}

/// By filter, and those without one. What is not believed is left out (rule 10).
fn by_filter(rows: &[SpokeStatus]) -> (BTreeMap<Filter<'_>, Narrowed<'_>>, Narrowed<'_>) {
    let (mut filters, mut without) = (BTreeMap::<Filter<'_>, Narrowed<'_>>::new(), Narrowed::default());
    for row in rows.iter().filter(|row| row.state != SpokeState::Disputed) {
        let Some(receipt) = &row.receipt else { continue };
        let place = match &receipt.filter {
            Some(filter) => filters.entry((&filter.name, &filter.version, filter.digest)).or_default(),
            None => &mut without,
        };
        place.organizations.insert(&row.organization);
        place.experiences += 1;
        place.products = place.products.saturating_add(receipt.filtered);
    }
    (filters, without)
}

fn exceptions(seen: &Seen) -> Markup {
    let found = exceptions::list(&seen.rows, seen.view.head.as_ref());
    let groups = group(&found);
    let edits = drift::rows(&seen.view, seen.at);
    html! {
        section data-part="exceptions" aria-labelledby="exceptions" {
            h2 #exceptions { "What differs from the snapshot, and why" }
            @if groups.is_empty() && edits.is_empty() { p .quiet { "Nothing is held, set aside, filtered, skipped or edited by others." } }
            @for (at, group) in groups.iter().take(MOST).enumerate() { (exception(at, group)) }
            @if groups.len() > MOST { p .quiet { "and " (count(groups.len() - MOST, "more cause")) ": " code { "pmp-hub exceptions --all" } } }
            @if !edits.is_empty() {
                details {
                    summary { "Edited by others: " (many(edits.len(), "experience")) }
                    div .within #edits {
                        ul .plain {
                            @for edit in edits.iter().take(MOST) {
                                li {
                                    a href={ "#" (edit.organization) } { (edit.organization) } " " code { (edit.member_experience) }
                                    " at " (minute(edit.drift.noticed_at)) ": " (said(&edit.drift.to_string()))
                                }
                            }
                        }
                        @if edits.len() > MOST { p .quiet { "and " (count(edits.len() - MOST, "more")) ": " code { "pmp-hub drift --all" } } }
                    }
                }
            }
        }
    }
}

fn exception(at: usize, group: &Group<'_, ExceptionRow>) -> Markup {
    let organizations = group.organizations();
    let experiences = exceptions::experiences(group);
    let products = exceptions::products(group);
    html! {
        details {
            summary {
                b .s.pl { (group.class.as_str()) } " "
                @if group.class.counts_products() { strong { (many(products, "product")) } " in " }
                (number(experiences)) (if experiences == 1 { " experience of " } else { " experiences of " })
                (many(organizations.len(), "organization")) ": " (said(&exceptions::cause_of(group)))
            }
            div .within id={ "exception-" (at + 1) } {
                (links(organizations.into_iter(), MOST_NAMED, "pmp-hub exceptions --all"))
            }
        }
    }
}
