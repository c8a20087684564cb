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
    let output = in_bash("pmp-hub completions bash | head -c 1; exit \"${PIPESTATUS[0]}\"");
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
    assert!(
        status.contains(".SH SYNOPSIS") && status.contains("check") && status.contains(".SH EXAMPLES\n.nf\n"),
        "{status}"
    );
    assert!(!status.contains("topic"), "only the settings that it uses: {status}");
    assert!(read("pmp-hub-config-show.1").contains("where it comes from"));
    let printed = text(&hub().arg("man").output().unwrap().stdout);
    assert_eq!(printed, read("pmp-hub.1"));
}

#[test]
fn the_version_names_the_contracts() {
    let said = text(&hub().arg("version").output().unwrap().stdout);
    assert!(said.starts_with(concat!("pmp-hub ", env!("CARGO_PKG_VERSION"), "\n")), "{said}");
    assert!(said.contains("snapshot messages: pmp-sync.snapshot/1\n"), "{said}");
    assert!(said.contains("\ncommit: ") && said.contains("\nledger layout: 7\n"), "{said}");
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
        assert!(stderr.contains(&format!("code: {code}")), "{arguments:?}: {stderr}");
    }
}

/// A hub with a home of its own, whose settings are complete, and its standard error.
fn refused(home: &std::path::Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let settings = [("PMP_EXPERIENCE_ID", "exp-1"), ("PMP_SNAPSHOTS_TABLE", "Snapshots")];
    let mut hub = hub();
    let output = hub.args(arguments).env("HOME", home).envs(settings).envs(variables.iter().copied()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?} {variables:?}");
    text(&output.stderr)
}

#[test]
fn what_the_environment_says_of_aws_is_checked_before_any_call() {
    let home = tempfile::tempdir().unwrap();
    let broken = home.path().join("broken");
    std::fs::write(&broken, "[profile broken\n").unwrap();
    let slipped = home.path().join("slipped");
    std::fs::write(&slipped, "[profile slipped]\nrole_arn = arn:aws:iam::111111111111:role/x\nsource_profile = y\n")
        .unwrap();
    let (broken, slipped) = (broken.to_str().unwrap(), slipped.to_str().unwrap());
    for (variables, code) in [
        (&[("AWS_REGION", "us east 1")][..], "E1302"),
        (&[("AWS_PROFILE", "nobody")], "E1303"),
        (&[("AWS_CONFIG_FILE", broken)], "E1304"),
        (&[("AWS_CONFIG_FILE", home.path().to_str().unwrap())], "E1305"),
        (&[("AWS_CONFIG_FILE", slipped), ("AWS_PROFILE", "slipped")], "E1306"),
        (&[("AWS_ACCESS_KEY_ID", "AKIA")], "E1307"),
        (&[("AWS_CA_BUNDLE", "/nowhere/roots.pem")], "E1308"),
    ] {
        let told = refused(home.path(), &["history"], variables);
        assert!(told.contains(&format!("code: {code}")), "{code}: {told}");
    }
}

#[test]
fn a_configuration_file_that_cannot_be_used_is_told_by_its_reason() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let folder = home.path().to_str().unwrap();
    let (binary, large) = (file("binary", b"\xff\xfe"), file("large", &[b'\n'; (1 << 20) + 1]));
    // Longer than a variable can be.
    let long = format!("[contexts.a]\nPMP_WAVES = \"{}\"\n", "x".repeat(200_000));
    let long = file("long", long.as_bytes());
    for (arguments, variables, code) in [
        (&["config", "contexts"][..], &[][..], "E1719"),
        (&["history"], &[("PMP_CONFIG", folder)], "E1720"),
        (&["history"], &[("PMP_CONFIG", "/nowhere/config.toml")], "E1721"),
        (&["history"], &[("PMP_CONFIG", &*binary)], "E1722"),
        (&["history"], &[("PMP_CONFIG", &*large)], "E1723"),
        (&["history"], &[("PMP_CONTEXT", "prod")], "E1724"),
        (&["history"], &[("PMP_CONFIG", &*long), ("PMP_CONTEXT", "a")], "E1727"),
    ] {
        let told = refused(home.path(), arguments, variables);
        assert!(told.contains(&format!("code: {code}")), "{code}: {told}");
    }
}

/// The path is handed on as text.
#[cfg(unix)]
#[test]
fn a_configuration_file_with_a_name_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(std::ffi::OsStr::from_bytes(b"\xff.toml"));
    std::fs::write(&path, "[contexts.a]\nPMP_LOG = \"warn\"\n").unwrap();
    let output = hub().arg("history").env("PMP_CONFIG", &path).env("PMP_CONTEXT", "a").output().unwrap();
    assert!(text(&output.stderr).contains("code: E1725"), "{}", text(&output.stderr));
}

#[test]
fn files_that_cannot_be_read_or_written_are_named() {
    let home = tempfile::tempdir().unwrap();
    let manual = refused(home.path(), &["man", "--folder", "/dev/null/man1"], &[]);
    assert!(manual.contains("cannot write the manual into `/dev/null/man1`"), "{manual}");
    assert!(manual.contains("code: E1730"), "{manual}");
    let audit = refused(home.path(), &["audit", "verify", "/nowhere/audit.ndjson"], &[]);
    assert!(audit.contains("cannot read `/nowhere/audit.ndjson`") && audit.contains("code: E1750"), "{audit}");
}

/// What a shell does around a hub, as it takes it.
fn in_bash(command: &str) -> std::process::Output {
    let binary = assert_cmd::cargo::cargo_bin("pmp-hub");
    Command::new("bash").args(["-c", &command.replace("pmp-hub", &format!("'{}'", binary.display()))]).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_refuses_is_told() {
    let full = in_bash("pmp-hub version > /dev/full");
    let stderr = text(&full.stderr);
    assert_eq!(full.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("No space left on device") && stderr.contains("code: E1714"), "{stderr}");
    // How many files are open already, and how many the libraries of the program take, differs.
    let mut told = (4..64).map(|files| text(&in_bash(&format!("ulimit -n {files}; exec pmp-hub version")).stderr));
    let told = told.find(|told| told.contains("cannot start the runtime"));
    assert!(told.as_ref().is_some_and(|told| told.contains("code: E1728")), "{told:?}");
}
