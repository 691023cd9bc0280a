//! The binary. Everything is in the library, so that tests can use it too.

use std::process::ExitCode;

/// Many small allocations on many threads are what a request is made of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    afterword::cli::main()
}
