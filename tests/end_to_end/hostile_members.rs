//! What one member organization may write with its own role, and what the hub makes of it: it harms
//! itself alone (rule 11), and is compared and not believed (rule 10).

use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use jiff::{SignedDuration, Timestamp};
use pmp_tests::{ALPHA, Aws, EXTERNAL_ID, Function, HUB, MANAGEMENT, Scene, Tap, World, member_role, world};
use serde_json::{Value, json};

pub(crate) const TIMESTAMPS: &str = "SyncTimestamps";
const MALLORY: &str = "o-mallory000";
const MALLORY_ACCOUNT: &str = "333333333333";
const TIME: Duration = Duration::from_secs(60);

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// The usual world, whose hub's account also holds a role for the organization that turns hostile.
fn with_mallory() -> World {
    let mut world = world(&["prod-a"], &[]);
    world.roles.push(member_role(MALLORY_ACCOUNT, MALLORY));
    world
}

/// The table of receipts, as the hub's account sees it.
pub(crate) fn of_the_hub(scene: &Scene) -> Client {
    Client::new(scene.hub_account.config())
}

/// The same with nothing but what a member's role permits.
async fn of_mallory(scene: &Scene) -> Client {
    let account = Aws::new(&scene.endpoint(), MALLORY_ACCOUNT);
    let call = aws_sdk_sts::Client::new(account.config()).assume_role().role_session_name("mallory");
    let call = call.role_arn(format!("arn:aws:iam::{HUB}:role/member-{MALLORY}")).external_id(EXTERNAL_ID);
    let session = call.send().await.unwrap().credentials.unwrap();
    Client::new(Aws::new(&scene.endpoint(), &session.access_key_id).config())
}

/// What alpha's spoke wrote: the sign of life and its receipts.
pub(crate) async fn honest_items(scene: &Scene) -> Vec<Item> {
    let call = of_the_hub(scene).query().table_name(TIMESTAMPS).key_condition_expression("organization = :o");
    let found = call.expression_attribute_values(":o", text(ALPHA)).send().await.unwrap().items.unwrap();
    found.into_iter().filter(|item| item["item"].as_s().unwrap().starts_with(MANAGEMENT)).collect()
}

/// The receipt among `items`, as another organization would write it about `member`.
pub(crate) fn receipt(items: &[Item], organization: &str, member: &str) -> Item {
    let is_receipt = |item: &&Item| item.contains_key("member_experience");
    let mut item = items.iter().find(is_receipt).unwrap().clone();
    item.insert("organization".into(), text(organization));
    item.insert("item".into(), text(format!("{MANAGEMENT}#{member}")));
    item.insert("member_experience".into(), text(member));
    item
}

pub(crate) fn sign_of_life(items: &[Item], organization: &str) -> Item {
    let is_seen = |item: &&Item| item.contains_key("last_seen");
    let mut item = items.iter().find(is_seen).unwrap().clone();
    item.insert("organization".into(), text(organization));
    item
}

pub(crate) fn with(mut item: Item, name: &str, value: AttributeValue) -> Item {
    item.insert(name.into(), value);
    item
}

/// An honest organization with `count` experiences in step.
pub(crate) fn honest(items: &[Item], organization: &str, count: usize) -> Vec<Item> {
    let receipts = (0..count).map(|at| receipt(items, organization, &format!("exp-{at}")));
    std::iter::once(sign_of_life(items, organization)).chain(receipts).collect()
}

/// Writes items, as the hub's account may.
pub(crate) async fn write(scene: &Scene, items: Vec<Item>) {
    let client = of_the_hub(scene);
    for batch in items.chunks(25) {
        let put = |item: &Item| PutRequest::builder().set_item(Some(item.clone())).build().unwrap();
        let requests = batch.iter().map(|item| WriteRequest::builder().put_request(put(item)).build()).collect();
        client.batch_write_item().request_items(TIMESTAMPS, requests).send().await.unwrap();
    }
}

