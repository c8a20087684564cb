//! `pmp-filter build`: builds a project's component with the toolchain of its language.
//!
//! Each language has a file here with the commands that make a component without WASI imports. The
//! language's own client fetches the packages that the project pins (`Cargo.lock`,
//! `package-lock.json`, `requirements.txt`), as `cargo build` does. Tools of the machine are never
//! installed; an error names the command that installs them.

mod error;
mod javascript;
mod python;
mod rust;
mod tool;

use std::path::{Path, PathBuf};

use clap::Args;
use pmp_protocol::Digest;
use pmp_terminal::{Exit, Failure, Output, count, progress};
use serde_json::json;

pub(crate) use error::BuildError;

use crate::answer::Answer;
use crate::cases::CaseFile;
use crate::catalog::Scene;
use crate::component::Component;
use crate::project::{Language, Project};

/// The options of `pmp-filter build`.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The folder of the filter's project
    #[arg(value_name = "PROJECT", default_value = ".")]
    project: PathBuf,
}

impl Build {
    /// Builds the component, runs it once, and prints its size and digest.
    pub(crate) fn execute(self, output: Output) -> Result<Exit, Failure> {
        let project = Project::read(&self.project)?;
        progress::step(progress::Step::Doing, &format!("building `{}` ({})", project.name(), project.language()));
        let built = match project.language() {
            Language::Rust => rust::build(&project),
            Language::JavaScript => javascript::build(&project),
            Language::Python => python::build(&project),
        };
        let bytes = built?;
        let (component, digest) = (project.component(), Digest::of(&bytes));
        let tried = try_out(&project, output)?;
        let reproducible = project.language().builds_are_reproducible();
        if !output.is_table() {
            output.document(&json!({
                "name": project.name().as_str(), "language": project.language().to_string(),
                "component": component, "bytes": bytes.len(), "digest": digest, "tried": tried, "reproducible": reproducible,
            }))?;
            return Ok(Exit::Ok);
        }
        output.line(&format!("Built         {}", component.display()))?;
        output.line(&format!("Size          {} bytes", bytes.len()))?;
        output.line(&format!("Digest        {digest}"))?;
        output.line(&format!("Tried         {tried}"))?;
        if !reproducible {
            output.line("Keep          this file, once tested: another build of the same source has another digest")?;
        }
        Ok(Exit::Ok)
    }
}

/// Loads the component and runs its first case that expects decisions, so that a component that no
/// spoke could run is an error now.
fn try_out(project: &Project, output: Output) -> Result<String, Failure> {
    let filter = Component::built(project).load_kept(output)?;
    let loaded = format!("loaded as `{}` {}", filter.description().name, filter.description().version);
    // If the cases cannot be read, `pmp-filter test` reports it.
    let cases = CaseFile::read(&project.cases()).map(|file| file.cases).unwrap_or_default();
    let Some(case) = cases.iter().find(|case| case.expects_decisions()) else { return Ok(loaded) };
    match Answer::of(&filter, case, &Scene::made_up()?) {
        Answer::Decided(decisions) => {
            Ok(format!("{loaded}, and called once: it decides on {}", count(decisions.len(), "product")))
        }
        Answer::NotManaged(_) => Ok(format!("{loaded}, and called once: it does not manage the experience")),
        Answer::Refused(said) => Err(BuildError::Tried { case: case.name.clone(), said }.into()),
    }
}

/// Removes the component of an earlier build, so that it is not taken for the new one.
fn place(project: &Project) -> Result<PathBuf, BuildError> {
    let path = project.component();
    let folder = path.parent().unwrap_or(Path::new("."));
    let made = std::fs::create_dir_all(folder).and_then(|()| match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    });
    made.map_err(|source| BuildError::Place { path: path.clone(), source })?;
    Ok(path)
}

/// Reads the component that the toolchain has written.
fn result(path: &Path) -> Result<Vec<u8>, BuildError> {
    std::fs::read(path).map_err(|source| BuildError::NoComponent { path: path.to_owned(), source })
}
