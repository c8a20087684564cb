//! The configuration file with contexts: a flag wins over the environment, and the environment over
//! the file, for our variables and for the SDK's.

use std::path::Path;

use pmp_tests::{MANAGEMENT, Program, Scene, world};
use serde_json::{Value, json};

/// A hub whose settings stand in a file, and not in its environment.
async fn hub_with(scene: &Scene, folder: &Path, text: &str) -> Program {
    let file = folder.join("config.toml");
    std::fs::write(&file, text).unwrap();
    scene.hub.with(&[("PMP_CONFIG", file.to_str().unwrap()), ("PMP_SNAPSHOTS_TABLE", ""), ("PMP_EXPERIENCE_ID", "")])
}

fn setting<'a>(shown: &'a Value, variable: &str) -> &'a Value {
    let settings = shown["settings"].as_array().unwrap();
    settings.iter().find(|setting| setting["variable"] == variable).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn a_context_sets_what_is_not_set_and_a_flag_wins_over_all() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "context = \"here\"\n[contexts.here]\nPMP_SNAPSHOTS_TABLE = \"Snapshots\"\nPMP_TOPIC_ARN = \"of-the-file\"\n\
         [contexts.here.pmp-hub]\nPMP_EXPERIENCE_ID = \"{MANAGEMENT}\"\nPMP_KEEP_VERSIONS = 7\n\
         [contexts.elsewhere]\nPMP_EXPERIENCE_ID = \"exp-elsewhere\"\nPMP_SNAPSHOTS_TABLE = \"Snapshots\"\n"
    );
    let hub = hub_with(&scene, folder.path(), &text).await;
    let published = hub.json(&["publish"]).await;
    assert_eq!(published["published"]["version"], 1, "with the experience and the table of the file");

    let shown = hub.json(&["config", "show"]).await;
    assert_eq!((&shown["context"], &setting(&shown, "PMP_EXPERIENCE_ID")["from"]), (&json!("here"), &json!("context")));
    assert_eq!(setting(&shown, "PMP_KEEP_VERSIONS")["value"], "7");
    assert_eq!(setting(&shown, "PMP_TOPIC_ARN")["from"], "environment", "what is set stays as it is");
    assert_eq!(setting(&shown, "AWS_SECRET_ACCESS_KEY")["value"], Value::Null);
    assert_eq!(setting(&shown, "AWS_SECRET_ACCESS_KEY")["hidden"], true);
    let flagged = hub.json(&["config", "show", "--experience-id", "exp-flag"]).await;
    assert_eq!(setting(&flagged, "PMP_EXPERIENCE_ID")["from"], "flag");
    assert_eq!(setting(&flagged, "PMP_EXPERIENCE_ID")["value"], "exp-flag");
    let elsewhere = hub.json(&["--context", "elsewhere", "config", "show"]).await;
    assert_eq!(setting(&elsewhere, "PMP_EXPERIENCE_ID")["value"], "exp-elsewhere");
    assert_eq!(setting(&elsewhere, "PMP_KEEP_VERSIONS"), &Value::Null);
    let contexts = hub.json(&["config", "contexts"]).await;
    assert_eq!((&contexts["contexts"], &contexts["context"]), (&json!(["elsewhere", "here"]), &json!("here")));
    let doctor = hub.json(&["doctor"]).await;
    let configuration = &doctor["checks"][0];
    let detail = configuration["detail"].as_str().unwrap();
    assert!(detail.starts_with("context `here` of ") && configuration["check"] == "configuration", "{configuration}");
    let from = |whence: &str| detail.split("; ").find(|part| part.starts_with(whence)).unwrap_or_default();
    let of_context = from("from the context: ");
    assert!(of_context.contains("PMP_EXPERIENCE_ID") && of_context.contains("PMP_SNAPSHOTS_TABLE"), "{detail}");
    assert!(from("from the environment: ").contains("PMP_TOPIC_ARN"), "{detail}");

    // Without the context, the settings are not there.
    let none = hub.with(&[("PMP_CONTEXT", "none")]).run(&["publish"]).await;
    assert!(
        none.code == 1 && none.stderr.contains("--experience-id (PMP_EXPERIENCE_ID) is missing"),
        "{}",
        none.stderr
    );
    assert_eq!(hub.with(&[("PMP_CONTEXT", "none")]).json(&["config", "show"]).await["context"], Value::Null);
}

