//! Several spokes of one organization, for one management experience.

use std::time::Duration;

use pmp_local_aws::world::ChangeSetTiming;
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, Lists, Program, Scene, World, eventually, within, world};
use serde_json::{Value, json};

fn keeping(scene: &Scene, ids: &str) -> Program {
    scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ids)])
}

async fn rows(scene: &Scene) -> (Value, Vec<Value>) {
    let status = scene.hub.json(&["status"]).await;
    let rows = status["spokes"].as_array().unwrap().clone();
    (status, rows)
}

fn row<'a>(rows: &'a [Value], experience: &str) -> &'a Value {
    rows.iter().find(|row| row["member_experience"] == experience).unwrap_or_else(|| panic!("{rows:#?}"))
}

#[tokio::test]
async fn two_spokes_with_experiences_of_their_own_leave_each_others_receipts_alone() {
    // Protocol R12.
    let mut world = world(&["prod-a"], &[]);
    // What the second one is to do removes too much.
    let development =
        world.organizations[1].experiences.iter_mut().find(|experience| experience.id == ALPHA_DEV).unwrap();
    development.policy.as_mut().unwrap().approved.extend(["prod-x", "prod-y", "prod-z"].map(Into::into));
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let (first, second) = (keeping(&scene, ALPHA_PROD), keeping(&scene, ALPHA_DEV));

    // In turns, as hourly announcements would have it.
    assert_eq!(first.run(&["sync"]).await.code, 0);
    for _ in 0..2 {
        assert_eq!(second.run(&["sync"]).await.code, 3);
        assert_eq!(first.run(&["sync"]).await.code, 0);
        let (_, rows) = rows(&scene).await;
        assert_eq!(
            (&row(&rows, ALPHA_PROD)["state"], &row(&rows, ALPHA_DEV)["state"]),
            (&json!("SYNCED"), &json!("HELD"))
        );
        assert_eq!(rows.len(), 2, "nothing of the organization as a whole: {rows:#?}");
    }
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 4, "what is held is told");

    // Each row is of the spoke that keeps it in step, and so is when it was seen.
    let (status, found) = rows(&scene).await;
    let signs = status["signs_of_life"].as_array().unwrap();
    assert_eq!(signs.len(), 2, "{signs:#?}");
    for experience in [ALPHA_PROD, ALPHA_DEV] {
        let row = row(&found, experience);
        let sign = signs.iter().find(|sign| sign["spoke"] == row["spoke"]).unwrap();
        assert_eq!((&sign["selected"], &sign["experiences"]), (&json!([experience]), &json!(1)));
        assert_eq!(sign["last_seen"], row["last_seen"]);
    }
    assert_ne!(row(&found, ALPHA_PROD)["last_seen"], row(&found, ALPHA_DEV)["last_seen"]);
    let told = scene.hub.run(&["status"]).await.stdout;
    assert!(told.contains(&format!("{ALPHA} has 2 spokes: `only-")), "{told}");
    let checkup = first.run(&["doctor"]).await;
    assert!(checkup.stdout.contains("keeps 1 experience of its own in step"), "{}", checkup.stdout);

    let confirmed = scene.hub.run(&["confirm", ALPHA, "1"]).await;
    assert_eq!(confirmed.code, 0, "{}", confirmed.stderr);
    assert_eq!(second.run(&["sync"]).await.code, 0);
    assert_eq!(first.run(&["sync"]).await.code, 0);
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&["prod-a"], &["prod-x", "prod-y", "prod-z"]));
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
}

#[tokio::test]
async fn what_one_spoke_set_aside_stays_set_aside_whatever_the_other_does() {
    let mut world = world(&["prod-a", "prod-poison"], &[]);
    world.poison_products.insert("prod-poison".into());
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let (first, second) = (keeping(&scene, ALPHA_PROD), keeping(&scene, ALPHA_DEV));
    assert_eq!((first.run(&["sync"]).await.code, second.run(&["sync"]).await.code), (1, 1));
    let change_sets = scene.alpha_account.change_sets().await;
    for _ in 0..2 {
        assert_eq!((first.run(&["sync"]).await.code, second.run(&["sync"]).await.code), (1, 1));
    }
    assert_eq!(scene.alpha_account.change_sets().await, change_sets, "it is not asked for anew at each turn");
}

