//! Texts and markup that several parts of the page share.

use jiff::Timestamp;
use maud::{Markup, html};
use pmp_protocol::{OrganizationId, PlainText};

use crate::status::SpokeState;
use crate::web::states;

/// The longest text of somebody else that is shown. Whoever writes more takes no room from others
/// (rule 11).
const LONGEST: usize = 400;
/// Bars are so long, in units of their own.
const WHOLE: usize = 1_000;

/// A text from outside, in one line and bounded.
pub(super) fn said(text: &str) -> String {
    PlainText::bounded(text, LONGEST).to_string()
}

/// A sentence of ours, in which commands stand between backticks.
pub(super) fn with_commands(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A number as people read it: `5,000`.
pub(super) fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The same with its noun: `5,000 experiences`.
pub(super) fn many(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", number(count), if count == 1 { "" } else { "s" })
}

/// `412 experiences of 83 organizations`; without the experiences where it is about none.
pub(super) fn amount(experiences: usize, organizations: usize) -> String {
    let organizations = many(organizations, "organization");
    if experiences == 0 { organizations } else { format!("{} of {organizations}", many(experiences, "experience")) }
}

/// A moment in UTC, to the second.
pub(super) fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) { (at.strftime("%Y-%m-%d %H:%M:%S UTC")) } }
}

/// A day and a time in UTC, to the minute.
pub(super) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// The word of a state, in its colour.
pub(super) fn state(state: SpokeState) -> Markup {
    html! { b class={ "s " (states::class(state)) } { (state.as_str()) } }
}

/// The mark of those that wait for their wave: they are on their way, as `APPLYING` is.
pub(super) fn waiting() -> Markup {
    html! { b class={ "s " (states::class(SpokeState::Applying)) } { "WAITING" } }
}

/// A link to an organization's part of the page.
pub(super) fn link(organization: &OrganizationId) -> Markup {
    html! { a href={ "#" (organization) } { (organization) } }
}

/// Links to organizations, as many as `most`; the others are counted, with the command that lists
/// all.
pub(super) fn links<'a>(
    organizations: impl ExactSizeIterator<Item = &'a OrganizationId>,
    most: usize,
    command: &str,
) -> Markup {
    let more = organizations.len().saturating_sub(most);
    html! {
        ul .ids { @for id in organizations.take(most) { li { (link(id)) } } }
        @if more > 0 { p .quiet { "and " (many(more, "more organization")) ": " code { (command) } } }
    }
}

/// A bar of `part` in `whole`. What it says stands beside it in words.
pub(super) fn bar(part: usize, whole: usize) -> Markup {
    let width = (part * WHOLE).checked_div(whole).unwrap_or(0).max(usize::from(part > 0) * 4);
    html! {
        svg .bar viewBox={ "0 0 " (WHOLE) " 10" } preserveAspectRatio="none" aria-hidden="true" {
            rect .whole width=(WHOLE) height="10" {}
            rect .part width=(width) height="10" {}
        }
    }
}

/// A share in whole per cent. All but everything is never 100 %, and something is never 0 %.
pub(super) fn percent(part: usize, whole: usize) -> String {
    match (part * 100).checked_div(whole) {
        None => "–".to_owned(),
        Some(0) if part > 0 => "<1 %".to_owned(),
        Some(percent) => format!("{percent} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_a_sentence_are_marked() {
        assert_eq!(with_commands("Run `pmp-hub log ORG`.").into_string(), "Run <code>pmp-hub log ORG</code>.");
    }

    #[test]
    fn numbers_are_grouped_and_shares_never_round_to_all_or_nothing() {
        assert_eq!([0, 12, 999, 1_000, 1_234_567].map(number), ["0", "12", "999", "1,000", "1,234,567"]);
        assert_eq!((amount(0, 1), amount(5, 2)), ("1 organization".into(), "5 experiences of 2 organizations".into()));
        let shares = [(0, 5), (1, 5_000), (4_999, 5_000), (5, 5), (0, 0)];
        assert_eq!(shares.map(|(part, whole)| percent(part, whole)), ["0 %", "<1 %", "99 %", "100 %", "–"]);
    }
}
