//! The program `pmp-hub` at its edge: help, arguments, configuration. No AWS.

// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

use assert_cmd::Command;

fn hub() -> Command {
    let mut command = Command::cargo_bin("pmp-hub").unwrap();
    command.env_clear();
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn what_is_missing_is_named_by_flag_and_variable_all_at_once() {
    let output = hub().arg("publish").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "error: the configuration is not complete\n  \
         --experience-id (PMP_EXPERIENCE_ID) is missing\n  \
         --snapshots-table (PMP_SNAPSHOTS_TABLE) is missing\n  \
         --topic-arn (PMP_TOPIC_ARN) is missing\n\
         hint: give the flag or set the variable; `--help` explains each\n\
         code: E1732 (`pmp-hub explain E1732` says more)\n"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn what_is_wrong_is_shown_with_what_would_be_right() {
    let output = hub()
        .args(["run", "--experience-id", "experience", "--topic-arn", "pmp"])
        .env("PMP_SNAPSHOTS_TABLE", "no table")
        .env("PMP_EVENTS_QUEUE_URL", "events")
        .env("PMP_CHANGE_WINDOWS", "0 22 * * 1-5")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    for part in [
        "--experience-id (PMP_EXPERIENCE_ID): `experience` is not an experience id",
        "--snapshots-table (PMP_SNAPSHOTS_TABLE): `no table` is neither a table name",
        "--topic-arn (PMP_TOPIC_ARN): `pmp` is not the ARN of an SNS topic",
        "--events-queue-url (PMP_EVENTS_QUEUE_URL): not the URL of a queue",
        "--change-windows (PMP_CHANGE_WINDOWS): `0 22 * * 1-5`: there is no time zone `1-5`",
    ] {
        assert!(stderr.contains(part), "{part}\n{stderr}");
    }
}

#[test]
fn wrong_arguments_are_errors_and_help_is_none() {
    let confirm = hub().args(["confirm", "my-org", "1"]).output().unwrap();
    assert_eq!(confirm.status.code(), Some(1));
    assert!(text(&confirm.stderr).contains("`my-org` is not an organization id"), "{}", text(&confirm.stderr));
    for wrong in [["publish", "--no-such-flag"], ["run", "--interval=0s"], ["run", "--interval=soon"]] {
        assert_eq!(hub().args(wrong).output().unwrap().status.code(), Some(1), "{wrong:?}");
    }
    let help = hub().arg("--help").output().unwrap();
    assert_eq!(help.status.code(), Some(0));
    let help = text(&help.stdout);
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
}

#[test]
fn what_is_tried_on_aws_is_explained_and_what_belongs_together_is_asked_for() {
    let help = text(&hub().args(["verify-aws", "--help"]).output().unwrap().stdout);
    for part in ["Without --change nothing is changed", "Examples:", "4 an assumption is refuted"] {
        assert!(help.contains(part), "{help}");
    }
    let alone = hub().args(["verify-aws", "--unknown-product", "prod-x"]).output().unwrap();
    assert_eq!(alone.status.code(), Some(1));
    assert!(text(&alone.stderr).contains("--change <EXP>"), "{}", text(&alone.stderr));
}

#[test]
fn completions_are_printed_for_a_shell() {
    let output = hub().args(["completions", "bash"]).output().unwrap();
    assert!(output.status.success());
    assert!(text(&output.stdout).contains("complete -F"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let binary = assert_cmd::cargo::cargo_bin("pmp-hub");
    let command = format!("'{}' completions bash | head -c 1; exit \"${{PIPESTATUS[0]}}\"", binary.display());
    let output = Command::new("bash").args(["-c", &command]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn without_a_command_it_tells_which_there_are() {
    let bare = hub().output().unwrap();
    assert_eq!((bare.status.code(), text(&bare.stdout)), (Some(1), String::new()), "nothing was done");
    let help = text(&bare.stderr);
    assert!(help.contains("Usage: pmp-hub") && help.contains("Examples:") && !help.contains("error:"), "{help}");
}

#[test]
fn every_command_that_works_has_an_example() {
    let help = text(&hub().arg("--help").output().unwrap().stdout);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What is indented further goes on with a description.
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<_> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() > 5, "{help}");
    for command in commands.into_iter().filter(|command| !["completions", "help", "version"].contains(command)) {
        let help = text(&hub().args([command, "--help"]).output().unwrap().stdout);
        assert!(help.contains("Example") && help.contains(&format!("pmp-hub {command}")), "{command}: {help}");
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let written = hub().args(["man", "--folder", pages.to_str().unwrap()]).output().unwrap();
    assert!(written.status.success(), "{}", text(&written.stderr));
    let read = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
    let status = read("pmp-hub-status.1");
    assert!(status.contains(".SH SYNOPSIS") && status.contains("check") && status.contains("Examples"), "{status}");
    assert!(read("pmp-hub-config-show.1").contains("where it comes from"));
    let printed = text(&hub().arg("man").output().unwrap().stdout);
    assert_eq!(printed, read("pmp-hub.1"));
}

#[test]
fn the_version_names_the_contracts() {
    let said = text(&hub().arg("version").output().unwrap().stdout);
    assert!(said.starts_with(concat!("pmp-hub ", env!("CARGO_PKG_VERSION"), "\n")), "{said}");
    assert!(said.contains("snapshot messages: pmp-sync.snapshot/1\n"), "{said}");
    assert!(said.contains("\ncommit: ") && said.contains("\nledger layout: 5\n"), "{said}");
    let json = text(&hub().args(["version", "-o", "json"]).output().unwrap().stdout);
    assert!(json.contains(r#""snapshot_messages": "pmp-sync.snapshot/1""#), "{json}");
}

#[test]
fn the_help_of_a_command_leaves_out_settings_of_others() {
    let help = text(&hub().args(["status", "--help"]).output().unwrap().stdout);
    assert!(help.contains("--member-organizations") && !help.contains("--topic-arn"), "{help}");
    // They are taken all the same: variables are set for all commands.
    let taken = hub().args(["status", "--topic-arn", "arn"]).output().unwrap();
    assert!(text(&taken.stderr).contains("the configuration is not complete"), "{}", text(&taken.stderr));
}

#[test]
fn what_is_refused_by_the_arguments_alone_has_a_code() {
    for (arguments, exit, code) in [
        (&["members", "forget", "o-alpha00000"][..], 3, "E4055"),
        (&["report"], 1, "E4059"),
        (&["status", "--watch", "-o", "json"], 1, "E4062"),
        (&["pause", "--all", "--until", "31d", "--reason", "a freeze"], 1, "E4063"),
    ] {
        let refused = hub().args(arguments).output().unwrap();
        let stderr = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(exit), "{arguments:?}: {stderr}");
        assert!(stderr.contains(&format!("code: {code} ")), "{arguments:?}: {stderr}");
    }
}
