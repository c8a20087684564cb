//! Waves: a version reaches one organization after the other, and is stopped where it fails.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::http::Method;
use pmp_local_aws::world::{Experience, Fault, FaultRule, Organization, ProcurementPolicy};
use pmp_tests::{ALPHA, ALPHA_PROD, Aws, Lists, MANAGEMENT, Program, Scene, eventually, member_role, tell, world};
use serde_json::{Value, json};

use crate::signatures::{another_key, key_pair};

const TIMESTAMPS: &str = "SyncTimestamps";
const BETA: &str = "o-beta000000";
const BETA_ACCOUNT: &str = "333333333333";
const BETA_PROD: &str = "exp-beta-prod";
const GAMMA: &str = "o-gamma00000";
const GAMMA_ACCOUNT: &str = "444444444444";
const GAMMA_PROD: &str = "exp-gamma-prod";

/// Alpha first, then beta, then all.
pub(crate) const THREE: &str = r#"
[[waves]]
name = "canary"
organizations = ["o-alpha00000"]
[[waves]]
name = "second"
organizations = ["o-beta000000"]
[[waves]]
name = "all"
share = 100
"#;

/// The hub with waves, and the spokes of three organizations, which are run by hand.
pub(crate) struct Fleet {
    pub(crate) scene: Scene,
    pub(crate) hub: Program,
    pub(crate) alpha: Program,
    pub(crate) beta: Program,
    pub(crate) gamma: Program,
}

/// Alpha, beta and gamma are at snapshot 1, and waves begin there.
pub(crate) async fn fleet(waves: &str) -> Fleet {
    let mut world = world(&["prod-a"], &[]);
    for (organization, account, experience) in [(BETA, BETA_ACCOUNT, BETA_PROD), (GAMMA, GAMMA_ACCOUNT, GAMMA_PROD)] {
        let policy = ProcurementPolicy::new(&format!("policy-{experience}"));
        let organization_of = Organization::new(organization, organization, account)
            .with_experience(Experience::new(experience, "Production").with_policy(policy));
        world.organizations.push(organization_of);
        world.roles.push(member_role(account, organization));
    }
    let scene = Scene::start(world).await;
    let spoke = |account: &str, organization: &str| {
        let role = format!("arn:aws:iam::{}:role/member-{organization}", pmp_tests::HUB);
        scene.spoke.with(&[("AWS_ACCESS_KEY_ID", account), ("PMP_HUB_ROLE_ARN", &role)])
    };
    let (beta, gamma) = (spoke(BETA_ACCOUNT, BETA), spoke(GAMMA_ACCOUNT, GAMMA));
    let alpha = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    let hub = scene.hub.with(&[("PMP_WAVES", waves), ("PMP_MEMBER_ORGANIZATIONS", &[ALPHA, BETA, GAMMA].join(","))]);
    hub.json(&["publish"]).await;
    for spoke in [&alpha, &beta, &gamma] {
        assert_eq!(spoke.run(&["sync"]).await.code, 0);
    }
    // The first snapshot of all is for everybody; waves begin after it.
    hub.json(&["publish"]).await;
    Fleet { scene, hub, alpha, beta, gamma }
}

impl Fleet {
    pub(crate) async fn sync_all(&self) {
        for spoke in [&self.alpha, &self.beta, &self.gamma] {
            spoke.run(&["sync"]).await;
        }
    }

    /// The version of each organization's last receipt.
    pub(crate) async fn versions(&self) -> [u64; 3] {
        let status = self.hub.json(&["status"]).await;
        let rows = status["spokes"].as_array().unwrap();
        let of = |experience: &str| {
            rows.iter().find(|row| row["member_experience"] == experience).unwrap()["version"].as_u64().unwrap()
        };
        [ALPHA_PROD, BETA_PROD, GAMMA_PROD].map(of)
    }

    pub(crate) async fn waves(&self) -> Value {
        self.hub.json(&["status"]).await["waves"].clone()
    }
}

/// The row of a member experience in the hub's `status`.
pub(crate) async fn row(hub: &Program, member: &str) -> Value {
    let status = hub.json(&["status"]).await;
    let rows = status["spokes"].as_array().unwrap();
    rows.iter().find(|row| row["member_experience"] == member).unwrap_or(&Value::Null).clone()
}

