//! The help of every command, what each prints as a table and as JSON, and how it refuses: as
//! snapshots. A reviewer sees a change of a word as a change of a line.

use pmp_tests::{ALPHA, ALPHA_PROD, Finished, MANAGEMENT, Program, Scene, world};

use crate::examples::helps;
use crate::output::check_text;

/// What a shell offers where somebody presses Tab.
#[tokio::test]
async fn bash_completes_what_each_command_takes() {
    for (name, words, offered) in [
        ("pmp-hub", "status --stal", "--stale-after"),
        ("pmp-hub", "members ad", "admit"),
        ("pmp-spoke", "plan --det", "--detailed-exitcode"),
        ("pmp-filter", "sign --k", "--key"),
        ("pmp-local", "fault ad", "add"),
    ] {
        let script = format!(
            ". <({name} completions bash)
            COMP_WORDS=({name} {words}) COMP_CWORD=2
            read -r _ made_for < <(complete -p {name} | grep -o -- '-F [^ ]*')
            $made_for {name} \"${{COMP_WORDS[2]}}\" \"${{COMP_WORDS[1]}}\"
            echo \"${{COMPREPLY[*]}}\""
        );
        let program = Program::new(name, &[]);
        let finished = program.shell(&script, std::path::Path::new("/")).await;
        assert_eq!(finished.stdout.trim(), offered, "{name} {words}: {finished:?}");
    }
}

/// What was typed, and what came of it.
fn told(typed: &[&str], finished: &Finished) -> String {
    let Finished { code, stdout, .. } = finished;
    format!("$ {}\n{stdout}{}[exit code {code}]\n\n", typed.join(" "), finished.said())
}

/// What a program prints for each of these commands.
async fn printed(program: &Program, commands: &[&[&str]]) -> String {
    let mut text = String::new();
    for command in commands {
        text += &told(command, &program.run(command).await);
    }
    text
}

#[tokio::test]
async fn every_help_is_what_its_snapshot_says() {
    for name in ["pmp-hub", "pmp-spoke", "pmp-filter", "pmp-local"] {
        let mut text = String::new();
        for (command, help) in helps(&Program::new(name, &[])).await {
            // The programs that pmp-local passes arguments on to have snapshots of their own.
            if name == "pmp-local" && matches!(command.first().map(String::as_str), Some("hub" | "spoke")) {
                continue;
            }
            text += &format!(
                "$ {}\n{help}\n",
                [&[name.to_owned()], &command[..], &["--help".to_owned()]].concat().join(" ")
            );
        }
        check_text(&format!("help-{name}"), &text);
    }
}

fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "[digest]" + &part[64..])
}

/// Without a setting, each command says what it needs. Those that need none are not here.
#[tokio::test]
async fn every_command_without_settings_says_what_it_lacks() {
    for name in ["pmp-hub", "pmp-spoke"] {
        let program = Program::new(name, &[]);
        let mut text = String::new();
        for (command, help) in helps(&program).await {
            // A group of commands only prints its help.
            if command.is_empty() || help.contains("\nCommands:\n") {
                continue;
            }
            let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
            let finished = program.run(&arguments).await;
            if finished.code != 0 {
                text += &told(&arguments, &finished);
            }
        }
        check_text(&format!("without-settings-{name}"), &text);
    }
}

/// A hub with two snapshots, whose only member is in step with the newer one in one experience.
async fn in_step() -> Scene {
    let mut scene = Scene::start(world(&["prod-a"], &["prod-x"])).await;
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    scene.spoke = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    scene.hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    scene
}

#[tokio::test]
async fn every_question_is_answered_as_its_snapshot_says() {
    let scene = in_step().await;
    let questions: [(&str, &[&str]); 14] = [
        ("history", &["history"]),
        ("show", &["show", "2"]),
        ("diff", &["diff", "1", "2"]),
        ("log", &["log", ALPHA]),
        ("why", &["why", "prod-b"]),
        ("why-org", &["why", "prod-b", "--org", ALPHA]),
        ("plan", &["plan"]),
        ("drift", &["drift"]),
        ("exceptions", &["exceptions"]),
        ("directions", &["directions"]),
        ("members", &["members"]),
        ("versions", &["versions"]),
        ("wait", &["wait", "--timeout", "1s"]),
        ("audit", &["audit"]),
    ];
    for (name, question) in questions {
        let json = [question, &["-o", "json"]].concat();
        let text = printed(&scene.hub, &[question, &json]).await;
        // The digests of the audit are of entries with their times.
        let text = if name == "audit" { without_digests(&text) } else { text };
        check_text(&format!("question-{name}"), &text);
    }
    let status = printed(&scene.spoke, &[&["status"], &["status", "-o", "json"]]).await;
    check_text("question-spoke-status", &status);
}