/// A hub that admitted alpha, two more and mallory, all of them in step.
async fn all_in_step() -> (Scene, Vec<Item>) {
    let mut scene = Scene::start(with_mallory()).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let items = honest_items(&scene).await;
    for organization in ["o-beta000000", "o-gamma00000", MALLORY] {
        write(&scene, honest(&items, organization, 2)).await;
    }
    let roster = format!("{ALPHA},o-beta000000, o-gamma00000,{MALLORY}");
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &roster)]);
    (scene, items)
}

async fn rows(scene: &Scene) -> Vec<Value> {
    scene.hub.json(&["status"]).await["spokes"].as_array().unwrap().clone()
}

/// The rows of everyone but mallory.
async fn others(scene: &Scene) -> Vec<Value> {
    rows(scene).await.into_iter().filter(|row| row["organization"] != MALLORY).collect()
}

/// The figures about spokes that a scheduled run tells.
async fn figures(scene: &Scene) -> Value {
    let hub = Function::start(&scene.hub).await;
    let event = json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});
    let (_, answer) = hub.invoke(event, TIME).await;
    assert!(answer.is_ok(), "{answer:?}\n{}", hub.log());
    let document = hub.documents().pop().unwrap();
    assert_eq!(hub.stop().await.0, 0);
    document
}

/// What a hostile receipt is called by, the item, and what `status` must say about it.
fn hostile_receipts(items: &[Item]) -> Vec<(&'static str, Item, &'static str, &'static str)> {
    let own = |member: &str| receipt(items, MALLORY, member);
    let soon = (Timestamp::now() + SignedDuration::from_mins(10)).to_string();
    let digest = format!("sha256:{}", "0".repeat(64));
    let number = |number: &str| AttributeValue::N(number.into());
    vec![
        (
            "exp-next",
            with(own("exp-next"), "version", number("2")),
            "DISPUTED",
            "the ledger has no snapshot 2: the newest is 1",
        ),
        (
            "exp-last",
            with(own("exp-last"), "version", number("18446744073709551615")),
            "DISPUTED",
            "the ledger has no snapshot 18446744073709551615",
        ),
        ("exp-digest", with(own("exp-digest"), "digest", text(digest)), "DISPUTED", "it names snapshot 1 with digest "),
        (
            "exp-soon",
            with(own("exp-soon"), "received_at", text(soon)),
            "DISPUTED",
            "its time is ahead of the hub's clock: ",
        ),
        (
            "exp-status",
            with(own("exp-status"), "status", text("splendid")),
            "UNREADABLE",
            "item `exp-management#exp-status` cannot be read: ",
        ),
        (
            "exp-other",
            with(own("exp-other"), "member_experience", text("exp-0")),
            "UNREADABLE",
            "item `exp-management#exp-other` cannot be read: ",
        ),
        (
            "exp-zero",
            with(own("exp-zero"), "version", number("0")),
            "UNREADABLE",
            "item `exp-management#exp-zero` cannot be read: ",
        ),
    ]
}

