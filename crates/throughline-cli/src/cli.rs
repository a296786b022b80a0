//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tracing::level_filters::LevelFilter;

use crate::probe::ProbeArgs;
use crate::{demo, edge, inspect, probe, verify};

/// Tenant context that is verified at every hop, or refused.
#[derive(Debug, Parser)]
#[command(name = "throughline", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(DemoArgs),
    Inspect(InspectArgs),
    Probe(Box<ProbeArgs>),
    Trust(TrustArgs),
    Verify(VerifyArgs),
}

/// Runs a whole system on this machine, and attacks it
///
/// Starts three identity providers, an edge, services behind it over HTTP and gRPC, a proxy between
/// them and a third party outside on free ports of the loopback interface, lets users, agents and
/// machines of four tenants work concurrently, then attacks every hop.
/// Each attack has an honest twin, a request that differs in the attacked thing only and must
/// succeed.
///
/// Exit status: 0 when every journey succeeded, every attack was refused and every twin was
/// served; 1 when not; 2 when the system could not be started.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the system up until SIGINT or SIGTERM, to be attacked with your own tools
    ///
    /// Prints one JSON line, with or without `--json`: the addresses of the services, bearer
    /// tokens of users for the edge and credentials of visitors (by other providers, of agents and
    /// machines, opaque, in a cookie), valid for an hour, and contexts for the services inside (valid
    /// for 15 minutes, the most that the trust domain allows). They are not renewed: call the edge
    /// for a new context, or start again.
    ///
    /// Routes of the edge and of orders: GET and POST /t/TENANT/orders (the body names the tenant
    /// at /order/tenant_id), POST /t/TENANT/payments, POST /t/TENANT/shipments (calls the third
    /// party), GET /t/TENANT/bulk (starts tasks), GET /t/TENANT/events (a stream), GET
    /// /t/TENANT/reports. Of the edge and of the agent: GET /t/TENANT/summaries. Of billing: GET
    /// /t/TENANT/invoices. Of the ledger, over gRPC: throughline.demo.Ledger/Record and Watch. The
    /// proxy passes gRPC to the ledger and everything else to billing, and does what the field
    /// `x-demo-proxy` says, as in `to 127.0.0.1:4000; drop txn-token`: drop, duplicate, rename, join
    /// NAME, truncate NAME LENGTH, set or append NAME VALUE, connection NAME, reorder, redirect URL,
    /// fail, answer NAME VALUE. Of the token service: POST /t/TENANT/narrow, GET /jwks.json. Of the
    /// identity provider: POST /token, POST /introspect, GET /jwks.json. Of the edge alone, for who
    /// has no credential: GET /.well-known/oauth-protected-resource. In `workos`, which has the shape
    /// of WorkOS AuthKit: GET /sso/jwks/CLIENT. In `hooli-idp`, a tenant's own: GET /jwks.json.
    #[arg(long)]
    pub(crate) hold: bool,
    /// Write what the services log to standard error, down to this level
    ///
    /// One of error, warn, info, debug, trace. Refusals are warnings: each with the id that the
    /// client saw, and with what the client is not told.
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<LevelFilter>,
}

/// Shows what a token says. Nothing is verified
///
/// Exit status: 0 when the token can be read, whatever it says; 1 when it is no token.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The token, or `-` to read it from standard input
    #[arg(value_name = "TOKEN|-")]
    pub(crate) token: OsString,
}

/// Shows whose word counts, about what, as a configuration of an edge says
///
/// Issuers with their kinds and tenants, who owns authentication, rules and each attribute; and notes
/// on claims that do not count. The file is checked as an edge does when it starts; nothing is
/// fetched.
///
/// Exit status: 0 when the file is good; 1 when it is not: the line, what is wrong, what to write.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// The configuration of the edge, in TOML
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Verifies tokens as a hop would, or credentials as an edge would; one JSON line for each
///
/// With `--jwks` and `--audience`, transaction tokens of one domain. With `--config`, credentials of
/// the issuers in that file, whose keys are fetched from where it says.
///
/// With `-` every line of standard input is a token. A line ends with LF or CRLF; the last one may
/// end with the input. An empty line is refused as `context_missing`, one that is not visible
/// ASCII as `context_malformed`, one over 8 KiB as `context_oversized`. Nothing is skipped.
///
/// Exit status: 0 when all are accepted; 1 when any is refused; 2 when the command could not be
/// carried out: bad flags, no usable key, no token given.
///
/// Not checked here, as only a running hop can: revocation, witnesses, and the caps of a domain on
/// lifetime and age, for which a generous day stands in.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The configuration of an edge, in TOML: verify credentials as it would
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jwks", "audience", "issuer", "any_typ", "max_lifetime"])]
    pub(crate) config: Option<PathBuf>,
    /// A JWK set with the keys that sign in the domain
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    pub(crate) jwks: Option<PathBuf>,
    /// The trust domain that the tokens must be for
    #[arg(long, value_name = "DOMAIN", required_unless_present = "config")]
    pub(crate) audience: Option<String>,
    /// The exact issuer that the tokens must name; without it none is demanded
    #[arg(long, value_name = "ISS")]
    pub(crate) issuer: Option<String>,
    /// The time to verify at, in seconds since 1970; without it, now
    #[arg(long, value_name = "UNIX")]
    pub(crate) now: Option<u64>,
    /// Accept any `typ`: then nothing tells a context from another token of the same signer
    #[arg(long)]
    pub(crate) any_typ: bool,
    /// The longest lifetime of a token
    #[arg(long, value_name = "SECONDS", default_value_t = 24 * 60 * 60)]
    pub(crate) max_lifetime: u64,
    /// The token, or `-` to read one from each line of standard input
    #[arg(value_name = "TOKEN|-")]
    pub(crate) token: OsString,
}

/// Parses the command line and runs the command. Usage errors exit with 2, which is clap's way.
pub(crate) fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Probe(args) => probe::run(&args),
        Command::Trust(args) => edge::trust::run(&args),
        Command::Verify(args) => verify::run(&args),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
