//! The built-in filters, as a spoke uses them.

use jiff::Timestamp;
use pmp_filter_host::*;
use pmp_protocol::{Decision, ExperienceId, OrganizationId, ProductId, SnapshotVersion, Verdict};
use serde_json::{Value, json};

fn built_in(name: &str) -> Filter {
    Filter::built_in(name, Limits::default()).unwrap()
}

fn refusal(name: &str, settings: &Value) -> String {
    let error = built_in(name).configure(&settings.to_string()).unwrap_err();
    assert!(matches!(error, ConfigError::Refused { .. }), "{error:?}");
    let text = error.to_string();
    text.strip_prefix(&format!("the filter `{name}` refuses its configuration: ")).unwrap().to_owned()
}

/// What a filter decides on five products: a plain one, two of vendors, one of which nothing is
/// known, and one that the hub rejected.
fn evaluate(name: &str, settings: &Value) -> Evaluation {
    let ids: Vec<_> = (0..5).map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect();
    let (security, devops) = (["Security".to_owned()], ["DevOps".to_owned(), "Monitoring".to_owned()]);
    let product = |n: usize| Product::new(&ids[n], Status::Approved);
    let products = [
        Product { manufacturer: Some("Plain Inc."), categories: &security, ..product(0) },
        Product { manufacturer: Some("ACME Corp"), categories: &devops, ..product(1) },
        Product { manufacturer: Some(" acme corp "), categories: &devops[..1], ..product(2) },
        product(3),
        Product { status: Status::Rejected, ..product(4) },
    ];
    let experience = ExperienceId::new("exp-1").unwrap();
    let organization = OrganizationId::new("o-abcdefghij").unwrap();
    let context = context(&organization, &experience);
    built_in(name).configure(&settings.to_string()).unwrap().evaluate(&context, &products).unwrap()
}

fn context<'a>(organization: &'a OrganizationId, experience: &'a ExperienceId) -> Context<'a> {
    Context {
        snapshot_version: SnapshotVersion::FIRST,
        organization,
        management_experience: experience,
        experience,
        experience_name: "Example",
        labels: &[],
        evaluated_at: Timestamp::UNIX_EPOCH,
    }
}

/// The decisions as text; what the hub rejected stays so in all of them.
fn decisions(name: &str, settings: &Value) -> Vec<String> {
    let mut decisions = evaluate(name, settings).decisions;
    assert_eq!(decisions.pop(), Some(Decision { verdict: Verdict::Reject, reason: None }));
    let text = |decision: Decision| match decision.reason {
        Some(reason) => format!("{}: {reason}", decision.verdict.as_str()),
        None => decision.verdict.as_str().to_owned(),
    };
    decisions.into_iter().map(text).collect()
}

fn logs(name: &str, settings: &Value) -> Vec<String> {
    evaluate(name, settings).usage.logs.into_iter().map(|line| line.message).collect()
}

#[test]
fn ids_are_excluded() {
    let settings = json!({"ids": ["prod-1", "prod-9"]});
    assert_eq!(decisions("exclude-ids", &settings), ["keep", "exclude: the id is in `ids`", "keep", "keep"]);
    assert_eq!(logs("exclude-ids", &settings), ["`prod-9` in `ids` is not in snapshot 1"]);
    let settings = json!({"ids": ["prod-1", "prod-4"], "verdict": "reject", "reason": "board, 2026-10"});
    assert_eq!(decisions("exclude-ids", &settings), ["keep", "reject: board, 2026-10", "keep", "keep"]);
}

#[test]
fn vendors_are_excluded_and_so_is_what_has_no_known_vendor_unless_it_is_to_be_kept() {
    let acme = "exclude: the vendor `Acme Corp` is in `vendors`";
    let settings = json!({"vendors": ["Acme Corp", "Nobody"]});
    let excluded = ["keep", acme, acme, "exclude: the vendor is not known"];
    assert_eq!(decisions("exclude-vendors", &settings), excluded);
    assert_eq!(
        logs("exclude-vendors", &settings),
        ["the vendors of 2 of 5 products are not known", "no product of `Nobody` in `vendors` is known in snapshot 1"]
    );
    let settings = json!({"vendors": ["acme"], "unknown": "keep"});
    assert_eq!(decisions("exclude-vendors", &settings), ["keep"; 4]);
    // Nothing is held against what is not known: it is never rejected.
    let settings = json!({"vendors": ["plain inc."], "verdict": "reject", "reason": "no"});
    let rejected = ["reject: no", "keep", "keep", "exclude: the vendor is not known"];
    assert_eq!(decisions("exclude-vendors", &settings), rejected);
}

