//! The clock: what an hour brings that passes in an instant, and that it can be set back.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use jiff::{SignedDuration, Timestamp};
use pmp_local_aws::World;
use pmp_local_aws::world::{ChangeSetTiming, Role};
use serde_json::json;

use crate::rig::{HUB, LIVE, MEMBER, Rig, change, lists, world};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test]
async fn a_jump_ends_the_change_sets_that_are_due_then() {
    let rig = Rig::start(World { change_sets: ChangeSetTiming::always(Duration::from_secs(1800)), ..world() }).await;
    let catalog = rig.catalog(MEMBER);
    let start = catalog.start_change_set().catalog("AWSMarketplace");
    let started = start.change_set(change("AllowProductProcurement", LIVE, &["prod-n"])).send().await.unwrap();
    let describe = || {
        let request = catalog.describe_change_set().catalog("AWSMarketplace");
        request.change_set_id(started.change_set_id().unwrap()).send()
    };
    assert_eq!(describe().await.unwrap().status().unwrap().as_str(), "PREPARING");
    rig.server.jump(SignedDuration::from_mins(20)).await.unwrap();
    assert_eq!(describe().await.unwrap().status().unwrap().as_str(), "APPLYING");
    rig.server.jump(SignedDuration::from_mins(20)).await.unwrap();
    let ended = describe().await.unwrap();
    assert_eq!(ended.status().unwrap().as_str(), "SUCCEEDED");
    let took = ended.end_time().unwrap().parse::<Timestamp>().unwrap()
        - ended.start_time().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(took.as_secs(), 1800, "it ended when it was due, not when we looked");
    assert!(lists(&catalog, "policy-live").await.0.contains(&"prod-n".to_owned()));
}

#[tokio::test]
async fn a_jump_makes_messages_visible_and_due_and_one_back_hides_them_for_longer() {
    let rig = Rig::start(world()).await;
    let sqs = rig.sqs(HUB);
    let queue = sqs.create_queue().queue_name("q").send().await.unwrap().queue_url.unwrap();
    let receive = async || {
        let answer = sqs.receive_message().queue_url(&queue).visibility_timeout(1800).send().await.unwrap();
        answer.messages.unwrap_or_default().len()
    };
    sqs.send_message().queue_url(&queue).message_body("m").delay_seconds(900).send().await.unwrap();
    assert_eq!(receive().await, 0, "it is delayed");
    rig.server.jump(SignedDuration::from_mins(16)).await.unwrap();
    assert_eq!(receive().await, 1);
    rig.server.jump(-HOUR).await.unwrap();
    rig.server.jump(HOUR).await.unwrap();
    assert_eq!(receive().await, 0, "there and back is as if nothing had been");
    rig.server.jump(SignedDuration::from_mins(31)).await.unwrap();
    assert_eq!(receive().await, 1);
    rig.server.jump(SignedDuration::from_hours(24 * 5)).await.unwrap();
    assert_eq!(receive().await, 0, "a queue keeps messages for four days");
}

#[tokio::test]
async fn sessions_end_by_the_clock() {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{MEMBER}:root") }, "Action": "sts:AssumeRole",
    }] });
    let role = Role::new(HUB, "r", trust);
    let arn = role.arn();
    let rig = Rig::start(World { roles: vec![role], ..world() }).await;
    for behind in [SignedDuration::ZERO, -HOUR * 2] {
        rig.server.jump(behind).await.unwrap();
        let assumed =
            rig.sts(MEMBER).assume_role().role_arn(&arn).role_session_name("session").duration_seconds(3600).send();
        let credentials = assumed.await.unwrap().credentials.unwrap();
        let left = credentials.expiration().secs() - rig.server.now().as_second();
        assert!((3590..=3600).contains(&left), "{left} s");
        let session = Credentials::new(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            Some(credentials.session_token().to_owned()),
            None,
            "test",
        );
        let who = || aws_sdk_sts::Client::new(&rig.signed_with(session.clone())).get_caller_identity().send();
        assert_eq!(who().await.unwrap().account(), Some(HUB));
        rig.server.jump(SignedDuration::from_mins(59)).await.unwrap();
        assert_eq!(who().await.unwrap().account(), Some(HUB));
        rig.server.jump(SignedDuration::from_mins(2)).await.unwrap();
        assert_eq!(who().await.unwrap_err().code(), Some("ExpiredToken"));
    }
}