#[tokio::test]
async fn a_version_enters_one_wave_after_the_other() {
    let fleet = fleet(THREE).await;
    assert_eq!(fleet.waves().await["state"], "done");
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let published = fleet.hub.json(&["publish"]).await;
    assert_eq!((&published["published"]["version"], &published["published"]["outcome"]), (&json!(2), &json!("stored")));
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [2, 1, 1]);
    let beta = row(&fleet.hub, BETA_PROD).await;
    assert_eq!((&beta["state"], &beta["lag"], &beta["wave"]["turn"]), (&json!("SYNCED"), &json!(0), &json!("waiting")));
    assert_eq!(beta["message"], "wave `second`: its turn for snapshot 2 has not come");
    // Nobody reads that all is done while two of three wait.
    let screen = fleet.hub.run(&["status"]).await.stdout;
    assert!(
        screen.contains("\nWAITING     2 experiences of 2 organizations: their wave comes after canary\n"),
        "{screen}"
    );
    assert!(screen.contains("\nSYNCED      o-alpha00000 "), "{screen}");
    assert!(screen.ends_with("\n1 of 3 member experiences on snapshot 2, 2 wait for their wave\n"), "{screen}");
    assert_eq!(fleet.hub.run(&["status", "--check"]).await.code, 0);
    let waiting = fleet.hub.run(&["wait", "--timeout", "1s"]).await;
    assert!(waiting.stderr.contains("o-beta000000 exp-beta-prod (waits for its wave)"), "{waiting:?}");
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("fleet.html");
    let page = page.to_str().unwrap();
    assert_eq!(fleet.hub.run(&["report", "--html", page]).await.code, 0);
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("1 in step of 3 that follow it (33 %), 2 wait for their wave"), "{html}");
    for row in [
        ">SYNCED</b></th><td>1 experience of 1 organization</td>",
        ">WAITING</b></th><td>2 experiences of 2 organizations</td>",
    ] {
        assert!(html.contains(row), "{row} in {html}");
    }
    let printed = fleet.hub.run(&["report", "--html", "-"]).await;
    assert!(printed.code == 0 && printed.stdout.starts_with("<!DOCTYPE html>"), "{printed:?}");
    let status = fleet.hub.run(&["status"]).await.stdout;
    assert!(status.contains("waves: snapshot 2 is in wave `canary` (1 of 3), entered "), "{status}");
    let canary = fleet.hub.json(&["status", "--wave", "canary"]).await;
    assert!(canary["spokes"].as_array().unwrap().iter().all(|row| row["organization"] == ALPHA), "{canary}");
    let unknown = fleet.hub.run(&["status", "--wave", "third"]).await;
    assert!(unknown.stderr.contains("there is no wave `third`") && unknown.code == 1, "{}", unknown.stderr);
    let early = fleet.hub.run(&["confirm", BETA, "2"]).await;
    assert!(early.code == 1 && early.stderr.contains("code: E4006"), "{}", early.stderr);
    let mistyped = fleet.hub.run(&["confirm", "o-betta00000", "2"]).await;
    assert!(mistyped.code == 1 && mistyped.stderr.contains("code: E4007"), "{}", mistyped.stderr);
    assert!(mistyped.stderr.contains("did you mean `o-beta000000`?"), "{}", mistyped.stderr);
    let own = fleet.beta.run(&["status"]).await.stdout;
    assert!(own.contains("waves: snapshot 1 since ") && own.contains("the turn for snapshot 2 has not come"), "{own}");

    // An operator's hub that was told of no waves goes on with those of the ledger.
    fleet.scene.hub.json(&["publish"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [2, 2, 1]);
    fleet.hub.json(&["publish"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [2, 2, 2]);
    fleet.hub.json(&["publish"]).await;
    assert_eq!(fleet.waves().await["state"], "done");
    assert_eq!(fleet.hub.run(&["status", "--check"]).await.code, 0);

    // Without waves, the newest is for everybody at once.
    let hub = fleet.hub.with(&[("PMP_WAVES", "none")]);
    hub.json(&["publish"]).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    hub.json(&["publish"]).await;
    fleet.sync_all().await;
    assert_eq!((fleet.versions().await, fleet.waves().await), ([3, 3, 3], Value::Null));
    fleet.hub.replays_its_audit("after three waves").await;
}

#[tokio::test]
async fn a_version_that_fails_in_the_canary_is_taken_back_and_kept_off() {
    let fleet = fleet(&format!("on_failure = \"roll-back\"\n{THREE}")).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b", "prod-bad"]).await;
    let poison = format!("{}/_local/poison", fleet.scene.endpoint());
    tell(Method::POST, &poison, &json!({"add": ["prod-bad"]})).await;
    fleet.hub.json(&["publish"]).await;
    assert_eq!(fleet.alpha.run(&["sync"]).await.code, 1, "the catalog refuses prod-bad");
    let started = fleet.scene.alpha_account.change_sets().await;
    // The next run of the hub sees it, and publishes the content of snapshot 1 as snapshot 3.
    let back = fleet.hub.json(&["publish"]).await;
    assert_eq!((&back["published"]["version"], &back["published"]["pinned"]), (&json!(3), &json!(1)));
    assert_eq!(fleet.waves().await["state"], "rolled-back");
    let further = fleet.hub.run(&["promote", "--reason", "it is no matter"]).await;
    assert!(further.code == 1 && further.stderr.contains("code: E4041"), "{}", further.stderr);
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [3, 1, 1]);
    assert_eq!(fleet.scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-b"]));
    assert!(fleet.scene.alpha_account.change_sets().await <= started + 2);
    let history = fleet.hub.json(&["history"]).await;
    let told = history["versions"][0]["pinned"]["reason"].as_str().unwrap();
    assert!(told.contains("1 organization failed, and `max_failures` is 0"), "{told}");

    // The management experience still says it: nothing new comes of that.
    let same = fleet.hub.json(&["publish"]).await;
    assert_eq!((&same["published"]["version"], &same["published"]["outcome"]), (&json!(3), &json!("announced")));
    assert_eq!(same["published"]["pinned"], 1, "it is the content of 1 still");
    assert_eq!(fleet.hub.json(&["publish", "--dry-run"]).await["published"]["pinned"], 1);
    let audit = fleet.hub.json(&["audit"]).await;
    let about =
        audit["entries"].as_array().unwrap().iter().filter(|it| it["action"] == "publish" && it["version"] == 3);
    assert_eq!(about.map(|it| &it["pinned"]).collect::<Vec<_>>(), [1, 1], "{audit}");
    // Mended, it begins with the canary.
    tell(Method::POST, &poison, &json!({"remove": ["prod-bad"]})).await;
    fleet.scene.hub_account.reject(MANAGEMENT, &["prod-bad"]).await;
    let mended = fleet.hub.json(&["publish"]).await;
    assert_eq!(mended["published"]["version"], 4);
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [4, 1, 1]);
    for _ in 0..3 {
        fleet.hub.json(&["publish"]).await;
        fleet.sync_all().await;
    }
    assert_eq!(fleet.versions().await, [4, 4, 4]);
    fleet.hub.replays_its_audit("after a roll-back").await;
}

