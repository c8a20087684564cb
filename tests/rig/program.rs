//! The real programs, as processes with an environment of their own.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// A command that takes longer has hung.
const TIMEOUT: Duration = Duration::from_secs(90);
/// A root that nobody has the key of. The embedded AWS speaks no TLS, and to read the hundred and
/// fifty roots of a machine takes a program a third of what a command takes it in all. Tests of the
/// network name roots of their own.
const ONE_ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/aws/tests/root.pem");

/// A program with its environment, to be run with arguments.
#[derive(Debug, Clone)]
pub struct Program {
    name: &'static str,
    environment: Vec<(String, String)>,
    /// Where it is, if not where this build's programs are.
    folder: Option<PathBuf>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The exit code; -1 if a signal ended it.
    pub code: i32,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Finished {
    /// Its standard error without the lines that tell what is waited for: how many there are
    /// depends on the machine.
    #[must_use]
    pub fn said(&self) -> String {
        let said = self.stderr.split_inclusive('\n').filter(|line| !line.starts_with(". waiting for "));
        said.collect()
    }
}

/// Where cargo put a binary of the workspace, or where `PMP_BIN_DIR` says that it is; else what to
/// do. `cargo test --workspace` builds them; a single package's tests do not.
pub fn find_binary(name: &str) -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("PMP_BIN_DIR") {
        let path = PathBuf::from(folder).join(name);
        return if path.is_file() { Ok(path) } else { Err(format!("there is no {} (PMP_BIN_DIR)", path.display())) };
    }
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join(name);
    let missing = || format!("{} is not built: run `cargo build --workspace --bins`", path.display());
    if path.is_file() { Ok(path) } else { Err(missing()) }
}

/// As [`find_binary`]; a test without it ends.
pub fn binary(name: &str) -> PathBuf {
    find_binary(name).unwrap_or_else(|missing| panic!("{missing}"))
}

impl Program {
    /// A program that sees nothing of this process's environment, and knows one root of
    /// certificates.
    pub fn new(name: &'static str, environment: &[(&str, &str)]) -> Self {
        let own = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { name, environment: own, folder: None }
    }

    /// The same with more, or other, variables.
    #[must_use]
    pub fn with(&self, more: &[(&str, &str)]) -> Self {
        let mut program = self.clone();
        for (name, value) in more {
            program.environment.retain(|(known, _)| known != name);
            program.environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        program
    }

    /// The same on a terminal of 80 columns, the smallest in use. Without one, lines are as wide as
    /// they need to be.
    #[must_use]
    pub fn on_a_screen(&self) -> Self {
        self.with(&[("COLUMNS", "80")])
    }

    /// The same without a variable.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut program = self.clone();
        program.environment.retain(|(known, _)| known != name);
        program
    }

    /// The same with every variable that `other` has otherwise than `base`.
    #[must_use]
    pub fn changed_as(&self, base: &Self, other: &Self) -> Self {
        let changed = other.environment.iter().filter(|pair| !base.environment.contains(pair));
        let changed: Vec<_> = changed.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let gone = base.environment.iter().map(|(name, _)| name);
        let gone = gone.filter(|name| other.environment.iter().all(|(there, _)| there != *name));
        gone.fold(self.with(&changed), |program, name| program.without(name))
    }

    /// Another program with the same environment.
    #[must_use]
    pub fn named(&self, name: &'static str) -> Self {
        Self { name, ..self.clone() }
    }

