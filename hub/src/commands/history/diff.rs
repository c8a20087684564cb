//! `diff`: shows the products that differ between two versions, or a version and now.

use pmp_terminal::{Exit, Failure, Output, progress};
use serde_json::json;

use super::{CHANGED, DiffArgs, History, NameColumn, Side, allowed, or_dash};
use crate::compose;
use crate::config::ConfigArgs;
use crate::inspect::difference;
use crate::inspect::difference::{ChangedProduct, Difference, Listed};
use crate::inspect::not_published::Next;

/// Lists the products that differ between two versions, or a version and now.
pub(crate) async fn diff(config: &ConfigArgs, args: &DiffArgs, output: Output) -> Result<Exit, Failure> {
    let history = History::open(config).await?;
    let (before, after) = match (args.since, args.before) {
        (Some(since), _) => {
            let (before, newest) = history.around(since.at(compose::clock().now())).await?;
            (before, Side::Kept(newest))
        }
        (None, Some(version)) => (version, args.after),
        (None, None) => (history.newest().await?, args.after),
    };
    let kept = history.content(Side::Kept(before)).await?;
    let content = history.content(after).await?;
    let found = difference::between(&kept, &content);
    let next = match after {
        Side::Now => history.next(&content).await?,
        Side::Kept(_) => Next::Published,
    };
    if let Some(told) = next.told() {
        progress::note(&format!("hint: {told}"));
    }
    let names = history.names(found.products.iter().map(|changed| &changed.product)).await;
    if output.is_document() {
        let requests = found.policy_resource_requests.map(|(before, after)| json!({"before": before, "after": after}));
        output.document(&json!({
            "experience": history.experience, "before": before.to_string(), "after": after.to_string(),
            "policy_resource_requests": requests, "products": found.products, "names": names,
            "not_published": next.not_published(),
        }))?;
        return Ok(Exit::Ok);
    }
    let between = format!(
        "snapshot {before} and {}",
        match after {
            Side::Kept(version) => format!("snapshot {version}"),
            Side::Now => "what the management experience says now".to_owned(),
        }
    );
    if found == Difference::default() && output.is_table() {
        output.line(&format!("No differences between {between}."))?;
        return Ok(Exit::Ok);
    }
    let named = NameColumn::of(&names);
    let mut table = named.table(&["PRODUCT", "BEFORE", "AFTER", NameColumn::TITLE, "NOTE"]);
    for changed in &found.products {
        let listed = |listed: Option<Listed>| listed.map_or("-", Listed::as_str).to_owned();
        let cells = [changed.product.to_string(), listed(changed.before), listed(changed.after)];
        table.row(cells.into_iter().chain(named.cell(&changed.product, output)).chain([note(changed)]));
    }
    output.list_on_a_screen("products", CHANGED, &found.products, table, &summary(&found, &between), args.all)?;
    Ok(Exit::Ok)
}

fn note(changed: &ChangedProduct) -> String {
    let (before, after) = (changed.note_before.as_ref(), changed.note_after.as_ref());
    if before == after { or_dash(after) } else { format!("{} → {}", or_dash(before), or_dash(after)) }
}

/// The line below a difference, with its numbers.
fn summary(found: &Difference, between: &str) -> String {
    let parts = found.counts().map(|(count, what)| format!("{count} {what}"));
    let requests = found.policy_resource_requests.map(|(_, after)| format!("requests {} now", allowed(after)));
    format!("Between {between}: {}", parts.chain(requests).collect::<Vec<_>>().join(", "))
}
