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
