//! Where tokens come from. Never from the command line, which every process of the machine can
//! read; never to anywhere but the service.

use std::convert::Infallible;
use std::fmt;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// More than any header of any service holds.
const MAX_LEN: u64 = 64 * 1024;

/// How long a token command may take: some open a browser.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// A place that holds a token: `env:NAME`, `file:PATH` or `command:COMMAND`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum TokenSource {
    Command(String),
    Env(String),
    File(PathBuf),
    /// None of these; perhaps a token, by mistake. It is not kept.
    Unknown,
}

/// Never fails: the parser of the command line would repeat what it cannot read, and that may be a
/// token.
impl FromStr for TokenSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.split_once(':') {
            None | Some((_, "")) => Self::Unknown,
            Some(("command", command)) => Self::Command(command.into()),
            Some(("env", name)) => Self::Env(name.into()),
            Some(("file", path)) => Self::File(path.into()),
            Some(_) => Self::Unknown,
        })
    }
}

/// Without the command, which may hold a password.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Command(_) => "command:…",
            Self::Env(_) => "env:…",
            Self::File(_) => "file:…",
            Self::Unknown => "…",
        })
    }
}

impl TokenSource {
    /// The token, without the blanks around it.
    pub(super) async fn read(&self) -> Result<Token, TokenError> {
        let text = match self {
            Self::Command(command) => run(command).await?,
            Self::Env(name) => std::env::var(name).map_err(|_| TokenError::Env(name.clone()))?,
            Self::File(path) => read_capped(path)
                .map_err(|error| TokenError::File(path.display().to_string(), error))?,
            Self::Unknown => return Err(TokenError::Source),
        };
        Token::new(&text)
    }
}

fn read_capped(path: &PathBuf) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(MAX_LEN + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// What a command of the shell prints, up to a size and in a bounded time.
async fn run(command: &str) -> Result<String, TokenError> {
    let (shell, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut child = Command::new(shell)
        .args([flag, command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(TokenError::Command)?;
    let output = child.stdout.take();
    let work = async {
        let mut text = String::new();
        if let Some(output) = output {
            output
                .take(MAX_LEN + 1)
                .read_to_string(&mut text)
                .await
                .map_err(TokenError::Command)?;
        }
        let status = child.wait().await.map_err(TokenError::Command)?;
        match status.success() {
            true => Ok(text),
            false => Err(TokenError::CommandStatus(status.to_string())),
        }
    };
    tokio::time::timeout(COMMAND_LIMIT, work)
        .await
        .map_err(|_| TokenError::CommandSlow)?
}

/// A token. It is shown as its length only.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if text.len() as u64 > MAX_LEN {
            return Err(TokenError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::NotVisible);
        }
        Ok(Self(text.into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "‹token, {} bytes›", self.0.len())
    }
}

/// Why there is no token.
#[derive(Debug)]
pub(crate) enum TokenError {
    Command(io::Error),
    CommandSlow,
    CommandStatus(String),
    Empty,
    Env(String),
    File(String, io::Error),
    NotVisible,
    Source,
    TooLong,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_) => f.write_str("the token command could not be run"),
            Self::CommandSlow => write!(
                f,
                "the token command took longer than {} seconds",
                COMMAND_LIMIT.as_secs()
            ),
            Self::CommandStatus(status) => write!(f, "the token command ended with {status}"),
            Self::Empty => f.write_str("the token is empty"),
            // The shell may have put the token where its variable's name, or a path, was meant.
            Self::Env(name) if is_variable(name) => write!(
                f,
                "the environment variable `{name}` is not set, or no text"
            ),
            Self::Env(_) => f.write_str(
                "what stands behind `env:` is no name of an environment variable (`env:NAME`, \
                 without `$`)",
            ),
            Self::File(path, _) if is_like_a_token(path) => {
                f.write_str("the token file could not be read; its path looks like a token")
            }
            Self::File(path, _) => write!(f, "the token file `{path}` could not be read"),
            Self::NotVisible => f.write_str("the token is not one line of visible ASCII"),
            Self::Source => f.write_str("expected `env:NAME`, `file:PATH` or `command:COMMAND`"),
            Self::TooLong => write!(f, "the token is longer than {MAX_LEN} bytes"),
        }
    }
}

