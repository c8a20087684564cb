//! Every example of every help text, run as a person would paste it.
//!
//! The ids, versions and dates of the examples are replaced by those of the scene. An example
//! either succeeds, or fails for a reason that is listed here: what it needs is not in the scene.
//! None is refused as something that the program does not understand.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pmp_tests::{ALPHA, ALPHA_PROD, MANAGEMENT, Program, Scene, within, world};

/// What an example may end with besides 0, and what it says then: its beginning, the code, and a
/// part of standard error.
type Excuse = (&'static str, i32, &'static str);

/// The help of a program and of each of its commands, in the order in which they are listed.
pub(crate) async fn helps(program: &Program) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    let mut waiting: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = waiting.pop() {
        let arguments: Vec<&str> = command.iter().map(String::as_str).chain(["--help"]).collect();
        let text = program.run(&arguments).await.stdout;
        let own = text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        let own = own.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let own: Vec<&str> = own.filter_map(|line| line.split_whitespace().next()).filter(|it| *it != "help").collect();
        waiting.extend(own.iter().rev().map(|own| [command.clone(), vec![(*own).to_owned()]].concat()));
        found.push((command, text));
    }
    found
}

/// All examples of a program, in the order of its help.
async fn examples(program: &Program) -> Vec<String> {
    let mut found = Vec::new();
    for (command, text) in helps(program).await {
        // The programs that pmp-local passes arguments on to have tests of their own.
        if matches!(command.first().map(String::as_str), Some("hub" | "spoke")) {
            continue;
        }
        let examples = text.lines().skip_while(|line| !line.starts_with("Example")).skip(1);
        let examples = examples.take_while(|line| !line.is_empty());
        // What is indented further is about the example before it.
        let examples = examples.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
        found.extend(examples.map(|line| without_description(line).to_owned()));
    }
    found
}

/// The command in a line of help: two spaces outside of quotes end it.
fn without_description(line: &str) -> &str {
    assert!(line.starts_with("pmp-") || line.starts_with("eval "), "a description that the help breaks: {line}");
    let mut quoted = None;
    for (at, sign) in line.char_indices() {
        match (sign, quoted) {
            ('\'' | '"', None) => quoted = Some(sign),
            (sign, Some(quote)) if sign == quote => quoted = None,
            (' ', None) if line[at..].starts_with("  ") => return &line[..at],
            _ => {}
        }
    }
    assert_eq!(quoted, None, "an example that the help breaks within a quotation: {line}");
    line
}

/// Runs the examples of a program in their order, after `replaced`, and holds the excuses to those
/// that are needed.
async fn run_all(program: &Program, folder: &Path, replaced: &[(&str, &str)], excuses: &[Excuse]) {
    let (mut used, mut ran, mut wrong) = (BTreeSet::new(), 0, Vec::new());
    for example in examples(program).await {
        let command = replaced.iter().fold(example.clone(), |command, (from, to)| command.replace(from, to));
        // A shell does not notice that what it evaluates has failed.
        let evaluated = command.strip_prefix("eval \"$(").and_then(|command| command.strip_suffix(")\""));
        let finished = program.shell(evaluated.unwrap_or(&command), folder).await;
        ran += 1;
        let of_it = |(begins, code, says): &&Excuse| {
            example.starts_with(begins) && finished.code == *code && finished.stderr.contains(says)
        };
        match excuses.iter().find(of_it) {
            Some(excuse) => {
                used.insert((excuse.0, excuse.2));
            }
            None if finished.code == 0 => {}
            None => wrong.push(format!("{command}: exit code {}\n{}", finished.code, finished.stderr)),
        }
    }
    assert!(wrong.is_empty(), "{} of {ran}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(ran > 20, "{ran} examples");
    let idle: Vec<_> = excuses.iter().filter(|excuse| !used.contains(&(excuse.0, excuse.2))).collect();
    assert!(idle.is_empty(), "excuses that no example needs: {idle:?}");
}

/// What examples name, and what the scene has in its place.
fn replaced(later: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("o-member0000,o-member0001", ALPHA),
        ("o-member0000", ALPHA),
        ("exp-prod", ALPHA_PROD),
        ("exp-1234567890abc", ALPHA_PROD),
        ("exp-management", MANAGEMENT),
        ("prod-abc", "prod-a"),
        (" 40", " 1"),
        (" 41", " 2"),
        (" 42", " 3"),
        ("2026-12-01T06:00:00Z", later),
        ("prod-…", "prod-a"),
        ("sha256:…", "sha256:0000000000000000000000000000000000000000000000000000000000000000"),
        (" --timeout 10m", ""),
        ("pmp-hub wait", "pmp-hub wait --timeout 1s"),
        // An agent runs until it is stopped: by one signal, since a second one stops it at once.
        // Without `--foreground`, its group gets one as well.
        ("pmp-hub run", "timeout --foreground --preserve-status 2 pmp-hub run"),
        ("pmp-spoke run", "timeout --foreground --preserve-status 2 pmp-spoke run"),
        ("pmp-hub serve --port 0", "pmp-hub serve"),
        ("pmp-hub serve", "timeout --foreground --preserve-status 2 pmp-hub serve --port 0"),
        // Nothing here shows pages, or reads JSON in a shell.
        (" | man -l -", " > /dev/null"),
        (" | jq '.spokes[] | select(.state == \"HELD\")'", " > /dev/null"),
    ]
}

