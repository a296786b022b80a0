//! The frozen order: every reason a hop can give, and which of two comes first.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::caller::Caller;
use crate::carrier::OwnedFields;
use crate::context::Vouched;
use crate::fixture::{AS_OF, IAT, ISSUER, NOW, claims, cut, policy, put, verified, with, without};
use crate::freshness::{Mark, Marks, Target};
use crate::principal::{ActorKind, Kind};
use crate::projection::Member;
use crate::tenant::Tenant;
use crate::witness::About;

/// One call as it comes in, and what the hop around it knows and demands.
#[derive(Clone)]
struct Call {
    fields: Vec<(&'static str, Vec<u8>)>,
    /// Form, type, key and algorithm of the token; then its signature.
    head: [&'static str; 4],
    signature: Option<&'static str>,
    claims: Value,
    /// A payload in the place of the claims.
    payload: Option<&'static str>,
    freshness: Vec<fn(&mut Marks)>,
    seen: [Sighting<'static>; 8],
    copies: [Sighting<'static>; 2],
    demands: Vec<fn(Requirement) -> Requirement>,
    caller: Option<Caller>,
}

fn value(text: &'static str) -> Sighting<'static> {
    Sighting::Value(text.into())
}

fn rules() -> [WitnessRule; 8] {
    [
        WitnessRule::tenant(Place::new("path segment", "tenant")),
        WitnessRule::tenant(Place::new("host", "host")),
        WitnessRule::tenant(Place::header("x-tenant")),
        WitnessRule::tenant(Place::new("query parameter", "tenant")),
        WitnessRule::tenant(Place::new("body field", "tenant_id")),
        WitnessRule::tenant(Place::new("baggage member", "tenant.id")),
        WitnessRule::new(About::Subject, Place::header("x-user")),
        WitnessRule::new(About::Actor, Place::header("x-agent")),
    ]
}

fn projections() -> [Projection; 2] {
    [
        Projection::header(Member::Tenant, "x-tenant").unwrap(),
        Projection::baggage(Member::Principal, "principal.id").unwrap(),
    ]
}

/// A call of `acme` on routes of `acme`: it passes every step.
fn honest() -> Call {
    Call {
        fields: vec![
            ("host", b"api.example".to_vec()),
            ("connection", b"te".to_vec()),
        ],
        head: ["token", "txntoken+jwt", "k1", "EdDSA"],
        signature: Some("good"),
        claims: claims(),
        payload: None,
        freshness: Vec::new(),
        seen: [
            value("acme"),
            value("acme"),
            value("acme"),
            value("acme"),
            value("acme"),
            value("acme"),
            value("ada"),
            value("bot"),
        ],
        copies: [value("acme"), value("okta/acme/ada")],
        demands: Vec::new(),
        caller: Some(Caller::authenticated("spiffe://prod.example/orders")),
    }
}

fn requirement() -> Requirement {
    Requirement::new()
        .add_caller("spiffe://prod.example/web")
        .add_caller("spiffe://prod.example/orders")
        .add_kind(Kind::User)
        .add_kind(Kind::DelegatedAgent)
        .with_actor(ActorKind::Agent)
        .add_scope("orders.read orders.refunds.create")
        .unwrap()
        .with_task()
        .with_purpose("audit")
        .add_data("order", "read")
        .authenticated_within(Duration::from_secs(3600))
        .add_class("urn:strong")
}

fn marks() -> Marks {
    let mut marks = Marks::new(Duration::from_secs(60));
    marks.confirm(&acme(), NOW);
    marks.confirm(&Tenant::new("globex").unwrap(), NOW);
    marks
}

fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

/// Steps 3 and 4 of a token that is its own key: `form~typ~kid~alg~payload in hex~signature`.
fn vouch(token: &[u8]) -> Result<(Vec<u8>, Vouched), Refusal> {
    let text = str::from_utf8(token).unwrap();
    let parts: Vec<_> = text.split('~').collect();
    let ["token", typ, kid, alg, payload, signature] = parts[..] else {
        return Err(Reason::ContextMalformed.into());
    };
    let refused = match (typ, kid, alg, signature) {
        ("txntoken+jwt", "k1", "EdDSA", "good") => None,
        ("txntoken+jwt", "k1", "EdDSA", cut) if cut.len() < 4 => Some(Reason::ContextTruncated),
        ("txntoken+jwt", "k1", "EdDSA", _) => Some(Reason::SignatureInvalid),
        ("txntoken+jwt", "k1", _, _) => Some(Reason::AlgorithmRefused),
        ("txntoken+jwt", _, _, _) => Some(Reason::KeyUnknown),
        _ => Some(Reason::TypeRefused),
    };
    if let Some(reason) = refused {
        return Err(reason.into());
    }
    let payload = payload
        .as_bytes()
        .chunks(2)
        .map(|digits| u8::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap())
        .collect();
    Ok((payload, crate::fixture::vouched()))
}

/// All steps, in the order in which a service performs them.
fn arrive(call: &Call) -> Result<Admitted, Refusal> {
    let mut fields = call.fields.clone();
    if let Some(signature) = call.signature {
        let payload = call.payload.map_or(call.claims.to_string(), str::to_owned);
        let payload: String = payload.bytes().map(|b| format!("{b:02x}")).collect();
        let [form, typ, kid, alg] = call.head;
        let mut token = format!("{form}~{typ}~{kid}~{alg}~{payload}~{signature}").into_bytes();
        // Stands for a byte that no token has.
        token
            .iter_mut()
            .filter(|b| **b == b'?')
            .for_each(|b| *b = 0xe9);
        fields.push(("txn-token", token));
    }
    let owned = OwnedFields::token_only().add_field("x-legacy");
    let values = owned.read(&fields)?;
    let token = present(values.token())?;
    let genuine = authenticate(token, &vouch, &policy(), NOW)?;
    let mut marks = marks();
    call.freshness.iter().for_each(|change| change(&mut marks));
    let freshness = Freshness::feed(move |context: &crate::Context, now| marks.check(context, now));
    let verified = verify(genuine, &policy(), &freshness, NOW)?;
    let (rules, copies) = (rules(), projections());
    let agreed = agree(&verified, rules.iter().zip(call.seen.clone()))?;
    let admitted = complete(agreed, copies.iter().zip(call.copies.clone()))?;
    let requirement = call
        .demands
        .iter()
        .fold(requirement(), |all, demand| demand(all));
    requirement.check(&admitted, call.caller.as_ref(), NOW)?;
    Ok(admitted)
}

struct Case {
    /// What is broken, in words.
    what: &'static str,
    /// Which parts of the call it changes: two cases of one part cannot be put together.
    parts: &'static str,
    reason: Reason,
    place: Option<&'static str>,
    break_it: fn(&mut Call),
}

macro_rules! cases {
    ($( $what:literal, $parts:literal: $reason:ident $(at $place:literal)?, |$call:ident| $break_it:expr; )*) => {
        vec![ $( Case {
            what: $what,
            parts: $parts,
            reason: Reason::$reason,
            place: cases!(@place $($place)?),
            break_it: |$call: &mut Call| { $break_it; },
        }, )* ]
    };
    (@place $place:literal) => { Some($place) };
    (@place) => { None };
}

fn claim(call: &mut Call, pointer: &str, value: Value) {
    put(&mut call.claims, pointer, value);
}

/// The contract: every reason of steps 1 to 8 and 10, in the order in which they are found.
fn in_order() -> Vec<Case> {
    cases! {
        // 1 read totally
        "a field over the cap", "legacy": ContextOversized,
            |call| call.fields.push(("x-legacy", vec![b'x'; 9000]));
        "a look-alike", "twin": ContextAmbiguous at "txn_token",
            |call| call.fields.push(("txn_token", b"x".to_vec()));
        "a connection field that names ours", "connection": ContextStripped,
            |call| call.fields.push(("connection", b"Txn-Token".to_vec()));
        // 2 present?
        "no token", "signature": ContextMissing, |call| call.signature = None;
        "a byte no token has", "signature": ContextMalformed at "txn-token",
            |call| call.signature = Some("good?");
        // 3 well-formed
        "a form that is none", "form": ContextMalformed, |call| call.head[0] = "t";
        "another type of token", "typ": TypeRefused, |call| call.head[1] = "at+jwt";
        // 4 genuine
        "a key nobody knows", "kid": KeyUnknown, |call| call.head[2] = "k2";
        "an algorithm that is not the key's", "alg": AlgorithmRefused, |call| call.head[3] = "none";
        "a signature that was cut", "signature": ContextTruncated,
            |call| call.signature = Some("goo");
        "a signature that is wrong", "signature": SignatureInvalid,
            |call| call.signature = Some("evil");
        // 5 for us, now
        "a payload that is no json", "payload": ClaimInvalid, |call| call.payload = Some("{");
        "a claim of another type", "tctx": ClaimInvalid, |call| claim(call, "/tctx/idp", json!([]));
        "an issuer that is not the key's", "iss": IssuerUntrusted at "iss",
            |call| claim(call, "/iss", json!("https://other.example"));
        "no issuer", "iss": ClaimMissing at "iss", |call| cut(&mut call.claims, "/iss");
        "no audience", "aud": ClaimMissing at "aud", |call| cut(&mut call.claims, "/aud");
        "another audience", "aud": AudienceMismatch at "aud",
            |call| claim(call, "/aud", json!("staging.example"));
        "no request context", "rctx": ClaimMissing at "rctx",
            |call| cut(&mut call.claims, "/rctx");
        "no issue date", "iat": ClaimMissing at "iat", |call| cut(&mut call.claims, "/iat");
        "milliseconds", "nbf": ClaimInvalid at "nbf",
            |call| claim(call, "/nbf", json!(IAT * 1000));
        "no end", "exp": ClaimMissing at "exp", |call| cut(&mut call.claims, "/exp");
        "no time at which it was true", "rctx": ClaimMissing at "rctx.as_of",
            |call| cut(&mut call.claims, "/rctx/as_of");
        "issued in the future", "iat": ContextNotYetValid at "iat",
            |call| claim(call, "/iat", json!(NOW.as_unix() + 31));
        "valid in the future", "nbf": ContextNotYetValid at "nbf",
            |call| claim(call, "/nbf", json!(NOW.as_unix() + 31));
        "past its end", "exp": ContextExpired at "exp",
            |call| claim(call, "/exp", json!(NOW.as_unix() - 30));
        "an end before its beginning", "exp": ClaimInvalid at "exp",
            |call| claim(call, "/exp", json!(IAT));
        "an end too far away", "exp": LifetimeExcessive at "exp",
            |call| claim(call, "/exp", json!(IAT + 901));
        "a truth younger than the token", "rctx": ClaimInvalid at "rctx.as_of",
            |call| claim(call, "/rctx/as_of", json!(IAT + 1));
        "a chain too old", "rctx": LifetimeExcessive at "rctx.as_of",
            |call| claim(call, "/rctx/as_of", json!(NOW.as_unix() - 24 * 3600 - 31));
        "no transaction", "txn": ClaimMissing at "txn", |call| cut(&mut call.claims, "/txn");
        "no composed subject", "sub": ClaimMissing at "sub",
            |call| cut(&mut call.claims, "/sub");
        "no scope", "scope": ClaimMissing at "scope", |call| cut(&mut call.claims, "/scope");
        "no requesting workload", "req_wl": ClaimMissing at "req_wl",
            |call| cut(&mut call.claims, "/req_wl");
        "no context of the transaction", "tctx": ClaimMissing at "tctx",
            |call| cut(&mut call.claims, "/tctx");
        "no kind", "tctx": ClaimMissing at "tctx.kind",
            |call| cut(&mut call.claims, "/tctx/kind");
        "a kind nobody knows", "tctx": ClaimInvalid at "tctx.kind",
            |call| claim(call, "/tctx/kind", json!("root"));
        "no identity provider", "tctx": ClaimMissing at "tctx.idp",
            |call| cut(&mut call.claims, "/tctx/idp");
        "no subject", "tctx": ClaimMissing at "tctx.sub",
            |call| cut(&mut call.claims, "/tctx/sub");
        "no tenant", "tctx": ClaimMissing at "tctx.tenant",
            |call| cut(&mut call.claims, "/tctx/tenant");
        "a tenant that is none", "tctx": TenantInvalid at "tctx.tenant",
            |call| claim(call, "/tctx/tenant", json!(""));
        "a provider that is none", "tctx": ClaimInvalid at "tctx",
            |call| claim(call, "/tctx/idp", json!("a/b"));
        "parts that disagree with the whole", "tctx": ClaimInvalid at "sub",
            |call| claim(call, "/tctx/tenant", json!("globex"));
        "a transaction that is none", "txn": ClaimInvalid at "txn",
            |call| claim(call, "/txn", json!("a b"));
        "a workload that is none", "req_wl": ClaimInvalid at "req_wl",
            |call| claim(call, "/req_wl", json!(""));
        "an actor without a name", "act": ClaimMissing at "act.sub",
            |call| cut(&mut call.claims, "/act/sub");
        "an actor that is nobody", "act": ClaimInvalid at "act.sub",
            |call| claim(call, "/act/sub", json!("bot"));
        "an actor of a kind nobody knows", "act": ClaimInvalid at "act.kind",
            |call| claim(call, "/act/kind", json!("robot"));
        "a chain that is too long", "act": DepthExceeded at "act", |call| {
            let chain = (0..9).fold(None, |behind: Option<Value>, n| {
                let act = json!({"sub": format!("agents/acme/a{n}"), "kind": "agent"});
                Some(match behind {
                    Some(behind) => with(act, "/act", behind),
                    None => act,
                })
            });
            claim(call, "/act", chain.unwrap())
        };
        "a chain that is a circle", "act": LoopDetected at "act",
            |call| claim(call, "/act/act/sub", json!("agents/acme/bot"));
        "a delegated agent without an agent", "act": ClaimMissing at "act",
            |call| cut(&mut call.claims, "/act");
        "a delegated agent that is a service", "act": ClaimMissing at "act",
            |call| claim(call, "/act/kind", json!("service"));
        "an authentication in the future", "rctx": ClaimInvalid at "rctx.auth_time",
            |call| claim(call, "/rctx/auth_time", json!(NOW.as_unix() + 40));
        "a scope that is none", "scope": ClaimInvalid at "scope",
            |call| claim(call, "/scope", json!("*"));
        "a task without an id", "tctx": ClaimInvalid at "tctx.task",
            |call| cut(&mut call.claims, "/tctx/task/id");
        "a data scope without a type", "tctx": ClaimInvalid at "tctx.data",
            |call| cut(&mut call.claims, "/tctx/data/0/type");
        "an attribute nobody asserted", "tctx": ClaimMissing at "tctx.attr",
            |call| cut(&mut call.claims, "/tctx/attr/plan/source");
        "a projection nobody knows", "tctx": ClaimInvalid at "tctx.proj",
            |call| claim(call, "/tctx/proj", json!(["mail@header:x-mail"]));
        "a deadline that has passed", "tctx": ContextExpired at "tctx.task.deadline",
            |call| claim(call, "/tctx/task/deadline", json!(NOW.as_unix()));
        // 6 still true
        "a suspended tenant", "suspension": TenantSuspended,
            |call| call.freshness.push(|marks| marks.set_suspended(&acme(), true));
        "a feed with a gap", "feed": FreshnessUnknown,
            |call| call.freshness.push(|marks| marks.lose(&acme()));
        "a revocation", "marks": Revoked, |call| call.freshness.push(|marks| {
            marks.apply(Mark::not_before(Target::Tenant(acme()), Timestamp::from_unix(AS_OF)));
        });
        // 7 agreed
        "another tenant in the path", "path": TenantMismatch at "tenant",
            |call| call.seen[0] = value("globex");
        "a host that is absent", "host": WitnessMissing at "host",
            |call| call.seen[1] = Sighting::Absent;
        "another tenant in a header", "header": TenantMismatch at "x-tenant",
            |call| call.seen[2] = value("globex");
        "two values in the query", "query": ContextAmbiguous at "tenant",
            |call| call.seen[3] = Sighting::Ambiguous;
        "a body over its cap", "body": ContextOversized at "tenant_id",
            |call| call.seen[4] = Sighting::Oversized;
        "baggage that is no text", "baggage": ContextMalformed at "tenant.id",
            |call| call.seen[5] = Sighting::Undecodable;
        "another subject in a header", "user": SubjectMismatch at "x-user",
            |call| call.seen[6] = value("eve");
        "another actor in a header", "agent": ActorMismatch at "x-agent",
            |call| call.seen[7] = value("broker");
        // 8 complete
        "a copy that was dropped", "copy of the tenant": ProjectionTruncated at "x-tenant",
            |call| call.copies[0] = Sighting::Absent;
        "a copy that was changed", "copy of the principal": ProjectionMismatch at "principal.id",
            |call| call.copies[1] = value("okta/acme/eve");
        // 10 enough
        "a caller that may not", "caller": CallerRefused,
            |call| call.caller = Some(Caller::authenticated("spiffe://prod.example/orders/x"));
        "no caller", "caller": CallerRefused, |call| call.caller = None;
        "a kind the route does not serve", "tctx act": ActorMismatch at "tctx.kind",
            |call| claim(call, "/tctx/kind", json!("autonomous_agent"));
        "a route for nobody's agent", "demanded actor": ActorMismatch at "act.kind",
            |call| call.demands.push(Requirement::without_actor);
        "a scope that does not reach", "demanded scope": ScopeInsufficient,
            |call| call.demands.push(|all| all.add_scope("orders.write").unwrap());
        "work of no task", "tctx": TaskMismatch, |call| cut(&mut call.claims, "/tctx/task");
        "work of another purpose", "demanded purpose": TaskMismatch,
            |call| call.demands.push(|all| all.with_purpose("sales"));
        "data of another type", "demanded data": DataScopeExceeded,
            |call| call.demands.push(|all| all.add_data("invoice", "read"));
        "another action on data", "demanded action": DataScopeExceeded,
            |call| call.demands.push(|all| all.add_data("order", "delete"));
        "a constraint nobody knows", "tctx": DataScopeExceeded,
            |call| claim(call, "/tctx/data/0/select/city", json!({"regex": "."}));
        "an authentication too long ago", "demanded age": AuthenticationStale,
            |call| call.demands.push(|all| all.authenticated_within(Duration::from_secs(59)));
        "an authentication nobody dated", "rctx": AuthenticationStale,
            |call| cut(&mut call.claims, "/rctx/auth_time");
        "an authentication too weak", "rctx": AuthenticationStale at "rctx.acr",
            |call| claim(call, "/rctx/acr", json!("urn:weak"));
        "an authentication of no class", "rctx": AuthenticationStale at "rctx.acr",
            |call| cut(&mut call.claims, "/rctx/acr");
    }
}

fn found(call: &Call) -> Result<(), (Reason, Option<String>)> {
    arrive(call).map(|_| ()).map_err(|refusal| {
        let place = refusal.place().map(|place| place.name().to_owned());
        (refusal.reason(), place)
    })
}

impl Case {
    fn expected(&self) -> Result<(), (Reason, Option<String>)> {
        Err((self.reason, self.place.map(str::to_owned)))
    }
}

// failure: H1
// failure: T1
// failure: X8
// failure: X13
#[test]
fn each_thing_that_is_wrong_is_refused_by_its_name_and_the_same_call_without_it_passes() {
    assert_eq!(arrive(&honest()).unwrap().tenant(), Some(&acme()));
    for case in in_order() {
        let mut call = honest();
        (case.break_it)(&mut call);
        assert_eq!(found(&call), case.expected(), "{}", case.what);
    }
}

#[test]
fn every_reason_of_a_hop_has_a_case() {
    // What these stand for is found by `check_descends_from`, and by crates above this one.
    let elsewhere = [
        Reason::ScopeWidened,
        Reason::DataScopeWidened,
        Reason::ParentMismatch,
        Reason::BodyOversized,
        Reason::BodyTimeout,
        Reason::PayloadMismatch,
        Reason::DestinationMismatch,
        Reason::RecordExpired,
        Reason::Replayed,
        Reason::DecisionDenied,
        Reason::DecisionUnavailable,
        Reason::KeysUnavailable,
        Reason::ExchangeUnavailable,
    ];
    for reason in Reason::ALL {
        let here = in_order().iter().any(|case| case.reason == *reason);
        assert_ne!(here, elsewhere.contains(reason), "{reason}");
    }
}

#[test]
fn of_two_things_that_are_wrong_the_earlier_one_is_named() {
    let cases = in_order();
    let mut pairs = 0;
    for (n, first) in cases.iter().enumerate() {
        for second in cases.iter().skip(n + 1) {
            if second
                .parts
                .split(' ')
                .any(|part| first.parts.split(' ').any(|own| own == part))
            {
                continue;
            }
            let mut call = honest();
            (second.break_it)(&mut call);
            (first.break_it)(&mut call);
            let what = format!("{}, and {}", first.what, second.what);
            assert_eq!(found(&call), first.expected(), "{what}");
            pairs += 1;
        }
    }
    assert!(pairs > 3000, "{pairs}");
}

#[test]
fn nothing_is_read_of_a_payload_that_nobody_signed() {
    let seam = |_: &[u8]| Err(Refusal::new(Reason::SignatureInvalid));
    for payload in ["", "{", "{\"aud\":1}"] {
        let refused = authenticate(payload.as_bytes(), &seam, &policy(), NOW).unwrap_err();
        assert_eq!(refused.reason(), Reason::SignatureInvalid);
    }
}

#[test]
fn skew_is_forgiven_up_to_its_bound_and_not_beyond() {
    let at = |pointer: &str, second: u64| {
        let mut call = honest();
        claim(&mut call, pointer, json!(second));
        arrive(&call)
            .map(|_| ())
            .map_err(|refusal| refusal.reason())
    };
    let now = NOW.as_unix();
    assert_eq!(at("/iat", now + 30), Ok(()));
    assert_eq!(at("/iat", now + 31), Err(Reason::ContextNotYetValid));
    assert_eq!(at("/nbf", now + 30), Ok(()));
    assert_eq!(at("/nbf", now + 31), Err(Reason::ContextNotYetValid));
    assert_eq!(at("/exp", IAT + 900), Ok(()));
    assert_eq!(at("/exp", IAT + 901), Err(Reason::LifetimeExcessive));
    assert_eq!(at("/rctx/as_of", now - 86_430), Ok(()));
    assert_eq!(
        at("/rctx/as_of", now - 86_431),
        Err(Reason::LifetimeExcessive)
    );
    // The deadline of a task is not forgiven.
    assert_eq!(at("/tctx/task/deadline", now + 1), Ok(()));
    assert_eq!(at("/tctx/task/deadline", now), Err(Reason::ContextExpired));
    let mut old = honest();
    for (pointer, second) in [
        ("/iat", now - 90),
        ("/nbf", now - 90),
        ("/rctx/auth_time", now - 91),
    ] {
        claim(&mut old, pointer, json!(second));
    }
    claim(&mut old, "/exp", json!(now - 29));
    assert!(arrive(&old).is_ok());
    claim(&mut old, "/exp", json!(now - 30));
    assert_eq!(arrive(&old).unwrap_err().reason(), Reason::ContextExpired);
    let widest = policy().with_skew(Duration::from_secs(86_400));
    let payload = with(claims(), "/exp", json!(now - 301)).to_string();
    let read = read_claims(
        payload.as_bytes(),
        &widest,
        &crate::context::Issuers::any(),
        NOW,
    )
    .unwrap_err();
    assert_eq!(read.reason(), Reason::ContextExpired);
}

#[test]
fn a_context_that_was_genuine_is_asked_again_each_time() {
    let seam = |token: &[u8]| Ok((token.to_vec(), crate::fixture::vouched()));
    let token = claims().to_string();
    let genuine = authenticate(token.as_bytes(), &seam, &policy(), NOW).unwrap();
    let fresh = Freshness::lifetime_only(Duration::from_secs(86_400));
    let again = |policy: &TokenPolicy, freshness: &Freshness, now| {
        verify(Arc::clone(&genuine), policy, freshness, now)
            .map(|_| ())
            .map_err(|refusal| refusal.reason())
    };
    let audience = |name: &str| crate::TrustDomainName::new(name).unwrap();
    let second = Duration::from_secs(1);
    let shut = Freshness::feed(|_: &crate::Context, _| Err(Reason::Revoked.into()));
    let at = |second| Timestamp::from_unix(second);

    assert_eq!(again(&policy(), &fresh, NOW), Ok(()));
    assert_eq!(again(&policy(), &fresh, at(IAT + 199)), Ok(()));
    for (policy, freshness, now, reason) in [
        (policy(), &fresh, at(IAT + 200), Reason::ContextExpired),
        (policy(), &fresh, at(IAT + 330), Reason::ContextExpired),
        (policy(), &fresh, at(IAT - 31), Reason::ContextNotYetValid),
        (policy(), &shut, NOW, Reason::Revoked),
        (
            policy().with_max_lifetime(second),
            &fresh,
            NOW,
            Reason::LifetimeExcessive,
        ),
        (
            policy().with_max_chain_age(second),
            &fresh,
            NOW,
            Reason::LifetimeExcessive,
        ),
        (
            policy().with_issuer("https://other.example"),
            &fresh,
            NOW,
            Reason::IssuerUntrusted,
        ),
        (
            TokenPolicy::new(audience("staging.example")),
            &fresh,
            NOW,
            Reason::AudienceMismatch,
        ),
    ] {
        assert_eq!(again(&policy, freshness, now), Err(reason));
    }
    assert_eq!(again(&policy().with_issuer(ISSUER), &fresh, NOW), Ok(()));
}

#[test]
fn a_requirement_tells_what_a_client_could_do_about_a_refusal() {
    let demanded = requirement();
    assert_eq!(
        demanded.scope().as_str(),
        "orders.read orders.refunds.create"
    );
    assert_eq!(demanded.max_age(), Some(Duration::from_secs(3600)));
    assert_eq!(demanded.classes().collect::<Vec<_>>(), ["urn:strong"]);
    assert!(Requirement::new().scope().is_empty());
    assert_eq!(Requirement::new().max_age(), None);
}

#[test]
fn work_that_outlives_its_request_is_still_true_until_revoked_or_over() {
    let admitted = arrive(&honest()).unwrap();
    let fresh = Freshness::lifetime_only(Duration::from_secs(86_400));
    let shut = Freshness::feed(|_: &crate::Context, _| Err(Reason::Revoked.into()));
    let still = |freshness, second| {
        let now = Timestamp::from_unix(second);
        still_true(&admitted, freshness, now).map_err(|refusal| refusal.reason())
    };
    // The token may be over; the task may not.
    assert_eq!(still(&fresh, IAT + 199), Ok(()));
    assert_eq!(still(&fresh, IAT + 200), Err(Reason::ContextExpired));
    assert_eq!(still(&shut, IAT + 199), Err(Reason::Revoked));
}

#[test]
fn a_copy_the_token_does_not_promise_is_not_relied_on() {
    let verified = verified(&claims());
    let reason = |copy: &Projection, seen| {
        let agreed = agree(&verified, []).unwrap();
        complete(agreed, [(copy, seen)])
            .map(drop)
            .map_err(|refusal| refusal.reason())
    };
    let [tenant, _] = projections();
    assert_eq!(reason(&tenant, value("acme")), Ok(()));
    for (seen, expected) in [
        (value("globex"), Reason::ProjectionMismatch),
        (value("acm"), Reason::ProjectionMismatch),
        (Sighting::Absent, Reason::ProjectionTruncated),
        (Sighting::Ambiguous, Reason::ContextAmbiguous),
        (Sighting::Oversized, Reason::ContextOversized),
        (Sighting::Undecodable, Reason::ContextMalformed),
    ] {
        assert_eq!(reason(&tenant, seen), Err(expected));
    }
    // Another member at the same place, and the same member at another place.
    for other in [
        Projection::header(Member::Subject, "x-tenant").unwrap(),
        Projection::header(Member::Tenant, "x-org").unwrap(),
        Projection::baggage(Member::Tenant, "x-tenant").unwrap(),
    ] {
        for seen in [value("acme"), value("ada"), Sighting::Absent] {
            assert_eq!(reason(&other, seen), Err(Reason::ProjectionTruncated));
        }
    }
}

#[test]
fn a_promised_copy_of_what_the_context_does_not_have_must_be_absent() {
    let mut alone = without(claims(), "/act");
    put(&mut alone, "/tctx/kind", json!("user"));
    put(&mut alone, "/tctx/proj", json!(["actor@header:x-agent"]));
    let verified = verified(&alone);
    let copy = Projection::header(Member::Actor, "x-agent").unwrap();
    let agreed = agree(&verified, []).unwrap();
    assert!(complete(agreed.clone(), [(&copy, Sighting::Absent)]).is_ok());
    for text in ["agents/acme/bot", "null"] {
        let refused = complete(agreed.clone(), [(&copy, value(text))]).unwrap_err();
        assert_eq!(refused.reason(), Reason::ProjectionMismatch);
    }
}
