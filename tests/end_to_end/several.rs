//! Several of something: management experiences in one member account, accounts of one
//! organization.

use pmp_local_aws::world::{Experience, ProcurementPolicy};
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, HUB, Lists, Scene, eventually, member_role, world};

const SECOND: &str = "exp-second";

#[tokio::test]
async fn two_management_experiences_serve_one_member_account_on_one_topic() {
    let mut world = world(&["prod-a"], &[]);
    let policy = ProcurementPolicy::new("policy-second").approving(["prod-s"]);
    world.organizations[0].experiences.push(Experience::new(SECOND, "Second").with_policy(policy));
    let scene = Scene::start(world).await;
    // The first queue was subscribed while the topic was its own.
    let sns = aws_sdk_sns::Client::new(scene.alpha_account.config());
    let subscription = sns.list_subscriptions().send().await.unwrap().subscriptions().first().cloned().unwrap();
    sns.unsubscribe().subscription_arn(subscription.subscription_arn().unwrap()).send().await.unwrap();
    scene.spoke.json(&["init", "--shared-topic"]).await;

    let first_spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    let second_hub = scene.hub.with(&[("PMP_EXPERIENCE_ID", SECOND)]);
    let second_spoke = scene.spoke.with(&[("PMP_EXPERIENCE_ID", SECOND), ("MEMBER_EXPERIENCE_IDS", ALPHA_DEV)]);
    let made = second_spoke.json(&["init", "--queue-name", "pmp-sync-second", "--shared-topic"]).await;
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

#[tokio::test]
async fn a_spoke_in_a_delegated_administrators_account_finds_what_is_shared_with_it() {
    const DELEGATE: &str = "222222222223";
    let mut world = world(&["prod-a"], &[]);
    let alpha = world.organizations.pop().unwrap();
    world.organizations.push(alpha.with_delegated_administrator(DELEGATE));
    let mut role = member_role(DELEGATE, ALPHA);
    role.name = "delegate".into();
    world.roles.push(role);
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;

    let role = format!("arn:aws:iam::{HUB}:role/delegate");
    let spoke = scene.spoke.with(&[("AWS_ACCESS_KEY_ID", DELEGATE), ("PMP_HUB_ROLE_ARN", &role)]);
    let synced = spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{}", synced.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &[]));
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a"], &[]));
}
