//! What commands print, as text: reviewers see a change of the output as a change of these
//! snapshots. JSON is an API, and tables are read at three in the morning.

use std::time::Duration;

use pmp_local_aws::world::{Fault, FaultRule};
use pmp_tests::{ALPHA_DEV, Finished, Program, Scene, world};

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

/// A spreadsheet gets its header where a list is empty, too; without it, where that is asked for.
#[tokio::test]
async fn an_empty_list_has_its_header_as_csv() {
    let scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    for (command, header) in [
        ("status", "organization,member_experience,state,version,tried,applied,lag,last_seen,message,spoke,receipt"),
        ("drift", "organization,member_experience,drift"),
        ("exceptions", "kind,organization,member_experience,reason,products,product,version,since,next_try"),
        ("members", "organization,state,source,admitted_by,admitted_at,last_seen"),
        ("versions", "version,organizations,experiences"),
        ("plan", "organization,member_experience,applied,outlook"),
    ] {
        let empty = scene.hub.run(&[command, "-o", "csv"]).await;
        assert_eq!((empty.code, empty.stdout), (0, format!("{header}\n")), "{command}");
        assert_eq!(scene.hub.run(&[command, "-o", "csv", "--no-header"]).await.stdout, "", "{command}");
    }
    // The columns are those that a list with records begins with.
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    for (command, columns) in [
        ("members", "organization,state,source,admitted_by,admitted_at,last_seen\n"),
        ("exceptions", "kind,organization,member_experience,reason,products,product,version,since,next_try\n"),
        ("versions", "version,organizations,experiences,"),
        ("plan", "organization,member_experience,applied,outlook"),
    ] {
        let csv = scene.hub.run(&[command, "-o", "csv"]).await.stdout;
        assert!(csv.starts_with(columns) && csv.lines().count() > 1, "{command}: {csv}");
    }
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
}
