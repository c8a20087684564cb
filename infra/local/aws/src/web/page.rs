//! The page as a whole, and its organizations.

use maud::{DOCTYPE, Markup, html};
use pmp_protocol::plain_document;

use super::fragments::{amounts, clock, count, progress};
use super::problem::Problem;
use super::products::Choice;
use super::query::Asked;
use super::{Web, activity, products};
use crate::catalog::{ChangeSetView, Listed, Move};
use crate::cloud::{ExperienceState, OrganizationView, View};

/// How many organizations are shown at once. The others are found by the search field.
const ORGANIZATIONS: usize = 24;
/// How many products that were just moved an experience names. Of the others it shows the number.
const NAMED: usize = 3;

/// The page, with the problem of the last click if there was one.
pub(super) fn render(web: &Web, asked: &Asked, problem: Option<&Problem>) -> String {
    let view = web.cloud.view();
    plain_document(&html_of(web, &view, asked, problem))
}

/// The HTML of the page. Names and texts in it come from outside. maud escapes markup here;
/// `render` makes direction controls and the like harmless in the whole page.
fn html_of(web: &Web, view: &View, asked: &Asked, problem: Option<&Problem>) -> String {
    let choice = Choice::new(view, asked);
    let shown: Vec<&OrganizationView> = view.organizations.iter().filter(|one| is_shown(one, asked)).collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "pmp-local: private marketplaces" }
                link rel="icon" href="/_local/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/_local/page.css";
                script src="/_local/page.js" defer {}
            }
            body {
                header {
                    h1 { "pmp-local" }
                    p { "Private marketplaces in " (view.region) }
                    p #live role="status" { "Reload to see what changed" }
                }
                main {
                    div #notice role="alert" { (notice(view, asked, problem, web)) }
                    section aria-labelledby="organizations" {
                        h2 #organizations .hidden { "Organizations" }
                        (narrowing(view, asked))
                        div .columns {
                            @for organization in shown.iter().take(ORGANIZATIONS) { (column(view, organization, web)) }
                        }
                        @if view.organizations.is_empty() { p .quiet { "This world has no organizations." } }
                        @else if shown.is_empty() { p .quiet { "No organization is like that." } }
                        @if shown.len() > ORGANIZATIONS {
                            @let more = count(shown.len() - ORGANIZATIONS, "more organization");
                            p .quiet { "And " (more) ". Find one above." }
                        }
                    }
                    div .split {
                        (products::section(web, view, asked, &choice))
                        (activity::timeline(view, asked, &shown, web))
                    }
                    (activity::change_sets(view, web))
                    (activity::queues(view))
                    (activity::topics(view))
                }
                footer {
                    p { "Times are UTC. The same as JSON: " a href="/_local/view" { "/_local/view" } "." }
                }
            }
        }
    }
    .into_string()
}

/// Whether an organization matches what the visitor searched for.
fn is_shown(organization: &OrganizationView, asked: &Asked) -> bool {
    let sought = asked.sought();
    let is_it = |text: &String| text.to_lowercase().contains(&sought);
    let named = [&organization.id, &organization.name, &organization.management_account];
    let accounts = organization.member_accounts.iter().chain(&organization.delegated_administrators);
    let experiences = organization.experiences.iter().flat_map(|state| [&state.experience.id, &state.experience.name]);
    // The hub's own experiences have no receipts, because they are the source.
    let differs = |state: &ExperienceState| {
        let live = state.experience.status == "Enabled" && !state.experience.archived && state.version.is_none();
        live && state.receipt.as_ref().is_none_or(|(_, receipt)| receipt.status != "in-sync")
    };
    named.into_iter().chain(accounts).chain(experiences).any(is_it)
        && (!asked.only_differing() || organization.experiences.iter().any(differs))
}

