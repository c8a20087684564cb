//! What an insider of a member organization can say in the hub's name, and what comes of it:
//! nothing (rule 9). Messages are sent by a principal of the member's account, receipts are written
//! with the member's own role, and both with no right beyond those that the templates give.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_ledger::{DynamoSnapshots, NewSnapshot, SnapshotStore, Stored};
use pmp_local_aws::world::Role;
use pmp_protocol::{
    Content, Digest, ExperienceId, ProductId, Reason, ResourceRequests, Sealed, SnapshotMessage, SnapshotVersion,
};
use pmp_tests::{
    ALPHA, ALPHA_DEV, ALPHA_PROD, Aws, EXTERNAL_ID, HUB, Lists, MANAGEMENT, Scene, eventually, within, world,
};
use serde_json::{Value, json};

const TIMESTAMPS: &str = "SyncTimestamps";

fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn management() -> ExperienceId {
    ExperienceId::new(MANAGEMENT).unwrap()
}

fn version(number: u64) -> SnapshotVersion {
    SnapshotVersion::new(number).unwrap()
}

/// A content that no hub ever approved.
fn evil() -> Sealed {
    let approved = BTreeSet::from(["prod-a", "prod-evil"].map(|id| ProductId::new(id).unwrap()));
    let content = Content::new(management(), approved, BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow);
    Sealed::new(&content.unwrap()).unwrap()
}

/// A well-formed message about it.
pub(crate) fn forged_message(number: u64) -> String {
    let now = "2026-11-28T12:00:00Z".parse().unwrap();
    SnapshotMessage::announce(management(), version(number), now, Reason::Changed, &evil(), 1).to_json()
}

/// DynamoDB as alpha's role in the hub's account.
async fn as_member(scene: &Scene) -> aws_sdk_dynamodb::Client {
    let sts = aws_sdk_sts::Client::new(scene.alpha_account.config());
    let call = sts.assume_role().role_arn(format!("arn:aws:iam::{HUB}:role/member-{ALPHA}"));
    let call = call.external_id(EXTERNAL_ID).role_session_name("insider");
    let session = call.send().await.unwrap().credentials.unwrap();
    aws_sdk_dynamodb::Client::new(Aws::new(&scene.endpoint(), &session.access_key_id).config())
}

fn table() -> String {
    format!("arn:aws:dynamodb:us-east-1:{HUB}:table/{TIMESTAMPS}")
}

/// An item of alpha's own partition, over what is there.
async fn put(scene: &Scene, key: &str, attributes: Vec<(&str, AttributeValue)>) {
    let mut item: HashMap<String, AttributeValue> =
        attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    item.extend([("organization".to_owned(), text(ALPHA)), ("item".to_owned(), text(key))]);
    as_member(scene).await.put_item().table_name(table()).set_item(Some(item)).send().await.unwrap();
}

/// A receipt that nobody's spoke wrote.
async fn forge_receipt(scene: &Scene, member: &str, number_text: &str, digest: &Digest) {
    let at = "2026-11-28T12:00:00Z";
    let mut attributes = vec![
        ("experience", text(MANAGEMENT)),
        ("member_experience", text(member)),
        ("version", number(number_text)),
        ("digest", text(digest)),
        ("status", text("in-sync")),
        ("received_at", text(at)),
        ("applied_at", text(at)),
        ("spoke_version", text("0.1.0")),
    ];
    attributes.extend(["allowed", "denied", "pending", "narrowed"].map(|name| (name, number(0))));
    put(scene, &format!("{MANAGEMENT}#{member}"), attributes).await;
}

/// An item of the ledger, as the hub sees it.
async fn item(scene: &Scene, table: &str, key: [(&str, &str); 2]) -> Option<HashMap<String, AttributeValue>> {
    let client = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let call = client.get_item().table_name(table).key(key[0].0, text(key[0].1)).key(key[1].0, text(key[1].1));
    call.send().await.unwrap().item
}