#[test]
fn only_categories_that_are_listed_are_kept() {
    let settings = json!({"categories": ["monitoring", "Secrets"]});
    let expected = [
        "exclude: the category `Security` is not in `categories`",
        "keep",
        "exclude: the category `DevOps` is not in `categories`",
        "exclude: the categories are not known",
    ];
    assert_eq!(decisions("only-categories", &settings), expected);
    assert_eq!(
        logs("only-categories", &settings),
        [
            "the categories of 2 of 5 products are not known",
            "no product in the category `Secrets` in `categories` is known in snapshot 1"
        ]
    );
    let settings = json!({"categories": ["security"], "unknown": "keep"});
    let others = "exclude: the category `DevOps` and 1 more is not in `categories`";
    let alone = "exclude: the category `DevOps` is not in `categories`";
    assert_eq!(decisions("only-categories", &settings), ["keep", others, alone, "keep"]);
}

#[test]
fn of_several_rules_the_strongest_word_counts_and_of_equal_ones_the_first() {
    let settings = json!({
        "exclude-ids": {"ids": ["prod-1", "prod-2"]},
        "exclude-vendors": {"vendors": ["acme corp"], "verdict": "reject", "unknown": "keep"},
        "only-categories": {"categories": ["DevOps"], "unknown": "keep"},
    });
    let vendor = "reject: the vendor `acme corp` is in `vendors`";
    let category = "exclude: the category `Security` is not in `categories`";
    assert_eq!(decisions("rules", &settings), [category, vendor, vendor, "keep"]);
    let settings = json!({"exclude-ids": {"ids": ["prod-0"]}, "only-categories": {"categories": ["DevOps"]}});
    assert_eq!(decisions("rules", &settings)[0], "exclude: the id is in `ids`");
}

#[test]
fn settings_that_are_not_understood_are_refused_by_name() {
    for (name, settings, said) in [
        ("exclude-ids", json!({"id": []}), "id: unknown field `id`, expected one of `ids`, `verdict`, `reason`"),
        ("exclude-ids", json!({}), "missing field `ids`"),
        ("exclude-ids", json!({"ids": []}), "ids: the list is empty"),
        ("exclude-ids", json!({"ids": ["prod-1", "two words"]}), "ids[1]: "),
        ("exclude-vendors", json!({"vendors": ["a", " "]}), "vendors: entry 2 is empty"),
        ("exclude-vendors", json!({"vendors": ["a"], "unknown": "maybe"}), "unknown: unknown variant `maybe`"),
        ("only-categories", json!({"categories": ["a"], "verdict": "keep"}), "verdict: unknown variant `keep`"),
        ("rules", json!({}), "there is no rule"),
        ("rules", json!({"exclude-ids": {"ids": [], "x": 1}}), "exclude-ids.ids: the list is empty"),
        ("rules", json!({"exclude-vendors": {"vendors": ["a"], "x": 1}}), "exclude-vendors.x: unknown field `x`"),
    ] {
        let refusal = refusal(name, &settings);
        assert!(refusal.starts_with(said), "{name} {settings}: {refusal}");
    }
}

#[test]
fn the_schemas_name_the_settings_that_there_are() {
    for name in Filter::built_in_names() {
        let filter = built_in(name);
        let description = filter.description();
        assert_eq!((description.name.as_str(), description.version.as_str()), (name, "1.2.0"));
        let schema: Value = serde_json::from_str(&description.settings_schema).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        // What the settings' own type says, where it meets a field that there is none of.
        let refusal = refusal(name, &json!({"no such field": 1}));
        let (_, expected) = refusal.split_once("expected one of ").unwrap();
        let expected: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        let properties: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(properties, expected, "{name}");
    }
}

#[test]
fn receipts_name_them_and_their_digests_differ() {
    let identities: Vec<_> = Filter::built_in_names().map(|name| built_in(name).identity()).collect();
    assert_eq!(identities.iter().map(|identity| identity.digest).collect::<std::collections::BTreeSet<_>>().len(), 4);
    assert!(Filter::built_in("exclude-everything", Limits::default()).is_none());
}

/// What the vendor rule says of a product of `vendor`, where `blocked` is in the settings.
fn judged(blocked: &str, vendor: &str) -> Verdict {
    let id = ProductId::new("prod-1").unwrap();
    let product = Product { manufacturer: Some(vendor), ..Product::new(&id, Status::Approved) };
    let experience = ExperienceId::new("exp-1").unwrap();
    let organization = OrganizationId::new("o-abcdefghij").unwrap();
    let settings = json!({"vendors": [blocked], "unknown": "keep"}).to_string();
    let filter = built_in("exclude-vendors").configure(&settings).unwrap();
    filter.evaluate(&context(&organization, &experience), &[product]).unwrap().decisions[0].verdict
}

#[test]
fn a_name_is_met_as_people_read_it() {
    for (blocked, vendor) in [
        ("Straße GmbH", "STRASSE GmbH"),
        ("Example Corp", "Example\u{a0}Corp"),
        ("Example Corp", "Example  Corp"),
        ("Example Corp", "\u{feff}Example Corp"),
        ("Cafe\u{301}", "CAF\u{c9}"),
        ("ΟΔΟΣ", "οδος"),
    ] {
        assert_eq!(judged(blocked, vendor), Verdict::Exclude, "{blocked} {vendor}");
        assert_eq!(judged(vendor, blocked), Verdict::Exclude, "{vendor} {blocked}");
    }
    for (blocked, other) in [("Example Corp", "ExampleCorp"), ("Example", "Example Corp"), ("Ilk", "ılk")] {
        assert_eq!(judged(blocked, other), Verdict::Keep, "{blocked} {other}");
    }
}

