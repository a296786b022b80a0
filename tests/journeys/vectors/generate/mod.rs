//! Makes the vectors, from faults that stand in the order of the checks.

mod details;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use throughline_testing::vectors::{
    Freshness, Place, Revoked, Service, Vector, Vectors, Verdict, Witness,
};

use super::path;
use super::run::hex;

const NOW: u64 = 1_790_000_000;
const ISSUER: &str = "https://tokens.example";
const SEEDS: [(&str, &str); 2] = [
    (
        "main",
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    ),
    (
        "stranger",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    ),
];

#[test]
fn the_file_is_what_is_generated() {
    let text = serde_json::to_string_pretty(&vectors()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path(), &text).unwrap();
    }
    // Compared as a bool: a difference of this size is read with `git diff`.
    let same = std::fs::read_to_string(path()).is_ok_and(|file| file == text);
    assert!(
        same,
        "run again with UPDATE_SNAPSHOTS=1 and review the difference"
    );
}

fn vectors() -> Vectors {
    let mut vectors = Vec::new();
    accepted(&mut vectors);
    let faults = faults();
    for (n, fault) in faults.iter().enumerate() {
        vectors.push(fault.alone());
        for later in faults.iter().skip(n + 1) {
            vectors.extend(fault.hides(later));
        }
    }
    cuts(&mut vectors);
    claims(&mut vectors);
    details::details(&mut vectors);
    Vectors {
        about: [
            "A receiving service, a request, and the verdict it must get.",
            "How to run it, in any language: the README beside it, rustdoc of throughline_testing::vectors.",
            "`x, then y`: the request has both faults, and the earlier check must name its own.",
        ]
        .map(String::from)
        .into(),
        seeds: SEEDS.map(|(kid, seed)| (kid.into(), seed.into())).into(),
        jwks: json!({"keys": [jwk("main")]}),
        services: [
            ("full".into(), full()),
            ("plain".into(), plain()),
            ("aliased".into(), aliased()),
        ]
        .into(),
        vectors,
    }
}

/// Everything is declared.
fn full() -> Service {
    let witness = |place, optional| Witness {
        place,
        optional,
        aliases: [].into(),
    };
    Service {
        issuer: Some(ISSUER.into()),
        freshness: Freshness::Feed {
            budget_seconds: 60,
            complete_to: ["acme", "globex", "hooli", "initech"]
                .map(|t| (t.into(), NOW - 5))
                .into(),
            suspended: vec!["initech".into()],
            revoked: vec![
                Revoked::Session {
                    tenant: "acme".into(),
                    session: "ended".into(),
                    at: NOW - 30,
                },
                Revoked::Principal {
                    composed: "okta/acme/eve".into(),
                    at: NOW - 30,
                },
                Revoked::Tenant {
                    tenant: "hooli".into(),
                    at: NOW - 30,
                },
            ],
        },
        witnesses: vec![
            witness(
                Place::Path {
                    parameter: "tenant".into(),
                    template: "/t/{tenant}/orders".into(),
                },
                false,
            ),
            witness(Place::SubdomainOf("acme.example".into()), true),
            witness(Place::Header("x-tenant-id".into()), true),
            witness(Place::Query("tenant".into()), true),
            witness(Place::Baggage("tenant.id".into()), true),
        ],
        relies_on: vec!["tenant@baggage:copy.tenant".into()],
        ..plain()
    }
}

/// Nothing is declared but what cannot be left out.
fn plain() -> Service {
    Service {
        trust_domain: "prod.example".into(),
        issuer: None,
        skew_seconds: 30,
        max_lifetime_seconds: 900,
        max_chain_age_seconds: 3_600,
        max_bytes: 8_192,
        freshness: Freshness::LifetimeOnlySeconds(600),
        witnesses: Vec::new(),
        relies_on: Vec::new(),
        exempt: vec!["/health".into()],
    }
}