#[tokio::test]
async fn each_hostile_item_has_its_named_state_and_nobody_else_is_touched() {
    // Protocol L14 and R6.
    let (scene, items) = all_in_step().await;
    let (before, figures_before) = (others(&scene).await, figures(&scene).await);
    assert_eq!(before.len(), 8, "{before:#?}");
    assert!(before.iter().all(|row| row["state"] == "SYNCED" || row["state"] == "SKIPPED"), "{before:#?}");

    let mallory = of_mallory(&scene).await;
    let put = async |item: Item| {
        mallory.put_item().table_name(TIMESTAMPS).set_item(Some(item)).send().await.unwrap();
    };
    let hostile = hostile_receipts(&items);
    for (_, item, ..) in &hostile {
        put(item.clone()).await;
    }
    // What took down the view of the whole fleet once: three attributes.
    let confirm = text(format!("confirm#{MANAGEMENT}#"));
    put(Item::from([("organization".into(), text(MALLORY)), ("item".into(), confirm), ("version".into(), text("x"))]))
        .await;
    // A reason that would move the cursor, and one that is longer than a screen.
    let loud = with(receipt(&items, MALLORY, "exp-loud"), "status", text("failed"));
    put(with(loud, "error", text("\u{1b}[2J".to_owned() + &"boo ".repeat(50_000)))).await;

    let rows = rows(&scene).await;
    for (member, _, state, message) in &hostile {
        let names =
            |row: &&Value| row["member_experience"] == *member || row["key"] == format!("{MANAGEMENT}#{member}");
        let row =
            rows.iter().find(|row| row["organization"] == MALLORY && names(row)).unwrap_or_else(|| panic!("{member}"));
        assert_eq!(row["state"], *state, "{row:#}");
        assert!(row["message"].as_str().unwrap().starts_with(message), "{row:#}");
    }
    assert_eq!(rows[0]["state"], "DISPUTED", "the worst comes first");
    let loud = rows.iter().find(|row| row["member_experience"] == "exp-loud").unwrap();
    assert!(loud["receipt"]["error"].as_str().unwrap().chars().count() <= 2_048);

    assert_eq!(others(&scene).await, before);
    let table = scene.hub.run(&["status", "--check"]).await;
    assert_eq!(table.code, 4, "{}", table.stderr);
    assert!(!table.stdout.contains('\u{1b}'), "{}", table.stdout);

    let after = figures(&scene).await;
    for name in ["SilentSpokes", "HeldExperiences", "OldestVersionLag"] {
        assert_eq!(after[name], figures_before[name], "{name}");
    }
    assert_eq!((&after["DisputedExperiences"], &after["UnreadableItems"]), (&json!(4), &json!(3)));
    assert_eq!((&figures_before["DisputedExperiences"], &figures_before["UnreadableItems"]), (&json!(0), &json!(0)));
    // It says itself that it failed, and that is its own affair.
    assert_eq!((&figures_before["FailedExperiences"], &after["FailedExperiences"]), (&json!(0), &json!(1)));
}

