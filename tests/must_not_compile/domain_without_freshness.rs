//! A trust domain says how it learns of revocations.
use throughline::{AcceptLayer, KeySource, TrustDomain};

fn main() {
    let domain = TrustDomain::new("prod.example").unwrap().with_keys(KeySource::file("jwks.json"));
    let _ = AcceptLayer::new(domain);
}
