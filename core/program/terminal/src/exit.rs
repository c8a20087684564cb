//! Exit codes: the same meaning for every command.

use pmp_runtime::{Stop, StopReason};

/// The exit codes as the help texts list them.
pub const EXIT_CODES_HELP: &str = "Exit codes: 0 ok or no changes; 1 error; 2 changes pending (only with \
    --detailed-exitcode); 3 refused by a guard; 4 unhealthy, or not yet (only of commands that \
    check or wait, such as `status --check` and `doctor`); 130 stopped by Ctrl-C. Unlike `kubectl diff`, 1 always means that something failed. \
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
    /// 130: stopped by SIGINT (Ctrl-C), in an orderly way and before its end.
    Interrupted,
    /// 143: the same by SIGTERM.
    Terminated,
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
            // As shells tell of a process that a signal ended: 128, and the signal's number.
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// How a command ends that `stop` ended before it was done, where a signal asked for that: no
    /// error. `None` where nothing did, or something else.
    #[must_use]
    pub fn by_signal(stop: &Stop) -> Option<Self> {
        match stop.reason()? {
            StopReason::Signal(signal) if signal.starts_with("SIGINT") => Some(Self::Interrupted),
            StopReason::Signal(_) => Some(Self::Terminated),
            StopReason::Deadline { .. } | StopReason::Revoked(_) => None,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
