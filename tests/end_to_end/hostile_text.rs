//! Text from outside cannot act (rule 14): names, notes, reasons and errors that are made of escape
//! sequences, direction controls and line breaks, and everything that shows them.

use std::path::Path;
use std::time::Duration;

use pmp_local_aws::world::{Fault, FaultRule, Product};
use pmp_protocol::PlainText;
use pmp_tests::{ALPHA, ALPHA_DEV, ALPHA_PROD, Finished, MANAGEMENT, Scene, World, get_text, within, world};
use serde_json::{Value, json};

/// Erases a line, turns text around, and forges two lines.
const HOSTILE: &str = "evil\u{1b}[2K\u{9b}31m\u{202e}gnp\u{2066}\u{2028}FORGED one\r\nFORGED two\u{200b}\u{e0041}";
/// What a person is shown of it.
const SHOWN: &str = "evil�[2K�31m�gnp� FORGED one FORGED two�";

/// Nothing in `text` can act, and no line of it is one that [`HOSTILE`] made.
fn assert_harmless(what: &str, text: &str) {
    for line in text.lines() {
        assert_eq!(PlainText::bounded(line, usize::MAX).as_str(), line, "{what}: {text:?}");
        assert!(!line.trim_start().starts_with("FORGED"), "{what}: {text}");
    }
}

fn check(what: &str, finished: &Finished) {
    assert_harmless(what, &finished.stdout);
    assert_harmless(what, &finished.stderr);
}

fn hostile_world() -> World {
    let mut world = world(&["prod-a", "prod-b"], &["prod-x"]);
    for organization in &mut world.organizations {
        organization.name = format!("{} {HOSTILE}", organization.name);
        for experience in &mut organization.experiences {
            experience.name = format!("{} {HOSTILE}", experience.name);
        }
    }
    let management = world.organizations[0].experiences[0].policy.as_mut().unwrap();
    management.approved.push(("prod-noted", HOSTILE).into());
    world.products = vec![Product {
        id: "prod-a".to_owned(),
        name: HOSTILE.to_owned(),
        manufacturer: HOSTILE.to_owned(),
        categories: vec![HOSTILE.to_owned()],
        ..Product::default()
    }];
    world
}

