//! One spoke of an organization acts at a time.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use pmp_ledger::{DynamoLeases, Lease, LeaseStore, LeaseTerm, Taken, Watched};
use pmp_local_aws::world::ChangeSetTiming;
use pmp_protocol::OrganizationId;
use pmp_tests::{ALPHA, ALPHA_PROD, Agent, Lists, Program, Scene, World, eventually, within, world};
use tokio::task::JoinSet;

/// Six batches for alpha's production experience, each of which takes this long.
async fn six_batches(change_set: Duration) -> (Scene, Program, Lists) {
    let ids: Vec<String> = (0..300).map(|n| format!("prod-{n:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let scene = Scene::start(World { change_sets: ChangeSetTiming::always(change_set), ..world(&ids, &[]) }).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    (scene, spoke, Lists::new(&ids, &[]))
}

async fn in_the_middle(scene: &Scene) {
    eventually("it is in the middle", &true, async || !scene.alpha_account.lists(ALPHA_PROD).await.approved.is_empty())
        .await;
}

fn dynamodb(scene: &Scene) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(scene.hub_account.config())
}

/// The lease of alpha, as the hub's table holds it.
async fn lease(scene: &Scene) -> std::collections::HashMap<String, AttributeValue> {
    let text = |text: &str| AttributeValue::S(text.into());
    let call = dynamodb(scene).get_item().table_name("SyncTimestamps").key("organization", text(ALPHA));
    call.key("item", text("lease")).send().await.unwrap().item.unwrap_or_default()
}

/// Writes a lease of someone else over whatever is there.
pub(crate) async fn thief(scene: &Scene, expires_at_ms: i64) {
    let (text, number) = (|text: &str| AttributeValue::S(text.into()), |n: i64| AttributeValue::N(n.to_string()));
    let call = dynamodb(scene).put_item().table_name("SyncTimestamps").item("organization", text(ALPHA));
    let call = call.item("item", text("lease")).item("holder_id", text("thief")).item("holder", text("a thief"));
    let call = call.item("taken_at", text(&Timestamp::now().to_string())).item("renewals", number(0));
    call.item("term_ms", number(60_000)).item("expires_at_ms", number(expires_at_ms)).send().await.unwrap();
}

pub(crate) async fn is_free(scene: &Scene) -> bool {
    lease(scene).await.get("expires_at_ms") == Some(&AttributeValue::N("0".into()))
}

#[tokio::test]
async fn of_twenty_racing_takers_one_gets_it_and_the_others_learn_who() {
    let scene = Scene::start(world(&[], &[])).await;
    let store = std::sync::Arc::new(DynamoLeases::new(scene.hub_account.config(), "SyncTimestamps".parse().unwrap()));
    let now = Timestamp::now();
    let wanted = |round: usize, taker: usize| {
        let organization = OrganizationId::new(&format!("o-race{round:06}")).unwrap();
        let (id, name) = (format!("id-{taker}"), format!("taker {taker}"));
        Lease::new(organization, id, name, now, LeaseTerm::DEFAULT)
    };
    for round in 0..5 {
        let mut takers = JoinSet::new();
        for taker in 0..20 {
            let (store, wanted) = (store.clone(), wanted(round, taker));
            takers.spawn(async move { (wanted.holder.clone(), store.take(&wanted, now, None).await.unwrap()) });
        }
        let outcomes = takers.join_all().await;
        let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, taken)| *taken == Taken::Yes);
        assert_eq!(won.len(), 1);
        for (_, taken) in lost {
            let Taken::HeldBy(Some(held)) = taken else { panic!("{taken:?}") };
            assert_eq!(held.holder, won[0].0);
        }
    }
}

