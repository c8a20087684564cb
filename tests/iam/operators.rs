//! People who act as the spoke's role, from a machine of their own: whom the template names, and
//! nobody else.

use pmp_tests::{ALPHA_PROD, Finished, Lists, world};
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
