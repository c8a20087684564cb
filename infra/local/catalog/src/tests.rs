//! The state machine, driven by its own JSON and its own time.

mod assumptions;
mod documents;
mod requests;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use pmp_world::{CatalogLimits, ChangeSetTiming, Experience, IdLimit, Organization, ProcurementPolicy};

const OWNER: &str = "111111111111";
const DELEGATE: &str = "111111111112";
const EMPLOYEE: &str = "111111111113";
const STRANGER: &str = "999999999999";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// Change sets take ten seconds.
fn world() -> World {
    let policy = ProcurementPolicy::new("policy-1").approving(["prod-a"]);
    let organization = Organization::new("o-aaaaaaaaaa", "A", OWNER)
        .with_delegated_administrator(DELEGATE)
        .with_member(EMPLOYEE)
        .with_experience(Experience::new("exp-1", "One").with_policy(policy))
        .with_experience(Experience::new("exp-2", "Two").disabled());
    World {
        change_sets: ChangeSetTiming::always(Duration::from_secs(10)),
        catalog: CatalogLimits::without_throttling(),
        organizations: vec![organization],
        ..World::default()
    }
}

fn on(change_type: &str, identifier: &str, details: Value) -> Value {
    let entity = json!({ "Type": "Experience@1.0", "Identifier": identifier });
    json!({ "ChangeType": change_type, "Entity": entity, "DetailsDocument": details })
}

fn allow(identifier: &str, ids: &[&str]) -> Value {
    on("AllowProductProcurement", identifier, json!({ "Products": [{ "Ids": ids }] }))
}

fn start(catalog: &mut Catalog, caller: &str, changes: &[Value], now: Timestamp) -> Result<String, CatalogError> {
    let request = json!({ "Catalog": CATALOG, "ChangeSet": changes });
    let answer = catalog.call(caller, Operation::StartChangeSet, request, now)?;
    Ok(answer["ChangeSetId"].as_str().unwrap_or_default().to_owned())
}

fn describe(catalog: &mut Catalog, id: &str, now: Timestamp) -> Value {
    let (operation, request) = match id.len() {
        25 => (Operation::DescribeChangeSet, json!({ "Catalog": CATALOG, "ChangeSetId": id })),
        _ => (Operation::DescribeEntity, json!({ "Catalog": CATALOG, "EntityId": id })),
    };
    catalog.call(OWNER, operation, request, now).unwrap()
}

/// Runs one change set to its end and describes it.
fn run(catalog: &mut Catalog, changes: &[Value], now: Timestamp) -> Value {
    let id = start(catalog, OWNER, changes, now).unwrap();
    let end = catalog.next_end().unwrap();
    catalog.advance(end);
    describe(catalog, &id, end)
}

