//! What an operator sees of the whole fleet: one screen, whatever its size, in every form, and what
//! that costs.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use pmp_tests::{
    ALPHA, ALPHA_DEV, ALPHA_PROD, Finished, Lists, MANAGEMENT, PublishedSchema, Scene, Tap, eventually, within, world,
};
use serde_json::{Value, json};

use crate::confirming::two_thirds_to_remove;
use crate::hostile_members::{Item, TIMESTAMPS, of_the_hub, receipt, text, with, write};

const EXPERIENCES: usize = 5;
const STRANGER: &str = "o-stranger00";

/// Nothing of it needs more than the smallest terminal.
pub(crate) fn assert_one_screen(what: &str, finished: &Finished) {
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert!(lines.len() <= 24, "{what}: {} lines\n{}", lines.len(), finished.stdout);
    for line in lines {
        assert!(line.chars().count() <= 80, "{what}: {} columns: {line}", line.chars().count());
    }
    assert_eq!(finished.said(), "", "{what}");
}

fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn map(fields: &[(&str, AttributeValue)]) -> AttributeValue {
    AttributeValue::M(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

/// The items of one organization of a fleet in which something of everything is wrong.
fn items_of(at: usize, organization: &str, items: &[Item]) -> Vec<Item> {
    let signs = items.iter().filter(|item| item.contains_key("last_seen")).map(|item| {
        let item = with(item.clone(), "organization", text(organization));
        let silent = (Timestamp::now() - SignedDuration::from_hours(27 + (at % 7) as i64)).to_string();
        if at % 20 == 3 { with(item, "last_seen", text(silent)) } else { item }
    });
    let receipts = (0..EXPERIENCES).map(|experience| {
        let item = receipt(items, organization, &format!("exp-{at}-{experience}"));
        match (at % 20, experience) {
            (1, 0 | 1) => {
                let removed = 160 + at % 140;
                let error = format!(
                    "it would remove {removed} of 300 approved products ({}%, limit 50%); let it through: `pmp-spoke sync`",
                    removed / 3
                );
                with(with(item, "status", text("held")), "error", text(error))
            }
            (2, _) => {
                let error = format!("the filter trapped after {} units of fuel, in exp-{at}-{experience}", at * 1_000);
                with(with(item, "status", text("failed")), "error", text(error))
            }
            (5, 0) => {
                let aside = [("product", text("prod-aside")), ("error", text("ResourceNotFoundException")), ("tries", number(3))];
                with(item, "quarantined", AttributeValue::L(vec![map(&aside)]))
            }
            (6, _) => {
                let filter = [("name", text("no-genai")), ("version", text("1")), ("digest", item["digest"].clone())];
                let reason = [
                    ("verdict", text("exclude")),
                    ("reason", text("the label `genai` is excluded")),
                    ("products", number(12)),
                    ("example", text("prod-genai")),
                ];
                let item = with(with(item, "filter", map(&filter)), "narrowed", number(12));
                with(item, "narrowed_for", AttributeValue::L(vec![map(&reason)]))
            }
            (7, 0) => with(item, "version", number(99)),
            (8, 4) => with(with(item, "status", text("skipped")), "error", text("the experience is disabled")),
            _ => item,
        }
    });
    signs.chain(receipts).collect()
}

/// What an organization's spoke decided and did, as alpha's did for one experience.
fn records_of(at: usize, organization: &str, records: &[Item]) -> Vec<Item> {
    let of_one = |experience: usize| {
        let own = format!("exp-{at}-{experience}");
        records.iter().filter(|item| item["item"].as_s().unwrap().contains(ALPHA_PROD)).map(move |item| {
            let key = item["item"].as_s().unwrap().replace(ALPHA_PROD, &own);
            with(with(item.clone(), "organization", text(organization)), "item", text(key))
        })
    };
    (0..EXPERIENCES).flat_map(of_one).collect()
}

/// The same with one product and one snapshot.
async fn fleet(organizations: usize) -> Scene {
    fleet_with(organizations, &["prod-a"], &[]).await
}

/// A hub that admitted so many organizations, and their reports. Some are in trouble; some never
/// came. The first snapshot approves `products`, and one more for each that came `later`.
pub(crate) async fn fleet_with(organizations: usize, products: &[&str], later: &[&str]) -> Scene {
    let mut scene = Scene::start(world(products, &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    for product in later {
        scene.hub_account.approve(MANAGEMENT, &[product]).await;
        scene.hub.json(&["publish"]).await;
        assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    }
    let call = of_the_hub(&scene).query().table_name(TIMESTAMPS).key_condition_expression("organization = :o");
    let items = call.expression_attribute_values(":o", text(ALPHA)).send().await.unwrap().items.unwrap();
    let (items, records): (Vec<Item>, Vec<Item>) = items
        .into_iter()
        .filter(|item| item["item"].as_s().unwrap().contains(MANAGEMENT))
        .partition(|item| item.contains_key("last_seen") || item.contains_key("member_experience"));
    let names: Vec<String> = (0..organizations).map(|at| format!("o-member{at:04}")).collect();
    for (at, name) in names.iter().enumerate().filter(|(at, _)| at % 20 != 4) {
        write(&scene, items_of(at, name, &items)).await;
        write(&scene, records_of(at, name, &records)).await;
    }
    write(&scene, items_of(0, STRANGER, &items)).await;
    let roster = names.iter().map(String::as_str).chain([ALPHA]).collect::<Vec<_>>().join(",");
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &roster)]);
    scene
}

#[tokio::test]
async fn each_command_fits_one_screen_and_says_what_has_the_same_cause() {
    let scene = fleet(60).await;
    let (hub, screen) = (&scene.hub, scene.hub.on_a_screen());
    let status = screen.run(&["status"]).await;
    assert_one_screen("status", &status);
    let told = &status.stdout;
    for part in [
        "HELD        6 experiences of 3 organizations: o-member0001 and 2 more",
        "            it would remove 161–201 of 300 approved products (53–67%, limit 50%);",
        "ERROR       15 experiences of 3 organizations: o-member0002 and 2 more",
        "the filter trapped after 2000–42000 units of fuel, in …",
        "NEVER       3 organizations: o-member0004, o-member0024, o-member0044",
        "silent for 28h–30h",
        "SYNCED",
        "DISPUTED    3 experiences of 3 organizations: o-member0007",
        "; 8 disputed, 6 held, 15 error, 15 stale, 5 skipped; organizations: 3 never",
    ] {
        let flat = told.split_whitespace().collect::<Vec<_>>().join(" ");
        let part = part.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(&part), "{part}\n{told}");
    }
    assert_eq!(hub.run(&["status", "--check"]).await.code, 4);

    for command in [
        &["versions"][..],
        &["members"],
        &["exceptions"],
        &["history"],
        &["show"],
        &["diff", "1", "1"],
        &["plan"],
        &["why", "prod-a"],
        &["why", "prod-a", "--org", "o-member0000"],
    ] {
        assert_one_screen(&command.join(" "), &screen.run(command).await);
    }
    let waited = screen.run(&["wait", "--timeout", "1s"]).await;
    assert_eq!(waited.code, 4);
    assert_one_screen("wait", &Finished { stderr: String::new(), ..waited });

    let members = hub.run(&["members"]).await.stdout;
    assert!(
        members.starts_with("NEVER       3 organizations: o-member0004, o-member0024, o-member0044\n"),
        "{members}"
    );
    assert!(members.contains("UNADMITTED  1 organization: o-stranger00 ("), "{members}");
    let never = hub.json(&["members", "--state", "never"]).await;
    assert_eq!(never["members"].as_array().unwrap().len(), 3);

    // All rows, and those that are asked for.
    let rows = async |arguments: &[&str]| hub.json(arguments).await["spokes"].as_array().unwrap().clone();
    let all = rows(&["status"]).await;
    assert_eq!(
        hub.run(&["status", "--all"]).await.stdout.lines().count(),
        all.len() + 4,
        "a row for each, two lines and a header above, and one below"
    );
    let held = rows(&["status", "--state", "held"]).await;
    assert_eq!((held.len(), &held[0]["state"]), (6, &json!("HELD")));
    let one = rows(&["status", "--org", "o-member0001", "--experience", "exp-1-0,exp-1-4"]).await;
    let states: Vec<_> = one.iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["HELD", "SYNCED"]);
    let sorted = rows(&["status", "--sort", "organization", "--org", "o-member0002,o-member0001"]).await;
    assert_eq!((&sorted[0]["organization"], sorted.len()), (&json!("o-member0001"), 10));
    assert_eq!(hub.run(&["status", "--check", "--org", "o-member0000"]).await.code, 0);
    // What nobody knows is a mistake, and no empty list.
    for (flag, value, told) in [
        ("--org", "o-mistyped00", "the hub knows nothing of the organization `o-mistyped00`"),
        ("--experience", "exp-zzz", "no spoke has reported about the experience `exp-zzz`"),
    ] {
        let mistyped = hub.run(&["status", "--check", flag, value]).await;
        assert_eq!((mistyped.code, mistyped.stderr.contains(told)), (1, true), "{mistyped:?}");
        assert!(mistyped.stderr.contains("code: E4061"), "{mistyped:?}");
    }
    let nobody = hub.run(&["members", "--org", "o-mistyped00"]).await;
    assert!(nobody.code == 1 && nobody.stderr.contains("code: E4053"), "{nobody:?}");
    let causes = hub.json(&["status"]).await["causes"].clone();
    let held = causes.as_array().unwrap().iter().find(|cause| cause["state"] == "HELD").unwrap();
    assert_eq!((&held["organizations"], &held["experiences"]), (&json!(3), &json!(6)));
}

