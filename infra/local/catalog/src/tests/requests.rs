//! Users' requests for products, what administrators decide on them, and the events that tell of
//! it; and buyers' tokens.

use super::*;

const ASKING: &str = "CreateProductProcurementRequest";

/// The world of the other tests, in whose first experience the organization's accounts buy.
fn in_audience() -> World {
    let mut world = world();
    world.organizations[0].experiences[0].audience.push("o-aaaaaaaaaa".into());
    world
}

fn ask(product: &str) -> Value {
    let entity = json!({ "Type": "ProductProcurementRequest@1.0" });
    json!({ "ChangeType": ASKING, "Entity": entity, "DetailsDocument": { "ProductId": product, "Message": "for the team" } })
}

fn decide(change_type: &str, request: &str) -> Value {
    let entity = json!({ "Type": "ProductProcurementRequest@1.0", "Identifier": request });
    json!({ "ChangeType": change_type, "Entity": entity, "DetailsDocument": {} })
}

/// Runs one change set of an account to its end; its description, and what was told meanwhile.
fn run_as(catalog: &mut Catalog, account: &str, change: Value, now: Timestamp) -> (Value, Vec<CatalogEvent>) {
    let id = start(catalog, account, &[change], now).unwrap();
    let end = now.checked_add(Duration::from_secs(10)).unwrap();
    let told = catalog.advance(end);
    let request = json!({ "Catalog": CATALOG, "ChangeSetId": id });
    (catalog.call(account, Operation::DescribeChangeSet, request, end).unwrap(), told)
}

fn requested(catalog: &mut Catalog, product: &str, now: Timestamp) -> String {
    let (set, _) = run_as(catalog, EMPLOYEE, ask(product), now);
    assert_eq!(set["Status"], "SUCCEEDED", "{set}");
    set["ChangeSet"][0]["Entity"]["Identifier"].as_str().unwrap().split('@').next().unwrap().to_owned()
}

fn details_for(catalog: &mut Catalog, account: &str, id: &str, now: Timestamp) -> Result<Value, ErrorKind> {
    let request = json!({ "Catalog": CATALOG, "EntityId": id });
    let answer = catalog.call(account, Operation::DescribeEntity, request, now).map_err(|error| error.kind)?;
    Ok(answer["DetailsDocument"].clone())
}

fn listed(catalog: &mut Catalog, account: &str, shared: bool) -> usize {
    let mut request = json!({ "Catalog": CATALOG, "EntityType": "ProductProcurementRequest" });
    if shared {
        request["FilterList"] = json!([{ "Name": "Scope", "ValueList": ["SharedWithMe"] }]);
    }
    let answer = catalog.call(account, Operation::ListEntities, request, at(0)).unwrap();
    answer["EntitySummaryList"].as_array().unwrap().len()
}

fn codes(set: &Value) -> Vec<String> {
    assert_eq!(set["Status"], "FAILED", "{set}");
    error_codes(set)
}

/// The accounts that were told of something, by its type.
fn told(events: &[CatalogEvent], detail_type: &str) -> Vec<String> {
    let of_type = events.iter().filter(|event| event.event["detail-type"] == detail_type);
    of_type.map(|event| event.account.clone()).collect()
}

#[test]
fn a_user_asks_and_an_administrator_approves_and_the_product_may_be_bought() {
    let mut catalog = Catalog::new(&in_audience(), at(0));
    let (set, events) = run_as(&mut catalog, EMPLOYEE, ask("prod-new"), at(0));
    let id = set["ChangeSet"][0]["Entity"]["Identifier"].as_str().unwrap().split('@').next().unwrap().to_owned();
    assert!(id.starts_with("prodprocreq-"), "{id}");
    let mut everyone = [EMPLOYEE, OWNER, DELEGATE].map(str::to_owned);
    everyone.sort();
    let mut heard = told(&events, "Product Request Created");
    heard.sort();
    assert_eq!(heard, everyone);
    let event = &events.iter().find(|event| event.event["source"] == "aws.private-marketplace").unwrap().event;
    assert_eq!(
        (&event["detail"]["experienceId"], &event["detail"]["product"]["id"]),
        (&json!("exp-1"), &json!("prod-new"))
    );
    assert_eq!(event["detail"]["productProcurementRequestId"], id);
    let arn = format!("arn:aws:aws-marketplace:us-east-1:{EMPLOYEE}:AWSMarketplace/ProductProcurementRequest/{id}");
    assert_eq!(event["resources"][1], arn, "the user's account owns it");

    // Its user sees it as its own, administrators as shared with them, and others not at all.
    let details = details_for(&mut catalog, EMPLOYEE, &id, at(10)).unwrap();
    assert_eq!((&details["Status"], &details["ExperienceId"]), (&json!("Pending"), &json!("exp-1")));
    assert_eq!(details_for(&mut catalog, DELEGATE, &id, at(10)).unwrap()["Message"], "for the team");
    assert_eq!(details_for(&mut catalog, STRANGER, &id, at(10)), Err(ErrorKind::AccessDenied));
    assert_eq!((listed(&mut catalog, EMPLOYEE, false), listed(&mut catalog, EMPLOYEE, true)), (1, 0));
    assert_eq!((listed(&mut catalog, DELEGATE, false), listed(&mut catalog, DELEGATE, true)), (0, 1));

    let (set, events) = run_as(&mut catalog, DELEGATE, decide("ApproveProductProcurementRequest", &id), at(20));
    assert_eq!(set["Status"], "SUCCEEDED", "{set}");
    assert_eq!(told(&events, "Product Request Approved").len(), 3);
    assert_eq!(told(&events, "Change Set Succeeded"), [DELEGATE]);
    assert_eq!(details_for(&mut catalog, EMPLOYEE, &id, at(30)).unwrap()["Status"], "Approved");
    assert!(catalog.lists("exp-1").contains_key("prod-new"));
    // The experience and its policy have changed, so whoever names the old revision is refused.
    assert_eq!(describe(&mut catalog, "exp-1", at(30))["EntityIdentifier"], "exp-1@2");
}

