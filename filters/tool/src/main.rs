//! The program `pmp-filter`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmp_filter::cli::main(std::env::args_os())
}
