//! Every change type but the two of product lists, as the SDK's client asks for it, and how each
//! one fails.

use aws_sdk_marketplacecatalog::error::ProvideErrorMetadata;
use aws_sdk_marketplacecatalog::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_marketplacecatalog::types::{Change, ChangeStatus, Entity, FailureCode, Tag};
use serde_json::{Value, json};

use crate::rig::{
    self, ARCHIVED, DELEGATE, EMPLOYEE, HUB, LIVE, MEMBER, OUTSIDER, Rig, WITHOUT_POLICY, change_with, document,
    eventually, world,
};

fn on(change_type: &str, experience: &str, details: Value) -> Change {
    change_with(change_type, experience, document(&details))
}

fn create(name: &str) -> Change {
    let entity = Entity::builder().r#type("Experience@1.0").build().unwrap();
    let change = Change::builder().change_type("CreateExperience").change_name("New").entity(entity);
    change.details_document(document(&json!({ "Name": name, "Description": "For developers" }))).build().unwrap()
}

async fn start(rig: &Rig, account: &str, changes: Vec<Change>) -> Result<String, (String, String)> {
    let request = rig.catalog(account).start_change_set().catalog("AWSMarketplace").set_change_set(Some(changes));
    let answer = request.send().await;
    answer
        .map(|answer| answer.change_set_id.unwrap())
        .map_err(|error| (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned()))
}

/// Starts a change set and waits until it has ended.
async fn run(rig: &Rig, account: &str, changes: Vec<Change>) -> DescribeChangeSetOutput {
    let id = start(rig, account, changes).await.unwrap();
    let catalog = rig.catalog(account);
    eventually("the change set ends", async || {
        let set = catalog.describe_change_set().catalog("AWSMarketplace").change_set_id(&id).send().await.unwrap();
        set.end_time().is_some().then_some(set)
    })
    .await
}

async fn succeed(rig: &Rig, account: &str, changes: Vec<Change>) -> DescribeChangeSetOutput {
    let set = run(rig, account, changes).await;
    assert_eq!(set.status(), Some(&ChangeStatus::Succeeded), "{set:?}");
    set
}

/// The code and the text of the first error of a change set that must fail.
async fn failure(rig: &Rig, account: &str, change: Change) -> (String, String) {
    let set = run(rig, account, vec![change]).await;
    assert_eq!((set.status(), set.failure_code()), (Some(&ChangeStatus::Failed), Some(&FailureCode::ClientError)));
    let error = &set.change_set()[0].error_detail_list()[0];
    (error.error_code().unwrap().to_owned(), error.error_message().unwrap().to_owned())
}

async fn describe(rig: &Rig, id: &str) -> (String, Value) {
    let entity = rig.catalog(MEMBER).describe_entity().catalog("AWSMarketplace").entity_id(id).send().await.unwrap();
    assert_eq!(serde_json::from_str::<Value>(entity.details().unwrap()).unwrap(), document_of(&entity));
    (entity.entity_identifier().unwrap().to_owned(), document_of(&entity))
}

fn document_of(entity: &aws_sdk_marketplacecatalog::operation::describe_entity::DescribeEntityOutput) -> Value {
    rig::json(entity.details_document().unwrap())
}

