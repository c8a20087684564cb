//! Two management experiences, side by side in one member account.

use pmp_local::world::{Experience, ProcurementPolicy};
use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Lists, Scene, eventually, world};

const SECOND: &str = "exp-second";

#[tokio::test]
async fn two_management_experiences_serve_one_member_account_on_one_topic() {
    let mut world = world(&["prod-a"], &[]);
    let policy = ProcurementPolicy::new("policy-second").approving(["prod-s"]);
    world.organizations[0].experiences.push(Experience::new(SECOND, "Second").with_policy(policy));
    let scene = Scene::start(world).await;

    let first_spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    let second_hub = scene.hub.with(&[("PMP_EXPERIENCE_ID", SECOND)]);
    let second_spoke = scene.spoke.with(&[("PMP_EXPERIENCE_ID", SECOND), ("MEMBER_EXPERIENCE_IDS", ALPHA_DEV)]);
    let made = second_spoke.json(&["init", "--queue-name", "pmp-sync-second"]).await;
    let second_queue = made["queue_url"].as_str().unwrap();
    let second_spoke = second_spoke.with(&[("PMP_QUEUE_URL", second_queue)]);

    scene.hub.json(&["publish"]).await;
    second_hub.json(&["publish"]).await;
    // Each queue holds what concerns its own management experience, and nothing else.
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);
    assert_eq!(scene.alpha_account.waiting(second_queue).await, 1);

    let (first, second) = (first_spoke.start(&["run"]), second_spoke.start(&["run"]));
    let lists = async || (scene.alpha_account.lists(ALPHA_PROD).await, scene.alpha_account.lists(ALPHA_DEV).await);
    let expected = (Lists::new(&["prod-a"], &[]), Lists::new(&["prod-s"], &[]));
    eventually("each experience follows its own", &expected, lists).await;
    assert_eq!((first.stop().await.0, second.stop().await.0), (0, 0));

    let rows = async |hub: &pmp_tests::Program| {
        let status = hub.json(&["status"]).await;
        let spokes = status["spokes"].as_array().unwrap().clone();
        spokes.iter().map(|row| row["member_experience"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(rows(&scene.hub).await, [ALPHA_PROD]);
    assert_eq!(rows(&second_hub).await, [ALPHA_DEV]);
}
