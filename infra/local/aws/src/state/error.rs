//! Why a state could not be read or written.

use std::io;
use std::path::PathBuf;

/// Why a state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A file or the folder cannot be used.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another server has the folder.
    #[error("the state in `{}` is in use by another pmp-local (process {holder})", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Its process id, as it wrote it down.
        holder: String,
    },
    /// The folder holds other things.
    #[error("`{}` is not empty and holds no state of pmp-local (there is `{found}`)", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// One of the things.
        found: String,
    },
    /// The state is of another form.
    #[error("the state in `{}` has the form `{found}`, and this pmp-local reads `{expected}`", folder.display())]
    OtherVersion {
        /// The folder.
        folder: PathBuf,
        /// Its form.
        found: String,
        /// Ours.
        expected: &'static str,
    },
    /// The state is damaged.
    #[error("the state in `{}` is damaged: `{file}` {problem}", folder.display())]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The catalog cannot be written down.
    #[error("cannot write down the state of the catalog")]
    Catalog(#[from] serde_json::Error),
    /// SQLite refused.
    #[error("cannot copy the tables")]
    Tables(#[from] rusqlite::Error),
}

impl StateError {
    /// What a person can do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Io { .. } | Self::Catalog(_) | Self::Tables(_) => return None,
            Self::InUse { .. } => "stop that one, or take another folder",
            Self::Foreign { .. } => "take an empty folder, or one that does not exist yet",
            Self::OtherVersion { .. } => {
                "serve it with the version of pmp-local that wrote it, or start over with --reset; nothing was changed"
            }
            Self::Damaged { .. } => {
                "restore the folder from a copy, or start over with --reset (it deletes what is there); nothing was changed"
            }
        })
    }
}