/// Between the person's look and the hub's, another version comes: what the audit names is what is
/// acted upon, or nothing.
#[tokio::test]
async fn what_a_person_promotes_or_halts_is_what_the_audit_names() {
    let fleet = fleet(&THREE.replacen("organizations", "soak = \"1h\"\norganizations", 1)).await;
    let scene = &fleet.scene;
    let mut next = 2;
    for command in ["promote", "halt"] {
        scene.hub_account.approve(MANAGEMENT, &[&format!("prod-{next}")]).await;
        fleet.hub.json(&["publish"]).await;
        let slow = Fault::Latency { min: Duration::from_secs(6), max: None };
        let slow = FaultRule { operation: Some("TransactWriteItems".into()), next: Some(1), ..FaultRule::new(slow) };
        scene.add_fault(&slow).await;
        let told = async || fleet.hub.run(&[command, "--reason", "it looked good"]).await;
        let meanwhile = async {
            // The audit's entry is on its way.
            tokio::time::sleep(Duration::from_secs(2)).await;
            scene.hub_account.approve(MANAGEMENT, &[&format!("prod-{}", next + 1)]).await;
            fleet.hub.run(&["publish"]).await
        };
        let (told, published) = tokio::join!(told(), meanwhile);
        assert_eq!(published.code, 0, "{published:?}");
        assert!(told.code == 1 && told.stderr.contains("code: E4024"), "{command}: {told:?}");
        let status = fleet.hub.run(&["status"]).await.stdout;
        let newer = format!("waves: snapshot {} is in wave `canary` (1 of 3), entered ", next + 1);
        assert!(status.contains(&newer), "{command}: {status}");
        scene.clear_faults().await;
        next += 2;
    }
}

