//! A service of somebody who knows no Throughline, with one mistake at a time.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place makes the mistakes that are its own, and is sound for all others"
)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use throughline_core::time::Clock as _;
use throughline_testing::TestDomain;
use throughline_testing::run::RequestBody;

use crate::kit::orders_of;

/// What is wrong with the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leak {
    /// Nothing.
    None,
    AcceptsAlgNone,
    AcceptsEmbeddedKey,
    AcceptsHmacWithPublicKey,
    AnonymousIsDefault,
    BelievesBaggage,
    BelievesCookie,
    BelievesForwardedHost,
    BelievesHeader,
    BelievesInternalHeader,
    BelievesLocalAddress,
    BelievesQuery,
    BelievesRewrittenUrl,
    CachesByUrl,
    CachesStaticLooking,
    CachesTokenByPayload,
    CachesWithoutTenant,
    ChecksFirstReadsLast,
    ChecksLastReadsFirst,
    EchoesToken,
    ErrorNamesOther,
    ExemptsByPrefix,
    ExemptsBySuffix,
    FoldsUnderscores,
    ForgetsToResetConnection,
    GlobalTenant,
    IgnoresAudience,
    IgnoresCritical,
    IgnoresExpiry,
    IgnoresPath,
    IgnoresRevocation,
    IgnoresSignature,
    IgnoresType,
    KeepsRemovedKeys,
    LastDuplicateClaimWins,
    MergesTrailers,
    OverridesMethod,
    RemembersLastCaller,
    SplitsJoinedHeaders,
    StripsByConnection,
    TellsWhoExists,
    WithoutKeysEverythingPasses,
}

/// The service: whoever has a genuine token of the tenant in the path gets its orders.
#[derive(Clone)]
pub(crate) struct Leaky {
    leak: Leak,
    domain: TestDomain,
    state: Arc<Mutex<State>>,
    /// The public key as it was when the service started.
    public_key: Arc<[u8]>,
    jwks: Arc<str>,
}

#[derive(Default)]
struct State {
    last: Option<String>,
    answers: HashMap<String, String>,
    payloads: HashMap<String, String>,
    connection: Option<String>,
}

type Answer = Response<Full<Bytes>>;

impl Leaky {
    pub(crate) fn new(leak: Leak, domain: &TestDomain) -> Self {
        let jwk = domain.key().public_jwk();
        let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
        Self {
            leak,
            domain: domain.clone(),
            state: Arc::default(),
            public_key: x.into(),
            jwks: serde_json::json!({"keys": [jwk]}).to_string().into(),
        }
    }

    fn has(&self, leak: Leak) -> bool {
        self.leak == leak
    }

