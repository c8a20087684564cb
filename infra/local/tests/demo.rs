//! The demo, from beginning to end, as a newcomer runs it; and that nothing of it stays behind.
//!
//! A binary of its own: it links no SDK client, only starts the program.

// What a demo leaves behind is seen in /proc.
#![cfg(target_os = "linux")]
// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A demo on its way. It is killed when the test ends before it does.
struct Demo {
    child: Child,
    output: BufReader<ChildStdout>,
}

/// How a demo ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Demo {
    /// Everything that it writes goes into `temporary`, so that what it leaves behind can be seen.
    fn start(temporary: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmp-local"));
        command.arg("demo").args(args).env("TMPDIR", temporary).env("TERM", "xterm-256color");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The output up to the first line that starts with `prefix`.
    fn read_until(&mut self, prefix: &str) -> String {
        let mut text = String::new();
        while !text.lines().last().is_some_and(|line| line.starts_with(prefix)) {
            assert_ne!(self.output.read_line(&mut text).unwrap(), 0, "no line starts with {prefix}:\n{text}");
        }
        text
    }

    fn signal(&self, name: &str) {
        signal(name, self.child.id());
    }

    fn wait(mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.output.read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ended = self.child.kill();
    }
}

fn signal(name: &str, id: u32) {
    assert!(Command::new("kill").args(["-s", name, &id.to_string()]).status().unwrap().success());
}

/// The ids of the programs whose home is in the folder: all that this demo started.
fn programs(temporary: &Path) -> Vec<u32> {
    let home = format!("HOME={}", temporary.display());
    let ids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_ours = |id: &u32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(home.as_bytes()))
    };
    ids.filter(is_ours).collect()
}

/// The hub of this demo.
fn hub(temporary: &Path) -> u32 {
    let is_hub = |id: &u32| {
        std::fs::read(format!("/proc/{id}/cmdline")).unwrap().split(|byte| *byte == 0).any(|word| word == b"hub")
    };
    programs(temporary).into_iter().find(is_hub).unwrap()
}

/// Waits until so many programs run. A program that was just started has no environment yet for
/// whoever reads /proc.
fn soon(temporary: &Path, running: usize) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while programs(temporary).len() != running {
        assert!(Instant::now() < deadline, "not {running} programs run: {:?}", programs(temporary));
        std::thread::yield_now();
    }
}

fn left_behind(temporary: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_product_arrives_and_the_demo_ends_by_itself() {
    let temporary = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let args = ["--products", "120", "--latency", "200ms", "--seed", "7"];
    let Ended { code, stdout, stderr } = Demo::start(temporary.path(), &args).wait();
    assert_eq!(code, Some(0), "{stdout}\n{stderr}");
    assert_eq!(stderr, "");
    assert!(began.elapsed() < Duration::from_secs(60));
    assert!(!stdout.contains('\u{1b}'), "no escape codes where there is no terminal");
    for said in [
        "First sync: 114 approved and 6 rejected products",
        "+ exp-aurora-dev",
        "114 approved, 6 rejected",
        " filtered",
        "2 approved, 1 rejected",
        "1 approved, 1 rejected; its filter excludes",
        "4 of 4 member experiences in sync; 2 skipped",
        "Not touched: exp-aurora-trial (disabled), exp-borealis-old (archived).",
    ] {
        assert!(stdout.contains(said), "`{said}` is missing from\n{stdout}");
    }
    assert_eq!(stdout.matches("its filter excludes").count(), 1, "one organization has a filter");
    assert_eq!(left_behind(temporary.path()), Vec::<PathBuf>::new());
    assert_eq!(programs(temporary.path()), Vec::<u32>::new());
}

#[test]
fn on_a_narrow_terminal_the_demo_is_no_wider_than_it() {
    const COLUMNS: usize = 60;
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_pmp-local"));
    demo.args(["demo", "--products", "60", "--latency", "200ms"]).env("TMPDIR", temporary.path());
    let output = demo.env("COLUMNS", COLUMNS.to_string()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let wide = |line: &&str| line.chars().count() > COLUMNS && line.split_whitespace().count() > 1;
    assert_eq!(text.lines().filter(wide).collect::<Vec<_>>(), Vec::<&str>::new());
    // What does not fit goes on below, between two words.
    assert!(text.contains("\n  "), "{text}");
    assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains("nothing leaves this machine."), "{text}");
}

#[test]
fn a_signal_ends_everything_and_leaves_nothing() {
    // Whoever stops it wants it so: that is no error.
    let second = [("TERM", "a second signal stops it at once"), ("INT", "press Ctrl-C again to stop at once")];
    for (signal, again) in second {
        let temporary = tempfile::tempdir().unwrap();
        let mut demo = Demo::start(temporary.path(), &["--latency", "10s"]);
        demo.read_until("First sync");
        // The hub and three spokes.
        soon(temporary.path(), 4);
        demo.signal(signal);
        let Ended { code, stdout, stderr } = demo.wait();
        assert_eq!((code, stderr), (Some(0), format!(". stopping; {again}\n")), "{signal}: {stdout}");
        assert!(stdout.contains("Stopped before the end. Nothing of it is left."), "{signal}: {stdout}");
        assert_eq!(programs(temporary.path()), Vec::<u32>::new());
        assert_eq!(left_behind(temporary.path()), Vec::<PathBuf>::new());
    }
}

#[test]
fn not_even_a_demo_that_is_killed_is_outlived() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(temporary.path(), &["--latency", "10s"]);
    demo.read_until("First sync");
    demo.signal("KILL");
    demo.wait();
    soon(temporary.path(), 0);
}

