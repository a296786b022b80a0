//! Keys over TLS: from a provider whose certificate can be checked, and from nobody else.
//!
//! The certificates in `tls` are signed by `ca.pem`; their key opens nothing but this test.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use throughline_testing::TestKey;

use crate::{code, feed, stderr, stdout, throughline};

const NOW: u64 = 1_700_000_000;
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/main/tls/ca.pem");
const GOOD: &[u8] = include_bytes!("tls/good.pem");
const EXPIRED: &[u8] = include_bytes!("tls/expired.pem");
const OF_ANOTHER: &[u8] = include_bytes!("tls/other.pem");

/// A provider that publishes one key, with a certificate that may be anybody's.
struct Provider {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Provider {
    fn start(certificate: &[u8], key: &TestKey) -> Self {
        let certificate = CertificateDer::from_pem_slice(certificate).unwrap();
        let private = PrivateKeyDer::from_pem_slice(include_bytes!("tls/server.key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], private)
            .unwrap();
        let config = Arc::new(config);
        let keys = json!({"keys": [key.public_jwk()]}).to_string();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, ends) = <(Arc<AtomicUsize>, Arc<AtomicBool>)>::default();
        let (count, stop) = (Arc::clone(&asked), Arc::clone(&ends));
        let serving = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                // Whoever does not like the certificate hangs up.
                if answer(StreamOwned::new(connection, stream.unwrap()), &keys).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        Self {
            address,
            asked,
            ends,
            serving: Some(serving),
        }
    }

    /// How many requests it read.
    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// What an edge with this provider says of `token`.
    fn verify(&self, token: &str, root: Option<&str>) -> (i32, Value, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("edge.toml");
        let text = format!(
            r#"trust_domain = "prod.example"
freshness = {{ lifetime_only = 3600 }}

[[issuer]]
name = "workforce"
profile = "rfc9068"
issuer = "https://id.workforce.example"
keys = "https://localhost:{}/keys"
audience = "api://orders"
tenancy = {{ claim = "org", only = ["acme"] }}

[ownership]
authentication = "identity team"
rules = "platform security"
"#,
            self.address.port()
        );
        std::fs::write(&file, text).unwrap();
        let mut command = throughline();
        command.args(["verify", "--now", &NOW.to_string(), "--config"]);
        command.arg(&file).arg("-");
        match root {
            Some(root) => command.env("SSL_CERT_FILE", root),
            None => command.env_remove("SSL_CERT_FILE"),
        };
        let output: Output = feed(command, format!("{token}\n").as_bytes());
        let errors = stderr(&output).to_owned();
        let line = serde_json::from_str(stdout(&output)).unwrap_or_else(|_| panic!("{errors}"));
        (code(&output), line, errors)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>, keys: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut some = [0; 1024];
        match stream.read(&mut some)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => request.extend_from_slice(&some[..read]),
        }
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/jwk-set+json\r\nconnection: close";
    let length = keys.len();
    stream.write_all(format!("{head}\r\ncontent-length: {length}\r\n\r\n{keys}").as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn token(key: &TestKey) -> String {
    let mut header = key.header();
    header["typ"] = "at+jwt".into();
    let claims = json!({
        "iss": "https://id.workforce.example", "aud": "api://orders", "sub": "ada",
        "client_id": "web", "jti": "1", "iat": NOW - 10, "exp": NOW + 290, "org": "acme",
    });
    key.sign(&header, &claims)
}

#[test]
fn a_provider_whose_certificate_is_good_is_believed() {
    let key = TestKey::generate();
    let provider = Provider::start(GOOD, &key);
    let (code, line, errors) = provider.verify(&token(&key), Some(ROOT));
    assert_eq!(code, 0, "{errors}");
    assert_eq!(line["principal"], "workforce/acme/ada");
    assert_eq!(provider.asked(), 1);
}

#[test]
fn a_provider_without_a_good_certificate_has_no_keys() {
    let key = TestKey::generate();
    for (certificate, root, why) in [
        (GOOD, None, "UnknownIssuer"),
        (EXPIRED, Some(ROOT), "certificate expired"),
        (OF_ANOTHER, Some(ROOT), "not valid for name"),
    ] {
        let provider = Provider::start(certificate, &key);
        let (code, line, errors) = provider.verify(&token(&key), root);
        assert_eq!(code, 1, "{errors}");
        assert_eq!(line["reason"], "keys_unavailable", "{errors}");
        assert!(errors.contains(why), "{errors}");
        assert_eq!(provider.asked(), 0);
    }
}