async fn entities(rig: &Rig, kind: &str) -> Vec<String> {
    let request = rig.catalog(MEMBER).list_entities().catalog("AWSMarketplace").entity_type(kind);
    let entities = request.send().await.unwrap().entity_summary_list.unwrap_or_default();
    entities.iter().map(|entity| entity.entity_id().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_private_marketplace_is_made_as_the_reference_makes_it() {
    let rig = Rig::start(world()).await;
    let set = succeed(&rig, DELEGATE, vec![create("ExamplePrivateMarketplace")]).await;
    let made = set.change_set()[0].entity().unwrap().identifier().unwrap().to_owned();
    let id = made.strip_suffix("@1").unwrap();
    let (_, details) = describe(&rig, id).await;
    assert_eq!(details["Status"], "Disabled", "a new experience is disabled");
    assert_eq!((&details["ProcurementPolicies"], &details["BrandingSettings"]), (&json!(null), &json!([])));
    assert_eq!(details["Description"], "For developers");

    // One revision each, as in the examples of the reference.
    let branding = json!({ "Title": "ExampleName", "Information": "Example description.", "ThemeColor": "#0e7f74",
        "LogoUrl": "https://example.com/path/mylogo.png" });
    let steps = [
        ("CreateProcurementPolicy", json!({ "Name": "ExampleProcurementPolicy" })),
        ("CreateBrandingSettings", json!({ "Name": "ExampleBrandingSettingsName" })),
        ("UpdateBrandingSettings", json!({ "Description": "Example description", "Configuration": branding })),
        ("UpdateExperience", json!({ "Status": "Enabled" })),
        ("UpdateProcurementPolicy", json!({ "Configuration": { "PolicyResourceRequests": "Deny" } })),
        ("AssociateAudience", json!({ "Name": "AudienceName", "Principals": [EMPLOYEE, "ou-abcd-01234567"] })),
        ("AllowProductProcurement", json!({ "Products": [{ "Ids": ["prod-a"], "Notes": "Useful product" }] })),
    ];
    for (revision, (change_type, details)) in (1..).zip(steps) {
        succeed(&rig, DELEGATE, vec![on(change_type, &format!("{id}@{revision}"), details)]).await;
    }
    let (identifier, details) = describe(&rig, id).await;
    assert_eq!((identifier, &details["Status"]), (format!("{id}@8"), &json!("Enabled")));
    let policy = details["ProcurementPolicies"][0].as_str().unwrap();
    let (_, policy) = describe(&rig, policy).await;
    assert_eq!(policy["Configuration"]["PolicyResourceRequests"], "Deny");
    assert_eq!(policy["Statements"][0]["Resources"][0]["Notes"], "Useful product");
    let (_, settings) = describe(&rig, details["BrandingSettings"][0].as_str().unwrap()).await;
    assert_eq!((&settings["Configuration"], &settings["Description"]), (&branding_of(), &json!("Example description")));
    let audiences = entities(&rig, "Audience").await;
    let (_, audience) = describe(&rig, &audiences[0]).await;
    assert_eq!(audience["Principals"], json!([EMPLOYEE, "ou-abcd-01234567"]));
    assert_eq!(entities(&rig, "BrandingSettings").await.len(), 1);
}

fn branding_of() -> Value {
    json!({ "Title": "ExampleName", "Information": "Example description.", "ThemeColor": "#0e7f74",
        "LogoUrl": "https://example.com/path/mylogo.png" })
}

#[tokio::test]
async fn one_change_set_can_make_a_whole_marketplace_through_references() {
    let rig = Rig::start(world()).await;
    let new = "$New.Entity.Identifier";
    let changes = vec![
        create("One"),
        on("CreateProcurementPolicy", new, json!({ "Name": "One policy" })),
        on("AllowProductProcurement", new, json!({ "Products": [{ "Ids": ["prod-a"] }] })),
        on("AssociateAudience", new, json!({ "Principals": [EMPLOYEE] })),
    ];
    let set = succeed(&rig, MEMBER, changes).await;
    let identifiers: Vec<_> = set.change_set().iter().map(|change| change.entity().unwrap().identifier()).collect();
    assert!(identifiers.iter().all(|identifier| *identifier == identifiers[0]), "{identifiers:?}");
    let unknown = on("CreateProcurementPolicy", "$Old.Entity.Identifier", json!({ "Name": "n" }));
    assert_eq!(start(&rig, MEMBER, vec![unknown]).await.unwrap_err().0, "ValidationException");
}

#[tokio::test]
async fn what_the_reference_says_of_failures_is_what_a_change_set_says() {
    let rig = Rig::start(world()).await;
    let name = json!({ "Name": "n" });
    let logo = |url: &str| json!({ "Name": "n", "Configuration": { "LogoUrl": url } });
    succeed(&rig, MEMBER, vec![on("CreateBrandingSettings", LIVE, name.clone())]).await;
    succeed(&rig, MEMBER, vec![on("AssociateAudience", LIVE, json!({ "Principals": [EMPLOYEE] }))]).await;
    let missing_branding = "Branding settings missing from Experience";
    let missing_policy = "Procurement policy missing from Experience";
    for (change_type, experience, details, code, text) in [
        (
            "CreateProcurementPolicy",
            LIVE,
            name.clone(),
            "ENTITY_ALREADY_EXISTS",
            "Procurement policy exists for Experience",
        ),
        ("UpdateProcurementPolicy", WITHOUT_POLICY, name.clone(), "ENTITY_NOT_FOUND", missing_policy),
        (
            "CreateBrandingSettings",
            LIVE,
            name.clone(),
            "ENTITY_ALREADY_EXISTS",
            "Branding settings exists for Experience",
        ),
        ("UpdateBrandingSettings", WITHOUT_POLICY, name.clone(), "ENTITY_NOT_FOUND", missing_branding),
        (
            "UpdateBrandingSettings",
            LIVE,
            logo("nowhere"),
            "INVALID_URL",
            "Image could not be fetched from the input URL",
        ),
        (
            "UpdateBrandingSettings",
            LIVE,
            logo("https://example.com/a.gif"),
            "INVALID_IMAGE",
            "Image verification for type",
        ),
        (
            "AssociateAudience",
            LIVE,
            json!({ "Principals": [OUTSIDER] }),
            "CALLER_NOT_AUTHORIZED",
            "Caller not authorized to execute the action",
        ),
        (
            "AssociateAudience",
            WITHOUT_POLICY,
            json!({ "Principals": [EMPLOYEE] }),
            "ENTITY_ALREADY_EXISTS",
            "already associated with the account 222222222224",
        ),
        (
            "DisassociateAudience",
            WITHOUT_POLICY,
            json!({ "Principals": [EMPLOYEE] }),
            "ENTITY_NOT_FOUND",
            "not associated",
        ),
    ] {
        let (found_code, found_text) = failure(&rig, MEMBER, on(change_type, experience, details)).await;
        assert_eq!(found_code, code, "{change_type} on {experience}: {found_text}");
        assert!(found_text.contains(text), "{change_type} on {experience}: {found_text}");
    }
    for account in [EMPLOYEE, OUTSIDER] {
        let (code, text) = failure(&rig, account, create("Not mine")).await;
        assert_eq!(
            (code.as_str(), text.as_str()),
            ("CALLER_NOT_AUTHORIZED", "Caller not authorized to create experience.")
        );
    }
    let (code, _) =
        start(&rig, HUB, vec![on("UpdateExperience", LIVE, json!({ "Name": "Mine now" }))]).await.unwrap_err();
    assert_eq!(code, "AccessDeniedException");
}

#[tokio::test]
async fn principals_move_from_one_experience_to_another() {
    let rig = Rig::start(world()).await;
    let principals = json!({ "Principals": [EMPLOYEE, "o-member0000"] });
    succeed(&rig, DELEGATE, vec![on("AssociateAudience", LIVE, principals)]).await;
    let one = json!({ "Principals": [EMPLOYEE] });
    let changes = vec![on("DisassociateAudience", LIVE, one.clone()), on("AssociateAudience", WITHOUT_POLICY, one)];
    succeed(&rig, DELEGATE, changes).await;
    let mut audiences = Vec::new();
    for id in entities(&rig, "Audience").await {
        let (_, audience) = describe(&rig, &id).await;
        audiences.push((audience["ExperienceId"].clone(), audience["Principals"].clone()));
    }
    audiences.sort_by_key(|(experience, _)| experience.to_string());
    let expected = [(json!(WITHOUT_POLICY), json!([EMPLOYEE])), (json!(LIVE), json!(["o-member0000"]))];
    assert_eq!(audiences, expected);
}

#[tokio::test]
async fn archiving_needs_a_disabled_experience_and_reviving_an_archived_one() {
    let rig = Rig::start(world()).await;
    let nothing = || json!({});
    for (change_type, experience, text) in [
        ("RestrictExperience", LIVE, "must be disabled"),
        ("RestrictExperience", ARCHIVED, "is archived"),
        ("ReviveExperience", LIVE, "is not archived"),
    ] {
        let (code, message) = start(&rig, MEMBER, vec![on(change_type, experience, nothing())]).await.unwrap_err();
        assert_eq!(code, "ValidationException");
        assert!(message.contains(text), "{message}");
    }
    succeed(&rig, MEMBER, vec![on("RestrictExperience", WITHOUT_POLICY, nothing())]).await;
    assert_eq!(describe(&rig, WITHOUT_POLICY).await.1["AdminStatus"], "Restricted");
    succeed(&rig, MEMBER, vec![on("ReviveExperience", WITHOUT_POLICY, nothing())]).await;
    assert_eq!(describe(&rig, WITHOUT_POLICY).await.1["AdminStatus"], "Editable");
}

#[tokio::test]
async fn details_out_of_form_are_refused_before_anything_starts() {
    let rig = Rig::start(world()).await;
    for (change_type, details) in [
        ("UpdateExperience", json!({ "Status": "Open" })),
        ("UpdateExperience", json!({ "Name": "" })),
        ("RestrictExperience", json!({ "Name": "n" })),
        ("CreateProcurementPolicy", json!({})),
        ("UpdateProcurementPolicy", json!({ "Configuration": { "PolicyResourceRequests": "Maybe" } })),
        ("CreateBrandingSettings", json!({ "Configuration": {} })),
        ("UpdateBrandingSettings", json!({ "Configuration": { "ThemeColor": "red" } })),
        ("AssociateAudience", json!({ "Principals": [] })),
        ("AssociateAudience", json!({ "Principals": ["12345"] })),
        ("DisassociateAudience", json!({})),
    ] {
        let refused = start(&rig, MEMBER, vec![on(change_type, LIVE, details.clone())]).await;
        assert_eq!(refused.unwrap_err().0, "ValidationException", "{change_type} {details}");
    }
    let unwanted = on("CreateExperience", LIVE, json!({ "Name": "n" }));
    assert_eq!(start(&rig, MEMBER, vec![unwanted]).await.unwrap_err().0, "ValidationException");
    let tag = Tag::builder().key("aws:team").value("one").build().unwrap();
    let request = rig.catalog(MEMBER).start_change_set().catalog("AWSMarketplace").change_set_tags(tag);
    assert_eq!(request.change_set(create("n")).send().await.unwrap_err().code(), Some("ValidationException"));
}
