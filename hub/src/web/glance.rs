//! The fleet at a glance: is all well, what is in force, and how many stand how.

use std::collections::BTreeSet;

use maud::{Markup, html};
use pmp_protocol::age;

use crate::render::status as told;
use crate::status::{SpokeState, SpokeStatus};
use crate::web::fleet::OneOrganization;
use crate::web::fragments::{amount, bar, minute, number, percent, said, state, waiting};
use crate::web::lag::is_counted;
use crate::web::read::Seen;
use crate::web::states;

/// How many rows are in one state.
struct Standing {
    state: SpokeState,
    /// Whether they are in step with an older snapshot, since their turn has not come.
    waits: bool,
    /// Experiences, and organizations as a whole.
    rows: usize,
    experiences: usize,
    organizations: usize,
}

pub(super) fn part(seen: &Seen, all: &[OneOrganization<'_>]) -> Markup {
    let standings = standings(seen);
    let rows = seen.rows.len();
    html! {
        section data-part="glance" aria-labelledby="glance" {
            h2 #glance { "At a glance" }
            (verdict(seen))
            @for line in told::directed(&seen.view, seen.at) { p .notice { (said(&line)) } }
            dl .facts {
                (snapshot(seen))
                div { dt { "Organizations" } dd { b { (number(all.len())) } " " span { (admitted(seen, all)) } } }
                div { dt { "Member experiences" } dd { b { (number(experiences(seen))) } " " span { (in_step(seen)) } } }
                (products(seen))
            }
            @if !standings.is_empty() {
                table .standings {
                    caption .hidden { "How many experiences and organizations are in which state" }
                    thead {
                        tr {
                            th scope="col" { "State" }
                            th scope="col" { "How many" }
                            th scope="col" .wide { "Share" }
                            th scope="col" .meaning { "What it means" }
                        }
                    }
                    tbody {
                        @for it in &standings {
                            tr {
                                th scope="row" { @if it.waits { (waiting()) } @else { (state(it.state)) } }
                                td { (amount(it.experiences, it.organizations)) }
                                td .wide { (bar(it.rows, rows)) " " (percent(it.rows, rows)) }
                                td .meaning { (if it.waits { states::WAITS } else { states::meaning(it.state) }) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One sentence: whether a person is needed.
fn verdict(seen: &Seen) -> Markup {
    let view = &seen.view;
    let needing: Vec<_> = seen.rows.iter().filter(|row| !row.state.is_healthy()).collect();
    let organizations = needing.iter().map(|row| &row.organization).collect::<BTreeSet<_>>().len();
    let affected = needing.iter().filter(|row| row.member_experience.is_some()).count();
    html! {
        @if let Some(restored) = view.restored() {
            p .verdict.bad { (restored) ". Nothing is published until " code { "pmp-hub recover" } "." }
        } @else if view.head.is_none() {
            p .verdict.bad { "The ledger holds no snapshot yet: " code { "pmp-hub publish" } " stores the first." }
        } @else if !view.heard_of_any() {
            p .verdict.bad { "No spoke has reported yet, so nothing is known to be in step." }
        } @else if needing.is_empty() {
            p .verdict.good { "Nothing needs a person." }
        } @else {
            p .verdict.bad {
                (amount(affected, organizations)) (if organizations == 1 && affected == 0 { " needs" } else { " need" })
                " a person. " a href="#attention" { "What, and why" }
            }
        }
        @if let Some(left_out) = &view.left_out { p .notice.bad { "Not all was looked at: " (said(left_out)) } }
    }
}

fn snapshot(seen: &Seen) -> Markup {
    let Some(head) = &seen.view.head else {
        return html! { div { dt { "Snapshot" } dd { b { "none" } } } };
    };
    let published = if head.published == Some(head.latest) { "published" } else { "not published yet" };
    html! {
        div {
            dt { "Snapshot" }
            dd {
                b { (head.latest) } " "
                span { (head.digest.short()) ", taken " (age(head.taken_at, seen.at)) " ago (" (minute(head.taken_at)) "), " (published) }
            }
        }
    }
}

fn products(seen: &Seen) -> Markup {
    let latest = seen.view.head.as_ref().map(|head| head.latest);
    let counts = seen.kept.last().filter(|kept| Some(kept.version) == latest).and_then(|kept| kept.counts);
    html! {
        @if let Some(counts) = counts {
            div {
                dt { "Products" }
                dd { b { (number(counts.approved)) } " " span { "approved, " (number(counts.rejected)) " rejected" } }
            }
        }
    }
}

fn experiences(seen: &Seen) -> usize {
    seen.rows.iter().filter(|row| row.member_experience.is_some()).count()
}

/// How many of those that follow the newest snapshot are on it.
fn in_step(seen: &Seen) -> String {
    let counted = seen.rows.iter().filter(|row| is_counted(row));
    let on_it = |row: &&&SpokeStatus| row.state == SpokeState::Synced && !row.waits_for_its_wave();
    let synced = counted.clone().filter(|row| on_it(&row)).count();
    let waiting = counted.clone().filter(|row| row.waits_for_its_wave()).count();
    let of = counted.count();
    let rollout = seen.view.waves.kept().map(|kept| &kept.state.rollout);
    let stopped = rollout.is_some_and(|rollout| rollout.stopped.is_some());
    let waits = if waiting == 0 { String::new() } else { format!(", {}", told::waiting_in_words(waiting, stopped)) };
    format!("{} in step of {} that follow it ({}){waits}", number(synced), number(of), percent(synced, of))
}

fn admitted(seen: &Seen, all: &[OneOrganization<'_>]) -> String {
    match &seen.view.roster {
        None => "everyone who reports, because nobody is admitted by name".to_owned(),
        Some(roster) => {
            let strangers = all.iter().filter(|one| one.admitted.is_none()).count();
            let strangers =
                if strangers > 0 { format!(", {} nobody admitted", number(strangers)) } else { String::new() };
            format!("{} admitted{strangers}", number(roster.len()))
        }
    }
}

/// A row for each state that there is. Those that wait for their wave are in step with an older
/// snapshot, so they have a row of their own below `SYNCED`.
fn standings(seen: &Seen) -> Vec<Standing> {
    let of = |state: SpokeState, waits: bool| {
        let counted = |row: &&SpokeStatus| row.state == state && row.waits_for_its_wave() == waits;
        let rows: Vec<_> = seen.rows.iter().filter(counted).collect();
        Standing {
            state,
            waits,
            rows: rows.len(),
            experiences: rows.iter().filter(|row| row.member_experience.is_some()).count(),
            organizations: rows.iter().map(|row| &row.organization).collect::<BTreeSet<_>>().len(),
        }
    };
    let all = states::ALL.into_iter().flat_map(|state| [of(state, false), of(state, true)]);
    all.filter(|standing| standing.rows > 0).collect()
}
