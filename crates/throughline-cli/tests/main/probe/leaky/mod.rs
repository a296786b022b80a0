//! A shop whose tenants see their own orders only; or, with one hole at a time, somebody else's.
//!
//! It knows nothing of this project. Its tight version is what a careful team writes by hand:
//! one bearer token, checked; whatever else names a tenant must agree; what is unknown is ignored.
//!
//! `GET /t/TENANT/orders` names the tenant in its path, `GET /orders` may name it in the field
//! `x-tenant-id` or in the host, `TENANT.shop.invalid`.

mod request;
mod tokens;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use self::request::{Incoming, known};
use self::tokens::Tokens;

/// Every tenant, and what nobody else may see.
pub(super) const TENANTS: [(&str, &str); 2] = [
    ("acme", "anvil-delivery-7731"),
    ("globex", "doomsday-lever-4402"),
];

/// A way to get it wrong. Each has been shipped by somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leak {
    /// Tokens with `alg: none` are taken.
    AlgNone,
    /// The tenant in the baggage is believed.
    Baggage,
    /// Answers are cached by route and query, whoever asks.
    CacheWithoutTenant,
    /// Of a comma-joined tenant field one element is compared, another used.
    CommaJoined,
    /// A field that `Connection` names is dropped between gate and handler, which then falls back.
    ConnectionStrips,
    /// The gate looks at the bearer token, the handler at the session cookie.
    CookieBesideBearer,
    /// Without a credential, the tenant of the pilot customer.
    DefaultTenant,
    /// The gate compares the path as it was sent, the handler resolves `..`.
    DotSegments,
    /// The token's own `jwk` verifies it.
    EmbeddedJwk,
    /// The gate knows paths as they are spelled, the handler decodes them.
    EncodedPath,
    /// The refusal shows whose the resource is.
    ErrorPage,
    /// Expired tokens are taken.
    Expiry,
    /// Of two tenant fields the gate looks at the last, the handler at the first.
    FirstValue,
    /// `x_tenant_id` is the same to the handler as `x-tenant-id`, as behind CGI.
    Folding,
    /// The tenant is the first label of `X-Forwarded-Host`.
    ForwardedHost,
    /// Whoever claims to call from the loopback interface needs no credential.
    ForwardedFor,
    /// The tenant field wins over the token.
    Header,
    /// An HMAC made with the public key as its secret is taken.
    HmacPublicKey,
    /// The tenant is the first label of `Host`.
    Host,
    /// The tenant of the last request is kept where the next one finds it.
    LastTenant,
    /// Of two tenant fields the gate looks at the first, the handler at the last.
    LastValue,
    /// `OPTIONS` needs no credential, and the gate takes the method from `X-HTTP-Method-Override`.
    MethodOverride,
    /// The handler serves the path in `X-Original-URL`, which the gate does not look at.
    OriginalUrl,
    /// The tenant in the path is served, whatever the token says.
    PathNotCompared,
    /// What begins with `/health` needs no credential, and `..` is resolved later.
    PrefixExemption,
    /// The tenant in the query is believed.
    Query,
    /// A token is read from the query, after the gate has looked at the bearer token.
    QueryToken,
    /// Signatures are not checked.
    Signature,
    /// Of two `Authorization` fields the gate looks at the first, the handler at the last.
    TwoCredentials,
}

/// Serves until it is dropped.
pub(super) struct Shop {
    pub(super) address: SocketAddr,
    tokens: Arc<Tokens>,
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Shop {
    pub(super) fn start(leak: impl Into<Option<Leak>>) -> Self {
        let shop = Arc::new(Shelves {
            leak: leak.into(),
            tokens: Arc::new(Tokens::new()),
            state: Mutex::default(),
        });
        let tokens = Arc::clone(&shop.tokens);
        let app = Router::new().fallback(serve).with_state(shop);
        let runtime = super::runtime();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            tokens,
            folder: tempfile::tempdir().unwrap(),
            _runtime: runtime,
        }
    }

    /// A token that is good for an hour.
    pub(super) fn token(&self, tenant: &str) -> String {
        self.tokens.issue(tenant, 3600)
    }

    /// A genuine token whose time is over.
    pub(super) fn expired(&self, tenant: &str) -> String {
        self.tokens.issue(tenant, -3600)
    }

