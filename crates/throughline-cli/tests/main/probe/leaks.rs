//! Every leak is found, by an attack that names it; the tight version of the same service is not
//! accused.

use std::net::SocketAddr;

use super::leaky::{Leak, Shop, TENANTS};
use super::{Probe, ids};

/// How a request names its tenant.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Header,
    Host,
    Path,
}

fn probe(shop: &Shop, shape: Shape) -> Probe {
    let tokens = (shop.token("acme"), shop.token("globex"));
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let made = |path| Probe::new(shop.address, path, tokens.0.clone(), tokens.1.clone());
    let probe = match shape {
        Shape::Header => made("/orders").flags(&["--tenant-header", "x-tenant-id"]),
        Shape::Host => {
            let mut probe = Probe::new(nobody, "", tokens.0, tokens.1);
            probe.url = "http://acme.shop.invalid/orders".into();
            probe.flags(&["--connect-to", &shop.address.to_string()])
        }
        Shape::Path => made("/t/acme/orders"),
    };
    let jwks = shop.jwks_file();
    probe
        .flags(&["--jwks", jwks.to_str().unwrap()])
        .flags(&["--expired-token-from", "env:EXPIRED"])
        .env("EXPIRED", &shop.expired("acme"))
}

/// The leak is found, also by this attack; whatever is accepted has the leak as its reason, as the
/// tight version accepts nothing.
#[track_caller]
fn is_found(leak: Leak, shape: Shape, attack: &str) {
    let shop = Shop::start(leak);
    let (status, report) = probe(&shop, shape).report();
    let accepted = ids(&report, "accepted");
    assert_eq!(status, 1, "{leak:?}: {report:#}");
    assert!(accepted.contains(&attack), "{leak:?}: {accepted:?}");
}

#[track_caller]
fn is_tight(shape: Shape) {
    let shop = Shop::start(None);
    let (status, report) = probe(&shop, shape).report();
    assert_eq!(status, 0, "{report:#}");
    assert!(ids(&report, "refused").len() >= 60, "{report:#}");
    // What the answers hold was found, without having been told.
    assert_eq!(report["notes"].as_array().unwrap().len(), 2, "{report:#}");
}

#[test]
fn the_tight_service_with_paths_is_not_accused() {
    is_tight(Shape::Path);
}

#[test]
fn the_tight_service_with_headers_is_not_accused() {
    is_tight(Shape::Header);
}

#[test]
fn the_tight_service_with_hosts_is_not_accused() {
    is_tight(Shape::Host);
}

/// One test for each leak, as each takes a second.
macro_rules! found {
    ($($name:ident: $leak:ident in $shape:ident by $attack:literal,)*) => {$(
        #[test]
        fn $name() {
            is_found(Leak::$leak, Shape::$shape, $attack);
        }
    )*};
}

found! {
    a_header_that_wins_over_the_token_is_found: Header in Path by "headers/tenant-of-another",
    the_first_of_two_headers_is_found: FirstValue in Path by "headers/tenant-twice-other-first",
    the_last_of_two_headers_is_found: LastValue in Path by "headers/tenant-twice-other-last",
    one_element_of_a_joined_header_is_found: CommaJoined in Header by "headers/tenant-joined",
    a_folded_header_name_is_found: Folding in Header by "headers/tenant-underscore",
    a_header_dropped_by_connection_is_found: ConnectionStrips in Header by "headers/connection-strips-tenant",
    a_default_tenant_is_found: DefaultTenant in Header by "tokens/none",
    the_tenant_of_the_last_request_is_found: LastTenant in Header by "tokens/none-after-another",
    a_cache_without_the_tenant_is_found: CacheWithoutTenant in Path by "caches/warmed-by-another",
    an_exemption_by_prefix_is_found: PrefixExemption in Path by "witnesses/exempt-prefix",
    a_path_that_is_not_compared_is_found: PathNotCompared in Path by "witnesses/path-of-another",
    an_encoded_path_is_found: EncodedPath in Path by "witnesses/path-encoded",
    a_path_with_dots_is_found: DotSegments in Path by "witnesses/path-dotted",
    a_rewritten_path_is_found: OriginalUrl in Path by "headers/rewritten-path",
    a_query_that_is_believed_is_found: Query in Path by "witnesses/query-added",
    a_forwarded_host_that_is_believed_is_found: ForwardedHost in Path by "headers/forwarded-host",
    a_host_that_is_believed_is_found: Host in Host by "witnesses/host-of-another",
    an_address_that_is_believed_is_found: ForwardedFor in Path by "headers/anonymous-from-within",
    a_method_override_is_found: MethodOverride in Path by "headers/anonymous-override",
    baggage_that_is_believed_is_found: Baggage in Header by "baggage/tenant-usual-names",
    a_cookie_beside_the_token_is_found: CookieBesideBearer in Header by "headers/cookie-beside",
    a_token_in_the_query_is_found: QueryToken in Header by "headers/token-in-query",
    the_last_of_two_credentials_is_found: TwoCredentials in Path by "headers/credential-twice-other-last",
    an_unsigned_token_is_found: AlgNone in Path by "signatures/none-of-another",
    an_unchecked_signature_is_found: Signature in Path by "tokens/edited-tenant",
    an_unchecked_expiry_is_found: Expiry in Path by "times/expired-given",
    an_hmac_with_the_public_key_is_found: HmacPublicKey in Path by "signatures/hmac-pem",
    a_key_in_the_token_is_found: EmbeddedJwk in Path by "signatures/embedded-eddsa",
    an_error_that_shows_the_other_tenants_data_is_found: ErrorPage in Path by "witnesses/path-of-another",
}

#[test]
fn a_leak_is_found_with_one_token_alone() {
    let shop = Shop::start(Leak::PathNotCompared);
    let mut probe = Probe::new(
        shop.address,
        "/t/acme/orders",
        shop.token("acme"),
        String::new(),
    );
    probe.other = None;
    let (status, report) = probe.flags(&["--other-tenant", "globex"]).report();
    assert_eq!(status, 1, "{report:#}");
    assert!(ids(&report, "accepted").contains(&"witnesses/path-of-another"));
    assert!(ids(&report, "not applicable").contains(&"headers/cookie-beside"));
    let notes = report["notes"].to_string();
    assert!(notes.contains("--other-token-from"), "{notes}");
}

#[test]
fn a_marker_that_was_said_is_looked_for() {
    let shop = Shop::start(Leak::ErrorPage);
    let [own, other] = TENANTS.map(|(_, marker)| marker);
    let probe = probe(&shop, Shape::Path).flags(&["--marker", own, "--other-marker", other]);
    let (status, report) = probe
        .flags(&["--only", "witnesses/path-of-another"])
        .report();
    assert_eq!(status, 1, "{report:#}");
    assert_eq!(report["report"]["attacks"][0]["how"], "other_marker");
}

#[test]
fn what_http2_cannot_say_is_not_run_and_nothing_is_missing() {
    let shop = Shop::start(None);
    let probe = probe(&shop, Shape::Path).flags(&["--http2"]);
    let only = [
        "--only",
        "headers/connection-strips-tenant",
        "--only",
        "tokens/none",
    ];
    let (status, report) = probe.flags(&only).report();
    assert_eq!(status, 0, "{report:#}");
    assert_eq!(ids(&report, "refused"), ["tokens/none"]);
    assert_eq!(
        ids(&report, "not run"),
        ["headers/connection-strips-tenant"]
    );
}
