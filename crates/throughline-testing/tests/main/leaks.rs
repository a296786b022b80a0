//! A catalogue that cannot find is worth nothing: each mistake is found by the attacks that are
//! meant to find it, and the same service without it accepts nothing.

use throughline_testing::TestDomain;
use throughline_testing::catalogue::Catalogue;
use throughline_testing::judge::{How, Verdict};
use throughline_testing::report::Report;
use throughline_testing::target::Target;
use tower::service_fn;

use crate::leaky::{Leak, Leaky};

/// Each mistake, and attacks that must find it.
const FOUND_BY: &[(Leak, &[&str])] = &[
    (
        Leak::AcceptsAlgNone,
        &["signatures/none", "signatures/none-of-another"],
    ),
    (Leak::AcceptsEmbeddedKey, &["signatures/embedded-eddsa"]),
    (Leak::AcceptsHmacWithPublicKey, &["signatures/hmac-jwks"]),
    (
        Leak::AnonymousIsDefault,
        &["tokens/none", "headers/trailer-credential"],
    ),
    (
        Leak::BelievesBaggage,
        &["baggage/tenant-of-another", "baggage/twice"],
    ),
    (Leak::BelievesCookie, &["headers/cookie-beside"]),
    (Leak::BelievesForwardedHost, &["headers/forwarded-host"]),
    (Leak::BelievesHeader, &["headers/tenant-of-another"]),
    (
        Leak::BelievesInternalHeader,
        &["headers/anonymous-internal"],
    ),
    (
        Leak::BelievesLocalAddress,
        &["headers/anonymous-from-within"],
    ),
    (Leak::BelievesQuery, &["witnesses/query-added"]),
    (Leak::BelievesRewrittenUrl, &["headers/rewritten-path"]),
    (
        Leak::CachesByUrl,
        &["caches/anonymous-after-own", "caches/another-after-own"],
    ),
    (Leak::CachesStaticLooking, &["caches/deceived"]),
    (Leak::CachesTokenByPayload, &["caches/forged-after-own"]),
    (Leak::CachesWithoutTenant, &["caches/warmed-by-another"]),
    (
        Leak::ChecksFirstReadsLast,
        &["headers/tenant-twice-other-last"],
    ),
    (
        Leak::ChecksLastReadsFirst,
        &["headers/tenant-twice-other-first"],
    ),
    (Leak::EchoesToken, &["answers/credential-repeated"]),
    (Leak::ErrorNamesOther, &["witnesses/path-of-another"]),
    (Leak::ExemptsByPrefix, &["witnesses/exempt-prefix"]),
    (Leak::ExemptsBySuffix, &["witnesses/exempt-suffix"]),
    (Leak::FoldsUnderscores, &["headers/tenant-underscore"]),
    (Leak::ForgetsToResetConnection, &["process/abandoned"]),
    (Leak::GlobalTenant, &["process/interleaved"]),
    (Leak::IgnoresAudience, &["claims/audience", "claims/issuer"]),
    (Leak::IgnoresCritical, &["jose/critical"]),
    (
        Leak::IgnoresExpiry,
        &["times/expired", "times/expired-though-served"],
    ),
    (
        Leak::IgnoresPath,
        &["witnesses/path-of-another", "tokens/of-another"],
    ),
    (
        Leak::IgnoresRevocation,
        &["freshness/user-revoked", "freshness/tenant-suspended"],
    ),
    (
        Leak::IgnoresSignature,
        &[
            "tokens/flipped-signature",
            "signatures/stripped",
            "signatures/zeros",
        ],
    ),
    (Leak::IgnoresType, &["jose/type", "jose/untyped"]),
    (Leak::KeepsRemovedKeys, &["keys/removed"]),
    (Leak::LastDuplicateClaimWins, &["claims/tenant-twice"]),
    (Leak::MergesTrailers, &["headers/trailer-credential"]),
    (Leak::OverridesMethod, &["headers/anonymous-override"]),
    (Leak::RemembersLastCaller, &["tokens/none-after-own"]),
    (Leak::SplitsJoinedHeaders, &["headers/tenant-joined"]),
    (
        Leak::StripsByConnection,
        &["headers/connection-strips-credential"],
    ),
    (Leak::TellsWhoExists, &["answers/tenant-exists"]),
    (Leak::WithoutKeysEverythingPasses, &["keys/empty"]),
];

async fn attack(leak: Leak, catalogue: Catalogue) -> Report {
    let domain = TestDomain::new();
    let service = Leaky::new(leak, &domain);
    let service = service_fn(move |request| service.clone().serve(request));
    catalogue.run_against(service, &domain).await
}

fn target() -> Target {
    Target::http("/t/{tenant}/orders").unwrap()
}

#[tokio::test]
async fn each_mistake_is_found_by_the_attacks_that_are_meant_to_find_it() {
    for (leak, ids) in FOUND_BY {
        let target = target().with_markers("a chair for acme", "a chair for globex");
        let catalogue = Catalogue::aimed(target).only(ids.iter().copied());
        let report = attack(*leak, catalogue).await;
        for id in *ids {
            let outcome = report.of(id).unwrap();
            assert!(
                matches!(outcome.verdict(), Verdict::Accepted { .. }),
                "{leak:?} was not found:\n{outcome}"
            );
        }
    }
}

#[tokio::test]
async fn without_markers_all_but_an_error_that_names_another_are_found_too() {
    for (leak, ids) in FOUND_BY {
        if *leak == Leak::ErrorNamesOther {
            continue;
        }
        let report = attack(*leak, Catalogue::aimed(target()).only(ids.iter().copied())).await;
        assert_eq!(report.counts().accepted, ids.len(), "{leak:?}:\n{report}");
    }
}

#[tokio::test]
async fn the_same_service_without_a_mistake_accepts_nothing() {
    let report = attack(Leak::None, Catalogue::aimed(target())).await;
    report.assert_all_refused();
    let counts = report.counts();
    assert!(counts.tried() > 150 && counts.held > 100, "{counts:?}");
}

#[tokio::test]
async fn what_leaks_is_named_by_how_it_leaks() {
    for (leak, id, expected) in [
        (
            Leak::BelievesHeader,
            "headers/tenant-of-another",
            How::DiffersFromTwin,
        ),
        (Leak::AnonymousIsDefault, "tokens/none", How::Served),
        (
            Leak::EchoesToken,
            "answers/credential-repeated",
            How::Echoed,
        ),
        (
            Leak::TellsWhoExists,
            "answers/tenant-exists",
            How::ToldApart,
        ),
    ] {
        let report = attack(leak, Catalogue::aimed(target()).only([id])).await;
        let expected = Verdict::Accepted { how: expected };
        assert_eq!(report.of(id).unwrap().verdict(), &expected, "{leak:?}");
    }
    let target = target().with_markers("a chair for acme", "a chair for globex");
    let id = "witnesses/path-of-another";
    let report = attack(Leak::ErrorNamesOther, Catalogue::aimed(target).only([id])).await;
    let expected = Verdict::Accepted {
        how: How::OtherMarker,
    };
    assert_eq!(report.of(id).unwrap().verdict(), &expected);
}
