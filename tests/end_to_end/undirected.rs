//! Where one organization cannot be directed, or an older direction was put back: all others are
//! directed, or nobody is; and the audit says what was done.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use pmp_tests::{ALPHA, ALPHA_PROD, Function, HUB, MANAGEMENT, Program, Scene, eventually, world};
use serde_json::{Value, json};

use crate::doctor::Checkup;
use crate::functions::TIME;
use crate::looked_up::{LOOK_UP, asked};
use crate::restored::{items, restore};
use crate::signatures::{another_key, another_public, key_pair};
use crate::steering::{BETA, delete, item, put, text, two_organizations};
use crate::waves::{Fleet, THREE, failed, fleet, row, taken_back};

/// Alpha and beta first, and then all.
const TWO: &str = r#"
[[waves]]
name = "canary"
organizations = ["o-alpha00000", "o-beta000000"]
[[waves]]
name = "all"
share = 100
"#;

fn direction() -> String {
    format!("direction#{MANAGEMENT}")
}

/// How many messages wait for alpha. The one that the fleet's last publish sent may still be on its
/// way, so that is waited for first.
async fn waiting(fleet: &Fleet) -> usize {
    let waiting = async || fleet.scene.alpha_account.waiting(&fleet.scene.queue_url).await;
    eventually("a message waits", &true, async || waiting().await > 0).await;
    waiting().await
}

/// Makes what is directed for an organization no direction, so that it cannot be read or written.
async fn damage(scene: &Scene, organization: &str) {
    let key = direction();
    let mut damaged = item(scene, &format!("hub#{organization}"), &key).await.unwrap_or_default();
    damaged.insert("organization".to_owned(), text(&format!("hub#{organization}")));
    damaged.insert("item".to_owned(), text(&key));
    damaged.insert("generation".to_owned(), text("many"));
    put(scene, damaged).await;
}

/// The entries of the audit, the newest first.
async fn audit(hub: &Program) -> Vec<Value> {
    hub.json(&["audit", "--last", "1000"]).await["entries"].as_array().unwrap().clone()
}

/// A fleet whose hub signs, and whose spokes trust its key. All of them have snapshot 2, to which
/// alpha and beta were directed.
async fn signed(folder: &std::path::Path) -> Fleet {
    let mut fleet = fleet(TWO).await;
    let (key, public) = key_pair(folder);
    fleet.hub = fleet.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", key.display()))]);
    for spoke in [&mut fleet.alpha, &mut fleet.beta, &mut fleet.gamma] {
        *spoke = spoke.with(&[("PMP_TRUSTED_KEYS", &public)]);
    }
    fleet.hub.json(&["directions", "--sign", "--yes"]).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    for _ in 0..3 {
        fleet.hub.json(&["publish"]).await;
        fleet.sync_all().await;
    }
    assert_eq!(fleet.versions().await, [2, 2, 2]);
    fleet
}

