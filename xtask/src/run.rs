//! Starting other programs, visibly.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use crate::Error;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or(xtask.clone(), PathBuf::from)
}

/// The cargo that runs this, in the root of the workspace, without standard input.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// Whether `cargo NAME` can be run.
pub(crate) fn has_subcommand(name: &str) -> bool {
    let version = cargo([name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Says what is run, runs it, and tells whether it succeeded.
pub(crate) fn status(command: &mut Command) -> Result<bool, Error> {
    announce(command);
    Ok(command.status()?.success())
}

/// The same, keeping the lines that `keep` wants of all that is shown.
pub(crate) fn status_and_lines(
    command: &mut Command,
    keep: fn(&str) -> bool,
) -> Result<(bool, Vec<String>), Error> {
    announce(command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let show = |line: &str| println!("{line}");
    let warn = |line: &str| eprintln!("{line}");
    let (mut kept, other) = thread::scope(|scope| {
        let other = scope.spawn(move || stderr.map_or(Vec::new(), |from| lines(from, keep, warn)));
        let kept = stdout.map_or(Vec::new(), |from| lines(from, keep, show));
        (kept, other.join().unwrap_or_default())
    });
    kept.extend(other);
    Ok((child.wait()?.success(), kept))
}

fn lines(from: impl Read, keep: fn(&str) -> bool, show: fn(&str)) -> Vec<String> {
    let mut kept = Vec::new();
    // Test output is bytes; what is no UTF-8 is shown as well as it can be.
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        show(&line);
        if keep(&line) {
            kept.push(line.trim().to_owned());
        }
    }
    kept
}

/// What `command` prints.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Error> {
    let output = command.stderr(Stdio::inherit()).output()?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(format!("{} failed", shown(command)).into())
    }
}

fn announce(command: &Command) {
    eprintln!("\n>>> {}", shown(command));
}

fn shown(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}='{}'", name.display(), value?.display())));
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or_default();
    let arguments = command
        .get_args()
        .map(|argument| argument.display().to_string());
    let words = set.chain([program.display().to_string()]).chain(arguments);
    words.collect::<Vec<_>>().join(" ")
}