#[tokio::test]
async fn every_direction_is_told_as_its_snapshot_says() {
    let scene = in_step().await;
    let hub = printed(
        &scene.hub,
        &[
            &["pause", "--org", ALPHA, "--until", "2h", "--reason", "the catalog is being moved"],
            &["pin", "1", "--org", ALPHA, "--reason", "prod-b is too dear"],
            &["directions"],
            &["directions", "--all"],
            &["status"],
            &["unpin", "--org", ALPHA, "--reason", "it is cheap now"],
            &["resume", "--org", ALPHA, "--reason", "it was moved"],
            &["unpin", "--org", ALPHA],
            &["resume", "--org", ALPHA],
            &["pin", "9", "--reason", "there is none"],
            &["pause", "--all", "--until", "2020-01-01T00:00:00Z", "--reason", "it is over"],
            &["confirm", ALPHA, "2"],
            &["promote"],
            &["halt", "--reason", "there are no waves"],
            &["notify", "--dry-run"],
            &["members", "admit", "o-another0000"],
            &["members", "forget", "o-another0000"],
            &["recover"],
        ],
    )
    .await;
    check_text("directions-of-the-hub", &hub);
    let spoke = printed(
        &scene.spoke,
        &[
            &["hold", "--until", "2h", "--reason", "a freeze of ours"],
            &["status"],
            &["unhold"],
            &["unhold"],
            &["hold", "--until", "90d", "--reason", "too long"],
            &["sync", "--confirm", "1"],
            &["plan", "--version", "9"],
        ],
    )
    .await;
    check_text("directions-of-the-spoke", &spoke);
}

/// What programs read of a command that did something. What is published of its form is held in
/// `schemas`.
#[tokio::test]
async fn what_was_done_is_told_as_json_as_its_snapshot_says() {
    let scene = in_step().await;
    let org = ["--org", ALPHA];
    let hub = printed(
        &scene.hub,
        &[
            &["publish", "--dry-run", "-o", "json"],
            &["pause", org[0], org[1], "--until", "2h", "--reason", "the catalog is being moved", "-o", "json"],
            &["resume", org[0], org[1], "--reason", "it was moved", "-o", "json"],
            &["pin", "1", org[0], org[1], "--reason", "prod-b is too dear", "-o", "json"],
            &["unpin", org[0], org[1], "--reason", "it is cheap now", "-o", "json"],
            &["members", "admit", "o-another0000", "-o", "json"],
            &["members", "forget", "o-another0000", "o-another0000", "-o", "json"],
            &["notify", "--dry-run", "-o", "json"],
            &["recover", "-o", "json"],
            &["init", "-o", "json"],
            &["confirm", ALPHA, "1", "-o", "json"],
            &["report", "-o", "ndjson"],
            &["report", "--csv"],
        ],
    )
    .await;
    check_text("done-by-the-hub-json", &without_digests(&hub));
    let spoke = printed(
        &scene.spoke,
        &[
            &["hold", "--until", "2h", "--reason", "a freeze of ours", "-o", "json"],
            &["unhold", "-o", "json"],
            &["init", "-o", "json"],
        ],
    )
    .await;
    check_text("done-by-the-spoke-json", &spoke);
}

/// What is wrong, in every program, and in the forms that people and programs read.
#[tokio::test]
async fn what_programs_tell_of_themselves_is_as_its_snapshot_says() {
    let scene = in_step().await;
    for (name, program) in [("hub", &scene.hub), ("spoke", &scene.spoke)] {
        let told = printed(
            program,
            &[
                &["explain", "E4010"],
                &["explain", "E4010", "-o", "json"],
                &["explain", "E401O"],
                &["config", "contexts"],
                &["env", "--function", "nowhere"],
            ],
        )
        .await;
        check_text(&format!("told-of-itself-{name}"), &told);
    }
}

