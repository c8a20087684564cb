//! The versions, who is on which, how fast the newest arrived, and who is behind.

use std::collections::BTreeMap;

use maud::{Markup, html};
use pmp_ledger::KeptVersion;
use pmp_protocol::{SnapshotVersion, age};

use crate::web::fragments::{bar, many, minute, number, percent, said};
use crate::web::lag::{self, Arrivals, STEPS, is_counted};
use crate::web::read::Seen;

/// The most versions that are listed.
const MOST: usize = 50;
/// The size of the chart, in units of its own.
const WIDTH: usize = 1_000;
const HEIGHT: usize = 120;

pub(super) fn part(seen: &Seen) -> Markup {
    let on = experiences_on(seen);
    let shown: Vec<_> = seen.kept.iter().rev().take(MOST).collect();
    let whole = seen.rows.iter().filter(|row| row.member_experience.is_some()).count();
    html! {
        section data-part="versions" aria-labelledby="versions" {
            h2 #versions { "Versions and lag" }
            @if shown.is_empty() { p .quiet { "No snapshot is stored yet." } }
            @else {
                (arrival(seen))
                (behind(seen))
                (chart(seen))
                h3 #versions-list { "Snapshots that the ledger keeps, newest first" }
                div .scroll tabindex="0" role="region" aria-labelledby="versions-list" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Snapshot" } th scope="col" { "Taken (UTC)" } th scope="col" { "Age" }
                                th scope="col" .number { "Approved" } th scope="col" .number { "Rejected" }
                                th scope="col" { "Experiences on it" }
                                th scope="col" .number { "Half within" } th scope="col" .number { "95 % within" }
                                th scope="col" { "Digest" }
                            }
                        }
                        tbody { @for kept in shown { (row(seen, kept, on.get(&kept.version).copied().unwrap_or(0), whole)) } }
                    }
                }
                p .quiet {
                    "The ledger keeps what each experience applied last. So the times of an earlier snapshot are those of the experiences that are still on it."
                }
            }
        }
    }
}

fn row(seen: &Seen, kept: &KeptVersion, on: usize, whole: usize) -> Markup {
    let arrivals = Arrivals::at(kept, &seen.rows);
    let time = |percent| arrivals.percentile(percent).map_or_else(|| "–".to_owned(), lag::told);
    let or_dash = |count: Option<usize>| count.map_or_else(|| "–".to_owned(), number);
    html! {
        tr {
            th scope="row" {
                (kept.version)
                @if let Some(pin) = &kept.pinned {
                    span .quiet { " pinned to " (pin.version) " by " (said(&pin.by)) ": " (said(&pin.reason)) }
                }
            }
            td .whole { (minute(kept.taken_at)) }
            td .whole { (age(kept.taken_at, seen.at)) }
            td .number { (or_dash(kept.counts.map(|counts| counts.approved))) }
            td .number { (or_dash(kept.counts.map(|counts| counts.rejected))) }
            td { (bar(on, whole)) " " (number(on)) }
            td .number { (time(50)) }
            td .number { (time(95)) }
            td { code { (kept.digest.short()) } }
        }
    }
}

/// How many experiences are on each version, as far as they are believed.
fn experiences_on(seen: &Seen) -> BTreeMap<SnapshotVersion, usize> {
    let mut on = BTreeMap::new();
    for version in seen.rows.iter().filter_map(crate::status::SpokeStatus::in_force) {
        *on.entry(version).or_default() += 1;
    }
    on
}

/// How fast the newest snapshot came to those that follow it.
fn arrival(seen: &Seen) -> Markup {
    let Some(newest) = seen.kept.last() else { return html! {} };
    let following = seen.rows.iter().filter(|row| is_counted(row)).count();
    let arrivals = Arrivals::at(newest, &seen.rows);
    let passed = seen.at.duration_since(newest.taken_at);
    // A step that has not passed yet says nothing.
    let steps = STEPS.iter().filter(|(time, _)| *time <= passed);
    let there = arrivals.count();
    html! {
        h3 { "How fast snapshot " (newest.version) " arrived" }
        table .steps {
            caption .hidden { "Share of the experiences that had applied snapshot " (newest.version) " after each time" }
            thead { tr { th scope="col" { "Within" } th scope="col" { "Had applied it" } } }
            tbody {
                @for (time, name) in steps {
                    @let within = arrivals.within(*time);
                    tr { th scope="row" { (name) } td { (bar(within, following)) " " (number(within)) " (" (percent(within, following)) ")" } }
                }
                tr {
                    th scope="row" { "by now" }
                    td { (bar(there, following)) " " (number(there)) " (" (percent(there, following)) ") of " (number(following)) }
                }
            }
        }
    }
}

/// Who is behind, by how many snapshots, and since when.
fn behind(seen: &Seen) -> Markup {
    let behind = lag::behind(&seen.rows, &seen.kept);
    html! {
        h3 { "Behind now" }
        @if behind.is_empty() { p { "No experience that follows the newest snapshot is behind." } }
        @else {
            ul .behind {
                @for it in &behind {
                    li {
                        strong { (many(it.experiences, "experience")) } " by "
                        (it.by) (if it.by == 1 { " snapshot" } else { " snapshots" })
                        @match it.since {
                            Some(since) => { ", the longest for " (lag::told(seen.at.duration_since(since))) }
                            None => ", the longest since a snapshot that is not kept any more"
                        }
                    }
                }
            }
        }
    }
}

/// Approved products over time, as steps: it takes two versions whose numbers are known.
fn chart(seen: &Seen) -> Markup {
    let known: Vec<_> = seen.kept.iter().filter_map(|kept| Some((kept.taken_at, kept.counts?.approved))).collect();
    let ([first, .., last], Some(most)) = (&known[..], known.iter().map(|(_, approved)| *approved).max()) else {
        return html! {};
    };
    let least = known.iter().map(|(_, approved)| *approved).min().unwrap_or(most);
    let whole = usize::try_from(seen.at.duration_since(first.0).as_secs()).unwrap_or(0).max(1);
    let x = |at: jiff::Timestamp| usize::try_from(at.duration_since(first.0).as_secs()).unwrap_or(0) * WIDTH / whole;
    // With some room above and below, so that a line at the edge is seen whole.
    let y = |approved: usize| {
        let height = (approved - least) * (HEIGHT - 20) / (most - least).max(1);
        HEIGHT - 10 - height
    };
    let mut line = format!("M0 {}", y(first.1));
    for (at, approved) in &known[1..] {
        line.push_str(&format!("H{}V{}", x(*at), y(*approved)));
    }
    line.push_str(&format!("H{WIDTH}"));
    let told = format!(
        "Approved products: {} on {}, {} now; between {} and {}",
        number(first.1),
        minute(first.0),
        number(last.1),
        number(least),
        number(most)
    );
    html! {
        h3 { "Approved products over time" }
        svg .chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(told) {
            path d=(line) {}
        }
        p .quiet { (told) "." }
    }
}
