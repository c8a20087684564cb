//! Plans before they are done: of other snapshots and filters, and kept in a file that is done as
//! it is or not at all.

use std::path::PathBuf;

use pmp_tests::{ALPHA_DEV, ALPHA_PROD, Finished, Lists, MANAGEMENT, Scene, world};
use serde_json::Value;

struct Kept {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        Self { _folder: folder, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }
}

async fn kept(scene: &Scene) -> Kept {
    let kept = Kept::new();
    let planned = scene.spoke.run(&["plan", "--out", kept.path()]).await;
    assert_eq!(planned.code, 0, "{planned:?}");
    assert!(planned.stderr.contains("pmp-spoke sync --plan"), "{planned:?}");
    kept
}

/// That nothing was done, for this reason.
async fn assert_refused(scene: &Scene, refused: &Finished, change_sets: usize, why: &str) {
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.stderr.contains("is not what would be done now; nothing was changed"), "{refused:?}");
    assert!(refused.stderr.contains(why) && refused.stderr.contains("code: E5024"), "{why}: {refused:?}");
    assert_eq!(scene.alpha_account.change_sets().await, change_sets, "{why}");
}

#[tokio::test]
async fn a_kept_plan_is_done_as_it_is_and_once() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let plan = kept(&scene).await;
    let file: Value = serde_json::from_str(&std::fs::read_to_string(&plan.path).unwrap()).unwrap();
    assert_eq!((&file["schema"], &file["version"]), (&"pmp-sync.plan/1".into(), &1.into()));
    let prod = file["experiences"].as_array().unwrap().iter().find(|it| it["experience"] == ALPHA_PROD).unwrap();
    assert_eq!(
        (&prod["allow"], &prod["deny"]),
        (&serde_json::json!(["prod-a", "prod-b"]), &serde_json::json!(["prod-x"]))
    );

    let done = scene.spoke.run(&["sync", "--plan", plan.path()]).await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&["prod-a", "prod-b"], &["prod-x"]));
    // It is done: the experiences are no longer what it was made from.
    let before = scene.alpha_account.change_sets().await;
    let again = scene.spoke.run(&["sync", "--plan", plan.path()]).await;
    assert_refused(&scene, &again, before, &format!("{ALPHA_PROD}: its revision was 1, and is 2")).await;
}

#[tokio::test]
async fn a_kept_plan_is_refused_where_anything_has_moved() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    let plan = kept(&scene).await;
    let arguments = ["sync", "--plan", plan.path()];

    // A setting, and a filter.
    let other = scene.spoke.with(&[("PMP_MAX_REMOVED_PERCENT", "10")]).run(&arguments).await;
    assert_refused(&scene, &other, 0, "PMP_MAX_REMOVED_PERCENT was 50, and is 10").await;
    let filter = [("PMP_FILTER", "exclude-ids"), ("PMP_FILTER_CONFIG", r#"{"ids":["prod-b"]}"#)];
    let other = scene.spoke.with(&filter).run(&arguments).await;
    assert_refused(&scene, &other, 0, &format!("{ALPHA_PROD}: its filter was none, and is `exclude-ids`")).await;

    // An experience, by somebody else.
    scene.alpha_account.reject(ALPHA_DEV, &["prod-c"]).await;
    let other = scene.spoke.run(&arguments).await;
    assert_refused(&scene, &other, 1, &format!("{ALPHA_DEV}: its revision was 1, and is 2")).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::default());

    // The snapshot.
    let plan = kept(&scene).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-d"]).await;
    scene.hub.json(&["publish"]).await;
    let other = scene.spoke.run(&["sync", "--plan", plan.path()]).await;
    assert_refused(&scene, &other, 1, "the newest snapshot was 1 (").await;

    // What is no plan is told as such.
    std::fs::write(&plan.path, "{\"schema\":\"other/9\"}").unwrap();
    let none = scene.spoke.run(&["sync", "--plan", plan.path()]).await;
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.stderr.contains("cannot be used") && none.stderr.contains("plan --out FILE"), "{none:?}");
    assert!(none.stderr.contains("code: E5022"), "{none:?}");
    let nowhere = plan.path.join("below a file");
    let lost = scene.spoke.run(&["plan", "--out", nowhere.to_str().unwrap()]).await;
    assert!(lost.code == 1 && lost.stderr.contains("code: E5023"), "{lost:?}");
}

#[tokio::test]
async fn other_snapshots_and_filters_can_be_tried_without_a_change() {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    let before = scene.alpha_account.change_sets().await;

    let newest = scene.spoke.run(&["plan", "--version", "2"]).await;
    assert!(newest.stdout.contains("Plan for snapshot 2") && newest.stdout.contains("prod-c"), "{newest:?}");
    let earlier = scene.spoke.run(&["plan", "--version", "1", "--detailed-exitcode"]).await;
    assert_eq!(earlier.code, 0, "{earlier:?}");
    assert!(earlier.stdout.ends_with("No changes. Every live experience matches snapshot 1.\n"), "{earlier:?}");
    let none = scene.spoke.run(&["plan", "--version", "9"]).await;
    assert_eq!(none.code, 1, "{none:?}");
    assert!(none.stderr.contains("the ledger has no snapshot 9: the newest is 2"), "{none:?}");
    assert!(none.stderr.contains("code: E5021"), "{none:?}");

    let config = r#"{"ids":["prod-a"],"reason":"not here"}"#;
    let filtered = scene.spoke.run(&["plan", "--filter", "exclude-ids", "--filter-config", config]).await;
    assert_eq!(filtered.code, 0, "{filtered:?}");
    assert!(filtered.stdout.contains("- deny   prod-a"), "{filtered:?}");
    assert!(filtered.stdout.contains("excluded by filter: not here"), "{filtered:?}");
    assert_eq!(scene.alpha_account.change_sets().await, before);
}
