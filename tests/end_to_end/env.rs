//! `env` of both programs: the settings of a deployed function, in a shell and as a context.

use std::collections::BTreeMap;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use pmp_tests::{ALPHA, ALPHA_PROD, Finished, Lists, MANAGEMENT, Program, Scene, world};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::schemas::hold_document;

/// Lambda, as far as it tells of one function, `pmp-sync-spoke` or `pmp-sync-hub`; its endpoint.
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
        "/2015-03-31/functions/pmp-sync-spoke/configuration" | "/2015-03-31/functions/pmp-sync-hub/configuration" => {
            let name = uri.path().split('/').nth(3).unwrap();
            let arn = format!("arn:aws:lambda:eu-west-1:111111111111:function:{name}");
            answer(StatusCode::OK, json!({"FunctionName": name, "FunctionArn": arn, "Environment": environment}))
        }
        path => {
            let body = json!({"Type": "User", "Message": format!("Function not found: {path}")}).to_string();
            (StatusCode::NOT_FOUND, [("x-amzn-ErrorType", "ResourceNotFoundException")], body).into_response()
        }
    }
}

async fn env(endpoint: &str, arguments: &[&str]) -> Finished {
    env_of("pmp-spoke", endpoint, arguments).await
}

async fn env_of(program: &'static str, endpoint: &str, arguments: &[&str]) -> Finished {
    let environment = [
        ("AWS_ACCESS_KEY_ID", "222222222222"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ENDPOINT_URL_LAMBDA", endpoint),
    ];
    Program::new(program, &environment).run(&[&["env"], arguments].concat()).await
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
    hold_document("spoke", "env", &document);
    let expected =
        json!({"function": "pmp-sync-spoke", "region": "eu-west-1", "variables": settings, "schema_version": 1});
    assert_eq!(document, expected);
    // The function's region, which no variable of it holds.
    assert!(printed.stdout.starts_with("export AWS_REGION='eu-west-1'\n"), "{}", printed.stdout);
}

/// What a workstation has after it took the settings of the hub's function, it runs every command
/// with.
#[tokio::test]
async fn a_workstation_runs_every_command_with_the_settings_of_the_hubs_function() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    // As hub.yaml sets them, blanks included.
    let settings = json!({
        "PMP_EXPERIENCE_ID": MANAGEMENT,
        "PMP_EXPERIENCES": "",
        "PMP_SNAPSHOTS_TABLE": "Snapshots",
        "PMP_TIMESTAMPS_TABLE": "SyncTimestamps",
        "PMP_TOPIC_ARN": scene.topic_arn,
        "PMP_MEMBER_ORGANIZATIONS": ALPHA,
        "PMP_KEEP_VERSIONS": "20",
        "PMP_CHANGE_WINDOWS": "",
        "PMP_INTERVAL": "1h",
    });
    let endpoint = lambda(json!({"Variables": settings})).await;
    let person = scene.hub.with(&[("AWS_ENDPOINT_URL_LAMBDA", &endpoint), ("PMP_SIGNING_KEY", "file:/of/this/shell")]);
    let named = ["PMP_EXPERIENCE_ID", "PMP_SNAPSHOTS_TABLE", "PMP_TIMESTAMPS_TABLE", "PMP_TOPIC_ARN"];
    let person = named.into_iter().fold(person, |person, name| person.without(name));
    let folder = tempfile::tempdir().unwrap();
    // The embedded AWS has everything in one region, and the function says another.
    let take =
        "eval \"$(pmp-hub env --function pmp-sync-hub)\"; [ \"$AWS_REGION\" = eu-west-1 ]; export AWS_REGION=us-east-1";
    let commands = "pmp-hub publish; pmp-hub status; pmp-hub members; pmp-hub history; pmp-hub doctor";
    let ran = person.shell(&format!("{take}; {commands}"), folder.path()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("Published snapshot 1") && ran.stdout.contains(ALPHA), "{}", ran.stdout);

    // The same as a context of the configuration file.
    let printed = person.run(&["env", "--function", "pmp-sync-hub", "--for-context", "prod"]).await;
    assert_eq!(printed.code, 0, "{printed:?}");
    let expected = "[contexts.prod.pmp-hub]\nAWS_REGION = \"eu-west-1\"\nPMP_EXPERIENCE_ID = \"exp-management\"\n";
    assert!(printed.stdout.starts_with(expected), "{}", printed.stdout);
    let file = folder.path().join("config.toml");
    std::fs::write(&file, &printed.stdout).unwrap();
    let by_context = [("PMP_CONFIG", file.to_str().unwrap()), ("PMP_CONTEXT", "prod"), ("PMP_SIGNING_KEY", "")];
    let by_context = person.with(&by_context).with(&[("AWS_REGION", "us-east-1")]);
    let published = by_context.json(&["publish"]).await;
    assert_eq!(published["published"]["version"], 1, "{published}");
}

