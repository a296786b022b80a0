//! Measures time, and prints the report.
//!
//! `--json` prints the report as its last line. `--quick` measures a few batches only: enough to
//! see that it works, not enough to believe. `--only ROW` runs one row for ten seconds and prints
//! nothing, for a profiler.

use std::process::{Command, ExitCode, Stdio};

use throughline_bench::fixture::World;
use throughline_bench::meter::{Meter, Row, median};
use throughline_bench::report::{Counts, Measured, Report};
use throughline_bench::rows::{Crowd, Rows};
use throughline_bench::{Error, loopback};

/// Operations in a batch: enough to hide the two readings of the clock, few enough that the
/// requests of a batch stay in the processor's caches, as on a busy connection.
const BATCH: usize = 32;

struct Clock;

#[expect(
    clippy::disallowed_types,
    reason = "a benchmark measures the time that passes"
)]
impl Meter for Clock {
    fn measure(&self, work: &mut dyn FnMut()) -> u64 {
        let start = std::time::Instant::now();
        work();
        start.elapsed().as_nanos() as u64
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Error> {
    let (mut json, mut rounds, mut only) = (false, 200, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json = true,
            "--quick" => rounds = 10,
            "--only" => only = Some(arguments.next().ok_or("`--only` needs the name of a row")?),
            other => return Err(format!("unknown argument `{other}`").into()),
        }
    }

    let world = World::new()?;
    if let Some(only) = only {
        return profile(&world, &only);
    }
    eprintln!("bench: counting allocations …");
    let counts = count()?;
    eprintln!("bench: {} tenants arrive …", Crowd::SIZE);
    let crowd = Crowd::new(&world, Crowd::SIZE)?;
    crowd.arrive()?;
    let Rows {
        mut rows,
        token_len,
    } = Rows::new(&world, &crowd)?;
    eprintln!("bench: measuring {} rows in {rounds} rounds …", rows.len());
    let medians = measure(&mut rows, rounds)?;

    let rows = rows.iter().zip(medians).map(|(row, median_ns)| Measured {
        name: row.name(),
        median_ns,
        allocs: counts
            .allocations
            .get(row.name())
            .copied()
            .unwrap_or(f64::NAN),
    });
    eprintln!("bench: a whole hop over loopback HTTP/2 …");
    let hop = loopback::measure(&world, if rounds < 100 { 2 } else { 80 })?;
    let report = Report::new(rows.collect(), counts.bytes_per_entry, &hop);
    print!("{}", report.table(token_len));
    if json {
        println!("\n{}", serde_json::to_string(&report)?);
    }
    Ok(())
}

/// All rows in turn, round by round.
fn measure(rows: &mut [Row], rounds: usize) -> Result<Vec<f64>, Error> {
    let mut times = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        for (row, times) in rows.iter_mut().zip(&mut times) {
            // The row before it took the caches and the predictors.
            row.measure(&Clock, BATCH)?;
            for _ in 0..3 {
                times.push(row.measure(&Clock, BATCH)?);
            }
        }
    }
    Ok(times.into_iter().map(median).collect())
}

/// The binary beside this one, which counts.
fn count() -> Result<Counts, Error> {
    let this = std::env::current_exe()?;
    let counter = this.with_file_name(format!(
        "throughline-bench-allocations{}",
        std::env::consts::EXE_SUFFIX
    ));
    let output = Command::new(&counter)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{}: {error}", counter.display()))?;
    if !output.status.success() {
        return Err("counting allocations failed".into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn profile(world: &World, only: &str) -> Result<(), Error> {
    let is_crowded = only.contains("100,000");
    let crowd = Crowd::new(world, if is_crowded { Crowd::SIZE } else { 1_000 })?;
    crowd.arrive()?;
    let mut rows = Rows::new(world, &crowd)?.rows;
    let row = rows.iter_mut().find(|row| row.name() == only);
    let row = row.ok_or_else(|| format!("there is no row `{only}`"))?;
    let mut spent = 0.0;
    while spent < 10e9 {
        spent += row.measure(&Clock, BATCH)? * BATCH as f64;
    }
    Ok(())
}
