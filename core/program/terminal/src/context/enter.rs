//! Where the configuration file is, and how the variables of a context reach the program.
//!
//! The program begins anew with the variables of the context in its environment, where they are not
//! set. So every check of a variable, ours and the SDK's, sees them, and there is one order: a flag
//! wins over the environment, and the environment over the file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use clap::{ArgMatches, Args};
use serde::{Deserialize, Serialize};

use super::{Context, Contexts};
use crate::Failure;

/// What a program finds in its environment that began anew with a context.
const APPLIED: &str = "PMP_CONTEXT_APPLIED";
/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// Commands that say something of the program alone.
const BESIDE: [&str; 5] = ["completions", "explain", "help", "man", "version"];

/// Which context of the configuration file counts.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration file")]
pub struct ContextArgs {
    /// The context of the configuration file whose variables count where they are not set; `none`
    /// for none of them [default: the one that the file names]
    #[arg(long, global = true, env = "PMP_CONTEXT", value_name = "NAME", hide_env_values = true)]
    context: Option<String>,
    /// The configuration file [default: pmp-sync/config.toml in the folder for configuration, which
    /// is XDG_CONFIG_HOME or ~/.config]
    #[arg(
        long = "config",
        id = "config_file",
        global = true,
        env = "PMP_CONFIG",
        value_name = "FILE",
        hide_env_values = true
    )]
    config_file: Option<PathBuf>,
}

/// The context that a program began with, and which of its variables it took from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The context, by its name in the file.
    pub context: String,
    /// Path of the file that it stands in.
    pub file: PathBuf,
    /// Variables that were not set before.
    pub variables: BTreeSet<String>,
}

impl ContextArgs {
    /// The configuration file that was named; none for the usual one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.config_file.as_deref().filter(|path| !path.as_os_str().is_empty())
    }

    /// The context that was named, by its name in the file.
    pub(crate) fn named(&self) -> Option<&str> {
        self.context.as_deref().filter(|name| !name.trim().is_empty())
    }
}

impl Applied {
    /// What this process began with; none without a context.
    #[must_use]
    pub fn here() -> Option<Self> {
        serde_json::from_str(&std::env::var(APPLIED).ok()?).ok()
    }
}

/// The command that takes a variable away, so that its default counts. `None` where the variable
/// comes from a context of the configuration file: to unset it in the shell would change nothing.
#[must_use]
pub fn unset(variable: &str) -> Option<String> {
    let of_the_file = Applied::here().is_some_and(|applied| applied.variables.contains(variable));
    (!of_the_file).then(|| format!("unset {variable}"))
}

/// What to do about contexts of which none was chosen; none where one was, where there are none,
/// and where none is wanted.
pub(crate) fn unchosen() -> Option<String> {
    UNCHOSEN.get().cloned()
}

/// Set once, before the command begins.
static UNCHOSEN: OnceLock<String> = OnceLock::new();

/// Remembers that the file at `path` has contexts, and none of them is chosen.
fn remember_unchosen(path: &Path, contexts: &Contexts) {
    let mut names = contexts.names();
    let Some(first) = names.next() else { return };
    let all = names.fold(first.to_owned(), |all, name| format!("{all}, {name}"));
    // There is one command in a process, so that what was remembered stays.
    let _already = UNCHOSEN.set(format!(
        "`{}` has the contexts {all}: choose one with `--context`, or by a first line `context = \"{first}\"`",
        path.display()
    ));
}

/// The configuration file that counts: where it is, and what it holds. None where there is no file,
/// and none was asked for.
pub(crate) fn contexts(program: &str, named: Option<&Path>) -> Result<Option<(PathBuf, Contexts)>, Failure> {
    let Some(path) = named.map(Path::to_path_buf).or_else(usual_path) else { return Ok(None) };
    let what = || format!("cannot read the configuration file `{}`", path.display());
    // A pipe would be waited for without end.
    match std::fs::metadata(&path) {
        Ok(found) if !found.is_file() => return Err(Failure::new("E1720", "it is no regular file").within(what())),
        Ok(_) | Err(_) => {}
    }
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => return Ok(None),
        Err(error) => {
            let hint = "--config (PMP_CONFIG) names the file; docs/configuration.md has an example".to_owned();
            return Err(Failure::tried("E1721", what(), error).hint(hint));
        }
    };
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| Failure::tried("E1722", what(), error))?;
    if text.len() as u64 > LARGEST {
        return Err(Failure::new("E1723", "it has more than 1 MiB").within(what()));
    }
    let contexts = Contexts::parse(&text, program).map_err(|error| Failure::from(error).within(what()))?;
    Ok(Some((path, contexts)))
}

