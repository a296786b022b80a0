//! What the tests share: a signer, a domain, a handler that remembers what it saw, a log that
//! remembers what was written, and pairs of an attack and its honest twin.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{self, Poll};
use std::time::Duration;
use std::{fmt, io};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use axum::routing::any;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use throughline::{
    AcceptBuilder, AcceptLayer, BodyWitnessLayer, BufferedBody, Freshness, KeySource, Observed,
    Reason, Refused, RequireLayer, ResponseBody, TenantContext, TrustDomain, admitted,
};
use throughline_core::reason::Position;
use throughline_core::time::Timestamp;
use throughline_jose::{AdmissionPolicy, KeySet};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::Instrument;
use tracing::field::{Empty, Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};

pub(crate) const DOMAIN: &str = "prod.example";
pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const KID: &str = "key-2023-11";
pub(crate) const SUBJECT: &str = "ada@users.test";

// ---- tokens

static PAIR: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().unwrap());

/// The public half of the one key that signs here, as a key set.
pub(crate) fn jwks() -> String {
    let x = URL_SAFE_NO_PAD.encode(PAIR.public_key().as_ref());
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": KID, "x": x}]}).to_string()
}

/// Signs any claims, as an honest token service would not.
pub(crate) fn sign(claims: &Value) -> String {
    let header = json!({"typ": "txntoken+jwt", "alg": "EdDSA", "kid": KID}).to_string();
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let input = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.encode(PAIR.sign(input.as_bytes()));
    format!("{input}.{signature}")
}

/// The claims of Ada of `tenant`.
pub(crate) fn claims(tenant: &str) -> Value {
    json!({
        "aud": DOMAIN,
        "iat": NOW - 10,
        "exp": NOW + 290,
        "txn": "t-1",
        "sub": format!("okta/{tenant}/ada%40users.test"),
        "scope": "orders.read",
        "req_wl": "edge",
        "tctx": {"kind": "user", "tenant": tenant, "idp": "okta", "sub": SUBJECT},
        "rctx": {"as_of": NOW - 10},
    })
}

/// `claims` with the value at a JSON Pointer replaced or added; `null` removes it.
pub(crate) fn but(mut claims: Value, pointer: &str, value: Value) -> Value {
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let object = claims.pointer_mut(above).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        object.remove(name);
    } else {
        object.insert(name.to_owned(), value);
    }
    claims
}

/// A token of Ada of `tenant`.
pub(crate) fn token(tenant: &str) -> String {
    sign(&claims(tenant))
}

/// The claims of work that belongs to no tenant.
pub(crate) fn platform_claims() -> Value {
    let claims = but(claims("acme"), "/tctx/tenant", Value::Null);
    let claims = but(claims, "/tctx/kind", json!("platform"));
    but(claims, "/sub", json!("okta//ada%40users.test"))
}

pub(crate) fn domain_with(keys: KeySource) -> TrustDomain {
    TrustDomain::new(DOMAIN)
        .unwrap()
        .with_keys(keys)
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)))
        .with_clock(|| Timestamp::from_unix(NOW))
}

pub(crate) fn domain() -> TrustDomain {
    let keys = KeySet::parse(jwks().as_bytes(), &AdmissionPolicy::new()).unwrap();
    domain_with(KeySource::set(keys))
}

pub(crate) fn builder() -> AcceptBuilder {
    AcceptLayer::builder(domain())
}

// ---- requests

/// A header line: its name, and its value as bytes.
pub(crate) type Line<'l> = (&'l str, &'l [u8]);

