//! `cargo xtask mutants`: proof that the tests bite.
//!
//! cargo-mutants changes the deciding code in small ways, one at a time: a comparison turned
//! round, a `!` left out, a function that answers at once. The tests of the changed crate must
//! notice. A change that they do not notice is a missed mutant. It gets a test that names the
//! behaviour, or it stands in `.cargo/mutants-reviewed.json` with the reason why no test can tell
//! it from the code; anything else fails.
//!
//! What is changed and what is not is said in `.cargo/mutants.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Error;
use crate::run::{output, root, status};
use crate::tools::{Tool, target_directory};

/// The version that is installed where there is none. What is changed depends on it.
const CARGO_MUTANTS: &str = "27.1.0";

/// What decides, and is tested by tests of its own.
const PACKAGES: &[&str] = &["throughline-core", "throughline-jose", "throughline"];

/// What `--quick` changes: the order of the steps of a hop.
const QUICK: &str = "crates/throughline-core/src/hop/mod.rs";

const REVIEWED: &str = ".cargo/mutants-reviewed.json";

/// The few tests that take seconds: what they show at length is shown in short beside them.
const LEFT_OUT: &[&str] = &[
    "a_noisy_tenant_cannot_drive_out_another",
    "a_public_key_is_no_secret",
    "no_signed_header_or_payload_brings_the_verifier_down",
];

/// Stands in front of what is changed.
const MARK: char = '‸';

/// Changes the code and lets the tests judge. A missed mutant that nobody reviewed fails.
pub(crate) fn run(arguments: &[&str]) -> Result<bool, Error> {
    let options = Options::read(arguments)?;
    let target = target_directory()?;
    let tool = Tool::find("mutants", CARGO_MUTANTS)?;
    let reviewed = Reviewed::read()?;

    let mut problems = Vec::new();
    let known = listed(&tool)?;
    problems.extend(reviewed.stale(&known));

    let mut rows = Vec::new();
    for package in options.packages() {
        let folder = target.join("mutants").join(package);
        let outcomes = try_all(package, &options, &folder, &tool)?;
        let (row, found) = judge(package, &outcomes, &reviewed)?;
        rows.push(row);
        problems.extend(found);
    }
    show(&rows);
    for problem in &problems {
        println!("\n{problem}");
    }
    // Tests that were never tried proved nothing. Unless all of it was proved before.
    let tried = rows.iter().any(|row| row.tested() > 0);
    if !tried && !options.iterate {
        println!("\nnothing was changed; the check is blind");
    }
    Ok(problems.is_empty() && (tried || options.iterate))
}

#[derive(Clone, Default)]
struct Options<'a> {
    files: Vec<&'a str>,
    iterate: bool,
    jobs: Option<&'a str>,
    package: Option<&'static str>,
    quick: bool,
    shard: Option<&'a str>,
}

impl<'a> Options<'a> {
    fn read(arguments: &[&'a str]) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut rest = arguments;
        loop {
            rest = match rest {
                [] => break,
                ["--iterate", rest @ ..] => {
                    options.iterate = true;
                    rest
                }
                ["--quick", rest @ ..] => {
                    options.quick = true;
                    options.files.push(QUICK);
                    rest
                }
                ["--file", file, rest @ ..] => {
                    if package_of(file).is_none() {
                        return Err(format!("`{file}` is in none of {PACKAGES:?}").into());
                    }
                    options.files.push(file);
                    rest
                }
                ["--jobs", jobs, rest @ ..] => {
                    options.jobs = Some(jobs);
                    rest
                }
                ["--package", name, rest @ ..] => {
                    let known = PACKAGES.iter().find(|known| *known == name);
                    options.package = Some(known.ok_or(format!("`{name}` is not mutated"))?);
                    rest
                }
                ["--shard", shard, rest @ ..] => {
                    options.shard = Some(shard);
                    rest
                }
                other => return Err(format!("unknown arguments `{}`", other.join(" ")).into()),
            };
        }
        Ok(options)
    }

    /// Those that something of is to be changed.
    fn packages(&self) -> Vec<&'static str> {
        let wanted = |package: &&'static str| {
            self.package.is_none_or(|only| only == *package)
                && (self.files.is_empty()
                    || self
                        .files
                        .iter()
                        .any(|file| package_of(file) == Some(*package)))
        };
        PACKAGES.iter().copied().filter(wanted).collect()
    }
}

fn package_of(file: &str) -> Option<&'static str> {
    let package = file.strip_prefix("crates/")?.split('/').next()?;
    PACKAGES.iter().copied().find(|known| *known == package)
}

/// Every change that could be made.
fn listed(tool: &Tool) -> Result<BTreeSet<Mutant>, Error> {
    let mut list = tool.command();
    list.args(["--list", "--json"]);
    for package in PACKAGES {
        list.args(["--package", package]);
    }
    let list = output(&mut list)?;
    let list: Vec<Value> = serde_json::from_slice(&list)?;
    list.iter().map(Mutant::of).collect()
}