async fn seen(scene: &Scene) -> HashMap<String, AttributeValue> {
    let key = format!("{MANAGEMENT}#");
    item(scene, TIMESTAMPS, [("organization", ALPHA), ("item", &key)]).await.unwrap_or_default()
}

/// State and version of an experience, as the hub's `status` tells them.
async fn stands(scene: &Scene, member: &str) -> (Value, Value) {
    let status = scene.hub.json(&["status"]).await;
    let rows = status["spokes"].as_array().unwrap().iter();
    let row = rows.into_iter().find(|row| row["member_experience"] == member).cloned().unwrap_or_default();
    (row["state"].clone(), row["version"].clone())
}

async fn reasons(scene: &Scene) -> Vec<String> {
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let call = client.receive_message().queue_url(&scene.dead_letters_url).max_number_of_messages(10);
    let letters = call.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default();
    let reason = |letter: &aws_sdk_sqs::types::Message| {
        letter.message_attributes().unwrap()["pmp-sync-reason"].string_value().unwrap().to_owned()
    };
    letters.iter().map(reason).collect()
}

async fn waiting(scene: &Scene) -> usize {
    scene.alpha_account.waiting(&scene.queue_url).await
}

async fn lists(scene: &Scene) -> Lists {
    scene.alpha_account.lists(ALPHA_PROD).await
}

/// The next real change arrives and is told as it is: nothing is left of what was forged.
async fn the_next_change_arrives(scene: &Scene, number: u64) {
    scene.hub_account.approve(MANAGEMENT, &["prod-next"]).await;
    scene.hub.json(&["publish"]).await;
    eventually("the next change", &Lists::new(&["prod-a", "prod-next"], &[]), async || lists(scene).await).await;
    for member in [ALPHA_PROD, ALPHA_DEV] {
        eventually("the receipt", &(json!("SYNCED"), json!(number)), async || stands(scene, member).await).await;
    }
}

async fn forged_messages_come_to_nothing(forged: &[String], reason: &str) {
    // Protocol M14.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    for message in forged {
        scene.alpha_account.send(&scene.queue_url, message).await;
    }
    // A true one among them, which is taken along by none.
    scene.hub.json(&["publish"]).await;
    let agent = scene.spoke.start(&["run"]);
    eventually("the true one is applied", &Lists::new(&["prod-a"], &[]), async || lists(&scene).await).await;
    eventually("set aside", &forged.len(), async || scene.alpha_account.waiting(&scene.dead_letters_url).await).await;
    eventually("the queue is empty", &0, async || waiting(&scene).await).await;
    assert_eq!(lists(&scene).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(stands(&scene, ALPHA_PROD).await, (json!("SYNCED"), json!(1)));
    let reasons = reasons(&scene).await;
    assert!(reasons.iter().all(|told| told.contains(reason)), "{reasons:?}");
    the_next_change_arrives(&scene, 2).await;
    let (code, log) = agent.stop().await;
    assert_eq!(code, 0);
    assert!(log.contains("looking again shortly"), "{log}");
}

#[tokio::test]
async fn a_message_ahead_of_the_ledger_is_not_believed() {
    let forged = [forged_message(2), forged_message(u64::MAX)];
    forged_messages_come_to_nothing(&forged, "and the ledger's newest is 1").await;
}

#[tokio::test]
async fn a_message_with_another_content_for_the_ledgers_version_is_not_believed() {
    forged_messages_come_to_nothing(&[forged_message(1)], "it announces snapshot 1 with the digest").await;
}