#[tokio::test]
async fn a_lease_that_cannot_be_read_is_watched_and_taken_after_a_term() {
    // Protocol L20.
    let scene = Scene::start(world(&[], &[])).await;
    let store = DynamoLeases::new(scene.hub_account.config(), "SyncTimestamps".parse().unwrap());
    let now = Timestamp::now();
    thief(&scene, 0).await;
    let damage = async |attribute: &str, value: AttributeValue| {
        let text = |text: &str| AttributeValue::S(text.into());
        let call = dynamodb(&scene).update_item().table_name("SyncTimestamps").key("organization", text(ALPHA));
        let call = call.key("item", text("lease")).update_expression("SET #it = :value");
        let call = call.expression_attribute_names("#it", attribute).expression_attribute_values(":value", value);
        call.send().await.unwrap();
    };
    damage("expires_at_ms", AttributeValue::S("soon".into())).await;
    let wanted = Lease::new(OrganizationId::new(ALPHA).unwrap(), "me".into(), "me".into(), now, LeaseTerm::DEFAULT);
    let held = async |watched: Option<&Watched>| match store.take(&wanted, now, watched).await.unwrap() {
        Taken::HeldBy(Some(held)) => Some(*held),
        Taken::HeldBy(None) => panic!("someone holds it"),
        Taken::Yes => None,
    };
    let watched =
        |lease: &Lease, seconds| Watched { lease: lease.clone(), unchanged_for: Duration::from_secs(seconds) };
    let first = held(None).await.unwrap();
    assert!(first.holder.starts_with("someone unknown (") && first.holder.contains("`lease` of `"), "{first:?}");
    assert_eq!(held(Some(&watched(&first, 59))).await.unwrap(), first, "not before its term");
    // Whoever that is, it lives.
    damage("renewals", AttributeValue::N("1".into())).await;
    let second = held(Some(&watched(&first, 60))).await.unwrap();
    assert!(!watched(&first, 60).is_still(&second));
    assert_eq!(held(Some(&watched(&second, 60))).await, None, "it is taken");
    assert_eq!(lease(&scene).await["holder_id"], AttributeValue::S("me".into()));
}

#[tokio::test]
async fn the_conditional_write_says_what_the_decision_says() {
    // Protocol L17.
    let scene = Scene::start(world(&[], &[])).await;
    let store = DynamoLeases::new(scene.hub_account.config(), "SyncTimestamps".parse().unwrap());
    let now = Timestamp::now();
    let later = |seconds: i64| now + jiff::SignedDuration::from_secs(seconds);
    let organization = || OrganizationId::new(ALPHA).unwrap();
    let lease = |id: &str, at| Lease::new(organization(), id.into(), format!("spoke {id}"), at, LeaseTerm::DEFAULT);
    let first = lease("a", now);
    assert_eq!(store.take(&first, now, None).await.unwrap(), Taken::Yes);
    // The same again, as after an answer that was lost.
    assert_eq!(store.take(&first, now, None).await.unwrap(), Taken::Yes);

    let held = Taken::HeldBy(Some(Box::new(first.clone())));
    assert_eq!(store.take(&lease("b", later(59)), later(59), None).await.unwrap(), held);
    assert_eq!(store.renew(&lease("b", later(59))).await.unwrap(), held);
    let seen = |unchanged| pmp_ledger::Watched { lease: first.clone(), unchanged_for: Duration::from_secs(unchanged) };
    assert_eq!(store.take(&lease("b", now), now, Some(&seen(9))).await.unwrap(), held);
    let renewed = first.renewed(later(30));
    assert_eq!(store.renew(&renewed).await.unwrap(), Taken::Yes);
    let held = Taken::HeldBy(Some(Box::new(renewed.clone())));
    assert_eq!(store.take(&lease("b", now), now, Some(&seen(10))).await.unwrap(), held);
    assert_eq!(store.take(&lease("b", later(61)), later(61), None).await.unwrap(), held);

    assert_eq!(store.renew(&renewed.given_back()).await.unwrap(), Taken::Yes);
    assert_eq!(store.take(&lease("b", now), now, None).await.unwrap(), Taken::Yes);
    assert!(matches!(store.renew(&renewed).await.unwrap(), Taken::HeldBy(Some(held)) if held.holder == "spoke b"));
    // Dead, with a clock far ahead: taken by whoever watched it for a term.
    let dead = lease("c", later(86_400));
    assert_eq!(store.take(&dead, later(61), None).await.unwrap(), Taken::Yes);
    let abandoned = pmp_ledger::Watched { lease: dead, unchanged_for: Duration::from_secs(10) };
    assert_eq!(store.take(&lease("d", now), now, Some(&abandoned)).await.unwrap(), Taken::Yes);
}

#[tokio::test]
async fn a_person_who_finds_an_agent_at_work_leaves_with_its_name_or_waits_for_it() {
    let (scene, spoke, expected) = six_batches(Duration::from_millis(500)).await;
    let agent = spoke.start(&["run"]);
    in_the_middle(&scene).await;

    let refused = spoke.run(&["sync"]).await;
    assert_eq!(refused.code, 1);
    let first = format!("error: another spoke of `{ALPHA}` is at work: pmp-spoke 0.1.0 (run) on ");
    assert!(refused.stderr.starts_with(&first), "{}", refused.stderr);
    assert!(refused.stderr.contains("unless it is renewed\nhint: let it finish, or wait for it with `--wait`"));
    // To look is always permitted.
    assert_eq!(spoke.run(&["plan"]).await.code, 0);

    let waited = spoke.run(&["sync", "--wait"]).await;
    assert_eq!(waited.code, 0, "{}", waited.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(scene.alpha_account.change_sets().await, 6);
    assert_eq!(agent.stop().await.0, 0);
    assert!(is_free(&scene).await);
}

#[tokio::test]
async fn a_person_whose_time_is_up_before_the_lease_is_free_has_done_nothing() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    thief(&scene, Timestamp::now().as_millisecond() + 60_000).await;
    let stopped = scene.spoke.run(&["sync", "--wait", "--stop-after", "2s"]).await;
    assert!(stopped.code == 1 && stopped.stderr.contains("code: E5025"), "{}", stopped.stderr);
    assert!(stopped.stderr.contains("before the lease was free; nothing was done"), "{}", stopped.stderr);
}

