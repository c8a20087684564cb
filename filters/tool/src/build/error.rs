//! The errors of a build, with hints for the author.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

use pmp_protocol::Hint;

/// The reason why a build failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// A tool of the machine is missing.
    #[error("{what} is not there")]
    Missing {
        /// The tool that is missing, in words.
        what: &'static str,
        /// The command that installs it.
        install: &'static str,
    },
    /// A tool cannot be run.
    #[error("cannot run `{tool}`")]
    Start {
        /// The tool with its first argument.
        tool: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A tool ran and failed. Its own output says why.
    #[error("`{tool}` failed ({status})")]
    Failed {
        /// The tool with its first arguments.
        tool: String,
        /// The exit status of the tool.
        status: ExitStatus,
    },
    /// A tool's output is not in the expected form.
    #[error("`{tool}` answers with what cannot be understood")]
    Answer {
        /// The tool with its first argument.
        tool: String,
    },
    /// The folder for the component cannot be created.
    #[error("cannot make a place for `{}`", path.display())]
    Place {
        /// The path of the component.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The component was built, but fails on the project's first case.
    #[error("the component was built, and fails in the case \"{case}\": {said}")]
    Tried {
        /// The first case that expects decisions.
        case: String,
        /// The filter's answer instead of decisions.
        said: String,
    },
    /// The toolchain succeeded, but there is no component.
    #[error("the build ended without a component at `{}`", path.display())]
    NoComponent {
        /// The path where it should be.
        path: PathBuf,
        /// The error of reading it.
        source: io::Error,
    },
}

pmp_protocol::codes!(BuildError {
    Missing => "E2101",
    Start => "E2102",
    Failed => "E2103",
    Answer => "E2104",
    Place => "E2105",
    Tried => "E2106",
    NoComponent => "E2107",
});

impl Hint for BuildError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { install, .. } => Some((*install).to_owned()),
            Self::Failed { .. } => Some("what it said stands above".to_owned()),
            Self::Tried { .. } => Some("`pmp-filter test` tells of all cases".to_owned()),
            Self::Start { .. } | Self::Answer { .. } | Self::Place { .. } | Self::NoComponent { .. } => None,
        }
    }
}