#[tokio::test]
async fn a_message_that_does_not_hold_what_it_announces_only_costs_a_fetch() {
    // Protocol M15.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let taken = client.receive_message().queue_url(&scene.queue_url).send().await.unwrap().messages.unwrap().remove(0);
    client.purge_queue().queue_url(&scene.queue_url).send().await.unwrap();
    // Version and digest of what is in force, and the content of somebody else.
    let mut message: Value = serde_json::from_str(taken.body().unwrap()).unwrap();
    let forged: Value = serde_json::from_str(&forged_message(1)).unwrap();
    message["body"] = forged["body"].clone();
    message["counts"] = forged["counts"].clone();
    scene.alpha_account.send(&scene.queue_url, &message.to_string()).await;
    let agent = scene.spoke.start(&["run"]);
    eventually("the queue is empty", &0, async || waiting(&scene).await).await;
    assert_eq!(lists(&scene).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(agent.stop().await.0, 0);
}

#[tokio::test]
async fn a_content_in_the_ledger_that_its_head_does_not_name_is_not_applied() {
    // Protocol M12 and D5.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    client.purge_queue().queue_url(&scene.queue_url).send().await.unwrap();
    // Whole and sound in itself, with its own digest: only the head tells.
    let (evil, chunk) = (evil(), format!("v{:020}#0001", 1));
    let mut item = item(&scene, "Snapshots", [("experience", MANAGEMENT), ("item", &chunk)]).await.unwrap();
    item.insert("content".to_owned(), AttributeValue::B(Blob::new(evil.compressed())));
    item.insert("digest".to_owned(), text(evil.digest()));
    item.insert("approved".to_owned(), number(evil.counts().approved));
    let hub = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    hub.put_item().table_name("Snapshots").set_item(Some(item)).send().await.unwrap();
    let refused = scene.spoke.run(&["sync"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("and the head names sha256:"), "{}", refused.stderr);
    assert_eq!(lists(&scene).await, Lists::default());
    assert_eq!(scene.spoke.run(&["doctor"]).await.code, 4);
}

#[tokio::test]
async fn a_forged_receipt_supersedes_nothing_and_is_replaced() {
    // Protocol R7.
    let evil = evil().digest();
    for (number, digest) in [("18446744073709551615", evil), ("2", evil), ("1", evil)] {
        let scene = Scene::start(world(&["prod-a"], &[])).await;
        scene.hub.json(&["publish"]).await;
        let agent = scene.spoke.start(&["run"]);
        eventually("in step", &(json!("SYNCED"), json!(1)), async || stands(&scene, ALPHA_PROD).await).await;
        // A pass that is at work still would put its own receipt in place of the forged one, and
        // never see it.
        eventually("the announcement is answered", &0, async || waiting(&scene).await).await;
        forge_receipt(&scene, ALPHA_PROD, number, &digest).await;
        forge_receipt(&scene, "exp-that-never-was", number, &digest).await;
        the_next_change_arrives(&scene, 2).await;
        let gone = async || stands(&scene, "exp-that-never-was").await;
        eventually("of what is not there, too", &(json!("SKIPPED"), json!(2)), gone).await;
        // The hub is told, and so is whoever looks here.
        let told =
            async || matches!(seen(&scene).await.get("disputed"), Some(AttributeValue::L(told)) if told.len() == 2);
        eventually("the sign of life", &true, told).await;
        let (code, log) = agent.stop().await;
        assert_eq!(code, 0);
        assert!(log.contains("a receipt that does not match the ledger"), "{log}");
        let doctor = scene.spoke.run(&["doctor"]).await.stdout;
        assert!(doctor.contains(&format!("a receipt of {ALPHA_PROD} for snapshot {number} ")), "{doctor}");
    }
}

#[tokio::test]
async fn a_forged_receipt_that_stands_already_stops_no_sync() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    forge_receipt(&scene, ALPHA_PROD, "18446744073709551615", &evil().digest()).await;
    // What cannot be read at all: of another kind, and with a number that is no version.
    let key = format!("{MANAGEMENT}#{ALPHA_DEV}");
    put(
        &scene,
        &key,
        vec![("version", number("99999999999999999999999999999999999999")), ("status", text("of-later"))],
    )
    .await;
    let synced = scene.spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    assert_eq!(lists(&scene).await, Lists::new(&["prod-a"], &[]));
    for member in [ALPHA_PROD, ALPHA_DEV] {
        assert_eq!(stands(&scene, member).await, (json!("SYNCED"), json!(1)));
    }
    put(&scene, &key, vec![("version", text("seven"))]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(stands(&scene, ALPHA_DEV).await, (json!("SYNCED"), json!(1)));
}

#[tokio::test]
async fn a_confirmation_in_the_members_own_partition_lets_nothing_through() {
    // Protocol L13.
    let scene = crate::confirming::two_thirds_to_remove().await;
    let head = item(&scene, "Snapshots", [("experience", MANAGEMENT), ("item", "head")]).await.unwrap();
    let confirmed = HashMap::from([
        ("by".to_owned(), text("arn:aws:iam::111111111111:user/innocent")),
        ("at".to_owned(), text("2026-11-28T12:00:00Z")),
    ]);
    let attributes = vec![
        ("experience", text(MANAGEMENT)),
        ("version", number(1)),
        ("digest", head["digest"].clone()),
        ("confirmed", AttributeValue::M(confirmed)),
    ];
    put(&scene, &format!("confirm#{MANAGEMENT}#"), attributes).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3, "held");
    assert_eq!(scene.alpha_account.change_sets().await, 0);
}

#[tokio::test]
async fn without_the_ledger_nothing_changes_and_the_message_stays() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let cut_off = scene.spoke.with(&[("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")]);
    let agent = cut_off.start(&["run"]);
    within(Duration::from_secs(60), "the failure", async || {
        let log = agent.log();
        if log.contains("the pass failed; trying again") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(lists(&scene).await, Lists::default());
    assert_eq!(waiting(&scene).await, 1);
    assert_eq!(scene.alpha_account.waiting(&scene.dead_letters_url).await, 0);
    assert_eq!(agent.stop().await.0, 0);
}

#[tokio::test]
async fn a_message_of_a_newer_schema_is_told_as_a_need_and_set_aside() {
    // Protocol M10.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let agent = scene.spoke.start(&["run"]);
    eventually("in step", &(json!("SYNCED"), json!(1)), async || stands(&scene, ALPHA_PROD).await).await;
    scene.alpha_account.send(&scene.queue_url, r#"{"schema":"pmp-sync.snapshot/2","new":"world"}"#).await;
    eventually("set aside", &1, async || scene.alpha_account.waiting(&scene.dead_letters_url).await).await;
    let seen = seen(&scene).await;
    let needs = seen["needs"].as_m().unwrap();
    assert_eq!(needs["schema"], text("pmp-sync.snapshot/2"));
    assert_eq!(seen["experiences"], number(2), "the rest stands as it was");
    assert_eq!(agent.stop().await.0, 0);
    let doctor = scene.spoke.run(&["doctor"]).await.stdout;
    assert!(doctor.contains("install a newer spoke"), "{doctor}");
}

#[tokio::test]
async fn a_refusal_does_not_hide_what_is_in_force() {
    // Protocol R2.
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub_account.reject(MANAGEMENT, &["prod-b", "prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3, "two of three are held");
    let key = format!("{MANAGEMENT}#{ALPHA_PROD}");
    let receipt = item(&scene, TIMESTAMPS, [("organization", ALPHA), ("item", &key)]).await.unwrap();
    assert_eq!((&receipt["version"], &receipt["status"]), (&number(2), &text("held")));
    assert_eq!(receipt["applied"].as_m().unwrap()["version"], number(1));
}

/// A role in the hub's account as earlier releases' templates made it.
fn earlier_role() -> Role {
    let table = |name: &str| format!("arn:aws:dynamodb:us-east-1:{HUB}:table/{name}");
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}]});
    let permissions = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:Query"], "Resource": table("Snapshots")},
        {"Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:Query"], "Resource": table(TIMESTAMPS),
         "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [ALPHA]},
                       "Null": {"dynamodb:LeadingKeys": "false"}}}]});
    Role::new(HUB, &format!("member-{ALPHA}"), trust).with_permissions(permissions)
}