/// The path names tenants by names of its own.
fn aliased() -> Service {
    let place = Place::Path {
        parameter: "name".into(),
        template: "/t/{name}/orders".into(),
    };
    let aliases = [("Acme Inc", "acme"), ("globex", "globex")];
    let aliases = aliases
        .map(|(name, tenant)| (name.into(), tenant.into()))
        .into();
    Service {
        witnesses: vec![Witness {
            place,
            optional: false,
            aliases,
        }],
        ..plain()
    }
}

/// A request in the making.
#[derive(Clone)]
struct Case {
    service: &'static str,
    now: u64,
    target: String,
    header: Value,
    /// The header as text, where it is something no [`Value`] is.
    header_text: Option<String>,
    /// Claims as text, where they are something no [`Value`] is.
    payload: Option<String>,
    claims: Value,
    key: &'static str,
    after_signing: Vec<fn(String) -> String>,
    /// Fields beside the token's.
    fields: Vec<(String, String)>,
    /// The token's fields: `{}` stands for the token.
    token_fields: Vec<(String, String)>,
}

impl Case {
    fn good() -> Self {
        Self {
            service: "full",
            now: NOW,
            target: "/t/acme/orders".into(),
            header: json!({"typ": "txntoken+jwt", "alg": "EdDSA", "kid": "main"}),
            header_text: None,
            payload: None,
            claims: json!({
                "iss": ISSUER, "aud": "prod.example", "iat": NOW - 10, "exp": NOW + 290,
                "txn": "txn-1", "sub": "okta/acme/ada", "scope": "orders.read", "req_wl": "edge",
                "tctx": {
                    "kind": "user", "tenant": "acme", "idp": "okta", "sub": "ada",
                    "proj": ["tenant@baggage:copy.tenant"],
                },
                "rctx": {"as_of": NOW - 20, "sid": "open"},
            }),
            key: "main",
            after_signing: Vec::new(),
            fields: vec![("baggage".into(), "copy.tenant=acme".into())],
            token_fields: vec![("txn-token".into(), "{}".into())],
        }
    }

    fn for_service(service: &'static str) -> Self {
        let mut case = Self {
            service,
            fields: Vec::new(),
            ..Self::good()
        };
        case.tctx().remove("proj");
        case
    }

    fn tctx(&mut self) -> &mut serde_json::Map<String, Value> {
        self.claims["tctx"].as_object_mut().unwrap()
    }

    /// Another tenant's context, agreeing with itself.
    fn of_tenant(&mut self, tenant: &str) {
        self.claims["sub"] = format!("okta/{tenant}/ada").into();
        self.claims["tctx"]["tenant"] = tenant.into();
        self.target = format!("/t/{tenant}/orders");
        self.fields = vec![("baggage".into(), format!("copy.tenant={tenant}"))];
    }

    fn token(&self) -> String {
        let payload = self
            .payload
            .clone()
            .unwrap_or_else(|| self.claims.to_string());
        let header = self.header_text.clone();
        let header = header.unwrap_or_else(|| self.header.to_string());
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let input = format!("{}.{}", encode(&header), encode(&payload));
        let signature = URL_SAFE_NO_PAD.encode(pair(self.key).sign(input.as_bytes()).as_ref());
        let token = format!("{input}.{signature}");
        self.after_signing
            .iter()
            .fold(token, |token, change| change(token))
    }

    /// What the cap is about: the token's field and the header that is a witness.
    fn owned_bytes(&self) -> usize {
        let token = "txn-token".len() + self.token().len();
        let witness = self.fields.iter().filter(|(name, _)| name == "x-tenant-id");
        token
            + witness
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>()
    }

    fn expecting(&self, name: impl Into<String>, verdict: Verdict) -> Vector {
        let token = self.token();
        let fill = |(name, value): &(String, String)| (name.clone(), value.replace("{}", &token));
        let fields = self.fields.iter().cloned();
        Vector {
            name: name.into(),
            service: self.service.into(),
            now: self.now,
            target: self.target.clone(),
            fields: fields.chain(self.token_fields.iter().map(fill)).collect(),
            verdict,
        }
    }