/// Which tests of a package judge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tests {
    /// Those beside the code.
    Beside,
    /// Those in other files too, which take the longest to build.
    All,
}

/// Tries every change: first with the tests beside the code, which notice most in a third of the
/// time, then with all tests those that went unnoticed.
fn try_all(
    package: &str,
    options: &Options<'_>,
    folder: &Path,
    tool: &Tool,
) -> Result<Value, Error> {
    let beside = |options| mutate(package, options, Tests::Beside, folder, tool);
    let all = |options| mutate(package, options, Tests::All, folder, tool);
    if options.quick {
        return beside(options);
    }
    // A share of what is left is not what is left of a share.
    if options.shard.is_some() {
        return all(options);
    }
    let noticed = beside(options)?;
    let rest = Options {
        iterate: true,
        ..options.clone()
    };
    Ok(merged(&noticed, &all(&rest)?))
}

/// What came of the changes that `rest` was not asked about, and of those that it was.
fn merged(noticed: &Value, rest: &Value) -> Value {
    let list = |report: &Value| report.get("outcomes").and_then(Value::as_array).cloned();
    let is_settled = |outcome: &Value| {
        let summary = outcome.get("summary").and_then(Value::as_str);
        !matches!(summary, Some("MissedMutant" | "Timeout"))
    };
    let mut outcomes = list(noticed).unwrap_or_default();
    outcomes.retain(is_settled);
    outcomes.extend(list(rest).unwrap_or_default());
    let ended = |report: &Value| report.get("end_time").is_some_and(|time| !time.is_null());
    let end_time = (ended(noticed) && ended(rest)).then_some("both");
    json!({"outcomes": outcomes, "end_time": end_time})
}

/// Lets cargo-mutants work in a copy of the tree, and reads what came of it.
fn mutate(
    package: &str,
    options: &Options<'_>,
    tests: Tests,
    folder: &Path,
    tool: &Tool,
) -> Result<Value, Error> {
    fs::create_dir_all(folder)?;
    let report = folder.join("mutants.out").join("outcomes.json");
    let _ = fs::remove_file(&report);
    let mut command = tool.command();
    command.args(["--package", package, "--colors", "never", "--output"]);
    command.arg(folder);
    for file in options
        .files
        .iter()
        .filter(|file| package_of(file) == Some(package))
    {
        command.args(["--file", file]);
    }
    for (name, value) in [("--shard", options.shard), ("--jobs", options.jobs)] {
        if let Some(value) = value {
            command.args([name, value]);
        }
    }
    if options.iterate {
        command.arg("--iterate");
    }
    if tests == Tests::Beside {
        command.arg("--cargo-arg=--lib");
    }
    // One process for all tests of a binary: with one for each test, starting them would take
    // longer than they do.
    command.arg("--");
    if tests == Tests::All {
        command.arg("--tests");
    }
    command.arg("--");
    for name in LEFT_OUT {
        command.args(["--skip", name]);
    }
    command
        // Each change is built once and thrown away.
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("RUST_BACKTRACE", "0")
        // Each copy of the tree has artefacts of its own, or one would test the change of another.
        .env_remove("CARGO_TARGET_DIR");
    // Its own verdict knows nothing of what was reviewed.
    let content = status(&mut command)?;
    if content && !report.exists() && (options.iterate || options.shard.is_some()) {
        return Ok(json!({"outcomes": [], "end_time": ""}));
    }
    let report = fs::read(&report).map_err(|_| format!("cargo-mutants did not try `{package}`"))?;
    Ok(serde_json::from_slice(&report)?)
}

/// A change, told from all others by the text it is made in rather than by the number of a line,
/// so that it is known again when lines are added above it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mutant {
    file: String,
    change: String,
    /// The line, with [`MARK`] where it is changed.
    at: String,
}

impl Mutant {
    /// From cargo-mutants' own description.
    fn of(mutant: &Value) -> Result<Self, Error> {
        let text = |pointer| mutant.pointer(pointer).and_then(Value::as_str);
        let number = |pointer| mutant.pointer(pointer).and_then(Value::as_u64);
        let (Some(file), Some(name)) = (text("/file"), text("/name")) else {
            return Err(format!("a mutant without a name: {mutant}").into());
        };
        let (Some(line), Some(column)) = (number("/span/start/line"), number("/span/start/column"))
        else {
            return Err(format!("a mutant without a place: {mutant}").into());
        };
        let prefix = format!("{file}:{line}:{column}: ");
        let change = name.strip_prefix(&prefix).unwrap_or(name);
        let source = fs::read_to_string(root().join(file))?;
        let line = source.lines().nth(usize::try_from(line)?.saturating_sub(1));
        let line: Vec<char> = line.unwrap_or_default().chars().collect();
        let column = usize::try_from(column)?.saturating_sub(1);
        let (before, behind) = line.split_at_checked(column).unwrap_or((&line, &[]));
        let at: String = before.iter().chain(&[MARK]).chain(behind).collect();
        Ok(Self {
            file: file.to_owned(),
            change: change.to_owned(),
            at: at.trim().to_owned(),
        })
    }
}