/// What a receipt of mallory's says where each number in it is the largest that can be written: one
/// receipt for each number, and the name of that number.
fn largest_numbers(items: &[Item]) -> Vec<(String, Item)> {
    let largest = |number: &str| AttributeValue::N(number.into());
    let map = |fields: &[(&str, AttributeValue)]| {
        AttributeValue::M(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    };
    let (u64_max, u32_max) = ("18446744073709551615", "4294967295");
    let reason = |reason: &str| {
        let fields = [("verdict", text("exclude")), ("reason", text(reason)), ("example", text("prod-a"))];
        map(&[&fields[..], &[("products", largest(u64_max))]].concat())
    };
    let drift = |name: &str, number: &str| {
        let fields = [("noticed_at", text("2026-11-24T12:00:00Z")), ("handling", text("report"))];
        let (times, products) = (("times", largest("1")), ("products", largest("1")));
        map(&[&fields[..], &[times, products], &[(name, largest(number))]].concat())
    };
    let removal =
        map(&[("at", text("2026-11-24T12:00:00Z")), ("removed", largest(u64_max)), ("approved", largest(u64_max))]);
    let set_aside = [("product", text("prod-a")), ("error", text("no")), ("tries", largest(u32_max))];
    let would = [("allow", largest(u64_max)), ("deny", largest(u64_max))];
    let numbers = [
        ("allowed", largest(u64_max)),
        ("denied", largest(u64_max)),
        ("pending", largest(u64_max)),
        ("narrowed", largest(u64_max)),
        ("line", largest(u64_max)),
        ("narrowed_for", AttributeValue::L(vec![reason("one"), reason("another")])),
        ("would_change", map(&would)),
        ("removals", AttributeValue::L(vec![removal.clone(), removal])),
        ("quarantined", AttributeValue::L(vec![map(&set_aside), map(&set_aside)])),
        ("recorded", map(&[("outcomes", largest(u64_max))])),
    ];
    let drifts = [("times", u32_max), ("products", u64_max)].map(|(name, number)| ("drift", drift(name, number)));
    let mut all = Vec::new();
    for (at, (name, value)) in numbers.into_iter().chain(drifts).enumerate() {
        // Two of each: a sum of them has to hold as well.
        for again in 0..2 {
            let member = format!("exp-{name}-{at}-{again}").replace('_', "-");
            let item = with(receipt(items, MALLORY, &member), name, value.clone());
            all.push((name.to_owned(), with(item, "status", text(if at % 2 == 0 { "in-sync" } else { "partial" }))));
        }
    }
    // As it was found: both numbers in one receipt, twice.
    for again in 0..2 {
        let item = with(receipt(items, MALLORY, &format!("exp-found-{again}")), "narrowed", largest(u64_max));
        let reasons = AttributeValue::L(vec![reason("one"), reason("another")]);
        all.push(("narrowed".to_owned(), with(item, "narrowed_for", reasons)));
    }
    all
}

#[tokio::test]
async fn the_largest_numbers_of_one_organization_stop_no_command() {
    // Protocol R16.
    let (scene, items) = all_in_step().await;
    let before = others(&scene).await;
    let largest = largest_numbers(&items);
    let mallory = of_mallory(&scene).await;
    for (_, item) in &largest {
        mallory.put_item().table_name(TIMESTAMPS).set_item(Some(item.clone())).send().await.unwrap();
    }
    let seen = with(sign_of_life(&items, MALLORY), "experiences", AttributeValue::N("18446744073709551615".into()));
    let seen = with(
        seen,
        "change_set_times",
        AttributeValue::M(
            ["quickest_ms", "typical_ms"]
                .map(|name| (name.to_owned(), AttributeValue::N("18446744073709551615".into())))
                .into(),
        ),
    );
    mallory.put_item().table_name(TIMESTAMPS).set_item(Some(seen)).send().await.unwrap();

    assert_eq!(others(&scene).await, before);
    let rows = rows(&scene).await;
    // Those that count products cannot be read. Ten of one organization are told, and the number of
    // the others.
    let (mut told, mut unreadable) = (0, 0);
    for (name, item) in &largest {
        let key = item["item"].as_s().unwrap();
        let of_products = !["line", "quarantined", "recorded"].contains(&name.as_str()) && !key.contains("drift-10");
        unreadable += usize::from(of_products);
        let Some(row) = rows.iter().find(|row| row["key"] == **key) else { continue };
        assert!(of_products && row["state"] == "UNREADABLE", "{row:#}");
        assert!(row["message"].as_str().unwrap().contains("more than the 1000000 products of any snapshot"), "{row:#}");
        told += 1;
    }
    assert_eq!((told, unreadable), (10, 18), "{rows:#?}");
    let more = rows.iter().find(|row| row["message"] == "8 items more cannot be read");
    assert!(more.is_some_and(|row| row["organization"] == MALLORY), "{rows:#?}");
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("fleet.html").to_string_lossy().into_owned();
    for command in [
        &["status"][..],
        &["status", "--all"],
        &["status", "-o", "wide"],
        &["status", "-o", "json"],
        &["status", "-o", "csv"],
        &["exceptions"],
        &["exceptions", "--all"],
        &["exceptions", "-o", "json"],
        &["exceptions", "-o", "csv"],
        &["confirm", "--all"],
        &["drift"],
        &["drift", "-o", "wide"],
        &["versions"],
        &["members"],
        &["directions"],
        &["plan"],
        &["plan", "-o", "json"],
        &["why", "prod-a"],
        &["why", "prod-a", "--org", MALLORY],
        &["log", MALLORY],
        &["history"],
        &["report", "--csv"],
        &["report", "--html", &page],
        &["wait", "1", "--timeout", "1s"],
        &["doctor"],
        &["publish"],
    ] {
        let ran = scene.hub.run(command).await;
        assert!([0, 1, 4].contains(&ran.code), "{command:?}: {} {}", ran.code, ran.stderr);
        assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("overflow"), "{command:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains("unexpected argument"), "{command:?}: {}", ran.stderr);
    }
    let figures = figures(&scene).await;
    assert_eq!(figures["FailedExperiences"], json!(0), "{figures:#}");
}

/// An item that someone with a member's role might put: from nearly honest to anything at all.
fn adversarial(random: &mut fastrand::Rng, items: &[Item], at: usize) -> Item {
    let member = if random.bool() { format!("exp-{at}") } else { noise(random, 40) };
    let mut item = receipt(items, MALLORY, &member);
    for _ in 0..random.usize(1..4) {
        let names: Vec<String> =
            item.keys().filter(|name| !["organization", "item"].contains(&name.as_str())).cloned().collect();
        let name = names[random.usize(..names.len())].clone();
        match random.u8(..8) {
            0 => drop(item.remove(&name)),
            1 => drop(item.insert(name, AttributeValue::Null(true))),
            2 => drop(item.insert(name, AttributeValue::N(random.u64(..).to_string()))),
            3 => drop(item.insert(name, AttributeValue::L(vec![text("x"); random.usize(..50)]))),
            4 => drop(item.insert("version".into(), AttributeValue::N(random.u64(1..=u64::MAX).to_string()))),
            5 => drop(item.insert("received_at".into(), text("9999-12-30T00:00:00Z"))),
            6 => drop(item.insert("status".into(), text(noise(random, 10)))),
            _ => drop(item.insert(name, text(noise(random, 400)))),
        }
    }
    let prefix =
        ["exp-management#", "exp-management#", "exp-management#", "confirm#exp-management#", "lease", "", "exp-other#"];
    let key = format!("{}{member}", prefix[random.usize(..prefix.len())]);
    // A sort key may not be empty.
    item.insert("item".into(), text(if key.is_empty() { "x".to_owned() } else { key }));
    item
}

/// Letters of all sorts: control and direction characters, and what has a meaning in keys.
fn noise(random: &mut fastrand::Rng, most: usize) -> String {
    let letters = ['a', 'Z', '9', '#', '-', ' ', '\n', '\u{1b}', '\u{202e}', '\u{0}', 'é', '漢', '🦀', '`', '"', '\\'];
    (0..random.usize(..most)).map(|_| letters[random.usize(..letters.len())]).collect()
}

/// Puts `count` of them, several at once.
async fn attack(scene: &Scene, items: &[Item], count: usize) {
    const AT_ONCE: usize = 16;
    let mallory = of_mallory(scene).await;
    let mut random = fastrand::Rng::with_seed(14);
    let hostile: Vec<Item> = (0..count).map(|at| adversarial(&mut random, items, at)).collect();
    for batch in hostile.chunks(AT_ONCE) {
        let mut puts = tokio::task::JoinSet::new();
        for item in batch {
            puts.spawn(mallory.put_item().table_name(TIMESTAMPS).set_item(Some(item.clone())).send());
        }
        while let Some(put) = puts.join_next().await {
            put.unwrap().unwrap();
        }
    }
}

#[tokio::test]
async fn a_hundred_random_items_of_one_organization_change_nothing_about_the_others() {
    let (scene, items) = all_in_step().await;
    let before = others(&scene).await;
    attack(&scene, &items, 100).await;
    assert_eq!(others(&scene).await, before);
    let after = figures(&scene).await;
    for name in ["SilentSpokes", "OldestVersionLag"] {
        assert_eq!(after[name], json!(0), "{name}");
    }
    assert!(after["UnreadableItems"].as_u64().unwrap() > 0, "{after}");
    // Without a roster everyone is read by a scan: the same holds.
    let scanned = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", "")]).json(&["status"]).await;
    let spokes = scanned["spokes"].as_array().unwrap().iter();
    let scanned: Vec<Value> = spokes.filter(|row| row["organization"] != MALLORY).cloned().collect();
    assert_eq!(scanned, before);
}

#[tokio::test]
async fn an_organization_is_read_whole_where_the_hub_says_that_it_is_large_whatever_it_says_itself() {
    // Protocol L15.
    const EXPERIENCES: usize = 400;
    let (mut scene, items) = all_in_step().await;
    let large = "o-large00000";
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &format!("{ALPHA},{MALLORY},{large}"))]);
    write(&scene, honest(&items, large, EXPERIENCES)).await;
    let of_it = async |scene: &Scene| {
        rows(scene).await.into_iter().filter(|row| row["organization"] == large).collect::<Vec<Value>>()
    };

    let before = of_it(&scene).await;
    let shown = before.iter().filter(|row| row["state"] == "SYNCED").count();
    assert!((200..EXPERIENCES).contains(&shown), "{shown}");
    let (left_out, message) = (&before[0]["state"], before[0]["message"].as_str().unwrap());
    assert_eq!(left_out, "UNREADABLE", "{message}");
    assert!(message.ends_with("`pmp-hub members admit o-large00000 --large`"), "{message}");

    assert_eq!(scene.hub.run(&["members", "admit", large, "--large"]).await.code, 0);
    let after = of_it(&scene).await;
    assert_eq!(after.iter().filter(|row| row["state"] == "SYNCED").count(), EXPERIENCES);
    assert_eq!(after.len(), EXPERIENCES, "nothing is left out");

    // Whoever is on the roster becomes large once, and keeps who admitted it.
    scene.hub.json(&["init", "--admit", ALPHA]).await;
    let made = scene.hub.json(&["init", "--admit", ALPHA, "--large"]).await;
    assert_eq!(made["changes"], json!([format!("{ALPHA} counts as large from now on")]));
    assert_eq!(scene.hub.json(&["init", "--admit", ALPHA, "--large"]).await["changes"], json!([]));
    assert_eq!(scene.hub.json(&["init", "--admit", ALPHA]).await["changes"], json!([]));
}

