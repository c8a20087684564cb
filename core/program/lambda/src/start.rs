//! How a program finds out that it is to run as a function, and does.

use std::ffi::OsString;
use std::process::ExitCode;

#[cfg(any(test, not(feature = "runtime")))]
use pmp_terminal::Failure;

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
    let failure = no_runtime(program);
    // Nobody else tells of it: it is not on its way through `program`.
    pmp_terminal::progress::failure(&failure, program);
    failure.exit_code().into()
}

#[cfg(any(test, not(feature = "runtime")))]
fn no_runtime(program: &str) -> Failure {
    Failure::new("E1718", format!("this build of {program} does not run in AWS Lambda"))
        .hint("build it with its default features".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_without_the_runtime_says_so_to_lambda() {
        let failure = no_runtime("pmp-hub");
        assert_eq!(failure.code().to_string(), "E1718");
        assert!(failure.one_line().contains("pmp-hub does not run in AWS Lambda"));
    }
}