#[test]
fn a_vendor_and_a_category_are_met_by_their_ids_exactly_where_their_names_changed() {
    let (id, experience) = (ProductId::new("prod-1").unwrap(), ExperienceId::new("exp-1").unwrap());
    let organization = OrganizationId::new("o-abcdefghij").unwrap();
    let (categories, category_ids) = (["Renamed".to_owned()], ["category-7".to_owned()]);
    let product = Product {
        manufacturer: Some("Renamed Inc."),
        manufacturer_id: Some("seller-7"),
        categories: &categories,
        category_ids: &category_ids,
        ..Product::new(&id, Status::Approved)
    };
    let nameless = Product { manufacturer: None, ..product };
    let reason = |name: &str, settings: &serde_json::Value, product| {
        let filter = built_in(name).configure(&settings.to_string()).unwrap();
        let evaluation = filter.evaluate(&context(&organization, &experience), &[product]).unwrap();
        (evaluation.decisions[0].reason.clone(), evaluation.usage.logs.len())
    };
    let vendors = |vendor: &str, product| reason("exclude-vendors", &json!({"vendors": [vendor]}), product);
    let told = |text: &str| Some(text.to_owned());
    assert_eq!(vendors("seller-7", product), (told("the vendor `seller-7` is in `vendors`"), 0));
    assert_eq!(vendors("renamed inc.", product).0, told("the vendor `renamed inc.` is in `vendors`"));
    assert_eq!(vendors("SELLER-7", product).0, None, "an id is compared exactly");
    assert_eq!(vendors("seller-7", nameless).0, told("the vendor `seller-7` is in `vendors`"));
    assert_eq!(vendors("Acme", nameless).0, told("the vendor is not known"), "it may be Acme");
    let categories = |category: &str| reason("only-categories", &json!({"categories": [category]}), product);
    assert_eq!(categories("category-7"), (None, 0));
    assert_eq!(categories("Category-7").0, told("the category `Renamed` is not in `categories`"));
}

#[test]
fn every_name_of_the_table_is_met_by_its_key() {
    let table: Vec<(String, String)> = serde_json::from_str(include_str!("../../../names/table.json")).unwrap();
    let ids: Vec<_> = (0..table.len()).map(|n| ProductId::new(&format!("prod-{n}")).unwrap()).collect();
    let named = || table.iter().zip(&ids).filter(|((_, key), _)| !key.is_empty());
    let products: Vec<_> = named()
        .map(|((name, _), id)| Product { manufacturer: Some(name), ..Product::new(id, Status::Approved) })
        .collect();
    let keys: Vec<_> = named().map(|((_, key), _)| key).collect();
    let filter = built_in("exclude-vendors").configure(&json!({"vendors": keys}).to_string()).unwrap();
    let experience = ExperienceId::new("exp-1").unwrap();
    let organization = OrganizationId::new("o-abcdefghij").unwrap();
    let decisions = filter.evaluate(&context(&organization, &experience), &products).unwrap().decisions;
    assert!(decisions.len() > 980);
    for (product, decision) in products.iter().zip(decisions) {
        assert_eq!(decision.verdict, Verdict::Exclude, "{product:?}");
    }
}

#[test]
fn a_name_in_which_there_is_nothing_to_read_is_none() {
    let refusal = refusal("exclude-vendors", &json!({"vendors": ["a", "\u{200b}\u{a0}"]}));
    assert!(refusal.starts_with("vendors: entry 2 is empty"), "{refusal}");
    let id = ProductId::new("prod-1").unwrap();
    let experience = ExperienceId::new("exp-1").unwrap();
    let organization = OrganizationId::new("o-abcdefghij").unwrap();
    let filter = built_in("exclude-vendors").configure(r#"{"vendors":["Example"]}"#).unwrap();
    let product = Product { manufacturer: Some("\u{3164} "), ..Product::new(&id, Status::Approved) };
    let decisions = filter.evaluate(&context(&organization, &experience), &[product]).unwrap().decisions;
    assert_eq!(decisions[0].reason.as_deref(), Some("the vendor is not known"));
}

#[test]
fn what_no_product_has_is_a_warning() {
    for (name, settings) in [
        ("exclude-ids", json!({"ids": ["prod-9"]})),
        ("exclude-vendors", json!({"vendors": ["Nobody"]})),
        ("only-categories", json!({"categories": ["Nothing"]})),
    ] {
        let logs = evaluate(name, &settings).usage.logs;
        assert!(logs.iter().all(|line| line.level == LogLevel::Warn) && !logs.is_empty(), "{name}: {logs:?}");
    }
}
