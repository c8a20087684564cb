//! What operators direct: the fleet, or one organization, goes back to an older snapshot and stays
//! there, or changes nothing for a while; and what a member holds itself.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_ledger::{DynamoReceipts, Found, ReceiptStore};
use pmp_local_aws::world::{Experience, Organization, ProcurementPolicy};
use pmp_protocol::{Receipt, SnapshotVersion};
use pmp_tests::{ALPHA, ALPHA_PROD, HUB, Lists, MANAGEMENT, Program, Scene, eventually, member_role, world};
use serde_json::{Value, json};

use crate::signatures::key_pair;

const TIMESTAMPS: &str = "SyncTimestamps";
pub(crate) const BETA: &str = "o-beta000000";
const BETA_ACCOUNT: &str = "333333333333";
pub(crate) const BETA_PROD: &str = "exp-beta-prod";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn table(scene: &Scene) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(scene.hub_account.config())
}

pub(crate) async fn item(scene: &Scene, partition: &str, key: &str) -> Option<Item> {
    let call = table(scene).get_item().table_name(TIMESTAMPS).key("organization", text(partition));
    call.key("item", text(key)).send().await.unwrap().item
}

pub(crate) async fn put(scene: &Scene, item: Item) {
    table(scene).put_item().table_name(TIMESTAMPS).set_item(Some(item)).send().await.unwrap();
}

pub(crate) async fn delete(scene: &Scene, partition: &str, key: &str) {
    let call = table(scene).delete_item().table_name(TIMESTAMPS).key("organization", text(partition));
    call.key("item", text(key)).send().await.unwrap();
}

/// The row of a member experience in the hub's `status`.
async fn row(scene: &Scene, member: &str) -> Value {
    let status = scene.hub.json(&["status"]).await;
    let rows = status["spokes"].as_array().unwrap();
    rows.iter().find(|row| row["member_experience"] == member).unwrap_or(&Value::Null).clone()
}

async fn state(scene: &Scene, member: &str) -> String {
    row(scene, member).await["state"].as_str().unwrap_or_default().to_owned()
}

/// Snapshot 1 approves three good products, and snapshot 2 a bad one besides. Alpha follows.
async fn bad_approval(scene: &Scene) {
    scene.hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-bad"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(
        scene.alpha_account.lists(ALPHA_PROD).await,
        Lists::new(&["prod-a", "prod-b", "prod-bad", "prod-c"], &[])
    );
}

fn good() -> Lists {
    Lists::new(&["prod-a", "prod-b", "prod-c"], &["prod-bad"])
}

