//! A header map, and the admitted context.
//!
//! The first line of the input is a byte that chooses a service, and the request target; each
//! further line is a field. `{acme}` and the like in it stand for tokens, see [`run`].
//!
//! Oracles:
//!
//! 1. The verdict is the same at the second sight, and when the lines are turned around.
//! 2. Who is admitted is so under the one token that arrived, alone, under its own name, and for the
//!    tenant that is signed in it.
//! 3. What a plain reader takes for a witness names that tenant too.
//! 4. No owned field and no owned member of the baggage reaches the handler, whatever the verdict;
//!    what others sent does, unchanged.
//! 5. The core, asked with a carrier of its own, refuses in steps 1 and 2 for the same reason.
//! 6. No answer to a client names a tenant.
//! 7. Allocation stays within [`BUDGET`].

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use serde_json::{Value, json};
use throughline::{AcceptLayer, Mode, Rule, Witness};
use throughline_core::carrier::OwnedFields;
use throughline_core::projection::{Member, Projection};
use throughline_core::reason::Position;
use throughline_core::{Reason, hop};

use crate::allocations::Budget;
use crate::baggage::plainly;
use crate::service::{Answer, call};
use crate::world::{HEADER, NOW, WORLD, honest, patch};

/// For one request through the layer, its head aside.
pub const BUDGET: Budget = Budget {
    per_byte: 16,
    fixed: 12 * 1024,
};

/// What `{name}` in a line stands for.
static TOKENS: LazyLock<[(&str, String); 6]> = LazyLock::new(|| {
    let token = |tenant, change| {
        let mut claims = honest(tenant);
        patch(&mut claims, change);
        WORLD.seal(HEADER, claims.to_string())
    };
    let copies = json!({"tctx": {"proj": ["tenant@baggage:copy.tenant"]}});
    let agent = json!({
        "tctx": {"kind": "delegated_agent"},
        "act": {"sub": "ops//bot", "kind": "agent"},
    });
    let platform = json!({
        "sub": "ops//cron",
        "tctx": {"kind": "platform", "tenant": null, "idp": "ops", "sub": "cron"},
    });
    [
        ("{acme}", WORLD.acme.clone()),
        ("{globex}", WORLD.globex.clone()),
        ("{copies}", token("acme", copies)),
        ("{agent}", token("acme", agent)),
        ("{platform}", token("acme", platform)),
        ("{old}", token("acme", json!({"exp": NOW - 60}))),
    ]
});

/// The services, and what each owns beside the token.
fn layer(service: u8) -> (AcceptLayer, Owned) {
    let builder = AcceptLayer::builder(WORLD.domain()).exempt("/health");
    let all = [
        Witness::path_in("tenant", ["/t/{tenant}/orders"]).expect("a template"),
        Witness::subdomain_of("apps.example")
            .expect("a host")
            .optional(),
        Witness::header("x-tenant-id").expect("a field").optional(),
        Witness::query("tenant").optional(),
        Witness::baggage("tenant.id").expect("a key").optional(),
    ];
    let copy = Projection::baggage(Member::Tenant, "copy.tenant").expect("a key");
    let full = Owned {
        witnesses: true,
        header: true,
        members: &["tenant.id", "copy.tenant"],
    };
    let (builder, owned) = match service {
        // All that can be declared.
        b'f' => {
            let builder = all
                .into_iter()
                .fold(builder, |b, witness| b.add_witness(witness));
            (builder.relies_on(copy), full)
        }
        // Fields only, required, with a legacy header set from the proof.
        b'h' => {
            let builder = builder
                .add_witness(Witness::header("x-tenant-id").expect("a field"))
                .add_witness(Witness::baggage("tenant.id").expect("a key"))
                .with_legacy_header("x-legacy-tenant");
            let members: &[&str] = &["tenant.id"];
            (builder, Owned { members, ..full })
        }
        // Nothing is enforced, all is told.
        b'r' => {
            let builder = all
                .into_iter()
                .fold(builder, |b, witness| b.add_witness(witness));
            let builder = builder
                .relies_on(copy)
                .with_mode(Rule::Witnesses, Mode::Report)
                .with_mode(Rule::Projections, Mode::Report);
            (builder, full)
        }
        b'o' => {
            let builder = all
                .into_iter()
                .fold(builder, |b, witness| b.add_witness(witness));
            let builder = builder
                .relies_on(copy)
                .with_mode(Rule::Witnesses, Mode::Off)
                .with_mode(Rule::Projections, Mode::Off);
            let witnesses = false;
            (builder, Owned { witnesses, ..full })
        }
        // No witness, at the edge, with a small cap.
        _ => (
            builder.at(Position::Edge).with_max_bytes(1_024),
            Owned {
                witnesses: false,
                header: false,
                members: &[],
            },
        ),
    };
    (
        builder.build().expect("the service is well configured"),
        owned,
    )
}