    /// The same program of another build, which lies in `folder`.
    #[must_use]
    pub fn of(&self, folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), ..self.clone() }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let path = self.folder.as_ref().map_or_else(|| binary(self.name), |folder| folder.join(self.name));
        let mut command = Command::new(path);
        command.args(arguments).env_clear().env("SSL_CERT_FILE", ONE_ROOT);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end. With `PMP_REPLAY_AUDITS` in the tests' environment, what the
    /// audit tells after a command of the hub has to go together.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        let finished = self.finished(arguments).await;
        let asks = arguments.first().is_some_and(|first| !["audit", "explain", "version"].contains(first));
        if self.name == "pmp-hub" && asks && std::env::var_os("PMP_REPLAY_AUDITS").is_some() {
            self.replays_its_audit(&format!("after `{}`", arguments.join(" "))).await;
        }
        finished
    }

    async fn finished(&self, arguments: &[&str]) -> Finished {
        finished(&format!("{} {}", self.name, arguments.join(" ")), self.command(arguments)).await
    }

    /// Exports the audit of this hub, and replays it: what it tells has to go together. Where there
    /// is none, or it cannot be exported whole, nothing is said.
    pub async fn replays_its_audit(&self, when: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("audit.ndjson").to_string_lossy().into_owned();
        // Past whatever listens to what the test asks of the ledger.
        let auditor = self.without("AWS_ENDPOINT_URL_DYNAMODB");
        let exported = auditor.finished(&["audit", "export", "--out", &file]).await.code == 0;
        let Some(text) = std::fs::read_to_string(&file).ok().filter(|_| exported) else { return };
        let replayed = auditor.finished(&["audit", "replay", &file]).await;
        assert_eq!(replayed.code, 0, "{when}: {}\n{text}", replayed.stderr);
    }

    /// Runs a script as a person's shell would, in `folder`, with the programs of this build on the
    /// path.
    pub async fn shell(&self, script: &str, folder: &Path) -> Finished {
        let mut own = self.command(&[]);
        let programs = Path::new(own.as_std().get_program()).parent().unwrap().to_owned();
        let path = std::env::join_paths([programs.as_path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let environment: Vec<_> =
            own.as_std_mut().get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", script]).current_dir(folder).env_clear().envs(environment);
        shell.env("PATH", path).env("HOME", folder).stdin(Stdio::null()).kill_on_drop(true);
        finished(script, shell).await
    }

    /// Runs a command that must succeed; what it prints as JSON.
    pub async fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["-o", "json"]].concat()).await;
        assert_eq!(finished.code, 0, "`{} {}`: {}", self.name, arguments.join(" "), finished.stderr);
        serde_json::from_str(&finished.stdout).unwrap()
    }

    /// Starts an agent: a command that runs until it is stopped.
    pub fn start(&self, arguments: &[&str]) -> Agent {
        let mut child = self.command(arguments).spawn().unwrap();
        let (log, printed) = (Kept::default(), Kept::default());
        let readers = [
            tokio::spawn(keep(child.stderr.take().unwrap(), log.clone())),
            tokio::spawn(keep(child.stdout.take().unwrap(), printed.clone())),
        ];
        Agent { child, log, printed, readers }
    }
}

/// Runs a command to its end. `what` it is stands in the complaint where it hangs.
async fn finished(what: &str, mut command: Command) -> Finished {
    let output = tokio::time::timeout(TIMEOUT, command.output()).await;
    let Output { status, stdout, stderr } = output.unwrap_or_else(|_| panic!("`{what}` has hung")).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Finished { code: status.code().unwrap_or(-1), stdout: text(stdout), stderr: text(stderr) }
}

type Kept = Arc<Mutex<String>>;

async fn keep(stream: impl AsyncRead + Unpin, kept: Kept) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut kept = kept.lock().unwrap();
        kept.push_str(&line);
        kept.push('\n');
    }
}

/// A running agent. It is killed when it is dropped; [`Self::stop`] asks it to stop as an operator
/// would.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    log: Kept,
    printed: Kept,
    readers: [JoinHandle<()>; 2],
}

impl Agent {
    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// What it has written to standard output so far.
    pub fn printed(&self) -> String {
        self.printed.lock().unwrap().clone()
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id().expect("the agent has ended by itself")
    }

    /// Sends SIGTERM and waits for its end: the exit code and the log.
    pub async fn stop(self) -> (i32, String) {
        self.signal("TERM").await;
        self.ended().await
    }

    /// Sends a signal: `TERM`, `INT`, `STOP`.
    pub async fn signal(&self, name: &str) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().await.unwrap().success());
    }

    /// Waits for its end: the exit code and the log.
    pub async fn ended(mut self) -> (i32, String) {
        let status = tokio::time::timeout(TIMEOUT, self.child.wait()).await.expect("it does not end").unwrap();
        for reader in self.readers {
            reader.await.unwrap();
        }
        let log = self.log.lock().unwrap().clone();
        (status.code().unwrap_or(-1), log)
    }

    /// Kills it, as a crash would.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}
