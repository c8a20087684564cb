//! The hub and the spokes as processes of their own: this same executable as `pmp-local hub …` and
//! `pmp-local spoke …`, with an environment of nothing but what is said here, and a log file each.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use pmp_terminal::Failure;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

/// How long `init` or `status` may take.
const SHORT: Duration = Duration::from_secs(30);
/// How long a program may take to stop once it is told to.
const GRACE: Duration = Duration::from_secs(5);
/// How many lines of a log a failure shows.
const TAIL: usize = 12;
/// Set for programs that must not outlive the demo: they end when their standard input does.
const ATTACHED: &str = "PMP_LOCAL_ATTACHED";

/// The environment variables of one program.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(Vec<(&'static str, String)>);

/// The program that a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Hub,
    Spoke,
}

/// Starts programs with a clean environment, and keeps their logs in a folder.
#[derive(Debug)]
pub(super) struct Launcher {
    executable: PathBuf,
    folder: PathBuf,
}

/// A program that runs until it is told to stop. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) name: String,
    child: Child,
    log: PathBuf,
    // The end of this pipe tells the program that the demo is gone, even one that was killed.
    _attached: Option<ChildStdin>,
}

impl Environment {
    pub(super) fn with(mut self, variable: &'static str, value: impl fmt::Display) -> Self {
        self.0.push((variable, value.to_string()));
        self
    }

    /// As lines to paste into a shell.
    pub(super) fn exports(&self) -> impl Iterator<Item = String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@=".contains(c);
        self.0.iter().map(move |(variable, value)| {
            let quoted =
                if value.chars().all(plain) { value.clone() } else { format!("'{}'", value.replace('\'', r"'\''")) };
            format!("export {variable}={quoted}")
        })
    }
}

impl Part {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::Spoke => "spoke",
        }
    }
}

impl Launcher {
    /// For programs whose home and logs are in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        // Where the system does not say which file this is, the search path may know it. Otherwise
        // the first command that is started fails, and names itself.
        let executable = std::env::current_exe().unwrap_or_else(|_| PathBuf::from(env!("CARGO_PKG_NAME")));
        Self { executable, folder: folder.to_owned() }
    }

    /// The folder with the logs.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The executable, as short as the current directory makes it.
    pub(super) fn executable(&self) -> String {
        let here = std::env::current_dir().ok();
        let relative = here.and_then(|here| self.executable.strip_prefix(here).ok());
        relative.unwrap_or(&self.executable).display().to_string()
    }

    /// Runs a command to its end; its standard output.
    pub(super) async fn run(&self, part: Part, args: &[&str], environment: &Environment) -> Result<String, Failure> {
        let command = format!("pmp-{} {}", part.as_str(), args.join(" "));
        let child = self.command(part, args, environment).stdin(Stdio::null()).output();
        let output = timeout(SHORT, child).await;
        let output = output
            .map_err(|error| Failure::tried("E3049", format!("`{command}` takes longer than {SHORT:?}"), error))?;
        let output = output.map_err(|error| Failure::tried("E3050", format!("cannot run `{command}`"), error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let failure = Failure::new("E3051", format!("`{command}` ended with {}", output.status));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(last_lines(&said).into_iter().fold(failure, Failure::detail))
    }

    /// Starts a command that stays; its output goes to `<name>.log`.
    pub(super) fn start(
        &self,
        name: &str,
        part: Part,
        args: &[&str],
        environment: &Environment,
    ) -> Result<Running, Failure> {
        let log = self.folder.join(format!("{name}.log"));
        let cannot = |error| Failure::tried("E1751", format!("cannot write `{}`", log.display()), error);
        let file = File::create(&log).map_err(cannot)?;
        let second = file.try_clone().map_err(cannot)?;
        let mut command = self.command(part, args, environment);
        // A group of its own: Ctrl-C is for the demo, which then ends its programs in order.
        command.env(ATTACHED, "1").stdin(Stdio::piped()).stdout(file).stderr(second).process_group(0);
        let mut child =
            command.spawn().map_err(|error| Failure::tried("E3052", format!("cannot start {name}"), error))?;
        let attached = child.stdin.take();
        Ok(Running { name: name.to_owned(), child, log, _attached: attached })
    }

    fn command(&self, part: Part, args: &[&str], environment: &Environment) -> Command {
        let mut command = Command::new(&self.executable);
        command.arg(part.as_str()).args(args).kill_on_drop(true).env_clear();
        // A home without AWS profiles: whatever this machine is set up for, the programs must not
        // reach it.
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", &self.folder);
        command.envs(environment.0.iter().map(|(variable, value)| (variable, value)));
        command
    }
}

impl Running {
    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// The end of its log.
    pub(super) fn tail(&self) -> Vec<String> {
        let text = std::fs::read(&self.log).unwrap_or_default();
        last_lines(&String::from_utf8_lossy(&text))
    }

    /// Tells it to stop, and kills it where it does not.
    pub(super) async fn stop(&mut self) {
        self.tell_to_stop();
        if timeout(GRACE, self.child.wait()).await.is_err() {
            tracing::warn!(name = self.name, "does not stop, and is killed");
            // Only a program that has ended cannot be killed.
            let _ended = self.child.kill().await;
        }
    }

    /// Sends SIGTERM. A program that has ended already has no id any more.
    pub(super) fn tell_to_stop(&self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(Err(error)) = id.map(|id| kill_process(id, Signal::TERM)) {
            tracing::warn!(name = self.name, %error, "cannot be told to stop");
        }
    }
}

fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[lines.len().saturating_sub(TAIL)..].to_vec()
}