/// What a `status` cost: calls of DynamoDB, read units where they were told, and time.
#[derive(Debug)]
struct Cost {
    queries: usize,
    scans: usize,
    units: f64,
    took: Duration,
}

/// The same eleven times: the quickest of them.
async fn usual_cost_of_status(scene: &Scene) -> Cost {
    let mut costs = Vec::new();
    for _ in 0..11 {
        costs.push(cost_of_status(scene).await);
    }
    // The quickest: what else this machine does only adds to it, and it takes little.
    costs.sort_by_key(|cost| cost.took);
    costs.swap_remove(0)
}

async fn cost_of_status(scene: &Scene) -> Cost {
    let tap = Tap::open(&scene.endpoint()).await;
    let began = Instant::now();
    scene.hub.with(&[("AWS_ENDPOINT_URL_DYNAMODB", tap.endpoint())]).json(&["status"]).await;
    let took = began.elapsed();
    let calls = tap.record();
    let count = |operation: &str| calls.iter().filter(|call| call.operation == operation).count();
    let told = calls.iter().filter_map(|call| serde_json::from_slice::<Value>(&call.answer).ok());
    let units = told.filter_map(|answer| answer["ConsumedCapacity"]["CapacityUnits"].as_f64()).sum();
    Cost { queries: count("Query"), scans: count("Scan"), units, took }
}

