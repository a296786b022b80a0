//! A key set in a file.

use std::error::Error as _;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use throughline_jose::AdmissionPolicy;
use throughline_jose::source::{FetchError, FetchErrorKind, KeySource, KeysErrorKind, KeysStatus};

use crate::key_refresh::{A, B, set_of};

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jwks.json");
    (folder, path)
}

fn fetch_error(error: &throughline_jose::source::KeysError) -> FetchErrorKind {
    let cause: &FetchError = error.source().unwrap().downcast_ref().unwrap();
    cause.kind()
}

#[tokio::test]
async fn a_file_that_changed_is_seen_after_a_refresh() {
    let (_folder, path) = file();
    fs::write(&path, set_of(&[A])).unwrap();
    let keys = KeySource::file(&path).into_keys();
    keys.load().await.unwrap();
    assert!(keys.current().set().find(Some("a")).is_some());

    fs::write(&path, set_of(&[B])).unwrap();
    assert!(keys.current().set().find(Some("b")).is_none());
    keys.load().await.unwrap();
    assert!(keys.current().set().find(Some("b")).is_some());
    assert!(keys.current().set().find(Some("a")).is_none());
}

#[tokio::test]
async fn a_file_written_half_keeps_the_old_set() {
    let (_folder, path) = file();
    let whole = set_of(&[A, B]);
    fs::write(&path, &whole).unwrap();
    let keys = KeySource::file(&path).into_keys();
    keys.load().await.unwrap();

    for half in [
        "",
        r#"{"keys": ["#,
        whole.split("EC").next().unwrap(),
        whole.trim_end_matches('}'),
    ] {
        fs::write(&path, half).unwrap();
        let error = keys.load().await.unwrap_err();
        assert_eq!(error.kind(), KeysErrorKind::KeySet, "{half:?}");
        assert_eq!(keys.status(), KeysStatus::Ready);
        assert_eq!(keys.current().set().len(), 2);
        assert_eq!(keys.current().generation(), 1);
    }
}

#[tokio::test]
async fn what_is_no_readable_file_is_a_failed_fetch() {
    let (folder, path) = file();
    let missing = KeySource::file(&path).into_keys();
    let error = missing.load().await.unwrap_err();
    assert_eq!(fetch_error(&error), FetchErrorKind::Unreachable);
    assert_eq!(missing.status(), KeysStatus::NotLoaded);

    let error = KeySource::file(folder.path())
        .into_keys()
        .load()
        .await
        .unwrap_err();
    assert_eq!(fetch_error(&error), FetchErrorKind::Unreachable);

    fs::write(&path, set_of(&[A])).unwrap();
    missing.load().await.unwrap();
}

#[tokio::test]
async fn a_file_beyond_the_limit_is_not_read() {
    let (_folder, path) = file();
    let text = set_of(&[A]);
    fs::write(&path, &text).unwrap();
    let fitting = AdmissionPolicy::new().with_max_document_bytes(text.len());
    let keys = KeySource::file(&path).with_policy(fitting).into_keys();
    keys.load().await.unwrap();

    fs::write(&path, format!("{text} ")).unwrap();
    let error = keys.load().await.unwrap_err();
    assert_eq!(fetch_error(&error), FetchErrorKind::TooLarge);
    assert_eq!(keys.status(), KeysStatus::Ready);
}
