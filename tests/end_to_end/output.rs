//! What commands print, as text: reviewers see a change of the output as a change of these
//! snapshots. JSON is an API, and tables are read at three in the morning.

use std::time::Duration;

use futures::future::join_all;
use pmp_local_aws::world::{ChangeSetTiming, Fault, FaultRule};
use pmp_tests::{ALPHA, ALPHA_DEV, Finished, MANAGEMENT, Program, PublishedSchema, Scene, world};

/// Standard output and exit code, without what differs from run to run.
fn check(name: &str, finished: &Finished) {
    check_text(name, &format!("exit code: {}\n-----\n{}", finished.code, finished.stdout));
}

/// A text, without what differs from run to run.
pub(crate) fn check_text(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (pattern, replacement) in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
        (r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\dZ", "[time]"),
        // As many blanks follow in a table as the longest age leaves.
        (r"\b\d+[sm]\b *", "[age] "),
        // The time in the message has as many digits as it needs.
        (r"message of \d+ bytes", "message of [n] bytes"),
        (r#""message_bytes": \d+"#, r#""message_bytes": "[n]""#),
        (r"\b[a-z0-9]{25}\b", "[change set]"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "[uuid]"),
        (r"http://127\.0\.0\.1:\d+", "[endpoint]"),
        // What `doctor` comes upon.
        (r"\d+ s (ahead of|behind) AWS", "[n] s ahead of AWS"),
        (r"\d+ messages? in it", "[n] messages in it"),
    ] {
        settings.add_filter(pattern, replacement);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[tokio::test]
async fn every_command_prints_what_its_snapshot_says() {
    let mut world = world(&["prod-a", "prod-b"], &["prod-x"]);
    // Development is where most of it would have to go.
    let development = world.organizations[1].experiences.iter_mut().find(|experience| experience.id == ALPHA_DEV);
    let policy = development.unwrap().policy.as_mut().unwrap();
    policy.approved.extend(["prod-1", "prod-2", "prod-a"].map(Into::into));
    policy.rejected.push("prod-mine".into());
    let scene = Scene::start(world).await;
    let (hub, spoke) = (&scene.hub, &scene.spoke);

    check("hub-status-empty", &hub.run(&["status"]).await);
    check("hub-publish-dry-run", &hub.run(&["publish", "--dry-run"]).await);
    check("hub-publish", &hub.run(&["publish"]).await);
    check("hub-publish-json", &hub.run(&["publish", "-o", "json"]).await);
    check("spoke-plan", &spoke.run(&["plan"]).await);
    check("spoke-plan-json", &spoke.run(&["plan", "-o", "json"]).await);
    check("spoke-sync", &spoke.run(&["sync"]).await);
    check("spoke-sync-json", &spoke.run(&["sync", "-o", "json"]).await);
    check("hub-status", &hub.run(&["status"]).await);
    check("hub-status-all", &hub.run(&["status", "--all"]).await);
    check("hub-exceptions", &hub.run(&["exceptions"]).await);
    check("hub-exceptions-csv", &hub.run(&["exceptions", "-o", "csv"]).await);
    check("hub-members", &hub.run(&["members"]).await);
    check("hub-versions-yaml", &hub.run(&["versions", "-o", "yaml"]).await);
    check("hub-status-wide", &hub.run(&["status", "-o", "wide", "--no-header"]).await);
    check("hub-status-json", &hub.run(&["status", "-o", "json", "--check"]).await);
    check("spoke-init", &spoke.run(&["init"]).await);
    check("hub-init", &hub.run(&["init"]).await);
}

/// The columns of a table of commands, whether or not it holds a record.
type Columns = (&'static [&'static str], &'static str);

/// What a header begins with: every column, or what is nested in it.
fn begins_with(header: &str, columns: &str) -> bool {
    let mut header = header.split(',').peekable();
    columns.split(',').all(|column| {
        let mut found = false;
        while header.next_if(|name| *name == column || name.starts_with(&format!("{column}."))).is_some() {
            found = true;
        }
        found
    })
}

/// Runs each command as CSV: it must have this header, or begin with it where there are records.
async fn headers(program: &Program, commands: &[Columns], with_records: bool) {
    for (command, columns) in commands {
        let csv = program.run(&[*command, &["-o", "csv"][..]].concat()).await;
        let mut lines = csv.stdout.lines();
        let header = lines.next().unwrap_or_default();
        let without = program.run(&[*command, &["-o", "csv", "--no-header"][..]].concat()).await;
        let records = lines.count();
        if with_records {
            assert!(records > 0 && begins_with(header, columns), "{command:?}: {csv:?}");
        } else {
            assert_eq!((header, records), (*columns, 0), "{command:?}: {csv:?}");
        }
        assert_eq!(without.stdout.lines().count(), records, "{command:?}: {without:?}");
    }
}

const STATUS: &str = "organization,member_experience,state,version,tried,applied,lag,last_seen,message,spoke,receipt";
const WHY: &str = "organization,member_experience,stance,approved,why,version,decided_at,filter";
const RECEIPTS: &str = "organization,experience,member_experience,version,digest,status,received_at,allowed,denied,pending,narrowed,spoke_version,error";
const DIRECTIONS: &str = "schema,experience,member,generation,line,by,at,reason,signed,not_ours,instead_of,former";
const NOTIFICATIONS: &str = "schema_version,id,experience,kind,summary,cause,other_causes,at,organizations,experiences,version,transitions,left_out,next";
const DECISIONS: &str = "product,name,organization,member_experience,verdict,approved,why,filter,filter_version,filter_digest,version,decided_at,receipt_at";

/// A spreadsheet gets its header where a list is empty, too; without it, where that is asked for.
/// Where there are records, it begins with the same columns.
#[tokio::test]
async fn every_list_as_csv_has_the_same_header_with_and_without_records() {
    let mut scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    let nothing_yet: &[Columns] = &[(&["audit"], "number,previous,at,experience,author,action,digest")];
    headers(&scene.hub, nothing_yet, false).await;
    scene.hub.json(&["publish"]).await;
    let members = "organization,state,source,admitted_by,admitted_at,last_seen";
    let exceptions = "kind,organization,member_experience,reason,products,product,version,since,next_try";
    let log = "organization,experience,member_experience,version,digest,at,status";
    let lists: &[Columns] = &[
        (&["status"], STATUS),
        (&["drift"], "organization,member_experience,drift"),
        (&["exceptions"], exceptions),
        (&["members"], members),
        (&["versions"], "version,organizations,experiences"),
        (&["plan"], "organization,member_experience,applied,outlook"),
        (&["why", "prod-a"], WHY),
        (&["report", "--csv"], DECISIONS),
        (&["wait", "--timeout", "1s"], STATUS),
        (&["directions"], DIRECTIONS),
        (&["notify", "--dry-run"], NOTIFICATIONS),
        (&["diff"], "product,before,after,note_before,note_after"),
        (&["history", "--since", "1s"], "version,digest,taken_at,approved,rejected,in_force"),
    ];
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    headers(&scene.hub, lists, false).await;
    let standpoints: Columns = (&["status"], "experience,status,applied,tried,since,pending,narrowed,message");
    headers(&scene.spoke, &[standpoints], false).await;

    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &format!("{ALPHA},o-never00000"))]);
    let pause = ["pause", "--org", ALPHA, "--until", "2h", "--reason", "so that there is a direction"];
    assert_eq!(scene.hub.run(&pause).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    let lists: &[Columns] = &[
        (&["status"], STATUS),
        (&["exceptions"], exceptions),
        (&["members"], members),
        (&["versions"], "version,organizations,experiences,states"),
        (&["plan"], "organization,member_experience,applied,outlook"),
        (&["why", "prod-a"], WHY),
        (&["why", "prod-a", "--org", ALPHA], WHY),
        (&["report", "--csv"], DECISIONS),
        (&["wait", "1", "--timeout", "1s"], STATUS),
        (&["directions"], DIRECTIONS),
        (&["diff"], "product,before,after,note_before,note_after"),
        (&["show"], "product,listed,note"),
        (&["history"], "version,digest,taken_at,approved,rejected,in_force"),
        (&["audit"], "number,previous,at,experience,author,action,digest"),
        (&["log", ALPHA], log),
        (&["config", "show"], "variable,flag,value,hidden,from"),
        (&["explain"], "code,error,cause,fix,look"),
        (&["explain", "E4010"], "code,error,cause,fix,look"),
        (&["doctor"], "check"),
    ];
    headers(&scene.hub, lists, true).await;
    headers(&scene.spoke, &[standpoints, (&["sync"], RECEIPTS)], true).await;
}

/// A plan as CSV has a row for each product, and one for each experience that has none.
#[tokio::test]
async fn a_plan_as_csv_has_a_row_for_each_product() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let csv = scene.spoke.run(&["plan", "-o", "csv"]).await.stdout;
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("experience,experience_name,outcome,product,product_name,change,why"), "{csv}");
    let rows: Vec<_> = lines.collect();
    assert!(rows.contains(&"exp-alpha-prod,Production,plan,prod-a,,allow,approved by the hub"), "{csv}");
    assert!(rows.contains(&"exp-alpha-prod,Production,plan,prod-x,,deny,rejected by the hub"), "{csv}");
    assert!(rows.contains(&"exp-alpha-off,Off,skipped,,,,the experience is disabled"), "{csv}");
}