#[tokio::test]
async fn a_publish_directs_all_others_where_the_direction_of_one_was_deleted() {
    // Protocol D16.
    let folder = tempfile::tempdir().unwrap();
    let fleet = signed(folder.path()).await;
    let scene = &fleet.scene;
    delete(scene, &format!("hub#{ALPHA}"), &direction()).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    let failed = fleet.hub.run(&["publish"]).await;
    assert!(failed.code == 1 && failed.stderr.contains("code: E4077"), "{failed:?}");
    assert!(failed.stderr.contains("snapshot 3 is published, and a step after that failed"), "{}", failed.stderr);
    let told = format!("what is directed for `{ALPHA}` is older than what was directed: the table has generation 0");
    assert!(failed.stderr.contains(&told), "{}", failed.stderr);
    // Beta is directed, and told.
    fleet.beta.run(&["sync"]).await;
    assert_eq!(fleet.versions().await, [2, 3, 2]);
    let entries = audit(&fleet.hub).await;
    let (steps, publish) = (&entries[0], &entries[1]);
    assert_eq!(
        (&publish["action"], &publish["version"], &publish["outcome"]),
        (&json!("publish"), &json!(3), &json!("stored"))
    );
    assert_eq!((&steps["action"], &steps["version"]), (&json!("waves"), &json!(3)));
    assert_eq!(steps["steps"], json!([{"step": "enter", "wave": "canary"}]));
    // Again, nothing is new, and the same is said.
    let again = fleet.hub.run(&["publish"]).await;
    assert!(again.code == 1 && again.stderr.contains("code: E4077"), "{again:?}");
    assert_eq!(audit(&fleet.hub).await.len(), entries.len() + 1, "that a person announced it again");

    // The copy still tells how often its pin was changed, so its receipts are believed.
    assert_eq!(row(&fleet.hub, ALPHA_PROD).await["state"], "SYNCED");
    fleet.hub.json(&["directions", "--sign", "--yes"]).await;
    fleet.hub.json(&["publish"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [3, 3, 2]);
}

#[tokio::test]
async fn waves_go_on_for_all_others_where_one_cannot_be_directed() {
    let fleet = fleet(TWO).await;
    let agent = async || {
        let run = fleet.hub.run(&["run", "--stop-after", "3s"]).await;
        assert!(run.stderr.contains("code: E4014"), "{}", run.stderr);
    };
    damage(&fleet.scene, ALPHA).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    agent().await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [1, 2, 1]);
    let entries = audit(&fleet.hub).await;
    let actions: Vec<_> = entries.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert!(actions.contains(&"waves") && actions[..4].contains(&"publish"), "{actions:?}");
    let steps = entries.iter().find(|entry| entry["action"] == "waves").unwrap();
    assert_eq!((&steps["version"], &steps["steps"][0]["wave"]), (&json!(2), &json!("canary")));

    // A person goes on without it: the next wave is entered, and everybody else is directed.
    let promoted = fleet.hub.run(&["promote", "--reason", "alpha comes later"]).await;
    assert!(promoted.code == 1 && promoted.stderr.contains("code: E4014"), "{promoted:?}");
    assert!(promoted.stdout.contains("snapshot 2 is in wave `all` (2 of 2)"), "{}", promoted.stdout);
    assert!(promoted.stdout.contains("Announced it"), "{}", promoted.stdout);
    fleet.gamma.run(&["sync"]).await;
    assert_eq!(fleet.versions().await, [1, 2, 2]);
    let entries = audit(&fleet.hub).await;
    let (steps, failed, asked) = (&entries[0], &entries[1], &entries[2]);
    assert_eq!((&asked["action"], &failed["action"]), (&json!("promote"), &json!("failed")));
    assert_eq!((&failed["entry"], &failed["not_done"]), (&asked["number"], &json!([ALPHA])));
    assert_eq!((&steps["action"], &steps["steps"][0]["wave"]), (&json!("waves"), &json!("all")));
}

#[tokio::test]
async fn what_lambda_repeats_because_one_cannot_be_directed_is_not_announced_again() {
    let fleet = fleet(TWO).await;
    damage(&fleet.scene, ALPHA).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let function = Function::start(&fleet.hub.with(&[LOOK_UP])).await;
    // An operator's test event.
    let (id, failed) = function.invoke(json!({}), TIME).await;
    assert!(failed.unwrap_err()["errorMessage"].as_str().unwrap().contains("code: E4014"));
    assert!(asked(&fleet.scene, HUB).await.0 > 0, "what is new is looked up for everybody");
    let before = waiting(&fleet).await;
    for _ in 0..2 {
        let again = function.repeat(&id, json!({}), TIME).await.unwrap_err();
        assert!(again["errorMessage"].as_str().unwrap().contains("code: E4014"), "{again}");
    }
    assert_eq!(waiting(&fleet).await, before);
    // The next one announces, as ever.
    function.invoke(json!({}), TIME).await.1.unwrap_err();
    assert_eq!(waiting(&fleet).await, before + 1);
    assert_eq!(function.stop().await.0, 0);
}

