//! Counts allocations, and prints [`Counts`] as JSON. Started by the binary that measures time.

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, Stats, StatsAlloc};
use throughline_bench::Error;
use throughline_bench::fixture::World;
use throughline_bench::meter::Meter;
use throughline_bench::report::Counts;
use throughline_bench::rows::{Crowd, Rows};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Counts what is allocated or grown. There is one thread, so all of it is the row's.
struct Counter;

impl Meter for Counter {
    fn measure(&self, work: &mut dyn FnMut()) -> u64 {
        let before = ALLOCATOR.stats();
        work();
        let Stats {
            allocations,
            reallocations,
            ..
        } = ALLOCATOR.stats() - before;
        (allocations + reallocations) as u64
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
    let world = World::new()?;
    let crowd = Crowd::new(&world, Crowd::SIZE)?;
    let before = ALLOCATOR.stats();
    crowd.arrive()?;
    let bytes = live_bytes(ALLOCATOR.stats() - before) / crowd.len() as f64;

    let mut counts = Counts {
        bytes_per_entry: bytes,
        ..Counts::default()
    };
    for row in &mut Rows::new(&world, &crowd)?.rows {
        // The first batch may fill what is filled once.
        row.measure(&Counter, 8)?;
        let allocations = row.measure(&Counter, 64)?;
        counts.allocations.insert(row.name().into(), allocations);
    }
    println!("{}", serde_json::to_string(&counts)?);
    Ok(())
}

/// What was allocated and not freed. Growth counts as allocated, shrinking as freed.
fn live_bytes(stats: Stats) -> f64 {
    stats.bytes_allocated as f64 - stats.bytes_deallocated as f64
}
