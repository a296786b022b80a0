//! Owned fields: what comes from outside is never believed, and nothing of ours leaves.

use axum::body::Body;
use http::Response;
use throughline::Reason;
use throughline_core::projection::{Member, Projection};

use super::{Handler, How, Mint, bare, bearer, edge, fronts, get, issuers, send, usual, witnesses};

#[tokio::test]
async fn a_context_from_outside_is_taken_away_and_never_believed() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let foreign = mint.context_of("globex");
    let credential = bearer("acme");
    for (front, app) in usual(&mint, &handler) {
        for name in [
            "txn-token",
            "Txn-Token",
            "txn_token",
            "TXN_TOKEN",
            "txn.token",
        ] {
            let alone = send(&app, get("/orders", &[(name, &foreign)])).await;
            alone.assert_refused(Reason::ContextMissing, &format!("{front}: {name} alone"));
            let lines = [
                (name, &*foreign),
                (name, &*foreign),
                ("authorization", &*credential),
            ];
            send(&app, get("/t/acme/orders", &lines))
                .await
                .assert_served(front);
            let seen = handler.last();
            assert_eq!(
                seen.principal(),
                Ok("one/acme/ada".into()),
                "{front}: {name}"
            );
            assert!(
                !format!("{:?}", seen.headers).contains(&foreign),
                "{front}: {name}"
            );
        }
        // On an exempt path too, where nobody asks.
        send(&app, get("/health", &[("txn-token", &foreign)]))
            .await
            .assert_served(front);
        assert_eq!(
            handler.last().principal(),
            Err(Reason::ContextMissing),
            "{front}"
        );
        assert!(!handler.last().headers.contains_key("txn-token"), "{front}");
    }
}

#[tokio::test]
async fn a_tenant_header_agrees_and_is_gone_or_it_is_refused() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let credential = bearer("acme");
    for (front, app) in usual(&mint, &handler) {
        let lines = |tenant| [("authorization", &*credential), ("x-tenant", tenant)];
        send(&app, get("/orders", &lines("acme")))
            .await
            .assert_served(front);
        assert!(!handler.last().headers.contains_key("x-tenant"), "{front}");
        for other in ["globex", "ACME", "acme2", "acm"] {
            let answer = send(&app, get("/orders", &lines(other))).await;
            answer.assert_refused(Reason::TenantMismatch, &format!("{front}: {other}"));
        }
        let list = send(&app, get("/orders", &lines("acme,globex"))).await;
        assert!(!list.status.is_success(), "{front}: {list:?}");
        let lookalike = [("authorization", &*credential), ("x_tenant", "globex")];
        let answer = send(&app, get("/orders", &lookalike)).await;
        answer.assert_refused(Reason::ContextAmbiguous, front);
        // On an exempt path it is gone as well.
        send(&app, get("/health", &[("x-tenant", "globex")]))
            .await
            .assert_served(front);
        assert!(!handler.last().headers.contains_key("x-tenant"), "{front}");
    }
}

#[tokio::test]
async fn a_legacy_header_is_set_anew_from_the_proof() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let layer = bare(issuers(), &mint)
        .accepting(|accept| witnesses(accept).with_legacy_header("x-org"))
        .build()
        .unwrap();
    for (front, app) in fronts(&layer, &handler) {
        let lines = [("authorization", &*bearer("acme")), ("x-org", "globex")];
        send(&app, get("/orders", &lines))
            .await
            .assert_served(front);
        let all: Vec<_> = handler
            .last()
            .headers
            .get_all("x-org")
            .iter()
            .cloned()
            .collect();
        assert_eq!(all, ["acme"], "{front}");
    }
}

