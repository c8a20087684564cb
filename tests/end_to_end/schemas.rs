//! What commands print as JSON is as the published schemas say (`docs/schema`): here those that
//! write, try or tell of the program itself. Those that ask the hub are in `whole_fleet`, and those
//! that ask a spoke in `output`.

use std::path::Path;
use std::time::Duration;

use pmp_tests::{ALPHA, ALPHA_PROD, Finished, MANAGEMENT, Program, PublishedSchema, Scene, within, world};
use serde_json::Value;

use crate::confirming::two_thirds_to_remove;
use crate::examples::helps;
use crate::signatures::key_pair;

/// The end of a program's name, the name of a command as its schema has it, and the document that
/// it printed.
fn hold(program: &str, command: &str, finished: &Finished) -> Value {
    let document = serde_json::from_str(&finished.stdout);
    let document: Value = document.unwrap_or_else(|error| panic!("{program} {command}: {error}: {finished:?}"));
    hold_document(program, command, &document);
    document
}

pub(crate) fn hold_document(program: &str, command: &str, document: &Value) {
    let schema = PublishedSchema::of(program, command);
    assert_eq!(schema.faults(document), Vec::<String>::new(), "{program} {command}: {document:#}");
    let mut forged = document.clone();
    forged["schema_version"] = 2.into();
    assert_eq!(schema.faults(&forged).len(), 1, "it would find one: {program} {command}");
}

/// Runs a command of `pmp-hub` or `pmp-spoke`, and holds what it printed.
async fn held(program: &Program, end: &str, command: &str, arguments: &[&str]) -> Value {
    let words: Vec<&str> = command.split(' ').collect();
    let finished = program.run(&[&words[..], arguments, &["-o", "json"]].concat()).await;
    hold(end, command, &finished)
}

/// Commands that take `--output`, and print no document of their own.
const WITHOUT: [(&str, &str); 23] = [
    // Its lines are the `entries` of `audit`.
    ("hub", "audit export"),
    ("hub", ""),
    ("hub", "config"),
    ("hub", "run"),
    ("hub", "serve"),
    ("hub", "completions"),
    ("hub", "man"),
    ("spoke", ""),
    ("spoke", "config"),
    ("spoke", "run"),
    ("spoke", "completions"),
    ("spoke", "man"),
    ("filter", ""),
    // A protocol of its own with `pmp-hub plan`: lines, both ways.
    ("filter", "decide"),
    ("filter", "completions"),
    ("filter", "man"),
    ("local", ""),
    ("local", "fault"),
    ("local", "explain"),
    ("local", "state"),
    ("local", "world"),
    ("local", "completions"),
    ("local", "man"),
];

/// A new command that prints a document needs a schema, or a line above.
#[tokio::test]
async fn every_command_that_prints_a_document_has_a_schema() {
    for (name, end) in [("pmp-hub", "hub"), ("pmp-spoke", "spoke"), ("pmp-filter", "filter"), ("pmp-local", "local")] {
        for (command, help) in helps(&Program::new(name, &[])).await {
            let passed_on = end == "local" && matches!(command.first().map(String::as_str), Some("hub" | "spoke"));
            let command = command.join(" ");
            if passed_on || !help.contains("--output <OUTPUT>") || WITHOUT.contains(&(end, command.as_str())) {
                continue;
            }
            assert!(PublishedSchema::is_published(end, &command), "{name} {command} has no schema");
        }
    }
}

#[tokio::test]
async fn what_the_hub_prints_of_what_it_did_is_as_its_schema_says() {
    let scene = two_thirds_to_remove().await;
    let hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    held(&hub, "hub", "publish", &["--dry-run"]).await;
    held(&hub.with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]), "hub", "publish", &[]).await;
    // What is held is let through: one, none any more, and all.
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    held(&hub, "hub", "confirm", &[ALPHA, "1", "--member-experience", ALPHA_PROD]).await;
    held(&hub, "hub", "confirm", &[ALPHA, "1", "--member-experience", ALPHA_PROD, "--undo"]).await;
    let all = held(&hub, "hub", "confirm", &["--all", "--yes", "--snapshot", "1"]).await;
    assert_eq!(all["confirmations"].as_array().map(Vec::len), Some(2), "{all:#}");

    let reason = ["--reason", "it shows what is printed"];
    let of_alpha = [&["--org", ALPHA], &reason[..]].concat();
    held(&hub, "hub", "pause", &[&of_alpha[..], &["--until", "2h"]].concat()).await;
    let again = held(&hub, "hub", "pause", &[&of_alpha[..], &["--until", "3h"]].concat()).await;
    assert_eq!(again["replaced"].as_array().map(Vec::len), Some(1), "{again:#}");
    held(&hub, "hub", "resume", &of_alpha).await;
    held(&hub, "hub", "pin", &[&["1"], &of_alpha[..]].concat()).await;
    held(&hub, "hub", "unpin", &of_alpha).await;
    held(&hub, "hub", "unpin", &of_alpha).await;
    held(&hub, "hub", "pin", &[&["1"], &reason[..]].concat()).await;
    held(&hub, "hub", "unpin", &reason).await;

    held(&hub, "hub", "members admit", &["o-another0000"]).await;
    held(&hub, "hub", "members forget", &["o-another0000", "o-another0000"]).await;
    held(&hub, "hub", "recover", &[]).await;
    held(&hub, "hub", "recover", &["--yes"]).await;
    held(&hub, "hub", "init", &["--admit", "o-another0000"]).await;
    let checked = held(&hub, "hub", "doctor", &[]).await;
    assert!(checked["checks"].as_array().is_some_and(|checks| checks.len() > 5), "{checked:#}");
}

