//! The errors of the state's folder, with hints.

use std::io;
use std::path::PathBuf;

use pmp_protocol::Hint;

/// Why a state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refused an operation on a file or on the folder.
    #[error("cannot {what} `{}`", path.display())]
    Io {
        /// The operation, as a verb: `read`, `write`.
        what: &'static str,
        /// The file or the folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another server is using the folder.
    #[error("the state in `{}` is in use by another pmp-local (process {holder})", folder.display())]
    InUse {
        /// The folder with the state.
        folder: PathBuf,
        /// The process id of the other server, as its lock file says it.
        holder: String,
    },
    /// The folder holds files of something else.
    #[error("`{}` is not empty and holds no state of pmp-local (there is `{found}`)", folder.display())]
    Foreign {
        /// The folder with the state.
        folder: PathBuf,
        /// The name of one of these files.
        found: String,
    },
    /// The state was written in another version of the format.
    #[error("the state in `{}` has the form `{found}`, and this pmp-local reads `{expected}`", folder.display())]
    OtherVersion {
        /// The folder with the state.
        folder: PathBuf,
        /// The version of the format that was found.
        found: String,
        /// The version that this program reads.
        expected: &'static str,
    },
    /// A file of the state cannot be read, or does not fit the others.
    #[error("the state in `{}` is damaged: `{file}` {problem}", folder.display())]
    Damaged {
        /// The folder with the state.
        folder: PathBuf,
        /// The name of the damaged file.
        file: String,
        /// What is wrong with the file.
        problem: String,
    },
    /// DynamoDB's tables could not be written into a file.
    #[error("cannot copy the tables")]
    Tables(#[from] io::Error),
}

pmp_protocol::codes!(StateError {
    Io => "E3016",
    InUse => "E3017",
    Foreign => "E3018",
    OtherVersion => "E3019",
    Damaged => "E3020",
    Tables => "E3022",
});

impl Hint for StateError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Io { .. } | Self::Tables(_) => return None,
            Self::InUse { .. } => "stop that one, or take another folder",
            Self::Foreign { .. } => "take an empty folder, or one that does not exist yet",
            Self::OtherVersion { .. } => {
                "serve it with the version of pmp-local that wrote it, or start over with --reset; nothing was changed"
            }
            Self::Damaged { .. } => {
                "restore the folder from a copy, or start over with --reset (it deletes what is there); nothing was changed"
            }
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pmp_protocol::Coded;
    use pmp_world::WorldError;

    use super::super::Folder;
    use super::*;
    use crate::StartError;

    #[test]
    fn tables_that_cannot_be_written_are_an_error_of_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::take(dir.path()).unwrap();
        let error = folder.place_tables("no such folder/tables-1.zst", &[], &mut BTreeSet::new()).unwrap_err();
        assert_eq!(error.code().to_string(), "E3022");
    }

    #[test]
    fn a_server_that_does_not_start_says_what_to_do_about_its_state_or_world() {
        let state = || StateError::InUse { folder: "state".into(), holder: "7".to_owned() };
        assert!(state().hint().is_some());
        assert_eq!(StartError::State(state()).hint(), state().hint());
        let world = || WorldError::Extension { path: "world.ini".into() };
        assert!(world().hint().is_some());
        assert_eq!(StartError::World(world()).hint(), world().hint());
    }
}
