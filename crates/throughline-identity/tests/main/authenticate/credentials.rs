//! Where a credential may stand, and what two of them are.

use bytes::Bytes;
use throughline::{Reason, RequestView};
use throughline_identity::credential::{CredentialSource, Found, Token};

use super::{Handler, How, Mint, bearer, edge, fronts, get, issuers, send, token, usual};

#[tokio::test]
async fn each_place_serves_and_is_emptied() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let custom = CredentialSource::custom("x-session", |request: &RequestView<'_>| {
        match request.headers().get("x-session") {
            None => Found::NotApplicable,
            Some(value) => Found::Token(Token::new(Bytes::copy_from_slice(value.as_bytes()))),
        }
    });
    let layer = edge(issuers(), &mint)
        .add_credential(CredentialSource::bearer())
        .add_credential(CredentialSource::cookie("session"))
        .add_credential(CredentialSource::websocket_protocol("bearer"))
        .add_credential(custom)
        .build()
        .unwrap();
    let own = token("acme");
    let (header, cookie) = (
        format!("Bearer {own}"),
        format!("theme=dark; session={own}"),
    );
    let protocol = format!("graphql-ws, bearer, {own}");
    let places = [
        ("authorization", &*header, ""),
        ("cookie", &*cookie, "theme=dark"),
        ("sec-websocket-protocol", &*protocol, "graphql-ws, bearer"),
    ];
    for (front, app) in fronts(&layer, &handler) {
        for (name, value, left) in places {
            send(&app, get("/t/acme/orders", &[(name, value)]))
                .await
                .assert_served(name);
            let seen = handler.last();
            assert_eq!(
                seen.principal(),
                Ok("one/acme/ada".into()),
                "{front}: {name}"
            );
            let found = seen.headers.get(name).map(|value| value.to_str().unwrap());
            assert_eq!(found.unwrap_or_default(), left, "{front}: {name}");
            // For another tenant than the one it is for, no place makes a difference.
            let answer = send(&app, get("/t/globex/orders", &[(name, value)])).await;
            answer.assert_refused(Reason::TenantMismatch, name);
        }
        send(&app, get("/orders", &[("x-session", &own)]))
            .await
            .assert_served(front);
        // Two of them are ambiguous, equal or not.
        for other in places
            .into_iter()
            .skip(1)
            .map(|(name, value, _)| (name, value))
        {
            let lines = [("authorization", &*header), other];
            let answer = send(&app, get("/orders", &lines)).await;
            answer.assert_refused(Reason::ContextAmbiguous, other.0);
        }
        let lines = [("authorization", &*header), ("x-session", &*own)];
        let answer = send(&app, get("/orders", &lines)).await;
        answer.assert_refused(Reason::ContextAmbiguous, "x-session");
    }
}

#[tokio::test]
async fn a_place_that_was_not_named_is_not_read() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let own = token("acme");
    for (front, app) in usual(&mint, &handler) {
        let cookie = format!("session={own}");
        for (target, line) in [
            ("/orders", ("cookie", &*cookie)),
            ("/orders", ("x-access-token", &*own)),
            ("/orders", ("proxy-authorization", &*bearer("acme"))),
            // RFC 6750 §5.3: a token in an address is in every log.
            (&*format!("/orders?access_token={own}"), ("x", "1")),
            ("/orders", ("authorization", "Basic dTpw")),
            ("/orders", ("authorization", &*format!("DPoP {own}"))),
        ] {
            let answer = send(&app, get(target, &[line])).await;
            answer.assert_refused(Reason::ContextMissing, &format!("{front}: {}", line.0));
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{front}");
        }
    }
    assert_eq!((handler.runs(), mint.minted()), (0, 0));
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_is_not_absent() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let credential = bearer("acme");
    for (front, app) in usual(&mint, &handler) {
        for (value, reason) in [
            ("Bearer", Reason::ContextMalformed),
            ("Bearer ", Reason::ContextMalformed),
            ("Bearer a b", Reason::ContextMalformed),
            ("Bearer opaque", Reason::ContextMalformed),
            (
                &*format!("{credential},{credential}"),
                Reason::ContextMalformed,
            ),
            (
                &*format!("Bearer {}", "a".repeat(20_000)),
                Reason::ContextOversized,
            ),
        ] {
            // Where no credential is needed too.
            for path in ["/orders", "/health"] {
                let answer = send(&app, get(path, &[("authorization", value)])).await;
                assert_eq!(answer.reason(), Some(reason), "{front}: {path} {value:.30}");
            }
        }
        let twice = [
            ("authorization", &*credential),
            ("authorization", &*credential),
        ];
        let answer = send(&app, get("/orders", &twice)).await;
        answer.assert_refused(Reason::ContextAmbiguous, front);
        let twin = [
            ("authorization", &*credential),
            ("authorization_bin", &*credential),
        ];
        assert!(!send(&app, get("/orders", &twin)).await.status.is_success());
        send(&app, get("/orders", &twice[..1]))
            .await
            .assert_served(front);
    }
}

#[test]
fn a_layer_that_reads_one_place_twice_is_an_error_of_configuration() {
    let mint = Mint::new(How::AtOnce);
    let cookie = |name: &str| CredentialSource::cookie(name.to_owned());
    let twice = edge(issuers(), &mint)
        .add_credential(cookie("a"))
        .add_credential(cookie("a"));
    assert!(
        twice
            .build()
            .unwrap_err()
            .to_string()
            .contains("named twice")
    );
    let two = edge(issuers(), &mint)
        .add_credential(cookie("a"))
        .add_credential(cookie("b"));
    assert!(two.build().is_ok());
    for requester in ["", "an edge", &"e".repeat(256)] {
        let odd = edge(issuers(), &mint).with_requester(requester).build();
        assert!(odd.unwrap_err().to_string().contains("workload"));
    }
}