#[tokio::test]
async fn names_notes_reasons_and_receipts_cannot_act_where_they_are_shown() {
    let scene = Scene::start(hostile_world()).await;
    check("publish", &scene.hub.run(&["publish"]).await);
    let settings = json!({"ids": ["prod-b"], "reason": HOSTILE}).to_string();
    let debug = [("PMP_LOG", "debug"), ("PMP_PRODUCT_ATTRIBUTES", "true")];
    let spoke = scene.spoke_with_filter(Path::new("exclude-ids"), &settings).with(&debug);

    let planned = spoke.run(&["plan"]).await;
    check("plan", &planned);
    assert!(planned.stdout.contains(&format!("# {ALPHA_PROD} (Production {SHOWN})")), "{}", planned.stdout);
    assert!(planned.stdout.contains(&format!("excluded by filter: {SHOWN}")), "{}", planned.stdout);
    let planned = spoke.run(&["plan", "-o", "json"]).await;
    check("plan -o json", &planned);
    let document: Value = serde_json::from_str(&planned.stdout).unwrap();
    let names: Vec<_> = document["experiences"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert!(names.contains(&&json!(format!("Production {HOSTILE}"))), "programs read what was written: {names:?}");

    check("sync", &spoke.run(&["sync"]).await);
    let json_logs = spoke.with(&[("PMP_LOG_FORMAT", "json")]).run(&["sync", "-o", "json"]).await;
    check("sync, logs in JSON", &json_logs);
    for event in json_logs.stderr.lines() {
        serde_json::from_str::<Value>(event).unwrap();
    }

    // A receipt as nobody but an attacker writes it.
    let dynamodb = aws_sdk_dynamodb::Client::new(scene.hub_account.config());
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let call = dynamodb.update_item().table_name("SyncTimestamps").key("organization", text(ALPHA));
    let call = call.key("item", text(&format!("{MANAGEMENT}#{ALPHA_DEV}")));
    let call = call.update_expression("SET #error = :error, #status = :status, spoke_version = :error");
    let call = call.expression_attribute_names("#error", "error").expression_attribute_names("#status", "status");
    let long = format!("{HOSTILE}{}", "x".repeat(100_000));
    let call = call.expression_attribute_values(":error", text(&long));
    call.expression_attribute_values(":status", text("failed")).send().await.unwrap();
    for format in ["table", "wide", "json", "ndjson", "yaml", "csv"] {
        let status = scene.hub.run(&["status", "--all", "-o", format]).await;
        check(&format!("status -o {format}"), &status);
        assert_eq!(status.code, 0, "{}", status.stderr);
        let for_programs = ["json", "ndjson", "yaml"].contains(&format);
        let shown = if for_programs { r"\u202e" } else { SHOWN.trim_end_matches('�') };
        assert!(status.stdout.contains(shown), "{}", status.stdout);
        assert!(
            !["table", "wide"].contains(&format) || status.stdout.lines().all(|line| line.len() < 9_000),
            "bounded"
        );
    }
    for command in ["status", "exceptions", "members"] {
        check(command, &scene.hub.run(&[command]).await);
    }
    let screen = scene.hub.on_a_screen().run(&["status"]).await.stdout;
    assert!(screen.contains("evil�[2K�31m�gnp� FORGED one"), "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() <= 80) && screen.lines().count() <= 24, "{screen}");

    // In HTML a line break is a space.
    let page = get_text(&format!("{}/", scene.endpoint())).await.replace('\n', " ");
    assert_harmless("the page", &page);
    assert!(page.contains(&format!("Production {SHOWN}")), "{page}");
    let view = get_text(&format!("{}/_local/view", scene.endpoint())).await;
    assert_harmless("the view", &view);
    let view: Value = serde_json::from_str(&view).unwrap();
    assert!(
        view["organizations"].as_array().unwrap().iter().any(|o| o["name"] == format!("Alpha {HOSTILE}")),
        "{view}"
    );
}

#[tokio::test]
async fn errors_of_aws_cannot_act_where_they_are_shown_nor_where_they_are_kept() {
    let mut world = hostile_world();
    world.faults.push(FaultRule {
        operation: Some("ListEntities".into()),
        account: Some("222222222222".into()),
        ..FaultRule::new(Fault::AccessDenied { message: Some(HOSTILE.to_owned()) })
    });
    let scene = Scene::start(world).await;
    scene.hub.json(&["publish"]).await;
    let spoke = scene.spoke.with(&[("PMP_LOG", "debug")]);
    for command in ["plan", "sync"] {
        for format in ["text", "json"] {
            let failed = spoke.with(&[("PMP_LOG_FORMAT", format)]).run(&[command]).await;
            check(&format!("{command}, logs in {format}"), &failed);
            assert_eq!(failed.code, 1);
            assert!(failed.stderr.contains(SHOWN), "{}", failed.stderr);
        }
    }
    check("doctor", &spoke.run(&["doctor"]).await);
    let status = scene.hub.run(&["status", "--all"]).await;
    check("status", &status);
    assert!(status.stdout.contains(SHOWN), "{}", status.stdout);
    // What the spoke wrote about it was harmless before anyone showed it.
    let kept = scene.hub.json(&["status"]).await["spokes"][0]["message"].as_str().unwrap().to_owned();
    assert_harmless("the sign of life", &kept);
    assert!(kept.contains(SHOWN), "{kept}");
}

#[tokio::test]
async fn messages_of_anyone_cannot_act_in_the_logs_of_an_agent_nor_in_dead_letters() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let body = json!({"schema": HOSTILE}).to_string();
    for format in ["text", "json"] {
        scene.alpha_account.send(&scene.queue_url, &body).await;
        let spoke = scene.spoke.with(&[("PMP_LOG_FORMAT", format), ("PMP_LOG", "debug")]).start(&["run"]);
        within(Duration::from_secs(30), "the message is set aside", async || {
            let log = spoke.log();
            if log.contains("moved to the dead letters") { Ok(()) } else { Err(log) }
        })
        .await;
        let (code, log) = spoke.stop().await;
        assert_eq!(code, 0);
        assert_harmless(format, &log);
        assert!(log.contains("FORGED two"), "{log}");
        // What tells a person of the stop is no event.
        for event in log.lines().filter(|line| format == "json" && !line.contains("stopping; ")) {
            serde_json::from_str::<Value>(event).unwrap();
        }
    }
    let client = aws_sdk_sqs::Client::new(scene.alpha_account.config());
    let call = client.receive_message().queue_url(&scene.dead_letters_url).message_attribute_names("All");
    let letter = call.send().await.unwrap().messages.unwrap_or_default().remove(0);
    let reason = letter.message_attributes().unwrap()["pmp-sync-reason"].string_value().unwrap();
    assert!(reason.contains(SHOWN), "{reason}");
    assert_harmless("the reason of a dead letter", reason);
}

#[tokio::test]
async fn products_of_a_file_and_arguments_of_a_person_cannot_act() {
    let scene = Scene::start(world(&[], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("products.json");
    let products =
        json!({"products": [{"id": "prod-a", "name": HOSTILE, "manufacturer": HOSTILE, "labels": [HOSTILE]}]});
    std::fs::write(&file, products.to_string()).unwrap();
    let (tool, file) = (scene.filter_tool(), file.to_str().unwrap());
    let settings = json!({"ids": ["prod-a"], "reason": HOSTILE}).to_string();
    for format in ["table", "json", "ndjson"] {
        let run = ["run", "exclude-ids", "--settings", &settings, "--products", file, "-o", format];
        let ran = tool.run(&run).await;
        check(&format!("pmp-filter run -o {format}"), &ran);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains("FORGED two"), "{}", ran.stdout);
    }
    let told = "evil\u{1b}]0;title\u{7}\u{202e}\u{2028}FORGED";
    // A filter of the log that fits nothing is one all the same.
    for (arguments, code) in
        [(&["confirm", told, "1"][..], 1), (&["status", "--log", told], 0), (&["status", "-o", told], 1)]
    {
        let refused = scene.hub.run(arguments).await;
        check(&arguments.join(" "), &refused);
        assert_eq!(refused.code, code, "{}", refused.stderr);
    }
    let refused = scene.hub.with(&[("PMP_EXPERIENCE_ID", HOSTILE)]).run(&["status"]).await;
    check("a variable", &refused);
    assert!(refused.stderr.contains("FORGED two"), "{}", refused.stderr);
}
