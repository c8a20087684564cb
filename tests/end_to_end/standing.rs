//! How an organization sees itself: `pmp-spoke status`.

use pmp_local_aws::world::{Experience, ProcurementPolicy};
use pmp_tests::{ALPHA, ALPHA_PROD, MANAGEMENT, Scene, world};

use crate::confirming::two_thirds_to_remove;

/// That it fits on a screen.
fn assert_fits(text: &str) {
    assert!(text.lines().count() <= 24, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[tokio::test]
async fn a_hundred_experiences_fit_on_a_screen_and_the_worst_come_first() {
    let mut world = world(&["prod-a"], &[]);
    for number in 0..100 {
        let id = format!("exp-{number:013}");
        let policy = ProcurementPolicy::new(&id.replace("exp-", "policy-"));
        world.organizations[1].experiences.push(Experience::new(&id, &id).with_policy(policy));
    }
    // One of them is held.
    let held = &mut world.organizations[1].experiences[0];
    held.policy.as_mut().unwrap().approved.extend(["prod-b", "prod-c"].map(Into::into));
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    scene.spoke.run(&["sync"]).await;
    let status = scene.spoke.on_a_screen().run(&["status"]).await;
    assert_fits(&status.stdout);
    let lines: Vec<_> = status.stdout.lines().collect();
    assert!(lines[0].starts_with(&format!("{ALPHA}, as the ledger has it: current snapshot 1 (")), "{status:?}");
    assert!(lines[1].starts_with("spoke `all`, last pass ") && lines[1].ends_with("mode `apply`"), "{status:?}");
    assert!(lines[3].starts_with(ALPHA_PROD) && lines[3].contains("held") && lines[3].ends_with('…'), "{status:?}");
    assert!(status.stdout.contains("(`-o wide` lists all)"), "{status:?}");
    assert!(status.stdout.ends_with("of 102 member experiences in sync with snapshot 1\n"), "{status:?}");
    let wide = scene.spoke.run(&["status", "-o", "wide"]).await;
    assert!(wide.stdout.lines().count() > 104, "{wide:?}");
    // In a pipe or a file, sentences are whole.
    let piped = scene.spoke.run(&["status"]).await.stdout;
    let held = piped.lines().find(|line| line.starts_with(ALPHA_PROD)).unwrap();
    assert!(held.contains("let it through with `pmp-spoke sync --confirm 1`") && !held.contains('…'), "{piped}");
    assert!(wide.stdout.contains("let it through with `pmp-spoke sync --confirm 1`"), "{wide:?}");
}

#[tokio::test]
async fn what_is_applied_and_what_was_tried_are_told_apart_with_what_waits() {
    let scene = two_thirds_to_remove().await;
    assert_eq!(scene.spoke.run(&["sync", "--confirm", "1"]).await.code, 0);
    scene.hub_account.reject(MANAGEMENT, &["prod-a"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-d"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 3);
    let status = scene.spoke.on_a_screen().run(&["status"]).await;
    assert_fits(&status.stdout);
    assert!(status.stdout.contains("1 → 2"), "{status:?}");
    let json = scene.spoke.json(&["status"]).await;
    let prod = json["experiences"].as_array().unwrap().iter().find(|it| it["experience"] == ALPHA_PROD).unwrap();
    assert_eq!((&prod["applied"], &prod["tried"], &prod["status"]), (&1.into(), &2.into(), &"held".into()));
    assert_eq!(prod["pending"], 2);
    assert!(prod["message"].as_str().unwrap().contains("would remove the only approved product"), "{prod}");
    assert_eq!((&json["mode"], &json["organization"]), (&"apply".into(), &ALPHA.into()));

    // What the hub's operators let through waits for the next pass.
    assert_eq!(scene.hub.run(&["confirm", ALPHA, "2"]).await.code, 0);
    let json = scene.spoke.json(&["status"]).await;
    let prod = json["experiences"].as_array().unwrap().iter().find(|it| it["experience"] == ALPHA_PROD).unwrap();
    assert!(prod["message"].as_str().unwrap().starts_with("confirmed by "), "{prod}");
}
