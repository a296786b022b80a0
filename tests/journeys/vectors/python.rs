//! The vectors in Python, by an implementation that shares nothing with ours.

use std::process::Output;

use throughline_testing::vectors::Vectors;

use super::{path, root};
use crate::python::python;

fn run(file: &std::path::Path) -> (Output, String) {
    let mut command = python(root(), "tests/vectors/hop/hop.py");
    let output = command.arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, said)
}

#[test]
fn another_language_gets_every_verdict_from_the_file_and_its_page_alone() {
    let (output, said) = run(&path());
    assert!(output.status.success(), "{said}{output:?}");
    let vectors = Vectors::hop().unwrap().vectors.len();
    assert_eq!(said, format!("{vectors} vectors, 0 wrong\n"));
}

#[test]
fn the_other_language_judges_and_does_not_repeat_what_it_is_told() {
    let mut vectors = Vectors::hop().unwrap();
    let refused = vectors
        .vectors
        .iter()
        .position(|vector| vector.name == "expired")
        .unwrap();
    vectors.vectors[refused].verdict = vectors.vectors[0].verdict.clone();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hop.json");
    std::fs::write(&file, serde_json::to_string(&vectors).unwrap()).unwrap();
    let (output, said) = run(&file);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.starts_with("expired: ") && said.ends_with("1 wrong\n"),
        "{said}"
    );
}
