//! `throughline probe` against services that leak, services that do not, and services that are no
//! use to anybody.

mod arguments;
mod broken;
mod demo;
mod https;
mod instances;
mod leaks;
mod leaky;
mod output;
mod together;
mod unjudged;

use std::net::SocketAddr;
use std::process::Output;

use serde_json::Value;

use crate::throughline;

/// Runs tasks on a thread of its own, until it is dropped.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// The probe with the tokens of acme and globex, as fast as the machine is.
struct Probe {
    url: String,
    own: String,
    other: Option<String>,
    flags: Vec<String>,
    rate: &'static str,
    env: Vec<(String, String)>,
}

impl Probe {
    fn new(address: SocketAddr, path: &str, own: String, other: String) -> Self {
        Self {
            url: format!("http://{address}{path}"),
            own,
            other: Some(other),
            flags: Vec::new(),
            rate: "1000000/s",
            env: Vec::new(),
        }
    }

    fn flags(mut self, flags: &[&str]) -> Self {
        self.flags
            .extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    fn slow(mut self, rate: &'static str) -> Self {
        self.rate = rate;
        self
    }

    /// To its end; no token is in what it says.
    fn run(&self) -> Output {
        let mut command = throughline();
        command
            .args(["probe", &self.url, "--token-from", "env:OWN"])
            .env("OWN", &self.own)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .args(["--rate", self.rate])
            .args(&self.flags);
        if let Some(other) = &self.other {
            command
                .args(["--other-token-from", "env:OTHER"])
                .env("OTHER", other);
        }
        let output = command.output().unwrap();
        let given = self.env.iter().map(|(_, token)| token);
        for token in std::iter::once(&self.own).chain(&self.other).chain(given) {
            // Nor a part of it: its end is the secret one.
            let end = token.split_at(token.len().saturating_sub(12)).1;
            for text in [&output.stdout, &output.stderr] {
                let text = String::from_utf8_lossy(text);
                assert!(!text.contains(end), "a token is in {text}");
            }
        }
        output
    }

    /// The report, and the exit status.
    fn report(self) -> (i32, Value) {
        let output = self.flags(&["--json"]).run();
        let code = crate::code(&output);
        match serde_json::from_slice(&output.stdout) {
            Ok(report) => (code, report),
            Err(_) => panic!("status {code}: {}", crate::stderr(&output)),
        }
    }
}

/// The ids of the attacks that came to this.
fn ids<'r>(report: &'r Value, verdict: &str) -> Vec<&'r str> {
    let attacks = report["report"]["attacks"].as_array().unwrap();
    attacks
        .iter()
        .filter(|attack| attack["verdict"] == verdict)
        .map(|attack| attack["id"].as_str().unwrap())
        .collect()
}