/// Where the file is that nobody named.
pub(crate) fn usual_path() -> Option<PathBuf> {
    let folder = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A relative path there is to be ignored, says the XDG Base Directory Specification.
    let configuration = folder("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let configuration = configuration.or_else(|| Some(folder("HOME")?.join(".config")))?;
    Some(configuration.join("pmp-sync").join("config.toml"))
}

/// Begins the program anew with the context that `matches` and the file choose; returns where there
/// is none, or where it began so already.
///
/// # Errors
/// Where the file cannot be read or is none, and where there is no such context.
pub(crate) fn enter(program: &str, matches: &ArgMatches) -> Result<(), Failure> {
    let about_itself = matches.subcommand_name().is_some_and(|name| BESIDE.contains(&name));
    // A list of contexts helps where the usual one is not among them.
    let lists = matches.subcommand().is_some_and(|(_, own)| own.subcommand_name() == Some("contexts"));
    if about_itself || lists {
        return Ok(());
    }
    // A program without these arguments has no contexts. A blank one is not set, as everywhere.
    let Ok(named) = matches.try_get_one::<String>("context") else { return Ok(()) };
    let named = named.filter(|name| !name.trim().is_empty());
    // It began with this context already. What another process left in the environment does not
    // count against the one that is asked for.
    if Applied::here().is_some_and(|applied| named.is_none_or(|named| *named == applied.context)) {
        return Ok(());
    }
    let file = matches.try_get_one::<PathBuf>("config_file").ok().flatten();
    let Some((path, contexts)) = contexts(program, file.map(PathBuf::as_path))? else {
        return match named.filter(|name| *name != super::NONE) {
            Some(name) => Err(no_file(name)),
            None => Ok(()),
        };
    };
    let what = || format!("cannot use the configuration file `{}`", path.display());
    let chosen = contexts.choose(named.map(String::as_str)).map_err(|error| Failure::from(error).within(what()))?;
    match chosen {
        Some(context) => begin_anew(&context, path.clone()).map_err(|failure| failure.within(what())),
        None => {
            if named.is_none() && contexts.usual().is_none() {
                remember_unchosen(&path, &contexts);
            }
            Ok(())
        }
    }
}

fn no_file(context: &str) -> Failure {
    let place =
        usual_path().map_or_else(|| "and no folder for it".to_owned(), |path| format!("at `{}`", path.display()));
    let failure = Failure::new("E1724", format!("there is no configuration file for the context `{context}`: {place}"));
    failure.hint("write it, or name another one: --config FILE (PMP_CONFIG)".to_owned())
}

/// Whether a variable is set to anything but blanks.
fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value.to_str().is_none_or(|value| !value.trim().is_empty()))
}

fn begin_anew(context: &Context, file: PathBuf) -> Result<(), Failure> {
    let variables: BTreeSet<String> = context.beside(is_set).into_iter().map(str::to_owned).collect();
    let applied = Applied { context: context.name.clone(), file, variables };
    let failed = "cannot begin with the context's variables";
    let told = serde_json::to_string(&applied).map_err(|error| Failure::tried("E1725", failed, error))?;
    let program = std::env::current_exe().map_err(|error| Failure::tried("E1727", failed, error))?;
    // The arguments of the process, and not those of this program, which may be a part of another.
    let mut own: Vec<OsString> = std::env::args_os().collect();
    let name = if own.is_empty() { OsString::new() } else { own.remove(0) };
    let mut command = Command::new(program);
    command.args(own).env(APPLIED, told);
    command.envs(context.variables.iter().filter(|(variable, _)| applied.variables.contains(*variable)));
    let error = replace(command, name);
    Err(Failure::tried("E1727", failed, error))
}

/// Runs `command` in the place of this process; returns where that fails.
#[cfg(unix)]
fn replace(mut command: Command, name: OsString) -> std::io::Error {
    use std::os::unix::process::CommandExt as _;
    command.arg0(name).exec()
}

/// The same where no process can take another's place: this one waits for it.
#[cfg(not(unix))]
fn replace(mut command: Command, _: OsString) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
