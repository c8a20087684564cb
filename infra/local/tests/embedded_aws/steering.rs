//! `pmp-local fault` and `pmp-local clock`, against a running server.

use std::process::Output;

use serde_json::Value;

use crate::rig::{HUB, Rig, world};

async fn pmp_local(endpoint: &str, args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pmp-local"));
    command.args(args).env("AWS_ENDPOINT_URL", endpoint).output().await.unwrap()
}

async fn out(rig: &Rig, args: &[&str]) -> String {
    let output = pmp_local(&rig.server.endpoint(), args).await;
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn faults_are_added_listed_and_cleared_from_a_shell() {
    let rig = Rig::start(world()).await;
    let add = ["fault", "add", "throttling", "--service", "sts", "--next", "2", "--seed", "42"];
    assert_eq!(out(&rig, &add).await, "Added fault 1: throttling, seed 42.\n");
    assert!(rig.unretried(HUB, aws_sdk_sts::Client::new).get_caller_identity().send().await.is_err());
    out(&rig, &["fault", "add", "latency", "--min", "1ms", "--max", "2ms", "--service", "sns"]).await;
    let list = out(&rig, &["fault", "list"]).await;
    assert!(list.contains("ID   KIND         FIRED   SEEN   SEED   RULE"), "{list}");
    assert!(list.contains("1    throttling   1       1      42     service=sts next=2"), "{list}");
    let json: Value = serde_json::from_str(&out(&rig, &["fault", "list", "--output", "json"]).await).unwrap();
    assert_eq!((&json["schema_version"], &json["faults"][1]["rule"]["fault"]["kind"]), (&1.into(), &"latency".into()));
    assert_eq!(out(&rig, &["fault", "clear", "1"]).await, "Removed 1 fault.\n");
    assert_eq!(out(&rig, &["fault", "clear"]).await, "Removed 1 fault.\n");
    assert_eq!(out(&rig, &["fault", "list"]).await.trim(), "No faults are in force.");
}

#[tokio::test]
async fn the_clock_is_set_from_a_shell() {
    let rig = Rig::start(world()).await;
    assert!(out(&rig, &["clock", "--by", "1h"]).await.ends_with("(1h from real time)\n"));
    assert!(out(&rig, &["clock", "--by", "-90m"]).await.ends_with("(30m ago from real time)\n"));
    assert!(out(&rig, &["clock", "--reset"]).await.contains("(0s from real time)"));
    let json: Value = serde_json::from_str(&out(&rig, &["clock", "-o", "json"]).await).unwrap();
    assert_eq!(json["offset_seconds"], 0.0);
}

#[tokio::test]
async fn what_went_wrong_is_said_with_what_to_do() {
    let rig = Rig::start(world()).await;
    let said = async |endpoint: &str, args: &[&str]| {
        let output = pmp_local(endpoint, args).await;
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let refused = said(&rig.server.endpoint(), &["fault", "add", "server-fault", "--service", "sns"]).await;
    assert!(refused.contains("`server-fault` befalls `StartChangeSet`"), "{refused}");
    let nobody = said("http://127.0.0.1:1", &["fault", "list"]).await;
    assert!(nobody.contains("cannot steer `http://127.0.0.1:1`") && nobody.contains("hint: start one"), "{nobody}");
}

#[tokio::test]
async fn it_listens_on_the_loopback_unless_told_otherwise() {
    let rig = Rig::start(world()).await;
    assert!(rig.server.endpoint().starts_with("http://127.0.0.1:"), "{}", rig.server.endpoint());
}
