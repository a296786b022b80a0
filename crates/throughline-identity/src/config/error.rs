//! What is wrong with a file, where, and what to write instead.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use throughline::ConfigError;

use crate::discovery::StartupError;

/// A file that cannot be an edge's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeConfigError {
    file: Option<PathBuf>,
    line: Option<usize>,
    problem: String,
    remedy: Option<String>,
}

impl EdgeConfigError {
    pub(super) fn new(line: Option<usize>, problem: impl Into<String>) -> Self {
        Self {
            file: None,
            line,
            problem: problem.into(),
            remedy: None,
        }
    }

    pub(super) fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        Self::new(None, format!("cannot be read: {error}")).in_file(path)
    }

    pub(super) fn keys(error: &StartupError) -> Self {
        Self::new(None, error.to_string()).with_remedy(
            "see that its address answers, or start without waiting: `wait_for_keys = false` in \
             `[edge]`",
        )
    }

    pub(super) fn layer(error: ConfigError) -> Self {
        Self::new(None, error.into_problems().join("; "))
    }

    pub(super) fn in_file(mut self, path: &Path) -> Self {
        self.file = Some(path.to_owned());
        self
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What to write instead, where that is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

impl fmt::Display for EdgeConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            f.write_str(if self.line.is_some() { ":" } else { ": " })?;
        }
        if let Some(line) = self.line {
            if self.file.is_none() {
                f.write_str("line ")?;
            }
            write!(f, "{line}: ")?;
        }
        f.write_str(&self.problem)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl Error for EdgeConfigError {}