/// 200 organizations with five experiences each, and ten thousand items of one of them. It takes a
/// minute or more.
#[tokio::test]
#[ignore = "takes a minute; run it with `--ignored --nocapture` to see what it costs"]
#[allow(clippy::print_stdout)]
async fn ten_thousand_items_of_one_organization_change_no_other_row_and_cost_little() {
    let (mut scene, items) = all_in_step().await;
    let names: Vec<String> = (0..199).map(|at| format!("o-member{at:04}")).collect();
    for organization in &names {
        write(&scene, honest(&items, organization, 5)).await;
    }
    let roster = names.iter().map(String::as_str).chain([ALPHA, MALLORY]).collect::<Vec<_>>().join(",");
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &roster)]);
    let before = others(&scene).await;
    let honest = usual_cost_of_status(&scene).await;
    attack(&scene, &items, 10_000).await;
    let hostile = usual_cost_of_status(&scene).await;
    // The dearest that it can say: that it keeps as many experiences as it likes.
    let claim = with(sign_of_life(&items, MALLORY), "experiences", AttributeValue::N("500".into()));
    of_mallory(&scene).await.put_item().table_name(TIMESTAMPS).set_item(Some(claim)).send().await.unwrap();
    let claiming = usual_cost_of_status(&scene).await;
    for (whose, cost) in [("honest", &honest), ("hostile", &hostile), ("claims to be large", &claiming)] {
        let Cost { queries, scans, units, took } = cost;
        let (more, longer) = (units / honest.units, took.as_secs_f64() / honest.took.as_secs_f64());
        println!("{whose}: {queries} queries, {scans} scans, {units} read units ({more:.2}), {took:?} ({longer:.2})");
    }
    assert_eq!(others(&scene).await, before);
    let share = |before: usize, after: usize| {
        f64::from(u32::try_from(after).unwrap()) / f64::from(u32::try_from(before).unwrap())
    };
    for cost in [&hostile, &claiming] {
        assert!(cost.took <= honest.took.mul_f64(1.2), "{honest:?} {cost:?}");
        assert!(share(honest.queries, cost.queries) <= 1.2, "{honest:?} {cost:?}");
        assert!(cost.units <= 1.2 * honest.units, "{honest:?} {cost:?}");
    }
}

