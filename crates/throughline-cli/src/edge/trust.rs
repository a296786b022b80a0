//! `throughline trust`: whose word counts, about what, as one file says it.

use std::fmt::Write as _;
use std::process::ExitCode;

use serde::Serialize;
use throughline_identity::{EdgeConfig, TrustRow};

use crate::cli::TrustArgs;

pub(crate) fn run(args: &TrustArgs) -> ExitCode {
    let config = match EdgeConfig::read(&args.file) {
        Ok(config) => config,
        Err(error) => {
            anstream::eprintln!("throughline trust: {error}");
            return ExitCode::from(1);
        }
    };
    let map = Map::of(&config);
    if args.json {
        anstream::println!("{}", serde_json::to_string(&map).unwrap_or_default());
    } else {
        anstream::print!("{}", map.to_table());
    }
    ExitCode::SUCCESS
}

/// Everything that is trusted.
#[derive(Debug, Serialize)]
struct Map {
    trust_domain: String,
    owners: Vec<TrustRow>,
    issuers: Vec<IssuerRow>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct IssuerRow {
    alias: String,
    profile: &'static str,
    issuers: Vec<String>,
    kinds: Vec<&'static str>,
    tenants: String,
    /// Attributes that it asserts and owns.
    counts: Vec<String>,
    /// Attributes that it asserts and does not own.
    dropped: Vec<String>,
}

impl Map {
    fn of(config: &EdgeConfig) -> Self {
        let trust = config.trust();
        let mut notes = Vec::new();
        let issuers: Vec<IssuerRow> = config
            .issuers()
            .iter()
            .map(|issuer| {
                let (counts, dropped): (Vec<_>, Vec<_>) = issuer
                    .attributes()
                    .map(|(name, _)| name.to_owned())
                    .partition(|name| trust.counts(name, issuer.alias()));
                for name in &dropped {
                    notes.push(format!(
                        "issuer `{}` asserts attribute `{name}`, which {}: it does not count",
                        issuer.alias(),
                        match trust.owner(name) {
                            Some(owner) => format!("`{owner}` owns"),
                            None => "nobody owns".to_owned(),
                        }
                    ));
                }
                IssuerRow {
                    alias: issuer.alias().to_owned(),
                    profile: issuer.profile().name(),
                    issuers: issuer.names().collect(),
                    kinds: issuer.kinds().map(|kind| kind.as_str()).collect(),
                    tenants: issuer.tenants(),
                    counts,
                    dropped,
                }
            })
            .collect();
        for (attribute, owner) in trust.attributes() {
            let asserted = issuers.iter().any(|issuer| {
                issuer.alias == owner && issuer.counts.iter().any(|own| own == attribute)
            });
            if issuers.iter().any(|issuer| issuer.alias == owner) && !asserted {
                notes.push(format!(
                    "issuer `{owner}` owns attribute `{attribute}` and asserts none: name its \
                     claim in `attributes`"
                ));
            }
        }
        Self {
            trust_domain: config.domain().name().to_string(),
            owners: trust.rows(),
            issuers,
            notes,
        }
    }

    fn to_table(&self) -> String {
        let mut out = String::new();
        // Writing to memory cannot fail.
        let _ = writeln!(out, "trust domain {}\n", self.trust_domain);
        let owners = self.owners.iter().map(|row| {
            let read = if row.read_by_rules {
                "read by rules"
            } else {
                ""
            };
            [row.about.clone(), row.owner.clone(), read.to_owned()]
        });
        table(&mut out, ["about", "owner", ""], owners);
        let _ = writeln!(out);
        let issuers = self.issuers.iter().map(|row| {
            [
                row.alias.clone(),
                row.profile.to_owned(),
                row.kinds.join(", "),
                row.tenants.clone(),
                row.issuers.join("  "),
            ]
        });
        table(
            &mut out,
            ["issuer", "profile", "may issue", "tenants", "its `iss`"],
            issuers,
        );
        for note in &self.notes {
            let _ = writeln!(out, "\nnote: {note}");
        }
        out
    }
}

fn table<const N: usize>(
    out: &mut String,
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(widest).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths);
        let line: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let _ = writeln!(out, "{}", line.join("  ").trim_end());
    }
}