/// A person who names the other program's function would otherwise go on with half of the settings.
#[tokio::test]
async fn the_function_of_the_other_program_is_refused() {
    let of_spoke = lambda(json!({"Variables": {"PMP_EXPERIENCE_ID": "exp-a", "PMP_QUEUE_URL": "https://q"}})).await;
    let refused = env_of("pmp-hub", &of_spoke, &["--function", "pmp-sync-spoke"]).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{refused:?}");
    assert!(refused.stderr.contains("is not a hub's: it sets PMP_QUEUE_URL"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: name the hub's function"), "{}", refused.stderr);
    assert!(refused.stderr.contains("code: E1704"), "{}", refused.stderr);
    let of_hub = lambda(json!({"Variables": {"PMP_EXPERIENCE_ID": "exp-a", "PMP_KEEP_VERSIONS": "50"}})).await;
    let refused = env(&of_hub, &["--function", "pmp-sync-hub"]).await;
    assert!(refused.stderr.contains("is not a spoke's: it sets PMP_KEEP_VERSIONS"), "{}", refused.stderr);
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
    assert!(encrypted.contains("code: E1701"), "{encrypted}");
    let odd = refuses(json!({"Variables": {"A;id": "x", "PMP_ORG_ID": "o-alpha00000"}}), "pmp-sync-spoke").await;
    assert!(odd.contains("no shell can set: `A;id`") && odd.contains("code: E1702"), "{odd}");
    for none in [json!({}), json!({"Variables": {"LANG": "C"}})] {
        let none = refuses(none, "pmp-sync-spoke").await;
        assert!(none.contains("has no settings of a spoke") && none.contains("hint: name the spoke's"), "{none}");
        assert!(none.contains("code: E1703"), "{none}");
    }
}

/// The variables that a section of `docs/configuration.md` lists, which are the declared settings:
/// a test of each program compares the two.
fn declared(program: &str) -> Vec<String> {
    let page = include_str!("../../docs/configuration.md");
    let section = page.split("\n## ").find(|section| section.starts_with(&format!("{program}\n"))).unwrap();
    let names = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let names: Vec<_> = names.map(str::to_owned).collect();
    assert!(names.len() > 10, "{program}: {names:?}");
    names
}

/// A setting that `env` forgets would keep the value of the shell, or be missing there.
#[tokio::test]
async fn every_setting_is_set_as_the_function_has_it_or_unset() {
    for (name, function) in [("pmp-hub", "pmp-sync-hub"), ("pmp-spoke", "pmp-sync-spoke")] {
        let declared = declared(name);
        let value = |name: &String| format!("of {name}");
        let all: BTreeMap<_, _> = declared.iter().map(|name| (name.clone(), value(name))).collect();
        let printed = env_of(name, &lambda(json!({"Variables": all})).await, &["--function", function]).await;
        let lines: Vec<_> = printed.stdout.lines().collect();
        for setting in &declared {
            let expected = format!("export {setting}='{}'", value(setting));
            assert!(lines.contains(&expected.as_str()), "{name} {setting}: {printed:?}");
        }
        let one = json!({"Variables": {"PMP_EXPERIENCE_ID": "exp-management"}});
        let printed = env_of(name, &lambda(one).await, &["--function", function]).await;
        let lines: Vec<_> = printed.stdout.lines().collect();
        for setting in declared.iter().filter(|setting| *setting != "PMP_EXPERIENCE_ID") {
            assert!(lines.contains(&format!("unset {setting}").as_str()), "{name} {setting}: {printed:?}");
        }
    }
}

/// Settings that a person chooses, and no deployment says: `pmp-local env` leaves them as they are.
const CHOSEN: [&str; 40] = [
    "MEMBER_EXPERIENCE_IDS",
    "PMP_CATALOG_RATES",
    "PMP_CHANGE_WINDOWS",
    "PMP_DRIFT",
    "PMP_EXPERIENCES",
    "PMP_FILTER",
    "PMP_FILTERS",
    "PMP_FILTERS_FOLDER",
    "PMP_FILTER_CACHE",
    "PMP_FILTER_CONFIG",
    "PMP_FILTER_DIGEST",
    "PMP_FILTER_MAX_FILE",
    "PMP_FILTER_PROGRAM",
    "PMP_FILTER_SHARE",
    "PMP_GUARD_WINDOW",
    "PMP_INTERVAL",
    "PMP_KEEP_DECISIONS",
    "PMP_KEEP_DECISIONS_FOR",
    "PMP_KEEP_VERSIONS",
    "PMP_LEASE_TERM",
    "PMP_MAX_HOLD",
    "PMP_MAX_OPEN_CHANGE_SETS",
    "PMP_MAX_REMOVED_PERCENT",
    "PMP_MAX_REMOVED_PRODUCTS",
    "PMP_MEMBER_ORGANIZATIONS",
    "PMP_METRICS",
    "PMP_MODE",
    "PMP_NOTIFY_FORMAT",
    "PMP_NOTIFY_TOPIC_ARN",
    "PMP_PRODUCT_ATTRIBUTES",
    "PMP_PRODUCT_ID_LIMIT",
    "PMP_QUEUE_NAME",
    "PMP_SHARE_CHANGE_SETS",
    "PMP_SIGNING_KEY",
    "PMP_STALE_AFTER",
    "PMP_STATEMENT_LIFETIME",
    "PMP_STOP_AFTER",
    "PMP_SYNC_SETTINGS",
    "PMP_TRUSTED_KEYS",
    "PMP_WAVES",
];

/// A new setting has to be printed, or to be among those that a person chooses.
#[tokio::test]
async fn pmp_local_prints_everything_that_a_program_needs_in_an_account() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    let endpoint = scene.endpoint();
    let local = Program::new("pmp-local", &[("PMP_LOCAL_ENDPOINT", &endpoint), ("AWS_EC2_METADATA_DISABLED", "true")]);
    let mut printed = Vec::new();
    for who in ["Hub", "Alpha"] {
        let lines = local.run(&["env", who]).await.stdout;
        printed
            .extend(lines.lines().filter_map(|line| Some(line.strip_prefix("export ")?.split_once('=')?.0.to_owned())));
    }
    for setting in declared("pmp-hub").iter().chain(&declared("pmp-spoke")) {
        assert_ne!(printed.contains(setting), CHOSEN.contains(&setting.as_str()), "{setting}: {printed:?}");
    }

    // And it is all that they need, in one shell that is first the one and then the other.
    let folder = tempfile::tempdir().unwrap();
    let hub = "eval \"$(pmp-local env Hub)\"; pmp-hub publish; pmp-hub status";
    let member = "eval \"$(pmp-local env Alpha)\"; pmp-spoke sync; pmp-spoke status; pmp-spoke doctor";
    let ran = local.shell(&format!("{hub}; {member}"), folder.path()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a"], &["prod-x"]));
    let back =
        "eval \"$(pmp-local env Hub)\"; echo \"role: ${PMP_HUB_ROLE_ARN-none}, ${PMP_QUEUE_URL-none}\"; pmp-hub status";
    let ran = local.shell(&format!("{member}; {back}"), folder.path()).await;
    assert!(ran.code == 0 && ran.stdout.contains("role: none, none"), "{ran:?}");
}
