//! Guard rails (rule 5), and how an operator of either side lets a snapshot through.

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, HUB, Lists, MANAGEMENT, Scene, eventually, world};
use serde_json::{Value, json};

/// Both live experiences of alpha approve three products, of which the management experience
/// approves one.
pub(crate) async fn two_thirds_to_remove() -> Scene {
    let mut world = world(&["prod-a"], &[]);
    for experience in &mut world.organizations[1].experiences {
        let policy = experience.policy.as_mut().unwrap();
        policy.approved.extend(["prod-a", "prod-b", "prod-c"].map(Into::into));
    }
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    scene
}

async fn rows(scene: &Scene) -> Vec<Value> {
    scene.hub.json(&["status"]).await["spokes"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_confirmation_at_the_hub_reaches_the_agent_by_itself_and_stands_in_the_receipt() {
    // Protocol D14.
    let scene = two_thirds_to_remove().await;
    let agent = scene.spoke.start(&["run"]);
    eventually("both are held", &2, async || rows(&scene).await.iter().filter(|row| row["state"] == "HELD").count())
        .await;
    assert_eq!(scene.alpha_account.change_sets().await, 0);
    let status = scene.hub.run(&["status", "--check"]).await;
    assert_eq!(status.code, 4);
    assert!(status.stdout.contains("it would remove 2 of 3 approved products (66%, limit 50%)"), "{}", status.stdout);
    assert!(status.stdout.contains(&format!("`pmp-hub confirm {ALPHA} 1`")), "{}", status.stdout);

    let confirmed = scene.hub.run(&["confirm", ALPHA, "1", "--member-experience", ALPHA_PROD]).await;
    assert_eq!(confirmed.code, 0, "{}", confirmed.stderr);
    assert!(confirmed.stdout.starts_with("Confirmed snapshot 1 "), "{}", confirmed.stdout);
    assert!(confirmed.stdout.contains(&format!("{ALPHA_PROD}: it would remove 2 of 3")), "{}", confirmed.stdout);
    let lists = async || scene.alpha_account.lists(ALPHA_PROD).await;
    eventually("it is applied", &Lists::new(&["prod-a"], &["prod-b", "prod-c"]), lists).await;
    eventually("the receipt", &json!("SYNCED"), async || {
        rows(&scene).await.into_iter().find(|row| row["member_experience"] == ALPHA_PROD).unwrap()["state"].clone()
    })
    .await;
    let after = rows(&scene).await;
    let receipt =
        |member: &str| after.iter().find(|row| row["member_experience"] == member).unwrap()["receipt"].clone();
    assert_eq!(receipt(ALPHA_PROD)["confirmed"]["by"], format!("arn:aws:iam::{HUB}:root"));
    // The other one was not confirmed.
    assert_eq!(receipt(ALPHA_DEV)["status"], "held");
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await.rejected.len(), 0);

    // The whole organization; the version is the same, so what is in step stays so.
    assert_eq!(scene.hub.json(&["confirm", ALPHA, "1"]).await["lets_through"].as_array().unwrap().len(), 1);
    let lists = async || scene.alpha_account.lists(ALPHA_DEV).await;
    eventually("the other, too", &Lists::new(&["prod-a"], &["prod-b", "prod-c"]), lists).await;
    assert_eq!(agent.stop().await.0, 0);
}

#[tokio::test]
async fn a_confirmation_counts_for_exactly_one_version() {
    // Protocol D14.
    let scene = two_thirds_to_remove().await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "1", "--no-announce"]).await.code, 0);
    assert_eq!(scene.spoke.run(&["plan"]).await.code, 0, "a confirmed plan is shown as what it will do");
    // The version moves on before the spoke comes to it.
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    scene.hub.json(&["publish"]).await;
    let held = scene.spoke.run(&["sync"]).await;
    assert_eq!(held.code, 3, "{}", held.stdout);
    assert_eq!(scene.alpha_account.change_sets().await, 0);

    let outdated = scene.hub.run(&["confirm", ALPHA, "1"]).await;
    assert_eq!(outdated.code, 1);
    assert!(
        outdated.stderr.starts_with("error: snapshot 1 is not the newest any more: 2 is\nhint: "),
        "{}",
        outdated.stderr
    );
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "2", "--no-announce"]).await.code, 0);
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "2", "--undo"]).await.code, 0);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let none = scene.hub.run(&["confirm", ALPHA, "2", "--undo"]).await;
    assert!(none.code == 1 && none.stderr.contains("code: E4045"), "there is none any more: {none:?}");
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "2", "--no-announce"]).await.code, 0);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let expected = Lists::new(&["prod-a", "prod-new"], &["prod-b", "prod-c"]);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
}

