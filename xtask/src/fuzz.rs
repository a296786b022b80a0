//! `cargo xtask fuzz`: builds the fuzzers, lets each run for a while, and tells what they found.
//!
//! What the targets do is in `tests/fuzz`; its README says how to work with them.

#[path = "../../tests/fuzz/src/corpus.rs"]
#[expect(unreachable_pub, reason = "to the fuzzers' crate it is public")]
mod corpus;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Error;
use crate::run::{output, root, status};
use crate::tools::{Tool, target_directory};

/// The version that is installed where there is none.
const CARGO_FUZZ: &str = "0.13.2";

/// Each target, and the longest input that is tried: one that passes the limits of what reads it.
const TARGETS: &[(&str, u32)] = &[
    ("baggage", 9_000),
    ("grants", 2_048),
    ("hop", 9_000),
    ("keys", 8_192),
    ("token", 4_096),
    ("trace", 1_024),
    ("witnesses", 1_024),
];

const FOLDER: &str = "tests/fuzz";

/// How large a corpus may be in the repository. Of more, the smallest inputs are kept.
const KEPT_BYTES: usize = 64 * 1024;

/// Runs the fuzzers. A finding fails.
pub(crate) fn run(arguments: &[&str]) -> Result<bool, Error> {
    let options = Options::read(arguments)?;
    let target = target_directory()?;
    let work = target.join("fuzz");
    let tool = Tool::find("fuzz", CARGO_FUZZ)?;
    let triple = host()?;
    if !build(&options, &work, &triple, &tool)? {
        return Ok(false);
    }
    let mut rows = Vec::new();
    let mut findings = Vec::new();
    for (name, max_len) in &options.targets {
        let fuzzer = work.join(&triple).join("release");
        let fuzzer = Fuzzer {
            name,
            max_len: *max_len,
            program: fuzzer.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)),
            inputs: work.join("corpus").join(name),
            found: work.join("found").join(name),
        };
        fuzzer.unpack()?;
        let row = fuzzer.fuzz(options.seconds, options.seed)?;
        findings.extend(row.finding.clone());
        rows.push(row);
        if options.keep {
            fuzzer.keep()?;
        }
    }
    println!("\n=== summary of `cargo xtask fuzz`");
    println!(
        "{:<10} {:>12} {:>8} {:>9} {:>8} {:>9}",
        "target", "executions", "a second", "coverage", "corpus", "findings"
    );
    for row in &rows {
        println!(
            "{:<10} {:>12} {:>8} {:>9} {:>8} {:>9}",
            row.name,
            row.executions,
            row.rate,
            row.coverage,
            row.corpus,
            usize::from(row.finding.is_some())
        );
    }
    for finding in &findings {
        println!("\n{finding}");
    }
    // A fuzzer that ran nothing proved nothing.
    Ok(findings.is_empty() && rows.iter().all(|row| row.executions > 0))
}

struct Options {
    seconds: u32,
    /// The same inputs in the same order, for a machine that must not find by chance.
    seed: Option<u32>,
    targets: Vec<(&'static str, u32)>,
    keep: bool,
}

impl Options {
    fn read(arguments: &[&str]) -> Result<Self, Error> {
        let mut options = Self {
            seconds: 60,
            seed: None,
            targets: Vec::new(),
            keep: false,
        };
        let mut rest = arguments;
        loop {
            rest = match rest {
                [] => break,
                ["--keep", rest @ ..] => {
                    options.keep = true;
                    rest
                }
                ["--seconds", seconds, rest @ ..] => {
                    options.seconds = seconds.parse()?;
                    rest
                }
                ["--seed", seed, rest @ ..] => {
                    options.seed = Some(seed.parse()?);
                    rest
                }
                ["--only", name, rest @ ..] => {
                    let target = TARGETS.iter().find(|(known, _)| known == name);
                    let target = target.ok_or(format!("there is no target `{name}`"))?;
                    options.targets.push(*target);
                    rest
                }
                other => return Err(format!("unknown arguments `{}`", other.join(" ")).into()),
            };
        }
        if options.seconds == 0 {
            // To libFuzzer it means for ever.
            return Err("`--seconds` is 0, expected 1 or more".into());
        }
        if options.targets.is_empty() {
            options.targets = TARGETS.to_vec();
        }
        Ok(options)
    }
}

fn rustc(arguments: &[&str]) -> Result<String, Error> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let mut rustc = Command::new(rustc);
    rustc.args(arguments).current_dir(root());
    Ok(String::from_utf8(output(&mut rustc)?)?.trim().to_owned())
}