/// The agent does not fall behind its schedule, or hear of changes late, for the sake of one.
#[tokio::test]
async fn an_agent_announces_in_time_though_one_cannot_be_directed() {
    // Rule 3.
    let fleet = fleet(TWO).await;
    damage(&fleet.scene, ALPHA).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let before = waiting(&fleet).await;
    let agent = fleet.hub.with(&[LOOK_UP]).start(&["run", "--interval", "1h"]);
    eventually("it is announced", &true, async || waiting(&fleet).await > before).await;
    eventually("the product is looked up", &true, async || asked(&fleet.scene, HUB).await.0 > 0).await;
    for product in ["prod-c", "prod-d", "prod-e", "prod-f"] {
        fleet.scene.hub_account.approve(MANAGEMENT, &[product]).await;
        let stored = async || fleet.hub.json(&["show", "--all"]).await.to_string().contains(product);
        eventually("it hears of the change", &true, stored).await;
    }
    // A version is stored before it is announced, and the announcement takes its time.
    eventually("each of five versions is announced", &true, async || waiting(&fleet).await >= before + 5).await;
    let (code, log) = agent.stop().await;
    assert!(code == 0 && log.contains("code: E4014"), "{log}");
    // In a pause after each failure, of 1, 2, 4, 8 seconds and more, it would hear of nothing.
    assert!(!log.contains("retry_in"), "{log}");
    // Each version once, and what was looked up for each; and not with each look.
    let announced = waiting(&fleet).await - before;
    assert!((5..=10).contains(&announced), "{announced} announcements: {log}");
}

#[tokio::test]
async fn a_roll_back_goes_through_for_all_others_where_one_cannot_be_directed() {
    let fleet = failed(TWO).await;
    damage(&fleet.scene, BETA).await;
    let published = fleet.hub.run(&["publish"]).await;
    assert!(published.code == 1 && published.stderr.contains("code: E4014"), "{published:?}");
    assert_eq!(fleet.waves().await["state"], "rolled-back");
    fleet.alpha.run(&["sync"]).await;
    assert_eq!(fleet.versions().await[0], 3);
    let steps = audit(&fleet.hub).await.into_iter().find(|entry| entry["action"] == "waves").unwrap();
    let last = steps["steps"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["step"], &last["to"]), (&json!("roll-back"), &json!(1)), "{steps}");
}

#[tokio::test]
async fn a_recovery_that_is_published_has_not_failed_where_one_cannot_be_directed() {
    let fleet = fleet(TWO).await;
    let before = items(&Client::new(fleet.scene.hub_account.config())).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    fleet.hub.json(&["publish"]).await;
    restore(&fleet.scene, &before).await;
    damage(&fleet.scene, ALPHA).await;
    let recovered = fleet.hub.run(&["recover", "--yes"]).await;
    assert!(recovered.code == 1 && recovered.stderr.contains("code: E4014"), "{recovered:?}");
    assert!(recovered.stderr.contains("snapshot 3 is published"), "{}", recovered.stderr);
    let entries = audit(&fleet.hub).await;
    let asked = entries.iter().find(|entry| entry["action"] == "recover").unwrap();
    let failed = entries.iter().find(|entry| entry["action"] == "failed" && entry["entry"] == asked["number"]);
    assert_eq!(failed, None);
    fleet.beta.run(&["sync"]).await;
    assert_eq!(fleet.versions().await[1], 3);
}