/// Where each setting comes from, and what `doctor` says of all that is well and of something that
/// is not.
#[tokio::test]
async fn where_settings_come_from_and_what_doctor_finds_is_as_its_snapshot_says() {
    let scene = in_step().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pmp.toml");
    std::fs::write(&file, "[contexts.prod]\nPMP_LOG_FORMAT = \"json\"\n\n[contexts.test]\n").unwrap();
    let set = [("PMP_CONFIG", file.to_str().unwrap()), ("PMP_CONTEXT", "prod")];
    let mistakes = [("PMP_TIMESTAMPS_TABLE", "SyncTimestamp"), ("MEMBER_EXPERIENCE_IDS", "exp-alpha-prd")];
    for ((name, program), mistake) in [("hub", &scene.hub), ("spoke", &scene.spoke)].into_iter().zip(mistakes) {
        let with_file = program.with(&set);
        let mut text = printed(
            &with_file,
            &[&["config", "show"], &["config", "show", "-o", "json"], &["config", "contexts", "-o", "json"]],
        )
        .await;
        text += &printed(program, &[&["doctor"], &["doctor", "-o", "json"]]).await;
        text += &printed(&program.with(&[mistake]), &[&["doctor"]]).await;
        let text = text.replace(folder.path().to_str().unwrap(), "[folder]");
        let text = text.replace(concat!(env!("CARGO_MANIFEST_DIR"), "/.."), "[repository]");
        check_text(&format!("found-by-{name}"), &text);
    }
}

#[tokio::test]
async fn what_the_tool_for_filters_prints_is_as_its_snapshot_says() {
    let folder = tempfile::tempdir().unwrap();
    let products = r#"{"products":[{"id":"prod-1","labels":["genai"]},{"id":"prod-2","status":"rejected"}]}"#;
    std::fs::write(folder.path().join("products.json"), products).unwrap();
    let cases = "[[cases]]\nname = \"one is excluded\"\nsettings = { ids = [\"prod-1\"] }\n\
        products = [{ id = \"prod-1\", expect = \"exclude\" }, { id = \"prod-2\", expect = \"keep\" }]\n\n\
        [[cases]]\nname = \"wrong\"\nsettings = { ids = [\"prod-1\"] }\nproducts = [{ id = \"prod-1\", expect = \"keep\" }]\n";
    std::fs::write(folder.path().join("cases.toml"), cases).unwrap();
    let tool = Program::new("pmp-filter", &[]);
    let mut text = String::new();
    for command in [
        "pmp-filter inspect exclude-ids",
        "pmp-filter inspect exclude-ids -o json",
        "pmp-filter inspect exclude-id",
        "pmp-filter run exclude-ids --settings '{\"ids\":[\"prod-1\"]}' --products products.json",
        "pmp-filter run exclude-ids --settings '{\"ids\":[\"prod-1\"]}' --products products.json -o json",
        "pmp-filter run exclude-ids --settings '{\"idz\":[\"prod-1\"]}' --products products.json",
        "pmp-filter run exclude-ids --settings '{\"ids\":[\"prod-1\"]}' --products nowhere.json",
        "pmp-filter test exclude-ids cases.toml",
        "pmp-filter test exclude-ids cases.toml -o json",
        "pmp-filter test exclude-ids nowhere.toml",
        "pmp-filter build nowhere",
        "pmp-filter compile nowhere.wasm",
        "pmp-filter sign nowhere.wasm --key nowhere",
        "pmp-filter verify nowhere.wasm --keys nowhere",
        "pmp-filter bench nowhere.wasm",
        "pmp-filter new rust my-filter",
        "pmp-filter new rust my-filter",
        "pmp-filter new typescript my-filter",
    ] {
        text += &told(&[command], &tool.shell(command, folder.path()).await);
    }
    // What a run took differs from run to run.
    let text: Vec<_> = text.lines().filter(|line| !line.starts_with("used: ")).collect();
    check_text("printed-by-pmp-filter", &text.join("\n"));
}

#[tokio::test]
async fn what_pmp_local_prints_is_as_its_snapshot_says() {
    let scene = in_step().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wrong.toml"), "sede = 1\n").unwrap();
    let endpoint = scene.endpoint();
    let local = Program::new("pmp-local", &[("AWS_ENDPOINT_URL", &endpoint), ("PMP_LOCAL_ENDPOINT", &endpoint)]);
    let mut text = String::new();
    for command in [
        "pmp-local env Hub",
        "pmp-local env Alpha",
        "pmp-local env Alfa",
        "pmp-local fault list",
        "pmp-local fault add latency --min 500ms --service sts --next 1",
        "pmp-local fault add latency",
        "pmp-local fault add latency --min 500ms --service sns -o json",
        "pmp-local fault list",
        "pmp-local fault list -o json",
        "pmp-local fault clear 9",
        "pmp-local fault clear 2",
        "pmp-local fault clear -o json",
        "pmp-local clock",
        "pmp-local clock -o json",
        "pmp-local clock --by tomorrow",
        "pmp-local world example > world.toml",
        "pmp-local world check world.toml",
        "pmp-local world check wrong.toml",
        "pmp-local state clear nowhere",
        "pmp-local serve --world nowhere.toml",
        "pmp-local demo --products 1000",
    ] {
        text += &told(&[command], &local.shell(command, folder.path()).await);
    }
    check_text("printed-by-pmp-local", &text);
}
