//! People: those who act as the spoke's role, from a machine of their own, whom the template names
//! and nobody else; and those of the hub, with its two managed policies.

use aws_sdk_dynamodb::types::AttributeValue;
use pmp_tests::{ALPHA, ALPHA_PROD, Finished, Lists, world};
use serde_json::Value;

use crate::organizations::{ALPHA_ACCOUNT, Organizations, look};

/// What a command of `pmp-spoke` says to a person of alpha's account, where the stack of the spoke
/// has `operators` as its parameter; and the world that it happened in.
async fn as_person(operators: &str, person: &str, commands: &[&[&str]]) -> (Vec<Finished>, Organizations) {
    let parameters = [("OperatorPrincipalArns", operators), ("Paused", "true")];
    let organizations = Organizations::deploy(world(&["prod-a"], &["prod-x"]), &[], &parameters).await;
    look(&organizations.hub_function().await).await;
    let folder = tempfile::tempdir().unwrap();
    let spoke = organizations.spoke_of(person, folder.path()).await;
    let mut finished = Vec::new();
    for command in commands {
        finished.push(spoke.run(command).await);
    }
    (finished, organizations)
}

#[tokio::test]
async fn a_person_who_is_named_looks_before_the_spoke_acts_and_may_then_act_in_its_place() {
    let ada = format!("arn:aws:iam::{ALPHA_ACCOUNT}:user/ada");
    let commands: [&[&str]; 3] = [&["plan"], &["doctor", "-o", "json"], &["sync"]];
    let (finished, organizations) = as_person(&ada, "ada", &commands).await;
    let [plan, doctor, sync] = &finished[..] else { panic!("{finished:?}") };
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    assert!(plan.stdout.contains("prod-a") && plan.stdout.contains(ALPHA_PROD), "{}", plan.stdout);
    let checkup: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let failed: Vec<_> = checkup["checks"].as_array().unwrap().iter().filter(|it| it["result"] == "failed").collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(sync.code, 0, "{}", sync.stderr);
    assert_eq!(organizations.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-x"]));
    // All of it in the hub's ledger by the member's role, as the function itself has it.
    let decisions = organizations.decisions().await;
    let as_member = |action: &str| decisions.iter().any(|it| it.action == action && it.principal.contains("-member-"));
    assert!(as_member("dynamodb:GetItem") && as_member("dynamodb:PutItem"));
}

#[tokio::test]
async fn a_pattern_names_people_and_nobody_else_acts_as_the_spoke() {
    let named = format!("arn:aws:iam::{ALPHA_ACCOUNT}:user/a*,arn:aws:iam::{ALPHA_ACCOUNT}:role/operators");
    for (operators, person, allowed) in [(named.as_str(), "ada", true), (&named, "bob", false), ("", "ada", false)] {
        let (finished, organizations) = as_person(operators, person, &[&["plan"]]).await;
        assert_eq!(finished[0].code == 0, allowed, "{person}, of `{operators}`: {}", finished[0].stderr);
        let assumed = organizations.decisions().await.into_iter().filter(|it| it.action == "sts:AssumeRole");
        let by_person: Vec<_> = assumed.filter(|it| it.principal.ends_with(person)).map(|it| it.allowed).collect();
        assert!(!by_person.is_empty() && by_person.iter().all(|it| *it == allowed), "{by_person:?}");
    }
}

#[tokio::test]
async fn an_observer_looks_and_changes_nothing() {
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &[], &[]).await;
    look(&organizations.hub_function().await).await;
    let observer = organizations.hub_of("observer");
    for command in ["status", "members", "exceptions", "versions", "history", "directions", "show", "drift", "audit"] {
        let finished = observer.run(&[command]).await;
        assert_eq!(finished.code, 0, "{command}: {}", finished.stderr);
    }
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("fleet.html");
    let finished = observer.run(&["report", "--html", page.to_str().unwrap()]).await;
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    for command in [
        &["pin", "1", "--reason", "no"][..],
        &["pause", "--all", "--until", "1h", "--reason", "no"],
        &["pause", "--org", ALPHA, "--until", "1h", "--reason", "no"],
        &["confirm", ALPHA, "1", "--force"],
        &["publish"],
    ] {
        let finished = observer.run(command).await;
        assert_eq!(finished.code, 1, "{command:?}: {}", finished.stdout);
    }
}