#[tokio::test]
async fn exceptions_are_told_by_cause_and_row_by_row_for_programs() {
    let scene = fleet(40).await;
    let told = scene.hub.run(&["exceptions"]).await.stdout;
    for part in [
        "HELD        4 experiences of 2 organizations: o-member0001, o-member0021",
        "`pmp-hub confirm --cause ",
        "SET ASIDE   2 products in 2 experiences of 2 organizations",
        "ResourceNotFoundException",
        "FILTERED    120 products in 10 experiences of 2 organizations",
        "excluded by filter `no-genai@",
        "`: the label `genai` is excluded\n",
        "SKIPPED     ",
        "the experience is disabled",
        "4 experiences held, 2 products set aside, 120 products filtered, 4 experiences",
    ] {
        assert!(told.contains(part), "{part}\n{told}");
    }
    let document = scene.hub.json(&["exceptions"]).await;
    let kinds =
        |kind: &str| document["exceptions"].as_array().unwrap().iter().filter(|row| row["kind"] == kind).count();
    assert_eq!([kinds("held"), kinds("set-aside"), kinds("excluded")], [4, 2, 10]);
    let csv = scene.hub.run(&["exceptions", "-o", "csv", "--org", "o-member0005"]).await.stdout;
    assert_eq!(
        csv,
        "kind,organization,member_experience,reason,products,product,version,since,next_try\n\
         set-aside,o-member0005,exp-5-0,ResourceNotFoundException,1,prod-aside,1,,\n"
    );
    let none = scene.hub.run(&["exceptions", "--org", "o-member0000"]).await.stdout;
    assert_eq!(none, "No exceptions: nothing is held, set aside, filtered or skipped.\n");
}

