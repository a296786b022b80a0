//! Golden vectors: bytes in, verdict and reason out, for any language.
//!
//! [`throughline_testing::vectors`] publishes them and says how to run them. [`run`] runs them
//! through the real layers and knows nothing of [`generate`], which makes the file. The order of the
//! checks is frozen in it: for each two faults, a request that has both gets the reason of the
//! earlier check. [`python`] runs them in another language, by an implementation that was written
//! from the published page.

mod generate;
mod python;
mod run;

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The file.
fn path() -> PathBuf {
    root().join("crates/throughline-testing/vectors/hop.json")
}
