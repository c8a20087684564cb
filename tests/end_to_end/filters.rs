//! Filters: what they exclude, and that a broken one changes nothing (rules 1
//! and 4).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pmp_local_aws::world::{Experience, Fault, FaultRule, ProcurementPolicy, Product};
use pmp_protocol::Digest;
use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Finished, Lists, Objects, Scene, world};
use serde_json::json;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The worked filter, as it ships.
pub(crate) fn exclude_products() -> PathBuf {
    repository().join("filters/examples/exclude-products/exclude-products.wasm")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[tokio::test]
async fn a_filter_excludes_by_id_and_by_label() {
    let mut world = world(&["prod-a", "prod-b"], &["prod-x"]);
    let management = world.organizations[0].experiences[0].policy.as_mut().unwrap();
    management.approved.push(("prod-ai", "GenAI, preview").into());
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let settings = r#"{"exclude_ids":["prod-b"],"exclude_labels":["genai"]}"#;
    let spoke = scene.spoke_with_filter(&exclude_products(), settings);

    let planned = spoke.run(&["plan"]).await;
    assert!(planned.stdout.contains("o leave  prod-ai"), "{}", planned.stdout);
    assert!(planned.stdout.contains("excluded by filter: "), "{}", planned.stdout);
    let receipts = spoke.json(&["sync"]).await["receipts"].clone();
    let prod = receipts.as_array().unwrap().iter().find(|row| row["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&prod["status"], &prod["narrowed"]), (&json!("in-sync"), &json!(2)));
    let reasons = json!([
        {"verdict": "exclude", "reason": "the id is in exclude_ids", "products": 1, "example": "prod-b"},
        {"verdict": "exclude", "reason": "the label `genai` is in exclude_labels", "products": 1, "example": "prod-ai"},
    ]);
    assert_eq!(prod["narrowed_for"], reasons);
    assert_eq!(prod["filter"]["name"], "exclude-products");
    assert!(prod["filter"]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-x"]));

    let status = scene.hub.run(&["status", "--all"]).await;
    assert!(status.stdout.contains("2 filtered by `exclude-products@"), "{}", status.stdout);
    assert!(status.stdout.contains(", 1 of them: the id is in exclude_ids"), "{}", status.stdout);
}

#[tokio::test]
async fn a_built_in_rule_needs_its_name_and_settings_only() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke_with_filter(Path::new("exclude-ids"), r#"{"ids":["prod-b"],"reason":"not here"}"#);
    let planned = spoke.run(&["plan"]).await;
    assert!(planned.stdout.contains("excluded by filter: not here"), "{}", planned.stdout);
    let receipts = spoke.json(&["sync"]).await["receipts"].clone();
    assert_eq!(receipts[0]["filter"]["name"], "exclude-ids");
    assert_eq!(receipts[0]["filter"]["version"], "1.2.0");
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));

    // Whoever looks or syncs without the filter by mistake is told.
    let without = scene.spoke.run(&["plan"]).await;
    let told = "hint: the last pass here ran the filter `exclude-ids`, and these settings have none";
    assert!(without.stderr.contains(told), "{without:?}");
    assert!(!spoke.run(&["plan"]).await.stderr.contains("and these settings have none"));

    let refused = scene.spoke_with_filter(Path::new("exclude-ids"), r#"{"idz":[]}"#).run(&["sync"]).await;
    assert!(refused.stderr.contains("the filter `exclude-ids` refuses its configuration: idz: unknown field `idz`"));
    let misspelt = scene.spoke_with_filter(Path::new("exclude-id"), "{}").run(&["sync"]).await;
    assert!(misspelt.stderr.contains("--filter (PMP_FILTER): unknown filter `exclude-id`"));
}

/// What AWS Marketplace tells of `prod-acme` and `prod-other`.
fn two_vendors() -> Vec<Product> {
    let product = |(id, manufacturer): (&str, &str)| Product {
        id: id.to_owned(),
        name: format!("The product {id}"),
        manufacturer: manufacturer.to_owned(),
        categories: vec!["Security".to_owned()],
        ..Product::default()
    };
    [("prod-acme", "Acme Corp"), ("prod-other", "Example Inc")].map(product).into()
}

#[tokio::test]
async fn vendors_and_categories_are_looked_up_where_that_is_asked_for() {
    let mut world = world(&["prod-acme", "prod-other", "prod-unlisted"], &[]);
    world.products = two_vendors();
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke_with_filter(Path::new("exclude-vendors"), r#"{"vendors":["acme corp"]}"#);

    let refused = spoke.run(&["plan"]).await;
    assert_eq!(refused.code, 1);
    let said = "the filter `exclude-vendors` decides by facts that this spoke does not look up";
    assert!(refused.stderr.contains(said) && refused.stderr.contains("PMP_PRODUCT_ATTRIBUTES"), "{}", refused.stderr);
    assert!(refused.stderr.contains("code: E5105"), "{}", refused.stderr);

    let spoke = spoke.with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]);
    let planned = spoke.run(&["plan"]).await;
    for reason in ["the vendor `acme corp` is in `vendors`", "the vendor is not known"] {
        assert!(planned.stdout.contains(reason), "{}", planned.stdout);
    }
    assert!(planned.stderr.contains("nothing is known of some products"), "{}", planned.stderr);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-other"], &[]));

    let spoke = spoke.with(&[
        ("PMP_FILTER", "only-categories"),
        ("PMP_FILTER_CONFIG", r#"{"categories":["DevOps"],"unknown":"keep"}"#),
    ]);
    let planned = spoke.run(&["plan"]).await;
    assert!(planned.stdout.contains("the category `Security` is not in `categories`"), "{}", planned.stdout);
}

#[tokio::test]
async fn a_vendor_is_met_as_people_read_its_name_and_one_that_no_product_has_is_a_warning() {
    let mut world = world(&["prod-acme", "prod-other"], &[]);
    world.products = two_vendors();
    world.products[0].manufacturer = "STRASSE\u{a0} GmbH".to_owned();
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene
        .spoke_with_filter(Path::new("exclude-vendors"), r#"{"vendors":["Straße GmbH","Acme Corp"]}"#)
        .with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]);

    let warning = "no product of `Acme Corp` in `vendors` is known in snapshot 1";
    let planned = spoke.run(&["plan"]).await;
    assert!(planned.stdout.contains("the vendor `Straße GmbH` is in `vendors`"), "{}", planned.stdout);
    assert!(planned.stdout.contains(&format!("warning: the filter says: {warning}")), "{}", planned.stdout);
    let receipts = spoke.json(&["sync"]).await["receipts"].clone();
    assert_eq!(receipts[0]["filter_warnings"], json!([warning]));
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-other"], &[]));

    let checkup = spoke.run(&["doctor", "--output", "json"]).await;
    assert_eq!(checkup.code, 0, "{}", checkup.stderr);
    let checkup: serde_json::Value = serde_json::from_str(&checkup.stdout).unwrap();
    let checks = checkup["checks"].as_array().unwrap();
    let life = checks.iter().find(|check| check["check"] == "sign-of-life").unwrap();
    assert_eq!(life["result"], "warning");
    assert!(life["detail"].as_str().unwrap().contains(warning), "{life:#}");
    assert!(life["fixes"].to_string().contains("PMP_FILTER_CONFIG"), "{life:#}");
    let status = scene.hub.json(&["status"]).await;
    assert!(status.to_string().contains(warning), "{status:#}");
}

#[tokio::test]
async fn a_filter_that_used_up_its_limits_twice_is_not_run_for_the_rest_of_the_pass() {
    let mut world = world(&["prod-a"], &[]);
    for n in 0..6 {
        let policy = ProcurementPolicy::new(&format!("policy-more-{n}"));
        let more = Experience::new(&format!("exp-more{n}"), &format!("More {n}")).with_policy(policy);
        world.organizations[1].experiences.push(more);
    }
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("looping.wasm");
    // Each round costs ten thousand units of fuel, and next to no time: what has no effect is
    // counted, and not compiled.
    let costly = "(drop (i32.const 0))".repeat(10_000);
    std::fs::write(&component, guest(Some(&format!("(loop $again {costly} (br $again)) (i32.const 0)")))).unwrap();
    let spoke = scene.spoke_with_filter(&component, "{}");

    let synced = spoke.run(&["sync", "--output", "json"]).await;
    assert_eq!(synced.code, 1, "{}", synced.stderr);
    let synced: serde_json::Value = serde_json::from_str(&synced.stdout).unwrap();
    let receipts = synced["receipts"].as_array().unwrap();
    let live: Vec<_> = receipts.iter().filter(|receipt| receipt["status"] == "failed").collect();
    let errors: Vec<_> = live.iter().map(|receipt| receipt["error"].as_str().unwrap()).collect();
    let limits = |error: &&&str| {
        error.contains("used up its") && !error.contains("not run") || error.contains("was stopped after")
    };
    // Two run side by side: one more may have begun before the second came to its end.
    let ran = errors.iter().filter(limits).count();
    assert!(live.len() == 8 && (2..=3).contains(&ran), "{errors:#?}");
    let not_run: Vec<_> =
        errors.iter().filter(|error| error.contains("not run: it used up its limits for `exp-")).collect();
    assert_eq!(not_run.len(), 8 - ran, "{errors:#?}");
    assert!(not_run[0].ends_with("in this pass"), "{}", not_run[0]);

    // `plan` does the same, and nothing was changed.
    let planned = spoke.run(&["plan"]).await;
    assert_eq!(planned.stdout.matches("not run: it used up its limits for").count(), 6, "{}", planned.stdout);
    assert_eq!(scene.alpha_account.change_sets().await, 0);
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_left_as_it_is() {
    let mut world = world(&["prod-acme", "prod-other"], &[]);
    world.products = two_vendors();
    let of_lookups = |fault, account: &str, next| FaultRule {
        operation: Some("SearchListings".into()),
        account: Some(account.into()),
        next,
        ..FaultRule::new(fault)
    };
    // Each of the five attempts to find both products among the listings.
    world.faults = vec![of_lookups(Fault::ServerError { message: None }, "222222222222", Some(5))];
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let both = Lists::new(&["prod-acme", "prod-other"], &[]);
    let spoke = scene
        .spoke_with_filter(Path::new("exclude-vendors"), r#"{"vendors":["Acme Corp"]}"#)
        .with(&[("PMP_PRODUCT_ATTRIBUTES", "true"), ("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);

    let set_aside = spoke.run(&["sync", "--output", "json"]).await;
    assert_eq!(set_aside.code, 1, "{}", set_aside.stderr);
    for part in
        ["partial", "2 of the products are set aside; `prod-acme`: not looked up for the filter", "SearchListings"]
    {
        assert!(set_aside.stdout.contains(part), "{part}: {}", set_aside.stdout);
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, both);

    let synced = spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{}{}", synced.stdout, synced.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-other"], &["prod-acme"]));
}

#[tokio::test]
async fn where_products_must_not_be_looked_up_the_filter_is_not_run() {
    let mut world = world(&["prod-acme"], &[]);
    let denied = FaultRule::new(Fault::AccessDenied { message: None });
    world.faults = vec![FaultRule { operation: Some("GetProduct".into()), ..denied }];
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene
        .spoke_with_filter(Path::new("exclude-vendors"), r#"{"vendors":["Acme Corp"],"unknown":"keep"}"#)
        .with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]);
    let failed = spoke.run(&["sync", "--output", "json"]).await;
    assert_eq!(failed.code, 1, "{}", failed.stderr);
    for part in
        ["failed", "the filter was not run, since products cannot be looked up", "grant `aws-marketplace:GetProduct`"]
    {
        assert!(failed.stdout.contains(part), "{part}: {}", failed.stdout);
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::default());
}

#[tokio::test]
async fn a_filter_comes_from_s3_if_it_has_the_digest_that_is_pinned() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let (objects, component) = (Objects::start().await, std::fs::read(exclude_products()).unwrap());
    let digest = Digest::of(&component).to_string();
    objects.put("/filters/a/exclude.wasm", &component);
    objects.put("/filters/a/exclude.wasm?versionId=v1", b"an older one");
    objects.put("/filters/large.wasm", &vec![0; (4 << 20) + 1]);
    objects.break_off("/filters/broken.wasm", &component[..1000]);
    objects.put("/filters/settings.json", b"\xff\xfe{}");
    let spoke = scene
        .spoke
        .with(&[("AWS_ENDPOINT_URL_S3", objects.endpoint()), ("PMP_FILTER_CONFIG", r#"{"exclude_ids":["prod-b"]}"#)]);
    let with = |url, digest: &str| spoke.with(&[("PMP_FILTER", url), ("PMP_FILTER_DIGEST", digest)]);

    let receipts = with("s3://filters/a/exclude.wasm", &digest).json(&["sync"]).await["receipts"].clone();
    assert_eq!(
        (&receipts[0]["filter"]["name"], &receipts[0]["filter"]["digest"]),
        (&json!("exclude-products"), &json!(digest))
    );
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(objects.asked(), ["/filters/a/exclude.wasm"]);

    let refused = async |url, digest: &str, parts: &[&str]| {
        let Finished { code, stderr, .. } = with(url, digest).run(&["plan"]).await;
        assert_eq!(code, 1);
        for part in parts {
            assert!(stderr.contains(part), "{part}\n{stderr}");
        }
    };
    let older = Digest::of(b"an older one").to_string();
    refused(
        "s3://filters/a/exclude.wasm?versionId=v1",
        &digest,
        &["cannot use the filter --filter (PMP_FILTER) `s3://filters/a/exclude.wasm?versionId=v1`", &older, &digest],
    )
    .await;
    refused("s3://filters/none.wasm", &digest, &["s3:GetObject", "NoSuchKey", "check bucket, key and version"]).await;
    refused("s3://forbidden/a.wasm", &digest, &["AccessDenied", "grant `s3:GetObject`"]).await;
    refused("s3://forbidden/a.wasm?versionId=x", &digest, &["grant `s3:GetObjectVersion`"]).await;
    refused("s3://filters/large.wasm", &digest, &["more than 4194304 bytes", "PMP_FILTER_MAX_FILE", "E5113"]).await;
    refused("s3://filters/broken.wasm", &digest, &["the object broke off after 1000 bytes", "code: E5112"]).await;
    let no_text =
        with("s3://filters/a/exclude.wasm", &digest).with(&[("PMP_FILTER_CONFIG", "@s3://filters/settings.json")]);
    let no_text = no_text.run(&["plan"]).await.stderr;
    assert!(no_text.contains("invalid utf-8 sequence") && no_text.contains("code: E5104"), "{no_text}");
    refused("s3://filters/a/exclude.wasm", "", &["(PMP_FILTER_DIGEST): is missing: what comes from S3"]).await;
    refused("s3://filters", &digest, &["`s3://filters` is not the URL of an object in S3"]).await;
    refused("exclude-ids", &digest, &["--filter-digest (PMP_FILTER_DIGEST): is set, but the filter is built in"]).await;
}

#[tokio::test]
async fn a_filter_is_compiled_once_and_then_found_in_the_cache_or_pinned_as_machine_code() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let spoke = scene.spoke_with_filter(&exclude_products(), r#"{"exclude_ids":["prod-b"]}"#);
    let cached = spoke.with(&[("PMP_FILTER_CACHE", cache.to_str().unwrap())]);
    for _ in 0..2 {
        assert_eq!(cached.run(&["plan"]).await.code, 0);
    }
    let entries = || std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
    let entry = entries().find(|path| path.extension().is_some_and(|end| end == "cwasm")).unwrap();
    // What the cache did not write is told of, and not used.
    std::fs::write(&entry, b"not by the cache").unwrap();
    let finished = cached.run(&["plan"]).await;
    assert_eq!(finished.code, 0);
    assert!(finished.stderr.contains("was not written by this cache"), "{}", finished.stderr);
    // One that is open to others, as volumes of Kubernetes are, is not used either, and told of
    // once.
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o775)).unwrap();
    let finished = cached.run(&["plan"]).await;
    let told = finished.stderr.matches("the filter cache is not used").count();
    assert!((finished.code, told) == (0, 1) && finished.stderr.contains("a folder in it"), "{}", finished.stderr);

    let machine_code = folder.path().join("exclude.cwasm");
    let compiled = pmp_tests::Program::new("pmp-filter", &[])
        .json(&["compile", exclude_products().to_str().unwrap(), "--to", machine_code.to_str().unwrap()])
        .await;
    let pinned = scene.spoke_with_filter(&machine_code, r#"{"exclude_ids":["prod-b"]}"#);
    let unpinned = pinned.run(&["sync"]).await;
    assert!(unpinned.stderr.contains("it is loaded only with its digest pinned"), "{}", unpinned.stderr);
    let pinned = pinned.with(&[("PMP_FILTER_DIGEST", compiled["digest"].as_str().unwrap())]);
    let receipts = pinned.json(&["sync"]).await["receipts"].clone();
    assert_eq!(receipts[0]["filter"]["digest"], compiled["digest"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
}

#[tokio::test]
async fn a_filter_that_is_introduced_later_takes_away_what_it_excludes() {
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let spoke = scene.spoke_with_filter(&exclude_products(), r#"{"exclude_ids":["prod-b"]}"#);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a", "prod-c"], &["prod-b"]));
}

#[tokio::test]
async fn a_filter_that_traps_changes_nothing_and_the_receipt_says_why() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let before = (scene.alpha_account.lists(ALPHA_PROD).await, scene.alpha_account.change_sets().await);

    scene.hub_account.approve("exp-management", &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("trapping.wasm");
    std::fs::write(&component, guest(None)).unwrap();
    let spoke = scene.spoke_with_filter(&component, "{}");
    let agent = spoke.start(&["run"]);
    // Its outcome is in the ledger, so the message is answered.
    pmp_tests::eventually("the message is answered", &0, async || scene.alpha_account.waiting(&scene.queue_url).await)
        .await;
    assert_eq!(agent.stop().await.0, 0);
    let after = (scene.alpha_account.lists(ALPHA_PROD).await, scene.alpha_account.change_sets().await);
    assert_eq!(before, after);

    let status = scene.hub.json(&["status"]).await;
    let prod = status["spokes"].as_array().unwrap().iter().find(|row| row["member_experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&prod["state"], &prod["version"]), (&json!("ERROR"), &json!(2)));
    assert!(prod["message"].as_str().unwrap().starts_with("filter `guest`: "), "{}", prod["message"]);
}

#[tokio::test]
async fn an_experience_that_the_filter_does_not_manage_is_left_alone_and_the_receipt_says_why() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("scope.wasm");
    std::fs::write(&component, guest(Some(NOT_MANAGED))).unwrap();
    let spoke = scene.spoke_with_filter(&component, "{}");

    let reason = "not managed, says the filter `guest`: frozen till May.";
    let planned = spoke.run(&["plan"]).await;
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    assert!(planned.stdout.contains(&format!("Skipped: {reason}")), "{}", planned.stdout);
    let receipts = spoke.json(&["sync"]).await["receipts"].clone();
    for experience in [ALPHA_PROD, ALPHA_DEV] {
        let of = |row: &&serde_json::Value| row["member_experience"] == experience;
        let receipt = receipts.as_array().unwrap().iter().find(of).unwrap();
        assert_eq!((&receipt["status"], &receipt["error"]), (&json!("skipped"), &json!(reason)));
        assert_eq!(receipt["filter"]["name"], "guest");
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::default());
    assert_eq!(scene.alpha_account.change_sets().await, 0);
    let status = scene.hub.run(&["status", "--check", "--all"]).await;
    assert_eq!(status.code, 0, "{}", status.stdout);
    assert!(status.stdout.contains("frozen till May."), "{}", status.stdout);

    // A failure to say is a failure of the filter, and not a reason to go on.
    std::fs::write(&component, guest(Some(TRAPS))).unwrap();
    let receipts = spoke.run(&["sync"]).await;
    assert_eq!(receipts.code, 1);
    assert!(receipts.stdout.contains("filter `guest`: the filter trapped"), "{}", receipts.stdout);
    assert!(receipts.stdout.contains("the author of the filter ("), "{}", receipts.stdout);
}

#[tokio::test]
async fn a_filter_that_cannot_be_used_stops_the_spoke_before_anything_else_and_the_hub_is_told() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let refused = scene.spoke_with_filter(&exclude_products(), r#"{"exclude_everything":true}"#).run(&["sync"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("refuses its configuration"), "{}", refused.stderr);
    assert!(refused.stderr.contains("exclude_everything"), "{}", refused.stderr);
    let missing = scene.spoke_with_filter(Path::new("no-such-filter.wasm"), "{}").run(&["sync"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("cannot use the filter --filter (PMP_FILTER) `no-such-filter.wasm`"));

    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::default());
    let status = scene.hub.run(&["status", "--check"]).await;
    assert_eq!(status.code, 4);
    assert!(status.stdout.contains("no-such-filter.wasm"), "{}", status.stdout);
}

/// Bodies of a filter's functions that end in a trap, and that say: managed, and not.
const TRAPS: &str = "unreachable";
const NOT_MANAGED: &str = "(i32.const 512)";

/// A component that describes itself as `guest`, takes any settings, traps when it is to decide,
/// and answers with the given body whether an experience is managed; without one it doesn't export
/// the question.
pub(crate) fn guest(manages: Option<&str>) -> Vec<u8> {
    // Results are addresses in the canonical ABI's layout: a string is an address and a length, and
    // `ok` without a value a zero byte.
    let manages = manages.map(|body| {
        format!(
            r#"(func (export "pmp-sync:filter/scope@1.0.0#manages")
                 (param i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) {body})"#
        )
    });
    let world = if manages.is_some() { "scoped-filter" } else { "filter" };
    let module = r#"(module
      (memory (export "memory") 1)
      (data (i32.const 0) "\40\00\00\00\05\00\00\00" "\50\00\00\00\05\00\00\00" "\60\00\00\00\06\00\00\00" "\70\00\00\00\02\00\00\00")
      (data (i32.const 64) "guest")
      (data (i32.const 80) "1.0.0")
      (data (i32.const 96) "A test")
      (data (i32.const 112) "{}")
      (data (i32.const 512) "\00\00\00\00" "\00\00\00\00" "\01\00\00\00" "\40\02\00\00" "\10\00\00\00")
      (data (i32.const 576) "frozen till May.")
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
        ;; A fresh page for everything: this filter lives for three calls.
        (local.set $at (i32.mul (memory.size) (i32.const 65536)))
        (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get 3) (i32.const 65536)))))
        (local.get $at))
      (func (export "pmp-sync:filter/rules@1.0.0#describe") (result i32) (i32.const 0))
      (func (export "pmp-sync:filter/rules@1.0.0#validate") (param i32 i32) (result i32) (i32.const 256))
      (func (export "pmp-sync:filter/rules@1.0.0#evaluate") (param i32) (result i32) unreachable)
      MANAGES)"#;
    let mut module = wat::parse_str(module.replace("MANAGES", &manages.unwrap_or_default())).unwrap();
    let contract = std::fs::read_to_string(repository().join("wit/filter-1.0.0/filter.wit")).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_str("filter.wit", &contract).unwrap();
    let filter = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, filter, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
}