#[tokio::test]
async fn many_are_confirmed_at_once_and_only_what_was_shown() {
    let scene = fleet(40).await;
    let hub = &scene.hub;
    let cause = async || {
        let causes = hub.json(&["exceptions"]).await["causes"].as_array().unwrap().clone();
        causes.iter().find(|cause| cause["kind"] == "held").map(|cause| cause["confirm"].as_str().unwrap().to_owned())
    };
    let shown = cause().await.unwrap();

    // Nobody to ask; and nobody looked.
    for (arguments, code) in [
        (&["confirm", "--all"][..], "E4050"),
        (&["confirm", "--all", "--yes"], "E4049"),
        (&["confirm", "--cause", &shown], "E4050"),
    ] {
        let refused = hub.run(arguments).await;
        assert_eq!(refused.code, 3, "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains(&format!("code: {code}")), "{arguments:?}: {refused:?}");
        assert!(refused.stderr.contains("HELD        4 experiences of 2 organizations"), "{refused:?}");
        assert!(refused.stderr.contains("--yes --snapshot 1`"), "{refused:?}");
    }
    let other = hub.run(&["confirm", "--all", "--yes", "--snapshot", "2"]).await;
    assert_eq!((other.code, other.stderr.contains("snapshot 2 is not the newest: 1 is")), (3, true), "{other:?}");
    assert!(other.stderr.contains("code: E4046"), "{other:?}");
    for wrong in
        [&["confirm"][..], &["confirm", "--all", ALPHA, "1"], &["confirm", "--all", "--force"], &["confirm", ALPHA]]
    {
        assert_eq!(hub.run(wrong).await.code, 1, "{wrong:?}");
    }

    // One of them would remove more by now: what was shown is not what is held.
    let call = of_the_hub(&scene).update_item().table_name(TIMESTAMPS).key("organization", text("o-member0021"));
    let call = call.key("item", text(format!("{MANAGEMENT}#exp-21-0"))).update_expression("SET #error = :error");
    let call = call.expression_attribute_names("#error", "error");
    let more = text("it would remove 300 of 300 approved products (100%, limit 50%)");
    call.expression_attribute_values(":error", more).send().await.unwrap();
    let outdated = hub.run(&["confirm", "--cause", &shown, "--yes"]).await;
    assert_eq!(outdated.code, 3, "{outdated:?}");
    assert!(outdated.stderr.contains(&format!("no held plans have the number `{shown}`")), "{outdated:?}");
    assert!(outdated.stderr.contains("code: E4047"), "{outdated:?}");

    // In one organization, and then the rest, by its cause; each with one announcement.
    let confirmed = hub.json(&["confirm", "--org", "o-member0001", "--yes", "--snapshot", "1"]).await;
    let confirmations = confirmed["confirmations"].as_array().unwrap();
    let named: Vec<_> = confirmations.iter().map(|it| it["member_experience"].as_str().unwrap()).collect();
    assert_eq!(named, ["exp-1-0", "exp-1-1"], "each by itself");
    assert_eq!(confirmed["announced"]["version"], 1, "{confirmed:#}");
    let rest = cause().await.unwrap();
    let tap = Tap::open(&scene.endpoint()).await;
    let through_tap = hub.with(&[("AWS_ENDPOINT_URL", tap.endpoint())]);
    let confirmed = through_tap.run(&["confirm", "--cause", &rest, "--yes"]).await;
    assert_eq!(
        confirmed.stdout,
        "Confirmed snapshot 1 for 2 experiences of 1 organization.\n\
         Announced it again: the spokes take it up within seconds.\n",
        "{confirmed:?}"
    );
    assert_eq!(tap.calls().iter().filter(|call| *call == "Publish").count(), 1);
    assert_eq!(tap.calls().iter().filter(|call| *call == "PutItem").count(), 2);
    assert_eq!(cause().await, None);
    let told = hub.run(&["exceptions"]).await.stdout;
    assert!(told.contains("CONFIRMED   4 experiences of 2 organizations"), "{told}");
    let nothing = hub.run(&["confirm", "--all", "--yes", "--snapshot", "1"]).await;
    assert_eq!((nothing.code, nothing.stderr.contains("nothing is held at snapshot 1")), (1, true), "{nothing:?}");
    assert!(nothing.stderr.contains("code: E4048"), "{nothing:?}");
}

#[tokio::test]
async fn what_was_confirmed_by_cause_is_applied_by_the_agent() {
    let scene = two_thirds_to_remove().await;
    let agent = scene.spoke.start(&["run"]);
    let held = async || {
        let causes = scene.hub.json(&["exceptions"]).await["causes"].as_array().unwrap().clone();
        causes
            .iter()
            .filter(|cause| cause["kind"] == "held")
            .map(|cause| cause["experiences"].as_u64().unwrap())
            .sum::<u64>()
    };
    eventually("both are held", &2, held).await;
    let cause = scene.hub.json(&["exceptions"]).await["causes"][0]["confirm"].as_str().unwrap().to_owned();
    assert_eq!(scene.hub.run(&["confirm", "--cause", &cause, "--yes"]).await.code, 0);
    for experience in [ALPHA_PROD, ALPHA_DEV] {
        let lists = async || scene.alpha_account.lists(experience).await;
        eventually("it is applied", &Lists::new(&["prod-a"], &["prod-b", "prod-c"]), lists).await;
    }
    assert_eq!(agent.stop().await.0, 0);
}

#[tokio::test]
async fn the_screen_is_drawn_again_until_it_is_told_to_stop() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let watching = scene.hub.start(&["status", "--watch", "--every", "1s"]);
    within(Duration::from_secs(20), "the first screen", async || {
        let printed = watching.printed();
        printed.contains("SYNCED      2 experiences of 1 organization").then_some(()).ok_or(printed)
    })
    .await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    within(Duration::from_secs(20), "what has changed", async || {
        let printed = watching.printed();
        printed.contains("APPLYING    2 experiences of 1 organization").then_some(()).ok_or(printed)
    })
    .await;
    watching.signal("INT").await;
    let (code, log) = watching.ended().await;
    assert_eq!((code, log.contains("stopping")), (0, false), "{log}");
    let json = scene.hub.run(&["status", "-w", "-o", "json"]).await;
    assert_eq!((json.code, json.stderr.contains("--watch draws a screen")), (1, true), "{json:?}");
}

