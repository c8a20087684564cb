//! What `exceptions` prints: one screen by cause, or a table with a row each.

use jiff::Timestamp;
use pmp_protocol::{age, count, total};
use pmp_terminal::Table;

use crate::inspect::exceptions::{
    ExceptionKind, ExceptionRow, HeldGroup, cause_of, confirmable, experiences, products,
};
use crate::render::color;
use crate::render::page::{Block, Page, who};
use crate::status::group::{Group, group};

/// One screen. `flags` select the same rows for `confirm`.
pub(crate) fn page(exceptions: &[ExceptionRow], held: &[HeldGroup<'_>], flags: &str) -> Page {
    let block = |group: &Group<'_, ExceptionRow>| {
        let way = confirmable(group, held)
            .map(|held| format!("; if it is meant: `pmp-hub confirm --cause {}{flags}`", held.id));
        Block {
            word: group.class.as_str().to_uppercase(),
            color: color::of_exception(group.class),
            head: head(group),
            text: format!("{}{}", cause_of(group), way.unwrap_or_default()),
        }
    };
    Page { blocks: group(exceptions).iter().map(block).collect(), foot: summary(exceptions), ..Page::default() }
}

/// How many, and who.
fn head(group: &Group<'_, ExceptionRow>) -> String {
    let products = match group.class.counts_products() {
        true => format!("{} in ", count(products(group), "product")),
        false => String::new(),
    };
    if let [row] = &group.members[..] {
        let experience = row.member_experience.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        return format!("{products}{}{experience}", row.organization);
    }
    let experiences = match experiences(group) {
        0 => String::new(),
        number => format!("{} of ", count(number, "experience")),
    };
    who(&format!("{products}{experiences}"), group.members.iter().map(|row| &row.organization))
}

/// The line below the rows: how many exceptions there are of each kind.
pub(crate) fn summary(exceptions: &[ExceptionRow]) -> String {
    let told = ExceptionKind::ALL.into_iter().filter_map(|kind| {
        let of_it = exceptions.iter().filter(|row| row.kind == kind);
        let number = total(of_it.map(|row| row.products.unwrap_or(1)));
        let what = if kind.counts_products() { "product" } else { "experience" };
        (number > 0).then(|| format!("{} {}", count(number, what), kind.as_str()))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Every exception, a row each.
pub(crate) fn table(exceptions: &[ExceptionRow], now: Timestamp) -> Table {
    let mut table =
        Table::new(&["KIND", "ORGANIZATION", "EXPERIENCE", "PRODUCTS", "PRODUCT", "SINCE", "NEXT-TRY", "REASON"]);
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for row in exceptions {
        table.row([
            row.kind.as_str().to_owned(),
            row.organization.to_string(),
            or_dash(row.member_experience.as_ref().map(ToString::to_string)),
            or_dash(row.products.map(|products| products.to_string())),
            or_dash(row.product.as_ref().map(ToString::to_string)),
            or_dash(row.since.map(|since| age(since, now))),
            or_dash(row.next_try.map(|at| at.strftime("%H:%M:%SZ").to_string())),
            row.reason.clone(),
        ]);
        table.color(0, color::of_exception(row.kind));
    }
    table
}
