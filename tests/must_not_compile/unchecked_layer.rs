//! A layer whose configuration was not checked is no layer.
use throughline::{AcceptLayer, TrustDomain};
use tower::Layer;

fn wrap<S>(domain: TrustDomain, service: S) {
    let _ = AcceptLayer::builder(domain).exempt("/health").layer(service);
}

fn main() {}
