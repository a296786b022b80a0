//! An OpenID provider in this process, on a socket of this machine, that can be told what to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline_core::Tenant;
use throughline_core::time::Timestamp;
use throughline_identity::{Audience, Issuer, Issuers, Profile, Tenancy, TrustMap};
use throughline_jose::{KeySource, SigningKey};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const NOW: Timestamp = Timestamp::from_unix(1_700_000_000);
pub(crate) const DOCUMENT: &str = "/.well-known/openid-configuration";
pub(crate) const KEYS: &str = "/keys";

/// A key of an issuer, under any name.
#[derive(Clone)]
pub(crate) struct Signer {
    kid: String,
    pair: Arc<Ed25519KeyPair>,
}

impl Signer {
    pub(crate) fn new(kid: &str) -> Self {
        let der = SigningKey::generate().unwrap().danger_to_pkcs8().unwrap();
        Self {
            kid: kid.to_owned(),
            pair: Arc::new(Ed25519KeyPair::from_pkcs8(&der).unwrap()),
        }
    }

    pub(crate) fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": self.kid, "x": x})
    }

    /// An access token of `issuer` for tenant acme.
    pub(crate) fn token(&self, issuer: &str) -> String {
        self.sign(&claims(issuer))
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "at+jwt", "alg": "EdDSA", "kid": self.kid});
        let b64 = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", b64(&header), b64(claims));
        let signature = self.pair.sign(input.as_bytes());
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub(crate) fn claims(issuer: &str) -> Value {
    let (iat, exp) = (NOW.as_unix(), NOW.as_unix() + 3600);
    json!({"iss": issuer, "aud": "api://orders", "sub": "ada", "client_id": "web", "jti": "1",
        "org": "acme", "iat": iat, "exp": exp})
}

/// Tokens whose keys nobody has, one for each `kid`. They are not even signed.
pub(crate) fn of_unknown_keys(issuer: &str) -> impl Fn(&str) -> String {
    let signature = URL_SAFE_NO_PAD.encode([7; 64]);
    let rest = URL_SAFE_NO_PAD.encode(claims(issuer).to_string()) + "." + &signature;
    move |kid| {
        let header = format!(r#"{{"typ":"at+jwt","alg":"EdDSA","kid":"{kid}"}}"#);
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
    }
}

pub(crate) fn set_of<'s>(signers: impl IntoIterator<Item = &'s Signer>) -> String {
    let keys: Vec<Value> = signers.into_iter().map(Signer::jwk).collect();
    json!({ "keys": keys }).to_string()
}

pub(crate) fn issuer(alias: &str, name: &str, keys: KeySource) -> Issuer {
    Issuer::builder(alias, Profile::RFC9068)
        .named(name)
        .with_keys(keys)
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::claim("org").only([Tenant::new("acme").unwrap()]))
        .build()
        .unwrap()
}

pub(crate) fn trust() -> TrustMap {
    TrustMap::new("identity team", "platform security")
}

pub(crate) fn issuers(issuers: impl IntoIterator<Item = Issuer>) -> Issuers {
    Issuers::new(issuers, trust()).unwrap()
}

/// What is answered at one path.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Nobody is there: the connection is closed without a byte.
    Gone,
    Html,
    Json(String),
    /// Twice what any reader takes, without an end.
    Endless,
    Redirect(String),
    /// Takes the request, and never answers.
    Stall,
    Status(u16),
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

struct State {
    replies: BTreeMap<String, Reply>,
    asked: Vec<Asked>,
    connections: usize,
}

/// The provider. What it answers is told by path; a path that was not told of is 404.
#[derive(Clone)]
pub(crate) struct Provider {
    origin: String,
    state: Arc<Mutex<State>>,
}

impl Provider {
    /// One that knows no path.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self {
            origin,
            state: Arc::new(Mutex::new(State {
                replies: BTreeMap::new(),
                asked: Vec::new(),
                connections: 0,
            })),
        };
        let server = provider.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                server.state.lock().unwrap().connections += 1;
                tokio::spawn(server.clone().serve(socket));
            }
        });
        provider
    }

    /// One that publishes `signers`, honestly.
    pub(crate) async fn publishing(signers: &[&Signer]) -> Self {
        let provider = Self::start().await;
        provider.document(provider.origin(), &provider.url(KEYS));
        provider.publish(signers);
        provider
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    pub(crate) fn document(&self, issuer: &str, keys: &str) {
        let document = json!({"issuer": issuer, "jwks_uri": keys}).to_string();
        self.answer(DOCUMENT, Reply::Json(document));
    }

    pub(crate) fn publish(&self, signers: &[&Signer]) {
        self.answer(KEYS, Reply::Json(set_of(signers.iter().copied())));
    }

    /// Answers so at `path` from now on.
    pub(crate) fn answer(&self, path: &str, reply: Reply) {
        let mut state = self.state.lock().unwrap();
        state.replies.insert(path.to_owned(), reply);
    }

    /// What was asked for at `path`, so far.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let state = self.state.lock().unwrap();
        let asked = state.asked.iter();
        asked.filter(|one| one.path == path).cloned().collect()
    }

    /// How many requests came, at any path.
    pub(crate) fn requests(&self) -> usize {
        self.state.lock().unwrap().asked.len()
    }

    /// How many connections were opened, whatever came over them.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    async fn serve(self, mut socket: TcpStream) {
        while let Some(asked) = read(&mut socket).await {
            let reply = {
                let mut state = self.state.lock().unwrap();
                let reply = state.replies.get(&asked.path).cloned();
                state.asked.push(asked);
                reply.unwrap_or(Reply::Status(404))
            };
            let (status, kind, extra, body) = match reply {
                Reply::Gone => return,
                Reply::Stall => std::future::pending().await,
                Reply::Endless => {
                    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                    let _ = socket.write_all(head).await;
                    while socket.write_all(&[b' '; 4096]).await.is_ok() {}
                    return;
                }
                Reply::Html => (200, "text/html", String::new(), "<html>sign in".to_owned()),
                Reply::Json(body) => (200, "application/json", String::new(), body),
                Reply::Redirect(to) => {
                    (302, "text/plain", format!("location: {to}\r\n"), "".into())
                }
                Reply::Status(status) => (status, "text/plain", String::new(), "no".to_owned()),
            };
            let head = format!(
                "HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\n{extra}content-length: {}\r\n\r\n",
                body.len()
            );
            let _ = socket.write_all((head + &body).as_bytes()).await;
        }
    }
}

/// One request of HTTP/1.1; nothing where the connection ends.
async fn read(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    while bytes.len() < end + length.unwrap_or(0) {
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked {
        path: head.split(' ').nth(1)?.to_owned(),
        body: String::from_utf8(bytes[end..].to_vec()).unwrap(),
        head,
    })
}