/// The mutants that no test can tell from the code, each with the reason.
struct Reviewed(BTreeMap<Mutant, String>);

impl Reviewed {
    fn read() -> Result<Self, Error> {
        Self::parse(&fs::read_to_string(root().join(REVIEWED))?)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let list: Vec<Value> = serde_json::from_str(text)?;
        let mut reviewed = BTreeMap::new();
        for entry in &list {
            let member = |name| {
                let text = entry.get(name).and_then(Value::as_str);
                let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
                text.ok_or_else(|| format!("{REVIEWED}: an entry has no `{name}`: {entry}"))
            };
            let mutant = Mutant {
                file: member("file")?,
                change: member("change")?,
                at: member("at")?,
            };
            if reviewed.insert(mutant, member("reason")?).is_some() {
                return Err(format!("{REVIEWED}: an entry is there twice: {entry}").into());
            }
        }
        Ok(Self(reviewed))
    }

    fn has(&self, mutant: &Mutant) -> bool {
        self.0.contains_key(mutant)
    }

    /// What was reviewed and is no longer there: the code has changed, so the reason may not hold.
    fn stale(&self, known: &BTreeSet<Mutant>) -> Vec<String> {
        let gone = self.0.keys().filter(|mutant| !known.contains(mutant));
        gone.map(|mutant| {
            let Mutant { file, change, at } = mutant;
            format!("{REVIEWED} has a mutant that is no more: `{change}` in {file}, at `{at}`")
        })
        .collect()
    }
}

#[derive(Default)]
struct Row {
    package: String,
    caught: usize,
    missed: usize,
    reviewed: usize,
    timeouts: usize,
    unviable: usize,
}

impl Row {
    fn tested(&self) -> usize {
        self.caught + self.missed + self.reviewed + self.timeouts + self.unviable
    }
}

/// Counts the outcomes of one package and says what is wrong with them.
fn judge(
    package: &str,
    outcomes: &Value,
    reviewed: &Reviewed,
) -> Result<(Row, Vec<String>), Error> {
    let mut row = Row {
        package: package.to_owned(),
        ..Row::default()
    };
    let mut problems = Vec::new();
    if outcomes.get("end_time").is_none_or(Value::is_null) {
        problems.push(format!(
            "cargo-mutants did not come to the end of `{package}`"
        ));
    }
    let list = outcomes.get("outcomes").and_then(Value::as_array);
    for outcome in list.ok_or("cargo-mutants tells no outcomes")? {
        let summary = outcome.get("summary").and_then(Value::as_str);
        let summary = summary.ok_or("an outcome has no summary")?;
        let Some(mutant) = outcome.pointer("/scenario/Mutant") else {
            if summary != "Success" {
                problems.push(format!("the tests of `{package}` fail without any change"));
            }
            continue;
        };
        let key = Mutant::of(mutant)?;
        match summary {
            "CaughtMutant" if reviewed.has(&key) => {
                row.caught += 1;
                problems.push(format!(
                    "{REVIEWED} has a mutant that is caught:\n{}",
                    entry(&key)
                ));
            }
            "CaughtMutant" => row.caught += 1,
            "MissedMutant" if reviewed.has(&key) => row.reviewed += 1,
            "MissedMutant" => {
                row.missed += 1;
                let name = mutant.get("name").and_then(Value::as_str);
                problems.push(format!(
                    "missed: {}\nwrite the test that notices; or, where none can, say why in {REVIEWED}:\n{}",
                    name.unwrap_or_default(),
                    entry(&key)
                ));
            }
            "Timeout" => row.timeouts += 1,
            "Unviable" => row.unviable += 1,
            other => return Err(format!("cargo-mutants says `{other}`").into()),
        }
    }
    Ok((row, problems))
}

/// As it would stand in the list of what was reviewed.
fn entry(mutant: &Mutant) -> String {
    let Mutant { file, change, at } = mutant;
    json!({"file": file, "change": change, "at": at, "reason": ""}).to_string()
}

fn show(rows: &[Row]) {
    println!("\n=== summary of `cargo xtask mutants`");
    println!(
        "{:<18} {:>7} {:>7} {:>7} {:>9} {:>9} {:>9}",
        "package", "tested", "caught", "missed", "reviewed", "unviable", "timeouts"
    );
    for row in rows {
        println!(
            "{:<18} {:>7} {:>7} {:>7} {:>9} {:>9} {:>9}",
            row.package,
            row.tested(),
            row.caught,
            row.missed,
            row.reviewed,
            row.unviable,
            row.timeouts
        );
    }
}

#[cfg(test)]
mod tests;
