//! The activity: the timeline, change sets, queues and topics.

use jiff::Timestamp;
use maud::{Markup, html};

use super::Web;
use super::fragments::{amounts, clock, count, progress};
use super::query::Asked;
use crate::catalog::ChangeSetView;
use crate::cloud::{Happening, OrganizationView, View};

/// Length of the timeline in lines. The journey of one product into a handful of experiences fits.
const LINES: usize = 48;
/// How many change sets that have ended the table shows.
const ENDED: usize = 12;

/// One line of the timeline.
struct Line {
    at: Timestamp,
    /// The name of the organization in which it happened.
    place: String,
    class: &'static str,
    text: String,
}

/// The timeline, the latest event first.
pub(super) fn timeline(view: &View, asked: &Asked, shown: &[&OrganizationView], web: &Web) -> Markup {
    let mut lines: Vec<Line> = view.journal.iter().map(|entry| told(view, entry.at, &entry.what)).collect();
    lines.extend(view.change_sets.iter().flat_map(|set| told_of(view, set, web)));
    if asked.narrows() {
        lines.retain(|line| shown.iter().any(|organization| organization.name == line.place));
    }
    // The sort is stable: events of the same instant stay in the order in which they were noted.
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    html! {
        section .timeline aria-labelledby="happened" {
            h2 #happened { "What happened" }
            ol {
                @for line in lines.iter().take(LINES) {
                    li .(line.class) { (precise(line.at)) " " b { (line.place) } " " span { (line.text) } }
                }
            }
            @if lines.is_empty() {
                @if asked.narrows() { p .quiet { "Nothing in these organizations." } }
                @else { p .quiet { "Nothing yet. Approve or reject a product." } }
            }
        }
    }
}

fn told(view: &View, at: Timestamp, what: &Happening) -> Line {
    let (account, class, text) = match what {
        Happening::SnapshotStored { experience, version } => {
            let place = owner_of(view, experience);
            (place, "store", format!("hub stored version {version}"))
        }
        Happening::Published { topic, version } => {
            let version =
                version.as_ref().map_or_else(|| "a message".to_owned(), |version| format!("version {version}"));
            (part(topic, 4), "publish", format!("published {version} to {}", part(topic, 5)))
        }
        Happening::Delivered { queue, from } => (part(queue, 4), "deliver", format!("{from} → {}", part(queue, 5))),
        Happening::Received { queue, count } => {
            (part(queue, 4), "receive", format!("received {} from {}", count_of(*count), part(queue, 5)))
        }
        Happening::Deleted { queue, count } => {
            (part(queue, 4), "receive", format!("done with {} from {}", count_of(*count), part(queue, 5)))
        }
        Happening::ReceiptWritten(receipt) => {
            let (experience, status, version) = (&receipt.member_experience, &receipt.status, &receipt.version);
            let line = format!("receipt: {experience} {status} with version {version}");
            let known = view.organizations.iter().find(|organization| organization.id == receipt.organization);
            return Line {
                at,
                place: known.map_or(&receipt.organization, |o| &o.name).clone(),
                class: "receipt",
                text: line,
            };
        }
    };
    Line { at, place: organization(view, account), class, text }
}

fn told_of(view: &View, set: &ChangeSetView, web: &Web) -> Vec<Line> {
    let place = organization(view, &set.account);
    let what = match (set.allowed.as_slice(), set.denied.as_slice()) {
        ([one], []) => format!("approves {}", web.names.name(one)),
        ([], [one]) => format!("rejects {}", web.names.name(one)),
        _ => amounts(set),
    };
    let entities = set.entities.join(", ");
    let mut lines = vec![Line {
        at: set.started,
        place: place.clone(),
        class: "change",
        text: format!("change set on {entities} started: {what}"),
    }];
    if let Some(ended) = set.ended {
        let took = ended.duration_since(set.started).as_secs_f64();
        let class = if set.status == "SUCCEEDED" { "change" } else { "bad" };
        let text = format!("change set on {entities} {} after {took:.1} s", set.status.to_lowercase());
        lines.push(Line { at: ended, place, class, text });
    }
    lines
}

/// The change sets: those that are running, and the last ones that have ended.
pub(super) fn change_sets(view: &View, web: &Web) -> Markup {
    let ended = view.change_sets.iter().filter(|set| set.ended.is_some()).take(ENDED);
    let sets: Vec<&ChangeSetView> = view.change_sets.iter().filter(|set| set.ended.is_none()).chain(ended).collect();
    html! {
        section aria-labelledby="change-sets" {
            h2 #change-sets { "Change sets" }
            div .scroll tabindex="0" role="group" aria-label="Change sets, a table" {
                table .list {
                    thead { tr {
                        @for title in ["Status", "Started", "Took", "By", "On", "Change", "Id"] { th scope="col" { (title) } }
                    } }
                    tbody {
                        @for set in &sets { (change_set(view, set, web)) }
                        @if sets.is_empty() { tr { td .quiet colspan="7" { "None yet" } } }
                    }
                }
            }
        }
    }
}