#[tokio::test]
async fn a_confirmation_that_would_let_nothing_through_is_refused() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let refused = async |arguments: &[&str]| {
        let finished = scene.hub.run(arguments).await;
        assert_eq!(finished.code, 1, "{}", finished.stdout);
        finished.stderr
    };
    let none = refused(&["confirm", ALPHA, "1"]).await;
    assert!(none.starts_with("error: there is no snapshot yet\nhint: ") && none.contains("code: E4002"), "{none}");
    scene.hub.json(&["publish"]).await;
    let unknown = refused(&["confirm", ALPHA, "1"]).await;
    assert!(unknown.starts_with(&format!("error: no spoke of `{ALPHA}` has reported\n")), "{unknown}");
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert!(refused(&["confirm", ALPHA, "2"]).await.starts_with("error: there is no snapshot 2: the newest is 1\n"));
    let nothing = refused(&["confirm", ALPHA, "1"]).await;
    assert!(nothing.starts_with(&format!("error: no plan of `{ALPHA}` is held at snapshot 1: ")), "{nothing}");
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "1", "--force"]).await.code, 0);
}

#[tokio::test]
async fn a_confirmation_at_the_spoke_says_who_in_the_receipt() {
    let scene = two_thirds_to_remove().await;
    assert_eq!(scene.spoke.run(&["sync", "--confirm", "1"]).await.code, 0);
    let rows = rows(&scene).await;
    let receipt = &rows.iter().find(|row| row["member_experience"] == ALPHA_PROD).unwrap()["receipt"];
    assert_eq!(receipt["confirmed"]["by"], "arn:aws:iam::222222222222:root");
}

#[tokio::test]
async fn all_products_and_a_set_number_are_held_too_and_what_has_none_is_not() {
    let mut world = world(&[], &["prod-a", "prod-b"]);
    for experience in &mut world.organizations[1].experiences {
        if experience.id == ALPHA_PROD {
            experience.policy.as_mut().unwrap().approved.extend(["prod-a", "prod-b"].map(Into::into));
        }
    }
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    // Every product, whatever the share may be; and an experience that approves none has none to
    // lose.
    let lax = scene.spoke.with(&[("PMP_MAX_REMOVED_PERCENT", "100")]);
    let held = lax.run(&["sync"]).await;
    assert_eq!(held.code, 3, "{}", held.stderr);
    assert!(held.stdout.contains("it would remove all 2 approved products (removing all is held)"), "{}", held.stdout);
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&[], &["prod-a", "prod-b"]));

    scene.hub_account.approve(MANAGEMENT, &["prod-a"]).await;
    scene.hub.json(&["publish"]).await;
    let held = lax.with(&[("PMP_MAX_REMOVED_PRODUCTS", "0")]).run(&["sync"]).await;
    assert!(
        held.stdout.contains("it would remove 1 of 2 approved products (50%, limit 0 products)"),
        "{}",
        held.stdout
    );
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0, "half is not more than half");
}