#[tokio::test]
async fn a_person_directs_all_others_where_one_cannot_be() {
    let (scene, beta) = two_organizations().await;
    scene.hub.json(&["publish"]).await;
    for spoke in [&scene.spoke, &beta] {
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
    damage(&scene, ALPHA).await;
    let both = format!("{ALPHA},{BETA}");
    for command in [&["pause", "--until", "2h"][..], &["resume"], &["pin", "1"], &["unpin"]] {
        let finished = scene.hub.run(&[command, &["--org", &both, "--reason", "an incident"]].concat()).await;
        assert!(finished.code == 1 && finished.stderr.contains("code: E4014"), "{command:?}: {finished:?}");
        let hint = format!("not done for {ALPHA}; all others are done, and the same again tries these once more");
        assert!(finished.stderr.contains(&hint), "{command:?}: {}", finished.stderr);
        assert!(finished.stdout.contains(BETA) && finished.stdout.contains("Announced it"), "{}", finished.stdout);
        let entries = audit(&scene.hub).await;
        let (failed, asked) = (&entries[0], &entries[1]);
        assert_eq!(asked["action"], command[0]);
        assert_eq!((&failed["action"], &failed["entry"]), (&json!("failed"), &asked["number"]));
        assert_eq!(failed["not_done"], json!([ALPHA]));
    }
    // Where nobody could be directed, nothing of it was done.
    let nobody = scene.hub.run(&["pin", "1", "--org", ALPHA, "--reason", "an incident"]).await;
    assert!(nobody.code == 1 && nobody.stdout.is_empty(), "{nobody:?}");
    assert_eq!(audit(&scene.hub).await[0]["not_done"], Value::Null);
}

#[tokio::test]
async fn nobody_is_directed_where_an_older_direction_of_one_was_put_back() {
    // Protocol D16.
    let folder = tempfile::tempdir().unwrap();
    let fleet = signed(folder.path()).await;
    delete(&fleet.scene, &format!("hub#{BETA}"), &direction()).await;
    let before = audit(&fleet.hub).await.len();
    let both = format!("{ALPHA},{BETA}");
    let why = ["--org", &both, "--reason", "an incident"];
    for command in [&["pin", "1"][..], &["pause", "--until", "2h"]] {
        let refused = fleet.hub.run(&[command, &why].concat()).await;
        assert!(refused.code == 1 && refused.stderr.contains("code: E4077"), "{command:?}: {refused:?}");
    }
    let directions = fleet.hub.json(&["directions"]).await;
    let rows = directions["directions"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["pin"].is_null() && row["pause"].is_null()), "{directions}");
    assert_eq!(audit(&fleet.hub).await.len(), before, "nothing was asked for that could be done");
}

/// Protocol D16: a former key of the hub is its own word, too.
#[tokio::test]
async fn after_a_change_of_keys_what_was_put_back_is_noticed() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = key_pair(folder.path());
    let named = [("PMP_MEMBER_ORGANIZATIONS", ALPHA)];
    let old = scene.hub.with(&named).with(&[("PMP_SIGNING_KEY", &format!("file:{}", key.display()))]);
    let new = another_key(folder.path());
    let new = scene.hub.with(&named).with(&[("PMP_SIGNING_KEY", &format!("file:{}", new.display()))]);
    let spoke = scene.spoke.with(&[("PMP_TRUSTED_KEYS", &public)]);
    old.json(&["publish"]).await;
    let why = ["--reason", "an incident", "--no-announce"];
    for whom in [&["--all"][..], &["--org", ALPHA]] {
        old.json(&[&["pause", "--until", "2h"], whom, &why].concat()).await;
    }
    let places = [("hub#heads".to_owned(), direction()), (format!("hub#{ALPHA}"), direction())];
    let mut older = Vec::new();
    for (partition, key) in &places {
        older.push(item(&scene, partition, key).await.unwrap());
    }
    for whom in [&["--all"][..], &["--org", ALPHA]] {
        old.json(&[&["resume"], whom, &why].concat()).await;
    }
    assert_eq!(spoke.run(&["sync"]).await.code, 0, "it trusts that nothing is paused");
    // The first run with the new key, and then somebody puts the pauses back.
    new.json(&["publish"]).await;
    for older in older {
        put(&scene, older).await;
    }
    let told = "the table has generation 1, and `o-alpha00000` trusted 2, which a former key of this hub signed";
    let published = new.run(&["publish"]).await;
    assert!(published.code == 1 && published.stderr.contains("code: E4077"), "{published:?}");
    assert!(published.stderr.contains(told), "{}", published.stderr);
    let doctor = new.run(&["doctor", "-o", "json"]).await.stdout;
    for whose in ["the fleet", "`o-alpha00000`"] {
        let told = format!("what is directed for {whose} is older than what was directed: {told}");
        assert!(doctor.contains(&told), "{doctor}");
    }
    Checkup::of(&new).await.expect("directions", "failed", told, "pmp-hub directions --sign");
    let shown = new.run(&["directions"]).await.stdout;
    assert!(shown.contains("2 shown; 2 of which an older one was put back"), "{shown}");
    // A person has the new key sign what was trusted, and the spokes trust that one then. Whoever
    // writes the table could have added a key: so nothing is restored by the way.
    let by_the_way = new.run(&["directions", "--sign", "--yes"]).await;
    assert!(by_the_way.code == 3 && by_the_way.stderr.contains("--sign --former"), "{by_the_way:?}");
    assert!(by_the_way.stdout.contains("by a former key"), "{by_the_way:?}");
    new.json(&["directions", "--sign", "--former", "--yes"]).await;
    new.json(&["publish"]).await;
    let directions = new.json(&["directions"]).await;
    for row in directions["directions"].as_array().unwrap() {
        assert_eq!((&row["generation"], &row["pause"], &row["not_ours"]), (&json!(3), &Value::Null, &Value::Null));
    }
    let spoke = scene.spoke.with(&[("PMP_TRUSTED_KEYS", &another_public())]);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);

    // Of a key that was stolen, a person has the hub forget: it knows no other than its own then.
    let keys = format!("keys#{MANAGEMENT}");
    let kept = item(&scene, "hub#heads", &keys).await.unwrap();
    assert_eq!(kept["keys"].as_l().unwrap().len(), 2);
    delete(&scene, "hub#heads", &keys).await;
    new.json(&["publish"]).await;
    assert_eq!(item(&scene, "hub#heads", &keys).await.unwrap()["keys"].as_l().unwrap().len(), 1);
}