#[tokio::test]
async fn a_person_halts_a_version_and_lets_it_go_on() {
    let fleet = fleet(&THREE.replacen("organizations", "soak = \"1h\"\norganizations", 1)).await;
    let nothing = fleet.hub.run(&["halt", "--reason", "nothing is on its way"]).await;
    assert_eq!(nothing.stdout, "Nothing to do: snapshot 1 is for everybody.\n");
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    fleet.hub.json(&["publish"]).await;
    fleet.sync_all().await;
    fleet.hub.json(&["publish"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [2, 1, 1], "the canary soaks");
    let wrong = fleet.hub.run(&["promote", "1", "--reason", "no"]).await;
    assert!(wrong.stderr.contains("snapshot 1 is not on its way through the waves: 2 is"), "{}", wrong.stderr);

    let halted = fleet.hub.run(&["halt", "--reason", "a vendor called"]).await;
    assert_eq!(halted.code, 0, "{}", halted.stderr);
    assert!(halted.stdout.contains("snapshot 2 is halted in wave `canary` (1 of 3)"), "{}", halted.stdout);
    fleet.hub.json(&["publish"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [2, 1, 1]);
    assert_eq!(row(&fleet.hub, GAMMA_PROD).await["wave"]["turn"], "stopped");

    let promoted = fleet.hub.run(&["promote", "--reason", "it was a misunderstanding"]).await;
    assert_eq!(promoted.code, 0, "{}", promoted.stderr);
    assert!(promoted.stdout.contains("Announced it"), "{}", promoted.stdout);
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [2, 2, 1]);
}

/// Protocol D15: whose turn had come, and who has not begun, does not begin with a version that was
/// halted.
#[tokio::test]
async fn who_has_not_begun_with_a_halted_version_does_not_begin() {
    let two = THREE.replacen(r#"["o-alpha00000"]"#, r#"["o-alpha00000", "o-beta000000"]"#, 1);
    let fleet = fleet(&two.replace("[[waves]]\nname = \"second\"\norganizations = [\"o-beta000000\"]\n", "")).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    fleet.hub.json(&["publish"]).await;
    fleet.alpha.run(&["sync"]).await;
    let halted = fleet.hub.run(&["halt", "--reason", "a vendor called"]).await;
    assert!(halted.stdout.contains("No other one begins with it."), "{}{}", halted.stdout, halted.stderr);
    fleet.sync_all().await;
    let lists = Lists::new(&["prod-a"], &[]);
    let beta_account = Aws::new(&fleet.scene.endpoint(), BETA_ACCOUNT);
    assert_eq!(beta_account.lists(BETA_PROD).await, lists, "its turn had come");
    let beta = row(&fleet.hub, BETA_PROD).await;
    assert_eq!(beta["state"], "PAUSED", "{beta}");
    let told = beta["message"].as_str().unwrap();
    assert!(told.contains("snapshot 2 is halted by ") && told.ends_with("a vendor called"), "{told}");
    assert_eq!(row(&fleet.hub, ALPHA_PROD).await["state"], "SYNCED", "it has it, and keeps it");
    let own = fleet.beta.run(&["status"]).await.stdout;
    assert!(own.contains("snapshot 2 is halted by "), "{own}");
    let directions = fleet.hub.run(&["directions"]).await.stdout;
    assert!(directions.contains("halted: 2"), "{directions}");
    // Alpha goes on to keep what it has: somebody's edit there is undone.
    fleet.scene.alpha_account.reject(ALPHA_PROD, &["prod-b"]).await;
    fleet.alpha.run(&["sync"]).await;
    assert_eq!(fleet.scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &[]));

    // A newer version begins with the canary, and is another one.
    fleet.scene.hub_account.reject(MANAGEMENT, &["prod-b"]).await;
    fleet.hub.json(&["publish"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [3, 3, 1]);
    fleet.hub.json(&["halt", "--reason", "another call"]).await;
    let promoted = fleet.hub.run(&["promote", "--reason", "it was a misunderstanding"]).await;
    assert!(promoted.stdout.contains("Announced it"), "{}{}", promoted.stdout, promoted.stderr);
    let directions = fleet.hub.json(&["directions"]).await;
    let halted = &directions["directions"][0]["halted"];
    assert_eq!((halted[0]["version"].as_u64(), halted.as_array().map(Vec::len)), (Some(2), Some(1)), "{directions}");
    for _ in 0..2 {
        fleet.sync_all().await;
        fleet.hub.json(&["publish"]).await;
    }
    assert_eq!(fleet.versions().await, [3, 3, 3]);
    let directions = fleet.hub.json(&["directions"]).await;
    assert!(!directions.to_string().contains("halted"), "{directions}");
}

#[tokio::test]
async fn operators_pin_the_fleet_past_all_waves() {
    let fleet = fleet(THREE).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    fleet.hub.json(&["publish"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [2, 1, 1]);
    fleet.scene.hub.json(&["pin", "1", "--reason", "prod-b was approved by mistake"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [3, 3, 3]);
    assert_eq!(fleet.waves().await["state"], "done");
    // And what follows goes through the waves again.
    fleet.scene.hub.json(&["unpin", "--reason", "it is right after all"]).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [4, 3, 3]);
}

/// Alpha failed with snapshot 2, and the hub published the content of 1 as 3.
pub(crate) async fn taken_back(waves: &str) -> Fleet {
    let fleet = failed(waves).await;
    assert_eq!(fleet.hub.json(&["publish"]).await["published"]["version"], 3);
    fleet
}

/// Alpha failed with snapshot 2, and no hub has seen that.
pub(crate) async fn failed(waves: &str) -> Fleet {
    let fleet = fleet(&format!("on_failure = \"roll-back\"\n{waves}")).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-bad"]).await;
    let poison = format!("{}/_local/poison", fleet.scene.endpoint());
    tell(Method::POST, &poison, &json!({"add": ["prod-bad"]})).await;
    fleet.hub.json(&["publish"]).await;
    fleet.alpha.run(&["sync"]).await;
    tell(Method::POST, &poison, &json!({"remove": ["prod-bad"]})).await;
    fleet
}

/// What was taken back is refused until somebody decides: a pin of the fleet, and its end, does.
#[tokio::test]
async fn after_a_pin_what_was_taken_back_goes_through_the_waves_again() {
    let fleet = taken_back(THREE).await;
    assert_eq!(fleet.waves().await["state"], "rolled-back");
    assert_eq!(fleet.hub.json(&["publish"]).await["published"]["outcome"], "announced", "it is not published again");

    let why = ["--reason", "an incident"];
    fleet.hub.json(&[&["pin", "1"][..], &why].concat()).await;
    fleet.hub.json(&[&["unpin"][..], &why].concat()).await;
    let published = fleet.hub.json(&["publish"]).await;
    let difference = fleet.hub.json(&["diff"]).await;
    assert_eq!(difference["products"], json!([]), "{difference} {published}");
    let waves = fleet.waves().await;
    assert_eq!(waves["state"], "on-its-way", "{waves}");
    fleet.sync_all().await;
    let [alpha, beta, _] = fleet.versions().await;
    assert!(alpha > beta, "it begins with the canary");
}

#[tokio::test]
async fn operators_direct_those_who_are_in_a_wave() {
    let fleet = fleet(THREE).await;
    let why = ["--reason", "a demonstration", "--no-announce"];
    let paused = fleet.hub.json(&[&["pause", "--wave", "second", "--until", "2h"][..], &why].concat()).await;
    assert_eq!(paused["directions"].as_array().map(Vec::len), Some(1), "{paused}");
    assert_eq!((&paused["directions"][0]["member"], &paused["changed"]), (&json!(BETA), &json!(true)));
    // The last wave holds those whom no earlier one names.
    let pinned = fleet.hub.json(&[&["pin", "1", "--wave", "all"][..], &why].concat()).await;
    let pinned: Vec<_> = pinned["directions"].as_array().unwrap().iter().map(|it| it["member"].clone()).collect();
    assert_eq!(pinned, [json!(GAMMA)]);
    assert_eq!(row(&fleet.hub, GAMMA_PROD).await["state"], "PINNED");
    let resumed = fleet.hub.json(&[&["resume", "--wave", "second"][..], &why].concat()).await;
    assert_eq!(resumed["changed"], true);
    assert_eq!(fleet.hub.json(&[&["unpin", "--wave", "all"][..], &why].concat()).await["changed"], true);

    // What names no wave directs nobody, and never everybody.
    for command in [&["pin", "1"][..], &["unpin"], &["pause", "--until", "2h"], &["resume"]] {
        let mistyped = fleet.hub.run(&[command, &["--wave", "third"], &why].concat()).await;
        assert!(mistyped.code == 1 && mistyped.stderr.contains("there is no wave `third`"), "{}", mistyped.stderr);
        assert!(mistyped.stderr.contains("the waves are canary, second, all"), "{}", mistyped.stderr);
        assert!(mistyped.stderr.contains("code: E4022"), "{}", mistyped.stderr);
        let both = fleet.hub.run(&[command, &["--wave", "second", "--org", BETA], &why].concat()).await;
        assert!(both.code != 0 && both.stderr.contains("cannot be used with"), "{}", both.stderr);
    }
    let mistyped = fleet.hub.run(&["confirm", "--wave", "third"]).await;
    assert!(mistyped.stderr.contains("there is no wave `third`"), "{}", mistyped.stderr);
    let directions = fleet.hub.json(&["directions"]).await;
    assert!(directions.to_string().matches("\"pause\":{").count() == 0, "{directions}");
    // A wave of which nobody is a follower.
    let hub = fleet.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", BETA)]);
    let nobody = hub.run(&[&["pin", "1", "--wave", "canary"][..], &why].concat()).await;
    assert!(nobody.code == 1 && nobody.stderr.contains("no organization is in wave `canary`"), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("code: E4064"), "{}", nobody.stderr);
    let stranger = hub.run(&[&["pin", "1", "--org", GAMMA][..], &why].concat()).await;
    assert!(stranger.code == 1 && stranger.stderr.contains("code: E4065"), "{}", stranger.stderr);
}

#[tokio::test]
async fn who_is_paused_or_silent_keeps_nobody_waiting() {
    let waves = THREE.replacen("organizations", "deadline = \"1s\"\norganizations", 2);
    let fleet = fleet(&format!("silent_after = \"1s\"\n{waves}")).await;
    fleet.hub.json(&["pause", "--org", ALPHA, "--until", "2h", "--reason", "their migration"]).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    fleet.hub.json(&["publish"]).await;
    // Nobody of the first two waves is counted: each passes at its deadline.
    let versions = async || {
        fleet.hub.json(&["publish"]).await;
        fleet.gamma.run(&["sync"]).await;
        fleet.versions().await[2]
    };
    eventually("gamma has it", &2, versions).await;
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await[1], 2);
}

#[tokio::test]
async fn a_spoke_that_knows_no_waves_is_told_as_one_that_does_not_obey() {
    // Protocol D13.
    let fleet = fleet(THREE).await;
    let table = aws_sdk_dynamodb::Client::new(fleet.scene.hub_account.config());
    for key in [format!("{MANAGEMENT}#"), format!("spoke#{MANAGEMENT}#all")] {
        let call = table.get_item().table_name(TIMESTAMPS).key("organization", AttributeValue::S(BETA.to_owned()));
        let found = call.key("item", AttributeValue::S(key)).send().await.unwrap();
        let mut item: HashMap<String, AttributeValue> = found.item.unwrap();
        item.insert("ledger".to_owned(), AttributeValue::N("3".to_owned()));
        table.put_item().table_name(TIMESTAMPS).set_item(Some(item)).send().await.unwrap();
    }
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    fleet.hub.json(&["publish"]).await;
    let beta = row(&fleet.hub, BETA_PROD).await;
    assert_eq!(beta["state"], "ERROR", "{beta}");
    let message = beta["message"].as_str().unwrap();
    assert!(message.starts_with("does not obey waves: its spoke, or its role's template, is older"), "{message}");
    assert_eq!(row(&fleet.hub, GAMMA_PROD).await["state"], "SYNCED");
}

#[tokio::test]
async fn a_turn_that_the_hub_did_not_sign_is_none() {
    // Protocol K14.
    let fleet = fleet(THREE).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = key_pair(folder.path());
    let hub = fleet.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", key.display()))]);
    // Without a key, and without somebody who agrees, nothing is signed.
    for (hub, exit, code) in [(&fleet.hub, 1, "E4051"), (&hub, 3, "E4052")] {
        let unsigned = hub.run(&["directions", "--sign"]).await;
        assert_eq!(unsigned.code, exit, "{}", unsigned.stderr);
        assert!(unsigned.stderr.contains(&format!("code: {code}")), "{}", unsigned.stderr);
    }
    hub.json(&["directions", "--sign", "--yes"]).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    hub.json(&["publish"]).await;
    // A hub with another key lets a snapshot go on only after it has read and signed it itself.
    let another = format!("file:{}", another_key(folder.path()).display());
    let other = fleet.hub.with(&[("PMP_SIGNING_KEY", &another)]);
    let foreign = other.run(&["promote", "--reason", "the canary looks well"]).await;
    assert!(foreign.code == 1 && foreign.stderr.contains("code: E4076"), "{}", foreign.stderr);
    let beta = fleet.beta.with(&[("PMP_TRUSTED_KEYS", &public)]);
    assert_eq!(beta.run(&["sync"]).await.code, 0);
    assert_eq!(fleet.versions().await[1], 1);
    // Somebody writes into the table that everybody may take a snapshot that is not there.
    let table = aws_sdk_dynamodb::Client::new(fleet.scene.hub_account.config());
    let (partition, key) = ("hub#heads".to_owned(), format!("direction#{MANAGEMENT}"));
    let call = table.get_item().table_name(TIMESTAMPS).key("organization", AttributeValue::S(partition));
    let mut forged = call.key("item", AttributeValue::S(key)).send().await.unwrap().item.unwrap();
    let head = hub.json(&["history"]).await["versions"][0]["digest"].as_str().unwrap().to_owned();
    let turn = HashMap::from([
        ("version".to_owned(), AttributeValue::N("9".to_owned())),
        ("digest".to_owned(), AttributeValue::S(head)),
        ("at".to_owned(), AttributeValue::S("2026-11-24T12:00:00Z".to_owned())),
    ]);
    forged.insert("turn".to_owned(), AttributeValue::M(turn));
    table.put_item().table_name(TIMESTAMPS).set_item(Some(forged)).send().await.unwrap();
    assert_eq!(beta.run(&["sync"]).await.code, 0);
    assert_eq!(fleet.versions().await[1], 1, "what stands beside the statement counts for nothing");
    let published = hub.run(&["publish"]).await;
    assert!(published.stderr.contains("is not this hub's word"), "{}", published.stderr);
    assert!(published.stderr.contains("code: E4015"), "{}", published.stderr);
    let ahead = fleet.gamma.run(&["sync"]).await;
    assert!(ahead.code == 1 && ahead.stderr.contains("code: E5014"), "a spoke without keys: {}", ahead.stderr);
}

/// Whoever halts need not hold the hub's key: the hub's next run signs what the spokes are told.
#[tokio::test]
async fn a_halt_without_the_hubs_key_is_told_by_its_next_run() {
    let fleet = fleet(THREE).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = key_pair(folder.path());
    let hub = fleet.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", key.display()))]);
    hub.json(&["directions", "--sign", "--yes"]).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    hub.json(&["publish"]).await;
    let halted = fleet.hub.run(&["halt", "--reason", "a vendor called"]).await;
    assert_eq!(halted.code, 0, "{}", halted.stderr);
    assert!(halted.stdout.contains("The hub's next run tells the others not to begin."), "{}", halted.stdout);
    assert!(halted.stderr.contains("warning: the spokes could not be told of the halt"), "{}", halted.stderr);
    hub.json(&["publish"]).await;
    let alpha = fleet.alpha.with(&[("PMP_TRUSTED_KEYS", &public)]);
    assert_eq!(alpha.run(&["sync"]).await.code, 3, "something waits");
    assert_eq!(fleet.scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    let ending = hub.with(&[("PMP_WAVES", "none")]).run(&["doctor", "-o", "json"]).await.stdout;
    assert!(ending.contains("what was stopped is for everybody"), "{ending}");
    hub.json(&["promote", "--reason", "it was a misunderstanding"]).await;
    assert_eq!(alpha.run(&["sync"]).await.code, 0);
    assert_eq!(fleet.versions().await[0], 2);
}

/// The whole of an incident, as the runbook has it: a bad approval is stopped in the canary and
/// taken back, and the mended version is promoted. Meanwhile one organization is offline, one is
/// paused, and one has an edit of somebody else's that its spoke leaves.
#[tokio::test]
async fn a_bad_approval_comes_no_further_than_the_canary() {
    let waves = "on_failure = \"roll-back\"\n[[waves]]\nname = \"canary\"\norganizations = [\"o-alpha00000\"]\nsoak = \"1h\"\n\
                 [[waves]]\nname = \"all\"\nshare = 100\n";
    let fleet = fleet(waves).await;
    let members = [ALPHA, BETA, GAMMA, "o-offline000"].join(",");
    let hub = fleet.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &members)]);
    hub.json(&["pause", "--org", BETA, "--until", "2h", "--reason", "their migration"]).await;
    let gamma = fleet.gamma.with(&[("PMP_DRIFT", "report")]);
    let gamma_account = Aws::new(&fleet.scene.endpoint(), GAMMA_ACCOUNT);
    gamma_account.approve(GAMMA_PROD, &["prod-z"]).await;
    gamma.run(&["sync"]).await;
    assert_eq!(row(&hub, GAMMA_PROD).await["state"], "DRIFTED");

    let poison = format!("{}/_local/poison", fleet.scene.endpoint());
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b", "prod-bad"]).await;
    tell(Method::POST, &poison, &json!({"add": ["prod-bad"]})).await;
    hub.json(&["publish"]).await;
    assert_eq!(fleet.alpha.run(&["sync"]).await.code, 1, "the failing receipt");
    let started = fleet.scene.alpha_account.change_sets().await;
    assert_eq!(hub.json(&["publish"]).await["published"]["version"], 3);
    assert_eq!(fleet.alpha.run(&["sync"]).await.code, 0);
    let back = fleet.scene.alpha_account.change_sets().await - started;
    println!("{back} change sets after the failing receipt");
    assert!(back <= 2);
    let lists = fleet.scene.alpha_account.lists(ALPHA_PROD).await;
    assert_eq!(lists.approved.iter().collect::<Vec<_>>(), ["prod-a"]);
    let waited = hub.run(&["wait", "2", "--timeout", "60s"]).await;
    assert_eq!(waited.code, 4);
    assert!(waited.stderr.contains("snapshot 2 was stopped in the waves"), "{}", waited.stderr);

    // Mended: it goes into the canary, and a person does not wait for the end of the soak.
    tell(Method::POST, &poison, &json!({"remove": ["prod-bad"]})).await;
    fleet.scene.hub_account.reject(MANAGEMENT, &["prod-bad"]).await;
    assert_eq!(hub.json(&["publish"]).await["published"]["version"], 4);
    assert_eq!(fleet.alpha.run(&["sync"]).await.code, 0);
    hub.json(&["publish"]).await;
    let promoted = hub.run(&["promote", "4", "--reason", "prod-bad is rejected now"]).await;
    assert_eq!(promoted.code, 0, "{}", promoted.stderr);
    gamma.run(&["sync"]).await;
    fleet.beta.run(&["sync"]).await;
    hub.json(&["publish"]).await;
    // Nobody was waited for who is offline, paused, or edited by hand.
    assert_eq!(hub.json(&["status"]).await["waves"]["state"], "done");
    let gamma_lists = gamma_account.lists(GAMMA_PROD).await;
    assert!(["prod-b", "prod-z"].iter().all(|id| gamma_lists.approved.iter().any(|it| it == id)), "{gamma_lists:?}");
    assert_eq!(row(&hub, BETA_PROD).await["state"], "PAUSED");
    hub.json(&["resume", "--org", BETA, "--reason", "the migration is done"]).await;
    assert_eq!(fleet.beta.run(&["sync"]).await.code, 0);
    assert_eq!(fleet.versions().await, [4, 4, 4]);
    hub.replays_its_audit("after an incident").await;
}

