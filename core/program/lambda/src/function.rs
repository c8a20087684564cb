//! What a program has to be so that it runs as a function, and how it finds out that it is to.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;

use clap::Args;
use pmp_terminal::Failure;
use serde_json::Value;

use crate::Invocation;

/// Set by Lambda: where invocations come from.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// A program as a function.
#[allow(async_fn_in_trait)] // Both programs are served one invocation after the other, on the main task.
pub trait Function: fmt::Debug + Sized {
    /// What it is told by environment variables.
    type Settings: Args + fmt::Debug;

    /// Everything that later invocations share: settings checked, clients made, filter loaded.
    ///
    /// # Errors
    /// Where it cannot start. Lambda tries again with a new process.
    async fn init(settings: Self::Settings) -> Result<Self, Failure>;

    /// Answers one event.
    ///
    /// # Errors
    /// Where nothing can be said to the event but that it failed: Lambda, or whoever sent it, may
    /// send it again.
    async fn invoke(&self, event: Value, invocation: &Invocation) -> Result<Value, Failure>;
}

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
    Failure::new(anyhow::anyhow!("this build of {program} does not run in AWS Lambda"))
        .hint("build it with its default features".to_owned())
        .exit_code()
        .into()
}