/// A folder as somebody's home, with a configuration file.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let configuration = home.path().join(".config/pmp-sync");
    std::fs::create_dir_all(&configuration).unwrap();
    std::fs::write(configuration.join("config.toml"), "[contexts.prod]\nPMP_LOG = \"warn\"\n").unwrap();
    home
}

/// A hub with waves, three snapshots, and a member that is in step.
async fn scene() -> Scene {
    let mut scene = Scene::start(world(&["prod-a"], &[])).await;
    let waves = format!(
        "[[waves]]\nname = \"canary\"\norganizations = [\"{ALPHA}\"]\n[[waves]]\nname = \"all\"\nshare = 100\n"
    );
    scene.hub = scene.hub.with(&[("PMP_WAVES", &waves), ("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    scene.hub.json(&["publish"]).await;
    for product in ["prod-b", "prod-c"] {
        scene.hub_account.approve(MANAGEMENT, &[product]).await;
        scene.hub.json(&["publish"]).await;
        scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]).run(&["sync"]).await;
    }
    scene
}

/// Groups of commands, whose commands have examples of their own; and the commands of `config`,
/// which both programs share: their examples stand in the help of `config`.
const WITHOUT_EXAMPLES: [&str; 8] = [
    "pmp-hub config show",
    "pmp-hub config contexts",
    "pmp-spoke config show",
    "pmp-spoke config contexts",
    "pmp-local",
    "pmp-local fault",
    "pmp-local state",
    "pmp-local world",
];

#[tokio::test]
async fn stand_in_the_help_of_every_command() {
    for name in ["pmp-hub", "pmp-spoke", "pmp-filter", "pmp-local"] {
        for (command, help) in helps(&Program::new(name, &[])).await {
            let passed_on = name == "pmp-local" && matches!(command.first().map(String::as_str), Some("hub" | "spoke"));
            let command = [&[name.to_owned()], &command[..]].concat().join(" ");
            if !passed_on && !WITHOUT_EXAMPLES.contains(&command.as_str()) {
                assert!(help.lines().any(|line| line.starts_with("Example")), "{command} has no example");
            }
        }
    }
}

/// No line of an example is broken by the help.
#[tokio::test]
async fn of_all_programs_are_whole() {
    for name in ["pmp-hub", "pmp-spoke", "pmp-filter", "pmp-local"] {
        let found = examples(&Program::new(name, &[])).await;
        assert!(found.len() > 10, "{name}: {found:?}");
    }
}

/// A project with the component of a worked filter, as if `pmp-filter build` had made it, and what
/// the examples of `pmp-filter` name.
fn project() -> tempfile::TempDir {
    let home = home();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    let worked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filters/examples/exclude-products");
    let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/local/data/world.toml");
    std::fs::create_dir_all(home.path().join("build")).unwrap();
    for to in ["build/my-filter.wasm", "my-filter.wasm"] {
        std::fs::copy(worked.join("exclude-products.wasm"), home.path().join(to)).unwrap();
    }
    std::fs::copy(worked.join("cases.toml"), home.path().join("cases.toml")).unwrap();
    std::fs::copy(world, home.path().join("world.toml")).unwrap();
    write("filter.toml", "name = \"my-filter\"\nlanguage = \"rust\"\n");
    write("products.json", r#"{"products":[{"id":"prod-1","labels":["genai"]}]}"#);
    write("questions.ndjson", "");
    home
}

#[tokio::test]
async fn of_the_tool_for_filters() {
    let scene = scene().await;
    let folder = project();
    let keys = Program::new("pmp-filter", &[]);
    let made = keys
        .shell(
            "mkdir .ssh; ssh-keygen -q -t ed25519 -N '' -C ops@example -f .ssh/id_ed25519
            sed 's/^/ops@example /' .ssh/id_ed25519.pub > allowed_signers
            pmp-filter sign my-filter.wasm --key .ssh/id_ed25519",
            folder.path(),
        )
        .await;
    assert_eq!(made.code, 0, "{made:?}");
    let replaced = [
        ("exp-1234567890abc", MANAGEMENT),
        ("exp-1", MANAGEMENT),
        ("--snapshots-table TABLE", ""),
        ("--snapshots-table Snapshots", ""),
        ("--count 10000", "--count 10 --runs 1"),
        // No toolchain makes a component here: filters/newcomer/run builds in each language.
        ("pmp-filter build", "pmp-filter build --help"),
        (" | man -l -", " > /dev/null"),
    ];
    // A project of that name was made by the example before.
    let excuses = [("pmp-filter new", 1, "is there already")];
    run_all(&scene.hub.named("pmp-filter"), folder.path(), &replaced, &excuses).await;
}

#[tokio::test]
async fn of_the_local_aws() {
    let folder = project();
    let serving = Program::new("pmp-local", &[]).start(&["serve", "--port", "0", "--output", "json"]);
    let ready = within(Duration::from_secs(30), "a server that is ready", async || {
        let printed = serving.printed();
        serde_json::from_str::<serde_json::Value>(&printed).map_err(|_| printed)
    })
    .await;
    let endpoint = ready["endpoint"].as_str().unwrap().to_owned();
    let port = endpoint.rsplit(':').next().unwrap().to_owned();
    let program = Program::new("pmp-local", &[("PMP_LOCAL_PORT", &port)]);
    let replaced = [
        // A server runs until it is stopped, and there is one on that port.
        ("pmp-local serve --port 0", "pmp-local serve"),
        ("pmp-local serve", "timeout --foreground --preserve-status 2 pmp-local serve --port 0"),
        ("world.yaml", "world.toml"),
        ("pmp-local demo --keep", "timeout --foreground --preserve-status 1 pmp-local demo --keep"),
        ("pmp-local demo", "pmp-local demo --latency 200ms --products 60"),
        (" | man -l -", " > /dev/null"),
    ];
    // What was added before was cleared with all others.
    let excuses = [("pmp-local fault clear 3", 1, "there is no fault `3`")];
    run_all(&program, folder.path(), &replaced, &excuses).await;
}

#[tokio::test]
async fn of_the_hub() {
    let scene = scene().await;
    let folder = home();
    let later = (Timestamp::now() + SignedDuration::from_hours(48)).to_string();
    let excuses = [
        // Nothing is held here, and a pin has published a newer snapshot.
        ("pmp-hub confirm o-member0000 42", 1, "is held at snapshot 3"),
        ("pmp-hub confirm o-member0000 42", 1, "snapshot 3 is not the newest any more"),
        ("pmp-hub confirm o-member0000 42 --undo", 1, "snapshot 3 is not confirmed"),
        ("pmp-hub audit verify part.ndjson", 1, "cannot read `part.ndjson`"),
        ("pmp-hub audit replay part.ndjson", 1, "cannot read `part.ndjson`"),
        ("pmp-hub confirm --cause", 3, "no held plans have the number `3f9a1c07`"),
        ("pmp-hub confirm --org", 1, "nothing is held at snapshot"),
        ("pmp-hub confirm --wave", 1, "nothing is held at snapshot"),
        ("pmp-hub confirm --all", 3, "snapshot 3 is not the newest"),
        ("pmp-hub promote", 1, "there is nothing to promote it to"),
        ("pmp-hub promote 42", 1, "snapshot 3 is not on its way through the waves"),
        // The member's spoke has not run since.
        ("pmp-hub wait 42", 4, "snapshot 3: waiting for 1 organization"),
        ("pmp-hub publish && pmp-hub wait", 4, "waiting for 1 organization"),
        // The scene has neither a key, nor a topic for operations, nor names of products.
        ("pmp-hub directions --sign", 1, "there is no key to sign with"),
        ("pmp-hub public-key", 1, "--signing-key (PMP_SIGNING_KEY) is missing"),
        ("pmp-hub notify", 1, "--notify-topic-arn (PMP_NOTIFY_TOPIC_ARN) is missing"),
        ("pmp-hub why 'Port Scanner'", 1, "no product is known by that name alone"),
        // The head that was noted is another one.
        ("pmp-hub audit verify audit.ndjson --anchor", 4, "sha256:0000"),
        // The experience is a member's, and not the hub's account's.
        ("pmp-hub verify-aws --change", 1, "AccessDeniedException"),
        // The embedded AWS has no functions.
        ("eval \"$(pmp-hub env --function", 1, "There is no service `lambda` here"),
        ("pmp-hub env --function", 1, "There is no service `lambda` here"),
    ];
    run_all(&scene.hub, folder.path(), &replaced(&later), &excuses).await;
}

#[tokio::test]
async fn of_the_spoke() {
    let scene = scene().await;
    let folder = home();
    let later = (Timestamp::now() + SignedDuration::from_hours(48)).to_string();
    let excuses = [
        ("pmp-spoke sync --plan monday.json", 1, "make it with `pmp-spoke plan --out FILE`"),
        // The embedded AWS has no functions.
        ("eval \"$(pmp-spoke env --function", 1, "There is no service `lambda` here"),
        ("pmp-spoke env --function", 1, "There is no service `lambda` here"),
    ];
    run_all(&scene.spoke, folder.path(), &replaced(&later), &excuses).await;
}