struct Owned {
    /// Whether its fields must agree with who is admitted.
    witnesses: bool,
    /// Whether `x-tenant-id` is owned.
    header: bool,
    members: &'static [&'static str],
}

/// One input.
pub fn run(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some((service, target)) = lines.next().and_then(<[u8]>::split_first) else {
        return;
    };
    let Ok(uri) = Uri::try_from(target) else {
        return;
    };
    let Some(fields) = lines.map(field).collect::<Option<Vec<_>>>() else {
        return;
    };
    let (layer, owned) = layer(*service);
    let request = |fields: &mut dyn Iterator<Item = &(HeaderName, HeaderValue)>| {
        let mut request = Request::new(());
        *request.uri_mut() = uri.clone();
        for (name, value) in fields {
            request.headers_mut().append(name.clone(), value.clone());
        }
        request
    };
    let first = request(&mut fields.iter());
    let sent = first.headers().clone();
    let len: usize = fields.iter().map(|(n, v)| n.as_str().len() + v.len()).sum();
    let answer = BUDGET.hold(len + target.len(), || call(&layer, first));

    let again = call(&layer, request(&mut fields.iter()));
    assert_eq!(answer.verdict(), again.verdict(), "at the second sight");
    let turned = call(&layer, request(&mut fields.iter().rev()));
    assert_eq!(answer.verdict(), turned.verdict(), "in another order");

    check_core(&answer, &fields, &owned, *service, &uri);
    match &answer {
        Answer::Admitted {
            tenant,
            token,
            headers,
        } => {
            check_token(&sent, token, tenant.as_deref());
            check_fields(&sent, &owned, tenant.as_deref());
            if *service == b'f' {
                check_path(&uri, tenant.as_deref());
            }
            check_handed_on(&sent, headers, &owned, tenant.as_deref());
        }
        Answer::Passed { headers } => {
            assert!(
                uri.path() == "/health" || *service == b'r',
                "passed without a context"
            );
            check_handed_on(&sent, headers, &owned, None);
        }
        Answer::Refused(refused) => {
            let response = refused.to_response();
            let told = format!("{:?}{:?}", response.headers(), response.body());
            for tenant in ["acme", "globex"] {
                assert!(!told.contains(tenant), "a client is told `{tenant}`");
            }
        }
    }
}

/// `name: value`, with the names of tokens replaced.
fn field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let mut value = line[colon + 1..].trim_ascii().to_vec();
    for (word, token) in &*TOKENS {
        while let Some(at) = value
            .windows(word.len())
            .position(|window| window == word.as_bytes())
        {
            value.splice(at..at + word.len(), token.bytes());
        }
    }
    Some((name, HeaderValue::from_bytes(&value).ok()?))
}

/// How some hop on the way may spell a name.
fn spelt(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace(['_', '.'], "-");
    name.strip_suffix("-bin").unwrap_or(&name).to_owned()
}

