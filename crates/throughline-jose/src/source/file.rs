//! A key set in a file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{FetchError, FetchErrorKind};
use super::fetch::{Fetch, FetchFuture, FetchLimits, Fetched};

/// Reads the file anew each time, so that a mounted secret is followed when it is replaced.
#[derive(Debug)]
pub(super) struct FileFetch {
    path: Arc<Path>,
}

impl FileFetch {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: path.into() }
    }
}

impl Fetch for FileFetch {
    fn fetch(&self, limits: FetchLimits) -> FetchFuture {
        let path = Arc::clone(&self.path);
        FetchFuture::new(async move {
            tokio::task::spawn_blocking(move || read(&path, limits.max_bytes()))
                .await
                .map_err(FetchError::unreachable)?
        })
    }
}

fn read(path: &Path, max_bytes: usize) -> Result<Fetched, FetchError> {
    // Opening a pipe would wait for its writer, without a limit that could be kept.
    if !fs::metadata(path)
        .map_err(FetchError::unreachable)?
        .is_file()
    {
        let kind = io::ErrorKind::InvalidInput;
        return Err(FetchError::unreachable(io::Error::from(kind)));
    }
    // One byte beyond the limit tells a document that is too long from one that just fits.
    let limit = u64::try_from(max_bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut document = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut document))
        .map_err(FetchError::unreachable)?;
    if document.len() > max_bytes {
        return Err(FetchErrorKind::TooLarge.into());
    }
    Ok(Fetched::new(document))
}