#[tokio::test]
async fn a_copy_from_outside_is_gone_before_anybody_takes_it_for_one_of_ours() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let layer = edge(issuers(), &mint)
        .add_projection(Projection::baggage(Member::Tenant, "tenant.id").unwrap())
        .add_projection(Projection::header(Member::Tenant, "x-copy").unwrap())
        .build()
        .unwrap();
    for (front, app) in fronts(&layer, &handler) {
        let credential = bearer("acme");
        let lines = [
            ("authorization", &*credential),
            ("baggage", "color=red,tenant.id=globex"),
            ("x-copy", "globex"),
        ];
        send(&app, get("/orders", &lines))
            .await
            .assert_served(front);
        let seen = handler.last();
        assert_eq!(seen.headers["baggage"], "color=red", "{front}");
        assert!(!seen.headers.contains_key("x-copy"), "{front}");
        assert_eq!(seen.context().unwrap().projections().len(), 2, "{front}");
        // A look-alike beside it says the same thing twice.
        let twice = [
            ("authorization", &*credential),
            ("x-copy", "acme"),
            ("x_copy", "globex"),
        ];
        let answer = send(&app, get("/orders", &twice)).await;
        answer.assert_refused(Reason::ContextAmbiguous, front);
    }
}

#[tokio::test]
async fn the_credential_is_taken_out_unless_it_is_kept_by_name() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    let credential = bearer("acme");
    let kept = edge(issuers(), &mint)
        .danger_keep_credential()
        .build()
        .unwrap();
    for (front, app) in usual(&mint, &handler) {
        let lines = [("authorization", &*credential), ("x-other", "1")];
        send(&app, get("/orders", &lines))
            .await
            .assert_served(front);
        assert!(
            !handler.last().headers.contains_key("authorization"),
            "{front}"
        );
        assert!(handler.last().headers.contains_key("x-other"), "{front}");
        // Exempt or not, one that was read is taken out.
        send(&app, get("/health", &lines))
            .await
            .assert_served(front);
        assert!(
            !handler.last().headers.contains_key("authorization"),
            "{front}"
        );
    }
    for (front, app) in fronts(&kept, &handler) {
        send(&app, get("/orders", &[("authorization", &credential)]))
            .await
            .assert_served(front);
        assert_eq!(
            handler.last().headers["authorization"],
            credential,
            "{front}"
        );
    }
}

#[tokio::test]
async fn no_owned_field_leaves_with_a_response() {
    let mint = Mint::new(How::AtOnce);
    let leaking = Handler::responding(|request| {
        let mut response = Response::new(Body::from("served"));
        for (name, value) in request.headers() {
            response.headers_mut().append(name.clone(), value.clone());
        }
        response
            .headers_mut()
            .insert("x-tenant", "acme".parse().unwrap());
        response
            .headers_mut()
            .insert("x-kept", "1".parse().unwrap());
        response
    });
    for (front, app) in usual(&mint, &leaking) {
        let answer = send(&app, get("/orders", &[("authorization", &bearer("acme"))])).await;
        answer.assert_served(front);
        assert!(answer.headers.contains_key("x-kept"), "{front}");
        for name in ["txn-token", "x-tenant", "authorization"] {
            assert!(!answer.headers.contains_key(name), "{front}: {name}");
        }
        assert!(
            !format!("{answer:?}").contains("eyJ"),
            "{front}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_request_without_room_for_its_context_is_refused_and_not_served() {
    let (mint, handler) = (Mint::new(How::AtOnce), Handler::new());
    for (front, app) in usual(&mint, &handler) {
        let mut request = get("/orders", &[("authorization", &bearer("acme"))]);
        let filler = http::HeaderValue::from_static("1");
        let mut full = 0;
        while request
            .headers_mut()
            .try_append(
                http::HeaderName::from_bytes(format!("f{full}").as_bytes()).unwrap(),
                filler.clone(),
            )
            .is_ok()
        {
            full += 1;
        }
        // The credential makes room for the context when it goes.
        send(&app, request).await.assert_served(front);
        assert_eq!(
            handler.last().principal(),
            Ok("one/acme/ada".into()),
            "{front}"
        );
    }
}
