//! The products of one experience, and where each of them stands in all the others: a row per product, a column per
//! experience, so that a change is seen arriving from left to right.

use maud::{Markup, html};

use super::query::{Asked, Shown};
use super::table::Page;
use super::{Web, activity};
use crate::catalog::{Listed, Move};
use crate::cloud::{ExperienceState, OrganizationView, View};

/// Columns that fit; of more experiences, the first ones are shown.
const COLUMNS: usize = 10;

/// The experience whose products are listed, and those that are shown beside it.
pub(super) struct Choice<'v> {
    chosen: Option<&'v ExperienceState>,
    columns: Vec<(&'v OrganizationView, &'v ExperienceState)>,
    /// Experiences with lists for which there is no column.
    left_out: usize,
}

impl<'v> Choice<'v> {
    pub(super) fn new(view: &'v View, asked: &Asked) -> Self {
        let each = view.organizations.iter().flat_map(|o| o.experiences.iter().map(move |experience| (o, experience)));
        let mut columns: Vec<_> = each.filter(|(_, state)| state.experience.policy.is_some()).collect();
        let asked = asked.experience.as_deref();
        let place =
            columns.iter().position(|(_, state)| Some(state.experience.id.as_str()) == asked).unwrap_or_default();
        let chosen = columns.get(place).map(|(_, state)| *state);
        let is_live = |state: &ExperienceState| state.experience.status == "Enabled" && !state.experience.archived;
        let is_chosen =
            |state: &ExperienceState| chosen.is_some_and(|chosen| chosen.experience.id == state.experience.id);
        columns.retain(|(_, state)| is_live(state) || is_chosen(state));
        let left_out = columns.len().saturating_sub(COLUMNS);
        // The chosen one always has a column.
        if let Some(place) = columns.iter().position(|(_, state)| is_chosen(state)).filter(|place| *place >= COLUMNS) {
            columns.swap(place, COLUMNS - 1);
        }
        columns.truncate(COLUMNS);
        Self { chosen, columns, left_out }
    }
}

pub(super) fn section(web: &Web, view: &View, asked: &Asked, choice: &Choice<'_>) -> Markup {
    let Some(chosen) = choice.chosen else {
        return html! { section .products { h2 { "Products" } p .quiet { "No experience has a procurement policy." } } };
    };
    let id = chosen.experience.id.as_str();
    let lists = web.cloud.lists(id);
    let moving: Vec<&str> = view.moves.iter().filter(|m| m.experience == id).map(|m| m.product.as_str()).collect();
    let page = web.names.page(&lists, &moving, asked.shown(), &asked.q, asked.page());
    html! {
        section .products aria-labelledby="products" {
            h2 #products { "Products" }
            (search(view, asked, id))
            div .scroll tabindex="0" role="region" aria-label="Products, a column for each experience" {
                (rows(web, view, asked, choice, id, &page))
            }
            (pager(asked, &page))
            @if choice.left_out > 0 { p .quiet { "No column for " (choice.left_out) " more experiences; choose one to see it." } }
            (by_hand(web, asked, chosen))
        }
    }
}

fn search(view: &View, asked: &Asked, chosen: &str) -> Markup {
    html! {
        form .search method="get" action="/" role="search" {
            label { span { "Experience" }
                select name="experience" {
                    @for organization in &view.organizations {
                        optgroup label=(organization.name) {
                            @for state in organization.experiences.iter().filter(|state| state.experience.policy.is_some()) {
                                @let id = state.experience.id.as_str();
                                option value=(id) selected[id == chosen] { (state.experience.name) }
                            }
                        }
                    }
                }
            }
            label { span { "List" }
                select name="list" {
                    @for (shown, name, words) in Shown::EACH {
                        option value=(name) selected[asked.shown() == shown] { (words) }
                    }
                }
            }
            label .wide { span { "Find" }
                input type="search" name="q" value=(asked.q) placeholder="name, maker or id" autocomplete="off";
            }
            button { "Show" }
        }
    }
}