/// A request with header lines as bytes; an empty token sends none.
pub(crate) fn request(target: &str, token: &str, lines: &[Line<'_>]) -> Request<Bytes> {
    let mut request = Request::get(target).body(Bytes::new()).unwrap();
    if !token.is_empty() {
        add(&mut request, "txn-token", token.as_bytes());
    }
    for (name, line) in lines {
        add(&mut request, name, line);
    }
    request
}

pub(crate) fn add<B>(request: &mut Request<B>, name: &str, line: &[u8]) {
    let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
    let line = HeaderValue::from_bytes(line).unwrap();
    request.headers_mut().append(name, line);
}

/// An admitted request's extensions, for layers that sit behind `Accept`.
pub(crate) async fn admitted_extensions(claims: &Value) -> Extensions {
    let handler = Handler::default();
    let stack = Stack::new(builder().build().unwrap());
    let request = request("/orders", &sign(claims), &[]);
    let answer = send(stack.bare(&handler), request).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    handler.last().extensions
}

// ---- bodies

/// A body, step by step.
#[derive(Debug, Default)]
pub(crate) struct Frames(VecDeque<Step>);

#[derive(Debug)]
enum Step {
    Error,
    Frame(Frame<Bytes>),
    /// Waits for ever.
    Never,
    /// Waits for the next poll.
    Pending,
}

impl Frames {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn then(mut self, step: Step) -> Self {
        self.0.push_back(step);
        self
    }

    pub(crate) fn data(self, data: impl AsRef<[u8]>) -> Self {
        let data = Bytes::copy_from_slice(data.as_ref());
        self.then(Step::Frame(Frame::data(data)))
    }

    pub(crate) fn trailers(self, trailers: HeaderMap) -> Self {
        self.then(Step::Frame(Frame::trailers(trailers)))
    }

    pub(crate) fn pending(self) -> Self {
        self.then(Step::Pending)
    }

    pub(crate) fn never(self) -> Self {
        self.then(Step::Never)
    }

    pub(crate) fn error(self) -> Self {
        self.then(Step::Error)
    }
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.0.pop_front() {
            None => Poll::Ready(None),
            Some(Step::Frame(frame)) => Poll::Ready(Some(Ok(frame))),
            Some(Step::Error) => Poll::Ready(Some(Err(io::Error::other("connection reset")))),
            Some(Step::Never) => {
                self.0.push_front(Step::Never);
                Poll::Pending
            }
            Some(Step::Pending) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

// ---- the handler

/// Remembers each request that reaches it.
#[derive(Clone, Default)]
pub(crate) struct Handler(Arc<Mutex<Vec<Seen>>>);

/// What reached the handler.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) extensions: Extensions,
}

impl Seen {
    /// What the ordinary extractor gets.
    pub(crate) fn tenant(&self) -> Result<String, Reason> {
        let context = TenantContext::of(&self.extensions);
        context
            .map(|context| context.tenant().to_string())
            .map_err(|refused| refused.reason())
    }

    /// What the observing extractor gets.
    pub(crate) fn observed(&self) -> Result<String, Refused> {
        let Observed(context) = Observed::of(&self.extensions);
        context.map(|context| context.tenant().to_string())
    }

    /// The token of the admitted context.
    pub(crate) fn token(&self) -> Result<Bytes, Reason> {
        let context = admitted(&self.extensions);
        context
            .map(|context| context.token().clone())
            .map_err(|refused| refused.reason())
    }
}

impl Handler {
    pub(crate) fn runs(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> Seen {
        self.0.lock().unwrap().last().cloned().unwrap()
    }

    pub(crate) async fn run(self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        self.0.lock().unwrap().push(Seen {
            headers: parts.headers,
            body: body.to_bytes(),
            trailers,
            extensions: parts.extensions,
        });
        Response::new(Body::from("served"))
    }
}

// ---- services

pub(crate) type App = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The layers in front of a handler, outermost first.
#[derive(Clone)]
pub(crate) struct Stack {
    accept: AcceptLayer,
    require: Option<RequireLayer>,
    body: Option<BodyWitnessLayer>,
}

impl Stack {
    pub(crate) fn new(accept: AcceptLayer) -> Self {
        Self {
            accept,
            require: None,
            body: None,
        }
    }

    pub(crate) fn require(mut self, require: RequireLayer) -> Self {
        self.require = Some(require);
        self
    }

    pub(crate) fn body(mut self, body: BodyWitnessLayer) -> Self {
        self.body = Some(body);
        self
    }

    /// Over a bare service, as hyper would drive it.
    pub(crate) fn bare(&self, handler: &Handler) -> App {
        let handler = handler.clone();
        let mut app = BoxCloneSyncService::new(service_fn(move |request| {
            let handler = handler.clone();
            async move { Ok(handler.run(request).await) }
        }));
        if let Some(layer) = &self.body {
            let inner = app.map_request(|request: Request<BufferedBody>| request.map(Body::new));
            app = erase(layer.layer(inner));
        }
        if let Some(layer) = &self.require {
            app = erase(layer.layer(app));
        }
        erase(self.accept.layer(app))
    }

    /// In a router of axum.
    pub(crate) fn axum(&self, handler: &Handler) -> App {
        let handler = handler.clone();
        let served = any(move |request| handler.run(request));
        let router = Router::new()
            .route("/orders", served.clone())
            .route("/health", served.clone())
            .route("/t/{tenant}/orders", served);
        BoxCloneSyncService::new(self.over(router))
    }

    /// In a router of axum whose handler asks for the context, as most do.
    pub(crate) fn extracting(&self, handler: &Handler) -> App {
        let handler = handler.clone();
        let served = any(move |_: TenantContext, request: Request<Body>| handler.run(request));
        BoxCloneSyncService::new(self.over(Router::new().fallback(served)))
    }

    fn over(&self, mut router: Router) -> Router {
        if let Some(layer) = &self.body {
            router = router.layer(layer.clone());
        }
        if let Some(layer) = &self.require {
            router = router.layer(layer.clone());
        }
        router.layer(self.accept.clone())
    }

    pub(crate) fn fronts(&self, handler: &Handler) -> [(&'static str, App); 2] {
        [("axum", self.axum(handler)), ("bare", self.bare(handler))]
    }
}

fn erase<S>(service: S) -> App
where
    S: Service<Request<Body>, Response = Response<ResponseBody<Body>>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let boxed = |response: Response<ResponseBody<Body>>| response.map(Body::new);
    BoxCloneSyncService::new(service.map_response(boxed))
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) refused: Option<Refused>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.status, self.text, self.refused)
    }
}