/// The state of waves remembers its turn; the direction that says so went with the organization.
#[tokio::test]
async fn one_that_is_forgotten_and_admitted_again_gets_its_turn_again() {
    let mut scene = Scene::start(world(&["prod-a"], &[])).await;
    let waves = format!(
        "[[waves]]\nname = \"canary\"\norganizations = [\"{ALPHA}\"]\n[[waves]]\nname = \"all\"\nshare = 100\n"
    );
    scene.hub = scene.hub.with(&[("PMP_WAVES", &waves)]);
    for admitted in [ALPHA, "o-another0000"] {
        assert_eq!(scene.hub.run(&["members", "admit", admitted]).await.code, 0);
    }
    scene.hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    let turn = async || {
        let told = scene.hub.json(&["directions"]).await;
        let of_alpha = told["directions"].as_array().unwrap().iter().find(|it| it["member"] == ALPHA).cloned();
        of_alpha.map(|direction| direction["turn"]["version"].clone())
    };
    assert_eq!(turn().await, Some(2.into()));
    assert_eq!(scene.hub.run(&["members", "forget", ALPHA, ALPHA]).await.code, 0);
    assert_eq!(scene.hub.run(&["members", "admit", ALPHA]).await.code, 0);
    assert_eq!(turn().await, None);
    scene.hub.json(&["publish"]).await;
    assert_eq!(turn().await, Some(2.into()));
}

