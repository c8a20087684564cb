//! The binary: serving a world file, and refusing one that is wrong.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use aws_types::region::Region;
use pmp_world::World;

const WORLD: &str = r#"
region = "us-east-1"
seed = 7
poison_products = ["prod-bad"]

[change_sets]
min = "10ms"
max = "1s 500ms"

[[organizations]]
id = "o-aaaaaaaaaa"
name = "Example"
management_account = "111111111111"
member_accounts = ["111111111112"]
delegated_administrators = ["111111111112"]

[[organizations.experiences]]
id = "exp-1"
name = "One"

[organizations.experiences.policy]
id = "policy-1"
approved = ["prod-a", { id = "prod-b", notes = "generative-ai" }]
rejected = ["prod-c"]

[[roles]]
account = "111111111111"
name = "reader"
trust = '{"Version":"2012-10-17","Statement":[]}'

[[roles.permissions]]
Version = "2012-10-17"
Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }]

[[products]]
id = "prod-a"
name = "A"
labels = ["generative-ai"]

[[change_event_targets]]
account = "111111111111"
queue = "catalog-events"
"#;

fn world_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn pmp_local() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pmp-local"))
}

#[test]
fn a_world_file_is_read_whole() {
    let world = World::load(world_file(WORLD).path()).unwrap();
    let policy = world.organizations[0].experiences[0].policy.as_ref().unwrap();
    assert_eq!(policy.approved[1].notes.as_deref(), Some("generative-ai"));
    assert_eq!(world.change_sets.max, std::time::Duration::from_millis(1500));
    assert!(world.roles[0].permissions[0].as_str().contains(r#""Effect":"Allow""#));
}

#[test]
fn a_wrong_world_is_refused_with_the_place() {
    for (wrong, code, place) in [
        (WORLD.replace("o-aaaaaaaaaa", "o-short"), "E3045", "organizations[0].id: `o-short`"),
        (WORLD.replace("\"prod-c\"", "\"prod-a\""), "E3045", "policy.rejected[0]: `prod-a` is listed twice"),
        (WORLD.replace("seed = 7", "sede = 7"), "E3036", "unknown field `sede`"),
        (WORLD.replace("10ms", "soon"), "E3036", "`soon` is not a duration"),
    ] {
        let output = pmp_local().args(["serve", "--world"]).arg(world_file(&wrong).path()).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr.contains(place) && stderr.contains(&format!("code: {code}")), "{stderr}");
    }
    let output = pmp_local().args(["serve", "--world", "/no/such/file"]).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot read the world file `/no/such/file`"), "{stderr}");
    assert!(stderr.contains("code: E3033"), "{stderr}");
}

#[test]
fn the_example_can_be_checked_in_both_formats() {
    for (format, extension) in [("toml", ".toml"), ("yaml", ".yaml")] {
        let example = pmp_local().args(["world", "example", "--format", format]).output().unwrap();
        let file = tempfile::Builder::new().suffix(extension).tempfile().unwrap();
        std::fs::write(file.path(), example.stdout).unwrap();
        let checked = pmp_local().args(["world", "check"]).arg(file.path()).output().unwrap();
        let said = String::from_utf8(checked.stdout).unwrap();
        assert!(said.contains("is valid: 2 organizations, 3 experiences, 2 products, 1 role"), "{said}");
    }
}

#[test]
fn the_variables_of_every_account_can_be_printed() {
    let env = |args: &[&str]| {
        let output = pmp_local().arg("env").args(args).env_remove("PMP_LOCAL_PORT").output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (printed, _) = env(&["borealis", "--port", "4570"]);
    assert_eq!(
        printed,
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4570\nexport AWS_REGION=us-east-1\nexport AWS_DEFAULT_REGION=us-east-1\n\
         export AWS_ACCESS_KEY_ID=333333333333\nexport AWS_SECRET_ACCESS_KEY=local\n\
         export PMP_ORG_ID=o-borealis01\nunset PMP_EXPERIENCE_ID\nunset PMP_SNAPSHOTS_TABLE\nunset PMP_TIMESTAMPS_TABLE\n\
         unset PMP_TOPIC_ARN\nunset PMP_HUB_ROLE_ARN\nunset PMP_HUB_EXTERNAL_ID\nunset PMP_QUEUE_URL\nunset PMP_EVENTS_QUEUE_URL\n",
        "what this account does not have is not left over from the account before"
    );
    let (printed, said) = env(&["nobody"]);
    assert!(printed.is_empty() && said.contains("`nobody` is no account") && said.contains("111111111111"), "{said}");
    assert!(said.contains("code: E3044"), "{said}");
}

#[test]
fn a_port_that_is_taken_says_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = pmp_local().args(["serve", "--port", &port]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let at = format!("cannot listen on 127.0.0.1:{port}");
    for part in [at, "--port 0".into(), format!("sport = :{port}"), "code: E3014".into()] {
        assert!(said.contains(&part), "{said}");
    }
}

#[test]
fn serve_says_in_json_that_it_is_ready_and_who_there_is() {
    let mut child = pmp_local()
        .args(["serve", "--port", "0", "--output", "json", "--as", "cumulus"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["env"]["AWS_ACCESS_KEY_ID"], "444444444444");
    assert_eq!(ready["env"]["AWS_ENDPOINT_URL"], ready["endpoint"]);
    assert!(ready["identities"].as_array().unwrap().len() >= 4, "{ready}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn serve_prints_what_to_paste_and_stops_on_a_signal() {
    let file = world_file(WORLD);
    let mut child =
        pmp_local().args(["serve", "--port", "0", "--world"]).arg(file.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let printed: Vec<String> = lines.by_ref().take(9).collect();
    let value = |name: &str| {
        let prefix = format!("export {name}=");
        printed.iter().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
    };
    assert!(printed[8].starts_with("# Ready in "), "{printed:?}");
    let config = pmp_test_clients::account(&value("AWS_ENDPOINT_URL"), &value("AWS_ACCESS_KEY_ID"));
    let config = config.into_builder().region(Region::new(value("AWS_REGION"))).build();
    let queues = aws_sdk_sqs::Client::new(&config).list_queues().send().await.unwrap();
    assert_eq!(queues.queue_urls().len(), 1, "the queue for the catalog's events is there");
    let stopped = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
