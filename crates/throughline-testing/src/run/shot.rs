//! What one run keeps at hand, and what one request of an attack came to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::exchange::{Answer, Failure, Outgoing};
use super::render::Rendered;
use super::sender::Sender;
use super::world::World;
use crate::attack::{Act, Need};
use crate::forge::Attacker;
use crate::judge::Twins;
use crate::key::TestKey;

/// What forging takes, and what is known of the service.
pub(super) struct Kit {
    pub(super) attacker: Attacker,
    pub(super) trusted: Option<TestKey>,
    pub(super) public_keys: Option<Arc<str>>,
    /// What the world offers to the attacks.
    pub(super) offered: Vec<Need>,
    /// What each tenant is answered to its honest request, twice.
    pub(super) honest: Option<Honest>,
}

impl Kit {
    pub(super) fn new(world: &World) -> Self {
        Self {
            attacker: Attacker::new(),
            trusted: world.trusted(),
            public_keys: world.public_keys(),
            offered: world.offered(),
            honest: None,
        }
    }
}

/// The answers to the two tenants' honest requests.
pub(super) struct Honest {
    pub(super) own: (Answer, Answer),
    /// None where the other tenant is not served.
    pub(super) other: Option<(Answer, Answer)>,
}

impl Honest {
    /// What the tenant is answered that a request must not speak for.
    pub(super) fn others(&self, mirrored: bool) -> Option<Twins<'_>> {
        let (first, second) = match mirrored {
            false => self.other.as_ref()?,
            true => &self.own,
        };
        Some(Twins::of(first, second))
    }
}

/// A request of an attack, and what came back.
pub(super) struct Shot {
    pub(super) outgoing: Outgoing,
    pub(super) token: Option<String>,
    pub(super) answer: Result<Answer, Failure>,
    /// Whether it is the other tenant's request.
    pub(super) mirrored: bool,
}

impl Shot {
    pub(super) fn new(rendered: Rendered, answer: Result<Answer, Failure>, mirrored: bool) -> Self {
        let token = rendered
            .token
            .and_then(|token| String::from_utf8(token).ok());
        Self {
            outgoing: rendered.outgoing,
            token,
            answer,
            mirrored,
        }
    }

    /// What the request says, in pieces that an answer may repeat.
    pub(super) fn said(&self) -> Vec<String> {
        let uri = self.outgoing.request.uri();
        let path = uri.path().split('/').map(str::to_owned);
        let query = uri.query().unwrap_or_default();
        let query = query.split(['&', '=']).map(str::to_owned);
        // The whole before its parts, so that a part is not cut out of the whole.
        let mut said = vec![uri.to_string(), uri.path().to_owned()];
        said.extend(path.chain(query));
        said
    }
}

/// Counts what is sent.
pub(super) struct Counting<'s, S> {
    sender: &'s S,
    sent: AtomicUsize,
}

impl<'s, S: Sender> Counting<'s, S> {
    pub(super) fn new(sender: &'s S) -> Self {
        Self {
            sender,
            sent: AtomicUsize::new(0),
        }
    }

    pub(super) async fn send(&self, outgoing: Outgoing) -> Result<Answer, Failure> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.sender.send(outgoing).await
    }

    pub(super) async fn admit(&self, requests: usize) -> Result<(), String> {
        let admitted = self.sender.admit(requests).await;
        admitted.map_err(|failure| failure.to_string())
    }

    pub(super) async fn abandon(&self, outgoing: Outgoing, moment: u16) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.sender.abandon(outgoing, moment).await;
    }

    pub(super) fn count(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }
}

/// Whether an act is a request and no change of the world.
pub(super) fn is_request(act: &Act) -> bool {
    match act {
        Act::Send(_) | Act::SendAsOther(_) => true,
        Act::Clock(_) | Act::Keys(_) | Act::RevokeUser | Act::Suspend(_) => false,
    }
}

/// Whether a request says a text itself, so that an answer may repeat it.
pub(super) fn says(outgoing: &Outgoing, text: &str) -> bool {
    let request = &outgoing.request;
    let lines = request.headers().iter().chain(&outgoing.trailers);
    let mut lines = lines.map(|(_, value)| value.as_bytes());
    let within = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
    request.uri().to_string().contains(text) || within(request.body()) || lines.any(within)
}

/// Whether a token in a request says a text, so that whoever refuses it may name the caller.
pub(super) fn says_in_token(outgoing: &Outgoing, text: &str) -> bool {
    let request = &outgoing.request;
    let lines = request.headers().iter().chain(&outgoing.trailers);
    let mut all: Vec<_> = lines.map(|(_, value)| value.as_bytes()).collect();
    let uri = request.uri().to_string();
    all.extend([uri.as_bytes(), request.body().as_ref()]);
    let in_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let words = all
        .into_iter()
        .flat_map(|all| all.split(|byte| !in_token(byte)));
    words
        .filter(|word| word.iter().filter(|byte| **byte == b'.').count() == 2)
        .flat_map(|token| token.split(|byte| *byte == b'.').take(2))
        .filter_map(|part| URL_SAFE_NO_PAD.decode(part).ok())
        .any(|part| String::from_utf8_lossy(&part).contains(text))
}

/// A status in a word.
pub(super) fn status(answer: &Answer) -> String {
    match answer.grpc_status() {
        Some(code) => format!("grpc-status {code}"),
        None => format!("status {}", answer.status().as_u16()),
    }
}

/// What no request said before, in this run or another.
pub(super) fn fresh_nonce() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let mut random = [0; 6];
    // Without randomness a nonce is unique to this process, which is enough for a test.
    let _ = aws_lc_rs::rand::fill(&mut random);
    let mut nonce = format!("n{}", COUNT.fetch_add(1, Ordering::Relaxed));
    for byte in random {
        nonce.push_str(&format!("{byte:02x}"));
    }
    nonce
}