#[test]
fn a_request_is_declined_taken_back_or_lapses_and_then_nothing_can_be_decided_any_more() {
    let mut catalog = Catalog::new(&in_audience(), at(0));
    let [declined, cancelled, lapsed] =
        [("prod-1", 0), ("prod-2", 20), ("prod-3", 40)].map(|(product, now)| requested(&mut catalog, product, at(now)));
    let (_, events) = run_as(&mut catalog, OWNER, decide("DeclineProductProcurementRequest", &declined), at(60));
    assert_eq!(told(&events, "Product Request Declined").len(), 3);
    let (_, events) = run_as(&mut catalog, EMPLOYEE, decide("CancelProductProcurementRequest", &cancelled), at(80));
    assert_eq!(told(&events, "Product Request Cancelled").len(), 3);

    let month = 30 * 24 * 3600;
    assert_eq!(catalog.next_end(), Some(at(50 + month)));
    assert_eq!(catalog.advance(at(49 + month)), []);
    let events = catalog.advance(at(50 + month));
    assert_eq!(
        (told(&events, "Product Request Declined").len(), told(&events, "Product Request Expired").len()),
        (3, 3)
    );
    assert!(events.iter().all(|event| event.event["detail"]["declinedCause"] == "REQUEST_EXPIRED"));
    for (id, status) in [(&declined, "Declined"), (&cancelled, "Cancelled"), (&lapsed, "Expired")] {
        let late = at(month + 100);
        assert_eq!(details_for(&mut catalog, EMPLOYEE, id, late).unwrap()["Status"], status);
        let (set, _) = run_as(&mut catalog, OWNER, decide("ApproveProductProcurementRequest", id), late);
        assert_eq!(codes(&set), ["ENTITY_NOT_FOUND"], "{status}");
    }
    assert!(catalog.lists("exp-1").keys().all(|product| product == "prod-a"));
}

#[test]
fn users_decide_on_nothing_and_administrators_take_nothing_back() {
    let mut catalog = Catalog::new(&in_audience(), at(0));
    let id = requested(&mut catalog, "prod-new", at(0));
    for (account, change_type) in [
        (EMPLOYEE, "ApproveProductProcurementRequest"),
        (EMPLOYEE, "DeclineProductProcurementRequest"),
        (OWNER, "CancelProductProcurementRequest"),
    ] {
        let (set, _) = run_as(&mut catalog, account, decide(change_type, &id), at(20));
        assert_eq!(codes(&set), ["CALLER_NOT_AUTHORIZED"], "{account} {change_type}");
    }
    let refused =
        start(&mut catalog, STRANGER, &[decide("ApproveProductProcurementRequest", &id)], at(40)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::AccessDenied);
}