impl Answer {
    fn problem(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        Reason::from_code(self.problem()["reason"].as_str()?)
    }

    pub(crate) fn place(&self) -> Option<String> {
        Some(self.problem()["place"].as_str()?.to_owned())
    }

    pub(crate) fn id(&self) -> Option<String> {
        let problem = self.problem();
        let id = problem["instance"].as_str()?;
        Some(id.strip_prefix("urn:uuid:")?.to_owned())
    }

    /// Asserts a refusal for `reason` at `place`, which tells the client nothing of tenants.
    pub(crate) fn assert_refused(&self, reason: Reason, place: Option<&str>, what: &str) {
        assert_eq!(self.reason(), Some(reason), "{what}: {self:?}");
        assert_eq!(self.place().as_deref(), place, "{what}: {self:?}");
        let status = reason.http_status(Position::Inside);
        assert_eq!(self.status.as_u16(), status, "{what}: {self:?}");
        let headers = format!("{:?}", self.headers);
        for secret in ["acme", "globex", "users.test", "okta", KID] {
            let leaks = self.text.contains(secret) || headers.contains(secret);
            assert!(!leaks, "{what}: the client learns `{secret}`: {self:?}");
        }
    }
}

pub(crate) async fn send(app: App, request: Request<Bytes>) -> Answer {
    send_body(app, request.map(Body::from)).await
}

pub(crate) async fn send_body(app: App, request: Request<Body>) -> Answer {
    let response = app.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
        refused: parts.extensions.get::<Refused>().cloned(),
    }
}

/// For tests in paused time: fails where nothing more can happen, instead of waiting for ever.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    let in_time = tokio::time::timeout(Duration::from_secs(600), future);
    in_time.await.expect("nothing happened for ten minutes")
}

// ---- pairs

/// Sends the honest twin of an attack, then the attack.
///
/// A refusal says something only beside an acceptance: where the twin is refused too, or does not
/// reach the handler, the attack may have failed for another reason than the one that is tested.
pub(crate) async fn pair(
    app: &App,
    handler: &Handler,
    twin: Request<Bytes>,
    attack: Request<Bytes>,
) -> Answer {
    let before = handler.runs();
    let honest = send(app.clone(), twin).await;
    assert!(
        honest.status.is_success() && handler.runs() == before + 1,
        "the honest twin was not served: {honest:?}"
    );
    send(app.clone(), attack).await
}

// ---- logs

/// Remembers every event, and what was recorded in the request's span.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logs {
    events: Arc<Mutex<Vec<BTreeMap<String, String>>>>,
    span: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Logs {
    /// Runs `future` in a span as a server makes it, with this log.
    pub(crate) async fn watch<F: Future>(&self, future: F) -> F::Output {
        let subscriber = tracing_subscriber::registry().with(self.clone());
        let _guard = tracing::subscriber::set_default(subscriber);
        let span = tracing::info_span!(
            "request",
            tenant.id = Empty,
            throughline.state = Empty,
            error.type = Empty,
        );
        future.instrument(span).await
    }

    pub(crate) fn take(&self) -> Vec<BTreeMap<String, String>> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    pub(crate) fn take_span(&self) -> BTreeMap<String, String> {
        std::mem::take(&mut self.span.lock().unwrap())
    }
}

struct Fields<'f>(&'f mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Logs {
    fn on_record(
        &self,
        _: &tracing::span::Id,
        values: &tracing::span::Record<'_>,
        _: Context<'_, S>,
    ) {
        values.record(&mut Fields(&mut self.span.lock().unwrap()));
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        fields.insert("level".into(), event.metadata().level().to_string());
        self.events.lock().unwrap().push(fields);
    }
}
