//! `pmp-local fault` and `pmp-local clock`, against a running server.

use std::process::Output;

use pmp_test_clients::{account, without_retries};
use serde_json::Value;

use crate::rig::{HUB, MEMBER, Rig, world};

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
    // It shows what the server said first.
    let client = without_retries(&account(&rig.server.endpoint(), HUB));
    assert!(aws_sdk_sts::Client::new(&client).get_caller_identity().send().await.is_err());
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
    assert!(out(&rig, &["clock", "--by", "1h"]).await.ends_with("(1h ahead of real time)\n"));
    assert!(out(&rig, &["clock", "--by", "-90m"]).await.ends_with("(30m behind real time)\n"));
    assert!(out(&rig, &["clock", "--reset"]).await.contains("(real time)"));
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
    assert!(refused.contains("code: E3040"), "{refused}");
    let no_time = said(&rig.server.endpoint(), &["fault", "add", "latency"]).await;
    assert!(no_time.contains("hint: say how long") && no_time.contains("code: E3042"), "{no_time}");
    let nobody = said("http://127.0.0.1:1", &["fault", "list"]).await;
    let [error, hint, code] = nobody.lines().collect::<Vec<_>>()[..] else { panic!("{nobody}") };
    assert!(error.starts_with("error: cannot reach pmp-local at `http://127.0.0.1:1`: Connection refused"), "{nobody}");
    assert!(hint.starts_with("hint: start one"), "{nobody}");
    assert!(code.starts_with("code: E3039"), "{nobody}");
}

#[tokio::test]
async fn what_is_no_pmp_local_is_not_steered() {
    // Another emulator, which has no such path.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let other = axum::Router::new().fallback(async || (axum::http::StatusCode::NOT_FOUND, "{}"));
    let other = tokio::spawn(async move { axum::serve(listener, other).await });
    let output = pmp_local(&endpoint, &["clock", "--by", "1h"]).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("what answers at `{endpoint}` is no pmp-local: {{}}")), "{said}");
    assert!(said.contains("code: E3041"), "{said}");
    other.abort();
}

/// A command that is told of the server by its port alone, as `serve` is.
async fn at_port(rig: &Rig, args: &[&str]) -> Output {
    let port = rig.server.endpoint().rsplit(':').next().unwrap().to_owned();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pmp-local"));
    command.args(args).env_remove("AWS_ENDPOINT_URL").env("PMP_LOCAL_PORT", port).output().await.unwrap()
}

#[tokio::test]
async fn every_command_finds_the_server_by_the_port_that_serve_was_given() {
    let rig = Rig::start(world()).await;
    for args in [&["fault", "list"][..], &["clock"], &["env"]] {
        let output = at_port(&rig, args).await;
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pmp-local"));
    let typo =
        command.args(["clock"]).env_remove("AWS_ENDPOINT_URL").env("PMP_LOCAL_PORT", "no").output().await.unwrap();
    let said = String::from_utf8(typo.stderr).unwrap();
    assert!(said.contains("`no` in PMP_LOCAL_PORT is no port") && said.contains("code: E3038"), "{said}");
}

#[tokio::test]
async fn names_are_those_of_the_world_that_is_served() {
    let rig = Rig::start(world()).await;
    let output = at_port(&rig, &["env", "member"]).await;
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains(&format!("AWS_ACCESS_KEY_ID={MEMBER}\n")) && said.contains("PMP_ORG_ID=o-member0000\n"),
        "{said}"
    );
    let stranger = at_port(&rig, &["env", "aurora"]).await;
    let said = String::from_utf8(stranger.stderr).unwrap();
    assert!(stranger.status.code() == Some(1) && said.contains("`aurora` is no account"), "{said}");
    // Where nobody serves, the built-in world's names are all there is, and that is said.
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pmp-local"));
    let nobody = command.args(["env", "aurora", "--endpoint", "http://127.0.0.1:1"]).output().await.unwrap();
    assert!(nobody.status.success() && String::from_utf8(nobody.stdout).unwrap().contains("=222222222222\n"));
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("no pmp-local answers at http://127.0.0.1:1"));
}

#[tokio::test]
async fn all_faults_are_cleared_by_that_name_too() {
    let rig = Rig::start(world()).await;
    out(&rig, &["fault", "add", "throttling"]).await;
    assert_eq!(out(&rig, &["fault", "clear", "--all"]).await, "Removed 1 fault.\n");
}

#[tokio::test]
async fn a_state_that_is_not_there_is_not_said_to_be_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let clear = async |path: &std::path::Path| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_pmp-local"));
        command.args(["state", "clear"]).arg(path).output().await.unwrap()
    };
    for path in [folder.path().join("nope"), folder.path().to_owned()] {
        let output = clear(&path).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains("there is no state in"), "{said}");
        assert!(said.contains("code: E3043"), "{said}");
    }
}

#[tokio::test]
async fn it_listens_on_the_loopback_unless_told_otherwise() {
    let rig = Rig::start(world()).await;
    assert!(rig.server.endpoint().starts_with("http://127.0.0.1:"), "{}", rig.server.endpoint());
}
