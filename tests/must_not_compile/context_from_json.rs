//! A context cannot be read past the order of checks.
use throughline_core::Context;

fn parse(json: &str) -> Context {
    serde_json::from_str(json).unwrap()
}

fn main() {}
