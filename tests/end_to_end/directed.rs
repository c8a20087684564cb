//! What is told of pins, pauses and waves where things are not as they usually are: tampered with,
//! taken back, not obeyed yet.

use pmp_tests::{ALPHA, MANAGEMENT, Scene, world};
use serde_json::json;

use crate::doctor::Checkup;
use crate::signatures::{another_key, key_pair};
use crate::steering::{delete, item, put, text};
use crate::waves::fleet;

#[tokio::test]
async fn doctor_fails_where_a_direction_is_not_the_hubs_own() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let (key, _) = key_pair(folder.path());
    let hub = scene.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", key.display()))]);
    let other = scene.hub.with(&[("PMP_SIGNING_KEY", &format!("file:{}", another_key(folder.path()).display()))]);
    hub.json(&["publish"]).await;
    hub.json(&["pause", "--org", ALPHA, "--until", "2h", "--reason", "their audit", "--no-announce"]).await;
    hub.json(&["pause", "--all", "--until", "2h", "--reason", "a freeze", "--no-announce"]).await;
    Checkup::of(&hub).await.expect_ok("directions", "o-alpha00000 is paused until ");

    let fix = "pmp-hub directions --sign";
    // Where the spoke reads it, where the hub lists it, and the fleet's.
    let (direction, copy) = (format!("direction#{MANAGEMENT}"), format!("directed#{MANAGEMENT}#{ALPHA}"));
    let (own, of_alpha) = (format!("hub#{ALPHA}"), "`o-alpha00000`");
    let as_read = "where its spoke reads it, ";
    let places = [
        (own.as_str(), direction.as_str(), of_alpha, as_read),
        ("hub#directed", copy.as_str(), of_alpha, ""),
        ("hub#heads", direction.as_str(), "the fleet", ""),
    ];
    for (partition, key, whose, place) in places {
        let genuine = item(&scene, partition, key).await.unwrap();
        let told = |problem: &str| format!("what is directed for {whose} is not this hub's word: {place}{problem}");
        let mut unsigned = genuine.clone();
        unsigned.remove("statement");
        put(&scene, unsigned).await;
        Checkup::of(&hub).await.expect("directions", "failed", &told("it is not signed"), fix);
        let mut beside = genuine.clone();
        beside.insert("reason".to_owned(), text("forged"));
        put(&scene, beside).await;
        let problem = "its statement cannot be read: it says something else than what stands beside it";
        Checkup::of(&hub).await.expect("directions", "failed", &told(problem), fix);
        let listed = hub.json(&["directions"]).await.to_string();
        assert!(listed.contains(&format!("{place}{problem}")), "{listed}");
        put(&scene, genuine).await;
    }
    let problem = "what is directed for the fleet is not this hub's word: it is signed by a key that is not trusted";
    Checkup::of(&other).await.expect("directions", "failed", problem, fix);
    // What was directed once, and lies in one place alone.
    let genuine = item(&scene, &own, &direction).await.unwrap();
    delete(&scene, &own, &direction).await;
    let gone = "what is directed for `o-alpha00000` is not this hub's word: where its spoke reads it, it is gone";
    Checkup::of(&hub).await.expect("directions", "failed", gone, fix);
    put(&scene, genuine).await;
    Checkup::of(&hub).await.expect_ok("directions", "the fleet is paused until ");
    // A hub that does not sign believes the ledger.
    Checkup::of(&scene.hub).await.expect_ok("directions", "the fleet is paused until ");
}