/// What `promote` says of a version that was taken back, and of one that there is not.
#[tokio::test]
async fn promote_says_what_becomes_of_a_version_that_was_taken_back() {
    let fleet = failed(THREE).await;
    let why = ["--reason", "it was a misunderstanding"];
    let promote = async |version: &str| fleet.hub.run(&[&["promote", version][..], &why].concat()).await;
    let early = promote("3").await;
    assert!(early.code == 1 && early.stderr.contains("there is no snapshot 3; 2 is on its way"), "{early:?}");
    fleet.hub.json(&["publish"]).await;
    let never = promote("9").await;
    assert!(never.code == 1 && never.stderr.contains("there is no snapshot 9; nothing is on its way"), "{never:?}");
    assert!(never.stderr.contains("code: E4024"), "{never:?}");
    let old = promote("1").await;
    assert!(old.stderr.contains("snapshot 1 is not on its way through the waves: nothing is"), "{old:?}");
    let next = "the next run publishes it as a new snapshot, beginning with wave `canary`.\n";
    let promoted = promote("2").await;
    assert_eq!((promoted.code, promoted.stdout), (0, format!("Snapshot 2 may be published again: {next}")));
    let again = promote("2").await;
    assert_eq!(again.stdout, format!("Nothing to do: snapshot 2 may be published again already: {next}"));
    assert_eq!(fleet.hub.json(&["publish"]).await["published"]["version"], 4);
    fleet.sync_all().await;
    assert_eq!(fleet.versions().await, [4, 1, 1]);
}