fn narrowing(view: &View, asked: &Asked) -> Markup {
    html! {
        form .search method="get" action="/" role="search" aria-label="Organizations" {
            @for (name, value) in [
                ("experience", asked.experience.as_deref().unwrap_or_default()),
                ("q", &asked.q), ("list", &asked.list), ("page", &asked.page),
            ] {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
            label .wide { span { (count(view.organizations.len(), "organization")) ", and what happened there" }
                input type="search" name="org" value=(asked.org) autocomplete="off"
                    placeholder="organization, account or experience";
            }
            label .check {
                input type="checkbox" name="differs" value="yes" checked[asked.only_differing()];
                " Only those that are not in step"
            }
            button { "Find" }
        }
    }
}

fn notice(view: &View, asked: &Asked, problem: Option<&Problem>, web: &Web) -> Markup {
    if let Some(Problem { text, rejects: Some(product), .. }) = problem {
        return products::question(asked, text, product);
    }
    if let Some(problem) = problem {
        return html! { p .notice .bad { (problem.text) } };
    }
    let started = asked.started.as_ref().and_then(|id| view.change_sets.iter().find(|set| set.id == *id));
    let Some(set) = started else { return html! {} };
    let names = |ids: &[String]| ids.iter().map(|id| web.names.name(id).to_owned()).collect::<Vec<_>>().join(", ");
    let said = match (set.allowed.as_slice(), set.denied.as_slice()) {
        ([], denied) => format!("rejects {}", names(denied)),
        (allowed, _) => format!("approves {}", names(allowed)),
    };
    html! { p .notice { "Change set " code { (set.id) } " " (said) " in " (set.entities.join(", ")) "." } }
}

fn column(view: &View, organization: &OrganizationView, web: &Web) -> Markup {
    let publishes = organization.experiences.iter().any(|experience| experience.version.is_some());
    html! {
        article .organization .publishes[publishes] id={ "organization-" (organization.id) } {
            h3 { (organization.name) @if publishes { span .role { "hub" } } }
            p .accounts {
                code { (organization.id) } " · " (organization.management_account)
                @for account in &organization.delegated_administrators { " · " (account) " (delegated)" }
                @let others = organization.member_accounts.iter();
                @let others = others.filter(|a| !organization.delegated_administrators.contains(a)).count();
                @if others > 0 { " · " (others) " more " (if others == 1 { "account" } else { "accounts" }) }
            }
            @for experience in &organization.experiences { (card(view, experience, web)) }
            @if organization.experiences.is_empty() { p .quiet { "No experiences" } }
        }
    }
}

fn card(view: &View, state: &ExperienceState, web: &Web) -> Markup {
    let experience = &state.experience;
    let held = experience.locked_by.as_ref().and_then(|id| view.change_sets.iter().find(|set| set.id == *id));
    let mut fresh: Vec<&Move> =
        view.moves.iter().filter(|m| m.experience == experience.id && m.arrived.is_some()).collect();
    fresh.sort_by(|a, b| (b.arrived, &a.product).cmp(&(a.arrived, &b.product)));
    let status = if experience.archived { "Archived" } else { experience.status };
    html! {
        div .experience .off[status != "Enabled"] id={ "experience-" (experience.id) } {
            div .line {
                a href={ "/_local/experiences/" (experience.id) } title=(experience.id) { (experience.name) }
                @if status != "Enabled" { span .pill { (status) } }
                span .revision title="Revision of the experience" { "@" (experience.revision) }
            }
            @if experience.policy.is_some() {
                p .counts {
                    b .approved { (experience.approved) } " approved  "
                    b .rejected { (experience.rejected) } " rejected"
                }
            } @else {
                p .counts { "No policy: every product may be procured" }
            }
            (standing(view, state, held))
            @if !fresh.is_empty() {
                ul .fresh {
                    @for change in fresh.iter().take(NAMED) {
                        li .(if change.to == Listed::Approved { "approved" } else { "rejected" }) {
                            (if change.to == Listed::Approved { "✓ " } else { "✕ " })
                            span { (web.names.name(&change.product)) }
                        }
                    }
                    @if fresh.len() > NAMED { li .quiet { "and " (fresh.len() - NAMED) " more" } }
                }
            }
        }
    }
}

/// The line below the counts: the running change set, or what the ledger says.
fn standing(view: &View, state: &ExperienceState, held: Option<&ChangeSetView>) -> Markup {
    if let Some(set) = held {
        return html! {
            p .standing .busy {
                (progress(view, set)) " "
                (set.status.to_lowercase()) " " (amounts(set))
            }
        };
    }
    html! {
        @if let Some((at, receipt)) = &state.receipt {
            p .standing .(receipt.status) title=[receipt.error.as_deref()] {
                span .dot {} " " (receipt.status) " · version " (receipt.version) " · " (clock(*at))
            }
            @for reason in receipt.filtered_for.iter().take(NAMED) {
                p .standing { (reason.products) " kept back by filter: " (reason.reason) }
            }
        } @else if let Some(version) = &state.version {
            p .standing { "version " (version) " stored" }
        } @else {
            p .standing .quiet { (if state.experience.locked_by.is_some() { "locked" } else { "no receipt yet" }) }
        }
    }
}
