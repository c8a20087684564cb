//! The fleet's plan where members have filters of their own: what is foretold is what comes, and
//! what cannot be foretold is said in words and keeps nothing else from being told.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_local_aws::world::{Product, World};
use pmp_protocol::{Decision, Digest, ProductId, Verdict, VerdictMark, Verdicts};
use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Lists, MANAGEMENT, Program, Scene, world};
use serde_json::{Value, json};

use crate::filters::{exclude_products, guest};
use crate::hostile_members::{honest_items, receipt, text, with, write};

const SHARED: (&str, &str) = ("PMP_FILTER_SHARE", "settings");

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn row(plan: &Value, experience: &str) -> Value {
    let rows = plan["experiences"].as_array().unwrap();
    rows.iter().find(|row| row["member_experience"] == experience).cloned().unwrap()
}

/// Why it is not known what comes to alpha's production.
async fn not_known(hub: &Program, folder: &Path) -> String {
    let plan = hub.json(&["plan", "--filters-folder", folder.to_str().unwrap()]).await;
    let (prod, dev) = (row(&plan, ALPHA_PROD), row(&plan, ALPHA_DEV));
    assert_eq!(prod["outlook"], "not-known", "{prod}");
    // The other has no filter, and is planned as ever.
    assert_eq!((&dev["outlook"], &dev["allow"]), (&json!("change"), &json!(1)), "{dev}");
    let reason = prod["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("it has a filter of its own: `"), "{reason}");
    reason
}

/// The rule by which production alone has this filter.
fn for_production(filter: &str, settings: &str) -> String {
    format!(r#"[{{"experiences":["{ALPHA_PROD}"],"filter":"{filter}","settings":{settings}}}]"#)
}

#[tokio::test]
async fn what_a_filter_is_foretold_to_do_is_what_the_spoke_applies() {
    let mut world = world(&["prod-a", "prod-b", "prod-c"], &["prod-x"]);
    let management = world.organizations[0].experiences[0].policy.as_mut().unwrap();
    management.approved.push(("prod-ai", "GenAI, preview").into());
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let settings = r#"{"exclude_ids":["prod-b","prod-e"],"exclude_labels":["genai"]}"#;
    let spoke = scene.spoke_with_filter(&exclude_products(), settings).with(&[SHARED]);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);

    let folder = folder(&[("alpha/any name", &std::fs::read(exclude_products()).unwrap())]);
    let plan = ["plan", "--filters-folder", folder.path().to_str().unwrap()];
    let nothing = scene.hub.json(&plan).await;
    for experience in [ALPHA_PROD, ALPHA_DEV] {
        let row = row(&nothing, experience);
        assert_eq!((&row["outlook"], &row["filtered"]), (&json!("unchanged"), &json!(2)), "{row}");
    }
    assert_eq!(nothing["filtered"], json!([]), "what is left out as before is not worth a word");

    scene.hub_account.approve(MANAGEMENT, &["prod-d", "prod-e"]).await;
    scene.hub_account.reject(MANAGEMENT, &["prod-a", "prod-b"]).await;
    let told = scene.hub.json(&plan).await;
    let prod = row(&told, ALPHA_PROD);
    // Prod-b was never approved there, and the hub rejects it now.
    assert_eq!((&prod["outlook"], &prod["allow"], &prod["deny"]), (&json!("change"), &json!(1), &json!(2)), "{prod}");
    assert_eq!((&prod["filtered"], &prod["filter"]["name"]), (&json!(2), &json!("exclude-products")));
    let case = &told["filtered"][prod["filtered_case"].as_u64().unwrap() as usize];
    let products = json!([
        {"product": "prod-d", "step": "allow"},
        {"product": "prod-a", "step": "deny"},
        {"product": "prod-b", "step": "deny"},
        {"product": "prod-e", "step": "leave", "verdict": "exclude", "reason": "the id is in exclude_ids"},
    ]);
    assert_eq!((&case["from"], &case["products"]), (&json!(1), &products));
    assert_eq!(pmp_tests::PublishedSchema::of_hub("plan").faults(&told), Vec::<String>::new());
    let table = scene.hub.run(&plan).await;
    for part in [
        "with the filter `exclude-products`",
        "(2 experiences):",
        "o leave  prod-e  the id is in exclude_ids",
        "- deny   prod-a",
    ] {
        assert!(table.stdout.contains(part), "{part}\n{}", table.stdout);
    }

    // It comes as it was told.
    scene.hub.json(&["publish"]).await;
    let synced = spoke.json(&["sync"]).await;
    let receipts = synced["receipts"].as_array().unwrap();
    let kept: Vec<_> = receipts.iter().filter(|it| it["status"] == "in-sync").collect();
    assert_eq!(kept.len(), 2);
    for receipt in kept {
        assert_eq!((&receipt["allowed"], &receipt["denied"], &receipt["narrowed"]), (&json!(1), &json!(2), &json!(2)));
    }
    let lists = Lists::new(&["prod-c", "prod-d"], &["prod-a", "prod-b", "prod-x"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, lists);

    // With the filter, all that is left there would go: without, half of it.
    scene.hub_account.reject(MANAGEMENT, &["prod-c", "prod-d"]).await;
    let held = scene.hub.run(&[&plan[..], &["--detailed-exitcode"]].concat()).await;
    assert_eq!(held.code, 3, "{held:?}");
    assert!(held.stdout.contains("would remove all 2 approved products"), "{}", held.stdout);
}

#[tokio::test]
async fn a_filter_without_settings_and_a_built_in_one_need_little() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke_with_filter(&exclude_products(), "{}").run(&["sync"]).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    let folder = folder(&[("a.wasm", &std::fs::read(exclude_products()).unwrap())]);
    let plan = scene.hub.with(&[("PMP_FILTERS_FOLDER", folder.path().to_str().unwrap())]).json(&["plan"]).await;
    assert_eq!((&row(&plan, ALPHA_PROD)["outlook"], &row(&plan, ALPHA_PROD)["allow"]), (&json!("change"), &json!(1)));

    let built_in = scene.spoke_with_filter(Path::new("exclude-ids"), r#"{"ids":["prod-b","prod-c"]}"#).with(&[SHARED]);
    let built_in = built_in.with(&[("PMP_MAX_REMOVED_PERCENT", "100")]);
    assert_eq!(built_in.run(&["sync"]).await.code, 0);
    let plan = scene.hub.json(&["plan"]).await;
    let prod = row(&plan, ALPHA_PROD);
    assert_eq!((&prod["outlook"], &prod["filtered"]), (&json!("unchanged"), &json!(2)), "{plan}");
    assert_eq!(plan["filtered"][0]["products"][0]["step"], "leave", "{plan}");
}

#[tokio::test]
async fn what_cannot_be_foretold_is_said_and_everything_else_is_told() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let (component, settings) = (exclude_products(), r#"{"exclude_ids":["prod-b"]}"#);
    let rules = for_production(component.to_str().unwrap(), settings);
    let spoke = scene.spoke.with(&[("PMP_FILTERS", &rules)]);
    let sync = async |share: &str| {
        assert_eq!(spoke.with(&[("PMP_FILTER_SHARE", share)]).run(&["sync"]).await.code, 0);
    };
    let bytes = std::fs::read(&component).unwrap();
    let (full, empty) = (folder(&[("a", &bytes)]), folder(&[]));

    sync("none").await;
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    let said = not_known(&scene.hub, full.path()).await;
    assert!(said.contains("its spoke does not share what it is given (PMP_FILTER_SHARE)"), "{said}");

    // By default the hub knows the digest of the settings alone. A file with that digest will do.
    sync("digest").await;
    let said = not_known(&scene.hub, full.path()).await;
    let digest = Digest::of(settings.as_bytes()).to_string();
    assert!(said.contains("its settings are not shared") && said.contains(&digest), "{said}");
    let both = folder(&[("a", &bytes), ("settings.json", settings.as_bytes())]);
    let plan = scene.hub.json(&["plan", "--filters-folder", both.path().to_str().unwrap()]).await;
    assert_eq!(
        (&row(&plan, ALPHA_PROD)["outlook"], &row(&plan, ALPHA_PROD)["filtered"]),
        (&json!("change"), &json!(1))
    );

    sync("settings").await;
    let plan = scene.hub.json(&["plan", "--filters-folder", full.path().to_str().unwrap()]).await;
    assert_eq!(row(&plan, ALPHA_PROD)["outlook"], "change");
    let said = not_known(&scene.hub, empty.path()).await;
    assert!(said.contains(&format!("{} is not in {}", Digest::of(&bytes), empty.path().display())), "{said}");
    let other = folder(&[("exclude-products.wasm", &[&bytes[..], b"\0\0"].concat())]);
    let said = not_known(&scene.hub, other.path()).await;
    assert!(said.contains("is not in"), "the name of a file says nothing: {said}");

    // The program that runs filters: none, an older one, one that is something else.
    let with_program = |program: &str| scene.hub.with(&[("PMP_FILTER_PROGRAM", program)]);
    let said = not_known(&with_program("/no/such/pmp-filter"), full.path()).await;
    assert!(said.contains("--filter-program (PMP_FILTER_PROGRAM) names `/no/such/pmp-filter`"), "{said}");
    let scripts = folder(&[
        ("older", b"#!/bin/sh\necho \"error: unrecognized subcommand 'decide'\" >&2\nexit 1\n"),
        ("newer", b"#!/bin/sh\necho '{\"version\":\"9.0.0\",\"protocol\":99}'\ncat >/dev/null\n"),
        ("dying", b"#!/bin/sh\necho '{\"version\":\"0.1.0\",\"protocol\":1}'\necho 'no more' >&2\nexit 7\n"),
    ]);
    for (name, part) in [
        ("older", "does not know the command `decide`: it is older than this pmp-hub"),
        ("newer", "is of version 9.0.0, which answers otherwise than this pmp-hub"),
        ("dying", "ended with exit status: 7: no more"),
    ] {
        let script = scripts.path().join(name);
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let said = not_known(&with_program(script.to_str().unwrap()), full.path()).await;
        assert!(said.contains(part), "{part}: {said}");
    }
    let missing = scene.hub.run(&["plan", "--filters-folder", "/no/such/folder"]).await;
    assert!(missing.code == 1 && missing.stderr.contains("cannot read the folder of filters"), "{missing:?}");

    // Longer settings than hubs read are known by their digest.
    let long = format!(r#"{{"exclude_ids":["prod-b","{}"]}}"#, "a".repeat(3_000));
    let rules = for_production(component.to_str().unwrap(), &long);
    assert_eq!(spoke.with(&[("PMP_FILTERS", &rules), SHARED]).run(&["sync"]).await.code, 0);
    let said = not_known(&scene.hub, full.path()).await;
    assert!(said.contains("its settings are not shared"), "{said}");
}

#[tokio::test]
async fn a_filter_that_traps_is_told_as_such() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    let trapping = folder(&[("trapping.wasm", &guest(None))]);
    let rules = for_production(trapping.path().join("trapping.wasm").to_str().unwrap(), "{}");
    assert_eq!(scene.spoke.with(&[("PMP_FILTERS", &rules)]).run(&["sync"]).await.code, 1);
    let said = not_known(&scene.hub, trapping.path()).await;
    assert!(said.contains("`guest` 1.0.0; the filter trapped"), "{said}");
}

#[tokio::test]
async fn a_filter_is_given_the_facts_that_the_hub_looked_up() {
    let product = |id: &str, manufacturer: &str| Product {
        id: id.to_owned(),
        name: format!("The product {id}"),
        manufacturer: manufacturer.to_owned(),
        ..Product::default()
    };
    let products = ["prod-acme", "prod-new"].map(|id| product(id, "Acme Corp"));
    let products = products.into_iter().chain([product("prod-other", "Example Inc")]).collect();
    let scene = Scene::start(World { products, ..world(&["prod-acme", "prod-other"], &[]) }).await;
    let facts = ("PMP_PRODUCT_ATTRIBUTES", "true");
    scene.hub.with(&[facts]).json(&["publish"]).await;
    let spoke = scene.spoke_with_filter(Path::new("exclude-vendors"), r#"{"vendors":["Acme Corp"]}"#);
    assert_eq!(spoke.with(&[facts, SHARED]).run(&["sync"]).await.code, 0);

    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    let plan = scene.hub.json(&["plan"]).await;
    let prod = row(&plan, ALPHA_PROD);
    assert_eq!((&prod["outlook"], &prod["filtered"]), (&json!("unchanged"), &json!(1)), "{plan}");
    let undecided = json!([{"product": "prod-new", "step": "leave", "reason": "the hub has not looked it up yet"}]);
    assert_eq!(plan["filtered"][0]["products"], undecided);

    // A spoke that asks AWS by itself gives its filter what the hub does not know.
    assert_eq!(spoke.with(&[("PMP_PRODUCT_ATTRIBUTES", "own"), SHARED]).run(&["sync"]).await.code, 0);
    let plan = scene.hub.json(&["plan"]).await;
    assert!(row(&plan, ALPHA_PROD)["reason"].as_str().unwrap().contains("its spoke looks products up by itself"));
}

/// 200 organizations with five experiences each, 20,000 products, and a filter in each experience.
#[tokio::test]
#[ignore = "takes minutes; run it with `--include-ignored --nocapture` to see what it costs"]
#[allow(clippy::print_stdout)]
async fn a_thousand_experiences_with_filters_are_foretold() {
    const ORGANIZATIONS: usize = 200;
    const EXPERIENCES: usize = 5;
    const PRODUCTS: usize = 20_000;
    let ids: Vec<String> = (0..PRODUCTS).map(|n| format!("prod-{n:013}")).collect();
    let approved: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut scene = Scene::start(world(&approved, &[])).await;
    let published = scene.hub.json(&["publish"]).await;
    let published = &published["published"];
    let (version, digest) = (published["version"].as_u64().unwrap(), published["digest"].as_str().unwrap().to_owned());
    let settings = r#"{"exclude_ids":["prod-0000000000007"],"exclude_labels":["genai"]}"#;
    let spoke = scene.spoke_with_filter(&exclude_products(), settings).with(&[SHARED]);
    // What its receipts look like is told by a pass that ends before all is applied.
    spoke.run(&["sync", "--stop-after", "2s"]).await;

    // As if all members had applied it: what their filters decided is known.
    let excluded = ProductId::new("prod-0000000000007").unwrap();
    let verdicts = Verdicts::from([(excluded, Decision { verdict: Verdict::Exclude, reason: None })]);
    let mark = serde_json::to_value(VerdictMark::of(&verdicts)).unwrap();
    let items = honest_items(&scene).await;
    let number = |number: u64| AttributeValue::N(number.to_string());
    let names: Vec<String> = (0..ORGANIZATIONS).map(|at| format!("o-member{at:04}")).collect();
    for (at, organization) in names.iter().enumerate() {
        let signs = items.iter().filter(|item| item.contains_key("last_seen"));
        let signs = signs.map(|item| with(item.clone(), "organization", text(organization)));
        let receipts = (0..EXPERIENCES).map(|experience| {
            let mut item = receipt(&items, organization, &format!("exp-{at}-{experience}"));
            let applied =
                [("version", number(version)), ("digest", text(&digest)), ("at", item["received_at"].clone())];
            let applied = applied.map(|(name, value)| (name.to_owned(), value)).into();
            item.insert("applied".into(), AttributeValue::M(applied));
            let AttributeValue::M(input) = item.get_mut("filter_input").unwrap() else { panic!() };
            input.insert("in_force".into(), text(mark.as_str().unwrap()));
            input.insert("experience_name".into(), text(format!("Experience {at}-{experience}")));
            with(item, "status", text("in-sync"))
        });
        write(&scene, signs.chain(receipts).collect()).await;
    }
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &names.join(","))]);
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    let folder = folder(&[("exclude-products.wasm", &std::fs::read(exclude_products()).unwrap())]);
    let plan = ["plan", "--filters-folder", folder.path().to_str().unwrap(), "-o", "json"];
    for what in ["with what compiling takes", "compiled before"] {
        let began = Instant::now();
        let measured = scene.hub.run_measured(&plan).await;
        println!(
            "{ORGANIZATIONS} organizations x {EXPERIENCES} experiences x {PRODUCTS} products with filters, {what}: {:.1?}, {} KiB",
            began.elapsed(),
            measured.peak_rss / 1024
        );
        assert!(began.elapsed() <= Duration::from_secs(20), "{what}: {:.1?}", began.elapsed());
        let told: Value = serde_json::from_str(&measured.finished.stdout).unwrap();
        let rows = told["experiences"].as_array().unwrap();
        let ours: Vec<_> =
            rows.iter().filter(|row| row["organization"].as_str().unwrap().starts_with("o-member")).collect();
        assert_eq!(ours.len(), ORGANIZATIONS * EXPERIENCES);
        for row in ours {
            assert_eq!(
                (&row["outlook"], &row["allow"], &row["filtered"]),
                (&json!("change"), &json!(1), &json!(1)),
                "{row}"
            );
        }
    }
}
