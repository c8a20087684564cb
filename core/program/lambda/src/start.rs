//! How a program finds out that it is to run as a function, and does.

use std::ffi::OsString;
use std::process::ExitCode;

#[cfg(not(feature = "runtime"))]
use pmp_terminal::{Failure, progress};

use crate::Function;

/// Set by Lambda: where invocations come from.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Whether Lambda started this process: its variable is there, and nobody asks for a command.
#[must_use]
pub fn is_called(args: &[OsString]) -> bool {
    args.len() <= 1 && std::env::var_os(RUNTIME_API).is_some_and(|value| !value.is_empty())
}

/// Runs the function `F` of the program `program` until Lambda ends the environment.
#[must_use]
pub fn main<F: Function>(program: &'static str) -> ExitCode {
    #[cfg(feature = "runtime")]
    return crate::runtime::main::<F>(program);
    #[cfg(not(feature = "runtime"))]
    without_runtime(program)
}

#[cfg(not(feature = "runtime"))]
fn without_runtime(program: &str) -> ExitCode {
    let failure = Failure::new("E1718", format!("this build of {program} does not run in AWS Lambda"))
        .hint("build it with its default features".to_owned());
    // Nobody else tells of it: it is not on its way through `program`.
    progress::failure(&failure, program);
    failure.exit_code().into()
}