/// Protocol D16: a number that nobody of the hub signed blocks nothing.
#[tokio::test]
async fn what_a_member_makes_up_blocks_no_hub() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = key_pair(folder.path());
    let named = [("PMP_MEMBER_ORGANIZATIONS", ALPHA)];
    let hub = scene.hub.with(&named).with(&[("PMP_SIGNING_KEY", &format!("file:{}", key.display()))]);
    // Nobody's key: that of a member.
    let own = another_key(folder.path());
    let member = scene.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", own.display()))]);
    let spoke = scene.spoke.with(&[("PMP_TRUSTED_KEYS", &public)]);
    hub.json(&["publish"]).await;
    let why = ["--reason", "an incident", "--no-announce"];
    hub.json(&[&["pause", "--all", "--until", "2h"][..], &why].concat()).await;
    assert_eq!(spoke.run(&["sync"]).await.code, 3);
    let trusted = format!("directed#{MANAGEMENT}#fleet");
    let mut forged = item(&scene, ALPHA, &trusted).await.unwrap();
    for statement in ["no envelope".to_owned(), forged_statement(&scene, &member).await] {
        forged.insert("statement".to_owned(), AttributeValue::S(statement));
        put(&scene, forged.clone()).await;
        hub.json(&["publish"]).await;
        hub.json(&[&["pause", "--all", "--until", "3h"][..], &why].concat()).await;
    }
}

/// A direction of a high generation that a key signed which is not the hub's, as a hub of another
/// ledger would write it.
async fn forged_statement(scene: &Scene, member: &Program) -> String {
    let place = direction();
    let genuine = item(scene, "hub#heads", &place).await.unwrap();
    delete(scene, "hub#heads", &place).await;
    for hours in ["1h", "2h", "3h", "4h", "5h", "6h"] {
        let pause = ["pause", "--all", "--until", hours, "--reason", "forged", "--no-announce"];
        assert_eq!(member.run(&pause).await.code, 0);
    }
    let forged = item(scene, "hub#heads", &place).await.unwrap();
    put(scene, genuine).await;
    // The member cannot write the record of the hub's keys: what it left there goes.
    let keys = format!("keys#{MANAGEMENT}");
    delete(scene, "hub#heads", &keys).await;
    forged["statement"].as_s().unwrap().clone()
}

