//! The judge, case by case.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use throughline_core::Reason;

use super::*;

fn answer(status: u16, body: &str) -> Answer {
    with(status, body, &[])
}

fn with(status: u16, body: &str, fields: &[(&'static str, &str)]) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    let status = StatusCode::from_u16(status).unwrap();
    let body = Bytes::copy_from_slice(body.as_bytes());
    Answer::new(status, headers, body, HeaderMap::new())
}

fn problem(status: u16, reason: &str) -> Answer {
    let body = format!(r#"{{"reason":"{reason}"}}"#);
    with(
        status,
        &body,
        &[("content-type", "application/problem+json")],
    )
}

fn grpc(status: &str, reason: Option<&str>) -> Answer {
    let mut fields = vec![("grpc-status", status)];
    fields.extend(reason.map(|reason| ("throughline-reason", reason)));
    with(200, "", &fields)
}

/// A case whose other tenant gets something else.
fn case<'a>(expect: &'a Expect, twins: Twins<'a>, other: &'a Answer) -> Case<'a> {
    Case::new(Wire::Http, expect, twins).with_others(Some(Twins::of(other, other)))
}

fn held(reason: Option<Reason>, expected: bool) -> Verdict {
    Verdict::Held { reason, expected }
}

fn accepted(how: How) -> Verdict {
    Verdict::Accepted { how }
}

fn doubt(why: Doubt) -> Verdict {
    Verdict::NotJudged { why }
}

const MISMATCH: Reason = Reason::TenantMismatch;

#[test]
fn over_http_the_status_tells() {
    let served = || accepted(How::Served);
    for (answer, refused) in [
        (answer(200, "orders of acme"), served()),
        (answer(204, ""), served()),
        (answer(400, ""), held(None, false)),
        (answer(401, ""), held(None, false)),
        (answer(404, ""), held(None, false)),
        (answer(431, ""), held(None, false)),
        (problem(403, "tenant_mismatch"), held(Some(MISMATCH), true)),
        (
            problem(400, "context_missing"),
            held(Some(Reason::ContextMissing), false),
        ),
        (problem(403, "no_reason_of_ours"), held(None, false)),
        (
            problem(503, "keys_unavailable"),
            held(Some(Reason::KeysUnavailable), false),
        ),
        // A body that merely looks like problem details says nothing.
        (
            answer(403, r#"{"reason":"tenant_mismatch"}"#),
            held(None, false),
        ),
        (answer(503, ""), doubt(Doubt::Status(503))),
        (answer(500, ""), doubt(Doubt::Status(500))),
        (answer(304, ""), doubt(Doubt::Redirected("nowhere".into()))),
        (
            with(302, "", &[("location", "https://login.example/")]),
            doubt(Doubt::Redirected("https://login.example/".into())),
        ),
        (answer(408, ""), doubt(Doubt::TooFast(408))),
        (answer(425, ""), doubt(Doubt::TooFast(425))),
        (answer(429, ""), doubt(Doubt::TooFast(429))),
        // gRPC's status means nothing here.
        (with(200, "", &[("grpc-status", "16")]), served()),
    ] {
        let honest = self::answer(200, "orders of acme");
        let expect = Expect::Refused(vec![MISMATCH]);
        let case = Case::new(Wire::Http, &expect, Twins::of(&honest, &honest));
        assert_eq!(case.judge(Ok(&answer)), refused, "{answer:?}");
    }
}

#[test]
fn over_grpc_the_status_behind_the_body_tells() {
    for (answer, refused) in [
        (grpc("0", None), accepted(How::Served)),
        (grpc("16", None), held(None, false)),
        (
            grpc("7", Some("tenant_mismatch")),
            held(Some(MISMATCH), true),
        ),
        (
            grpc("14", Some("keys_unavailable")),
            held(Some(Reason::KeysUnavailable), false),
        ),
        (grpc("14", None), doubt(Doubt::GrpcStatus(Some(14)))),
        (grpc("13", None), doubt(Doubt::GrpcStatus(Some(13)))),
        (grpc("12", None), doubt(Doubt::GrpcStatus(Some(12)))),
        (grpc("8", None), doubt(Doubt::GrpcStatus(Some(8)))),
        (grpc("4", None), doubt(Doubt::GrpcStatus(Some(4)))),
        (grpc("2", None), doubt(Doubt::GrpcStatus(Some(2)))),
        (grpc("none", None), doubt(Doubt::GrpcStatus(None))),
        (answer(200, ""), doubt(Doubt::GrpcStatus(None))),
        // A proxy, or a layer that knows no gRPC.
        (answer(403, ""), held(None, false)),
        (answer(502, ""), doubt(Doubt::Status(502))),
        (answer(204, ""), doubt(Doubt::Status(204))),
    ] {
        let honest = grpc("0", None);
        let expect = Expect::Refused(vec![MISMATCH]);
        let case = Case::new(Wire::Grpc, &expect, Twins::of(&honest, &honest));
        assert_eq!(case.judge(Ok(&answer)), refused, "{answer:?}");
    }
}

#[test]
fn a_status_may_stand_in_the_trailers() {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    let honest = Answer::new(StatusCode::OK, HeaderMap::new(), Bytes::new(), trailers);
    let expect = Expect::Harmless(vec![]);
    let other = grpc("5", None);
    let case = Case::new(Wire::Grpc, &expect, Twins::of(&honest, &honest));
    assert_eq!(case.judge(Ok(&honest)), doubt(Doubt::OneSided));
    let case = case.with_others(Some(Twins::of(&other, &other)));
    // The status is all that differs, and it is in no body.
    assert_eq!(case.judge(Ok(&honest)), doubt(Doubt::Indistinct));
}

#[test]
fn harmless_is_refused_or_like_the_twin() {
    let honest = answer(200, "orders of acme, at 10:01:07");
    let later = answer(200, "orders of acme, at 10:01:08");
    let differs = || accepted(How::DiffersFromTwin);
    for (answer, expected) in [
        (
            answer(200, "orders of acme, at 10:01:07"),
            Verdict::Neutralised,
        ),
        // The second changes by itself.
        (
            answer(200, "orders of acme, at 10:01:09"),
            Verdict::Neutralised,
        ),
        (answer(200, "orders of globex, at 10:01:07"), differs()),
        (answer(200, "orders of acme, at 11:01:07"), differs()),
        (
            answer(200, "orders of acme, at 10:01:07, and more"),
            differs(),
        ),
        (answer(200, ""), differs()),
        (answer(201, "orders of acme, at 10:01:07"), differs()),
        (problem(403, "tenant_mismatch"), held(Some(MISMATCH), true)),
        (self::answer(500, ""), doubt(Doubt::Status(500))),
    ] {
        let expect = Expect::Harmless(vec![MISMATCH]);
        let other = self::answer(200, "orders of globex, at 10:01:07");
        let case = case(&expect, Twins::of(&honest, &later), &other);
        assert_eq!(case.judge(Ok(&answer)), expected, "{answer:?}");
    }
}

#[test]
fn answers_that_cannot_be_compared_prove_nothing() {
    let honest = answer(200, "one order");
    let longer = answer(200, "one order, and another");
    let expect = Expect::Harmless(vec![]);
    let unstable = case(&expect, Twins::of(&honest, &longer), &longer);
    assert_eq!(unstable.judge(Ok(&honest)), doubt(Doubt::Unstable));
    let same = case(&expect, Twins::of(&honest, &honest), &honest);
    assert_eq!(same.judge(Ok(&honest)), doubt(Doubt::Indistinct));
    let alone = same.with_others(None);
    assert_eq!(alone.judge(Ok(&honest)), doubt(Doubt::OneSided));
    // What differs from the twin is a finding all the same.
    for case in [same, alone] {
        assert_eq!(case.judge(Ok(&longer)), accepted(How::DiffersFromTwin));
    }
    // A marker says what sameness cannot.
    let marked = unstable.with_own_marker(Some("order"));
    assert_eq!(marked.judge(Ok(&longer)), Verdict::Neutralised);
}

#[test]
fn another_page_is_nobodys() {
    let (own, other) = (
        answer(200, "orders of acme"),
        answer(200, "orders of globex"),
    );
    let page = answer(200, "<html>welcome</html>");
    let expect = Expect::Elsewhere(vec![]);
    let named = case(&expect, Twins::of(&own, &own), &other);
    let marked = named
        .with_own_marker(Some("acme"))
        .with_other_marker(Some("globex"));
    let leak = || accepted(How::OtherMarker);
    for (case, answer, expected) in [
        (named, &own, Verdict::Neutralised),
        (named, &other, leak()),
        (named, &page, Verdict::Neutralised),
        (named.anonymous(), &own, accepted(How::Served)),
        (named.anonymous(), &other, leak()),
        (named.anonymous(), &page, Verdict::Neutralised),
        (named.with_others(None), &own, doubt(Doubt::OneSided)),
        (named.with_others(None), &page, doubt(Doubt::OneSided)),
        (marked, &own, Verdict::Neutralised),
        (marked, &other, leak()),
        (marked, &page, Verdict::Neutralised),
        (marked.anonymous(), &own, accepted(How::Served)),
        (marked.anonymous(), &other, leak()),
        (marked.anonymous(), &page, Verdict::Neutralised),
    ] {
        assert_eq!(case.judge(Ok(answer)), expected, "{answer:?}");
    }
    let refused = problem(403, "tenant_mismatch");
    assert_eq!(named.judge(Ok(&refused)), held(Some(MISMATCH), true));
}

#[test]
fn the_other_tenants_marker_is_a_leak_whatever_the_status() {
    let honest = answer(200, "chairs");
    let leak = || accepted(How::OtherMarker);
    for (answer, expected) in [
        (answer(200, "chairs"), Verdict::Neutralised),
        (answer(200, "tables"), leak()),
        (answer(200, "chairs and tables"), leak()),
        (answer(403, "no tables for you"), leak()),
        (answer(500, "cannot read tables"), leak()),
        (with(302, "", &[("location", "/tables")]), leak()),
        (with(403, "", &[("x-debug", "tables")]), leak()),
        (answer(200, "sofas"), accepted(How::DiffersFromTwin)),
        (answer(403, "no"), held(None, true)),
    ] {
        let expect = Expect::Harmless(vec![]);
        let case = Case::new(Wire::Http, &expect, Twins::of(&honest, &honest))
            .with_own_marker(Some("chairs"))
            .with_other_marker(Some("tables"));
        assert_eq!(case.judge(Ok(&answer)), expected, "{answer:?}");
    }
}

#[test]
fn an_answer_must_not_repeat_a_credential() {
    let honest = answer(200, "fine");
    let expect = Expect::Silent(vec![]);
    let case = Case::new(Wire::Http, &expect, Twins::of(&honest, &honest))
        .with_credentials(&["aaaa.bbbb.cccc"]);
    for (answer, expected) in [
        (answer(200, "fine"), Verdict::Neutralised),
        (answer(200, "you are aaaa.bbbb.cccc"), accepted(How::Echoed)),
        (
            answer(401, "what is aaaa.bbbb.cccc?"),
            accepted(How::Echoed),
        ),
        (
            with(200, "", &[("x-token", "aaaa.bbbb.cccc")]),
            accepted(How::Echoed),
        ),
        (answer(401, "no"), held(None, true)),
    ] {
        assert_eq!(case.judge(Ok(&answer)), expected, "{answer:?}");
    }
}

#[test]
fn no_answer_is_no_verdict() {
    let honest = answer(200, "fine");
    for expect in [
        Expect::Refused(vec![]),
        Expect::Harmless(vec![]),
        Expect::Alike(vec![]),
    ] {
        let case = Case::new(Wire::Http, &expect, Twins::of(&honest, &honest));
        for failure in [
            Failure::Broke("x".into()),
            Failure::Closed,
            Failure::Endless,
            Failure::Garbage("x".into()),
            Failure::Hung,
            Failure::OversizedHeader,
            Failure::Panicked,
            Failure::Refused("x".into()),
        ] {
            let expected = doubt(Doubt::Failed(failure.clone()));
            assert_eq!(case.judge(Err(&failure)), expected);
        }
        for failure in [
            Failure::Stopped("x".into()),
            Failure::Unsendable("x".into()),
        ] {
            let verdict = case.judge(Err(&failure));
            assert!(matches!(verdict, Verdict::NotRun { .. }), "{verdict:?}");
        }
    }
}

#[test]
fn refusals_are_alike_but_for_their_ids_and_what_was_said() {
    let no = |id: &str, text: &str| answer(403, &format!(r#"{{"id":"{id}","title":"{text}"}}"#));
    let one = no("0b9e7c8e-9d55-4a6c-8a43-1b8f4f7b6d1e", "not yours: globex");
    for (other, apart) in [
        (
            no("5d77b506-df07-45e8-98e7-bfb5ffca7434", "not yours: nobody"),
            false,
        ),
        (
            no("5d77b506-df07-45e8-98e7-bfb5ffca7434", "there is no nobody"),
            true,
        ),
        (answer(404, "{}"), true),
        (problem(403, "tenant_mismatch"), true),
    ] {
        assert_eq!(
            told_apart(&one, &other, &["globex", "nobody"]),
            apart,
            "{other:?}"
        );
    }
}

#[test]
fn refusals_are_told_apart_by_what_is_beside_their_bodies() {
    let refused = |fields: &[(&'static str, &str)]| with(200, "", fields);
    let basic = refused(&[
        ("grpc-status", "7"),
        ("grpc-message", "tenant globex is not yours"),
    ]);
    for (other, apart) in [
        (
            refused(&[
                ("grpc-status", "5"),
                ("grpc-message", "tenant nobody is not yours"),
            ]),
            true,
        ),
        (
            refused(&[("grpc-status", "7"), ("grpc-message", "no tenant nobody")]),
            true,
        ),
        (refused(&[("grpc-status", "7")]), true),
        (
            refused(&[
                ("grpc-status", "7"),
                ("grpc-message", "tenant nobody is not yours"),
            ]),
            false,
        ),
    ] {
        let said = ["globex", "nobody"];
        assert_eq!(told_apart(&basic, &other, &said), apart, "{other:?}");
    }
    let asked = |realm: &str| with(401, "", &[("www-authenticate", realm)]);
    assert!(told_apart(
        &asked("Bearer realm=\"sso\""),
        &asked("Bearer"),
        &[]
    ));
    assert!(!told_apart(
        &asked("Bearer id=17"),
        &asked("Bearer id=18"),
        &[]
    ));
}

#[test]
fn the_worst_of_several_decides() {
    let mut verdicts = [
        accepted(How::Served),
        Verdict::NotRun { why: "x".into() },
        doubt(Doubt::Unstable),
        held(None, false),
        Verdict::Neutralised,
        held(Some(MISMATCH), true),
        Verdict::NotApplicable { needs: vec![] },
    ];
    verdicts.reverse();
    assert!(verdicts.is_sorted_by_key(Verdict::badness));
}

#[test]
fn every_verdict_reads_as_a_line() {
    let all = [
        accepted(How::DiffersFromTwin),
        held(Some(MISMATCH), true),
        held(None, false),
        held(None, true),
        Verdict::Neutralised,
        Verdict::NotApplicable {
            needs: vec![crate::attack::Need::Clock, crate::attack::Need::SigningKey],
        },
        doubt(Doubt::TooFast(429)),
        Verdict::NotRun {
            why: "the honest twin was not served".into(),
        },
    ];
    let lines: Vec<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "accepted: it was served, and not as its honest twin",
            "refused: tenant_mismatch",
            "refused, without a reason",
            "refused",
            "neutralised",
            "not applicable: needs clock, signing_key",
            "not judged: status 429: too fast, or too early",
            "not run: the honest twin was not served",
        ]
    );
}