#[tokio::test]
async fn a_bad_approval_is_taken_back_and_the_fleet_stays_there() {
    // Protocol S12, L10 and D8.
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &[])).await;
    bad_approval(&scene).await;
    let missing = scene.hub.run(&["pin", "7", "--reason", "no such snapshot"]).await;
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.starts_with("error: the ledger has no snapshot 7: the newest is 2\n"), "{}", missing.stderr);

    // Back to the content of snapshot 1, as snapshot 3.
    let pinned = scene.hub.json(&["pin", "1", "--reason", "prod-bad was approved by mistake"]).await;
    assert_eq!((&pinned["published"]["version"], &pinned["published"]["pinned"]), (&json!(3), &json!(1)));
    assert_eq!(pinned["directions"][0]["pin"]["by"], format!("arn:aws:iam::{HUB}:root"));
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, good());
    let again = scene.hub.run(&["pin", "1", "--reason", "twice"]).await;
    assert_eq!((again.code, again.stdout.as_str()), (0, "Snapshot 1 is what the fleet is pinned to already.\n"));

    // The management experience moves on, and the fleet does not.
    scene.hub_account.approve(MANAGEMENT, &["prod-later"]).await;
    let published = scene.hub.json(&["publish"]).await;
    assert_eq!(published["published"]["outcome"], "announced");
    let status = scene.hub.run(&["status"]).await.stdout;
    assert!(status.contains("pinned to 1 by root "), "{status}");
    let history = scene.hub.json(&["history"]).await;
    assert_eq!(history["versions"][0]["pinned"]["reason"], "prod-bad was approved by mistake");
    assert_eq!(history["versions"][1]["pinned"], Value::Null);

    // Snapshots are kept for as long as they are pinned.
    for n in 0..3 {
        scene.hub.json(&["unpin", "--reason", "a look", "--keep-versions", "2"]).await;
        scene.hub_account.approve(MANAGEMENT, &[&format!("prod-{n}")]).await;
        scene.hub.json(&["publish", "--keep-versions", "2"]).await;
        if n == 0 {
            scene.hub.json(&["pin", "4", "--org", ALPHA, "--reason", "kept", "--no-announce"]).await;
        }
    }
    let kept: Vec<_> = scene.hub.json(&["history"]).await["versions"].as_array().unwrap().clone();
    let kept: Vec<_> = kept.iter().map(|row| row["version"].as_u64().unwrap()).collect();
    assert_eq!(kept, [7, 6, 4]);
    scene.hub.json(&["unpin", "--org", ALPHA, "--reason", "over"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let lists = scene.alpha_account.lists(ALPHA_PROD).await;
    assert!(lists.approved.iter().any(|id| id == "prod-later") && lists.approved.iter().any(|id| id == "prod-bad"));
    scene.hub.replays_its_audit("after a pin").await;
}

/// Alpha and beta; beta has one experience, and its spoke is run by hand.
pub(crate) async fn two_organizations() -> (Scene, Program) {
    let mut world = world(&["prod-a", "prod-b", "prod-c"], &[]);
    let policy = ProcurementPolicy::new("policy-beta-prod");
    let beta = Organization::new(BETA, "Beta", BETA_ACCOUNT)
        .with_experience(Experience::new(BETA_PROD, "Production").with_policy(policy));
    world.organizations.push(beta);
    world.roles.push(member_role(BETA_ACCOUNT, BETA));
    let scene = Scene::start(world).await;
    let role = format!("arn:aws:iam::{HUB}:role/member-{BETA}");
    let beta = scene.spoke.with(&[("AWS_ACCESS_KEY_ID", BETA_ACCOUNT), ("PMP_HUB_ROLE_ARN", &role)]);
    (scene, beta)
}

#[tokio::test]
async fn one_organization_is_pinned_while_the_others_go_on() {
    // Protocol D5.
    let (scene, beta) = two_organizations().await;
    bad_approval(&scene).await;
    assert_eq!(beta.run(&["sync"]).await.code, 0);
    scene.hub.json(&["pin", "1", "--org", ALPHA, "--reason", "their audit"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(state(&scene, ALPHA_PROD).await, "APPLYING", "the pin is not acknowledged yet");
    for spoke in [&scene.spoke, &beta] {
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, good());
    let alpha = row(&scene, ALPHA_PROD).await;
    assert_eq!((&alpha["state"], &alpha["lag"], &alpha["receipt"]["line"]), (&json!("PINNED"), &json!(0), &json!(1)));
    assert!(
        alpha["message"].as_str().unwrap().starts_with("pinned to 1 by arn:aws:iam::111111111111:root "),
        "{alpha}"
    );
    assert_eq!(row(&scene, BETA_PROD).await["version"], 3);
    assert_eq!(state(&scene, BETA_PROD).await, "SYNCED");
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
    assert_eq!(scene.hub.run(&["wait", "--timeout", "1s"]).await.code, 0, "a pinned one is not waited for");

    // A guard rail holds at the pin as anywhere, and the pinned snapshot can be let through.
    let held = scene.hub.run(&["confirm", ALPHA, "3", "--force"]).await;
    assert!(held.stderr.contains("is pinned to snapshot 1, and 3 is not applied there"), "{}", held.stderr);
    assert!(held.stderr.contains("code: E4005"), "{}", held.stderr);
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "1", "--force"]).await.code, 0);

    // Nothing is to be done again, and then it goes on from an older version to a newer one.
    let started = scene.alpha_account.change_sets().await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.change_sets().await, started);
    scene.hub.json(&["unpin", "--org", ALPHA, "--reason", "the audit is over"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let alpha = row(&scene, ALPHA_PROD).await;
    assert_eq!((&alpha["state"], &alpha["version"]), (&json!("SYNCED"), &json!(3)));
    assert_eq!(alpha["receipt"]["line"], 2);
}

#[tokio::test]
async fn a_spoke_that_is_too_old_or_pretends_is_never_in_step_with_a_pin() {
    // Protocol R6, R7 and D13.
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &[])).await;
    bad_approval(&scene).await;
    // As a spoke of an earlier release says of itself.
    for key in [format!("{MANAGEMENT}#"), format!("spoke#{MANAGEMENT}#all")] {
        let mut seen = item(&scene, ALPHA, &key).await.unwrap();
        seen.insert("ledger".to_owned(), AttributeValue::N("2".to_owned()));
        put(&scene, seen).await;
    }
    let pinned = scene.hub.run(&["pin", "1", "--org", ALPHA, "--reason", "their audit"]).await;
    assert!(pinned.stderr.contains("obeys neither pins nor pauses"), "{}", pinned.stderr);
    let told = row(&scene, ALPHA_PROD).await;
    assert_eq!(told["state"], "ERROR");
    assert!(told["message"].as_str().unwrap().starts_with("does not obey the pin to snapshot 1: "), "{told}");
    // It pretends that the operators changed its pin once more, and stays where it was.
    let mut receipt = item(&scene, ALPHA, &format!("{MANAGEMENT}#{ALPHA_PROD}")).await.unwrap();
    receipt.insert("line".to_owned(), AttributeValue::N("9".to_owned()));
    put(&scene, receipt).await;
    assert_eq!(state(&scene, ALPHA_PROD).await, "DISPUTED");
    // A spoke of this release replaces it.
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(state(&scene, ALPHA_PROD).await, "PINNED");
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, good());
}

