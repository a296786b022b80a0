//! The rows.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use throughline::{AcceptLayer, CarryLayer, InContext as _, TenantContext, TrustDomain};
use throughline_core::time::Timestamp;
use tower::{Layer, Service};

use crate::Error;
use crate::fixture::{Call, World, with_witness};
use crate::meter::Row;
use crate::peers::{Decode, DecodeLayer, resource_server};

/// The names of the rows that ratios are made of.
pub mod name {
    /// The service alone.
    pub const BARE: &str = "bare service";
    /// The token was seen before.
    pub const WARM: &str = "accept, warm";
    /// The same without a declared witness.
    pub const WARM_NO_WITNESS: &str = "accept, warm, no witness declared";
    /// The token was never seen.
    pub const COLD: &str = "accept, cold";
    /// The signature does not verify.
    pub const BAD_SIGNATURE: &str = "refused, cold, bad signature";
    /// No token came.
    pub const MISSING: &str = "refused, no token";
    /// The path names another tenant than a token that was seen before.
    pub const MISMATCH: &str = "refused, warm, tenant mismatch";
    /// A call with a context, to a destination inside.
    pub const CARRY: &str = "carry, inside";
    /// A call with a context, to a destination outside: nothing of ours is sent.
    pub const CARRY_OUTSIDE: &str = "carry, outside";
    /// A transaction token is minted.
    pub const MINT: &str = "mint";
    /// The library's verification, the key parsed for each.
    pub const RAW_VERIFY_UNPARSED: &str = "raw Ed25519 verify, key unparsed";
    /// The library's verification, the key parsed before.
    pub const RAW_VERIFY: &str = "raw Ed25519 verify, key parsed";
    /// The library's signature.
    pub const RAW_SIGN: &str = "raw Ed25519 sign";
    /// `jsonwebtoken` alone.
    pub const JSONWEBTOKEN: &str = "raw jsonwebtoken decode";
    /// `jsonwebtoken` in a hand-written layer.
    pub const JSONWEBTOKEN_LAYER: &str = "jsonwebtoken in a plain layer";
    /// The peer of the budget.
    pub const PEER: &str = "tower-oauth2-resource-server";
    /// One tenant in the cache.
    pub const TENANTS_1: &str = "accept, warm, 1 tenant";
    /// The token of one among a thousand tenants.
    pub const TENANTS_1_000: &str = "accept, warm, 1,000 tenants";
    /// The token of one among a hundred thousand tenants.
    pub const TENANTS_100_000: &str = "accept, warm, 100,000 tenants";
    /// All of a hundred thousand tenants in turn: what the processor's caches do not hold.
    pub const TENANTS_100_000_IN_TURN: &str = "accept, warm, 100,000 tenants in turn";
}

type Answer = Response<Empty<Bytes>>;

/// The service behind every layer.
pub(crate) fn bare()
-> impl Service<Request<()>, Response = Answer, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    fn answer(request: Request<()>) -> Ready<Result<Answer, Infallible>> {
        black_box(&request);
        ready(Ok(Response::new(Empty::new())))
    }
    tower::service_fn(answer)
}

