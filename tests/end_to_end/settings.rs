//! The policy's settings follow the management experience only where that is asked for.

use pmp_local_aws::world::ResourceRequests;
use pmp_tests::{ALPHA_PROD, Lists, Scene, world};

/// The management experience takes no requests from users, alpha's production experience does; and
/// it lacks a product.
async fn scene(missing: bool) -> Scene {
    let mut world = world(&["prod-a"], &[]);
    world.organizations[0].experiences[0].policy.as_mut().unwrap().policy_resource_requests = ResourceRequests::Deny;
    if !missing {
        for experience in &mut world.organizations[1].experiences {
            experience.policy.as_mut().unwrap().approved.push("prod-a".into());
        }
    }
    let mut scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    scene.spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    scene
}

#[tokio::test]
async fn settings_stay_as_they_are_unless_they_are_to_follow() {
    let scene = scene(false).await;
    assert_eq!(scene.spoke.run(&["plan", "--detailed-exitcode"]).await.code, 0);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.resource_requests(ALPHA_PROD).await, "Allow");

    let spoke = scene.spoke.with(&[("PMP_SYNC_SETTINGS", "true")]);
    let planned = spoke.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(planned.code, 2, "{}", planned.stderr);
    assert!(planned.stdout.contains("~ settings  users may no longer request products"), "{}", planned.stdout);
    assert_eq!(spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.resource_requests(ALPHA_PROD).await, "Deny");
    assert_eq!(scene.alpha_account.change_sets().await, 1);
    assert_eq!(spoke.run(&["plan", "--detailed-exitcode"]).await.code, 0);
}

#[tokio::test]
async fn settings_travel_in_the_change_set_of_the_products() {
    let scene = scene(true).await;
    let synced = scene.spoke.run(&["sync", "--sync-settings"]).await;
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    assert_eq!(scene.alpha_account.resource_requests(ALPHA_PROD).await, "Deny");
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(scene.alpha_account.change_sets().await, 1);
}