    /// The public keys, as everybody can read them.
    pub(super) fn jwks_file(&self) -> PathBuf {
        let path = self.folder.path().join("jwks.json");
        std::fs::write(&path, self.tokens.jwks()).unwrap();
        path
    }
}

struct Shelves {
    leak: Option<Leak>,
    tokens: Arc<Tokens>,
    state: Mutex<Changing>,
}

#[derive(Default)]
struct Changing {
    cache: HashMap<String, Value>,
    last: Option<String>,
    count: u64,
}

/// What the gate says to a request that does not pass.
type Refusal = (StatusCode, Value);

fn refuse<T>(status: StatusCode, error: &str) -> Result<T, Refusal> {
    Err((status, json!({ "error": error })))
}

async fn serve(State(shop): State<Arc<Shelves>>, request: Request) -> Response<Body> {
    let request = Incoming::of(&request);
    let (status, mut body) = match shop.answer(&request) {
        Ok(page) => (StatusCode::OK, page),
        Err(refusal) => refusal,
    };
    // What differs between any two answers, and means nothing.
    let mut state = shop.state.lock().unwrap();
    state.count += 1;
    body["request"] = json!(format!(
        "{:016x}",
        state.count.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    ));
    body["served_at"] = json!(tokens::now() * 1000 + state.count % 1000);
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}

impl Shelves {
    fn leaks(&self, leak: Leak) -> bool {
        self.leak == Some(leak)
    }

    fn answer(&self, request: &Incoming) -> Result<Value, Refusal> {
        let path = self.path(request);
        let Some(named) = request::tenant_in(&path) else {
            return refuse(StatusCode::NOT_FOUND, "not found");
        };
        let tenant = match self.exempt(request) {
            Some(tenant) => tenant,
            None => self.gate(request, named.as_deref())?,
        };
        self.page(request, &tenant)
    }

    /// The path that the handler serves.
    fn path(&self, request: &Incoming) -> String {
        if self.leaks(Leak::OriginalUrl)
            && let Some(path) = request.field("x-original-url")
        {
            return path.into();
        }
        let path = request.path.clone();
        match self.leak {
            Some(Leak::DotSegments | Leak::PrefixExemption) => request::resolved(&path),
            Some(Leak::EncodedPath) => request::decoded(&path),
            _ => path,
        }
    }

    /// The tenant of a request that needs no credential.
    fn exempt(&self, request: &Incoming) -> Option<String> {
        let path = request::tenant_in(&self.path(request)).flatten();
        if self.leaks(Leak::PrefixExemption) && request.path.starts_with("/health") {
            return path;
        }
        let says = |name, value| request.field(name) == Some(value);
        if self.leaks(Leak::MethodOverride) && says("x-http-method-override", "OPTIONS")
            || self.leaks(Leak::ForwardedFor) && says("x-forwarded-for", "127.0.0.1")
        {
            return path;
        }
        if request.field("authorization").is_some() {
            return None;
        }
        if self.leaks(Leak::DefaultTenant) {
            return Some("globex".into());
        }
        if self.leaks(Leak::LastTenant) {
            return self.state.lock().unwrap().last.clone();
        }
        None
    }

    /// Who is served: the token's tenant, and everything that names one agrees.
    fn gate(&self, request: &Incoming, path: Option<&str>) -> Result<String, Refusal> {
        if request.method != Method::GET && request.method != Method::HEAD {
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
        }
        let bearers = self.bearers(request)?;
        let Some(own) = bearers
            .first()
            .and_then(|token| self.tokens.check(token, self.leak))
        else {
            return refuse(StatusCode::UNAUTHORIZED, "unauthorized");
        };
        let raw = request::tenant_in(&request.path).flatten();
        let compared = match self.leak {
            Some(Leak::PathNotCompared) => return Ok(path.map_or(own, Into::into)),
            Some(Leak::OriginalUrl) => raw.as_deref(),
            Some(Leak::DotSegments) => request.path.split('/').nth(2),
            // A list of paths that others must not ask for, spelled out.
            Some(Leak::EncodedPath) => raw.as_deref().filter(|name| known(name)),
            _ => path,
        };
        if compared.is_some_and(|named| named != own) {
            if self.leaks(Leak::ErrorPage) {
                let owner = path.unwrap_or_default();
                return Err((
                    StatusCode::FORBIDDEN,
                    json!({"error": "forbidden", "owner": contents(owner)}),
                ));
            }
            return refuse(StatusCode::FORBIDDEN, "forbidden");
        }
        self.compare_fields(request, &own)?;
        let mut hosts = request.fields("host").filter_map(request::tenant_in_host);
        if !self.leaks(Leak::Host) && hosts.any(|named| named != own) {
            return refuse(StatusCode::FORBIDDEN, "forbidden");
        }
        Ok(self.handled(request, path, &bearers).unwrap_or(own))
    }