/// Calls `service` the way a server does. Every row answers at the first poll.
pub(crate) fn status<S, B>(service: &mut S, request: Request<()>) -> Option<StatusCode>
where
    S: Service<Request<()>, Response = Response<B>>,
{
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(())) = service.poll_ready(&mut cx) else {
        return None;
    };
    match pin!(service.call(request)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => Some(black_box(response).status()),
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

fn call_row<S, B>(name: &'static str, mut service: S, call: Call, expected: StatusCode) -> Row
where
    S: Service<Request<()>, Response = Response<B>> + 'static,
{
    Row::new(
        name,
        move || call.request(),
        move |request| status(&mut service, request) == Some(expected),
    )
}

/// A row whose inner service is behind `layer`.
fn layer_row(name: &'static str, layer: &AcceptLayer, call: Call, expected: StatusCode) -> Row {
    call_row(name, layer.layer(bare()), call, expected)
}

/// Everything that is measured.
#[derive(Debug)]
pub struct Rows {
    /// The rows, in the order of the table.
    pub rows: Vec<Row>,
    /// The length of the measured token.
    pub token_len: usize,
}

impl Rows {
    /// Makes them all. `crowd` is a verifier, and the tokens of as many tenants that it has seen.
    ///
    /// # Errors
    ///
    /// A layer could not be built.
    pub fn new(world: &World, crowd: &Crowd) -> Result<Self, Error> {
        let now = crowd.domain.now();
        let token = world.token("acme", now)?;
        let mut rows = Vec::new();

        // Ours.
        let warm = world.domain(1_000)?;
        let _ = warm.verify(&token)?;
        let cold = with_witness(world.domain(0)?)?;
        let forged = forged(&token)?;
        let ok = Call::with_token("acme", &token);
        rows.push(call_row(name::BARE, bare(), ok.clone(), StatusCode::OK));
        let context = admitted(&warm, &token)?;
        for (name, layer, call, expected) in [
            (
                name::WARM,
                with_witness(warm.clone())?,
                ok.clone(),
                StatusCode::OK,
            ),
            (
                name::WARM_NO_WITNESS,
                AcceptLayer::new(warm.clone()),
                ok.clone(),
                StatusCode::OK,
            ),
            (name::COLD, cold.clone(), ok.clone(), StatusCode::OK),
            (
                name::BAD_SIGNATURE,
                cold.clone(),
                Call::with_token("acme", &forged),
                StatusCode::BAD_REQUEST,
            ),
            (
                name::MISSING,
                with_witness(warm.clone())?,
                Call::with_nothing("acme"),
                StatusCode::BAD_REQUEST,
            ),
            (
                name::MISMATCH,
                with_witness(warm)?,
                Call::with_token("globex", &token),
                StatusCode::FORBIDDEN,
            ),
        ] {
            rows.push(layer_row(name, &layer, call, expected));
        }
        rows.push(carry_row(name::CARRY, "billing.acme.internal", &context)?);
        rows.push(carry_row(
            name::CARRY_OUTSIDE,
            "elsewhere.internal",
            &context,
        )?);
        rows.push(mint_row(world, now)?);

        // The raw operations, and the peers.
        rows.extend(raw_rows(world, &token)?);
        rows.extend(peer_rows(world, &token)?);

        rows.extend(crate::edge::rows(now)?);

        // As many tenants as there are.
        let first = crowd.tokens.first().ok_or("the crowd is empty")?;
        for (name, count) in [(name::TENANTS_1, 1), (name::TENANTS_1_000, 1_000)] {
            let domain = world.domain(2 * count)?;
            for token in crowd.tokens.iter().take(count) {
                let _ = domain.verify(token)?;
            }
            rows.push(layer_row(
                name,
                &with_witness(domain)?,
                Call::with_token(&Crowd::tenant(0), first),
                StatusCode::OK,
            ));
        }
        let layer = with_witness(crowd.domain.clone())?;
        rows.push(layer_row(
            name::TENANTS_100_000,
            &layer,
            Call::with_token(&Crowd::tenant(0), first),
            StatusCode::OK,
        ));
        let mut service = layer.layer(bare());
        rows.push(Row::new(
            name::TENANTS_100_000_IN_TURN,
            crowd.in_turn(),
            move |request| status(&mut service, request) == Some(StatusCode::OK),
        ));
        Ok(Self {
            rows,
            token_len: token.len(),
        })
    }
}

/// The context that a handler gets for `token`.
fn admitted(domain: &TrustDomain, token: &Bytes) -> Result<TenantContext, Error> {
    let keep = tower::service_fn(|request: Request<()>| {
        let mut response = Answer::default();
        if let Ok(context) = TenantContext::of(request.extensions()) {
            response.extensions_mut().insert(context);
        }
        ready(Ok::<_, Infallible>(response))
    });
    let mut service = AcceptLayer::new(domain.clone()).layer(keep);
    let mut cx = Context::from_waker(Waker::noop());
    let call = pin!(service.call(Call::with_token("acme", token).request())).poll(&mut cx);
    match call {
        Poll::Ready(Ok(mut response)) => response.extensions_mut().remove::<TenantContext>(),
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
    .ok_or_else(|| "the token was not admitted".into())
}

/// A client behind `Carry`, whose calls go to `host`. The client itself answers at once.
fn carry_row(name: &'static str, host: &str, context: &TenantContext) -> Result<Row, Error> {
    let layer = CarryLayer::builder(["billing.acme.internal", "*.svc.acme.internal"]).build()?;
    let uri: http::Uri = format!("http://{host}/t/acme/invoices").parse()?;
    let context = context.clone();
    let make = move || {
        let mut request = Request::new(()).in_context(&context);
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.insert("accept", http::HeaderValue::from_static("application/json"));
        headers.insert("user-agent", http::HeaderValue::from_static("orders/1.4"));
        request
    };
    let mut service = layer.layer(bare());
    Ok(Row::new(name, make, move |request| {
        status(&mut service, request) == Some(StatusCode::OK)
    }))
}

/// One signature of `token`, changed in the middle of its payload so that it is verified in vain.
fn forged(token: &Bytes) -> Result<Vec<u8>, Error> {
    let mut forged = token.to_vec();
    let middle = forged.len() / 2;
    let byte = forged.get_mut(middle).ok_or("the token is empty")?;
    *byte = if *byte == b'A' { b'B' } else { b'A' };
    Ok(forged)
}

fn mint_row(world: &World, now: Timestamp) -> Result<Row, Error> {
    let draft = world.draft("acme", now)?;
    let issuer = world.issuer().clone();
    Ok(Row::new(
        name::MINT,
        move || draft.clone(),
        move |draft| black_box(issuer.mint(draft)).is_ok(),
    ))
}

/// What the library does at the least, for a token of the same length.
fn raw_rows(world: &World, token: &Bytes) -> Result<Vec<Row>, Error> {
    let dot = token.iter().rposition(|byte| *byte == b'.');
    let dot = dot.ok_or("the token has no signature")?;
    let message = token.slice(..dot);
    let pair = Ed25519KeyPair::from_pkcs8(world.pkcs8())?;
    let public = pair.public_key().as_ref().to_vec();
    let signature = pair.sign(&message);
    let unparsed = UnparsedPublicKey::new(&ED25519, public);
    let parsed = unparsed.parse()?;

    let (text, proof) = (message.clone(), signature);
    let verify_unparsed = move |()| unparsed.verify(black_box(&text), proof.as_ref()).is_ok();
    let text = message.clone();
    let verify = move |()| {
        parsed
            .verify_sig(black_box(&text), signature.as_ref())
            .is_ok()
    };
    let sign = move |()| {
        black_box(pair.sign(black_box(&message)));
        true
    };
    Ok(vec![
        Row::new(name::RAW_VERIFY_UNPARSED, || (), verify_unparsed),
        Row::new(name::RAW_VERIFY, || (), verify),
        Row::new(name::RAW_SIGN, || (), sign),
    ])
}

fn peer_rows(world: &World, token: &Bytes) -> Result<Vec<Row>, Error> {
    let bearer = Call::with_bearer("acme", token);
    let decode = Decode::new(world)?;
    let (plain, text) = (decode.clone(), token.clone());
    let plain = Row::new(
        name::JSONWEBTOKEN,
        || (),
        move |()| {
            plain.decode(black_box(&text)).is_some_and(|claims| {
                !black_box(&claims).sub.is_empty() && claims.tctx.tenant == "acme"
            })
        },
    );
    let layer = DecodeLayer {
        inner: bare(),
        decode,
    };
    let layer = call_row(
        name::JSONWEBTOKEN_LAYER,
        layer,
        bearer.clone(),
        StatusCode::OK,
    );
    let peer = resource_server(world)?.layer(bare());
    let peer = call_row(name::PEER, peer, bearer, StatusCode::OK);
    Ok(vec![plain, layer, peer])
}

/// Many tenants, each with a token that one verifier has seen.
#[derive(Debug)]
pub struct Crowd {
    domain: TrustDomain,
    tokens: Vec<Bytes>,
}

impl Crowd {
    /// How many the rows are named for.
    pub const SIZE: usize = 100_000;

    /// Mints the tokens of `size` tenants. The verifier has seen none yet.
    ///
    /// # Errors
    ///
    /// A token could not be minted.
    pub fn new(world: &World, size: usize) -> Result<Self, Error> {
        // The cache shares its room out among its parts, and tokens do not fall into them evenly.
        let domain = world.domain(2 * size)?;
        let now = domain.now();
        let token = |number| world.token(&Self::tenant(number), now);
        let tokens = (0..size).map(token).collect::<Result<_, _>>()?;
        Ok(Self { domain, tokens })
    }

    /// Has the verifier see them all.
    ///
    /// # Errors
    ///
    /// It refuses one, or does not keep all.
    pub fn arrive(&self) -> Result<(), Error> {
        for token in &self.tokens {
            let _ = self.domain.verify(token)?;
        }
        match self.domain.cache_metrics().entries {
            entries if entries == self.len() as u64 => Ok(()),
            entries => Err(format!("the cache holds {entries} of {}", self.len()).into()),
        }
    }

    /// Their number.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    fn tenant(number: usize) -> String {
        format!("org_{number:06}")
    }

    /// Requests of all of them, in an order that no cache of a processor foresees.
    fn in_turn(&self) -> impl FnMut() -> Request<()> + 'static {
        // Coprime to the number of tenants, so all come before one comes again.
        const STRIDE: usize = 38_669;
        let tokens = self.tokens.clone();
        let mut number = 0;
        move || {
            number = (number + STRIDE) % tokens.len();
            let token = tokens.get(number).map(Bytes::as_ref).unwrap_or_default();
            Call::with_token(&Self::tenant(number), token).request()
        }
    }
}