#[test]
fn a_program_that_dies_is_named_with_the_end_of_its_log() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(temporary.path(), &["--latency", "2s"]);
    // A product has arrived somewhere, so the hub has been at work and has logged it; most are
    // still to come.
    demo.read_until(". exp-");
    signal("KILL", hub(temporary.path()));
    let Ended { code, stderr, .. } = demo.wait();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("error: hub ended before it was told to") && stderr.contains("code: E3057"), "{stderr}");
    assert!(stderr.contains("hub ends its log with:"), "{stderr}");
    let [folder] = left_behind(temporary.path()).try_into().unwrap();
    assert!(stderr.contains(&format!("hint: the whole logs are in {}", folder.display())), "{stderr}");
    assert!(folder.join("spoke-aurora.log").exists());
}

#[test]
fn a_demo_without_a_place_for_its_logs_does_not_begin() {
    let Ended { code, stderr, .. } = Demo::start(Path::new("/nowhere"), &[]).wait();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("cannot make a folder for logs") && stderr.contains("code: E3046"), "{stderr}");
}

/// It waits for half a minute and the time that change sets may take.
#[test]
fn what_does_not_arrive_in_time_is_named_with_the_logs() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(temporary.path(), &["--products", "40", "--latency", "50ms"]);
    demo.read_until("First sync");
    soon(temporary.path(), 4);
    // It runs, and does nothing any more.
    signal("STOP", hub(temporary.path()));
    let Ended { code, stderr, .. } = demo.wait();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("error: not everything arrived within 35"), "{stderr}");
    assert!(stderr.contains("  exp-aurora-dev: ") && stderr.contains("code: E3053"), "{stderr}");
    assert_eq!(programs(temporary.path()), Vec::<u32>::new());
}

#[test]
fn an_experience_that_must_stay_as_it_is_is_looked_at() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(temporary.path(), &["--products", "40", "--latency", "500ms"]);
    let text = demo.read_until("First sync");
    let address = text.split("http://").nth(1).and_then(|rest| rest.split([' ', '/']).next()).unwrap();
    // Somebody changes the disabled one.
    let change = r#"{"Catalog":"AWSMarketplace","ChangeSet":[{"ChangeType":"AllowProductProcurement",
        "Entity":{"Type":"Experience@1.0","Identifier":"exp-aurora-trial"},
        "Details":"{\"Products\":[{\"Ids\":[\"prod-stranger\"]}]}"}]}"#;
    let credential = "Credential=222222222222/20260101/us-east-1/aws-marketplace/aws4_request";
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /StartChangeSet HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Authorization: AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0\r\nContent-Length: {}\r\n\r\n",
        change.len()
    );
    stream.write_all(format!("{head}{change}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("ChangeSetId"), "{answer}");
    let Ended { code, stderr, .. } = demo.wait();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("error: an experience that is not live was changed"), "{stderr}");
    assert!(stderr.contains("  exp-aurora-trial: ") && stderr.contains("code: E3054"), "{stderr}");
}

#[test]
fn kept_running_it_says_how_to_go_on_and_that_works() {
    let temporary = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(temporary.path(), &["--keep", "--products", "40", "--latency", "50ms"]);
    let text = demo.read_until("Logs: ");
    assert!(text.contains("with a click, and watch it travel\nhttp://127.0.0.1:"), "the page's address: {text}");
    let block = text.split("# ").find(|block| block.starts_with("the hub")).unwrap();
    let exports = block.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    let status =
        Command::new(env!("CARGO_BIN_EXE_pmp-local")).args(["hub", "status", "--check"]).envs(exports).output();
    let status = status.unwrap();
    let stdout = String::from_utf8(status.stdout).unwrap();
    assert_eq!(status.status.code(), Some(0), "{stdout}");
    assert!(stdout.contains("4 of 4 member experiences in sync"), "{stdout}");
    demo.signal("INT");
    assert_eq!(demo.wait().code, Some(0), "this is how it is meant to end");
    assert_eq!(left_behind(temporary.path()).len(), 1, "the logs stay");
    assert_eq!(programs(temporary.path()), Vec::<u32>::new());
}

#[test]
fn the_other_programs_get_their_arguments_untouched() {
    for (args, said) in [
        (["hub", "--help"].as_slice(), "Usage: pmp-local hub [OPTIONS] <COMMAND>"),
        (&["spoke", "plan", "--help"], "--detailed-exitcode"),
        (&["hub", "--version"], "pmp-hub "),
        (&["spoke", "-V"], "pmp-spoke "),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_pmp-local")).args(args).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        assert!(stdout.contains(said), "{args:?}: {stdout}");
    }
}
