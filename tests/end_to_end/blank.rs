//! A blank variable counts as absent, for every setting of both programs: templates spell "not set"
//! so.

use std::collections::BTreeSet;

use pmp_tests::{Program, Scene, world};

/// What help does not name, since the SDK or the network reads it.
const BESIDES: [&str; 22] = [
    "PMP_CONNECT_TIMEOUT",
    "PMP_ATTEMPT_TIMEOUT",
    "PMP_OPERATION_TIMEOUT",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_MARKETPLACE_CATALOG",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "SSL_CERT_FILE",
    "HTTP_PROXY",
    "http_proxy",
    "https_proxy",
    "NO_PROXY",
];

/// The variables that the help of all commands names.
async fn variables(program: &Program) -> BTreeSet<String> {
    let help = async |arguments: &[&str]| {
        let ran = program.run(&[arguments, &["--help"]].concat()).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.stdout
    };
    let all = help(&[]).await;
    let commands = all.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let commands = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut names = BTreeSet::new();
    for command in commands.map(|line| line.split_whitespace().next().unwrap()).filter(|command| *command != "help") {
        let text = help(&[command]).await;
        let variables = text.split("[env: ").skip(1).map(|rest| rest.split(['=', ']']).next().unwrap().to_owned());
        names.extend(variables);
    }
    names
}

/// That each command does its work with all that the scene does not set as blanks, as it does
/// without.
async fn same(program: &Program, set: &[&str], commands: &[&[&str]]) {
    let names = variables(program).await;
    for known in ["PMP_EXPERIENCE_ID", "PMP_LOG_FORMAT", "PMP_LOG"] {
        assert!(names.contains(known), "{known}: {names:?}");
    }
    let blank = names.iter().map(String::as_str).filter(|name| !set.contains(name)).chain(BESIDES);
    let blank: Vec<_> = blank.map(|name| (name, if name.len() % 2 == 0 { "" } else { " " })).collect();
    for command in commands {
        let (without, with) = (program.run(command).await, program.with(&blank).run(command).await);
        assert_eq!(without.code, 0, "{command:?}: {without:?}");
        assert_eq!(with.code, 0, "{command:?}: {with:?}");
    }
    // What is needed is missing where it is blank.
    let ran = program.with(&[("PMP_EXPERIENCE_ID", " ")]).run(commands[0]).await;
    assert!(ran.stderr.contains("--experience-id (PMP_EXPERIENCE_ID) is missing"), "{ran:?}");
    // And help still names it.
    let help = program.with(&blank).run(&[commands[0], &["--help"]].concat()).await;
    assert!(help.stdout.contains("[env: PMP_LOG_FORMAT="), "{help:?}");
}

#[tokio::test]
async fn a_blank_variable_counts_as_absent_for_every_setting() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let hub = ["PMP_EXPERIENCE_ID", "PMP_SNAPSHOTS_TABLE", "PMP_TIMESTAMPS_TABLE", "PMP_TOPIC_ARN"];
    same(
        &scene.hub,
        &hub,
        &[
            &["publish"],
            &["run", "--stop-after", "1s"],
            &["status"],
            &["members"],
            &["versions"],
            &["history"],
            &["show"],
            &["diff"],
            &["doctor"],
        ],
    )
    .await;
    let spoke = [&hub[..], &["PMP_QUEUE_URL", "PMP_HUB_ROLE_ARN", "PMP_HUB_EXTERNAL_ID"]].concat();
    let commands: [&[&str]; 6] =
        [&["sync"], &["plan"], &["status"], &["init"], &["doctor"], &["run", "--stop-after", "1s"]];
    same(&scene.spoke, &spoke, &commands).await;
    let made = scene.spoke.with(&[("PMP_QUEUE_NAME", " ")]).json(&["init"]).await;
    assert_eq!(made["queue_url"], scene.queue_url, "{made}");
}
