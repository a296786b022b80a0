//! Rows and ratios, for a person and for a program.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::edge::name as edge;
use crate::loopback::Hop;
use crate::rows::name;

/// What the counting binary hands to the measuring one.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Counts {
    /// Allocations by row.
    pub allocations: BTreeMap<String, f64>,
    /// Bytes that an entry of the cache takes, its token included.
    pub bytes_per_entry: f64,
}

/// One measured row.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// What it measures.
    pub name: &'static str,
    /// The median time of one operation.
    pub median_ns: f64,
    /// The allocations of one operation.
    pub allocs: f64,
}

/// A figure with a bound.
#[derive(Debug, Serialize)]
pub struct Ratio {
    name: String,
    value: f64,
    bound: f64,
    met: bool,
}

/// All of it.
#[derive(Debug, Serialize)]
pub struct Report {
    rows: Vec<Measured>,
    ratios: Vec<Ratio>,
}

impl Report {
    /// Draws the ratios from the rows.
    #[must_use]
    pub fn new(rows: Vec<Measured>, bytes_per_entry: f64, hop: &Hop) -> Self {
        let row = |name: &str| rows.iter().find(|row| row.name == name);
        let ns = |name| row(name).map_or(f64::NAN, |row| row.median_ns);
        let allocs = |name| row(name).map_or(f64::NAN, |row| row.allocs);
        let added = |name| ns(name) - ns(name::BARE);
        let mut ratios = vec![
            at_least(
                "accept warm adds so many times less than tower-oauth2-resource-server",
                added(name::PEER) / added(name::WARM),
                40.0,
            ),
            at_most(
                "allocations that accept warm adds",
                allocs(name::WARM) - allocs(name::BARE),
                3.0,
            ),
            at_most(
                "carry adds, over what accept warm adds",
                added(name::CARRY) / added(name::WARM),
                1.0,
            ),
            at_most(
                "allocations that carry adds",
                allocs(name::CARRY) - allocs(name::BARE),
                3.0,
            ),
            at_most(
                "accept cold adds, over a raw verification with a parsed key",
                added(name::COLD) / ns(name::RAW_VERIFY),
                1.10,
            ),
            at_most(
                "mint, over a raw signature",
                ns(name::MINT) / ns(name::RAW_SIGN),
                1.25,
            ),
            at_most(
                "accept warm with 100,000 tenants, over 1 tenant",
                added(name::TENANTS_100_000) / added(name::TENANTS_1),
                1.5,
            ),
            // Whoever sends rubbish must not cost more than whoever sends a token.
            at_most(
                "refused cold, over accept cold",
                added(name::BAD_SIGNATURE) / added(name::COLD),
                1.10,
            ),
            at_least(
                "throughput of a whole hop over loopback HTTP/2, over the bare hop",
                hop.throughput,
                0.97,
            ),
            at_least(
                "the same, where HTTP/2 may index the token",
                hop.throughput_indexed,
                0.97,
            ),
            at_least(
                "throughput of a whole hop, over one that copies the token by hand",
                hop.throughput_over_forwarding,
                0.97,
            ),
            at_most(
                "p99 of a whole hop over loopback HTTP/2, over the bare hop",
                hop.p99,
                1.05,
            ),
            at_most(
                "the same, where HTTP/2 may index the token",
                hop.p99_indexed,
                1.05,
            ),
            // Our own bound: a default cache of 10,000 tokens stays below 20 MiB.
            at_most("bytes of a cached entry", bytes_per_entry, 2_048.0),
        ];
        for (cold, raw, peer) in edge::COLD {
            let over = |other| format!("{cold}, over {}", str::replace(other, "edge, ", ""));
            ratios.push(at_most(over(raw), ns(cold) / ns(raw), 1.10));
            // Our own bound.
            ratios.push(at_most(over(peer), ns(cold) / ns(peer), 1.0));
        }
        // Who sends rubbish must not cost more than who sends a credential.
        ratios.push(at_most(
            edge::UNKNOWN_KEY,
            ns(edge::UNKNOWN_KEY) / ns(edge::COLD[2].0),
            1.0,
        ));
        Self { rows, ratios }
    }

    /// For a person.
    #[must_use]
    pub fn table(&self, token_len: usize) -> String {
        let mut table = format!(
            "token of {token_len} bytes, EdDSA\n\n{:<44} {:>12} {:>12}\n",
            "row", "median ns", "allocations"
        );
        for row in &self.rows {
            let Measured {
                name,
                median_ns,
                allocs,
            } = row;
            let _ = writeln!(table, "{name:<44} {median_ns:>12.0} {allocs:>12.1}");
        }
        let _ = writeln!(
            table,
            "\n{:<70} {:>9} {:>9}  met",
            "ratio", "value", "bound"
        );
        for ratio in &self.ratios {
            let Ratio {
                name,
                value,
                bound,
                met,
            } = ratio;
            let met = if *met { "yes" } else { "NO" };
            let _ = writeln!(table, "{name:<70} {value:>9.2} {bound:>9.2}  {met}");
        }
        table
    }
}

fn at_most(name: impl Into<String>, value: f64, bound: f64) -> Ratio {
    Ratio {
        name: name.into(),
        value,
        bound,
        met: value <= bound,
    }
}

fn at_least(name: impl Into<String>, value: f64, bound: f64) -> Ratio {
    Ratio {
        met: value >= bound,
        ..at_most(name, value, bound)
    }
}
