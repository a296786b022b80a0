use http::{HeaderName, HeaderValue, Request};

use super::*;

fn request(lines: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in lines {
        request.headers_mut().append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    request
}

fn found(sources: &[CredentialSource], lines: &[(&str, &str)]) -> Result<Option<String>, Reason> {
    let request = request(lines);
    find(sources, &RequestView::of(&request))
        .map(|token| token.map(|token| String::from_utf8(token.bytes().to_vec()).unwrap()))
        .map_err(|refusal| refusal.reason())
}

fn token(text: &str) -> Result<Option<String>, Reason> {
    Ok(Some(text.to_owned()))
}

#[test]
fn a_bearer_credential_is_one_and_readable_or_refused() {
    let bearer = [CredentialSource::bearer()];
    let sent = |value: &str| found(&bearer, &[("authorization", value)]);
    assert_eq!(sent("Bearer a.b.c"), token("a.b.c"));
    assert_eq!(sent("bearer  a.b.c"), token("a.b.c"));
    assert_eq!(found(&bearer, &[]), Ok(None));
    assert_eq!(sent("Basic dTpw"), Ok(None));
    for odd in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer \"a\"",
        "Bearera",
        "",
    ] {
        assert_eq!(sent(odd), Err(Reason::ContextMalformed), "{odd}");
    }
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer a")];
    assert_eq!(found(&bearer, &twice), Err(Reason::ContextAmbiguous));
}

#[test]
fn a_cookie_is_one_or_refused() {
    let cookie = [CredentialSource::cookie("session")];
    let sent = |value: &str| found(&cookie, &[("cookie", value)]);
    assert_eq!(sent("a=1; session=t.o.k; b=2"), token("t.o.k"));
    assert_eq!(sent("session=\"t.o.k\""), token("t.o.k"));
    assert_eq!(sent("xsession=t; session2=u"), Ok(None));
    assert_eq!(sent("session=a; session=b"), Err(Reason::ContextAmbiguous));
    assert_eq!(sent("session="), Err(Reason::ContextMalformed));
    assert_eq!(sent("session=a b"), Err(Reason::ContextMalformed));
    let lines = [("cookie", "a=1"), ("cookie", "session=t.o.k")];
    assert_eq!(found(&cookie, &lines), token("t.o.k"));
}

#[test]
fn a_websocket_protocol_is_the_one_after_its_marker() {
    let socket = [CredentialSource::websocket_protocol("bearer")];
    let sent = |value: &str| found(&socket, &[("sec-websocket-protocol", value)]);
    assert_eq!(sent("chat, bearer, t.o.k"), token("t.o.k"));
    assert_eq!(sent("chat"), Ok(None));
    assert_eq!(sent("bearer"), Err(Reason::ContextMalformed));
    assert_eq!(sent("bearer, "), Err(Reason::ContextMalformed));
    assert_eq!(sent("bearer, a, bearer, b"), Err(Reason::ContextAmbiguous));
    let lines = [
        ("sec-websocket-protocol", "bearer"),
        ("sec-websocket-protocol", "t.o.k"),
    ];
    assert_eq!(found(&socket, &lines), token("t.o.k"));
}

#[test]
fn two_places_with_a_credential_are_ambiguous_whatever_they_hold() {
    let both = [
        CredentialSource::bearer(),
        CredentialSource::cookie("session"),
    ];
    let lines = [("authorization", "Bearer a"), ("cookie", "session=a")];
    assert_eq!(found(&both, &lines), Err(Reason::ContextAmbiguous));
    assert_eq!(found(&both, &lines[..1]), token("a"));
    assert_eq!(found(&both, &lines[1..]), token("a"));
}

#[test]
fn a_rejected_credential_ends_the_search() {
    let sources = [
        CredentialSource::custom("test", |_| Found::Rejected(Reason::ContextMalformed.into())),
        CredentialSource::bearer(),
    ];
    let lines = [("authorization", "Bearer a")];
    assert_eq!(found(&sources, &lines), Err(Reason::ContextMalformed));
}

#[test]
fn a_credential_over_the_cap_is_refused() {
    let bearer = [CredentialSource::bearer()];
    let sent = |len: usize| {
        found(
            &bearer,
            &[("authorization", &format!("Bearer {}", "a".repeat(len)))],
        )
    };
    assert!(sent(MAX_CREDENTIAL_BYTES).is_ok());
    assert_eq!(
        sent(MAX_CREDENTIAL_BYTES + 1),
        Err(Reason::ContextOversized)
    );
}

#[test]
fn what_was_read_is_taken_out_and_nothing_else() {
    let sources = [
        CredentialSource::bearer(),
        CredentialSource::cookie("session"),
        CredentialSource::websocket_protocol("bearer"),
    ];
    let mut taken = request(&[
        ("authorization", "Bearer a"),
        ("cookie", "a=1; session=t"),
        ("cookie", "b=2"),
        ("sec-websocket-protocol", "chat, bearer, t"),
    ]);
    for source in &sources {
        source.remove(taken.headers_mut());
    }
    let left = request(&[
        ("cookie", "a=1; b=2"),
        ("sec-websocket-protocol", "chat, bearer"),
    ]);
    assert_eq!(taken.headers(), left.headers());

    let other = [("authorization", "Basic dTpw"), ("cookie", "a=1")];
    let mut untouched = request(&other);
    for source in &sources {
        source.remove(untouched.headers_mut());
    }
    assert_eq!(untouched.headers(), request(&other).headers());
}

#[test]
fn debug_shows_no_credential() {
    assert_eq!(format!("{:?}", Token::new("secret")), "Token(6 bytes)");
}