fn rows(web: &Web, view: &View, asked: &Asked, choice: &Choice<'_>, chosen: &str, page: &Page) -> Markup {
    let experiences: Vec<String> = choice.columns.iter().map(|(_, state)| state.experience.id.clone()).collect();
    let cells = web.cloud.listed(&experiences, &page.ids);
    let place = experiences.iter().position(|id| id == chosen);
    html! {
        table .matrix {
            thead {
                tr {
                    th scope="col" { "Product" }
                    @for (organization, state) in &choice.columns {
                        th scope="col" .chosen[state.experience.id == chosen] title=(state.experience.id) {
                            span .of { (organization.name) } " " (state.experience.name)
                        }
                    }
                    th scope="col" { span .hidden { "Change" } }
                }
            }
            tbody {
                @for (id, listed) in page.ids.iter().zip(&cells) {
                    tr id={ "product-" (id) } {
                        th scope="row" {
                            span .name title=(web.names.name(id)) { (web.names.name(id)) }
                            span .about {
                                code { (id) }
                                @if let Some(known) = web.names.get(id) { " " (known.manufacturer) }
                            }
                        }
                        @for (experience, listed) in experiences.iter().zip(listed) {
                            (cell(*listed, view.moves.iter().rfind(|m| m.experience == *experience && m.product == *id)))
                        }
                        td .act { (buttons(asked, chosen, id, web.names.name(id), place.and_then(|place| listed[place]))) }
                    }
                }
                @if page.ids.is_empty() { tr { td .quiet colspan=(experiences.len() + 2) { "No product matches." } } }
            }
        }
    }
}

fn cell(listed: Option<Listed>, change: Option<&Move>) -> Markup {
    let (class, sign, words) = match (listed, change.filter(|change| change.arrived.is_none())) {
        (_, Some(change)) if change.to == Listed::Approved => ("moving", "…", "being approved"),
        (_, Some(_)) => ("moving", "…", "being rejected"),
        (Some(Listed::Approved), _) => ("approved", "✓", "approved"),
        (Some(Listed::Rejected), _) => ("rejected", "✕", "rejected"),
        (None, _) => ("none", "·", "on no list"),
    };
    let fresh = change.is_some_and(|change| change.arrived.is_some());
    html! { td .cell .(class) .fresh[fresh] title=(words) { span aria-hidden="true" { (sign) } span .hidden { (words) } } }
}

fn buttons(asked: &Asked, chosen: &str, id: &str, name: &str, listed: Option<Listed>) -> Markup {
    html! {
        form method="post" action={ "/_local/experiences/" (chosen) "/products" } {
            input type="hidden" name="product" value=(id);
            (place_in(asked))
            @if listed != Some(Listed::Approved) {
                button .approve name="action" value="approve" aria-label={ "Approve " (name) } { "Approve" }
            }
            @if listed != Some(Listed::Rejected) {
                button .reject name="action" value="reject" aria-label={ "Reject " (name) } { "Reject" }
            }
        }
    }
}

/// Where the visitor is, to come back there.
fn place_in(asked: &Asked) -> Markup {
    html! {
        @for (name, value) in [("q", &asked.q), ("list", &asked.list), ("page", &asked.page)] {
            @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
        }
    }
}

fn pager(asked: &Asked, page: &Page) -> Markup {
    html! {
        nav .pager aria-label="Pages of products" {
            span { (activity::count(page.total, "product")) ", page " (page.number) " of " (page.pages) }
            @if page.number > 1 { a rel="prev" href=(asked.at_page(page.number - 1).link()) { "Previous" } }
            @if page.number < page.pages { a rel="next" href=(asked.at_page(page.number + 1).link()) { "Next" } }
        }
    }
}

fn by_hand(web: &Web, asked: &Asked, chosen: &ExperienceState) -> Markup {
    let id = &chosen.experience.id;
    html! {
        form .by-hand method="post" action={ "/_local/experiences/" (id) "/products" } {
            (place_in(asked))
            label .wide { span { "Another product, by its id, in " (chosen.experience.name) }
                input name="product" required maxlength="50" placeholder="prod-…" autocomplete="off"
                    aria-describedby="known";
            }
            button .approve name="action" value="approve" { "Approve" }
            button .reject name="action" value="reject" { "Reject" }
            span #known .hidden { (activity::count(web.names.len(), "product")) " of this world have names" }
        }
    }
}
