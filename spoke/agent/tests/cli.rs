//! The program `pmp-spoke` at its edge: help, arguments, configuration. No AWS.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;

fn spoke() -> Command {
    let mut command = Command::cargo_bin("pmp-spoke").unwrap();
    command.env_clear();
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_is_missing_is_named_by_flag_and_variable_all_at_once() {
    let output = spoke().arg("run").env("PMP_QUEUE_URL", " ").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "error: the configuration is not complete\n  \
         --experience-id (PMP_EXPERIENCE_ID) is missing\n  \
         --snapshots-table (PMP_SNAPSHOTS_TABLE) is missing\n  \
         --timestamps-table (PMP_TIMESTAMPS_TABLE) is missing\n  \
         --queue-url (PMP_QUEUE_URL) is missing\n\
         hint: give the flag or set the variable; `--help` explains each\n\
         code: E1732 (`pmp-spoke explain E1732` says more)\n"
    );
}

#[test]
fn what_is_wrong_is_shown_with_what_would_be_right() {
    let output = spoke()
        .args(["sync", "--experience-id", "exp-1", "--snapshots-table", "Snapshots", "--timestamps-table", "Receipts"])
        .env("PMP_ORG_ID", "my-org")
        .env("PMP_HUB_EXTERNAL_ID", "secret")
        .env("MEMBER_EXPERIENCE_IDS", "exp-a,b")
        .env("PMP_FILTER_CONFIG", "@no-such-file.json")
        .env("PMP_MAX_REMOVED_PERCENT", "101")
        .env("PMP_MAX_REMOVED_PRODUCTS", "few")
        .env("PMP_MAX_OPEN_CHANGE_SETS", "0")
        .env("PMP_SHARE_CHANGE_SETS", "on")
        .env("PMP_FILTER_MAX_FILE", "4 MiB")
        .env("PMP_LEASE_TERM", "500ms")
        .env("PMP_STOP_AFTER", "soon")
        .env("PMP_MODE", "watch")
        .env("PMP_CHANGE_WINDOWS", "Mon 22:00-04:00 Berlin")
        .env("PMP_DRIFT", r#"[{"names":["*"],"drift":"leave"}]"#)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    for part in [
        "--org-id (PMP_ORG_ID): `my-org` is not an organization id",
        "--hub-external-id (PMP_HUB_EXTERNAL_ID): is set, but no role to use it with",
        "--member-experience-ids (MEMBER_EXPERIENCE_IDS): `b` is not an experience id",
        "--filter-config (PMP_FILTER_CONFIG): cannot read `no-such-file.json`",
        "--max-removed-percent (PMP_MAX_REMOVED_PERCENT): `101` is not a whole number from 0 to 100",
        "--max-removed-products (PMP_MAX_REMOVED_PRODUCTS): `few` is not a whole number of at least 0",
        "--max-open-change-sets (PMP_MAX_OPEN_CHANGE_SETS): `0` is not a whole number from 1 to 250",
        "--share-change-sets (PMP_SHARE_CHANGE_SETS): `on` is neither `true` nor `false`",
        "--lease-term (PMP_LEASE_TERM): shorter than 1 s",
        "--stop-after (PMP_STOP_AFTER): `soon` is not a duration such as 30s, 15m, 1h",
        "--mode (PMP_MODE): `watch` is neither `apply` nor `observe`",
        "--change-windows (PMP_CHANGE_WINDOWS): `Mon 22:00-04:00 Berlin`: there is no time zone `Berlin`; did you mean \
         `Europe/Berlin`?",
        "--drift (PMP_DRIFT): rule 1, `drift`: unknown variant `leave`",
    ] {
        assert!(stderr.contains(part), "{part}\n{stderr}");
    }
    assert!(!stderr.contains("secret"));
    assert!(stderr.starts_with("error: the configuration has a mistake\n"), "nothing is missing: {stderr}");
    assert!(
        stderr.ends_with(
            "hint: correct what is wrong; `--help` explains each\n\
         code: E1732 (`pmp-spoke explain E1732` says more)\n"
        ),
        "{stderr}"
    );
}

#[test]
fn wrong_arguments_are_errors_and_help_is_none() {
    for wrong in [["sync", "--confirm=0"], ["plan", "--no-such-flag"], ["unknown", "command"]] {
        assert_eq!(spoke().args(wrong).output().unwrap().status.code(), Some(1), "{wrong:?}");
    }
    let help = spoke().arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    let help = text(&help.stdout);
    assert!(help.contains("Examples:") && help.contains("MEMBER_EXPERIENCE_IDS"), "{help}");
}

#[test]
fn without_a_command_it_tells_which_there_are() {
    let bare = spoke().output().unwrap();
    assert_eq!((bare.status.code(), text(&bare.stdout)), (Some(1), String::new()), "nothing was done");
    let help = text(&bare.stderr);
    assert!(help.contains("Usage: pmp-spoke") && help.contains("Examples:") && !help.contains("error:"), "{help}");
}

#[test]
fn every_command_that_works_has_an_example() {
    let help = text(&spoke().arg("--help").output().unwrap().stdout);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What is indented further goes on with a description.
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 5, "{help}");
    for command in commands.into_iter().filter(|command| !["completions", "help", "version"].contains(command)) {
        let help = text(&spoke().args([command, "--help"]).output().unwrap().stdout);
        assert!(help.contains("Example") && help.contains(&format!("pmp-spoke {command}")), "{command}: {help}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let written = spoke().args(["man", "--folder", pages.to_str().unwrap()]).output().unwrap();
    assert!(written.status.success(), "{}", text(&written.stderr));
    let read = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
    let status = read("pmp-spoke-status.1");
    assert!(
        status.contains(".SH SYNOPSIS") && status.contains("check") && status.contains(".SH EXAMPLES\n.nf\n"),
        "{status}"
    );
    assert!(read("pmp-spoke-config-show.1").contains("where it comes from"));
    let printed = text(&spoke().arg("man").output().unwrap().stdout);
    assert_eq!(printed, read("pmp-spoke.1"));
}

#[test]
fn the_version_names_the_contracts() {
    let said = text(&spoke().arg("version").output().unwrap().stdout);
    assert!(said.starts_with(concat!("pmp-spoke ", env!("CARGO_PKG_VERSION"), "\n")), "{said}");
    assert!(said.contains("snapshot messages: pmp-sync.snapshot/1\n"), "{said}");
    assert!(said.contains("\ncommit: ") && said.contains("\nledger layout: 7\n"), "{said}");
    assert!(said.contains("filter contract: 1.0.0\n"), "{said}");
    let json = text(&spoke().args(["version", "-o", "json"]).output().unwrap().stdout);
    assert!(json.contains(r#""snapshot_messages": "pmp-sync.snapshot/1""#), "{json}");
}

#[test]
fn the_help_of_a_command_leaves_out_settings_of_others() {
    let help = text(&spoke().args(["sync", "--help"]).output().unwrap().stdout);
    assert!(help.contains("--lease-term") && !help.contains("--topic-arn"), "{help}");
    // They are taken all the same: variables are set for all commands.
    let taken = spoke().args(["sync", "--topic-arn", "arn"]).output().unwrap();
    assert!(text(&taken.stderr).contains("the configuration is not complete"), "{}", text(&taken.stderr));
}
