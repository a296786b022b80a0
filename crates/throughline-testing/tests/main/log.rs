//! What the layers log of a token, at every level: nothing.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use throughline_core::Reason;
use throughline_testing::{CapturedLog, KeyFault, TestDomain, TestKey};

/// A log of everything, in this thread.
fn capture() -> (CapturedLog, tracing::subscriber::DefaultGuard) {
    let log = CapturedLog::new();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

fn fails(assertion: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(assertion)).is_err()
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_logged() {
    let (log, _guard) = capture();
    let domain = TestDomain::new();
    domain.keys().fail(KeyFault::Html);
    let honest = domain.token("acme");
    let attacker = TestKey::generate().with_kid(domain.key().kid());
    let forged = attacker.sign(&attacker.header(), &domain.claims("acme"));

    let refused = domain.admit(&honest).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::KeysUnavailable);
    domain.keys().mend();
    domain.load().await.unwrap();
    domain.admit(&honest).await.unwrap();
    let refused = domain.admit(&forged).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::SignatureInvalid);

    log.assert_says("keys_unavailable");
    log.assert_says("signature_invalid");
    log.assert_says_nothing_of(&honest);
    log.assert_says_nothing_of(&forged);

    tracing::debug!(bytes = ?forged.as_bytes(), "a careless line");
    assert!(fails(|| log.assert_says_nothing_of(&forged)));
}

#[test]
fn an_empty_log_proves_nothing() {
    let mut log = CapturedLog::new();
    assert!(fails(
        || log.assert_says_nothing_of("a secret of some length")
    ));
    log.write_all(b"served\n").unwrap();
    log.assert_says_nothing_of("a secret of some length");
    assert!(fails(|| log.assert_says_nothing_of("")));
    assert!(fails(|| log.assert_says("refused")));
    assert_eq!(log.take(), "served\n");
    assert_eq!(log.text(), "");
}