/// Whether a text may be the name of a variable: letters, digits and underscores, and not many.
fn is_variable(name: &str) -> bool {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= 64
        && name.bytes().all(in_name)
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !is_like_a_token(name)
}

/// Whether a path may be a token: it begins like a JSON object in base64url, or is a word that is
/// as long as no name of a file.
fn is_like_a_token(path: &str) -> bool {
    let is_long = |piece: &str| piece.len() > 64;
    path.split(['/', '\\']).any(|piece| {
        piece.contains("eyJ")
            || piece.matches('.').count() >= 2 && !piece.starts_with('.')
            || is_long(piece)
    })
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Command(cause) | Self::File(_, cause) => Some(cause),
            Self::CommandSlow
            | Self::CommandStatus(_)
            | Self::Empty
            | Self::Env(_)
            | Self::NotVisible
            | Self::Source
            | Self::TooLong => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> TokenSource {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_is_a_kind_and_a_place() {
        assert_eq!(source("env:TOKEN"), TokenSource::Env("TOKEN".into()));
        assert_eq!(source("file:a:b"), TokenSource::File("a:b".into()));
        assert_eq!(
            source("command:pass show a"),
            TokenSource::Command("pass show a".into())
        );
    }

    #[tokio::test]
    async fn a_token_in_the_place_of_a_source_is_refused_and_not_repeated() {
        for text in ["eyJhbGciOi.eyJz.c2ln", "secret:eyJz", "env:", ""] {
            assert_eq!(format!("{:?}", source(text)), "…");
            let error = source(text).read().await.unwrap_err();
            assert_eq!(
                error.to_string(),
                "expected `env:NAME`, `file:PATH` or `command:COMMAND`"
            );
        }
    }

    #[test]
    fn neither_a_token_nor_its_command_is_shown() {
        let token = Token::new("  s3cr3t\n").unwrap();
        assert_eq!(format!("{token:?}"), "‹token, 6 bytes›");
        let source = source("command:curl -u me:s3cr3t host");
        assert_eq!(format!("{source:?}"), "command:…");
    }

    #[test]
    fn a_token_is_one_line_of_visible_ascii() {
        assert_eq!(Token::new(" a.b.c \r\n").unwrap().as_str(), "a.b.c");
        for (text, error) in [
            ("", "the token is empty"),
            ("a\nb", "the token is not one line of visible ASCII"),
            ("a b", "the token is not one line of visible ASCII"),
            ("ä", "the token is not one line of visible ASCII"),
        ] {
            assert_eq!(Token::new(text).unwrap_err().to_string(), error);
        }
        let long = "a".repeat(MAX_LEN as usize + 1);
        assert!(matches!(Token::new(&long), Err(TokenError::TooLong)));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_command_gives_what_it_prints_or_the_reason_why_not() {
        let token = source("command:printf 'a.%s\\n' b").read().await.unwrap();
        assert_eq!(token.as_str(), "a.b");
        let error = source("command:echo s3cr3t; exit 3").read().await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains('3') && !error.contains("s3cr3t"), "{error}");
        let endless = source("command:yes").read().await;
        assert!(endless.is_err());
    }

    #[tokio::test]
    async fn what_is_not_there_is_named() {
        let error = source("env:NO_SUCH_VARIABLE").read().await.unwrap_err();
        assert!(error.to_string().contains("`NO_SUCH_VARIABLE`"));
        let error = source("file:/no/such/file").read().await.unwrap_err();
        assert!(error.to_string().contains("`/no/such/file`"));
    }
}