    fn accepted(&self, name: &str) -> Vector {
        let text = |value: &Value| value.as_str().map(String::from);
        let verdict = Verdict::Accepted {
            tenant: self.claims["tctx"].get("tenant").and_then(text),
            principal: text(&self.claims["sub"]).unwrap(),
            transaction: text(&self.claims["txn"]).unwrap(),
            kind: text(&self.claims["tctx"]["kind"]).unwrap(),
        };
        self.expecting(name, verdict)
    }

    fn refused(&self, name: impl Into<String>, reason: &str, place: Option<&str>) -> Vector {
        let known = throughline_core::Reason::from_code(reason).unwrap();
        let status = known.http_status(throughline_core::reason::Position::Inside);
        let place = place.map(String::from);
        self.expecting(
            name,
            Verdict::Refused {
                reason: reason.into(),
                place,
                status,
            },
        )
    }
}

fn pair(kid: &str) -> Ed25519KeyPair {
    let (_, seed) = SEEDS.into_iter().find(|(known, _)| *known == kid).unwrap();
    Ed25519KeyPair::from_seed_unchecked(&hex(seed)).unwrap()
}

fn jwk(kid: &str) -> Value {
    let x = URL_SAFE_NO_PAD.encode(pair(kid).public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": x})
}

/// One thing that is wrong, and what must be said about it.
struct Fault {
    name: &'static str,
    reason: &'static str,
    place: Option<&'static str>,
    /// What it changes. Faults that share one cannot be combined: the second would undo the first.
    parts: &'static str,
    apply: fn(&mut Case),
}

impl Fault {
    fn alone(&self) -> Vector {
        let mut case = Case::good();
        (self.apply)(&mut case);
        case.refused(self.name, self.reason, self.place)
    }

    fn hides(&self, later: &Self) -> Option<Vector> {
        if self
            .parts
            .split(' ')
            .any(|part| later.parts.split(' ').any(|other| part == other))
        {
            return None;
        }
        let mut case = Case::good();
        // The later one first, so that what the earlier one replaces is replaced.
        (later.apply)(&mut case);
        (self.apply)(&mut case);
        Some(case.refused(
            format!("{}, then {}", self.name, later.name),
            self.reason,
            self.place,
        ))
    }
}

/// In the order of the checks. Adding one is adding a line here.
fn faults() -> Vec<Fault> {
    macro_rules! faults {
        ($( $name:literal $parts:literal => $reason:literal $(at $place:literal)?, |$case:ident| $apply:expr; )*) => {
            vec![ $( Fault {
                name: $name,
                reason: $reason,
                place: None $( .or(Some($place)) )?,
                parts: $parts,
                apply: |$case| { $apply; },
            }, )* ]
        };
    }
    faults! {
        // 1. Read totally.
        "over the size cap" "x-tenant-id" => "context_oversized",
            |case| case.fields.push(("x-tenant-id".into(), "a".repeat(8_192)));
        "two lines of the token" "txn-token step-1" => "context_ambiguous" at "header `txn-token`",
            |case| case.token_fields.push(("txn-token".into(), "{}".into()));
        "underscore twin of a witness" "step-1" => "context_ambiguous" at "header `x_tenant_id`",
            |case| case.fields.push(("x_tenant_id".into(), "acme".into()));
        "two tokens in a list" "txn-token step-1" => "context_ambiguous" at "header `txn-token`",
            |case| case.token_fields = vec![("txn-token".into(), "{}, {}".into())];
        "a list in a header" "x-tenant-id step-1" => "context_ambiguous" at "header `x-tenant-id`",
            |case| case.fields.push(("x-tenant-id".into(), "acme, acme".into()));
        "connection names the token" "connection" => "context_stripped",
            |case| case.fields.push(("connection".into(), "close, Txn-Token".into()));
        // 2. Present.
        "no token" "txn-token" => "context_missing",
            |case| case.token_fields.clear();
        "bytes that no token has" "txn-token" => "context_malformed" at "header `txn-token`",
            |case| case.token_fields = vec![("txn-token".into(), "hex:61e962".into())];
        // 3. Well-formed.
        "five parts" "parts" => "context_malformed",
            |case| case.after_signing.push(|token| token + ".e30.e30");
        "a critical header member" "header" => "context_malformed",
            |case| { case.header["crit"] = json!(["exp"]); case.header["exp"] = 1.into() };
        "an access token" "header" => "type_refused",
            |case| case.header["typ"] = "at+jwt".into();
        // 4. Genuine.
        "an unknown key" "kid" => "key_unknown",
            |case| case.header["kid"] = "stranger".into();
        "another algorithm" "alg" => "algorithm_refused",
            |case| case.header["alg"] = "ES256".into();
        "a cut signature" "signature" => "context_truncated",
            |case| case.after_signing.push(|token| token.split_at(token.len() - 1).0.into());
        "a forged signature" "key" => "signature_invalid",
            |case| case.key = "stranger";
        // 5. For us, now.
        "a repeated claim" "payload" => "claim_invalid",
            |case| case.payload = Some(case.claims.to_string().replacen('{', r#"{"scope":"a","#, 1));
        "an untrusted issuer" "iss" => "issuer_untrusted" at "claim `iss`",
            |case| case.claims["iss"] = "https://tokens.example/".into();
        "another audience" "aud" => "audience_mismatch" at "claim `aud`",
            |case| case.claims["aud"] = "staging.example".into();
        "issued in the future" "iat" => "context_not_yet_valid" at "claim `iat`",
            |case| case.claims["iat"] = (NOW + 31).into();
        "not valid yet" "nbf" => "context_not_yet_valid" at "claim `nbf`",
            |case| case.claims["nbf"] = (NOW + 31).into();
        "expired" "exp" => "context_expired" at "claim `exp`",
            |case| case.claims["exp"] = (NOW - 30).into();
        "too long a life" "exp" => "lifetime_excessive" at "claim `exp`",
            |case| case.claims["exp"] = (NOW + 891).into();
        "as of after it was issued" "as_of" => "claim_invalid" at "claim `rctx.as_of`",
            |case| case.claims["rctx"]["as_of"] = (NOW - 9).into();
        "too old a chain" "as_of" => "lifetime_excessive" at "claim `rctx.as_of`",
            |case| case.claims["rctx"]["as_of"] = (NOW - 3_631).into();
        "no transaction" "txn" => "claim_missing" at "claim `txn`",
            |case| drop(case.claims.as_object_mut().unwrap().remove("txn"));
        "no tenant" "tenant" => "claim_missing" at "claim `tctx.tenant`",
            |case| drop(case.tctx().remove("tenant"));
        "a tenant outside its grammar" "tenant" => "tenant_invalid" at "claim `tctx.tenant`",
            |case| case.claims["tctx"]["tenant"] = "-acme".into();
        "a subject that differs from its parts" "sub" => "claim_invalid" at "claim `sub`",
            |case| case.claims["sub"] = "okta/acme/mallory".into();
        // 6. Still true.
        "a suspended tenant" "tenant" => "tenant_suspended",
            |case| case.of_tenant("initech");
        "a tenant the feed does not know" "tenant" => "freshness_unknown",
            |case| case.of_tenant("umbrella");
        "a session that ended" "sid" => "revoked",
            |case| { case.claims["rctx"]["sid"] = "ended".into();
                     case.claims["rctx"]["as_of"] = (NOW - 30).into() };
        // 7. Agreed, in the order of declaration.
        "no tenant in the path" "path" => "witness_missing" at "path parameter `tenant`",
            |case| case.target = "/orders".into();
        "another tenant in the path" "path" => "tenant_mismatch" at "path parameter `tenant`",
            |case| case.target = "/t/globex/orders".into();
        "another tenant in the host" "host" => "tenant_mismatch" at "subdomain of `acme.example`",
            |case| case.fields.push(("host".into(), "globex.acme.example".into()));
        "another tenant in a header" "x-tenant-id" => "tenant_mismatch" at "header `x-tenant-id`",
            |case| case.fields.push(("x-tenant-id".into(), "globex".into()));
        "bytes in a header" "x-tenant-id" => "context_malformed" at "header `x-tenant-id`",
            |case| case.fields.push(("x-tenant-id".into(), "hex:61e9".into()));
        "another tenant in the query" "query" => "tenant_mismatch" at "query parameter `tenant`",
            |case| case.target = case.target.clone() + "?tenant=globex";
        "the tenant twice in the query" "query" => "context_ambiguous" at "query parameter `tenant`",
            |case| case.target = case.target.clone() + "?tenant=acme&tenant=acme";
        "another tenant in the baggage" "baggage" => "tenant_mismatch" at "baggage member `tenant.id`",
            |case| case.fields.push(("baggage".into(), "a=b,tenant.id=globex".into()));
        "the tenant twice in the baggage" "baggage" => "context_ambiguous" at "baggage member `tenant.id`",
            |case| case.fields.push(("baggage".into(), "tenant.id=acme,tenant.id=acme".into()));
        // 8. Complete.
        "a promised copy is gone" "copy" => "projection_truncated" at "baggage member `copy.tenant`",
            |case| case.fields.retain(|(name, _)| name != "baggage");
        "a copy that nobody promised" "promise" => "projection_truncated" at "baggage member `copy.tenant`",
            |case| case.claims["tctx"]["proj"] = json!([]);
        "a promised copy differs" "copy" => "projection_mismatch" at "baggage member `copy.tenant`",
            |case| case.fields = case.fields.drain(..).map(|(name, value)| {
                (name, value.replace("copy.tenant=acme", "copy.tenant=globex"))
            }).collect();
    }
}

/// The honest twins: what each fault is the opposite of.
fn accepted(vectors: &mut Vec<Vector>) {
    let mut add = |name: &str, change: fn(&mut Case)| {
        let mut case = Case::good();
        change(&mut case);
        vectors.push(case.accepted(name));
    };
    add("every required thing is there", |_| {});
    add("every witness agrees", |case| {
        case.target += "?x=1&tenant=acme";
        case.fields
            .push(("host".into(), "ACME.acme.example:8443".into()));
        case.fields.push(("x-tenant-id".into(), "acme".into()));
        case.fields
            .push(("baggage".into(), "a=b;p, tenant.id=acme".into()));
    });
    add("another tenant in its own place", |case| {
        case.of_tenant("globex")
    });
    add("type as a media type", |case| {
        case.header["typ"] = "application/TxnToken+JWT".into()
    });
    add("the newer name of the algorithm", |case| {
        case.header["alg"] = "Ed25519".into()
    });
    add("no key id, one key", |case| {
        drop(case.header.as_object_mut().unwrap().remove("kid"))
    });
    add("the audience as a list of one", |case| {
        case.claims["aud"] = json!(["prod.example"])
    });
    add("the last second of the skew", |case| {
        case.claims["rctx"]["as_of"] = (NOW - 300).into();
        case.claims["iat"] = (NOW - 300).into();
        case.claims["exp"] = (NOW - 29).into();
    });
    add("issued by a clock that is ahead", |case| {
        case.claims["iat"] = (NOW + 30).into()
    });
    add("the longest life", |case| {
        case.claims["exp"] = (NOW + 890).into()
    });
    add("a fraction of a second", |case| {
        case.claims["iat"] = json!((NOW - 10) as f64 + 0.5)
    });
    add("a claim nobody knows", |case| {
        case.claims["x"] = json!({"y": [1]})
    });
    add("a session that ended before", |case| {
        case.claims["rctx"]["sid"] = "ended".into();
        case.claims["rctx"]["as_of"] = (NOW - 29).into();
    });
    add("a percent-coded path", |case| {
        case.target = "/t/%61cme/orders".into()
    });

    let mut aliased = Case::for_service("aliased");
    aliased.target = "/t/Acme%20Inc/orders".into();
    vectors.push(aliased.accepted("a name that stands for the tenant"));
    let path = Some("path parameter `name`");
    aliased.target = "/t/globex/orders".into();
    vectors.push(aliased.refused("a name of another tenant", "tenant_mismatch", path));
    aliased.target = "/t/acme/orders".into();
    vectors.push(aliased.refused("a name nobody knows", "tenant_mismatch", path));

    let mut exempt = Case {
        target: "/health".into(),
        ..Case::for_service("plain")
    };
    vectors.push(exempt.accepted("an exempt path with a good token"));
    exempt.token_fields.clear();
    vectors.push(exempt.expecting("an exempt path without a token", Verdict::Anonymous));
    exempt.target = "/health/".into();
    vectors.push(exempt.refused("what begins like an exempt path", "context_missing", None));
    let mut bad = Case {
        target: "/health".into(),
        ..Case::for_service("plain")
    };
    bad.key = "stranger";
    vectors.push(bad.refused(
        "an exempt path with a forged token",
        "signature_invalid",
        None,
    ));
    let mut old = Case::for_service("plain");
    old.claims["rctx"]["as_of"] = (NOW - 600).into();
    vectors.push(old.accepted("without a feed, as old as allowed"));
    old.claims["rctx"]["as_of"] = (NOW - 601).into();
    vectors.push(old.refused(
        "without a feed, older than allowed",
        "freshness_unknown",
        None,
    ));
}

/// A token cut at each position is refused at each position.
fn cuts(vectors: &mut Vec<Vector>) {
    let case = Case::for_service("plain");
    let token = case.token();
    let last_dot = token.rfind('.').unwrap();
    for cut in 0..token.len() {
        let mut cut_case = case.clone();
        cut_case.token_fields = vec![("txn-token".into(), token.split_at(cut).0.into())];
        let (reason, place) = match cut {
            0 => ("context_malformed", Some("header `txn-token`")),
            // Fewer than three parts.
            _ if cut <= last_dot => ("context_malformed", None),
            _ => ("context_truncated", None),
        };
        // One in sixteen, and all around the borders of the parts.
        if cut % 16 == 0 || token.len() - cut < 4 || cut.abs_diff(last_dot) < 3 {
            vectors.push(cut_case.refused(format!("cut after {cut} bytes"), reason, place));
        }
    }
}

/// Each required claim, removed or of another type.
fn claims(vectors: &mut Vec<Vector>) {
    let required = [
        "aud",
        "iat",
        "exp",
        "txn",
        "sub",
        "scope",
        "req_wl",
        "tctx",
        "tctx.kind",
        "tctx.tenant",
        "tctx.idp",
        "tctx.sub",
        "rctx",
        "rctx.as_of",
    ];
    for claim in required {
        let (parent, name) = match claim.split_once('.') {
            Some((parent, name)) => (format!("/{parent}"), name),
            None => (String::new(), claim),
        };
        let with = |change: &dyn Fn(&mut serde_json::Map<String, Value>)| {
            let mut case = Case::for_service("plain");
            change(
                case.claims
                    .pointer_mut(&parent)
                    .unwrap()
                    .as_object_mut()
                    .unwrap(),
            );
            case
        };
        let place = format!("claim `{claim}`");
        let case = with(&|claims| drop(claims.remove(name)));
        vectors.push(case.refused(format!("without {claim}"), "claim_missing", Some(&place)));
        for (what, wrong) in [
            ("null", Value::Null),
            ("true", true.into()),
            ("a list of lists", json!([[]])),
            ("a number", json!(-7)),
        ] {
            let case = with(&|claims| drop(claims.insert(name.into(), wrong.clone())));
            let place = (what == "a number" && matches!(claim, "iat" | "exp" | "rctx.as_of"))
                .then_some(place.as_str());
            vectors.push(case.refused(format!("{claim} is {what}"), "claim_invalid", place));
        }
    }
}
