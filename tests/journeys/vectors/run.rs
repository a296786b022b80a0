//! Runs the vectors through the real layers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use throughline::{AcceptLayer, TenantContext, TrustDomain};
use throughline_core::freshness::{Freshness, Mark, Marks, Target};
use throughline_core::projection::{Member, Projection};
use throughline_core::time::Timestamp;
use throughline_core::{Principal, Tenant};
use throughline_jose::{AdmissionPolicy, KeySet, KeySource};
use throughline_testing::vectors::{self, Place, Revoked, Service, Vector, Vectors, Verdict};
use tower::{Layer as _, ServiceExt as _, service_fn};

#[tokio::test]
async fn every_vector_gets_its_verdict() {
    let vectors = Vectors::hop().unwrap();
    assert!(vectors.vectors.len() > 1_200, "the file was cut");
    let mut wrong = Vec::new();
    for vector in &vectors.vectors {
        let service = &vectors.services[&vector.service];
        let verdict = run(service, &vectors.jwks, vector).await;
        if verdict != vector.verdict {
            wrong.push(format!(
                "{}: {verdict:?}, expected {:?}",
                vector.name, vector.verdict
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

async fn run(service: &Service, jwks: &serde_json::Value, vector: &Vector) -> Verdict {
    let layer = layer(service, jwks, vector.now);
    let inner = service_fn(|request: Request<Full<Bytes>>| async move {
        let own = request
            .headers()
            .keys()
            .any(|name| name.as_str().contains("txn"));
        assert!(!own, "an owned field reached the handler");
        let mut response = Response::new(Full::<Bytes>::default());
        if let Ok(cx) = TenantContext::of(request.extensions()) {
            response.extensions_mut().insert(Accepted::with(&cx));
        } else if let Ok(admitted) = throughline::admitted(request.extensions()) {
            response.extensions_mut().insert(Accepted::with(admitted));
        }
        Ok::<_, Infallible>(response)
    });
    let mut request = Request::get(&vector.target).body(Full::default()).unwrap();
    for (name, value) in &vector.fields {
        let value = match value.strip_prefix("hex:") {
            Some(digits) => hex(digits),
            None => value.clone().into_bytes(),
        };
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request
            .headers_mut()
            .append(name, HeaderValue::from_bytes(&value).unwrap());
    }
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    let (mut parts, body) = response.into_parts();
    if parts.status.is_success() {
        return parts
            .extensions
            .remove::<Accepted>()
            .map_or(Verdict::Anonymous, Accepted::into_verdict);
    }
    let body = body.collect().await.unwrap().to_bytes();
    let problem: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["status"], parts.status.as_u16());
    Verdict::Refused {
        reason: problem["reason"].as_str().unwrap().into(),
        place: problem
            .get("place")
            .map(|place| place.as_str().unwrap().into()),
        status: parts.status.as_u16(),
    }
}

/// What the handler saw, handed back through the response's extensions.
#[derive(Clone)]
struct Accepted(Arc<Verdict>);

impl Accepted {
    fn with(context: &throughline::Context) -> Self {
        Self(Arc::new(Verdict::Accepted {
            tenant: context.tenant().map(ToString::to_string),
            principal: context.principal().to_string(),
            transaction: context.transaction().into(),
            kind: context.kind().as_str().into(),
        }))
    }

    fn into_verdict(self) -> Verdict {
        Arc::into_inner(self.0).expect("nobody else holds it")
    }
}

fn layer(service: &Service, jwks: &serde_json::Value, now: u64) -> AcceptLayer {
    let keys = KeySet::parse(jwks.to_string().as_bytes(), &AdmissionPolicy::new()).unwrap();
    let seconds = Duration::from_secs;
    let domain = TrustDomain::new(&service.trust_domain)
        .unwrap()
        .with_keys(KeySource::set(keys))
        .with_freshness(freshness(service))
        .with_clock(move || Timestamp::from_unix(now))
        .with_policy(|policy| {
            let policy = policy
                .with_skew(seconds(service.skew_seconds))
                .with_max_lifetime(seconds(service.max_lifetime_seconds))
                .with_max_chain_age(seconds(service.max_chain_age_seconds));
            match &service.issuer {
                Some(issuer) => policy.with_issuer(issuer),
                None => policy,
            }
        });
    let mut builder = AcceptLayer::builder(domain)
        .with_max_bytes(service.max_bytes)
        .with_observe(());
    for witness in &service.witnesses {
        let own = match &witness.place {
            Place::Baggage(key) => throughline::Witness::baggage(key).unwrap(),
            Place::Header(name) => throughline::Witness::header(name).unwrap(),
            Place::Path {
                parameter,
                template,
            } => throughline::Witness::path_in(parameter, [template.as_str()]).unwrap(),
            Place::Query(name) => throughline::Witness::query(name),
            Place::SubdomainOf(domain) => throughline::Witness::subdomain_of(domain).unwrap(),
        };
        let own = if witness.optional {
            own.optional()
        } else {
            own
        };
        let aliases = witness.aliases.clone();
        builder = builder.add_witness(match aliases.is_empty() {
            true => own,
            false => own.with_alias(move |name: &str| Tenant::new(aliases.get(name)?).ok()),
        });
    }
    for copy in &service.relies_on {
        let key = copy
            .strip_prefix("tenant@baggage:")
            .expect("a kind of copy this runner knows");
        builder = builder.relies_on(Projection::baggage(Member::Tenant, key).unwrap());
    }
    for path in &service.exempt {
        builder = builder.exempt(path);
    }
    builder.build().unwrap()
}

fn freshness(service: &Service) -> Freshness {
    let (budget, complete_to, suspended, revoked) = match &service.freshness {
        vectors::Freshness::LifetimeOnlySeconds(seconds) => {
            return Freshness::lifetime_only(Duration::from_secs(*seconds));
        }
        vectors::Freshness::Feed {
            budget_seconds,
            complete_to,
            suspended,
            revoked,
        } => (*budget_seconds, complete_to, suspended, revoked),
    };
    let tenant = |name: &str| Tenant::new(name).unwrap();
    let mut marks = Marks::new(Duration::from_secs(budget));
    for (name, to) in complete_to {
        marks.confirm(&tenant(name), Timestamp::from_unix(*to));
    }
    for name in suspended {
        marks.set_suspended(&tenant(name), true);
    }
    for revoked in revoked {
        let (target, at) = match revoked {
            Revoked::Principal { composed, at } => (
                Target::Principal(Principal::from_composed(composed).unwrap()),
                at,
            ),
            Revoked::Session {
                tenant: name,
                session,
                at,
            } => (
                Target::Session {
                    tenant: tenant(name),
                    session: session.as_str().into(),
                },
                at,
            ),
            Revoked::Tenant { tenant: name, at } => (Target::Tenant(tenant(name)), at),
        };
        marks.apply(Mark::not_before(target, Timestamp::from_unix(*at)));
    }
    Freshness::feed(move |cx: &throughline::Context, now| marks.check(cx, now))
}

pub(super) fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}
