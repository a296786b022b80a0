//! A trust domain says whose signatures count.
use throughline::{AcceptLayer, TrustDomain};

fn main() {
    let _ = AcceptLayer::new(TrustDomain::new("prod.example").unwrap());
}