#[tokio::test]
async fn what_the_hub_prints_of_waves_is_as_its_schema_says() {
    let mut scene = Scene::start(world(&["prod-a"], &[])).await;
    let waves = format!(
        "[[waves]]\nname = \"canary\"\norganizations = [\"{ALPHA}\"]\n[[waves]]\nname = \"all\"\nshare = 100\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let key = key_pair(folder.path()).0;
    let key = format!("file:{}", key.display());
    scene.hub = scene.hub.with(&[("PMP_WAVES", &waves), ("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    scene.hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    held(&scene.hub, "hub", "halt", &["--reason", "a vendor called"]).await;
    held(&scene.hub, "hub", "promote", &["--reason", "it was nothing"]).await;
    held(&scene.hub.with(&[("PMP_SIGNING_KEY", &key)]), "hub", "public-key", &[]).await;
}

#[tokio::test]
async fn what_a_spoke_prints_of_what_it_did_is_as_its_schema_says() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    held(&scene.spoke, "spoke", "init", &[]).await;
    held(&scene.spoke, "spoke", "hold", &["--until", "2h", "--reason", "a freeze of ours"]).await;
    let released = held(&scene.spoke, "spoke", "unhold", &[]).await;
    assert!(released["released"].is_object(), "{released:#}");
    held(&scene.spoke, "spoke", "unhold", &[]).await;
    let checked = held(&scene.spoke, "spoke", "doctor", &[]).await;
    assert!(checked["checks"].as_array().is_some_and(|checks| checks.len() > 5), "{checked:#}");
}

/// What the programs print about themselves, wherever they run.
#[tokio::test]
async fn what_programs_print_of_themselves_is_as_their_schemas_say() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[contexts.prod]\nPMP_EXPERIENCE_ID = \"exp-management\"\n").unwrap();
    let environment = [("PMP_CONFIG", file.to_str().unwrap()), ("PMP_CONTEXT", "prod")];
    for (name, end) in [("pmp-hub", "hub"), ("pmp-spoke", "spoke")] {
        let program = Program::new(name, &environment);
        held(&program, end, "config show", &["--all"]).await;
        held(&program, end, "config contexts", &[]).await;
    }
    for (name, end) in [("pmp-hub", "hub"), ("pmp-spoke", "spoke"), ("pmp-filter", "filter"), ("pmp-local", "local")] {
        let program = Program::new(name, &[]);
        held(&program, end, "version", &[]).await;
        if end != "local" {
            held(&program, end, "explain", &[]).await;
            held(&program, end, "explain", &["E4010"]).await;
        }
    }
}

#[tokio::test]
async fn what_the_tool_for_filters_prints_is_as_its_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    let worked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filters/examples/exclude-products");
    let component = folder.path().join("exclude-products.wasm");
    std::fs::copy(worked.join("exclude-products.wasm"), &component).unwrap();
    let products = folder.path().join("products.json");
    std::fs::write(&products, r#"{"products":[{"id":"prod-1","labels":["genai"]},{"id":"prod-2"}]}"#).unwrap();
    let key = folder.path().join("key");
    let tool = Program::new("pmp-filter", &[]);
    let made = tool.shell("ssh-keygen -q -t ed25519 -N '' -C ops@example -f key", folder.path()).await;
    assert_eq!(made.code, 0, "{made:?}");
    let public = std::fs::read_to_string(folder.path().join("key.pub")).unwrap();
    let signers = folder.path().join("signers");
    std::fs::write(&signers, format!("ops@example {public}")).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (component, products, key, signers) = (text(&component), text(&products), text(&key), text(&signers));
    let cases = text(&worked.join("cases.toml"));
    let settings = r#"{"ids":["prod-1"]}"#;
    let new = tool.shell("pmp-filter new rust my-filter -o json", folder.path()).await;
    hold("filter", "new", &new);
    held(&tool, "filter", "inspect", &["exclude-ids"]).await;
    held(&tool, "filter", "inspect", &[&component]).await;
    held(&tool, "filter", "sign", &[&component, "--key", &key]).await;
    held(&tool, "filter", "verify", &[&component, "--key", &signers]).await;
    held(&tool, "filter", "inspect", &[&component]).await;
    let decided = held(&tool, "filter", "run", &["exclude-ids", "--settings", settings, "--products", &products]).await;
    assert_eq!(decided["decisions"].as_array().map(Vec::len), Some(2), "{decided:#}");
    held(&tool, "filter", "test", &[&component, &cases]).await;
    held(&tool, "filter", "bench", &["exclude-ids", "--settings", settings, "--count", "10", "--runs", "2"]).await;
    let to = text(&folder.path().join("compiled"));
    held(&tool, "filter", "compile", &[&component, "--to", &to]).await;
}

#[tokio::test]
async fn what_pmp_local_prints_is_as_its_schema_says() {
    let serving = Program::new("pmp-local", &[]).start(&["serve", "--port", "0", "--output", "json"]);
    let ready = within(Duration::from_secs(30), "a server that is ready", async || {
        let printed = serving.printed();
        serde_json::from_str::<Value>(&printed).map_err(|_| printed)
    })
    .await;
    hold_document("local", "serve", &ready);
    let local = Program::new("pmp-local", &[("AWS_ENDPOINT_URL", ready["endpoint"].as_str().unwrap())]);
    held(&local, "local", "fault add", &["throttling", "--service", "sts", "--next", "1"]).await;
    let faults = held(&local, "local", "fault list", &[]).await;
    assert_eq!(faults["faults"].as_array().map(Vec::len), Some(1), "{faults:#}");
    held(&local, "local", "fault clear", &[]).await;
    held(&local, "local", "clock", &["--by", "-5m"]).await;
    held(&local, "local", "clock", &["--reset"]).await;
}