/// `--all` writes a confirmation for each experience. Whoever takes back an organization's takes
/// back all of them.
#[tokio::test]
async fn of_an_organization_every_confirmation_is_taken_back() {
    let scene = two_thirds_to_remove().await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let hub = async |arguments: &[&str]| {
        let finished = scene.hub.run(arguments).await;
        assert_eq!(finished.code, 0, "{arguments:?}: {finished:?}");
        finished.stdout
    };
    let undo = ["confirm", ALPHA, "1", "--undo"];
    let undo_one = [&undo[..], &["--member-experience", ALPHA_PROD]].concat();
    hub(&["confirm", "--all", "--yes", "--snapshot", "1", "--no-announce"]).await;
    let told = hub(&undo_one).await;
    assert_eq!(
        told,
        format!(
            "Snapshot 1 is no longer confirmed for {ALPHA_PROD} of {ALPHA}.\nIt stays confirmed for 1 other experience of {ALPHA}: \
             `pmp-hub confirm {ALPHA} 1 --undo` takes back all of them.\n"
        )
    );
    hub(&["confirm", "--all", "--yes", "--snapshot", "1", "--no-announce"]).await;
    hub(&["confirm", ALPHA, "1", "--no-announce"]).await;
    assert!(hub(&undo_one).await.contains(&format!("It stays confirmed for all of {ALPHA}, and so for {ALPHA_PROD}")));
    let again = scene.hub.run(&undo_one).await;
    assert!(
        again.code == 1 && again.stderr.contains(&format!("hint: It stays confirmed for all of {ALPHA}")),
        "{again:?}"
    );

    let told = hub(&undo).await;
    let expected = format!(
        "Snapshot 1 is no longer confirmed for {ALPHA}. Taken back:\n  for all of the organization\n  for {ALPHA_DEV}\n"
    );
    assert_eq!(told, expected);
    let audit = scene.hub.json(&["audit"]).await;
    let whom = json!([{"organization": ALPHA}, {"organization": ALPHA, "member_experience": ALPHA_DEV}]);
    assert_eq!((&audit["entries"][0]["action"], &audit["entries"][0]["whom"]), (&json!("unconfirm"), &whom));
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3, "nothing is removed");
    assert_eq!(scene.alpha_account.change_sets().await, 0);
    hub(&["confirm", ALPHA, "1", "--no-announce"]).await;
    let document = scene.hub.json(&undo).await;
    assert_eq!(
        (document["taken_back"].as_array().map(Vec::len), &document["in_force"]),
        (Some(1), &json!([])),
        "{document}"
    );
    assert_eq!(document["undone"], document["taken_back"][0]);
    // One that the version moved past can be taken back as well.
    hub(&["confirm", ALPHA, "1", "--no-announce"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    scene.hub.json(&["publish"]).await;
    hub(&undo).await;
    scene.hub.replays_its_audit("after confirmations").await;
}

/// Whatever a member does to its own items, the hub's operators take back what they confirmed.
#[tokio::test]
async fn a_member_cannot_keep_its_confirmation_by_deleting_or_spoiling_its_items() {
    let scene = two_thirds_to_remove().await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let table = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let own = || {
        let call = table.query().table_name("SyncTimestamps").key_condition_expression("organization = :o");
        call.expression_attribute_values(":o", AttributeValue::S(ALPHA.to_owned())).send()
    };
    let undo = ["confirm", ALPHA, "1", "--undo"];
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "1", "--no-announce"]).await.code, 0);
    for item in own().await.unwrap().items() {
        let mut spoilt = item.clone();
        spoilt.retain(|name, _| ["organization", "item"].contains(&name.as_str()));
        table.put_item().table_name("SyncTimestamps").set_item(Some(spoilt)).send().await.unwrap();
    }
    let undone = scene.hub.run(&undo).await;
    assert_eq!(undone.code, 0, "{undone:?}");
    // What cannot be read is heard of it, so it can be confirmed in advance.
    let confirmed = scene.hub.run(&["confirm", ALPHA, "1", "--force", "--no-announce"]).await;
    assert_eq!(confirmed.code, 0, "{confirmed:?}");
    for item in own().await.unwrap().items() {
        let call = table.delete_item().table_name("SyncTimestamps").key("organization", item["organization"].clone());
        call.key("item", item["item"].clone()).send().await.unwrap();
    }
    let undone = scene.hub.run(&undo).await;
    assert!(undone.code == 0 && undone.stdout.contains("is no longer confirmed"), "{undone:?}");
    let nobody = scene.hub.run(&undo).await;
    assert!(nobody.code == 1 && nobody.stderr.contains("code: E4007"), "{nobody:?}");
}

/// On a terminal of its own, by `script`: what is typed there is no text.
#[tokio::test]
async fn an_answer_that_is_no_text_agrees_to_nothing() {
    let scene = two_thirds_to_remove().await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let folder = tempfile::tempdir().unwrap();
    // The terminal shows what was typed.
    let asked = r"printf '\377\n' | script -qec 'pmp-hub confirm --all' /dev/null 2>&1 | LC_ALL=C tr -d '\377' || true";
    let asked = scene.hub.shell(asked, folder.path()).await;
    assert!(asked.stdout.contains("[y/N]") && asked.stdout.contains("code: E1753"), "{}", asked.stdout);
    assert!(rows(&scene).await.iter().filter(|row| row["state"] == "HELD").count() == 2);
}