    pub(crate) async fn serve(self, request: Request<RequestBody>) -> Result<Answer, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap();
        let mut headers = head.headers;
        if let (true, Some(trailers)) = (self.has(Leak::MergesTrailers), body.trailers()) {
            headers.extend(trailers.clone());
        }
        let target = head.uri.to_string();
        let path = head.uri.path().to_owned();
        let query = head.uri.query().unwrap_or_default().to_owned();
        Ok(match self.tenant(&headers, &path, &query).await {
            Ok(tenant) => {
                let text = self.orders(&tenant, &target, &path, &query).await;
                let mut answer = say(StatusCode::OK, text);
                if let (true, Some(token)) = (self.has(Leak::EchoesToken), headers.get("txn-token"))
                {
                    answer.headers_mut().insert("x-echo", token.clone());
                }
                answer
            }
            Err((status, text)) => match self.cached(&target, &path) {
                Some(text) => say(StatusCode::OK, text),
                None => say(status, text),
            },
        })
    }

    /// What an answer without any check of its own would find.
    fn cached(&self, target: &str, path: &str) -> Option<String> {
        let kept = self.has(Leak::CachesByUrl)
            || self.has(Leak::CachesStaticLooking) && path.ends_with(".css");
        let state = self.state.lock().unwrap();
        state.answers.get(target).filter(|_| kept).cloned()
    }

    async fn orders(&self, tenant: &str, target: &str, path: &str, query: &str) -> String {
        let key = match self.leak {
            Leak::CachesWithoutTenant => query.replace("globex", "").replace("acme", ""),
            Leak::CachesByUrl | Leak::CachesStaticLooking => target.to_owned(),
            _ => return self.fetch(tenant).await,
        };
        if self.has(Leak::CachesStaticLooking) && !path.ends_with(".css") {
            return self.fetch(tenant).await;
        }
        let fresh = self.fetch(tenant).await;
        let mut state = self.state.lock().unwrap();
        state.answers.entry(key).or_insert(fresh).clone()
    }

    /// The database: a connection, or a global, that is told whose turn it is.
    async fn fetch(&self, tenant: &str) -> String {
        match self.leak {
            Leak::GlobalTenant => {
                self.state.lock().unwrap().last = Some(tenant.to_owned());
                tokio::task::yield_now().await;
                let last = self.state.lock().unwrap().last.clone();
                orders_of(&last.unwrap())
            }
            Leak::ForgetsToResetConnection => {
                let connection = |state: &mut State| {
                    let of = state.connection.get_or_insert(tenant.to_owned());
                    of.clone()
                };
                let of = connection(&mut self.state.lock().unwrap());
                tokio::task::yield_now().await;
                self.state.lock().unwrap().connection = None;
                orders_of(&of)
            }
            _ => orders_of(tenant),
        }
    }

    /// Whose orders are asked for, once that is allowed.
    async fn tenant(
        &self,
        headers: &HeaderMap,
        path: &str,
        query: &str,
    ) -> Result<String, (StatusCode, String)> {
        let denied = |text: &str| (StatusCode::FORBIDDEN, text.to_owned());
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let mut path_tenant = path.split('/').skip_while(|part| *part != "t").nth(1);
        let in_path = path_tenant.get_or_insert("").to_string();
        if let Some(tenant) = self.before_any_check(headers, path, &in_path) {
            return Ok(tenant);
        }
        let stripped = self.has(Leak::StripsByConnection)
            && headers.get_all("connection").iter().any(|line| {
                let line = line.to_str().unwrap_or_default().to_ascii_lowercase();
                line.contains("txn-token")
            });
        let mut tokens: Vec<_> = headers.get_all("txn-token").iter().collect();
        if stripped {
            return Ok("default".into());
        }
        if tokens.len() > 1 && !self.has(Leak::MergesTrailers) {
            return Err(denied("too many tokens"));
        }
        let Some(token) = tokens.pop() else {
            let last = self.state.lock().unwrap().last.clone();
            return match (self.leak, last) {
                (Leak::RemembersLastCaller, Some(last)) => Ok(last),
                (Leak::AnonymousIsDefault, _) => Ok(in_path),
                _ => Err((StatusCode::UNAUTHORIZED, "who are you?".into())),
            };
        };
        let token = token.to_str().map_err(|_| denied("no token"))?;
        let Some(tenant) = self.verify(token).await else {
            return Err(denied("no good token"));
        };
        self.state.lock().unwrap().last = Some(tenant.clone());
        if tenant != in_path {
            return match self.leak {
                Leak::IgnoresPath => Ok(in_path),
                Leak::ErrorNamesOther => Err(denied(&orders_of(&in_path))),
                Leak::TellsWhoExists if in_path != "globex" => {
                    Err((StatusCode::NOT_FOUND, "no such tenant".into()))
                }
                _ => Err(denied("not yours")),
            };
        }
        self.believed(headers, query, header("x-tenant-id"), tenant)
    }

    /// Ways around every check.
    fn before_any_check(&self, headers: &HeaderMap, path: &str, in_path: &str) -> Option<String> {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let open = match self.leak {
            Leak::BelievesInternalHeader => header("x-internal").is_some(),
            Leak::BelievesLocalAddress => header("x-forwarded-for") == Some("127.0.0.1"),
            Leak::ExemptsByPrefix => path.starts_with("/health"),
            Leak::ExemptsBySuffix => path.ends_with(".css"),
            Leak::OverridesMethod => header("x-http-method-override") == Some("OPTIONS"),
            Leak::WithoutKeysEverythingPasses => !self.domain.trust_domain().is_ready(),
            _ => false,
        };
        open.then(|| in_path.to_owned())
    }

    /// What is believed although a token says otherwise.
    fn believed(
        &self,
        headers: &HeaderMap,
        query: &str,
        first: Option<&str>,
        tenant: String,
    ) -> Result<String, (StatusCode, String)> {
        let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let after = |text: &str, mark: &str| {
            let (_, rest) = text.split_once(mark)?;
            rest.split(['&', ',', ';', '/']).next().map(str::to_owned)
        };
        let lines: Vec<_> = headers.get_all("x-tenant-id").iter().collect();
        let last = lines.last().and_then(|v| v.to_str().ok());
        let checked = |checked: Option<&str>, read: Option<&str>| match (checked, read) {
            (None, _) => Ok(tenant.clone()),
            (Some(checked), _) if checked != tenant => {
                Err((StatusCode::FORBIDDEN, "not yours".to_owned()))
            }
            (Some(_), read) => Ok(read.unwrap_or(&tenant).to_owned()),
        };
        let believed = match self.leak {
            Leak::BelievesBaggage => after(header("baggage").unwrap_or_default(), "tenant="),
            Leak::BelievesCookie => {
                let cookie = after(header("cookie").unwrap_or_default(), "access_token=");
                cookie.and_then(|token| self.genuine(&token))
            }
            Leak::BelievesForwardedHost => header("x-forwarded-host").map(str::to_owned),
            Leak::BelievesHeader => first.map(str::to_owned),
            Leak::BelievesQuery => after(query, "tenant="),
            Leak::BelievesRewrittenUrl => after(header("x-original-url").unwrap_or("/"), "/t/"),
            Leak::ChecksFirstReadsLast => Some(checked(first, last)?),
            Leak::ChecksLastReadsFirst => Some(checked(last, first)?),
            Leak::FoldsUnderscores => header("x_tenant_id").map(str::to_owned),
            Leak::SplitsJoinedHeaders => {
                let mut parts = first.unwrap_or(&tenant).split(',').map(str::trim);
                Some(checked(parts.next(), parts.next_back())?)
            }
            _ => None,
        };
        Ok(believed.unwrap_or(tenant))
    }

    // ---- tokens

    /// The tenant of a token that is believed.
    async fn verify(&self, token: &str) -> Option<String> {
        let (header, claims, _) = parts(token)?;
        let tenant = |claims: &Value| Some(claims.pointer("/tctx/tenant")?.as_str()?.to_owned());
        let now = self.domain.clock().now().as_unix();
        let alive = |claims: &Value| claims["exp"].as_u64().is_some_and(|exp| exp > now);
        let good = match self.leak {
            Leak::AcceptsAlgNone if header["alg"] == "none" => true,
            Leak::AcceptsEmbeddedKey if header["jwk"].is_object() => {
                let x = URL_SAFE_NO_PAD.decode(header["jwk"]["x"].as_str()?).ok()?;
                signed_by(token, &x)
            }
            Leak::AcceptsHmacWithPublicKey if header["alg"] == "HS256" => {
                mac_by(token, self.jwks.as_bytes())
            }
            Leak::CachesTokenByPayload => {
                let payload = token.rsplit_once('.')?.0.to_owned();
                let known = self.state.lock().unwrap().payloads.get(&payload).cloned();
                if let Some(tenant) = known {
                    return Some(tenant);
                }
                let tenant = self.genuine(token)?;
                let mut state = self.state.lock().unwrap();
                state.payloads.insert(payload, tenant.clone());
                return Some(tenant);
            }
            Leak::IgnoresAudience | Leak::IgnoresCritical | Leak::LastDuplicateClaimWins => {
                signed_by(token, &self.public_key) && alive(&claims)
            }
            Leak::IgnoresExpiry => signed_by(token, &self.public_key),
            Leak::IgnoresRevocation | Leak::KeepsRemovedKeys | Leak::IgnoresType => {
                signed_by(token, &self.public_key) && alive(&claims)
            }
            Leak::IgnoresSignature => alive(&claims),
            _ => return self.genuine(token),
        };
        good.then(|| tenant(&claims)).flatten()
    }

    fn genuine(&self, token: &str) -> Option<String> {
        let verified = self.domain.trust_domain().verify(token.as_bytes()).ok()?;
        Some(verified.tenant()?.to_string())
    }
}

fn say(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    answer
}

fn parts(token: &str) -> Option<(Value, Value, Vec<u8>)> {
    let mut parts = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header = serde_json::from_slice(&parts.next()??).ok()?;
    let claims = serde_json::from_slice(&parts.next()??).ok()?;
    Some((header, claims, parts.next()??))
}

fn signed_by(token: &str, key: &[u8]) -> bool {
    let Some((input, signature)) = token.rsplit_once('.') else {
        return false;
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    let key = UnparsedPublicKey::new(&ED25519, key);
    key.verify(input.as_bytes(), &signature).is_ok()
}

fn mac_by(token: &str, key: &[u8]) -> bool {
    let Some((input, mac)) = token.rsplit_once('.') else {
        return false;
    };
    let mac = URL_SAFE_NO_PAD.decode(mac).unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, input.as_bytes(), &mac).is_ok()
}
