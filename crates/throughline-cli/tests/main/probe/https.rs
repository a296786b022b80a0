//! The probe over TLS: to a service whose certificate it can check, and to no other.
//!
//! `orders.pem` is for `orders.invalid`, signed by `ca.pem`; the key opens nothing but this test.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::broken::{Broken, Service, token};
use super::{Probe, ids};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/main/probe/tls/ca.pem");

fn service() -> Service {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/orders.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/orders.key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    Service::start_behind(Broken::Hangs, usize::MAX, move |stream: TcpStream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        StreamOwned::new(connection, stream)
    })
}

fn probe(service: &Service, host: &str) -> Probe {
    let mut probe = Probe::new(service.address, "", token("acme"), token("globex"));
    probe.url = format!("https://{host}/t/acme/orders");
    probe
        .flags(&["--connect-to", &service.address.to_string()])
        .flags(&["--tenant", "acme", "--other-tenant", "globex"])
        .flags(&["--only", "witnesses/path-of-another"])
}

#[test]
fn a_service_whose_certificate_is_good_is_attacked() {
    let service = service();
    let probe = probe(&service, "orders.invalid").env("SSL_CERT_FILE", ROOT);
    let (status, report) = probe.report();
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(ids(&report, "refused"), ["witnesses/path-of-another"]);
}

#[test]
fn a_service_of_another_name_or_of_an_unknown_root_gets_no_token() {
    let service = service();
    for (host, root, reason) in [
        ("billing.invalid", ROOT, "not valid for name"),
        ("orders.invalid", "", "UnknownIssuer"),
    ] {
        let mut probe = probe(&service, host);
        if !root.is_empty() {
            probe = probe.env("SSL_CERT_FILE", root);
        }
        let (status, report) = probe.report();
        assert_eq!(status, 3, "{host}: {report:#}");
        let why = report["unjudged"].as_str().unwrap();
        assert!(
            why.contains("no connection was made") && why.contains(reason),
            "{why}"
        );
    }
    assert_eq!(service.asked(), 0);
}
