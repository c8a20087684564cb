//! The program that runs filters for the hub: `pmp-filter decide`, as a process.
//!
//! It gets none of the hub's environment but the place of its cache: what it runs is other
//! organizations' code, and the hub's credentials are not for it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use pmp_protocol::PlainText;
use pmp_protocol::deciding::{Answered, Ask, DECIDE_PROTOCOL, Hello};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

use super::folder::LARGEST_MIB;
use crate::config::FILTER_PROGRAM;

/// What the program is called.
const NAME: &str = "pmp-filter";
/// What it may see of the hub's environment: where its cache of compiled filters is, and where
/// temporary files go.
const ENVIRONMENT: [&str; 3] = ["HOME", "XDG_CACHE_HOME", "TMPDIR"];
/// How long it may take to say hello, and to answer everything.
const HELLO: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(600);
/// The bytes of its errors that are read, and of them those that are told.
const MOST_WORDS: u64 = 16 << 10;
const TOLD: usize = 400;

/// Where the program is.
#[derive(Debug, Clone)]
pub(crate) struct FilterProgram(PathBuf);

/// Why the program does not answer. The rest of the plan does not depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unanswered(String);

/// What came of asking.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) answered: Vec<Answered>,
    /// Why not everything was answered.
    pub(crate) ended: Option<Unanswered>,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FilterProgram {
    /// The program that the settings name, or the one beside this program, or one on the PATH.
    pub(crate) fn find(named: Option<&str>) -> Result<Self, Unanswered> {
        if let Some(named) = named {
            let path = PathBuf::from(named);
            let missing = || Unanswered(format!("{FILTER_PROGRAM} names `{named}`, and there is no such file"));
            return path.is_file().then_some(Self(path)).ok_or_else(missing);
        }
        let own = std::env::current_exe().ok();
        let beside = own.as_deref().and_then(Path::parent).map(|folder| folder.join(NAME));
        let on_path = std::env::var_os("PATH");
        let on_path = on_path.iter().flat_map(std::env::split_paths).map(|folder| folder.join(NAME));
        let found = beside.into_iter().chain(on_path).find(|path| path.is_file());
        let missing = || {
            Unanswered(format!(
                "`{NAME}`, which runs filters, is neither beside pmp-hub nor on the PATH ({FILTER_PROGRAM} names it)"
            ))
        };
        found.map(Self).ok_or_else(missing)
    }

    /// Asks everything, and collects the answers, as far as they come.
    pub(crate) async fn ask(&self, asks: &[Ask]) -> Answers {
        let mut answers = Answers::default();
        let talk = tokio::time::timeout(PATIENCE, self.talk(asks, &mut answers.answered));
        answers.ended = match talk.await {
            Ok(Ok(())) => None,
            Ok(Err(ended)) => Some(ended),
            // The process ends as its handle is dropped.
            Err(_) => Some(self.says(&format!("took longer than {} s", PATIENCE.as_secs()))),
        };
        answers
    }

    fn says(&self, what: &str) -> Unanswered {
        Unanswered(format!("`{}` {what}", self.0.display()))
    }

    fn start(&self) -> std::io::Result<Child> {
        let mut command = Command::new(&self.0);
        command.arg("decide").args(["--max-file", &LARGEST_MIB.to_string()]).env_clear();
        command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command.spawn()
    }

    async fn talk(&self, asks: &[Ask], answered: &mut Vec<Answered>) -> Result<(), Unanswered> {
        let mut child = self.start().map_err(|error| self.says(&format!("cannot be started: {error}")))?;
        let (Some(mut questions), Some(answers), Some(words)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(self.says("has no standard streams"));
        };
        let mut answers = BufReader::new(answers).lines();
        let hello = tokio::time::timeout(HELLO, answers.next_line()).await;
        let hello = match hello {
            Ok(line) => line.ok().flatten(),
            Err(_) => return Err(self.says(&format!("did not answer within {} s", HELLO.as_secs()))),
        };
        let Some(hello) = hello.as_deref().and_then(|line| serde_json::from_str::<Hello>(line).ok()) else {
            return Err(self.without_hello(child, words).await);
        };
        if hello.protocol != DECIDE_PROTOCOL {
            return Err(self.says(&format!(
                "is of version {}, which answers otherwise than this pmp-hub ({}) asks: install both of one release",
                PlainText::bounded(&hello.version, 40),
                env!("CARGO_PKG_VERSION")
            )));
        }
        let write = async {
            for ask in asks {
                let Ok(mut line) = serde_json::to_vec(ask) else { continue };
                line.push(b'\n');
                // It has ended: its words say why.
                if questions.write_all(&line).await.is_err() {
                    break;
                }
            }
            drop(questions);
        };
        let read = async {
            loop {
                match answers.next_line().await {
                    Ok(Some(line)) => match serde_json::from_str(&line) {
                        Ok(answer) => answered.push(answer),
                        Err(_) => return Err(self.says("answered what is no answer")),
                    },
                    Ok(None) | Err(_) => return Ok(()),
                }
            }
        };
        let (read, (), words) = tokio::join!(read, write, heard(words));
        read?;
        let status = child.wait().await;
        match status {
            Ok(status) if status.success() => Ok(()),
            ended => Err(self.ended(ended.ok(), &words)),
        }
    }

    /// What is said of a program that does not begin as it should: one of an earlier release does
    /// not know the command.
    async fn without_hello(&self, mut child: Child, words: impl AsyncRead + Unpin) -> Unanswered {
        // It may go on with something else.
        let _ended_already = child.start_kill();
        let words = heard(words).await;
        if words.contains("decide") {
            return self.says(&format!(
                "does not know the command `decide`: it is older than this pmp-hub ({}); install both of one release",
                env!("CARGO_PKG_VERSION")
            ));
        }
        let status = child.wait().await.ok();
        self.ended(status, &words)
    }

    fn ended(&self, status: Option<ExitStatus>, words: &str) -> Unanswered {
        let status = status.map_or_else(|| "ended".to_owned(), |status| format!("ended with {status}"));
        let last = words.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        self.says(&format!("{status}: {}", PlainText::bounded(last.trim(), TOLD)))
    }
}

/// The first of what a program says on standard error. The rest is read, so that it can go on, and
/// dropped.
async fn heard(words: impl AsyncRead + Unpin) -> String {
    let mut words = words;
    let mut heard = Vec::new();
    let _as_far_as_it_came = (&mut words).take(MOST_WORDS).read_to_end(&mut heard).await;
    let _dropped = tokio::io::copy(&mut words, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&heard).into_owned()
}