/// When a process's passes began and ended, by its log.
fn passes(log: &str) -> Vec<(Timestamp, Timestamp)> {
    let at = |line: &str| line.split_whitespace().find_map(|word| word.parse::<Timestamp>().ok());
    let (mut passes, mut began) = (Vec::new(), None);
    for line in log.lines() {
        if line.contains("pass started") {
            began = at(line);
        } else if let (Some(start), Some(end)) = (began, at(line).filter(|_| line.contains("pass done"))) {
            passes.push((start, end));
            began = None;
        }
    }
    passes
}

#[tokio::test]
async fn two_agents_and_two_people_never_interleave() {
    let (scene, spoke, expected) = six_batches(Duration::from_millis(100)).await;
    let spoke = spoke.with(&[("NO_COLOR", "1"), ("PMP_LOG", "info,pmp_spoke=debug")]);
    // A message for each agent.
    scene.hub.json(&["publish"]).await;
    let agents: [Agent; 2] = std::array::from_fn(|_| spoke.start(&["run"]));
    let people: [Agent; 2] = std::array::from_fn(|_| spoke.start(&["sync", "--wait"]));
    let mut all = Vec::new();
    for person in people {
        let (code, log) = person.ended().await;
        assert_eq!(code, 0, "{log}");
        all.extend(passes(&log));
    }
    eventually("the queue is empty", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    for agent in agents {
        all.extend(passes(&agent.stop().await.1));
    }
    all.sort();
    assert!(all.len() >= 3, "{all:?}");
    assert!(all.windows(2).all(|pair| pair[0].1 <= pair[1].0), "two passes at once: {all:?}");
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(scene.alpha_account.change_sets().await, 6);
}

#[tokio::test]
async fn the_lease_of_a_spoke_that_was_killed_ends_by_itself() {
    let (scene, spoke, expected) = six_batches(Duration::from_millis(300)).await;
    let spoke = spoke.with(&[("PMP_LEASE_TERM", "3s")]);
    let agent = spoke.start(&["run"]);
    in_the_middle(&scene).await;
    agent.kill().await;
    let refused = spoke.run(&["sync"]).await;
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("(run) on "), "{}", refused.stderr);

    let waited = spoke.run(&["sync", "--wait"]).await;
    assert_eq!(waited.code, 0, "{}", waited.stderr);
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(scene.alpha_account.change_sets().await, 6);
}

/// After a spoke was killed: how long it takes until `follower` starts the next change set, and the
/// log of it.
async fn followed(scene: &Scene, follower: Agent, started: usize, died: std::time::Instant) -> (Duration, String) {
    within(Duration::from_secs(15), "the work goes on", async || {
        let goes_on = scene.alpha_account.change_sets().await > started;
        if goes_on { Ok(()) } else { Err(follower.log()) }
    })
    .await;
    let took = died.elapsed();
    eventually("the rest", &300, async || scene.alpha_account.lists(ALPHA_PROD).await.approved.len()).await;
    assert_eq!(scene.alpha_account.change_sets().await, 6, "nothing is done twice");
    let (code, log) = follower.stop().await;
    assert_eq!(code, 0, "{log}");
    // It is the silence of a whole term that tells, and nothing shorter.
    assert!(took > LeaseTerm::DEFAULT.held_for(), "{took:?}");
    (took, log)
}

#[tokio::test]
async fn the_work_of_a_killed_spoke_goes_on_within_fifteen_seconds_with_default_settings() {
    let (scene, spoke, _) = six_batches(Duration::from_millis(400)).await;
    let killed = spoke.start(&["run"]);
    in_the_middle(&scene).await;
    killed.kill().await;
    let (died, started) = (std::time::Instant::now(), scene.alpha_account.change_sets().await);
    assert!(started < 6, "it was killed in the middle");
    followed(&scene, spoke.start(&["run"]), started, died).await;
}