#[tokio::test]
async fn two_agents_with_experiences_of_their_own_take_turns_with_the_lease() {
    let ids: Vec<String> = (0..300).map(|n| format!("prod-{n:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let change_sets = ChangeSetTiming::always(Duration::from_millis(300));
    let scene = Scene::start(World { change_sets, ..world(&ids, &[]) }).await;
    let made = keeping(&scene, ALPHA_DEV).json(&["init", "--queue-name", "pmp-sync-second"]).await;
    scene.hub.json(&["publish"]).await;
    let second = keeping(&scene, ALPHA_DEV).with(&[("PMP_QUEUE_URL", made["queue_url"].as_str().unwrap())]);
    let agents = [keeping(&scene, ALPHA_PROD).start(&["run"]), second.start(&["run"])];
    let expected = Lists::new(&ids, &[]);
    let lists = async || (scene.alpha_account.lists(ALPHA_PROD).await, scene.alpha_account.lists(ALPHA_DEV).await);
    eventually("both", &(expected.clone(), expected), lists).await;
    let synced = |experience: &str| (experience.to_owned(), "SYNCED".to_owned());
    eventually("both receipts", &vec![synced(ALPHA_DEV), synced(ALPHA_PROD)], async || {
        let mut states = scene.states().await;
        states.sort();
        states
    })
    .await;
    for agent in agents {
        let (code, log) = agent.stop().await;
        assert_eq!(code, 0, "{log}");
    }
}

#[tokio::test]
async fn spokes_with_some_of_the_same_experiences_are_told_of_and_one_that_is_told_otherwise_takes_over() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let (all, one) = (scene.spoke.clone(), keeping(&scene, ALPHA_PROD));
    let of_the_whole = async || {
        let (_, rows) = rows(&scene).await;
        rows.into_iter().filter(|row| row["member_experience"].is_null()).collect::<Vec<_>>()
    };
    assert_eq!(all.run(&["sync"]).await.code, 0);
    // Before it acts, it can be known that there is another.
    let checkup = one.run(&["doctor"]).await;
    let warning = format!("another spoke, `all` in account 222222222222, keeps {ALPHA_PROD} in step, too");
    assert!(checkup.stdout.contains(&warning), "{}", checkup.stdout);
    // Told otherwise, it is the same spoke: what it does not keep in step any more does not look as
    // if it lagged.
    assert_eq!(one.run(&["sync"]).await.code, 0);
    let (_, found) = rows(&scene).await;
    assert_eq!(row(&found, ALPHA_DEV)["state"], "SKIPPED");
    assert!(!one.run(&["doctor"]).await.stdout.contains("another spoke"));
    assert_eq!(all.run(&["sync"]).await.code, 0);
    assert_eq!(of_the_whole().await, Vec::<Value>::new(), "one pass of a person is no second spoke");
    // Turn by turn they are two.
    assert_eq!(one.run(&["sync"]).await.code, 0);
    let [told] = &of_the_whole().await[..] else { panic!("one row") };
    assert_eq!(told["state"], "ERROR");
    let message = told["message"].as_str().unwrap();
    assert!(
        message.contains("`all`") && message.contains("turn by turn: give each spoke its own MEMBER_EXPERIENCE_IDS")
    );
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 4);
    // Once there is one again, that is over.
    for _ in 0..2 {
        assert_eq!(all.run(&["sync"]).await.code, 0);
    }
    assert_eq!(of_the_whole().await, Vec::<Value>::new());
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
}

#[tokio::test]
async fn an_agent_that_is_killed_with_the_lease_does_not_keep_the_other_from_its_own_experiences() {
    let ids: Vec<String> = (0..300).map(|n| format!("prod-{n:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let change_sets = ChangeSetTiming::always(Duration::from_millis(400));
    let scene = Scene::start(World { change_sets, ..world(&ids, &[]) }).await;
    scene.hub.json(&["publish"]).await;
    let first = keeping(&scene, ALPHA_PROD).start(&["run"]);
    eventually("it has begun", &true, async || scene.alpha_account.change_sets().await > 1).await;
    first.kill().await;
    let killed = std::time::Instant::now();
    assert_eq!(keeping(&scene, ALPHA_DEV).run(&["sync", "--wait"]).await.code, 0);
    assert!(killed.elapsed() < Duration::from_secs(25), "{:?}", killed.elapsed());
    assert_eq!(scene.alpha_account.lists(ALPHA_DEV).await, Lists::new(&ids, &[]));
    // What the first one left is not hidden by what the second one has done.
    let (_, found) = rows(&scene).await;
    assert_ne!(row(&found, ALPHA_PROD)["state"], "SKIPPED");
    within(Duration::from_secs(60), "it goes on", async || {
        let synced = keeping(&scene, ALPHA_PROD).run(&["sync"]).await;
        if synced.code == 0 { Ok(()) } else { Err(synced.stderr) }
    })
    .await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, Lists::new(&ids, &[]));
}
