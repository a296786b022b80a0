//! The peers: middleware that verifies a token for each request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response, StatusCode, header};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use pin_project_lite::pin_project;
use serde::Deserialize;
use tower::Service;
use tower_oauth2_resource_server::claims::DefaultClaims;
use tower_oauth2_resource_server::layer::OAuth2ResourceServerLayer;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;

use crate::Error;
use crate::fixture::{DOMAIN, World};

/// `tower-oauth2-resource-server` in its default form, with the issuer's keys at hand. Its own
/// signatures are EdDSA too. The key set is static, which saves it the refresh task; validation is
/// the same either way.
pub(crate) fn resource_server<B>(
    world: &World,
) -> Result<OAuth2ResourceServerLayer<B, DefaultClaims>, Error>
where
    B: Default,
{
    let tenant = TenantConfiguration::static_builder(world.issuer().jwks())
        .audiences(&[DOMAIN])
        .build()?;
    let server = <OAuth2ResourceServer>::builder().add_tenant(tenant).build();
    Ok(world.block_on(server)?.into_layer())
}

/// What a handler needs of the token: the least that answers who and which tenant.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    pub(crate) tctx: Tctx,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Tctx {
    pub(crate) tenant: String,
}

/// `jsonwebtoken`, set up once as its documentation advises.
#[derive(Clone)]
pub(crate) struct Decode {
    key: Arc<DecodingKey>,
    validation: Arc<Validation>,
}

impl Decode {
    pub(crate) fn new(world: &World) -> Result<Self, Error> {
        let keys: JwkSet = serde_json::from_str(&world.issuer().jwks())?;
        let key = keys.keys.first().ok_or("the issuer publishes no key")?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[DOMAIN]);
        Ok(Self {
            key: Arc::new(DecodingKey::from_jwk(key)?),
            validation: Arc::new(validation),
        })
    }

    pub(crate) fn decode(&self, token: &[u8]) -> Option<Claims> {
        let data = jsonwebtoken::decode(token, &self.key, &self.validation);
        data.ok().map(|data| data.claims)
    }
}

/// The same for a session of a provider, by any of its algorithms.
pub(crate) struct SessionDecode {
    key: DecodingKey,
    validation: Validation,
}

/// What a service reads of it at least.
#[derive(Deserialize)]
struct Session {
    sub: String,
    org_id: String,
    scope: String,
}

impl SessionDecode {
    pub(crate) fn new(algorithm: &str, jwk: &serde_json::Value) -> Result<Self, Error> {
        let mut validation = Validation::new(algorithm.parse()?);
        validation.set_audience(&["https://api.acme.example"]);
        validation.set_issuer(&["https://id.acme.example/oauth2/default"]);
        Ok(Self {
            key: DecodingKey::from_jwk(&serde_json::from_value(jwk.clone())?)?,
            validation,
        })
    }

    pub(crate) fn accepts(&self, token: &[u8]) -> bool {
        let data = jsonwebtoken::decode::<Session>(token, &self.key, &self.validation);
        data.is_ok_and(|data| {
            let Session { sub, org_id, scope } = data.claims;
            !sub.is_empty() && !org_id.is_empty() && !scope.is_empty()
        })
    }
}

/// The layer that many services write for themselves: decode, put the claims into the extensions.
#[derive(Clone)]
pub(crate) struct DecodeLayer<S> {
    pub(crate) inner: S,
    pub(crate) decode: Decode,
}

impl<S, B, R> Service<Request<B>> for DecodeLayer<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = DecodeFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let value = request.headers().get(header::AUTHORIZATION);
        let token = value.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        match token.and_then(|token| self.decode.decode(token)) {
            Some(claims) => {
                request.extensions_mut().insert(claims);
                DecodeFuture::Inner {
                    future: self.inner.call(request),
                }
            }
            None => DecodeFuture::Refused,
        }
    }
}

pin_project! {
    #[project = DecodeProj]
    pub(crate) enum DecodeFuture<F> {
        Inner { #[pin] future: F },
        Refused,
    }
}

impl<F, R, E> Future for DecodeFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Default,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project() {
            DecodeProj::Inner { future } => ready!(future.poll(cx)),
            DecodeProj::Refused => {
                let mut response = Response::new(R::default());
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                Ok(response)
            }
        })
    }
}
