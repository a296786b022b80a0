//! The attacks of the catalogue that meet a hop, each with its honest twin, against both ways to
//! serve. `rollout` runs all of them again in report mode.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use throughline::{AcceptBuilder, Mode, Peer, Reason, Rule, Witness};
use throughline_core::Tenant;
use throughline_core::projection::{Member, Projection};

use super::kit::*;

/// A request that must be refused, and the same one as an honest caller sends it.
pub(crate) struct Attack {
    pub(crate) name: String,
    pub(crate) layer: fn(AcceptBuilder) -> AcceptBuilder,
    pub(crate) twin: Request<Bytes>,
    pub(crate) attack: Request<Bytes>,
    pub(crate) reason: Reason,
    pub(crate) place: Option<&'static str>,
    /// The rule that refuses it, which may be reported; steps 1 to 6 are always enforced.
    pub(crate) rule: Option<Rule>,
}

impl Attack {
    fn by(mut self, rule: Rule) -> Self {
        self.rule = Some(rule);
        self
    }

    pub(crate) fn layer_in(&self, mode: Option<Mode>) -> throughline::AcceptLayer {
        let mut builder = (self.layer)(builder());
        if let Some(mode) = mode {
            builder = builder
                .with_mode(Rule::Witnesses, mode)
                .with_mode(Rule::Projections, mode);
        }
        builder.build().unwrap()
    }
}

/// No token, nor any part of one, is in what was written.
pub(crate) fn assert_no_token(logs: &[std::collections::BTreeMap<String, String>], token: &[u8]) {
    let token = String::from_utf8_lossy(token);
    for part in token.split('.').filter_map(|part| part.get(..16)) {
        assert!(
            !format!("{logs:?}").contains(part),
            "a log line holds a part of a token: {logs:?}"
        );
    }
}

async fn refused(attacks: Vec<Attack>) {
    assert!(!attacks.is_empty());
    for attack in attacks {
        let stack = Stack::new(attack.layer_in(None));
        let handler = Handler::default();
        for (front, app) in stack.fronts(&handler) {
            let what = format!("{} ({front})", attack.name);
            let logs = Logs::default();
            let before = handler.runs();
            let sent = pair(&app, &handler, attack.twin.clone(), attack.attack.clone());
            let answer = logs.watch(sent).await;
            assert_eq!(handler.runs(), before + 1, "{what}: the handler ran");
            assert_eq!(handler.last().tenant().as_deref(), Ok("acme"), "{what}");
            answer.assert_refused(attack.reason, attack.place, &what);

            let lines = logs.take();
            assert_eq!(lines.len(), 1, "{what}: {lines:?}");
            assert_eq!(
                lines[0].get("id").cloned(),
                answer.id(),
                "{what}: {lines:?}"
            );
            assert_eq!(lines[0]["reason"], attack.reason.code(), "{what}");
            for token in attack.attack.headers().get_all("txn-token") {
                assert_no_token(&lines, token.as_bytes());
            }
            let span = logs.take_span();
            assert_eq!(span["tenant.id"], "acme", "{what}: {span:?}");
            assert_eq!(span["throughline.state"], "rejected", "{what}: {span:?}");
            assert_eq!(span["error.type"], attack.reason.code(), "{what}: {span:?}");
            let logged = lines[0].get("tenant.id").map(String::as_str);
            assert_ne!(logged, Some("globex"), "{what}: {lines:?}");
            // Rules are read once the context is verified, so the log knows whose it is.
            let platform = attack.reason == Reason::ClaimMissing;
            if attack.rule.is_some() && !platform {
                assert_eq!(logged, Some("acme"), "{what}: {lines:?}");
            }
        }
    }
}

fn attack(
    name: &str,
    layer: fn(AcceptBuilder) -> AcceptBuilder,
    twin: Request<Bytes>,
    attack: Request<Bytes>,
    reason: Reason,
    place: Option<&'static str>,
) -> Attack {
    Attack {
        name: name.into(),
        layer,
        twin,
        attack,
        reason,
        place,
        rule: None,
    }
}