/// Where the demo started this process, ends it when the demo is gone. It can be killed without a
/// chance to end others, and a hub without its AWS would try again for ever.
pub(crate) fn end_with_the_demo() {
    if std::env::var_os(ATTACHED).is_none() {
        return;
    }
    std::thread::spawn(|| {
        let mut byte = [0];
        // Nothing is ever written there: this returns at the end of the pipe.
        let _end = std::io::stdin().read(&mut byte);
        std::process::exit(1);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_can_be_pasted() {
        let environment = Environment::default()
            .with("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .with("PMP_FILTER_CONFIG", r#"{"a":"it's"}"#);
        let lines: Vec<_> = environment.exports().collect();
        assert_eq!(lines[0], "export AWS_ENDPOINT_URL=http://127.0.0.1:1");
        assert_eq!(lines[1], r#"export PMP_FILTER_CONFIG='{"a":"it'\''s"}'"#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_program_that_cannot_do_its_part_is_told_by_what_became_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let of = |executable: &str| Launcher { executable: executable.into(), folder: folder.path().to_owned() };
        let run = async |executable: &str| {
            let ran = of(executable).run(Part::Hub, &["-F"], &Environment::default()).await;
            ran.unwrap_err().code().to_string()
        };
        // `tail hub -F` waits for ever for a file of this name; the clock is paused, and goes on at
        // once.
        assert_eq!(run("tail").await, "E3049");
        assert_eq!(run("/nowhere/pmp-local").await, "E3050");
        let started = of("/nowhere/pmp-local").start("hub", Part::Hub, &["run"], &Environment::default());
        assert_eq!(started.unwrap_err().code().to_string(), "E3052");
    }

    #[tokio::test]
    async fn a_command_that_fails_is_told_with_its_exit_code() {
        let folder = tempfile::tempdir().unwrap();
        let launcher = Launcher { executable: "false".into(), folder: folder.path().to_owned() };
        let failure = launcher.run(Part::Spoke, &["init"], &Environment::default()).await.unwrap_err();
        assert_eq!(failure.one_line(), "`pmp-spoke init` ended with exit status: 1");
        assert_eq!(failure.code().to_string(), "E3051");
    }

    #[test]
    fn only_the_end_of_a_log_is_shown() {
        let text = (0..40).map(|n| format!("line {n}\n")).collect::<String>();
        assert_eq!(last_lines(&text).len(), TAIL);
        assert_eq!(last_lines(&text).last().map(String::as_str), Some("line 39"));
        assert!(last_lines("").is_empty());
    }
}