#[tokio::test]
async fn an_operator_steers_and_confirms_and_neither_publishes_nor_admits() {
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &[], &[]).await;
    let hub = organizations.hub_function().await;
    look(&hub).await;
    organizations.hub_account.approve(pmp_tests::MANAGEMENT, &["prod-b"]).await;
    look(&hub).await;
    let operator = organizations.hub_of("operator");
    for command in [
        &["pause", "--org", ALPHA, "--until", "1h", "--reason", "a freeze"][..],
        &["resume", "--org", ALPHA, "--reason", "over"],
        &["pause", "--all", "--until", "1h", "--reason", "a freeze"],
        &["resume", "--all", "--reason", "over"],
        &["pin", "1", "--org", ALPHA, "--reason", "an audit"],
        &["unpin", "--org", ALPHA, "--reason", "over"],
        &["directions"],
        &["pin", "1", "--reason", "prod-b is wrong", "--no-announce"],
    ] {
        let finished = operator.run(command).await;
        assert_eq!(finished.code, 0, "{command:?}: {}", finished.stderr);
    }
    // Whoever pins has the hub publish.
    operator.json(&["unpin", "--reason", "again", "--no-announce"]).await;
    let pinned = operator.run(&["pin", "1", "--reason", "prod-b is wrong"]).await;
    assert_eq!(pinned.code, 0, "{}", pinned.stderr);
    assert!(pinned.stderr.contains("hint: you may not publish ("), "{}", pinned.stderr);
    assert!(pinned.stdout.contains("The hub publishes it with its next run."), "{}", pinned.stdout);
    look(&hub).await;
    let history = operator.json(&["history"]).await;
    assert_eq!(history["versions"][0]["pinned"]["reason"], "prod-b is wrong");
    // All of it stands in the audit, by whom; nobody takes an entry away.
    let audit = operator.json(&["audit"]).await;
    let entries = audit["entries"].as_array().unwrap();
    let by_operator = entries.iter().filter(|entry| entry["author"].as_str().unwrap().contains("operator"));
    let actions: Vec<_> = by_operator.rev().map(|entry| entry["action"].as_str().unwrap()).collect();
    let asked = ["pause", "resume", "pause", "resume", "pin", "unpin", "pin", "unpin", "pin"];
    assert_eq!(actions.iter().filter(|action| **action != "failed").copied().collect::<Vec<_>>(), asked);
    let timestamps = organizations.member_output("TimestampsTableArn");
    let own = aws_sdk_dynamodb::Client::new(organizations.as_account("AKIAOPERATOR0000").config());
    let delete = async |partition: &str| {
        let key = |value: &str| AttributeValue::S(value.to_owned());
        let call = own.delete_item().table_name(&timestamps).key("organization", key(partition));
        call.key("item", key("x")).send().await
    };
    delete(&format!("hub#{ALPHA}")).await.unwrap();
    for partition in ["hub#audit", "hub#heads", "hub#directed", "hub#roster", ALPHA] {
        assert!(delete(partition).await.is_err(), "{partition}");
    }
    for command in [&["publish"][..], &["members", "admit", "o-gamma00000"], &["recover", "--yes"]] {
        let finished = operator.run(command).await;
        assert_eq!(finished.code, 1, "{command:?}: {}", finished.stdout);
    }
}

/// With waves, the function's role writes whose turn it is, and an operator promotes and halts.
#[tokio::test]
async fn the_function_takes_versions_through_waves_and_an_operator_steers_them() {
    let waves = r#"{"waves": [{"name": "canary", "organizations": ["o-alpha00000"], "soak": "1h"}, {"name": "all", "share": 100}]}"#;
    let hub = [("Waves", waves)];
    let organizations = Organizations::deploy(world(&["prod-a"], &[]), &hub, &[]).await;
    let function = organizations.hub_function().await;
    look(&function).await;
    look(&function).await;
    organizations.hub_account.approve(pmp_tests::MANAGEMENT, &["prod-b"]).await;
    look(&function).await;
    let operator = organizations.hub_of("operator");
    let status = operator.json(&["status"]).await;
    assert_eq!((&status["waves"]["state"], &status["waves"]["version"]), (&"on-its-way".into(), &2.into()), "{status}");
    let direction = &operator.json(&["directions"]).await["directions"][1];
    assert_eq!((&direction["member"], &direction["turn"]["version"]), (&ALPHA.into(), &2.into()));
    let observer = organizations.hub_of("observer");
    let refused = observer.run(&["halt", "--reason", "no"]).await;
    assert!(refused.code == 1 && refused.stderr.contains("dynamodb:PutItem"), "{refused:?}");
    for command in [&["halt", "--reason", "a vendor called"][..], &["promote", "--reason", "it is nothing"]] {
        let finished = operator.run(command).await;
        assert_eq!(finished.code, 0, "{command:?}: {}", finished.stderr);
    }
}