#[tokio::test]
async fn a_role_of_an_earlier_release_is_enough_to_sync_and_is_told() {
    let mut world = world(&["prod-a"], &[]);
    world.roles = vec![earlier_role()];
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let synced = scene.spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    assert_eq!(lists(&scene).await, Lists::new(&["prod-a"], &[]));
    assert!(synced.stderr.contains("the hub's template is an older one"), "{}", synced.stderr);
    let doctor = scene.spoke.run(&["doctor"]).await.stdout;
    assert!(doctor.contains("update this member's role (`hub-member`)"), "{doctor}");
}

/// The table goes back to version 1 after version 2 was acknowledged, as by point-in-time recovery.
async fn restored() -> Scene {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let head = item(&scene, "Snapshots", [("experience", MANAGEMENT), ("item", "head")]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let hub = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    hub.put_item().table_name("Snapshots").set_item(head).send().await.unwrap();
    // What the hub writes beside each version, in the other table.
    let mark = hub.put_item().table_name(TIMESTAMPS).item("organization", text("hub#heads"));
    let mark = mark.item("item", text(MANAGEMENT)).item("version", number(2)).item("digest", text(Digest::of(b"two")));
    mark.item("at", text("2026-11-28T12:00:00Z")).send().await.unwrap();
    scene
}

#[tokio::test]
async fn a_ledger_that_was_restored_changes_nothing_until_the_hub_goes_on() {
    // Protocol L8.
    let scene = restored().await;
    let newest = Lists::new(&["prod-a", "prod-b"], &[]);
    for command in ["sync", "plan"] {
        let refused = scene.spoke.run(&[command]).await;
        assert_eq!(refused.code, 1);
        let restored = "the ledger was restored to an earlier moment: snapshot 2 was stored, and 1 is in force now";
        assert!(refused.stderr.contains(restored), "{}", refused.stderr);
        assert!(refused.stderr.contains("`pmp-hub recover`"), "{}", refused.stderr);
    }
    let agent = scene.spoke.start(&["run"]);
    let told = async || matches!(seen(&scene).await.get("error"), Some(AttributeValue::S(error)) if error.contains("restored"));
    eventually("the hub is told", &true, told).await;
    assert_eq!(lists(&scene).await, newest);
    assert_eq!(waiting(&scene).await, 2, "both announcements are kept");
    let doctor = scene.spoke.run(&["doctor"]).await;
    assert_eq!(doctor.code, 4);
    assert!(doctor.stdout.contains("was restored to an earlier moment"), "{}", doctor.stdout);

    // The hub goes on past all that it ever stored.
    let store = DynamoSnapshots::new(scene.hub_account.config(), "Snapshots".parse().unwrap());
    let approved = BTreeSet::from(["prod-a", "prod-b", "prod-c"].map(|id| ProductId::new(id).unwrap()));
    let content = Content::new(management(), approved, BTreeSet::new(), BTreeMap::new(), ResourceRequests::Allow);
    let (sealed, experience) = (Sealed::new(&content.unwrap()).unwrap(), management());
    let previous = Some(version(1));
    let taken_at = "2026-11-28T12:00:00Z".parse().unwrap();
    let next = NewSnapshot {
        experience: &experience,
        previous,
        version: version(3),
        taken_at,
        sealed: &sealed,
        statement: None,
        pinned: None,
    };
    assert!(matches!(store.store(&next).await.unwrap(), Stored::Won { .. }));
    let message = SnapshotMessage::announce(management(), next.version, taken_at, Reason::Operator, &sealed, 1);
    scene.alpha_account.send(&scene.queue_url, &message.to_json()).await;
    let after = Lists::new(&["prod-a", "prod-b", "prod-c"], &[]);
    eventually("the spoke goes on", &after, async || lists(&scene).await).await;
    eventually("as version 3", &(json!("SYNCED"), json!(3)), async || stands(&scene, ALPHA_PROD).await).await;
    assert_eq!(agent.stop().await.0, 0);
}
