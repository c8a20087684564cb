//! The program `pmp-filter`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    // A filter is compiled in a process of its own, which runs this program again.
    pmp_filter_host::compile_if_called(&args).unwrap_or_else(|| pmp_filter::cli::main(args))
}
