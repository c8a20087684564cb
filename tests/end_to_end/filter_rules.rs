//! Filters by experience: rules in one spoke.

use pmp_local_aws::world::{Experience, ProcurementPolicy};
use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Lists, MANAGEMENT, Objects, Program, Scene, world};
use serde_json::{Value, json};

const SANDBOX: &str = "exp-sandbox1";
const OPEN: &str = "exp-open1";

/// Alpha with two experiences more, and a snapshot of three products.
async fn scene() -> Scene {
    let mut world = world(&["prod-a", "prod-b", "prod-c"], &[]);
    for (id, name) in [(SANDBOX, "Sandbox \u{a0}North"), (OPEN, "Open house")] {
        let policy = ProcurementPolicy::new(&id.replace("exp-", "policy-"));
        world.organizations[1].experiences.push(Experience::new(id, name).with_policy(policy));
    }
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    scene
}

fn with_rules(spoke: &Program, rules: &Value) -> Program {
    spoke.with(&[("PMP_FILTERS", &rules.to_string())])
}

fn of<'a>(list: &'a Value, key: &str, experience: &str) -> &'a Value {
    let list = list.as_array().unwrap();
    list.iter().find(|one| one[key] == experience).unwrap_or_else(|| panic!("{experience}: {list:#?}"))
}