/// What programs read of a spoke is as the published schemas say, in every state.
#[tokio::test]
async fn what_a_spoke_prints_as_json_is_as_its_schema_says() {
    let mut world = world(&["prod-a", "prod-b"], &["prod-x"]);
    let development = world.organizations[1].experiences.iter_mut().find(|experience| experience.id == ALPHA_DEV);
    let policy = development.unwrap().policy.as_mut().unwrap();
    policy.approved.extend(["prod-1", "prod-2", "prod-a"].map(Into::into));
    policy.rejected.push("prod-mine".into());
    let scene = Scene::start(world).await;
    let hold = async |program: &Program, command: &'static str| {
        let printed = program.run(&[command, "-o", "json"]).await;
        let document: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
        let schema = PublishedSchema::of_spoke(command);
        assert_eq!(schema.faults(&document), Vec::<String>::new(), "{command}: {document:#}");
        let mut forged = document.clone();
        forged["schema_version"] = 2.into();
        forged["surprise"] = true.into();
        assert_eq!(schema.faults(&forged).len(), 2, "it would find one");
        document
    };
    scene.hub.json(&["publish"]).await;
    // Before the first pass, with a filter, and where one experience is held.
    hold(&scene.spoke, "status").await;
    let settings = [("PMP_FILTER", "exclude-ids"), ("PMP_FILTER_CONFIG", r#"{"ids":["prod-b"]}"#)];
    let filtering = scene.spoke.with(&settings);
    let planned = hold(&filtering, "plan").await;
    let outcomes: Vec<_> = planned["experiences"].as_array().unwrap().iter().map(|it| &it["outcome"]).collect();
    assert!(outcomes.contains(&&"plan".into()) && outcomes.contains(&&"held".into()), "{planned:#}");
    hold(&filtering, "sync").await;
    hold(&scene.spoke, "status").await;
    // What operators direct, and what the organization holds itself.
    let reason = ["--until", "2h", "--reason", "so that it stands there"];
    assert_eq!(scene.hub.run(&[&["pin", "1", "--org", ALPHA][..], &reason[2..]].concat()).await.code, 0);
    assert_eq!(scene.spoke.run(&[&["hold"][..], &reason].concat()).await.code, 0);
    for command in ["status", "plan", "sync"] {
        hold(&scene.spoke, command).await;
    }
}

#[tokio::test]
async fn a_plan_shows_every_product_where_all_are_asked_for() {
    let approved: Vec<_> = (0..60).map(|number| format!("prod-{number:02}")).collect();
    let scene = Scene::start(world(&approved.iter().map(String::as_str).collect::<Vec<_>>(), &[])).await;
    scene.hub.json(&["publish"]).await;
    let some = scene.spoke.run(&["plan"]).await.stdout;
    assert!(some.contains("… and 20 more to change (`--all` lists all)") && !some.contains("prod-59"), "{some}");
    let all = scene.spoke.run(&["plan", "--all"]).await.stdout;
    assert!(all.contains("prod-59") && !all.contains("lists all"), "{all}");
}

#[tokio::test]
async fn what_stays_as_it_is_is_a_line_for_each_reason() {
    let scene = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let settings = [("PMP_FILTER", "exclude-ids"), ("PMP_FILTER_CONFIG", r#"{"ids":["prod-b","prod-c"]}"#)];
    let spoke = scene.spoke.with(&settings);
    let planned = spoke.run(&["plan"]).await.stdout;
    assert!(planned.contains("o leave  2 products") && !planned.contains("prod-b"), "{planned}");
    let all = spoke.run(&["plan", "--all"]).await.stdout;
    assert!(all.contains("o leave  prod-b") && all.contains("o leave  prod-c"), "{all}");
}

#[tokio::test]
async fn each_program_tells_its_version_and_has_a_manual() {
    for name in ["pmp-hub", "pmp-spoke", "pmp-filter", "pmp-local"] {
        let program = Program::new(name, &[]);
        let version = program.run(&["version"]).await;
        assert!(version.code == 0 && version.stdout.starts_with(&format!("{name} ")), "{version:?}");
        assert!(version.stdout.contains("\nbuilt for: "), "{version:?}");
        let document: serde_json::Value =
            serde_json::from_str(&program.run(&["version", "-o", "json"]).await.stdout).unwrap();
        assert_eq!(document["program"], name);
        let manual = program.run(&["man"]).await;
        assert!(manual.code == 0 && manual.stdout.contains(&format!(".TH {name} 1")), "{manual:?}");
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(program.run(&["man", "--folder", folder.path().to_str().unwrap()]).await.code, 0);
        assert!(folder.path().join(format!("{name}-version.1")).exists(), "{name}");
    }
}

/// Whoever waits longer than a second is told for what, in a pipe as well, and where programs read
/// the answer, it is for them alone.
#[tokio::test]
async fn on_a_slow_ledger_each_says_what_it_waits_for() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    let slow = Fault::Latency { min: Duration::from_millis(1_200), max: None };
    scene.add_fault(&FaultRule { service: Some("dynamodb".into()), ..FaultRule::new(slow) }).await;
    let published = scene.hub.run(&["publish"]).await;
    assert!(
        published.code == 0 && published.stderr.contains(". waiting for the catalog, and the ledger"),
        "{published:?}"
    );
    let planned = scene.spoke.run(&["plan"]).await;
    assert!(planned.stderr.contains(". waiting for the ledger: what is in force"), "{planned:?}");
    assert!(planned.stderr.contains(". waiting for the ledger: the snapshot"), "{planned:?}");
    let synced = scene.spoke.run(&["sync"]).await;
    assert!(synced.code == 0 && synced.stderr.contains(". waiting for the lease, the ledger"), "{synced:?}");
    let document = scene.spoke.run(&["plan", "-o", "json"]).await;
    assert!(!document.stderr.contains("waiting for"), "{document:?}");

    // And so does every other command that asks the ledger.
    let silent: &[&[&str]] = &[
        &["status"],
        &["members"],
        &["versions"],
        &["exceptions"],
        &["drift"],
        &["history"],
        &["show"],
        &["diff"],
        &["why", "prod-a"],
        &["log", ALPHA],
        &["directions"],
        &["plan"],
        &["audit"],
        &["audit", "export"],
        &["report", "--csv"],
        &["report", "--html", "/dev/null/page"],
        &["recover"],
        &["notify", "--dry-run"],
        &["wait", "--timeout", "1s"],
        &["doctor"],
        &["unpin", "--reason", "there is none"],
        &["status", "-o", "json"],
    ];
    let finished = join_all(silent.iter().map(|command| scene.hub.run(command))).await;
    for (command, finished) in silent.iter().zip(finished) {
        let told = finished.stderr.contains(". waiting for ");
        assert_eq!(told, !command.contains(&"json"), "{command:?}: {finished:?}");
    }
    for command in [&["status"][..], &["unhold"], &["doctor"]] {
        let finished = scene.spoke.run(command).await;
        assert!(finished.stderr.contains(". waiting for "), "{command:?}: {finished:?}");
    }
}

/// A change set that runs for long is told of now and then, with how often it was looked at.
#[tokio::test]
async fn a_sync_in_a_pipe_gives_a_sign_of_life_while_a_change_set_runs() {
    let mut world = world(&["prod-a"], &[]);
    world.change_sets = ChangeSetTiming::between(Duration::from_secs(40), Duration::from_secs(40));
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let synced = scene.spoke.run(&["sync"]).await;
    assert_eq!(synced.code, 0, "{synced:?}");
    let signs: Vec<_> = synced.stderr.lines().filter(|line| line.contains(" runs for ")).collect();
    assert_eq!(signs.len(), 1, "{synced:?}");
    assert!(signs[0].starts_with(". change set ") && signs[0].contains(" s, looked at "), "{synced:?}");
}
