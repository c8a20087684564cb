//! The last words: what was seen, what to try next, and how to go on where everything keeps
//! running.

use super::products::EXCLUDED_LABEL;
use super::scene::MANAGEMENT;
use super::screen::Screen;
use super::script::Story;
use super::stage::Stage;
use super::{Demo, seconds};

/// What a newcomer has just seen, in a few lines with numbers.
pub(super) fn show(story: &Story, screen: &Screen) {
    let Story { approved, rejected, first_sync, change_sets, filtered, change, live, untouched } = story;
    screen.heading("What you just saw");
    screen.text(&format!(
        "- A hub and three spokes, each a process with an AWS account of its own, and the real SDK.
- {approved} approved and {rejected} rejected products went to {live} experiences in {}, by {change_sets} change sets:
  AWS lets one carry 50 products to approve and 50 to reject.
- The WebAssembly filter of borealis took {filtered} of them away: the label {EXCLUDED_LABEL}, and 2 ids.
- 2 approvals and 1 rejection were everywhere {} after the click; one stopped at that filter.
- Not touched: {}.
- Every spoke sent the hub receipts; `status` above is made of nothing else.",
        seconds(*first_sync),
        seconds(*change),
        untouched.join(", "),
    ));
}

/// Where to go from here.
pub(super) fn show_next(args: &Demo, stage: &Stage, screen: &Screen) {
    screen.heading("Next");
    let executable = stage.launcher.executable();
    let (seed, products) = (args.seed.wrapping_add(1), args.products.saturating_add(200).min(500));
    let lines = [
        (format!("{executable} demo --keep"), "the same, left running for you to play with"),
        (format!("{executable} demo --seed {seed} --products {products}"), "other products"),
        (format!("{executable} demo --latency 5s"), "change sets as slow as AWS's"),
        ("README.md".to_owned(), "how to run it for real, and the rest"),
    ];
    let widest = lines.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
    for (what, why) in lines {
        screen.text(&format!("  {what:widest$}   {why}"));
    }
}

/// The environment of every program, to paste, and something to do with it.
pub(super) fn show_how_to_play(stage: &Stage, screen: &Screen) {
    screen.heading("It runs until Ctrl-C. Approve and reject with a click, and watch it travel");
    screen.pasted(&format!("{}/", stage.endpoint()));
    screen.heading("Or paste a block into a terminal of its own");
    let spokes = stage.scene.members.iter().zip(&stage.spokes);
    let spokes = spokes
        .map(|(member, environment)| (format!("the spoke of {} ({})", member.name, member.organization), environment));
    for (who, environment) in std::iter::once(("the hub".to_owned(), &stage.hub)).chain(spokes) {
        screen.quiet(&format!("\n# {who}"));
        screen.pasted(&environment.exports().collect::<Vec<_>>().join("\n"));
    }
    let executable = stage.launcher.executable();
    let stranger = stage.scene.products.strangers.last().map(|product| product.id.to_string()).unwrap_or_default();
    screen.heading("Then, as the hub");
    screen.pasted(&format!("{executable} hub status --output wide"));
    screen.pasted(&approve_command(&stranger, stage.region()));
    screen.heading("Or as a spoke");
    screen.pasted(&format!("{executable} spoke plan\n{executable} spoke sync"));
    screen.quiet(&format!("\nLogs: {} (the folder stays when the demo has ended)", stage.launcher.folder().display()));
}

/// The AWS CLI's way to approve a product. Its version 1 does not know AWS_REGION.
fn approve_command(product: &str, region: &str) -> String {
    format!(
        r#"aws marketplace-catalog start-change-set --region {region} --catalog AWSMarketplace --change-set '[{{
  "ChangeType": "AllowProductProcurement",
  "Entity": {{"Type": "Experience@1.0", "Identifier": "{MANAGEMENT}"}},
  "DetailsDocument": {{"Products": [{{"Ids": ["{product}"]}}]}}}}]'"#
    )
}