fn change_set(view: &View, set: &ChangeSetView, web: &Web) -> Markup {
    let took = set.ended.map(|ended| format!("{:.1} s", ended.duration_since(set.started).as_secs_f64()));
    let products = set.allowed.iter().chain(&set.denied).take(3).map(|id| web.names.name(id)).collect::<Vec<_>>();
    html! {
        tr id={ "change-set-" (set.id) } {
            td { span .status .(set.status.to_lowercase()) { (set.status.to_lowercase()) } }
            td { (clock(set.started)) }
            td { @if let Some(took) = took { (took) } @else { (progress(view, set)) } }
            td { (organization(view, &set.account)) " " span .quiet { (set.account) } }
            td { (set.entities.join(", ")) }
            td title=(products.join(", ")) {
                (amounts(set))
                @if let [only] = products.as_slice() { " " (only) }
                @for error in &set.errors { span .error { (error) } }
            }
            td { code title=[set.name.as_deref()] { (set.id) } }
        }
    }
}

/// The queues of every account.
pub(super) fn queues(view: &View) -> Markup {
    html! {
        section aria-labelledby="queues" {
            h2 #queues { "Queues" }
            div .scroll tabindex="0" role="group" aria-label="Queues, a table" {
                table .list {
                    thead { tr {
                        th scope="col" { "Queue" } th scope="col" { "Account" }
                        th scope="col" .number { "Visible" } th scope="col" .number { "In flight" }
                        th scope="col" { "Oldest sent" }
                    } }
                    tbody {
                        @for queue in &view.queues {
                            @let bad = queue.dead_letters && queue.visible + queue.in_flight > 0;
                            tr .bad[bad] id={ "queue-" (queue.account) "-" (queue.name) } {
                                td { (queue.name) @if queue.dead_letters { " " span .pill { "dead letters" } } }
                                td { (organization(view, &queue.account)) " " span .quiet { (queue.account) } }
                                td .number { (queue.visible) } td .number { (queue.in_flight) }
                                td { @if let Some(oldest) = queue.oldest { (clock(oldest)) } @else { span .quiet { "–" } } }
                            }
                        }
                        @if view.queues.is_empty() { tr { td .quiet colspan="5" { "None yet" } } }
                    }
                }
            }
        }
    }
}

/// The topics, and the queues that are subscribed to them.
pub(super) fn topics(view: &View) -> Markup {
    html! {
        section aria-labelledby="topics" {
            h2 #topics { "Topics" }
            div .scroll tabindex="0" role="group" aria-label="Topics, a table" {
                table .list {
                    thead { tr { th scope="col" { "Topic" } th scope="col" { "Account" } th scope="col" { "Subscribed queues" } } }
                    tbody {
                        @for topic in &view.topics {
                            tr {
                                td { (part(&topic.arn, 5)) }
                                td { (organization(view, part(&topic.arn, 4))) " " span .quiet { (part(&topic.arn, 4)) } }
                                td { @for (index, queue) in topic.subscribers.iter().enumerate() {
                                    @if index > 0 { ", " }
                                    (part(queue, 5)) " " span .quiet { (part(queue, 4)) }
                                } @if topic.subscribers.is_empty() { span .quiet { "none" } } }
                            }
                        }
                        @if view.topics.is_empty() { tr { td .quiet colspan="3" { "None yet" } } }
                    }
                }
            }
        }
    }
}

fn count_of(messages: usize) -> String {
    count(messages, "message")
}

fn precise(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%H:%M:%S.%3f").to_string()) } }
}

/// A part of an ARN, by its position.
fn part(arn: &str, place: usize) -> &str {
    arn.split(':').nth(place).unwrap_or_default()
}

/// The account that owns an experience.
fn owner_of<'v>(view: &'v View, experience: &str) -> &'v str {
    let mut states = view.organizations.iter().flat_map(|organization| &organization.experiences);
    states.find(|state| state.experience.id == experience).map_or("", |state| &state.experience.owner)
}

/// The name of an account's organization; the account's number if it has none.
fn organization(view: &View, account: &str) -> String {
    let has = |organization: &&OrganizationView| {
        let others = organization.member_accounts.iter().chain(&organization.delegated_administrators);
        organization.management_account == account || others.into_iter().any(|member| member == account)
    };
    view.organizations.iter().find(has).map_or_else(|| account.to_owned(), |organization| organization.name.clone())
}