fn by_copies(attacks: impl IntoIterator<Item = Attack>) -> Vec<Attack> {
    let by_copy = |attack: Attack| attack.by(Rule::Projections);
    attacks.into_iter().map(by_copy).collect()
}

fn by_witnesses(attacks: impl IntoIterator<Item = Attack>) -> Vec<Attack> {
    let by_witness = |attack: Attack| attack.by(Rule::Witnesses);
    attacks.into_iter().map(by_witness).collect()
}

fn orders(lines: &[Line<'_>]) -> Request<Bytes> {
    request("/orders", &token("acme"), lines)
}

fn plain(builder: AcceptBuilder) -> AcceptBuilder {
    builder
}

fn by_header(builder: AcceptBuilder) -> AcceptBuilder {
    builder
        .add_witness(Witness::header("x-tenant").unwrap())
        .with_legacy_header("x-tenant")
}

fn by_optional_header(builder: AcceptBuilder) -> AcceptBuilder {
    builder.add_witness(Witness::header("x-tenant").unwrap().optional())
}

fn by_path(builder: AcceptBuilder) -> AcceptBuilder {
    builder.add_witness(Witness::path_in("tenant", ["/t/{tenant}/orders"]).unwrap())
}

fn by_query(builder: AcceptBuilder) -> AcceptBuilder {
    builder.add_witness(Witness::query("tenant"))
}

fn by_baggage(builder: AcceptBuilder) -> AcceptBuilder {
    builder.add_witness(Witness::baggage("tenant").unwrap())
}

fn by_host(builder: AcceptBuilder) -> AcceptBuilder {
    let alias = |host: &str| Tenant::new(host.strip_suffix(".tenants.example")?).ok();
    let host = Witness::host().behind_proxies(["10.0.0.0/8", "2001:db8::/32"]);
    builder.add_witness(host.unwrap().with_alias(alias))
}

fn by_copy(builder: AcceptBuilder) -> AcceptBuilder {
    builder
        .relies_on(Projection::header(Member::Tenant, "x-copy").unwrap())
        .relies_on(Projection::baggage(Member::Subject, "subject").unwrap())
}

const ACME: Line<'_> = ("x-tenant", b"acme");
const GLOBEX: Line<'_> = ("x-tenant", b"globex");
const X_TENANT: Option<&str> = Some("header `x-tenant`");
const TOKEN: Option<&str> = Some("header `txn-token`");

pub(crate) fn h1() -> Vec<Attack> {
    let mismatch = Reason::TenantMismatch;
    by_witnesses([
        attack(
            "h1 header",
            by_header,
            orders(&[ACME]),
            orders(&[GLOBEX]),
            mismatch,
            X_TENANT,
        ),
        attack(
            "h1 optional header",
            by_optional_header,
            orders(&[]),
            orders(&[GLOBEX]),
            mismatch,
            X_TENANT,
        ),
        attack(
            "h1 another case is another tenant",
            by_header,
            orders(&[ACME]),
            orders(&[("x-tenant", b"Acme")]),
            mismatch,
            X_TENANT,
        ),
    ])
}

pub(crate) fn h2() -> Vec<Attack> {
    let twin = || orders(&[ACME, ("connection", b"close, x-other")]);
    let mut attacks: Vec<Attack> = [
        &b"txn-token"[..],
        b"Txn-Token",
        b"TXN_TOKEN",
        b"close, txn-token",
        b"keep-alive,\tX-Tenant ",
        b"x_tenant",
        b",,x-tenant",
    ]
    .iter()
    .map(|value| {
        let name = format!("h2 connection: {}", value.escape_ascii());
        let lines = [ACME, ("connection", *value)];
        let stripped = Reason::ContextStripped;
        attack(&name, by_header, twin(), orders(&lines), stripped, None)
    })
    .collect();
    let lines: [Line<'_>; 3] = [ACME, ("connection", b"close"), ("connection", b"x-tenant")];
    attacks.push(attack(
        "h2 second connection line",
        by_header,
        twin(),
        orders(&lines),
        Reason::ContextStripped,
        None,
    ));
    // A proxy obeyed already, and removed the fields with the `Connection` line.
    attacks.push(attack(
        "h2 the token was stripped",
        by_header,
        twin(),
        request("/orders", "", &[ACME]),
        Reason::ContextMissing,
        None,
    ));
    attacks.push(
        attack(
            "h2 the witness was stripped",
            by_header,
            twin(),
            orders(&[]),
            Reason::WitnessMissing,
            X_TENANT,
        )
        .by(Rule::Witnesses),
    );
    attacks
}

pub(crate) fn h3() -> Vec<Attack> {
    let ambiguous = Reason::ContextAmbiguous;
    let twin = |name: &'static str, value: &'static [u8], place| {
        attack(
            &format!("h3 {name}: {}", value.escape_ascii()),
            by_header,
            orders(&[ACME]),
            orders(&[ACME, (name, value)]),
            ambiguous,
            Some(place),
        )
    };
    vec![
        twin("x_tenant", b"globex", "header `x_tenant`"),
        twin("x_tenant", b"acme", "header `x_tenant`"),
        twin("x.tenant", b"acme", "header `x.tenant`"),
        twin("txn_token", b"x", "header `txn_token`"),
        attack(
            "h3 the twin alone",
            by_optional_header,
            orders(&[]),
            orders(&[("x_tenant", b"acme")]),
            ambiguous,
            Some("header `x_tenant`"),
        ),
    ]
}

pub(crate) fn h4() -> Vec<Attack> {
    let ambiguous = Reason::ContextAmbiguous;
    let (acme, globex) = (token("acme"), token("globex"));
    let joined = format!("{acme}, {globex}");
    let twice = format!("{acme},{acme}");
    let two = |first: &str, second: &str| {
        let second = ("txn-token", second.as_bytes());
        request("/orders", first, &[ACME, second])
    };
    let token_lines = [
        ("h4 two tokens", two(&acme, &globex)),
        ("h4 two tokens, other order", two(&globex, &acme)),
        ("h4 one token twice", two(&acme, &acme)),
        ("h4 a good and an empty token", two(&acme, "")),
        ("h4 joined tokens", request("/orders", &joined, &[ACME])),
        (
            "h4 joined equal tokens",
            request("/orders", &twice, &[ACME]),
        ),
    ];
    let header_lines: [(&str, &[Line<'_>]); 5] = [
        ("h4 two headers", &[ACME, GLOBEX]),
        ("h4 two headers, other order", &[GLOBEX, ACME]),
        ("h4 one header twice", &[ACME, ACME]),
        ("h4 joined headers", &[("x-tenant", b"acme, globex")]),
        ("h4 a list of one", &[("x-tenant", b"acme,")]),
    ];
    let twin = || orders(&[ACME]);
    let tokens = token_lines
        .into_iter()
        .map(|(name, sent)| attack(name, by_header, twin(), sent, ambiguous, TOKEN));
    let headers = header_lines.into_iter().map(|(name, lines)| {
        let sent = orders(lines);
        attack(name, by_header, twin(), sent, ambiguous, X_TENANT)
    });
    tokens.chain(headers).collect()
}

pub(crate) fn h7() -> Vec<Attack> {
    const HOST: Option<&str> = Some("host `host`");
    let from = |peer: &str, host: &'static [u8], forwarded: &'static [u8]| {
        let lines = [("host", host), ("x-forwarded-host", forwarded)];
        let mut request = orders(&lines);
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        request
    };
    let (gateway, acme, globex): (&[u8], &[u8], &[u8]) = (
        b"gateway.tenants.example",
        b"acme.tenants.example",
        b"globex.tenants.example",
    );
    let (v4, v6, mapped) = ("10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1");
    let direct = || orders(&[("host", acme)]);
    let mismatch = Reason::TenantMismatch;
    let from_proxy = [v4, v6, mapped].map(|proxy| {
        attack(
            &format!("h7 forwarded by {proxy}"),
            by_host,
            from(proxy, gateway, acme),
            from(proxy, gateway, globex),
            mismatch,
            HOST,
        )
    });
    let mut attacks = Vec::from(from_proxy);
    for stranger in ["192.0.2.1", "::1", "::ffff:192.0.2.1"] {
        attacks.push(attack(
            &format!("h7 constant host, forwarded by a stranger at {stranger}"),
            by_host,
            from(stranger, acme, globex),
            from(stranger, gateway, acme),
            mismatch,
            HOST,
        ));
    }
    attacks.push(attack(
        "h7 constant host, peer unknown",
        by_host,
        direct(),
        orders(&[("host", gateway), ("x-forwarded-host", acme)]),
        mismatch,
        HOST,
    ));
    attacks.push(attack(
        "h7 the proxy forwards no host",
        by_host,
        from(v4, gateway, acme),
        {
            let mut request = orders(&[("host", acme)]);
            request.extensions_mut().insert(Peer(v4.parse().unwrap()));
            request
        },
        Reason::WitnessMissing,
        HOST,
    ));
    attacks.push(attack(
        "h7 another tenant's host",
        by_host,
        direct(),
        orders(&[("host", globex)]),
        mismatch,
        HOST,
    ));
    by_witnesses(attacks)
}

pub(crate) fn h8() -> Vec<Attack> {
    let oversized = "x".repeat(16 * 1024);
    let mut attacks = vec![attack(
        "h8 16 KiB",
        plain,
        orders(&[]),
        request("/orders", &oversized, &[]),
        Reason::ContextOversized,
        None,
    )];
    // 8 KiB of a longer token: what a proxy with that limit would have left of it.
    let cut = format!("{}.{}", token("acme"), "x".repeat(8 * 1024));
    let at_limit = 8 * 1024 - "txn-token".len();
    for (name, sent, reason) in [
        (
            "h8 cut at the limit",
            cut.get(..at_limit),
            Reason::ContextMalformed,
        ),
        (
            "h8 one byte over",
            cut.get(..=at_limit),
            Reason::ContextOversized,
        ),
    ] {
        let sent = request("/orders", sent.unwrap(), &[]);
        attacks.push(attack(name, plain, orders(&[]), sent, reason, None));
    }
    attacks
}

pub(crate) fn h9() -> Vec<Attack> {
    let malformed = Reason::ContextMalformed;
    let mut with_byte = token("acme").into_bytes();
    with_byte[40] = 0xe9;
    let lines: [Line<'_>; 2] = [ACME, ("txn-token", &with_byte)];
    let sent = request("/orders", "", &lines);
    vec![
        attack(
            "h9 token",
            by_header,
            orders(&[ACME]),
            sent,
            malformed,
            TOKEN,
        ),
        attack(
            "h9 an empty token is no absent one",
            by_header,
            orders(&[ACME]),
            request("/orders", "", &[ACME, ("txn-token", b"")]),
            malformed,
            TOKEN,
        ),
        attack(
            "h9 header",
            by_header,
            orders(&[ACME]),
            orders(&[("x-tenant", b"acm\xe9")]),
            malformed,
            X_TENANT,
        )
        .by(Rule::Witnesses),
        attack(
            "h9 optional header",
            by_optional_header,
            orders(&[]),
            orders(&[("x-tenant", b"\xe9")]),
            malformed,
            X_TENANT,
        )
        .by(Rule::Witnesses),
        attack(
            "h9 optional empty header",
            by_optional_header,
            orders(&[]),
            orders(&[("x-tenant", b"")]),
            malformed,
            X_TENANT,
        )
        .by(Rule::Witnesses),
    ]
}

pub(crate) fn t1() -> Vec<Attack> {
    const PLACE: Option<&str> = Some("path parameter `tenant`");
    let to = |path: &str| request(path, &token("acme"), &[]);
    let twin = || to("/t/acme/orders");
    by_witnesses(
        ["globex", "nobody-at-all", "%67lobex", "ACME"].map(|tenant| {
            attack(
                &format!("t1 path of {tenant}"),
                by_path,
                twin(),
                to(&format!("/t/{tenant}/orders")),
                Reason::TenantMismatch,
                PLACE,
            )
        }),
    )
}

const MEMBER: Option<&str> = Some("baggage member `tenant`");

pub(crate) fn b5() -> Vec<Attack> {
    let lines = |first: &'static [u8], second: &'static [u8]| {
        orders(&[("baggage", first), ("baggage", second)])
    };
    let mismatch = Reason::TenantMismatch;
    by_witnesses([
        attack(
            "b5 second line",
            by_baggage,
            lines(b"trace=1", b"tenant=acme"),
            lines(b"trace=1", b"tenant=globex"),
            mismatch,
            MEMBER,
        ),
        attack(
            "b5 first line",
            by_baggage,
            lines(b"tenant=acme", b"trace=1"),
            lines(b"tenant=globex", b"trace=1"),
            mismatch,
            MEMBER,
        ),
    ])
}

pub(crate) fn b7() -> Vec<Attack> {
    by_witnesses(
        [
            &b"tenant=acme,tenant=globex"[..],
            b"tenant=globex,tenant=acme",
            b"tenant=acme,tenant=acme",
            b"tenant=acme,TENANT=globex",
        ]
        .map(|line| {
            attack(
                &format!("b7 {}", line.escape_ascii()),
                by_baggage,
                orders(&[("baggage", b"tenant=acme")]),
                orders(&[("baggage", line)]),
                Reason::ContextAmbiguous,
                MEMBER,
            )
        }),
    )
}

pub(crate) fn b8() -> Vec<Attack> {
    let mut huge = b"tenant=acme,pad=".to_vec();
    huge.resize(1024 * 1024, b'x');
    by_witnesses([attack(
        "b8 1 MiB of baggage",
        by_baggage,
        orders(&[("baggage", b"tenant=acme,pad=x")]),
        orders(&[("baggage", &huge)]),
        Reason::ContextOversized,
        MEMBER,
    )])
}

pub(crate) fn x5() -> Vec<Attack> {
    let to = |query: &str| request(&format!("/orders?{query}"), &token("acme"), &[]);
    by_witnesses(
        [
            "tenant=acme&tenant=globex",
            "tenant=globex&tenant=acme",
            "tenant=acme&tenant=acme",
            "tenant=acme;tenant=globex",
            "tenant=acme&%74enant=globex",
            "tenant=acme&tenant[]=globex",
            "tenant=acme&TENANT=globex",
        ]
        .map(|query| {
            attack(
                &format!("x5 {query}"),
                by_query,
                to("tenant=acme"),
                to(query),
                Reason::ContextAmbiguous,
                Some("query parameter `tenant`"),
            )
        }),
    )
}

pub(crate) fn x10() -> Vec<Attack> {
    let without = sign(&but(claims("acme"), "/tctx/tenant", Value::Null));
    let platform = sign(&platform_claims());
    let attack = |name, token: &str| {
        let sent = request("/orders", token, &[ACME]);
        let (missing, claim) = (Reason::ClaimMissing, Some("claim `tctx.tenant`"));
        attack(name, by_header, orders(&[ACME]), sent, missing, claim)
    };
    vec![
        attack("x10 no tenant claim", &without),
        // The token is good, and there is nothing in it to compare with.
        attack("x10 platform work", &platform).by(Rule::Witnesses),
    ]
}

pub(crate) fn x13() -> Vec<Attack> {
    let twin = || orders(&[]);
    let missing = Reason::ContextMissing;
    let authorization = format!("Bearer {}", token("acme"));
    let elsewhere: [Line<'_>; 1] = [("authorization", authorization.as_bytes())];
    vec![
        attack(
            "x13 no token",
            plain,
            twin(),
            request("/orders", "", &[]),
            missing,
            None,
        ),
        attack(
            "x13 a token elsewhere",
            plain,
            twin(),
            request("/orders", "", &elsewhere),
            missing,
            None,
        ),
    ]
}

pub(crate) fn x19() -> Vec<Attack> {
    let (claim, tenant) = (Reason::ClaimInvalid, Reason::TenantInvalid);
    let place = Some("claim `tctx.tenant`");
    [
        ("x19 number", "/tctx/tenant", json!(7), claim, None),
        ("x19 list", "/tctx/tenant", json!(["acme"]), claim, None),
        ("x19 empty", "/tctx/tenant", json!(""), tenant, place),
        ("x19 grammar", "/tctx/tenant", json!("-acme"), tenant, place),
        (
            "x19 not the one of `sub`",
            "/tctx/tenant",
            json!("globex"),
            claim,
            Some("claim `sub`"),
        ),
    ]
    .map(|(name, pointer, value, reason, place)| {
        let token = sign(&but(claims("acme"), pointer, value));
        let sent = request("/orders", &token, &[ACME]);
        attack(name, by_header, orders(&[ACME]), sent, reason, place)
    })
    .into()
}

/// Step 8: a copy that the token promises.
pub(crate) fn copies() -> Vec<Attack> {
    let proj = json!(["tenant@header:x-copy", "subject@baggage:subject"]);
    let promised = sign(&but(claims("acme"), "/tctx/proj", proj));
    let baggage: Line<'_> = ("baggage", b"a=1,subject=ada%40users.test");
    let copy: Line<'_> = ("x-copy", b"acme");
    let send = |lines: &[Line<'_>]| request("/orders", &promised, lines);
    let twin = || send(&[copy, baggage]);
    let (truncated, mismatch) = (Reason::ProjectionTruncated, Reason::ProjectionMismatch);
    let (header, member) = (Some("header `x-copy`"), Some("baggage member `subject`"));
    let only_tenant = sign(&but(
        claims("acme"),
        "/tctx/proj",
        json!(["tenant@header:x-copy"]),
    ));
    by_copies([
        attack(
            "copy dropped",
            by_copy,
            twin(),
            send(&[baggage]),
            truncated,
            header,
        ),
        attack(
            "copies dropped",
            by_copy,
            twin(),
            send(&[]),
            truncated,
            header,
        ),
        attack(
            "copy changed",
            by_copy,
            twin(),
            send(&[("x-copy", b"globex"), baggage]),
            mismatch,
            header,
        ),
        attack(
            "baggage dropped",
            by_copy,
            twin(),
            send(&[copy]),
            truncated,
            member,
        ),
        attack(
            "baggage cut",
            by_copy,
            twin(),
            send(&[copy, ("baggage", b"a=1,subject=ada%40users.tes")]),
            mismatch,
            member,
        ),
        attack(
            "copy not promised",
            by_copy,
            twin(),
            request("/orders", &only_tenant, &[copy, baggage]),
            truncated,
            member,
        ),
    ])
}

/// Everything above.
pub(crate) fn all() -> Vec<Attack> {
    let all = [
        h1, h2, h3, h4, h7, h8, h9, t1, b5, b7, b8, x5, x10, x13, x19, copies,
    ];
    all.into_iter().flat_map(|attacks| attacks()).collect()
}

// failure: H1
#[tokio::test]
async fn a_tenant_header_of_the_client_is_not_believed() {
    refused(h1()).await;
}

// failure: H2
#[tokio::test]
async fn a_context_that_asks_to_be_stripped_is_refused_and_absence_is_no_default() {
    refused(h2()).await;
}

// failure: H3
#[tokio::test]
async fn a_look_alike_of_an_owned_field_is_refused_whatever_it_says() {
    refused(h3()).await;
}

// failure: H4
#[tokio::test]
async fn two_values_of_an_owned_field_are_refused_in_any_order() {
    refused(h4()).await;
}

// failure: H7
#[tokio::test]
async fn a_forwarded_host_is_read_only_from_a_listed_proxy() {
    refused(h7()).await;
}

// failure: H8
#[tokio::test]
async fn an_oversized_context_is_refused_before_it_is_read() {
    refused(h8()).await;
}

// failure: H8
#[tokio::test]
async fn a_token_cut_at_any_position_is_refused() {
    let whole = token("acme");
    let stack = Stack::new(builder().build().unwrap());
    let handler = Handler::default();
    for (front, app) in stack.fronts(&handler) {
        let before = handler.runs();
        for end in 0..whole.len() {
            let mut cut = request("/orders", "", &[]);
            add(&mut cut, "txn-token", &whole.as_bytes()[..end]);
            let answer = send(app.clone(), cut).await;
            let reason = answer.reason().unwrap();
            let expected = [
                Reason::ContextTruncated,
                Reason::ContextMalformed,
                Reason::SignatureInvalid,
            ];
            assert!(
                expected.contains(&reason),
                "{front}, cut at {end}: {answer:?}"
            );
            assert_eq!(handler.runs(), before, "{front}, cut at {end}");
        }
        let answer = send(app, request("/orders", &whole, &[])).await;
        assert_eq!(answer.status, StatusCode::OK, "{front}: {answer:?}");
    }
}

// failure: H9
#[tokio::test]
async fn what_cannot_be_decoded_is_not_absent() {
    refused(h9()).await;
}

// failure: T1
#[tokio::test]
async fn a_good_signature_is_no_permission_for_another_tenants_path() {
    refused(t1()).await;
}

// failure: T1
#[tokio::test]
async fn the_answer_does_not_tell_whether_a_tenant_exists() {
    let alias = |name: &str| match name {
        "acme" | "globex" => Tenant::new(name).ok(),
        _ => None,
    };
    let path = Witness::path_segment(1).with_alias(alias);
    let stack = Stack::new(builder().add_witness(path).build().unwrap());
    let handler = Handler::default();
    for (front, app) in stack.fronts(&handler) {
        let to = |path| request(path, &token("acme"), &[]);
        let mut bodies = Vec::new();
        for path in ["/t/globex/orders", "/t/nobody/orders"] {
            let answer = pair(&app, &handler, to("/t/acme/orders"), to(path)).await;
            let id = answer.id().unwrap();
            bodies.push((answer.status, answer.text.replace(&id, "")));
        }
        assert_eq!(bodies[0], bodies[1], "{front}");
    }
}

// failure: B5
#[tokio::test]
async fn every_line_of_baggage_is_read() {
    refused(b5()).await;
}

// failure: B7
#[tokio::test]
async fn a_doubled_member_of_baggage_is_refused() {
    refused(b7()).await;
}

// failure: B8
#[tokio::test]
async fn baggage_over_its_limit_is_refused_where_a_member_is_expected() {
    refused(b8()).await;
}

// failure: X5
#[tokio::test]
async fn a_query_parameter_that_is_there_twice_is_refused() {
    refused(x5()).await;
}

// failure: X10
#[tokio::test]
async fn an_absent_side_of_a_comparison_is_never_equal() {
    refused(x10()).await;
}

// failure: X13
#[tokio::test]
async fn a_layer_with_nothing_but_keys_lets_nothing_through_without_a_token() {
    refused(x13()).await;
}

// failure: X19
#[tokio::test]
async fn no_weaker_source_stands_in_for_an_unreadable_tenant() {
    refused(x19()).await;
}

#[tokio::test]
async fn a_promised_copy_that_is_missing_or_differs_is_refused() {
    refused(copies()).await;
}

// failure: X32
#[tokio::test]
#[should_panic(expected = "the honest twin was not served")]
async fn a_pair_whose_honest_half_is_refused_fails() {
    let handler = Handler::default();
    let app = Stack::new(by_header(builder()).build().unwrap()).bare(&handler);
    // The fixture is broken: the twin lacks the header too.
    pair(&app, &handler, orders(&[]), orders(&[])).await;
}

// failure: X32
#[tokio::test]
#[should_panic(expected = "the honest twin was not served")]
async fn a_pair_whose_honest_half_meets_no_handler_fails() {
    let handler = Handler::default();
    let app = Stack::new(builder().build().unwrap()).axum(&handler);
    let nowhere = || request("/no-such-route", &token("acme"), &[]);
    pair(&app, &handler, nowhere(), nowhere()).await;
}
