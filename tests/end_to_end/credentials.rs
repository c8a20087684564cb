//! A slip in the credentials ends in a sentence. It never becomes the role of the machine, which
//! may be another account's.

use std::path::Path;
use std::time::{Duration, Instant};

use axum::routing::get;
use axum::{Json, Router};
use pmp_tests::{Finished, Program, Scene, world};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::doctor::Checkup;

const HUB: &str = "111111111111";

/// What gives a container its role: the hub's account, so that a program that falls back to it does
/// its work.
struct Container {
    url: String,
    server: JoinHandle<()>,
}

impl Container {
    async fn start(account: &'static str) -> Self {
        let credentials = json!({"AccessKeyId": account, "SecretAccessKey": "secret", "Token": "token",
            "Expiration": "2099-01-01T00:00:00Z"});
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/role", listener.local_addr().unwrap());
        let answers = Router::new().route("/role", get(move || async move { Json(credentials) }));
        let server = tokio::spawn(async move { axum::serve(listener, answers).await.unwrap() });
        Self { url, server }
    }

    /// The program as it has nothing but the role of its container.
    fn program(&self, program: &Program, home: &Path) -> Program {
        let program = program.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
        program.with(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &self.url), ("HOME", home.to_str().unwrap())])
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The program with this file of profiles at its usual place.
fn write_config(home: &Path, config: &[u8]) {
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    std::fs::write(home.join(".aws/config"), config).unwrap();
}

#[track_caller]
fn refused(ran: &Finished, error: &str, hint: &str) {
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains(&format!("error: {error}")), "`{error}`: {}", ran.stderr);
    assert!(ran.stderr.contains(hint), "`{hint}`: {}", ran.stderr);
}

#[tokio::test]
async fn a_profile_with_a_slip_does_not_become_the_role_of_the_container() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let (folder, container) = (tempfile::tempdir().unwrap(), Container::start(HUB).await);
    let hub = container.program(&scene.hub, folder.path());
    assert_eq!(hub.run(&["publish"]).await.code, 0, "the role of the container");
    let work = hub.with(&[("AWS_PROFILE", "work")]);
    let role = "role_arn = arn:aws:iam::111111111111:role/r\n";
    for (config, error, hint) in [
        (
            format!("[profile work]\n{role}source_profile = nope\n[profile base]\nregion = us-east-1\n"),
            "the profile `work` names `nope` as its `source_profile`, and there is no such profile",
            "hint: the profiles are: base, work",
        ),
        (
            "[profile work]\nrol_arn = arn:aws:iam::111111111111:role/r\nsource_profile = base\n[profile base]\n".to_owned(),
            "the profile `work` has a `source_profile`, `base`, and no `role_arn`",
            "hint: give it `role_arn`",
        ),
        (
            "[profile work]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Admin\n[sso-session corp]\nsso_region = us-east-1\n"
                .to_owned(),
            "the profile `work` signs in by IAM Identity Center, and lacks `sso_start_url`",
            "hint: complete it: `aws configure sso --profile work`",
        ),
        (
            "[profile work]\nsso_session = corp\n[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.awsapps.com/start\n"
                .to_owned(),
            "the profile `work` signs in by IAM Identity Center, and lacks `sso_account_id`, `sso_role_name`",
            "hint: complete it",
        ),
    ] {
        write_config(folder.path(), config.as_bytes());
        refused(&work.run(&["publish"]).await, error, hint);
        Checkup::of(&work).await.expect("credentials", "failed", error, hint.trim_start_matches("hint: "));
    }
    // A profile may hold nothing but a region.
    write_config(folder.path(), b"[profile work]\nregion = us-east-1\n");
    assert_eq!(work.run(&["publish"]).await.code, 0);
}