fn host() -> Result<String, Error> {
    let version = rustc(&["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc names no host")?.to_owned())
}

fn build(options: &Options, work: &Path, triple: &str, tool: &Tool) -> Result<bool, Error> {
    let libraries = PathBuf::from(rustc(&["--print", "sysroot"])?);
    let libraries = libraries.join("lib/rustlib").join(triple).join("lib");
    let has_sanitizer = fs::read_dir(libraries)?
        .filter_map(Result::ok)
        .any(|file| file.file_name().to_string_lossy().contains("_rt.asan"));
    if !has_sanitizer {
        println!("this toolchain has no address sanitizer; what only it would see is not seen");
    }
    let only = match options.targets.as_slice() {
        [(name, _)] => Some(*name),
        _ => None,
    };
    let mut build = tool.command();
    build
        .args(["build", "--fuzz-dir", FOLDER, "--features", "libfuzzer"])
        .arg("--target-dir")
        .arg(work)
        .args([
            "--sanitizer",
            if has_sanitizer { "address" } else { "none" },
        ])
        .args(only)
        // Coverage and sanitizers are flags of the nightly compiler; this lets a stable one take
        // them, so that one toolchain does for everything.
        .env("RUSTC_BOOTSTRAP", "1")
        // Nobody ships these. They are built in half the time, and run at nine tenths of the speed,
        // tokens at two thirds.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1");
    status(&mut build)
}

struct Fuzzer {
    name: &'static str,
    max_len: u32,
    program: PathBuf,
    /// One file for each input; it grows.
    inputs: PathBuf,
    /// Where an input is put that broke an oracle.
    found: PathBuf,
}

struct Row {
    name: &'static str,
    executions: u64,
    rate: u64,
    coverage: u64,
    corpus: u64,
    finding: Option<String>,
}

impl Fuzzer {
    fn packed(&self) -> PathBuf {
        root()
            .join(FOLDER)
            .join("corpus")
            .join(format!("{}.txt", self.name))
    }

