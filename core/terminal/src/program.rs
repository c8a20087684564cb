//! From `main` to a command and back: arguments in, an exit code out.

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;

use clap::Parser;

use crate::{Exit, Failure, progress};

/// Parses `args` (the program's name first), runs the command on a runtime of its own, and tells a person of a failure.
pub fn program<P, F>(args: impl IntoIterator<Item = OsString>, command: impl FnOnce(P) -> F) -> ExitCode
where
    P: Parser,
    F: Future<Output = Result<Exit, Failure>>,
{
    let parsed = match P::try_parse_from(args) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are asked for; anything else is an error, and 1 is the code for errors.
            let exit = if error.use_stderr() { Exit::Error } else { Exit::Ok };
            let _lost = error.print();
            return exit.into();
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(Failure::new).and_then(|runtime| runtime.block_on(command(parsed)));
    outcome
        .unwrap_or_else(|failure| {
            progress::note(&failure.render());
            failure.exit_code()
        })
        .into()
}
