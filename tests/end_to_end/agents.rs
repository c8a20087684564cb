//! Both agents at work: a change travels by itself, and a crash costs nothing.

use std::time::Duration;

use pmp_local_aws::world::ChangeSetTiming;
use pmp_tests::{ALPHA_PROD, Agent, Lists, MANAGEMENT, Program, Scene, World, eventually, world};

#[tokio::test]
async fn a_hub_whose_time_is_up_ends_as_if_told_to() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let (code, log) = scene.hub.start(&["run", "--stop-after", "2s"]).ended().await;
    assert_eq!(code, 0, "{log}");
    assert_eq!(scene.hub.json(&["status"]).await["snapshot"]["version"], 1, "{log}");
}

#[tokio::test]
async fn an_approval_in_the_management_experience_arrives_by_itself() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    let hub = scene.hub.start(&["run", "--interval", "1h"]);
    let spoke = scene.spoke.start(&["run"]);
    let lists = async || scene.alpha_account.lists(ALPHA_PROD).await;
    eventually("the first sync", &Lists::new(&["prod-a", "prod-b"], &[]), lists).await;

    // The schedule is an hour away: it is the catalog's change event that brings these.
    scene.hub_account.approve(MANAGEMENT, &["prod-new"]).await;
    eventually("the approval", &Lists::new(&["prod-a", "prod-b", "prod-new"], &[]), lists).await;
    scene.hub_account.reject(MANAGEMENT, &["prod-a"]).await;
    eventually("the rejection", &Lists::new(&["prod-b", "prod-new"], &["prod-a"]), lists).await;

    let (code, log) = hub.stop().await;
    assert_eq!(code, 0, "{log}");
    let (code, log) = spoke.stop().await;
    assert_eq!(code, 0, "{log}");
}

#[tokio::test]
async fn the_schedule_announces_again_and_spokes_heal_drift() {
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &[])).await;
    let hub = scene.hub.start(&["run", "--interval", "1s"]);
    let spoke = scene.spoke.start(&["run"]);
    let lists = async || scene.alpha_account.lists(ALPHA_PROD).await;
    let expected = Lists::new(&["prod-a", "prod-b", "prod-c"], &[]);
    eventually("the first sync", &expected, lists).await;
    scene.alpha_account.reject(ALPHA_PROD, &["prod-a"]).await;
    eventually("the drift is healed", &expected, lists).await;
    assert_eq!((hub.stop().await.0, spoke.stop().await.0), (0, 0));
}

/// A spoke in the middle of six batches, and what it is to bring into alpha's production
/// experience.
struct InTheMiddle {
    scene: Scene,
    spoke: Program,
    running: Agent,
    expected: Lists,
}

impl InTheMiddle {
    async fn start(change_set: Duration) -> Self {
        let ids: Vec<String> = (0..300).map(|n| format!("prod-{n:04}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let scene = Scene::start(World { change_sets: ChangeSetTiming::always(change_set), ..world(&ids, &[]) }).await;
        scene.hub.json(&["publish"]).await;
        let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD), ("PMP_LEASE_TERM", "2s")]);
        let running = spoke.start(&["run"]);
        eventually("it is in the middle", &true, async || {
            !scene.alpha_account.lists(ALPHA_PROD).await.approved.is_empty()
        })
        .await;
        Self { scene, spoke, running, expected: Lists::new(&ids, &[]) }
    }

    /// The one that follows: with a lease that a busy machine does not let it lose.
    fn follower(&self) -> Program {
        self.spoke.with(&[("PMP_LEASE_TERM", "60s")])
    }
}

#[tokio::test]
async fn a_spoke_that_is_killed_in_the_middle_is_followed_by_one_that_finishes() {
    let middle = InTheMiddle::start(Duration::from_millis(300)).await;
    let follower = middle.follower();
    let InTheMiddle { scene, running, expected, .. } = middle;
    running.kill().await;
    assert_ne!(scene.alpha_account.lists(ALPHA_PROD).await, expected);

    // Its lease ends by itself.
    let followed = follower.run(&["sync", "--wait"]).await;
    assert_eq!(followed.code, 0, "{}", followed.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    // Six batches; the one that was under way when it was killed is waited for, not repeated.
    assert_eq!(scene.alpha_account.change_sets().await, 6);
}

#[tokio::test]
async fn a_spoke_that_is_told_to_stop_says_how_far_it_got_and_leaves_the_message() {
    let middle = InTheMiddle::start(Duration::from_millis(500)).await;
    let follower = middle.follower();
    let InTheMiddle { scene, running, expected, .. } = middle;
    let (code, log) = running.stop().await;
    assert_eq!(code, 0, "{log}");
    let status = scene.hub.json(&["status"]).await;
    let receipt = &status["spokes"][0]["receipt"];
    assert_eq!(receipt["status"], "partial");
    assert!(receipt["pending"].as_u64().unwrap() > 0);
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);

    let second = follower.start(&["run"]);
    eventually("the next run finishes", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(second.stop().await.0, 0);
}
