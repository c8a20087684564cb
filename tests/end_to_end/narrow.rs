//! What commands print on a narrow terminal: nothing is wider than it, and no word is broken.

use std::collections::BTreeSet;

use pmp_tests::{ALPHA, ALPHA_PROD, Finished, MANAGEMENT, Program, Scene};

use crate::confirming::two_thirds_to_remove;
use crate::examples::helps;

const COLUMNS: usize = 60;

/// A text in which what differs from run to run is the same: numbers, ages and times.
fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    for sign in text.chars() {
        match sign {
            '0'..='9' if plain.ends_with('0') => {}
            '0'..='9' => plain.push('0'),
            other => plain.push(other),
        }
    }
    plain
}

/// What is wrong with a text on a narrow terminal, of which `whole` is the same without one.
fn wrong(what: &str, narrow: &str, whole: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in narrow.lines().filter(|line| line.chars().count() > COLUMNS) {
        // A word that no line can hold is left whole, so that it can be copied.
        if line.split_whitespace().count() > 1 {
            wrong.push(format!("{what}: {} columns: {line}", line.chars().count()));
        }
    }
    let (narrow, whole) = (without_numbers(narrow), without_numbers(whole));
    let known: BTreeSet<&str> = whole.split_whitespace().collect();
    // What is cut ends with `…`; of a word longer than its column, what is left is no word.
    let longest = |word: &str| known.iter().any(|known| known.len() > COLUMNS / 2 && known.contains(word));
    let broken =
        narrow.split_whitespace().filter(|word| !known.contains(word) && !word.ends_with('…') && !longest(word));
    wrong.extend(broken.map(|word| format!("{what}: the word {word:?}\n{narrow}\n---\n{whole}")));
    wrong
}

/// A hub with two snapshots, a pause, a member whose experiences are held, and one that was never
/// heard of.
async fn scene() -> Scene {
    let mut scene = two_thirds_to_remove().await;
    scene.hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", &format!("{ALPHA},o-never00000"))]);
    scene.hub_account.approve(MANAGEMENT, &["prod-b"]).await;
    scene.hub.json(&["publish"]).await;
    scene.spoke.run(&["sync"]).await;
    let reason = "a reason that is long enough to go on in the next line of a narrow terminal, and further";
    let paused = scene.hub.run(&["pause", "--org", ALPHA, "--until", "2h", "--reason", reason]).await;
    assert_eq!(paused.code, 0, "{paused:?}");
    scene
}

/// Runs commands with and without the width of a narrow terminal.
async fn compare(program: &Program, commands: &[&[&str]]) -> Vec<String> {
    let narrow = program.with(&[("COLUMNS", &COLUMNS.to_string())]);
    let mut all = Vec::new();
    for command in commands {
        let what = command.join(" ");
        let (whole, small) = (program.run(command).await, narrow.run(command).await);
        assert_eq!(whole.code, small.code, "{what}: {small:?}");
        let text = |finished: &Finished| format!("{}\n{}", finished.stdout, finished.stderr);
        all.extend(wrong(&what, &text(&small), &text(&whole)));
    }
    all
}

#[tokio::test]
async fn every_answer_fits_and_no_word_is_broken() {
    let scene = scene().await;
    let hub: &[&[&str]] = &[
        &["status"],
        &["status", "--all"],
        &["status", "-o", "wide"],
        &["versions"],
        &["versions", "--all"],
        &["members"],
        &["members", "--all"],
        &["exceptions"],
        &["exceptions", "--all"],
        &["drift"],
        &["history"],
        &["show"],
        &["show", "1"],
        &["diff", "1", "2"],
        &["diff"],
        &["why", "prod-b"],
        &["why", "prod-b", "--all"],
        &["why", "prod-b", "--org", ALPHA],
        &["log", ALPHA],
        &["log", ALPHA, "-o", "wide"],
        &["plan"],
        &["plan", "-o", "wide"],
        &["directions"],
        &["directions", "--all"],
        &["wait", "--timeout", "1s"],
        &["audit"],
        &["audit", "-o", "wide"],
        &["doctor"],
        &["config", "show", "--all"],
        &["explain"],
        &["explain", "E4010"],
        &["publish", "--dry-run"],
        &["notify", "--dry-run"],
        &["recover"],
        &["version"],
        // Errors with their hints.
        &["show", "99"],
        &["why", "prod-zzz"],
        &["status", "--org", "o-nobody0000"],
        &["confirm", ALPHA, "7"],
        &["pin", "99", "--reason", "there is none"],
        &["statsu"],
        &["status", "--stat", "held"],
    ];
    let spoke: &[&[&str]] = &[
        &["plan"],
        &["plan", "--all"],
        &["status"],
        &["status", "-o", "wide"],
        &["sync"],
        &["doctor"],
        &["config", "show"],
        &["explain", "E5020"],
        &["hold", "--until", "400d", "--reason", "too long for the hub"],
        &["sync", "--plan", "nowhere.json"],
    ];
    let mut all = compare(&scene.hub, hub).await;
    all.extend(compare(&scene.spoke, spoke).await);
    let mistyped = scene.spoke.with(&[("PMP_FILTER", "exclude-vendor"), ("MEMBER_EXPERIENCE_IDS", ALPHA_PROD)]);
    all.extend(compare(&mistyped, &[&["plan"], &["doctor"]]).await);
    let filter = Program::new("pmp-filter", &[]);
    all.extend(compare(&filter, &[&["inspect", "rules"], &["inspect", "exclude-vendor"], &["explain", "E2114"]]).await);
    let local = Program::new("pmp-local", &[]);
    all.extend(compare(&local, &[&["world", "check", "no.toml"], &["state", "clear", "./nope"], &["clock"]]).await);
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[tokio::test]
async fn every_help_fits() {
    let mut wide = Vec::new();
    for name in ["pmp-hub", "pmp-spoke", "pmp-filter", "pmp-local"] {
        let program = Program::new(name, &[("COLUMNS", &COLUMNS.to_string())]);
        for (command, help) in helps(&program).await {
            let lines = help.lines().filter(|line| line.chars().count() > COLUMNS);
            // The library that prints help breaks all lines but this one.
            let lines = lines.filter(|line| line.split_whitespace().count() > 1 && !line.starts_with("Usage: "));
            wide.extend(lines.map(|line| format!("{name} {}: {line}", command.join(" "))));
        }
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

/// A terminal of its own, by `script`, which every Debian and every runner has.
#[tokio::test]
async fn a_real_terminal_says_how_wide_it_is() {
    let scene = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let hub = scene.hub.with(&[("NO_COLOR", "1"), ("TERM", "xterm")]);
    for command in ["status", "status --all", "why prod-b", "doctor", "audit", "show 99"] {
        let script = format!("script -qfec 'stty cols {COLUMNS} rows 24; pmp-hub {command}' /dev/null");
        let whole = hub.shell(&format!("pmp-hub {command} 2>&1 || true"), folder.path()).await;
        let seen = hub.shell(&format!("{script} || true"), folder.path()).await;
        let seen = seen.stdout.replace('\r', "");
        assert!(seen.lines().count() > 1, "{command}: {seen}");
        // On a terminal, signs are no ASCII, and each check is told as it ends.
        let told = |line: &&str| !line.starts_with(['✔', '◎', '✗', '►']);
        let seen = seen.lines().filter(told).collect::<Vec<_>>().join("\n");
        let wrong = wrong(command, &seen, &whole.stdout);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
