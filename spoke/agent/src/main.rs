//! The program `pmp-spoke`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmp_spoke::cli::main(std::env::args_os())
}
