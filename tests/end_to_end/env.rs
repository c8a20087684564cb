//! `pmp-spoke env`: the settings of a deployed function, in a shell.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use pmp_tests::{Finished, Program};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

/// Lambda, as far as it tells of one function, `pmp-sync-spoke`; its endpoint.
async fn lambda(environment: Value) -> String {
    let router = Router::new().fallback(configuration).with_state(environment);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    endpoint
}

async fn configuration(State(environment): State<Value>, uri: Uri) -> Response {
    let answer = |status: StatusCode, body: Value| (status, body.to_string()).into_response();
    match uri.path() {
        "/2015-03-31/functions/pmp-sync-spoke/configuration" => {
            answer(StatusCode::OK, json!({"FunctionName": "pmp-sync-spoke", "Environment": environment}))
        }
        path => {
            let body = json!({"Type": "User", "Message": format!("Function not found: {path}")}).to_string();
            (StatusCode::NOT_FOUND, [("x-amzn-ErrorType", "ResourceNotFoundException")], body).into_response()
        }
    }
}

async fn env(endpoint: &str, arguments: &[&str]) -> Finished {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "222222222222"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_LAMBDA", endpoint),
    ];
    Program::new("pmp-spoke", &environment).run(&[&["env"], arguments].concat()).await
}

/// What a shell has after it took `script`, of the variables that begin with `PMP_`, where
/// PMP_LEASE_TERM and PMP_FILTER were set.
async fn in_shell(shell: &str, script: &str) -> BTreeMap<String, String> {
    let mut command = Command::new(shell);
    command.args(["-c", "eval \"$1\"; exec env -0", shell, script]).env_clear().env("PATH", "/usr/bin:/bin");
    let output = command.env("PMP_LEASE_TERM", "5s").env("PMP_FILTER", "another").output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs
        .filter(|(name, _)| name.starts_with("PMP_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn a_shell_has_exactly_the_settings_of_the_function_and_nothing_in_them_acts() {
    let settings = BTreeMap::from([
        ("PMP_EXPERIENCE_ID".to_owned(), "exp-management".to_owned()),
        ("PMP_FILTER".to_owned(), String::new()),
        (
            "PMP_FILTER_CONFIG".to_owned(),
            "{\"ids\":[\"it's $(id) `id` 5%s\\t\",\n\t\"\u{1b}[2J\u{202e}\\n\"]}\n\n".to_owned(),
        ),
        // Longer than any line that is shown to people.
        ("PMP_ORG_ID".to_owned(), "'x".repeat(2_500)),
    ]);
    let endpoint = lambda(json!({"Variables": settings})).await;
    let printed = env(&endpoint, &["--function", "pmp-sync-spoke"]).await;
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert!(printed.stdout.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{:?}", printed.stdout);
    // PMP_LEASE_TERM is gone: the function has none. A context of a file would add what it has not.
    let mut expected = settings.clone();
    expected.insert("PMP_CONTEXT".to_owned(), "none".to_owned());
    for shell in ["bash", "sh"] {
        let found = in_shell(shell, &printed.stdout).await;
        assert!(found == expected, "{shell}: {:?}", found.keys());
    }

    let document = env(&endpoint, &["--function", "pmp-sync-spoke", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(document, json!({"function": "pmp-sync-spoke", "variables": settings, "schema_version": 1}));
}

#[tokio::test]
async fn what_keeps_the_settings_from_being_told_is_said_and_nothing_is_printed() {
    let refuses = async |environment: Value, function: &str| {
        let failed = env(&lambda(environment).await, &["--function", function]).await;
        assert_eq!((failed.code, failed.stdout.as_str()), (1, ""), "{}", failed.stderr);
        failed.stderr
    };
    let missing = refuses(json!({}), "nowhere").await;
    assert!(missing.contains("error: cannot read the settings of the function `nowhere`"), "{missing}");
    assert!(missing.contains("hint: check name, account and region"), "{missing}");
    let encrypted = json!({"Error": {"ErrorCode": "AccessDeniedException", "Message": "Lambda was unable to decrypt"}});
    let encrypted = refuses(encrypted, "pmp-sync-spoke").await;
    assert!(encrypted.contains("Lambda was unable to decrypt") && encrypted.contains("kms:Decrypt"), "{encrypted}");
    let odd = refuses(json!({"Variables": {"A;id": "x", "PMP_ORG_ID": "o-alpha00000"}}), "pmp-sync-spoke").await;
    assert!(odd.contains("no shell can set: `A;id`"), "{odd}");
    for none in [json!({}), json!({"Variables": {"LANG": "C"}})] {
        let none = refuses(none, "pmp-sync-spoke").await;
        assert!(none.contains("has no settings of a spoke") && none.contains("hint: name the spoke's"), "{none}");
    }
}
