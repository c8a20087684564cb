//! Exit codes: the same meaning for every command.

/// The exit codes as the help texts list them.
pub const EXIT_CODES_HELP: &str = "Exit codes: 0 ok or no changes; 1 error; 2 changes pending (only with \
    --detailed-exitcode); 3 refused by a guard; 4 unhealthy, or not yet (only of commands that \
    check or wait, such as `status --check` and `doctor`). Unlike `kubectl diff`, 1 always means that something failed. \
    An error ends with its code, and `explain CODE` says what to do.";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Ok,
    /// 1: something failed, and standard error says what.
    Error,
    /// 2: there are changes to make, and `--detailed-exitcode` was given.
    ChangesPending,
    /// 3: a guard refused to go on.
    Refused,
    /// 4: `status --check` or `doctor` found something that does not work, `wait` waited in vain,
    /// `verify-aws` found that an assumption is refuted, or `audit` that entries are not as they
    /// were written.
    Unhealthy,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Error => 1,
            Self::ChangesPending => 2,
            Self::Refused => 3,
            Self::Unhealthy => 4,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
