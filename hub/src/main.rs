//! The program `pmp-hub`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmp_hub::cli::main(std::env::args_os().collect())
}