#[tokio::test]
async fn a_pause_is_obeyed_at_once_and_ends_by_itself() {
    // Protocol D11.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let agent = scene.spoke.start(&["run"]);
    scene.hub.json(&["publish"]).await;
    eventually("in step", &Lists::new(&["prod-a"], &[]), async || scene.alpha_account.lists(ALPHA_PROD).await).await;
    let started = scene.alpha_account.change_sets().await;
    let long = scene.hub.run(&["pause", "--all", "--until", "31d", "--reason", "for ever"]).await;
    assert!(long.stderr.contains("error: a pause lasts 30 days at most"), "{}", long.stderr);
    assert!(long.stderr.contains("hint: use a pin for longer"), "{}", long.stderr);
    scene.hub.json(&["pause", "--org", ALPHA, "--until", "20s", "--reason", "a change freeze"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    eventually("it says so", &"PAUSED".to_owned(), async || state(&scene, ALPHA_PROD).await).await;
    let told = row(&scene, ALPHA_PROD).await;
    assert_eq!(
        (&told["receipt"]["status"], &told["receipt"]["paused"]["whose"]),
        (&json!("held"), &json!("organization"))
    );
    assert!(told["message"].as_str().unwrap().contains("a change freeze"), "{told}");
    assert_eq!(scene.alpha_account.change_sets().await, started, "nothing is changed");
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
    // Nobody does anything, and it goes on.
    let both = Lists::new(&["prod-a", "prod-b"], &[]);
    eventually("it goes on", &both, async || scene.alpha_account.lists(ALPHA_PROD).await).await;
    eventually("and says so", &"SYNCED".to_owned(), async || state(&scene, ALPHA_PROD).await).await;
    assert_eq!(scene.alpha_account.waiting(&scene.dead_letters_url).await, 0);

    // Resumed before its time.
    scene.hub.json(&["pause", "--all", "--until", "2h", "--reason", "a freeze of all"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    eventually("it says so", &"PAUSED".to_owned(), async || state(&scene, ALPHA_PROD).await).await;
    scene.hub.json(&["resume", "--all", "--reason", "over"]).await;
    eventually("it goes on", &"SYNCED".to_owned(), async || state(&scene, ALPHA_PROD).await).await;
    let nothing = scene.hub.run(&["resume", "--all", "--reason", "again"]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (0, "Nothing is paused for the fleet.\n"));
    assert_eq!(agent.stop().await.0, 0);
    scene.hub.replays_its_audit("after pauses").await;
}

#[tokio::test]
async fn a_direction_that_the_hub_did_not_sign_changes_nothing() {
    // Protocol D2, K10 and K11.
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = key_pair(folder.path());
    let key = format!("file:{}", key.display());
    let hub = scene.hub.with(&[("PMP_SIGNING_KEY", &key)]);
    let spoke = scene.spoke.with(&[("PMP_TRUSTED_KEYS", &public)]);
    hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-bad"]).await;
    hub.json(&["publish"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    // Without the key nobody directs by mistake what every spoke would refuse.
    let keyless = scene.hub.run(&["pin", "1", "--org", ALPHA, "--reason", "no key"]).await;
    assert!(keyless.stderr.contains("this hub has no key"), "{}", keyless.stderr);
    assert!(keyless.stderr.contains("code: E4011"), "{}", keyless.stderr);

    hub.json(&["pin", "1", "--org", ALPHA, "--reason", "their audit"]).await;
    let partition = format!("hub#{ALPHA}");
    let place = format!("direction#{MANAGEMENT}");
    let genuine = item(&scene, &partition, &place).await.unwrap();
    let refused = async |forged: Item, reason: &str| {
        put(&scene, forged).await;
        let finished = spoke.run(&["sync"]).await;
        assert_eq!(finished.code, 1, "{finished:?}");
        assert!(finished.stderr.contains("is not obeyed; nothing is changed"), "{}", finished.stderr);
        assert!(finished.stderr.contains(reason), "{}", finished.stderr);
        let seen = item(&scene, ALPHA, &format!("{MANAGEMENT}#")).await.unwrap();
        assert!(seen["error"].as_s().unwrap().contains(reason), "{seen:?}");
    };
    let mut unsigned = genuine.clone();
    unsigned.remove("statement");
    refused(unsigned, "it is not signed").await;
    let mut unreadable = genuine.clone();
    unreadable.insert("generation".to_owned(), text("many"));
    refused(unreadable, "it cannot be read").await;
    let unread = hub.run(&["confirm", ALPHA, "2"]).await;
    assert!(unread.code == 1 && unread.stderr.contains("code: E4014"), "{}", unread.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await.rejected.len(), 0, "nothing is changed");

    // What stands beside the statement counts for nothing. Without keys it counts, and names a
    // snapshot that is not there.
    let mut beside = genuine.clone();
    beside.insert(
        "pin".to_owned(),
        AttributeValue::M(HashMap::from([
            ("version".to_owned(), AttributeValue::N("9".to_owned())),
            ("digest".to_owned(), text(&format!("sha256:{}", "0".repeat(64)))),
            ("by".to_owned(), text("forged")),
            ("at".to_owned(), text("2026-11-24T12:00:00Z")),
            ("reason".to_owned(), text("forged")),
        ])),
    );
    put(&scene, beside).await;
    let ahead = scene.spoke.run(&["sync"]).await;
    assert!(ahead.code == 1 && ahead.stderr.contains("code: E5013"), "{}", ahead.stderr);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, good());

    // Nor is one believed that is older than what was trusted, nor that there is none any more.
    put(&scene, genuine.clone()).await;
    hub.json(&["unpin", "--org", ALPHA, "--reason", "over", "--no-announce"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    refused(genuine.clone(), "it is of generation 1, and generation 2 was trusted before").await;
    // Protocol D16: nor does the hub sign it anew, by whatever is directed next.
    let older = hub.run(&["pause", "--org", ALPHA, "--until", "2h", "--reason", "an incident"]).await;
    assert!(older.code == 1 && older.stderr.contains("code: E4077"), "{}", older.stderr);
    let told = format!("the table has generation 1, and `{ALPHA}` trusted 2");
    assert!(older.stderr.contains(&told), "{}", older.stderr);
    let call = table(&scene).delete_item().table_name(TIMESTAMPS).key("organization", text(&partition));
    call.key("item", text(&place)).send().await.unwrap();
    let gone = spoke.run(&["sync"]).await;
    assert!(gone.stderr.contains("it is gone: generation 2 was trusted before"), "{}", gone.stderr);
    let anew = hub.run(&["pin", "1", "--org", ALPHA, "--reason", "an incident"]).await;
    assert!(anew.stderr.contains("the table has generation 0"), "{}", anew.stderr);
    let nothing = hub.run(&["resume", "--org", ALPHA, "--reason", "over"]).await;
    assert!(nothing.code == 1 && nothing.stderr.contains("code: E4077"), "{}{}", nothing.stdout, nothing.stderr);
    let doctor = hub.run(&["doctor", "-o", "json"]).await;
    assert!(doctor.code != 0 && doctor.stdout.contains("the table has generation 0"), "{}", doctor.stdout);

    // What the spoke trusted is the hub's own word: a person restores it, as a newer one.
    for lost in [None, Some(genuine)] {
        if let Some(older) = lost {
            put(&scene, older).await;
        }
        let shown = hub.run(&["directions"]).await;
        assert!(shown.stdout.contains("1 shown; 1 of which an older one was put back"), "{}", shown.stdout);
        hub.json(&["directions", "--sign", "--yes"]).await;
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
    let directions = hub.json(&["directions"]).await;
    let row = &directions["directions"][0];
    assert_eq!((&row["generation"], &row["instead_of"], &row["pin"]), (&json!(4), &Value::Null, &Value::Null));
    assert_eq!(hub.json(&["pin", "1", "--org", ALPHA, "--reason", "an incident"]).await["changed"], true);
}

/// The same of what is directed for the fleet, which its members trusted.
#[tokio::test]
async fn a_direction_of_the_fleet_that_was_put_back_is_not_signed_anew() {
    // Protocol D16.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = key_pair(folder.path());
    let key = format!("file:{}", key.display());
    let hub = scene.hub.with(&[("PMP_SIGNING_KEY", &key), ("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    let spoke = scene.spoke.with(&[("PMP_TRUSTED_KEYS", &public)]);
    hub.json(&["publish"]).await;
    let why = ["--reason", "an incident", "--no-announce"];
    hub.json(&[&["pause", "--all", "--until", "1h"][..], &why].concat()).await;
    let place = format!("direction#{MANAGEMENT}");
    let paused = item(&scene, "hub#heads", &place).await.unwrap();
    hub.json(&[&["resume", "--all"][..], &why].concat()).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    put(&scene, paused).await;
    let windows =
        hub.with(&[("PMP_CHANGE_WINDOWS", "daily 00:00-24:00 UTC; Mon 00:00-01:00 UTC")]).run(&["publish"]).await;
    assert!(windows.code == 1 && windows.stderr.contains("code: E4077"), "{}", windows.stderr);
    let shown = hub.run(&["directions", "--all"]).await;
    assert!(shown.stdout.contains("an older one is in the table"), "{}", shown.stdout);
    hub.json(&["directions", "--sign", "--yes"]).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 0, "the pause is over, as it was");
}

/// Every receipt over every other: what stands in the table afterwards is the later one in the
/// order of line and version, with one that has no line as line 0.
#[tokio::test]
async fn receipts_are_kept_in_the_order_of_line_and_version() {
    // Protocol R3 and R4.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let key = format!("{MANAGEMENT}#{ALPHA_PROD}");
    let stored = item(&scene, ALPHA, &key).await.unwrap();
    let receipt: Receipt = serde_dynamo::from_item(stored.clone()).unwrap();
    let receipts = DynamoReceipts::new(scene.hub_account.config(), TIMESTAMPS.parse().unwrap());
    let number = |number: u64| AttributeValue::N(number.to_string());
    let places = || (0..3_u64).flat_map(|line| (1..4_u64).map(move |version| (line, version)));
    for (before, after) in places().flat_map(|before| places().map(move |after| (before, after))) {
        let mut item_before = stored.clone();
        item_before.insert("version".to_owned(), number(before.1));
        match before.0 {
            0 => item_before.remove("line"),
            line => item_before.insert("line".to_owned(), number(line)),
        };
        let new = Receipt { line: after.0, version: SnapshotVersion::new(after.1).unwrap(), ..receipt.clone() };
        put(&scene, item_before.clone()).await;
        assert_eq!(receipts.put(&new, None).await.unwrap(), after >= before, "{after:?} over {before:?}");
        put(&scene, item_before.clone()).await;
        assert_eq!(receipts.put_late(&new).await.unwrap(), after >= before, "late, {after:?} over {before:?}");
        // One that does not match the ledger is replaced, wherever it stands.
        put(&scene, item_before).await;
        let found = Found { version: before.1.to_string(), digest: Some(receipt.digest.to_string()) };
        assert!(receipts.put(&new, Some(&found)).await.unwrap());
    }
    // What is no line counts as none.
    let mut odd = stored.clone();
    odd.insert("line".to_owned(), text("many"));
    put(&scene, odd).await;
    assert!(receipts.put(&receipt, None).await.unwrap());
}

#[tokio::test]
async fn a_member_holds_within_the_hubs_bound() {
    // Protocol D10.
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let hub = scene.hub.with(&[("PMP_MAX_HOLD", "24h")]);
    hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let long = scene.spoke.run(&["hold", "--until", "25h", "--reason", "an audit"]).await;
    assert_eq!(long.code, 1);
    assert!(long.stderr.contains("the hub lets a member hold for 24h at the most"), "{}", long.stderr);
    assert!(long.stderr.contains("code: E5020"), "{}", long.stderr);
    let held = scene.spoke.json(&["hold", "--until", "2h", "--reason", "an audit"]).await;
    assert_eq!(held["hold"]["reason"], "an audit");
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3, "held");
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    let told = row(&scene, ALPHA_PROD).await;
    assert_eq!((&told["state"], &told["receipt"]["paused"]["whose"]), (&json!("PAUSED"), &json!("member")));
    let own = scene.spoke.run(&["status"]).await;
    assert!(own.stdout.contains("held by the member until "), "{}", own.stdout);

    // The bound becomes shorter than what has passed: the hold is over, and told.
    let mut item_held = item(&scene, ALPHA, &format!("hold#{MANAGEMENT}")).await.unwrap();
    item_held.insert("at".to_owned(), text("2026-01-01T00:00:00Z"));
    put(&scene, item_held).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &[]));

    // Nor does a second hold make more of it, before the first one would have ended.
    let chained = scene.spoke.run(&["hold", "--until", "2h", "--reason", "another audit"]).await;
    assert!(chained.stderr.contains("since it began at 2026-01-01T00:00:00Z"), "{}", chained.stderr);
    let call = table(&scene).delete_item().table_name(TIMESTAMPS).key("organization", text(ALPHA));
    call.key("item", text(&format!("hold#{MANAGEMENT}"))).send().await.unwrap();
    scene.spoke.json(&["hold", "--until", "2h", "--reason", "another audit"]).await;
    let released = scene.spoke.run(&["unhold", "--reason", "done"]).await;
    assert!(released.stdout.starts_with("o-alpha00000 holds no longer."), "{}", released.stdout);
    assert_eq!(scene.spoke.run(&["unhold"]).await.stdout, "o-alpha00000 does not hold.\n");
}

/// Nobody is admitted yet, and nobody has reported.
#[tokio::test]
async fn who_was_never_heard_of_is_told_and_can_be_released_again() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let mistyped = "o-alpha00001";
    let pause = ["pause", "--org", mistyped, "--until", "2h", "--reason", "an audit"];
    let paused = scene.hub.run(&pause).await;
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    assert!(paused.stderr.contains("hint: nothing was ever heard of `o-alpha00001`"), "{}", paused.stderr);
    assert!(paused.stderr.contains("pmp-hub resume --org o-alpha00001"), "{}", paused.stderr);
    // Once alpha has reported, the hint says who is meant; of alpha itself nothing is said.
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let pinned = scene.hub.run(&["pin", "1", "--org", mistyped, "--reason", "an audit"]).await;
    assert!(pinned.code == 0 && pinned.stderr.contains("did you mean `o-alpha00000`?"), "{}", pinned.stderr);
    let known = scene.hub.run(&["pause", "--org", ALPHA, "--until", "2h", "--reason", "an audit"]).await;
    assert!(known.code == 0 && !known.stderr.contains("hint: nothing"), "{}", known.stderr);
    assert_eq!(scene.hub.run(&["resume", "--org", ALPHA, "--reason", "it is over"]).await.code, 0);

    // The first admission: what is directed for others is released all the same, and no more.
    assert_eq!(scene.hub.run(&["members", "admit", ALPHA]).await.code, 0);
    let again = scene.hub.run(&pause).await;
    assert!(again.code == 1 && again.stderr.contains("code: E4065"), "{}", again.stderr);
    assert!(again.stderr.contains("did you mean `o-alpha00000`?"), "{}", again.stderr);
    let released = scene.hub.run(&["unpin", "--org", mistyped, "--reason", "mistyped"]).await;
    assert!(released.code == 0 && released.stdout.contains("Unpinned o-alpha00001"), "{}", released.stderr);
    let released = scene.hub.run(&["resume", "--org", mistyped, "--reason", "mistyped"]).await;
    assert!(released.code == 0 && released.stdout.contains("Resumed o-alpha00001"), "{}", released.stderr);
    let nothing = scene.hub.run(&["resume", "--org", "o-gamma00000", "--reason", "mistyped"]).await;
    assert!(nothing.code == 1 && nothing.stderr.contains("code: E4065"), "{}", nothing.stderr);
}
