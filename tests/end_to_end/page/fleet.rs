//! A fleet as large as the page must be able to show, with ids, times and accounts as they are in
//! life: by chance, so that they pack no better than those. The seed makes it the same each time.

use aws_sdk_dynamodb::types::AttributeValue;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use pmp_local_aws::world::Product;
use pmp_tests::{ALPHA, MANAGEMENT, Scene, World, world};

use crate::hostile_members::{Item, honest_items, of_the_hub, receipt, text, with, write};

pub(super) const EXPERIENCES: usize = 5;
/// How long ago the three snapshots were taken.
const TAKEN: [SignedDuration; 3] =
    [SignedDuration::from_hours(24 * 30), SignedDuration::from_hours(24 * 6), SignedDuration::from_hours(2)];
const KINDS: [&str; 8] = ["Scanner", "Gateway", "Warehouse", "Vault", "Monitor", "Planner", "Mesh", "Archive"];
const THINGS: [&str; 8] = ["Port", "Data", "Secret", "Container", "Invoice", "Log", "Model", "Image"];
const VENDORS: [&str; 6] = ["Example Security", "Acme Corp", "Example Inc", "Northwind", "Contoso", "Initech"];

fn word(rng: &mut Rng, length: usize) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    (0..length).map(|_| char::from(rng.choice(LETTERS.iter().copied()).unwrap())).collect()
}

fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn map(fields: &[(&str, AttributeValue)]) -> AttributeValue {
    AttributeValue::M(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn product(rng: &mut Rng, id: &str) -> Product {
    let mut pick = |words: &[&'static str]| rng.choice(words.iter().copied()).unwrap();
    let name = format!("{} {} {}", pick(&THINGS), pick(&KINDS), pick(&["", "Pro", "Enterprise"]));
    Product {
        id: id.to_owned(),
        name: name.trim_end().to_owned(),
        manufacturer: pick(&VENDORS).to_owned(),
        fulfillment: "SaaS".into(),
        ..Product::default()
    }
}

/// What one organization wrote. Some are in trouble, as `at` has it.
fn items_of(rng: &mut Rng, at: usize, organization: &str, newest: &[Item], older: &[Item]) -> Vec<Item> {
    let ago = |seconds: u64| (Timestamp::now() - SignedDuration::from_secs(seconds.try_into().unwrap())).to_string();
    let silent = at % 40 == 3;
    let seen = if silent { 100_000 + rng.u64(0..90_000) } else { rng.u64(5..3_500) };
    let account = format!("{:012}", rng.u64(100_000_000_000..999_999_999_999));
    let sign = newest.iter().find(|item| item.contains_key("last_seen")).unwrap().clone();
    let sign = with(with(sign, "organization", text(organization)), "account", text(account));
    let mut all = vec![with(sign, "last_seen", text(ago(seen)))];
    for experience in 0..EXPERIENCES {
        let own = format!("exp-{}", word(rng, 13));
        let behind = at % 25 == 5;
        let item = receipt(if behind { older } else { newest }, organization, &own);
        // Most are quick, and a few take hours.
        let took = if rng.u64(0..10) < 8 { rng.u64(20..240) } else { rng.u64(240..6_000) };
        let since = if behind { TAKEN[1] } else { TAKEN[2] };
        let applied = ago((u64::try_from(since.as_secs()).unwrap()).saturating_sub(took));
        let mut in_force = item["applied"].as_m().unwrap().clone();
        in_force.insert("at".to_owned(), text(&applied));
        let item = with(with(item, "applied", AttributeValue::M(in_force)), "received_at", text(ago(seen)));
        let item = with(item, "applied_at", text(&applied));
        let item = with(item, "allowed", number(rng.u64(0..9)));
        all.push(match (at % 20, experience) {
            (1, 0 | 1) => {
                let removed = 160 + rng.u64(0..140);
                let error = format!(
                    "it would remove {removed} of 300 approved products ({}%, limit 50%); let it through: `pmp-spoke sync`",
                    removed / 3
                );
                with(with(item, "status", text("held")), "error", text(error))
            }
            (2, 0..3) => {
                let error = format!("the filter trapped after {} units of fuel, in {own}", rng.u64(1_000..900_000));
                with(with(item, "status", text("failed")), "error", text(error))
            }
            (6 | 9, _) => {
                let digest = if at % 20 == 6 { item["digest"].clone() } else { text(format!("sha256:{}", "5a".repeat(32))) };
                let filter = [("name", text("no-genai")), ("version", text("1.2.0")), ("digest", digest)];
                let products = rng.u64(3..40);
                let reason = [
                    ("verdict", text("exclude")),
                    ("reason", text("the label `genai` is excluded")),
                    ("products", number(products)),
                    ("example", text("prod-genai")),
                ];
                let item = with(with(item, "filter", map(&filter)), "narrowed", number(products));
                with(item, "narrowed_for", AttributeValue::L(vec![map(&reason)]))
            }
            (7, 0) => with(item, "version", number(99)),
            (8, 4) => with(with(item, "status", text("skipped")), "error", text("the experience is disabled")),
            (10, 0) => {
                let aside = [("product", text("prod-aside")), ("error", text("ResourceNotFoundException")), ("tries", number(3))];
                with(item, "quarantined", AttributeValue::L(vec![map(&aside)]))
            }
            _ => item,
        });
    }
    all
}

/// Has the three snapshots taken in the past.
async fn make_older(scene: &Scene) {
    let client = of_the_hub(scene);
    let call = client.query().table_name("Snapshots").key_condition_expression("experience = :e");
    let items = call.expression_attribute_values(":e", text(MANAGEMENT)).send().await.unwrap().items.unwrap();
    for item in items.into_iter().filter(|item| item.contains_key("taken_at")) {
        let version = item.get("version").or_else(|| item.get("latest")).unwrap().as_n().unwrap();
        let ago = TAKEN[version.parse::<usize>().unwrap() - 1];
        let item = with(item, "taken_at", text((Timestamp::now() - ago).to_string()));
        client.put_item().table_name("Snapshots").set_item(Some(item)).send().await.unwrap();
    }
}

/// A hub that admitted so many organizations, and what they reported of three snapshots.
pub(super) async fn fleet(organizations: usize) -> Scene {
    let mut rng = Rng::with_seed(20);
    let ids: Vec<String> = (0..330).map(|_| format!("prod-{}", word(&mut rng, 13))).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let products = ids.iter().map(|id| product(&mut rng, id)).collect();
    let mut scene = Scene::start(World { products, ..world(&ids[..300], &ids[300..310]) }).await;
    scene.hub = scene.hub.with(&[("PMP_PRODUCT_ATTRIBUTES", "true")]);
    scene.hub.json(&["publish"]).await;
    for (approve, reject) in [(&ids[310..318], &ids[..3]), (&ids[318..326], &ids[3..9])] {
        assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
        scene.hub_account.approve(MANAGEMENT, approve).await;
        scene.hub_account.reject(MANAGEMENT, reject).await;
        scene.hub.json(&["publish"]).await;
    }
    let older = honest_items(&scene).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let newest = honest_items(&scene).await;
    make_older(&scene).await;
    let names: Vec<String> = (0..organizations).map(|_| format!("o-{}", word(&mut rng, 10))).collect();
    let mut items = Vec::new();
    for (at, name) in names.iter().enumerate().filter(|(at, _)| at % 50 != 4) {
        items.extend(items_of(&mut rng, at, name, &newest, &older));
    }
    write(&scene, items).await;
    let roster = names.iter().map(String::as_str).chain([ALPHA]).collect::<Vec<_>>().join(",");
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &roster)]);
    scene
}