/// Every form of every list: YAML is the same document as JSON, and what was written into a note is
/// no formula in a spreadsheet.
#[tokio::test]
async fn all_forms_say_the_same_and_a_note_is_no_formula() {
    let scene = fleet(8).await;
    let lists = [("status", "spokes"), ("versions", "versions"), ("members", "members"), ("exceptions", "exceptions")];
    for (command, list) in lists.into_iter().chain([("history", "versions"), ("show", "products")]) {
        let json = scene.hub.json(&[command]).await;
        let yaml = scene.hub.run(&[command, "-o", "yaml"]).await.stdout;
        let yaml: Value = serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{command}: {error}\n{yaml}"));
        assert_eq!(yaml, json, "{command}");
        let rows = json[list].as_array().unwrap();
        let csv = scene.hub.run(&[command, "-o", "csv"]).await.stdout;
        assert_eq!(csv.lines().count(), rows.len() + 1, "{command}: a record is a line\n{csv}");
        let ndjson = scene.hub.run(&[command, "-o", "ndjson"]).await.stdout;
        let lines: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(&lines, rows, "{command}");
    }
    let error = text("=HYPERLINK(\"https://example.com\",\"click\")");
    let call = of_the_hub(&scene).update_item().table_name(TIMESTAMPS).key("organization", text("o-member0002"));
    let call = call.key("item", text(format!("{MANAGEMENT}#exp-2-0"))).update_expression("SET #error = :error");
    let call = call.expression_attribute_names("#error", "error");
    call.expression_attribute_values(":error", error).send().await.unwrap();
    let csv = scene.hub.run(&["status", "-o", "csv", "--experience", "exp-2-0"]).await.stdout;
    assert!(csv.contains("\"'=HYPERLINK("), "{csv}");
    assert!(!csv.contains(",=") && !csv.contains("\"="), "{csv}");
}