#[tokio::test]
async fn an_idle_spoke_goes_on_within_fifteen_seconds_where_another_is_killed_whose_message_is_hidden() {
    let ids: Vec<String> = (0..300).map(|n| format!("prod-{n:04}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let change_sets = ChangeSetTiming::always(Duration::from_millis(600));
    let scene = Scene::start(World { change_sets, ..world(&ids, &[]) }).await;
    let spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    // Both are idle: there is no snapshot yet. The message is one's.
    let mut agents = [spoke.start(&["run"]), spoke.start(&["run"])];
    for agent in &agents {
        eventually("it runs", &true, async || agent.log().contains("spoke running")).await;
    }
    // It has looked at the ledger by now, where there is nothing yet.
    tokio::time::sleep(Duration::from_secs(2)).await;
    scene.hub.json(&["publish"]).await;
    in_the_middle(&scene).await;
    if agents[1].log().contains("message received") {
        agents.reverse();
    }
    let [killed, idle] = agents;
    killed.kill().await;
    let (died, started) = (std::time::Instant::now(), scene.alpha_account.change_sets().await);
    assert!(started < 6, "it was killed in the middle");
    let (_, log) = followed(&scene, idle, started, died).await;
    assert!(log.contains("the spoke that held the lease is silent"), "{log}");
    assert!(!log.contains("message received"), "it is hidden: {log}");
}

#[tokio::test]
async fn a_spoke_that_loses_its_lease_starts_nothing_new_and_leaves_the_message() {
    // Protocol L18.
    let (scene, spoke, expected) = six_batches(Duration::from_millis(400)).await;
    let agent = spoke.with(&[("PMP_LEASE_TERM", "1s")]).start(&["run"]);
    in_the_middle(&scene).await;
    thief(&scene, Timestamp::now().as_millisecond() + 3_600_000).await;
    within(Duration::from_secs(20), "it waits", async || {
        let log = agent.log();
        if log.contains("waiting for its lease") { Ok(()) } else { Err(log) }
    })
    .await;
    let log = agent.log();
    assert!(log.contains("lease lost to a thief, since "), "{log}");
    let started = scene.alpha_account.change_sets().await;
    assert!(started < 6);
    let status = scene.hub.json(&["status"]).await;
    let receipt = &status["spokes"][0]["receipt"];
    assert_eq!(receipt["status"], "partial", "{receipt}");
    assert!(receipt["error"].as_str().unwrap().starts_with("lease lost to a thief"), "{receipt}");
    assert!(receipt["pending"].as_u64().unwrap() > 0);
    assert_eq!(scene.alpha_account.waiting(&scene.queue_url).await, 1);
    assert_eq!(scene.alpha_account.change_sets().await, started);

    // The thief gives it back, and the agent goes on by itself.
    thief(&scene, 0).await;
    eventually("the rest", &expected, async || scene.alpha_account.lists(ALPHA_PROD).await).await;
    eventually("the message", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    assert_eq!(agent.stop().await.0, 0);
}

#[tokio::test]
async fn a_message_is_hidden_from_others_while_its_pass_waits_and_works() {
    let (scene, spoke, expected) = six_batches(Duration::from_millis(300)).await;
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    // Visible again after a second, unless someone sees to it; and a dead letter when it is
    // received a second time.
    let dead_letters = "arn:aws:sqs:us-east-1:222222222222:pmp-sync-snapshots-dead-letters";
    let redrive = format!(r#"{{"deadLetterTargetArn":"{dead_letters}","maxReceiveCount":1}}"#);
    let call = client.set_queue_attributes().queue_url(&scene.queue_url).attributes("VisibilityTimeout".into(), "1");
    call.attributes("RedrivePolicy".into(), redrive).send().await.unwrap();
    thief(&scene, Timestamp::now().as_millisecond() + 3_600_000).await;
    let agent = spoke.start(&["run"]);
    within(Duration::from_secs(20), "it waits", async || {
        let log = agent.log();
        if log.contains("waiting for its lease") { Ok(()) } else { Err(log) }
    })
    .await;
    // Nobody else gets it, for longer than the queue's own timeout.
    let others = client.receive_message().queue_url(&scene.queue_url).wait_time_seconds(3).send().await.unwrap();
    assert_eq!(others.messages().len(), 0);
    thief(&scene, 0).await;
    eventually("the outcome", &0, async || scene.alpha_account.waiting(&scene.queue_url).await).await;
    assert_eq!(scene.alpha_account.lists(ALPHA_PROD).await, expected);
    assert_eq!(scene.alpha_account.waiting(&scene.dead_letters_url).await, 0);
    let (_, log) = agent.stop().await;
    assert_eq!(log.matches("message received").count(), 1, "{log}");
}
