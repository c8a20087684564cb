//! Why there is no component, and what the author can do.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why a build failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// Something of the machine is missing.
    #[error("{what} is not there")]
    Missing {
        /// What.
        what: &'static str,
        /// The command that brings it.
        install: &'static str,
    },
    /// A tool cannot be run.
    #[error("cannot run `{tool}`")]
    Start {
        /// The tool.
        tool: String,
        /// Why.
        source: io::Error,
    },
    /// A tool ran, and failed; it has said why.
    #[error("`{tool}` failed ({status})")]
    Failed {
        /// The tool with its first arguments.
        tool: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A tool answers in an unexpected way.
    #[error("`{tool}` answers with what cannot be understood")]
    Answer {
        /// The tool.
        tool: String,
    },
    /// The place for the component cannot be made.
    #[error("cannot make a place for `{}`", path.display())]
    Place {
        /// The component.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The component is there, and does not do what its project says.
    #[error("the component was built, and fails in the case \"{case}\": {said}")]
    Tried {
        /// The first case that expects decisions.
        case: String,
        /// What came instead of them.
        said: String,
    },
    /// Everything ran, and left no component.
    #[error("the build ended without a component at `{}`", path.display())]
    NoComponent {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
}

impl BuildError {
    /// What the author can do.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { install, .. } => Some((*install).to_owned()),
            Self::Failed { .. } => Some("what it said stands above".to_owned()),
            Self::Tried { .. } => Some("`pmp-filter test` tells of all cases".to_owned()),
            Self::Start { .. } | Self::Answer { .. } | Self::Place { .. } | Self::NoComponent { .. } => None,
        }
    }
}
