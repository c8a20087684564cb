//! What the newest versions changed, product by product, with names.

use maud::{Markup, html};
use pmp_protocol::ResourceRequests;

use crate::inspect::difference::{ChangedProduct, Difference, Listed};
use crate::web::fragments::{many, number, said};
use crate::web::read::{Change, Seen};

/// The most products that are named of one change.
const MOST: usize = 200;

pub(super) fn part(seen: &Seen) -> Markup {
    html! {
        section data-part="changes" aria-labelledby="changes" {
            h2 #changes { "What changed" }
            @if seen.changes.is_empty() { p .quiet { "There is no earlier snapshot to compare with." } }
            @for (at, change) in seen.changes.iter().enumerate() { (one(change, at == 0)) }
            @if seen.kept.len() > seen.changes.len() + 1 {
                p .quiet { "Earlier changes: " code { "pmp-hub history" } " and " code { "pmp-hub diff BEFORE AFTER" } }
            }
        }
    }
}

fn one(change: &Change, open: bool) -> Markup {
    let Change { before, after, difference, .. } = change;
    html! {
        details open[open] {
            summary { "Snapshot " (after) ", compared with " (before) ": " (difference.as_ref().map_or_else(lost, summary)) }
            div .within id={ "change-" (after) } {
                @if let Some((_, requests)) = difference.as_ref().and_then(|found| found.policy_resource_requests) {
                    p { "Users may " (if requests == ResourceRequests::Allow { "request products now." } else { "not request products any more." }) }
                }
                @if let Some(found) = difference { (products(change, found)) }
            }
        }
    }
}

fn lost() -> String {
    "one of the two is not kept any more".to_owned()
}

/// How many products it moved, in a line.
fn summary(found: &Difference) -> String {
    let parts: Vec<_> = found.counts().map(|(count, what)| format!("{} {what}", number(count))).collect();
    if parts.is_empty() { "no product".to_owned() } else { parts.join(", ") }
}

fn products(change: &Change, found: &Difference) -> Markup {
    let more = found.products.len().saturating_sub(MOST);
    html! {
        ul .products { @for changed in found.products.iter().take(MOST) { (product(change, changed)) } }
        @if more > 0 {
            p .quiet { "and " (many(more, "more product")) ": " code { "pmp-hub diff " (change.before) " " (change.after) " --all" } }
        }
    }
}

fn product(change: &Change, changed: &ChangedProduct) -> Markup {
    let named = change.names.get(&changed.product);
    let (name, vendor) = (named.and_then(|it| it.name.as_deref()), named.and_then(|it| it.vendor.as_deref()));
    let listed = |listed: Option<Listed>| listed.map_or("not listed", Listed::as_str);
    let note = changed.note_after.as_ref().map(pmp_protocol::Note::as_str);
    html! {
        li {
            b .s .(listed_class(changed.after)) { (listed(changed.after)) } " "
            @if let Some(name) = name { bdi { (said(name)) } @if let Some(vendor) = vendor { " · " bdi { (said(vendor)) } } " " }
            code { (changed.product) }
            @if changed.before != changed.after { span .quiet { " was " (listed(changed.before)) } }
            @if let Some(note) = note { " " q { bdi { (said(note)) } } }
            @else if changed.note_before.is_some() { span .quiet { " without its note" } }
        }
    }
}

fn listed_class(listed: Option<Listed>) -> &'static str {
    match listed {
        Some(Listed::Approved) => "sy",
        Some(Listed::Rejected) => "re",
        None => "sk",
    }
}
