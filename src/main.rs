//! dtrctl: see `dtrctl --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dtrctl::cli::main()
}