#[tokio::test]
async fn each_experience_has_the_filter_of_the_first_rule_that_names_it_and_all_others_the_default() {
    let scene = scene().await;
    let rules = json!([
        {"experiences": [ALPHA_PROD], "filter": "exclude-ids", "settings": {"ids": ["prod-a"], "reason": "not in production"}},
        {"names": ["sandbox *"], "filter": "exclude-ids", "settings": {"ids": ["prod-b"]}},
        {"names": ["Open*", "Sandbox*"], "filter": "none"},
    ]);
    let spoke = with_rules(&scene.spoke, &rules)
        .with(&[("PMP_FILTER", "exclude-ids"), ("PMP_FILTER_CONFIG", r#"{"ids":["prod-c"]}"#)]);

    let planned = spoke.run(&["plan"]).await;
    for part in [
        "by rule 1 of PMP_FILTERS: its id is in `experiences`",
        "by rule 2 of PMP_FILTERS: its name matches `sandbox *`",
        "filter: none, by rule 3 of PMP_FILTERS: its name matches `Open*`",
        "by the default, PMP_FILTER: no rule names it",
        "excluded by filter: not in production",
    ] {
        assert!(planned.stdout.contains(part), "{part}\n{}", planned.stdout);
    }
    let plan = spoke.json(&["plan"]).await;
    let sandbox = of(&plan["experiences"], "experience", SANDBOX);
    assert_eq!(sandbox["filter"]["name"], "exclude-ids");
    assert_eq!(sandbox["filter"]["because"], "rule 2 of PMP_FILTERS: its name matches `sandbox *`");
    assert_eq!(plan.get("warnings"), None);

    let receipts = spoke.json(&["sync"]).await["receipts"].clone();
    for (experience, approved, filter) in [
        (ALPHA_PROD, ["prod-b", "prod-c"].as_slice(), json!("exclude-ids")),
        (SANDBOX, &["prod-a", "prod-c"], json!("exclude-ids")),
        (OPEN, &["prod-a", "prod-b", "prod-c"], Value::Null),
        (ALPHA_DEV, &["prod-a", "prod-b"], json!("exclude-ids")),
    ] {
        assert_eq!(scene.alpha_account.lists(experience).await, Lists::new(approved, &[]), "{experience}");
        let receipt = of(&receipts, "member_experience", experience);
        assert_eq!((&receipt["status"], &receipt["filter"]["name"]), (&json!("in-sync"), &filter), "{receipt:#}");
    }

    let checkup = spoke.run(&["doctor", "--output", "json"]).await;
    let checkup: Value = serde_json::from_str(&checkup.stdout).unwrap();
    let rules = of(&checkup["checks"], "check", "filter-rules");
    assert_eq!(rules["result"], "ok", "{rules:#}");
    let detail = rules["detail"].to_string();
    assert!(detail.contains(&format!("rule 1 of PMP_FILTERS: {ALPHA_PROD}")), "{detail}");
    let filter = of(&checkup["checks"], "check", "filter")["detail"].to_string();
    assert!(filter.contains("rule 2 of PMP_FILTERS: `exclude-ids` 1.2.0"), "{filter}");
}

#[tokio::test]
async fn a_rule_that_names_no_experience_is_a_warning_in_plan_receipt_and_doctor() {
    let scene = scene().await;
    let rules = json!([
        {"names": ["Sandbx*"], "filter": "exclude-ids", "settings": {"ids": ["prod-b"]}},
        {"names": ["Open*"], "filter": "none"},
        {"experiences": [OPEN], "filter": "exclude-ids", "settings": {"ids": ["prod-a"]}},
    ]);
    let spoke = with_rules(&scene.spoke, &rules);
    let (none, late) = (
        "rule 1 of PMP_FILTERS names none of the experiences here",
        "rule 3 of PMP_FILTERS decides nothing: an earlier rule has all that it names",
    );
    let planned = spoke.run(&["plan"]).await;
    assert!(planned.stdout.contains(&format!("warning: {none}")), "{}", planned.stdout);
    assert_eq!(spoke.json(&["plan"]).await["warnings"], json!([none, late]));
    let receipts = spoke.json(&["sync"]).await["receipts"].clone();
    assert_eq!(of(&receipts, "member_experience", ALPHA_PROD)["filter_warnings"], json!([none, late]));
    let checkup = spoke.run(&["doctor", "--output", "json"]).await;
    let checkup: Value = serde_json::from_str(&checkup.stdout).unwrap();
    let rules = of(&checkup["checks"], "check", "filter-rules");
    assert_eq!(rules["result"], "warning", "{rules:#}");
    assert!(
        rules["detail"].to_string().contains(none) && rules["fixes"].to_string().contains("PMP_FILTERS"),
        "{rules:#}"
    );
    // Once, though it stands in every receipt.
    let life = of(&checkup["checks"], "check", "sign-of-life")["detail"].to_string();
    assert_eq!(life.matches(none).count(), 1, "{life}");
}

#[tokio::test]
async fn a_filter_of_one_rule_that_cannot_be_used_touches_its_experiences_alone_and_is_tried_again() {
    let scene = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("sandbox.wasm");
    let rules = json!([
        {"names": ["Sandbox*"], "filter": missing, "settings": {"exclude_ids": ["prod-b"]}},
        {"experiences": [ALPHA_PROD], "filter": "exclude-ids", "settings": {"ids": ["prod-a"]}},
    ]);
    let spoke = with_rules(&scene.spoke, &rules);
    let synced = spoke.run(&["sync", "--output", "json"]).await;
    assert_eq!(synced.code, 1, "{}", synced.stderr);
    let receipts: Value = serde_json::from_str(&synced.stdout).unwrap();
    let failed = of(&receipts["receipts"], "member_experience", SANDBOX);
    assert_eq!(failed["status"], "failed", "{failed:#}");
    let error = failed["error"].as_str().unwrap();
    assert!(error.starts_with("cannot use the filter of rule 1 of --filters (PMP_FILTERS), `"), "{error}");
    assert_eq!(scene.alpha_account.lists(SANDBOX).await, Lists::default());
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-b", "prod-c"], &[]));
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a", "prod-b", "prod-c"], &[]));
    let planned = spoke.run(&["plan"]).await;
    assert!(
        planned.code == 1 && planned.stdout.contains("FAILED: cannot use the filter of rule 1"),
        "{}",
        planned.stdout
    );
    let checkup = spoke.run(&["doctor"]).await;
    assert!(checkup.code == 4 && checkup.stdout.contains("cannot use the filter of rule 1 of"), "{}", checkup.stdout);

    // An agent tries it again with each pass, and goes on meanwhile.
    let agent = spoke.with(&[("NO_COLOR", "1")]).start(&["run"]);
    let expected = Lists::new(&["prod-b", "prod-c", "prod-d"], &[]);
    scene.hub_account.approve(MANAGEMENT, &["prod-d"]).await;
    scene.hub.json(&["publish"]).await;
    let prod = async || scene.alpha_account.lists(ALPHA_PROD).await;
    pmp_tests::eventually("the others go on", &expected, prod).await;
    std::fs::copy(crate::filters::exclude_products(), &missing).unwrap();
    scene.hub.json(&["publish"]).await;
    let sandbox = async || scene.alpha_account.lists(SANDBOX).await;
    pmp_tests::eventually("it is there now", &Lists::new(&["prod-a", "prod-c", "prod-d"], &[]), sandbox).await;
    let (code, log) = agent.stop().await;
    assert!(code == 0 && log.contains("its experiences stay as they are"), "{log}");
}

#[tokio::test]
async fn a_component_that_two_rules_name_is_fetched_once_and_held_to_its_digest() {
    let scene = scene().await;
    let (objects, component) = (Objects::start().await, std::fs::read(crate::filters::exclude_products()).unwrap());
    objects.put("/filters/a.wasm", &component);
    let digest = pmp_protocol::Digest::of(&component).to_string();
    let other = pmp_protocol::Digest::of(b"another").to_string();
    let rule = |experience: &str, excluded: &str, digest: &str| {
        let settings = json!({"exclude_ids": [excluded]});
        json!({"experiences": [experience], "filter": "s3://filters/a.wasm", "digest": digest, "settings": settings})
    };
    let rules =
        json!([rule(ALPHA_PROD, "prod-a", &digest), rule(SANDBOX, "prod-b", &digest), rule(OPEN, "prod-c", &other)]);
    let spoke = with_rules(&scene.spoke, &rules).with(&[("AWS_ENDPOINT_URL_S3", objects.endpoint())]);
    let synced = spoke.run(&["sync", "--output", "json"]).await;
    let receipts: Value = serde_json::from_str(&synced.stdout).unwrap();
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-b", "prod-c"], &[]));
    assert_eq!(scene.alpha_account.lists(SANDBOX).await, Lists::new(&["prod-a", "prod-c"], &[]));
    assert_eq!(scene.alpha_account.lists(OPEN).await, Lists::default());
    let refused = of(&receipts["receipts"], "member_experience", OPEN)["error"].to_string();
    assert!(refused.contains("rule 3 of") && refused.contains("digest"), "{refused}");
    // One for both rules; and the one of another digest, at the start and again in the pass.
    assert_eq!(objects.asked(), vec!["/filters/a.wasm"; 3]);
}

#[tokio::test]
async fn a_mistake_in_the_rules_is_told_at_the_start_with_the_rules_number_and_the_field() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let rules = json!([
        {"names": ["a*"], "filter": "exclude-ids", "settings": {"idz": []}},
        {"experiences": [MANAGEMENT], "filter": "exclude-id"},
    ]);
    for command in ["plan", "sync", "run"] {
        let refused = with_rules(&scene.spoke, &rules).run(&[command]).await;
        assert_eq!(refused.code, 1);
        for part in [
            "--filters (PMP_FILTERS): rule 1, `settings`: the filter `exclude-ids` refuses its configuration: idz: unknown",
            "--filters (PMP_FILTERS): rule 2, `experiences`: `exp-management` is the management experience",
            "--filters (PMP_FILTERS): rule 2, `filter`: unknown filter `exclude-id`",
        ] {
            assert!(refused.stderr.contains(part), "{part}\n{}", refused.stderr);
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), r#"[{"names": ["*"], "filter": "none", "setings": 1}]"#).unwrap();
    let path = format!("@{}", file.path().display());
    let refused = scene.spoke.with(&[("PMP_FILTERS", &path)]).run(&["plan"]).await;
    assert!(refused.stderr.contains("rule 1, `setings`: unknown field `setings`"), "{}", refused.stderr);
}