#[tokio::test]
async fn what_is_wrong_with_the_file_is_told_and_keeps_no_help_back() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    for (text, told) in [
        ("[contexts.a]\nPMP_SNAPSHOT_TABLE = \"x\"\n", "did you mean PMP_SNAPSHOTS_TABLE?"),
        ("[contexts.a]\nAWS_SECRET_ACCESS_KEY = \"x\"\n", "credentials do not belong in this file"),
        ("context = \"live\"\n[contexts.a]\n", "there is no context `live`"),
        ("[contexts.a", "cannot read the configuration file `"),
    ] {
        let hub = hub_with(&scene, folder.path(), text).await;
        let refused = hub.run(&["status"]).await;
        assert!(refused.code == 1 && refused.stderr.contains(told), "{text}: {}", refused.stderr);
        assert!(!refused.stderr.contains("\"x\""), "{}", refused.stderr);
        for about_itself in [&["version"][..], &["--help"], &["status", "--help"], &["completions", "bash"]] {
            assert_eq!(hub.run(about_itself).await.code, 0, "{about_itself:?}");
        }
    }
    // Contexts of which none is chosen are named where a setting is missing.
    let hub = hub_with(&scene, folder.path(), "[contexts.prod]\nPMP_LOG = \"warn\"\n[contexts.test]\n").await;
    let told = "has the contexts prod, test: choose one with `--context`, or by a first line `context = \"prod\"`";
    let unchosen = hub.run(&["status"]).await;
    assert!(unchosen.stderr.contains("--experience-id (PMP_EXPERIENCE_ID) is missing"), "{}", unchosen.stderr);
    assert!(unchosen.stderr.contains(told), "{}", unchosen.stderr);
    let shown = hub.run(&["config", "show"]).await;
    assert!(shown.stdout.contains("no context: `") && shown.stdout.contains(told), "{shown:?}");
    let none = hub.with(&[("PMP_CONTEXT", "none")]).run(&["status"]).await;
    assert!(none.code == 1 && !none.stderr.contains("contexts"), "{}", none.stderr);
    // What is wrong in the file is corrected there.
    let hub = hub_with(&scene, folder.path(), "context = \"prd\"\n[contexts.prod]\n").await;
    let wrong = hub.run(&["status"]).await.stderr;
    assert!(wrong.contains("correct line 1 of the file, such as `context = \"prod\"`"), "{wrong}");
    assert!(!wrong.contains("export"), "{wrong}");
    // A pipe is waited for by nobody, and the list of contexts helps where the usual one is
    // missing.
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let waits = scene.hub.with(&[("PMP_CONFIG", pipe.to_str().unwrap())]).run(&["status"]).await;
    assert!(waits.code == 1 && waits.stderr.contains("it is no regular file"), "{}", waits.stderr);
    let hub = hub_with(&scene, folder.path(), "context = \"live\"\n[contexts.a]\n").await;
    assert_eq!(hub.json(&["config", "contexts"]).await["contexts"], json!(["a"]));
    let other = folder.path().join("other.toml");
    std::fs::write(&other, "[contexts.b]\nPMP_LOG = \"warn\"\n").unwrap();
    let named = ["--config", other.to_str().unwrap()];
    assert_eq!(hub.json(&[&named[..], &["config", "contexts"]].concat()).await["contexts"], json!(["b"]));
    // What another process left behind does not stand in for the context that is asked for.
    let left = hub.with(&[("PMP_CONTEXT_APPLIED", r#"{"context":"prod","file":"/x","variables":[]}"#)]);
    let shown = left.json(&[&named[..], &["--context", "b", "config", "show"]].concat()).await;
    assert_eq!((&shown["context"], &setting(&shown, "PMP_LOG")["value"]), (&json!("b"), &json!("warn")));
    let proxied = hub.with(&[("PMP_CONTEXT", "a"), ("HTTPS_PROXY", "http://user:hunter2@localhost:1")]);
    let shown = proxied.json(&["config", "show"]).await;
    assert_eq!(setting(&shown, "HTTPS_PROXY")["value"], "http://…@localhost:1");

    let missing = scene.hub.with(&[("PMP_CONFIG", "/nowhere/config.toml")]).run(&["status"]).await;
    assert!(missing.stderr.contains("cannot read the configuration file `/nowhere/config.toml`"), "{}", missing.stderr);
    let home = [("HOME", folder.path().to_str().unwrap()), ("XDG_CONFIG_HOME", ""), ("PMP_CONTEXT", "prod")];
    let no_file = scene.hub.with(&home).run(&["status"]).await;
    assert!(
        no_file.stderr.contains("there is no configuration file for the context `prod`: at `"),
        "{}",
        no_file.stderr
    );
    assert!(no_file.stderr.contains("--config FILE (PMP_CONFIG)"), "{}", no_file.stderr);

    // The usual file, in the usual place.
    let usual = folder.path().join(".config/pmp-sync");
    std::fs::create_dir_all(&usual).unwrap();
    std::fs::write(usual.join("config.toml"), "[contexts.prod]\nPMP_MODE = \"observe\"\n").unwrap();
    let shown = scene.spoke.with(&home).json(&["config", "show"]).await;
    assert_eq!((&setting(&shown, "PMP_MODE")["value"], &shown["context"]), (&json!("observe"), &json!("prod")));
}
