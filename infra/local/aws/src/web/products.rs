//! The products of one experience, and their state in all others: a row per product and a column
//! per experience, so that a change can be seen arriving from left to right.

use maud::{Markup, html};

use super::Web;
use super::fragments::count;
use super::query::{Asked, Shown};
use super::table::Page;
use crate::catalog::{Listed, Move};
use crate::cloud::{ExperienceState, OrganizationView, View};

/// How many experiences have a column. The first ones are shown.
const COLUMNS: usize = 10;

/// The experience whose products are listed, and the experiences that are shown beside it.
pub(super) struct Choice<'v> {
    chosen: Option<&'v ExperienceState>,
    columns: Vec<(&'v OrganizationView, &'v ExperienceState)>,
    /// How many experiences with lists have no column.
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
        // The chosen experience always has a column.
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
            div .scroll tabindex="0" role="group" aria-label="Products, a column for each experience" {
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
        form .search method="get" action="/" role="search" aria-label="Products" {
            @for (name, value) in [("org", &asked.org), ("differs", &asked.differs)] {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
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
    let published = choice.columns.iter().position(|(_, state)| state.version.is_some());
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
                    th scope="col" .act { span .hidden { "Change" } }
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
                        @let wanted = published.and_then(|published| listed[published]);
                        @for ((_, state), listed) in choice.columns.iter().zip(listed) {
                            @let experience = &state.experience.id;
                            @let change = view.moves.iter().rfind(|m| m.experience == *experience && m.product == *id);
                            (cell(*listed, change, &why(state, id, wanted, *listed)))
                        }
                        td .act { (buttons(asked, chosen, id, web.names.name(id), place.and_then(|place| listed[place]))) }
                    }
                }
                @if page.ids.is_empty() { tr { td .quiet colspan=(experiences.len() + 2) { "No product matches." } } }
            }
        }
    }
}

/// Why a product that the hub approves is not approved in a member experience, as far as the
/// receipt tells. The receipt names each reason with a number of products, and one product as an
/// example.
fn why(state: &ExperienceState, product: &str, wanted: Option<Listed>, listed: Option<Listed>) -> String {
    let Some((_, receipt)) = state.receipt.as_ref() else { return String::new() };
    if wanted != Some(Listed::Approved) || listed == Some(Listed::Approved) || receipt.filtered_for.is_empty() {
        return String::new();
    }
    if let Some(reason) = receipt.filtered_for.iter().find(|reason| reason.example == product) {
        return format!("; the filter says: {}", reason.reason);
    }
    let reasons = receipt.filtered_for.iter().map(|reason| format!("{} ({})", reason.reason, reason.products));
    format!("; the filter of this experience keeps back: {}", reasons.collect::<Vec<_>>().join(", "))
}

fn cell(listed: Option<Listed>, change: Option<&Move>, why: &str) -> Markup {
    let (class, sign, words) = match (listed, change.filter(|change| change.arrived.is_none())) {
        (_, Some(change)) if change.to == Listed::Approved => ("moving", "…", "being approved"),
        (_, Some(_)) => ("moving", "…", "being rejected"),
        (Some(Listed::Approved), _) => ("approved", "✓", "approved"),
        (Some(Listed::Rejected), _) => ("rejected", "✕", "rejected"),
        (None, _) => ("none", "·", "on no list"),
    };
    let fresh = change.is_some_and(|change| change.arrived.is_some());
    let words = format!("{words}{why}");
    html! { td .cell .(class) .fresh[fresh] title=(words) { span aria-hidden="true" { (sign) } span .hidden { (words) } } }
}

fn buttons(asked: &Asked, chosen: &str, id: &str, name: &str, listed: Option<Listed>) -> Markup {
    html! {
        form method="post" action=(action_of(chosen)) {
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

/// The path that the form is sent to.
fn action_of(experience: &str) -> String {
    format!("/_local/experiences/{experience}/products")
}

/// Asks the visitor to confirm a rejection. The confirming button has the focus, so that a keyboard
/// can continue from here.
pub(super) fn question(asked: &Asked, text: &str, product: &str) -> Markup {
    let experience = asked.experience.as_deref().unwrap_or_default();
    html! {
        form .notice .question method="post" action=(action_of(experience)) {
            p { (text) }
            input type="hidden" name="product" value=(product);
            input type="hidden" name="confirmed" value="yes";
            (place_in(asked))
            button .reject name="action" value="reject" autofocus { "Yes, reject it" }
            a .button href=(asked.link()) { "No, leave it" }
        }
    }
}

/// Hidden fields with the visitor's present view, so that the answer shows the same view.
fn place_in(asked: &Asked) -> Markup {
    let fields = [
        ("q", &asked.q),
        ("list", &asked.list),
        ("page", &asked.page),
        ("org", &asked.org),
        ("differs", &asked.differs),
    ];
    html! {
        @for (name, value) in fields {
            @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
        }
    }
}

fn pager(asked: &Asked, page: &Page) -> Markup {
    html! {
        nav .pager aria-label="Pages of products" {
            span { (count(page.total, "product")) ", page " (page.number) " of " (page.pages) }
            @if page.number > 1 { a rel="prev" href=(asked.at_page(page.number - 1).link()) { "Previous" } }
            @if page.number < page.pages { a rel="next" href=(asked.at_page(page.number + 1).link()) { "Next" } }
        }
    }
}

fn by_hand(web: &Web, asked: &Asked, chosen: &ExperienceState) -> Markup {
    let id = &chosen.experience.id;
    html! {
        form .by-hand method="post" action=(action_of(id)) {
            (place_in(asked))
            label .wide { span { "Another product, by its id, in " (chosen.experience.name) }
                input name="product" required maxlength="50" placeholder="prod-…" autocomplete="off"
                    aria-describedby="known";
            }
            button .approve name="action" value="approve" { "Approve" }
            button .reject name="action" value="reject" { "Reject" }
            span #known .hidden { (count(web.names.len(), "product")) " of this world have names" }
        }
    }
}