/// What is published about the documents is what is printed: nothing is missing, of another type,
/// or not described.
#[tokio::test]
async fn every_document_is_as_its_published_schema_says() {
    let scene = fleet(20).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    let empty = Scene::start(world(&["prod-a"], &[])).await;
    let commands: [&[&str]; 8] = [
        &["status"],
        &["versions"],
        &["history"],
        &["show"],
        &["diff", "1", "2"],
        &["diff"],
        &["members"],
        &["exceptions"],
    ];
    for command in commands {
        let schema = PublishedSchema::of_hub(command[0]);
        let document = scene.hub.json(command).await;
        assert_eq!(schema.faults(&document), Vec::<String>::new(), "{command:?}");
        assert_eq!(document["schema_version"], 1);
        // It would find one.
        let mut forged = document.clone();
        forged["experience"] = json!(42);
        forged["surprise"] = json!(true);
        assert_eq!(schema.faults(&forged).len(), 2, "{:?}", schema.faults(&forged));
    }
    let waited = scene.hub.run(&["wait", "--timeout", "1s", "-o", "json"]).await;
    let document: Value = serde_json::from_str(&waited.stdout).unwrap();
    assert_eq!(PublishedSchema::of_hub("wait").faults(&document), Vec::<String>::new());
    assert!(waited.code == 4 && !document["missing"].as_array().unwrap().is_empty(), "{document}");
    // What spokes recorded and others edited, in every form.
    let synced = Scene::start(world(&["prod-a", "prod-b", "prod-c"], &["prod-x"])).await;
    synced.hub.json(&["publish"]).await;
    assert_eq!(synced.spoke.run(&["sync"]).await.code, 0);
    synced.alpha_account.approve(ALPHA_PROD, &["prod-own"]).await;
    assert_eq!(synced.spoke.run(&["sync"]).await.code, 0);
    synced.hub_account.approve(MANAGEMENT, &["prod-d"]).await;
    let commands: [&[&str]; 6] = [
        &["why", "prod-a"],
        &["why", "prod-a", "--org", ALPHA],
        &["why", "prod-a", "--at", "1"],
        &["log", ALPHA],
        &["drift"],
        &["plan"],
    ];
    for command in commands {
        let schema = PublishedSchema::of_hub(command[0]);
        let document = synced.hub.json(command).await;
        assert_eq!(schema.faults(&document), Vec::<String>::new(), "{command:?}");
        let lists = ["experiences", "outcomes", "drift"].iter().filter_map(|list| document[*list].as_array());
        assert!(lists.clone().count() == 1 && lists.clone().all(|list| !list.is_empty()), "{document}");
        let yaml = synced.hub.run(&[command, &["-o", "yaml"]].concat()).await;
        assert!(yaml.stdout.contains("schema_version: 1"), "{yaml:?}");
        let csv = synced.hub.run(&[command, &["-o", "csv"]].concat()).await;
        let columns = csv.stdout.lines().next().unwrap_or_default().split(',').count();
        assert!(columns > 3 && csv.stdout.lines().count() > 1, "{csv:?}");
    }
    // Before the first snapshot, and without a roster.
    for command in ["status", "versions", "members", "exceptions"] {
        let document = empty.hub.json(&[command]).await;
        assert_eq!(PublishedSchema::of_hub(command).faults(&document), Vec::<String>::new(), "{command}");
    }
}
