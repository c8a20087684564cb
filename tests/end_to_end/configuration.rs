//! Wrong configuration: a clear error, exit code 1, and nothing changed.

use pmp_tests::{ALPHA_PROD, Lists, Program, Scene, world};

#[tokio::test]
async fn a_role_that_refuses_is_named_with_what_to_do() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let refused = scene.spoke.with(&[("PMP_HUB_EXTERNAL_ID", "a-guess")]).run(&["sync"]).await;
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("error: cannot use the ledger"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::default());
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let failed = scene.hub.with(&[("PMP_SNAPSHOTS_TABLE", "no-such-table")]).run(&["publish"]).await;
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("table `no-such-table` does not exist"), "{}", failed.stderr);
}

#[tokio::test]
async fn a_silence_that_is_not_longer_than_the_interval_is_refused() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let failed = scene.hub.run(&["run", "--interval", "6h", "--stale-after", "3h"]).await;
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("--stale-after (PMP_STALE_AFTER): not longer than --interval"), "{}", failed.stderr);
}

#[tokio::test]
async fn a_management_experience_that_is_not_there_is_named() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let failed = scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-nowhere")]).run(&["publish"]).await;
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("error: cannot read the management experience `exp-nowhere`"), "{}", failed.stderr);
    assert!(failed.stderr.contains("hint: check that `exp-nowhere` exists"), "{}", failed.stderr);
}

#[tokio::test]
async fn a_spoke_before_the_first_snapshot_says_what_to_wait_for() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let failed = scene.spoke.run(&["sync"]).await;
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("the ledger holds no snapshot of `exp-management` yet"), "{}", failed.stderr);
    assert!(failed.stderr.contains("hint: let the hub publish once"), "{}", failed.stderr);
    assert!(failed.stderr.contains("code: E5001"), "{}", failed.stderr);
}

/// Something in between answers in place of AWS.
#[tokio::test]
async fn an_account_whose_id_is_none_writes_nothing() {
    const ANSWER: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::none:root</Arn>\
                          <UserId>none</UserId><Account>none</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, axum::Router::new().fallback(async || ANSWER)).await.unwrap() });
    let odd = [("AWS_ENDPOINT_URL_STS", &*endpoint), ("PMP_HUB_ROLE_ARN", ""), ("PMP_HUB_EXTERNAL_ID", "")];
    let failed = scene.spoke.with(&odd).run(&["sync"]).await;
    assert!(failed.code == 1 && failed.stderr.contains("code: E5006"), "{}", failed.stderr);
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_an_error_with_a_hint() {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "111111111111"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        // Port 9 is discard: nothing listens there.
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("PMP_EXPERIENCE_ID", "exp-management"),
        ("PMP_SNAPSHOTS_TABLE", "Snapshots"),
        ("PMP_TIMESTAMPS_TABLE", "SyncTimestamps"),
    ];
    let failed = Program::new("pmp-hub", &environment).run(&["status"]).await;
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("`dynamodb:Query` had no answer"), "{}", failed.stderr);
    assert!(failed.stderr.contains("hint: check the network"), "{}", failed.stderr);
}