    fn unpack(&self) -> Result<(), Error> {
        fs::create_dir_all(&self.inputs)?;
        fs::create_dir_all(&self.found)?;
        let file = self.packed();
        let text = fs::read_to_string(&file).unwrap_or_default();
        let inputs = corpus::unpack(&text)
            .map_err(|line| format!("{}:{line} is no input", file.display()))?;
        for (number, input) in inputs.iter().enumerate() {
            fs::write(self.inputs.join(format!("kept-{number}")), input)?;
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // One definition of a symbol in several objects is usual for Rust.
            .env("ASAN_OPTIONS", "detect_odr_violation=0")
            .arg(format!("-max_len={}", self.max_len))
            .arg("-timeout=10")
            .arg(format!("-artifact_prefix={}/", self.found.display()));
        command
    }

    fn fuzz(&self, seconds: u32, seed: Option<u32>) -> Result<Row, Error> {
        println!("\n>>> {} for {seconds} s", self.name);
        let mut command = self.command();
        let dictionary = root().join(FOLDER).join("dictionaries");
        let dictionary = dictionary.join(format!("{}.dict", self.name));
        command
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-dict={}", dictionary.display()))
            .arg("-print_final_stats=1")
            .arg(&self.inputs);
        if let Some(seed) = seed {
            command.arg(format!("-seed={seed}"));
        }
        let output = command.output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        let statistic = |name: &str| {
            let value = log.lines().rev().find_map(|line| line.strip_prefix(name));
            value
                .and_then(|value| value.trim().parse().ok())
                .unwrap_or(0)
        };
        let mut row = Row {
            name: self.name,
            executions: statistic("stat::number_of_executed_units:"),
            rate: statistic("stat::average_exec_per_sec:"),
            coverage: progress(&log, "cov:"),
            corpus: progress(&log, "corp:"),
            finding: None,
        };
        if !output.status.success() {
            row.finding = Some(self.tell(&log));
        }
        Ok(row)
    }

    /// What was found, and how it is kept.
    fn tell(&self, log: &str) -> String {
        let told = log.lines().skip_while(|line| !line.contains("panicked at"));
        let told = told.take(3).collect::<Vec<_>>().join("\n    ");
        let told = if told.is_empty() {
            // No oracle: the sanitizer, the clock, or a fuzzer that did not start.
            let last: Vec<&str> = log.lines().rev().take(12).collect();
            last.into_iter().rev().collect::<Vec<_>>().join("\n    ")
        } else {
            told
        };
        let written = log
            .lines()
            .find_map(|line| line.split("Test unit written to ").nth(1));
        let Some(file) = written.map(|path| PathBuf::from(path.trim())) else {
            return format!("{} failed:\n    {told}", self.name);
        };
        let input = fs::read(&file).unwrap_or_default();
        format!(
            "{} found an input:\n    {told}\nIt is {}. To see it again:\n    {} {}\n\
             To keep it, add this line to `{FOLDER}/kept/{}.txt`:\n{}",
            self.name,
            file.display(),
            self.program.display(),
            file.display(),
            self.name,
            corpus::line(&input),
        )
    }

    /// Minimises the corpus and writes it back into the repository.
    fn keep(&self) -> Result<(), Error> {
        let least = self.inputs.with_extension("least");
        if least.exists() {
            fs::remove_dir_all(&least)?;
        }
        fs::create_dir_all(&least)?;
        let mut merge = self.command();
        // What reaches new code, not what only reaches it more often.
        merge
            .args(["-set_cover_merge=1", "-use_counters=0"])
            .args([&least, &self.inputs]);
        if !merge.output()?.status.success() {
            return Err(format!("the corpus of `{}` could not be minimised", self.name).into());
        }
        let inputs = fs::read_dir(&least)?
            .map(|entry| Ok(fs::read(entry?.path())?))
            .collect::<Result<Vec<_>, Error>>()?;
        let mut lines: Vec<String> = inputs.iter().map(|input| corpus::line(input)).collect();
        lines.retain(|line| !line.is_empty());
        if lines.is_empty() {
            // As on a full disk, which libFuzzer does not tell.
            return Err(format!("nothing is left of the corpus of `{}`", self.name).into());
        }
        lines.sort_by_key(|line| (line.len(), line.clone()));
        let reached = lines.len();
        let mut left = KEPT_BYTES;
        lines.retain(|line| {
            let rest = left.checked_sub(line.len() + 1);
            left = rest.unwrap_or(left);
            rest.is_some()
        });
        lines.sort();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(self.packed(), text)?;
        let file = self.packed();
        println!(
            "{} of {reached} inputs are kept in {}",
            lines.len(),
            file.display()
        );
        Ok(())
    }
}

/// A figure of the last line of progress: `#12  DONE  cov: 34 ft: 56 corp: 7/89b …`.
fn progress(log: &str, name: &str) -> u64 {
    let figure = |line: &str| {
        let mut words = line.split_whitespace().skip_while(|word| *word != name);
        let figure = words.nth(1)?;
        figure.split('/').next()?.parse().ok()
    };
    let mut lines = log.lines().rev().filter(|line| line.starts_with('#'));
    lines.find_map(figure).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_last_line() {
        let log = "#2\tINITED cov: 3 ft: 4 corp: 1/1b\n#9\tDONE   cov: 30 ft: 4 corp: 17/2Kb lim: 4\nDone";
        assert_eq!(progress(log, "cov:"), 30);
        assert_eq!(progress(log, "corp:"), 17);
        assert_eq!(progress("nothing", "cov:"), 0);
    }

    #[test]
    fn arguments_that_mean_nothing_are_refused() {
        assert!(Options::read(&["--seconds", "5", "--only", "token", "--keep"]).is_ok());
        for bad in [
            &["--only", "tokens"][..],
            &["--seconds", "0"],
            &["--seconds"],
            &["token"],
        ] {
            assert!(Options::read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_targets_are_those_of_the_manifest() {
        let manifest = fs::read_to_string(root().join(FOLDER).join("Cargo.toml")).unwrap();
        let declared: Vec<&str> = manifest
            .lines()
            .filter_map(|line| line.strip_prefix("path = \"bin/"))
            .filter_map(|line| line.strip_suffix(".rs\""))
            .collect();
        let known: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
        assert_eq!(declared, known);
    }
}
