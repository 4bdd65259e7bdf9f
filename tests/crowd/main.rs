//! The crowd of the live tests, in a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    keyhush_tests::crowd::main()
}