#[tokio::test]
async fn a_plan_and_a_confirmation_say_what_a_halt_makes_of_them() {
    let fleet = fleet(&THREE.replacen("organizations", "soak = \"1h\"\norganizations", 1)).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    fleet.hub.json(&["publish"]).await;
    let confirmed = fleet.hub.run(&["confirm", ALPHA, "2", "--force"]).await;
    assert!(confirmed.stdout.contains("within seconds") && !confirmed.stdout.contains("halted"), "{confirmed:?}");
    fleet.hub.json(&["halt", "--reason", "a vendor called"]).await;

    // The management experience says the same.
    let halted = "snapshot 2 is halted: arn:aws:iam::111111111111:root stopped it: a vendor called.";
    let same = "the next run announces it again, and nobody else begins with it until `pmp-hub promote`";
    for command in ["plan", "diff"] {
        let told = fleet.hub.run(&[command]).await.stderr;
        assert!(told.contains(&format!("hint: {halted}")) && told.contains(same), "{command}: {told}");
        let document = fleet.hub.json(&[command]).await;
        assert!(document["not_published"].as_str().unwrap().starts_with(halted), "{document}");
    }
    // Alpha's turn had come, and it has not begun.
    let forced = fleet.hub.run(&["confirm", ALPHA, "2", "--force"]).await;
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(forced.stdout.contains("Snapshot 2 is halted by "), "{}", forced.stdout);
    assert!(forced.stdout.contains("does not begin, confirmed or not, until `pmp-hub promote`"), "{}", forced.stdout);
    let document = fleet.hub.json(&["confirm", ALPHA, "2", "--force"]).await;
    assert_eq!(document["halted"]["reason"], "a vendor called");
    fleet.alpha.run(&["sync"]).await;
    let refused = fleet.hub.run(&["confirm", ALPHA, "2"]).await;
    assert!(refused.code == 1 && refused.stderr.contains("code: E4009"), "{refused:?}");
    assert!(refused.stderr.contains("snapshot 2 is halted by "), "{}", refused.stderr);

    // It says something else.
    fleet.scene.hub_account.reject(MANAGEMENT, &["prod-b"]).await;
    let other = "the next run publishes it in its place, and it begins with the first wave";
    let told = fleet.hub.run(&["plan"]).await.stderr;
    assert!(told.contains(&format!("hint: {halted}")) && told.contains(other), "{told}");
    assert_eq!(fleet.hub.json(&["plan"]).await["not_published"], Value::Null);
    assert_eq!(fleet.hub.json(&["publish"]).await["published"]["version"], 3, "as the plan says");
    fleet.hub.json(&["promote", "--reason", "it goes on"]).await;
    assert!(!fleet.hub.run(&["plan"]).await.stderr.contains("halted"));
}

#[tokio::test]
async fn a_difference_says_whether_the_next_run_brings_it() {
    let fleet = taken_back(THREE).await;
    let kept_off =
        "snapshot 2 was taken back, and the management experience says the same: nothing of this is published";
    let told = fleet.hub.run(&["diff"]).await;
    assert!(told.stdout.contains("prod-bad") && told.stderr.contains(&format!("hint: {kept_off}")), "{told:?}");
    let document = fleet.hub.json(&["diff"]).await;
    assert!(document["not_published"].as_str().unwrap().starts_with(kept_off), "{document}");
    // Two snapshots are what they are.
    assert_eq!(fleet.hub.json(&["diff", "1", "2"]).await["not_published"], Value::Null);
    fleet.hub.json(&["promote", "2", "--reason", "the cause was elsewhere"]).await;
    assert_eq!(fleet.hub.json(&["diff"]).await["not_published"], Value::Null);
    fleet.hub.json(&["pin", "1", "--reason", "an incident"]).await;
    let pinned = fleet.hub.run(&["diff"]).await.stderr;
    assert!(pinned.contains("hint: the fleet is pinned to 1: nothing of this is published"), "{pinned}");
}