#[tokio::test]
async fn a_part_of_credentials_does_not_become_the_role_of_the_container() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let (folder, container) = (tempfile::tempdir().unwrap(), Container::start(HUB).await);
    let hub = container.program(&scene.hub, folder.path());
    for (set, missing) in [
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        ("AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
        ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ] {
        let hub = hub.with(&[(set, "not-to-be-seen"), (missing, "")]);
        let ran = hub.run(&["publish"]).await;
        refused(
            &ran,
            &format!("{set} is set, and {missing} is not"),
            &format!("hint: set {missing}, too; or unset {set}"),
        );
        assert!(!ran.stderr.contains("to-be-seen"), "{}", ran.stderr);
    }
    // Beside keys that are whole, what is left of a web identity says nothing.
    let keys = [("AWS_ACCESS_KEY_ID", HUB), ("AWS_SECRET_ACCESS_KEY", "secret"), ("AWS_ROLE_ARN", "left over")];
    assert_eq!(hub.with(&keys).run(&["publish"]).await.code, 0);
}

#[tokio::test]
async fn a_blank_name_of_a_profile_is_none_and_the_default_counts() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let (folder, container) = (tempfile::tempdir().unwrap(), Container::start("222222222222").await);
    write_config(folder.path(), b"[default]\naws_access_key_id = 111111111111\naws_secret_access_key = secret\n");
    let hub = container.program(&scene.hub, folder.path());
    for name in ["", " "] {
        let files = [("AWS_PROFILE", name), ("AWS_CONFIG_FILE", name), ("AWS_SHARED_CREDENTIALS_FILE", name)];
        let checkup = Checkup::of(&hub.with(&files)).await;
        checkup.expect_ok("account", "111111111111, as ");
        checkup.expect_ok("credentials", "of the profile `default`");
    }
}

#[tokio::test]
async fn a_file_of_profiles_that_cannot_be_read_does_not_become_the_role_of_the_container() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let (folder, container) = (tempfile::tempdir().unwrap(), Container::start(HUB).await);
    let hub = container.program(&scene.hub, folder.path());
    let path = folder.path().join(".aws/config");
    write_config(folder.path(), b"[default]\naws_access_key_id = 111111111111\n# \xff\xfe\n");
    let told = format!("the file `{}` of profiles is no text in UTF-8", path.display());
    refused(&hub.run(&["publish"]).await, &told, "hint: fix the file, or name another one: AWS_CONFIG_FILE");
    write_config(folder.path(), b"[default]\nregion = us-east-1\n[profile broken\n");
    refused(&hub.run(&["publish"]).await, "the profiles of the AWS SDK cannot be read: ", "hint: fix the file");
    let named = [("AWS_CONFIG_FILE", ""), ("AWS_SHARED_CREDENTIALS_FILE", folder.path().to_str().unwrap())];
    std::fs::remove_file(&path).unwrap();
    let told =
        format!("the file `{}` of profiles (AWS_SHARED_CREDENTIALS_FILE) cannot be read: ", folder.path().display());
    refused(&hub.with(&named).run(&["publish"]).await, &told, "AWS_SHARED_CREDENTIALS_FILE");
}

#[tokio::test]
async fn a_credential_process_that_hangs_is_named() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    write_config(folder.path(), b"[profile work]\ncredential_process = exec sleep 45\n");
    let keys = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_PROFILE", "work")];
    let hub = scene.hub.with(&keys).with(&[("HOME", folder.path().to_str().unwrap())]);
    let begun = Instant::now();
    let ran = hub.run(&["status"]).await;
    let told = "the `credential_process` of the profile `work` gave no credentials within 20 s";
    assert_eq!((ran.code, ran.stderr.contains(told)), (1, true), "{ran:?}");
    assert!(ran.stderr.contains("hint: run it by hand: `aws configure export-credentials --profile work`"), "{ran:?}");
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_token_of_a_web_identity_that_is_not_there_is_named() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let hub = scene.hub.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").with(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/r"),
    ]);
    let ran = hub.run(&["publish"]).await;
    let told = "the file `/nowhere/token` of the web identity's token cannot be read: No such file or directory";
    assert_eq!((ran.code, ran.stderr.contains(told)), (1, true), "{ran:?}");
    assert!(ran.stderr.contains("hint: check AWS_WEB_IDENTITY_TOKEN_FILE"), "{ran:?}");
}