fn error_codes(change_set: &Value) -> Vec<String> {
    let changes = change_set["ChangeSet"].as_array().unwrap().iter();
    let errors = changes.flat_map(|change| change["ErrorDetailList"].as_array().unwrap());
    errors.map(|error| error["ErrorCode"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_catalog_read_back_from_its_state_goes_on_where_it_was() {
    let mut catalog = Catalog::new(&world(), at(0));
    let changes = [allow("exp-1@1", &["prod-b"])];
    let request = json!({ "Catalog": CATALOG, "ChangeSet": changes, "ClientRequestToken": "token" });
    let id = catalog.call(OWNER, Operation::StartChangeSet, request.clone(), at(0)).unwrap();

    let text = serde_json::to_string(&catalog).unwrap();
    let mut restored = Catalog::restore(serde_json::from_str(&text).unwrap(), &world()).unwrap();
    assert_eq!(serde_json::to_string(&restored).unwrap(), text);

    for catalog in [&mut catalog, &mut restored] {
        let again = catalog.call(OWNER, Operation::StartChangeSet, request.clone(), at(1)).unwrap();
        assert_eq!(again, id, "the token is still known");
        let locked = start(catalog, OWNER, &[allow("exp-1", &["prod-c"])], at(1)).unwrap_err();
        assert_eq!(locked.kind, ErrorKind::ResourceInUse);
    }
    // Both go the same way from here on: the same end, the same ids.
    for catalog in [&mut catalog, &mut restored] {
        assert_eq!(catalog.next_end(), Some(at(10)));
        assert!(catalog.advance(at(9)).is_empty());
        assert_eq!(catalog.advance(at(10))[0].event["detail-type"], "Change Set Succeeded");
        assert_eq!(describe(catalog, "exp-1@2", at(10))["EntityIdentifier"], "exp-1@2");
    }
    let [one, two] = [&mut catalog, &mut restored].map(|c| start(c, OWNER, &[allow("exp-1", &["prod-d"])], at(11)));
    assert_eq!(one.unwrap(), two.unwrap());
}

#[test]
fn changes_of_a_set_build_on_each_other_and_a_reference_names_what_an_earlier_one_creates() {
    let mut catalog = Catalog::new(&world(), at(0));
    let created = json!({ "ChangeType": "CreateExperience", "ChangeName": "New", "Entity": { "Type": "Experience@1.0" },
        "EntityTags": [{ "Key": "team", "Value": "one" }], "DetailsDocument": { "Name": "New" } });
    let reference = "$New.Entity.Identifier";
    let changes = [
        created,
        on("CreateProcurementPolicy", reference, json!({ "Name": "New policy" })),
        allow(reference, &["prod-a"]),
        on("UpdateExperience", reference, json!({ "Status": "Enabled" })),
    ];
    let set = run(&mut catalog, &changes, at(0));
    assert_eq!(set["Status"], "SUCCEEDED", "{set}");
    let identifier = set["ChangeSet"][0]["Entity"]["Identifier"].as_str().unwrap().to_owned();
    assert!(identifier.starts_with("exp-") && identifier.ends_with("@1"), "{identifier}");
    assert_eq!(set["ChangeSet"][2]["Entity"]["Identifier"], *identifier);
    let experience = describe(&mut catalog, &identifier, at(20));
    assert_eq!(experience["DetailsDocument"]["Status"], "Enabled");
    let policy = experience["DetailsDocument"]["ProcurementPolicies"][0].as_str().unwrap().to_owned();
    let policy = describe(&mut catalog, &policy, at(20));
    assert_eq!(policy["DetailsDocument"]["Statements"][0]["Resources"][0]["Ids"][0], "prod-a");
    for bad in ["$Old.Entity.Identifier", "$New.Entity", "$"] {
        let refused = start(&mut catalog, OWNER, &[allow(bad, &["prod-a"])], at(20)).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Validation, "{bad}");
    }
}

#[test]
fn a_set_of_which_one_change_fails_changes_nothing() {
    let mut catalog = Catalog::new(&world(), at(0));
    let before = describe(&mut catalog, "exp-2", at(0));
    let changes = [
        on("UpdateExperience", "exp-2", json!({ "Name": "Renamed" })),
        on("UpdateProcurementPolicy", "exp-2", json!({ "Configuration": { "PolicyResourceRequests": "Deny" } })),
    ];
    let set = run(&mut catalog, &changes, at(0));
    assert_eq!((&set["Status"], &set["FailureCode"]), (&"FAILED".into(), &"CLIENT_ERROR".into()));
    assert_eq!(error_codes(&set), ["ENTITY_NOT_FOUND"]);
    assert_eq!(describe(&mut catalog, "exp-2", at(20)), before);
}

#[test]
fn an_outcome_that_was_set_holds_for_one_change_set() {
    let mut catalog = Catalog::new(&world(), at(0));
    catalog.set_next_outcome(Outcome::ServerFault);
    let set = run(&mut catalog, &[allow("exp-1", &["prod-b"])], at(0));
    assert_eq!((&set["Status"], &set["FailureCode"]), (&"FAILED".into(), &"SERVER_FAULT".into()));
    assert!(error_codes(&set).is_empty());
    let set = run(&mut catalog, &[allow("exp-1@1", &["prod-b"])], at(20));
    assert_eq!(set["Status"], "SUCCEEDED");
}

#[test]
fn a_change_set_can_be_cancelled_while_it_prepares_and_frees_its_entities() {
    let mut catalog = Catalog::new(&world(), at(0));
    let cancel = |catalog: &mut Catalog, caller: &str, id: &str, now| {
        catalog.call(caller, Operation::CancelChangeSet, json!({ "Catalog": CATALOG, "ChangeSetId": id }), now)
    };
    let id = start(&mut catalog, OWNER, &[allow("exp-1", &["prod-b"])], at(0)).unwrap();
    assert_eq!(cancel(&mut catalog, STRANGER, &id, at(1)).unwrap_err().kind, ErrorKind::AccessDenied);
    let answer = cancel(&mut catalog, DELEGATE, &id, at(4)).unwrap();
    assert_eq!(answer["ChangeSetId"], *id);
    assert_eq!(catalog.next_end(), None);
    assert_eq!(catalog.advance(at(4))[0].event["detail-type"], "Change Set Cancelled");
    let set = describe(&mut catalog, &id, at(5));
    assert_eq!((&set["Status"], set["EndTime"].is_string()), (&"CANCELLED".into(), true));

    let id = start(&mut catalog, OWNER, &[allow("exp-1@1", &["prod-b"])], at(5)).unwrap();
    for now in [at(10), at(15)] {
        catalog.advance(now);
        let refused = cancel(&mut catalog, OWNER, &id, now).unwrap_err();
        assert_eq!((refused.kind, refused.kind.status()), (ErrorKind::ResourceInUse, 423));
    }
    assert_eq!(cancel(&mut catalog, OWNER, "nothing", at(16)).unwrap_err().kind, ErrorKind::ResourceNotFound);
}

#[test]
fn principals_are_of_the_organization_and_of_one_experience() {
    let mut catalog = Catalog::new(&world(), at(0));
    let associate = |id: &str, principals: &[&str]| on("AssociateAudience", id, json!({ "Principals": principals }));
    let all = [EMPLOYEE, "ou-abcd-01234567", "o-aaaaaaaaaa"];
    assert_eq!(run(&mut catalog, &[associate("exp-1", &all)], at(0))["Status"], "SUCCEEDED");
    let set = run(&mut catalog, &[associate("exp-2", &[EMPLOYEE])], at(20));
    assert_eq!(error_codes(&set), ["ENTITY_ALREADY_EXISTS"]);
    let message = set["ChangeSet"][0]["ErrorDetailList"][0]["ErrorMessage"].as_str().unwrap();
    let documented = "An experience is already associated with the account 111111111113. \
                      Disassociate previous experience before updating";
    assert_eq!(message, documented);
    for foreign in [STRANGER, "o-bbbbbbbbbb"] {
        let set = run(&mut catalog, &[associate("exp-2", &[foreign])], at(40));
        assert_eq!(error_codes(&set), ["CALLER_NOT_AUTHORIZED"], "{foreign}");
    }
    // While one change set moves a principal, another fails.
    let disassociate = on("DisassociateAudience", "exp-1", json!({ "Principals": [EMPLOYEE] }));
    start(&mut catalog, OWNER, std::slice::from_ref(&disassociate), at(60)).unwrap();
    let id = start(&mut catalog, OWNER, &[associate("exp-2", &[EMPLOYEE])], at(61)).unwrap();
    catalog.advance(at(80));
    assert_eq!(error_codes(&describe(&mut catalog, &id, at(80))), ["ENTITY_IN_USE"]);
    assert_eq!(run(&mut catalog, &[associate("exp-2", &[EMPLOYEE])], at(81))["Status"], "SUCCEEDED");
    assert_eq!(error_codes(&run(&mut catalog, &[disassociate], at(100))), ["ENTITY_NOT_FOUND"]);
}

#[test]
fn an_archived_experience_cannot_be_changed_and_gives_its_principals_away() {
    let mut catalog = Catalog::new(&world(), at(0));
    let principals = json!({ "Principals": [EMPLOYEE] });
    let refusal = |catalog: &mut Catalog, change: Value, now| start(catalog, OWNER, &[change], now).unwrap_err();
    let enabled = refusal(&mut catalog, on("RestrictExperience", "exp-1", json!({})), at(0));
    assert!(enabled.message.contains("must be disabled"), "{enabled}");
    let not_archived = refusal(&mut catalog, on("ReviveExperience", "exp-1", json!({})), at(0));
    assert_eq!(not_archived.kind, ErrorKind::Validation);

    let changes = [
        on("AssociateAudience", "exp-1", principals.clone()),
        on("UpdateExperience", "exp-1", json!({ "Status": "Disabled" })),
        on("RestrictExperience", "exp-1", json!({})),
    ];
    assert_eq!(run(&mut catalog, &changes, at(0))["Status"], "SUCCEEDED");
    assert_eq!(describe(&mut catalog, "exp-1", at(20))["DetailsDocument"]["AdminStatus"], "Restricted");
    let archived = refusal(&mut catalog, allow("exp-1", &["prod-b"]), at(20));
    assert_eq!(archived.message, "Experience exp-1 is archived");
    let set = run(&mut catalog, &[on("AssociateAudience", "exp-2", principals)], at(20));
    assert_eq!(set["Status"], "SUCCEEDED", "{set}");
    assert_eq!(run(&mut catalog, &[on("ReviveExperience", "exp-1", json!({}))], at(40))["Status"], "SUCCEEDED");
    assert_eq!(describe(&mut catalog, "exp-1", at(60))["DetailsDocument"]["AdminStatus"], "Editable");
}

#[test]
fn fifty_ids_are_counted_per_change_or_per_request_as_the_world_says() {
    let ids: Vec<String> = (0..30).map(|n| format!("prod-{n}")).collect();
    let more: Vec<String> = (30..60).map(|n| format!("prod-{n}")).collect();
    let products = |ids: &[String]| json!({ "Products": [{ "Ids": ids }] });
    let changes = [
        on("AllowProductProcurement", "exp-1", products(&ids)),
        on("DenyProductProcurement", "exp-1", products(&more)),
    ];
    let repeated = [
        on("AllowProductProcurement", "exp-1", products(&ids[..1])),
        on("DenyProductProcurement", "exp-1", products(&ids[..1])),
    ];
    let per_request = CatalogLimits { product_ids: IdLimit::PerRequest, ..CatalogLimits::without_throttling() };
    let mut strict = Catalog::new(&World { catalog: per_request, ..world() }, at(0));
    let message = |result: Result<String, CatalogError>| result.unwrap_err().message;
    let too_many = "Cumulative number of values in Ids array must be less than or equal to 50";
    assert_eq!(message(start(&mut strict, OWNER, &changes, at(0))), too_many);
    assert_eq!(message(start(&mut strict, OWNER, &repeated, at(0))), "Values in Ids array must be unique");
    for changes in [changes, repeated] {
        start(&mut Catalog::new(&world(), at(0)), OWNER, &changes, at(0)).unwrap();
    }
}

#[test]
fn open_change_sets_are_counted_per_account_until_they_end() {
    let limits = CatalogLimits { open_change_sets: 1, ..CatalogLimits::without_throttling() };
    let mut catalog = Catalog::new(&World { catalog: limits, ..world() }, at(0));
    start(&mut catalog, OWNER, &[allow("exp-1", &["prod-b"])], at(0)).unwrap();
    let refused = start(&mut catalog, OWNER, &[allow("exp-2", &["prod-b"])], at(1)).unwrap_err();
    assert_eq!((refused.kind.name(), refused.kind.status()), ("ServiceQuotaExceededException", 402));
    start(&mut catalog, DELEGATE, &[allow("exp-2", &["prod-b"])], at(1)).unwrap();
    catalog.advance(at(10));
    start(&mut catalog, OWNER, &[allow("exp-1", &["prod-c"])], at(10)).unwrap();
}

#[test]
fn change_sets_are_listed_by_every_documented_filter_and_order() {
    let mut catalog = Catalog::new(&world(), at(0));
    let ids: Vec<String> = (0..25)
        .map(|n| {
            let now = at(20 * n);
            catalog.advance(now);
            start(&mut catalog, OWNER, &[allow("exp-1", &["prod-b"])], now).unwrap()
        })
        .collect();
    let now = at(20 * 24 + 1);
    let mut list = |more: Value| {
        let mut request = json!({ "Catalog": CATALOG });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = catalog.call(OWNER, Operation::ListChangeSets, request, now)?;
        let sets = answer["ChangeSetSummaryList"].as_array().unwrap().iter();
        let sets: Vec<String> = sets.map(|set| set["ChangeSetId"].as_str().unwrap().to_owned()).collect();
        Ok::<_, CatalogError>((sets, answer["NextToken"].clone()))
    };
    let mut newest_first = ids.clone();
    newest_first.reverse();
    let (first, token) = list(json!({})).unwrap();
    assert_eq!(first, newest_first[..20]);
    let (rest, token) = list(json!({ "NextToken": token })).unwrap();
    assert_eq!((rest.as_slice(), token), (&newest_first[20..], Value::Null));
    let ascending = json!({ "Sort": { "SortBy": "EndTime", "SortOrder": "ASCENDING" }, "MaxResults": 3 });
    assert_eq!(list(ascending).unwrap().0, ids[..3]);

    let mut filtered = |name: &str, values: &[&str]| {
        list(json!({ "FilterList": [{ "Name": name, "ValueList": values }], "Sort": { "SortOrder": "ASCENDING" } }))
    };
    let time = |seconds| at(seconds).to_string();
    assert_eq!(filtered("BeforeStartTime", &[&time(40)]).unwrap().0, ids[..2]);
    assert_eq!(filtered("AfterStartTime", &[&time(460)]).unwrap().0, ids[24..]);
    assert_eq!(filtered("BeforeEndTime", &[&time(31)]).unwrap().0, ids[..2]);
    assert_eq!(filtered("AfterEndTime", &[&time(460)]).unwrap().0, ids[23..24], "the running one has not ended");
    assert_eq!(filtered("Status", &["PREPARING"]).unwrap().0, ids[24..]);
    assert_eq!(filtered("EntityId", &["exp-2"]).unwrap().0, Vec::<String>::new());
    for (name, values) in
        [("AfterEndTime", vec!["yesterday"]), ("Other", vec!["x"]), ("Status", vec![]), ("Scope", vec!["x"])]
    {
        assert_eq!(filtered(name, &values).unwrap_err().kind, ErrorKind::Validation, "{name}");
    }
}

/// Prints what the server's part of `DescribeEntity` takes, in this build: `cargo test -p pmp-local
/// --lib twenty_thousand -- --nocapture`. How long is the machine's business; what is answered is
/// the test's.
#[test]
fn twenty_thousand_products_are_described_from_one_writing() {
    let approved = (0..15_000).map(|n| format!("prod-{n:08}"));
    let rejected = (15_000..20_000).map(|n| format!("prod-{n:08}"));
    let policy = ProcurementPolicy::new("policy-large").approving(approved).rejecting(rejected);
    let organization = Organization::new("o-aaaaaaaaaa", "Large", OWNER)
        .with_experience(Experience::new("exp-large", "Large").with_policy(policy));
    let mut catalog = Catalog::new(&World { organizations: vec![organization], ..world() }, at(0));
    let request = json!({ "Catalog": CATALOG, "EntityId": "policy-large" });
    let describe = |catalog: &mut Catalog| {
        let started = std::time::Instant::now();
        let answer = catalog
            .answer(OWNER, Operation::DescribeEntity, request.clone(), "request", at(0), &|_, _| Ok(()))
            .unwrap();
        (answer, started.elapsed())
    };
    let (first, first_took) = describe(&mut catalog);
    let (again, again_took) = describe(&mut catalog);
    assert_eq!(first, again);
    let answer: Value = serde_json::from_slice(&first).unwrap();
    assert_eq!(serde_json::from_str::<Value>(answer["Details"].as_str().unwrap()).unwrap(), answer["DetailsDocument"]);
    let count = |index: usize| answer["DetailsDocument"]["Statements"][index]["Resources"].as_array().unwrap().len();
    assert_eq!((count(0), count(1)), (15_000, 5_000));
    println!("DescribeEntity of 20,000 products, {} bytes: first {first_took:?}, again {again_took:?}", first.len());
    run(&mut catalog, &[allow("exp-large", &["prod-new"])], at(0));
    let (changed, changed_took) = describe(&mut catalog);
    assert!(changed.len() > first.len(), "a new revision is written anew");
    println!("after a change: {changed_took:?}");
}