    fn bearers(&self, request: &Incoming) -> Result<Vec<String>, Refusal> {
        let bearers: Vec<_> = request
            .fields("authorization")
            .filter_map(|value| value.strip_prefix("Bearer "))
            .map(str::to_owned)
            .collect();
        if bearers.len() > 1 && !self.leaks(Leak::TwoCredentials) {
            return refuse(StatusCode::BAD_REQUEST, "two credentials");
        }
        Ok(bearers)
    }

    /// The gate's look at the tenant field.
    fn compare_fields(&self, request: &Incoming, own: &str) -> Result<(), Refusal> {
        let values: Vec<_> = request.fields("x-tenant-id").collect();
        let agrees = match self.leak {
            Some(Leak::Header) => true,
            Some(Leak::FirstValue) => values.last().is_none_or(|value| *value == own),
            Some(Leak::LastValue) => values.first().is_none_or(|value| *value == own),
            Some(Leak::CommaJoined) => values
                .iter()
                .all(|value| value.split(',').any(|name| name.trim() == own)),
            _ => values.len() <= 1 && values.iter().all(|value| *value == own),
        };
        match agrees {
            true => Ok(()),
            false => refuse(StatusCode::FORBIDDEN, "forbidden"),
        }
    }

    /// Whom the handler serves where it does not ask the gate.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other leaks are in the gate, not here"
    )]
    fn handled(
        &self,
        request: &Incoming,
        path: Option<&str>,
        bearers: &[String],
    ) -> Option<String> {
        let mut fields = request.fields("x-tenant-id");
        let tenant_of = |token: &str| self.tokens.check(token, None);
        let found = match self.leak? {
            Leak::Header | Leak::FirstValue => fields.next().map(str::to_owned),
            Leak::LastValue => fields.last().map(str::to_owned),
            Leak::CommaJoined => fields
                .flat_map(|value| value.split(','))
                .map(|name| name.trim().to_owned())
                .find(|name| known(name)),
            Leak::ConnectionStrips => {
                let dropped = |name: &str| name.trim().eq_ignore_ascii_case("x-tenant-id");
                let mut named = request.fields("connection").flat_map(|v| v.split(','));
                named.any(dropped).then(|| "globex".to_owned())
            }
            Leak::Folding => request.folded("x-tenant-id").last().map(str::to_owned),
            Leak::Query => request.query("tenant"),
            Leak::ForwardedHost => request.field("x-forwarded-host").and_then(request::label),
            Leak::Host => request.fields("host").last().and_then(request::label),
            Leak::Baggage => request.baggage(),
            Leak::CookieBesideBearer => request.cookie("session").and_then(|t| tenant_of(&t)),
            Leak::QueryToken => request.query("access_token").and_then(|t| tenant_of(&t)),
            Leak::TwoCredentials => bearers.last().and_then(|token| tenant_of(token)),
            Leak::OriginalUrl | Leak::DotSegments | Leak::EncodedPath => path.map(str::to_owned),
            _ => None,
        };
        found.filter(|tenant| known(tenant))
    }

    fn page(&self, request: &Incoming, tenant: &str) -> Result<Value, Refusal> {
        let mut state = self.state.lock().unwrap();
        state.last = Some(tenant.to_owned());
        if self.leaks(Leak::CacheWithoutTenant) {
            let key = format!("orders?{}", request.raw_query);
            let page = state.cache.entry(key).or_insert_with(|| contents(tenant));
            return Ok(page.clone());
        }
        Ok(contents(tenant))
    }
}

fn contents(tenant: &str) -> Value {
    let item = TENANTS.iter().find(|(name, _)| *name == tenant);
    json!({"tenant": tenant, "orders": [{"number": 1, "item": item.map(|(_, item)| item)}]})
}
