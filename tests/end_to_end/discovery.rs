//! Which experiences are kept in step, and what is said of those that are not: in the management
//! account, and in a delegated administrator's.

use pmp_local_aws::world::{Experience, ProcurementPolicy};
use pmp_tests::{
    ALPHA, ALPHA_ARCHIVED, ALPHA_DEV, ALPHA_DISABLED, ALPHA_PROD, HUB, Lists, MANAGEMENT, Program, Scene, member_role,
    world,
};
use serde_json::json;

const DELEGATE: &str = "222222222223";
const BARE: &str = "exp-alpha-bare";
const MISSING: &str = "exp-does-not-exist";

/// Alpha with an experience that has no policy, and its two programs: as management account, as
/// delegated administrator.
async fn scene() -> (Scene, [Program; 2]) {
    let mut world = world(&["prod-a"], &[]);
    let alpha = world.organizations.pop().unwrap().with_delegated_administrator(DELEGATE);
    world.organizations.push(alpha.with_experience(Experience::new(BARE, "Bare")));
    let mut role = member_role(DELEGATE, ALPHA);
    role.name = "delegate".into();
    world.roles.push(role);
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let role = format!("arn:aws:iam::{HUB}:role/delegate");
    let delegate = scene.spoke.with(&[("AWS_ACCESS_KEY_ID", DELEGATE), ("PMP_HUB_ROLE_ARN", &role)]);
    let programs = [scene.spoke.clone(), delegate];
    (scene, programs)
}

/// Experience, status and reason, of every receipt.
async fn told(spoke: &Program) -> Vec<(String, String, String)> {
    let synced = spoke.run(&["sync", "-o", "json"]).await;
    let synced: serde_json::Value = serde_json::from_str(&synced.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let told = |row: &serde_json::Value| (text(&row["member_experience"]), text(&row["status"]), text(&row["error"]));
    synced["receipts"].as_array().unwrap().iter().map(told).collect()
}

fn expected(rows: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    let mut rows: Vec<_> = rows.iter().map(|(a, b, c)| ((*a).into(), (*b).into(), (*c).into())).collect();
    rows.sort();
    rows
}

const DISABLED: &str = "the experience is disabled";
const MISNAMED: &str = "MEMBER_EXPERIENCE_IDS names it, and it does not exist, or is not shared with this account";

#[tokio::test]
async fn an_experience_that_is_named_and_not_live_has_its_reason_and_stops_no_other() {
    let (scene, programs) = scene().await;
    let named = [MISSING, ALPHA_DISABLED, ALPHA_ARCHIVED, BARE, ALPHA_PROD].join(",");
    for spoke in programs {
        let told = told(&spoke.with(&[("MEMBER_EXPERIENCE_IDS", &named)])).await;
        let reason = |id: &str| told.iter().find(|row| row.0 == id).unwrap().2.clone();
        assert!(reason(ALPHA_ARCHIVED).contains("archived"), "{told:?}");
        assert!(reason(BARE).contains("no procurement policy"), "{told:?}");
        let rows = [
            (MISSING, "failed", MISNAMED),
            (ALPHA_DISABLED, "skipped", DISABLED),
            (ALPHA_ARCHIVED, "skipped", &reason(ALPHA_ARCHIVED)),
            (BARE, "skipped", &reason(BARE)),
            (ALPHA_PROD, "in-sync", ""),
        ];
        assert_eq!(told, expected(&rows));
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::default());
}

#[tokio::test]
async fn without_names_all_live_ones_are_kept_in_step_and_the_others_reported() {
    let (scene, programs) = scene().await;
    for spoke in programs {
        let told = told(&spoke).await;
        let kept: Vec<_> =
            told.iter().filter(|row| row.1 != "skipped").map(|row| (row.0.as_str(), row.1.as_str())).collect();
        assert_eq!(kept, [(ALPHA_DEV, "in-sync"), (ALPHA_PROD, "in-sync")]);
        let skipped: Vec<_> = told.iter().filter(|row| row.1 == "skipped").map(|row| row.0.as_str()).collect();
        assert_eq!(skipped, [BARE, ALPHA_DISABLED, ALPHA_ARCHIVED]);
    }
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(scene.alpha_account.lists(ALPHA_DISABLED).await, Lists::default());
}

#[tokio::test]
async fn the_management_experience_is_never_a_member_even_where_the_spoke_runs_beside_the_hub() {
    let mut world = world(&["prod-a"], &[]);
    let policy = ProcurementPolicy::new("policy-hub-member");
    world.organizations[0].experiences.push(Experience::new("exp-hub-member", "Member").with_policy(policy));
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let beside = scene.spoke.with(&[("AWS_ACCESS_KEY_ID", HUB), ("PMP_HUB_ROLE_ARN", ""), ("PMP_HUB_EXTERNAL_ID", "")]);
    let named = format!("{MANAGEMENT},exp-hub-member");
    for spoke in [beside.clone(), beside.with(&[("MEMBER_EXPERIENCE_IDS", &named)])] {
        assert_eq!(told(&spoke).await, expected(&[("exp-hub-member", "in-sync", "")]));
    }
}

/// Only an experience that is there can be told of for ever: of a mistyped id the sign of life
/// tells, as long as the setting has it.
#[tokio::test]
async fn a_mistyped_id_leaves_nothing_behind_once_it_is_corrected() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let named = |id: &str| scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", &format!("{ALPHA_DEV},{id}"))]);
    let synced = named("exp-alpha-prodd").run(&["sync"]).await;
    assert_eq!(synced.code, 1, "{synced:?}");
    let meant = format!("did you mean `{ALPHA_PROD}`?");
    assert!(synced.stdout.contains("exp-alpha-prodd") && synced.stdout.contains(&meant), "{synced:?}");
    let error = format!("exp-alpha-prodd: {MISNAMED}; {meant}");
    let status = scene.hub.json(&["status"]).await;
    let rows: Vec<_> = status["spokes"].as_array().unwrap().iter().collect();
    let told =
        |row: &serde_json::Value| (row["member_experience"].clone(), row["state"].clone(), row["message"].clone());
    let told: Vec<_> = rows.into_iter().map(told).collect();
    assert_eq!(told[0], (json!(null), json!("ERROR"), json!(error)), "{told:?}");
    assert_eq!((told.len(), &told[1].0), (2, &json!(ALPHA_DEV)), "{told:?}");
    assert_eq!(scene.hub.run(&["wait", "--timeout", "1s"]).await.code, 4);
    // Corrected, and nothing is left of it.
    assert_eq!(named(ALPHA_PROD).run(&["sync"]).await.code, 0);
    let states = [(ALPHA_DEV.to_owned(), "SYNCED".to_owned()), (ALPHA_PROD.to_owned(), "SYNCED".to_owned())];
    assert_eq!(scene.states().await, states);
}