/// What `why` says of everyone but mallory, and of mallory.
async fn why(scene: &Scene, product: &str) -> (Vec<Value>, Vec<Value>) {
    let why = scene.hub.json(&["why", product]).await;
    let rows = why["experiences"].as_array().unwrap().clone();
    rows.into_iter().partition(|row| row["organization"] != MALLORY)
}

#[tokio::test]
async fn garbage_in_the_record_of_one_organization_is_told_as_that_and_changes_nothing_about_the_others() {
    let (scene, _) = all_in_step().await;
    let (before, _) = why(&scene, "prod-a").await;
    let stands = |row: &Value| row["stance"] == "APPROVED" || row["stance"] == "SKIPPED";
    assert!(before.iter().all(stands), "{before:#?}");
    let logged = scene.hub.json(&["log", ALPHA]).await;
    let mallory = of_mallory(&scene).await;
    let binary = |bytes: Vec<u8>| AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(bytes));
    let own =
        |key: &str| -> Item { [("organization".to_owned(), text(MALLORY)), ("item".to_owned(), text(key))].into() };
    let put = async |item: Item| mallory.put_item().table_name(TIMESTAMPS).set_item(Some(item)).send().await.unwrap();
    let decided = |member: &str| own(&format!("decided#{MANAGEMENT}#{member}"));
    put(with(decided("exp-0"), "journal", binary(b"garbage".to_vec()))).await;
    put(with(decided("exp-1"), "journal", text("\u{1b}[2J".repeat(500)))).await;
    put(decided("\u{202e}no experience")).await;
    let outcome = |slot: &str| own(&format!("done#{MANAGEMENT}#exp-0#{slot}"));
    put(with(outcome("00"), "outcome", text("\u{1b}]0;boo\u{7}".repeat(1_000)))).await;
    put(outcome("01")).await;
    // Another organization's, in its own partition; and one about a snapshot that there never was.
    let honest = scene.hub.json(&["log", ALPHA]).await["outcomes"][0].clone();
    let mut others = honest.clone();
    others.as_object_mut().unwrap().remove("disputed");
    let map = |value: &Value| AttributeValue::M(serde_dynamo::to_item(value).unwrap());
    put(with(outcome("02"), "outcome", map(&others))).await;
    others["organization"] = MALLORY.into();
    others["member_experience"] = "exp-0".into();
    others["version"] = 99.into();
    others["error"] = "\u{1b}[31mred".into();
    put(with(outcome("03"), "outcome", map(&others))).await;

    let (after, hostile) = why(&scene, "prod-a").await;
    assert_eq!(after, before);
    let stances: Vec<_> = hostile.iter().map(|row| row["stance"].as_str().unwrap()).collect();
    assert_eq!(stances, ["UNREADABLE", "UNREADABLE", "UNREADABLE"], "{hostile:#?}");
    assert!(hostile[0]["why"].as_str().unwrap().starts_with("its record cannot be read: "), "{hostile:#?}");
    let table = scene.hub.run(&["why", "prod-a", "--all"]).await;
    assert!(table.code == 0 && !table.stdout.contains(['\u{1b}', '\u{202e}']), "{}", table.stdout);

    let log = scene.hub.json(&["log", MALLORY]).await;
    assert_eq!((log["outcomes"].as_array().unwrap().len(), log["unreadable"].as_array().unwrap().len()), (1, 3));
    assert_eq!(log["outcomes"][0]["disputed"], "the ledger has no snapshot 99: the newest is 1");
    let shown = scene.hub.run(&["log", MALLORY]).await;
    assert!(shown.code == 0 && !shown.stdout.contains('\u{1b}'), "{}", shown.stdout);
    assert_eq!(scene.hub.json(&["log", ALPHA]).await, logged);
}