#[test]
fn who_may_not_ask_is_told_why() {
    let mut world = in_audience();
    world.poison_products.insert("prod-poison".into());
    let mut catalog = Catalog::new(&world, at(0));
    requested(&mut catalog, "prod-asked", at(0));
    for (product, code) in [
        ("prod-a", "ENTITY_ALREADY_EXISTS"),
        ("prod-asked", "ENTITY_ALREADY_EXISTS"),
        ("prod-poison", "ENTITY_NOT_FOUND"),
    ] {
        assert_eq!(codes(&run_as(&mut catalog, EMPLOYEE, ask(product), at(20)).0), [code], "{product}");
    }
    let off = json!({ "Configuration": { "PolicyResourceRequests": "Deny" } });
    run(&mut catalog, &[on("UpdateProcurementPolicy", "exp-1", off)], at(40));
    assert_eq!(codes(&run_as(&mut catalog, EMPLOYEE, ask("prod-b"), at(60)).0), ["CALLER_NOT_AUTHORIZED"]);
    assert_eq!(codes(&run_as(&mut catalog, STRANGER, ask("prod-b"), at(80)).0), ["ENTITY_NOT_FOUND"]);
    // Nobody is in the audience of the first experience in the world of the other tests.
    let mut elsewhere = Catalog::new(&super::world(), at(0));
    assert_eq!(codes(&run_as(&mut elsewhere, EMPLOYEE, ask("prod-b"), at(0)).0), ["ENTITY_NOT_FOUND"]);
    let mut named = ask("prod-b");
    named["DetailsDocument"]["ExperienceId"] = json!("exp-1");
    assert_eq!(run_as(&mut elsewhere, EMPLOYEE, named, at(20)).0["Status"], "SUCCEEDED");
}

#[test]
fn an_approval_holds_the_experience_as_any_other_change_of_it_does() {
    let mut catalog = Catalog::new(&in_audience(), at(0));
    let id = requested(&mut catalog, "prod-new", at(0));
    start(&mut catalog, OWNER, &[decide("ApproveProductProcurementRequest", &id)], at(20)).unwrap();
    let refused = start(&mut catalog, OWNER, &[allow("exp-1", &["prod-b"])], at(21)).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::ResourceInUse);
    catalog.advance(at(30));
    start(&mut catalog, OWNER, &[allow("exp-1", &["prod-b"])], at(31)).unwrap();
    let other = start(&mut catalog, EMPLOYEE, &[ask("prod-other")], at(31));
    assert!(other.is_ok(), "to ask holds nothing: {other:?}");
    catalog.advance(at(50));
    let request = json!({ "Catalog": CATALOG, "EntityType": "ProductProcurementRequest" });
    let answer = catalog.call(EMPLOYEE, Operation::ListEntities, request, at(50)).unwrap();
    let newest = answer["EntitySummaryList"][0]["EntityId"].as_str().unwrap().to_owned();
    start(&mut catalog, OWNER, &[allow("exp-1", &["prod-c"])], at(51)).unwrap();
    let refused =
        start(&mut catalog, OWNER, &[decide("ApproveProductProcurementRequest", &newest)], at(52)).unwrap_err();
    assert!(refused.message.contains("entity: 'exp-1' change sets: "), "{refused}");
}

#[test]
fn requests_survive_a_restart_and_lapse_afterwards() {
    let mut catalog = Catalog::new(&in_audience(), at(0));
    let id = requested(&mut catalog, "prod-new", at(0));
    let state = serde_json::to_value(&catalog).unwrap();
    let mut restored = Catalog::restore(state, &in_audience()).unwrap();
    let end = restored.next_end().unwrap();
    assert_eq!(told(&restored.advance(end), "Product Request Expired").len(), 3);
    assert_eq!(details_for(&mut restored, EMPLOYEE, &id, end).unwrap()["Status"], "Expired");
}

#[test]
fn a_buyers_tokens_are_made_and_expire_and_no_seller_makes_an_offer() {
    let mut catalog = Catalog::new(&in_audience(), at(0));
    let on = |change_type: &str, id: Option<&str>| {
        let mut entity = json!({ "Type": "AgentTokenContainer@1.0" });
        if let Some(id) = id {
            entity["Identifier"] = json!(id);
        }
        json!({ "ChangeType": change_type, "Entity": entity, "DetailsDocument": {} })
    };
    let (set, _) = run_as(&mut catalog, EMPLOYEE, on("CreateAgentTokenContainer", None), at(0));
    let id = set["ChangeSet"][0]["Entity"]["Identifier"].as_str().unwrap().split('@').next().unwrap().to_owned();
    assert_eq!(details_for(&mut catalog, EMPLOYEE, &id, at(10)).unwrap()["Status"], "Active");
    assert_eq!(details_for(&mut catalog, OWNER, &id, at(10)), Err(ErrorKind::AccessDenied), "they are its own");
    let (set, _) = run_as(&mut catalog, EMPLOYEE, on("RequestExpressPrivateOffer", Some(&id)), at(20));
    assert_eq!(codes(&set), ["ENTITY_NOT_FOUND"]);
    let (set, _) = run_as(&mut catalog, EMPLOYEE, on("ExpireToken", Some(&id)), at(40));
    assert_eq!(set["Status"], "SUCCEEDED", "{set}");
    assert_eq!(details_for(&mut catalog, EMPLOYEE, &id, at(50)).unwrap()["Status"], "Expired");
}