fn check_core(
    answer: &Answer,
    fields: &[(HeaderName, HeaderValue)],
    owned: &Owned,
    service: u8,
    uri: &Uri,
) {
    let mut own = OwnedFields::token_only();
    if owned.header {
        own = own.add_field("x-tenant-id").add_shared_field("baggage");
    }
    if service == b'h' {
        own = own.add_field("x-legacy-tenant");
    }
    if !owned.header {
        own = own.with_max_bytes(1_024);
    }
    let carrier: Vec<(&str, &[u8])> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let read = own.read(&carrier);
    let refused = match read.as_ref().map(|values| hop::present(values.token())) {
        Ok(Ok(_)) => return,
        Ok(Err(refusal)) => refusal.reason(),
        Err(refusal) => refusal.reason(),
    };
    if refused == Reason::ContextMissing && uri.path() == "/health" {
        assert_eq!(answer.verdict().0, "passed", "an exempt path");
        return;
    }
    assert_eq!(answer.verdict().0, refused.code(), "the core refuses");
}

fn check_token(sent: &HeaderMap, token: &[u8], tenant: Option<&str>) {
    let mut arrived = sent
        .iter()
        .filter(|(name, _)| spelt(name.as_str()) == "txn-token");
    let (name, value) = arrived.next().expect("admitted without a token");
    assert!(arrived.next().is_none(), "admitted with two tokens");
    assert_eq!(name, "txn-token", "admitted under a look-alike");
    assert_eq!(value.as_bytes(), token, "admitted under another token");
    let payload = token
        .split(|byte| *byte == b'.')
        .nth(1)
        .expect("three parts");
    let payload = URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    let claims: Value = serde_json::from_slice(&payload).expect("claims are json");
    let signed = claims.pointer("/tctx/tenant").and_then(Value::as_str);
    assert_eq!(tenant, signed, "admitted for another tenant than is signed");
}

fn check_fields(sent: &HeaderMap, owned: &Owned, tenant: Option<&str>) {
    if !owned.witnesses {
        return;
    }
    let tenant = tenant.unwrap_or_default();
    for (name, value) in sent {
        if spelt(name.as_str()) == "x-tenant-id" {
            assert_eq!(value.as_bytes(), tenant.as_bytes(), "a header differs");
        }
    }
    for key in owned.members {
        for value in plainly(&lines(sent, "baggage"), key) {
            assert_eq!(value, tenant.as_bytes(), "`{key}` in the baggage differs");
        }
    }
}

fn check_path(uri: &Uri, tenant: Option<&str>) {
    let inner = uri.path().strip_prefix("/t/");
    let inner = inner.and_then(|rest| rest.strip_suffix("/orders"));
    if let Some(segment) = inner
        && !segment.contains(['/', '%'])
    {
        assert_eq!(Some(segment), tenant, "the path differs");
    }
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<u8> {
    let lines: Vec<&[u8]> = headers
        .get_all(name)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    lines.join(&b',')
}

fn check_handed_on(sent: &HeaderMap, inside: &HeaderMap, owned: &Owned, tenant: Option<&str>) {
    let is_owned = |name: &HeaderName| {
        let name = spelt(name.as_str());
        name == "txn-token"
            || owned.header && name == "x-tenant-id"
            || owned.members == ["tenant.id"] && name == "x-legacy-tenant"
    };
    for name in inside.keys().filter(|name| is_owned(name)) {
        assert_eq!(
            name, "x-legacy-tenant",
            "an owned field reaches the handler"
        );
        let set = inside.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(set, tenant, "the legacy header");
    }
    for name in sent.keys() {
        if !is_owned(name) && (owned.members.is_empty() || name != "baggage") {
            let (sent, inside) = (sent.get_all(name), inside.get_all(name));
            assert!(sent.iter().eq(inside.iter()), "`{name}` was changed");
        }
    }
    assert!(
        inside
            .keys()
            .all(|name| is_owned(name) || sent.contains_key(name))
    );
    for key in owned.members {
        let left = lines(inside, "baggage");
        let left = plainly(&left, key);
        assert!(left.is_empty(), "`{key}` is left in the baggage");
    }
}
