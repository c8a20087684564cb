//! The program `pmp-local`. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmp_local::cli::main(std::env::args_os().collect())
}