/// The newest snapshot has the content of an older one then: that is not what the management
/// experience says, and what it said is known.
#[tokio::test]
async fn why_does_not_speak_for_the_management_experience_after_a_roll_back() {
    let fleet = taken_back(THREE).await;
    let told = async |arguments: &[&str]| fleet.hub.run(&[&["why", "prod-bad"][..], arguments].concat()).await;
    let of_the_fleet = told(&[]).await;
    let lines: Vec<_> = of_the_fleet.stdout.lines().skip(1).take(2).collect();
    let expected =
        ["snapshot 3 has it on neither list: it is the content of 1;", "snapshot 2, which approved it, was taken back"];
    assert_eq!(lines, expected, "{}", of_the_fleet.stdout);
    assert!(!of_the_fleet.stderr.contains("no product"), "{}", of_the_fleet.stderr);
    assert_eq!(fleet.hub.json(&["why", "prod-bad"]).await["snapshot"]["content_of"], 1);
    fleet.sync_all().await;
    let chain = told(&["--org", ALPHA]).await.stdout;
    assert!(!chain.contains(MANAGEMENT) && !chain.contains("management"), "{chain}");
    assert!(chain.contains("on neither list, as in snapshot 1: "), "{chain}");
    let before = told(&["--at", "2"]).await.stdout;
    assert!(before.contains(&format!("{MANAGEMENT} approves it")), "{before}");

    // The same under a person's pin, and after it.
    fleet.hub.json(&["pin", "2", "--reason", "it is tried again"]).await;
    let pinned = told(&[]).await.stdout;
    assert!(pinned.contains("snapshot 4 approves it: it is the content of 2\n"), "{pinned}");
    assert!(pinned.contains("the fleet is pinned to the content of snapshot 2, by root"), "{pinned}");
    let later = told(&["--at", "3"]).await.stdout;
    assert!(later.contains("it is the content of 1;\nit was stored so by "), "{later}");
}

/// A version that is published is not to come any more for those whose turn has come.
#[tokio::test]
async fn a_plan_says_whose_turn_for_the_version_in_the_waves_has_come() {
    let fleet = fleet(THREE).await;
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let waits = async |experience: &str, of: &str| {
        let plan = fleet.hub.json(&["plan"]).await;
        let rows = plan["experiences"].as_array().unwrap();
        let row = rows.iter().find(|row| row["member_experience"] == experience).unwrap();
        row[of].as_str().map(str::to_owned)
    };
    let later = Some("wave `second`: it comes after the waves before".to_owned());
    assert_eq!((waits(BETA_PROD, "waits").await, waits(BETA_PROD, "due").await), (later, None), "not published yet");
    fleet.hub.json(&["publish"]).await;
    let not_come = Some("wave `second`: its turn for snapshot 2 has not come".to_owned());
    assert_eq!(waits(BETA_PROD, "waits").await, not_come);
    // A hub whose waves are switched off publishes for everybody at once.
    let without = fleet.hub.with(&[("PMP_WAVES", "none")]).json(&["plan"]).await;
    assert!(without["experiences"].as_array().unwrap().iter().all(|row| row["waits"].is_null()), "{without}");
    fleet.alpha.run(&["sync"]).await;
    fleet.hub.json(&["publish"]).await;
    let has_come = Some("its turn for snapshot 2 has come: its spoke has not applied it yet".to_owned());
    assert_eq!((waits(BETA_PROD, "waits").await, waits(BETA_PROD, "due").await), (None, has_come.clone()));
    let told = fleet.hub.run(&["plan"]).await.stdout;
    assert!(told.contains("1 of them would come now: their turn has come, and they are not applied yet."), "{told}");
    assert!(told.contains("1 of them would come later"), "gamma's: {told}");
    let wide = fleet.hub.run(&["plan", "-o", "wide"]).await.stdout;
    assert!(wide.contains("its turn for snapshot 2 has come"), "{wide}");
    fleet.beta.run(&["sync"]).await;
    fleet.hub.json(&["publish"]).await;
    assert_eq!(waits(GAMMA_PROD, "due").await, has_come);
    // Another content is a version of its own again.
    fleet.scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    assert_eq!(waits(GAMMA_PROD, "waits").await, Some("wave `all`: it comes after the waves before".to_owned()));
}
