use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use http::{HeaderValue, Request};
use throughline_core::witness::Sighting;

use super::*;
use crate::request::Peer;

fn owned(seen: Sighting<'_>) -> Sighting<'static> {
    match seen {
        Sighting::Absent => Sighting::Absent,
        Sighting::Ambiguous => Sighting::Ambiguous,
        Sighting::Oversized => Sighting::Oversized,
        Sighting::Undecodable => Sighting::Undecodable,
        Sighting::Value(value) => Sighting::Value(Cow::Owned(value.into_owned())),
    }
}

fn see<B>(witness: &Witness, request: &Request<B>) -> Sighting<'static> {
    owned(witness.see(&RequestView::of(request), &BaggageOnce::default()))
}

fn value(text: &str) -> Sighting<'static> {
    Sighting::Value(Cow::Owned(text.to_owned()))
}

fn at(target: &str) -> Request<()> {
    Request::get(target).body(()).unwrap()
}

fn with_lines(target: &str, lines: &[(&'static str, &[u8])]) -> Request<()> {
    let mut request = at(target);
    for (name, line) in lines {
        let line = HeaderValue::from_bytes(line).unwrap();
        request.headers_mut().append(*name, line);
    }
    request
}

fn message(witness: Result<Witness, ConfigError>) -> String {
    witness.unwrap_err().to_string()
}

/// A reproducible order.
fn shuffled<T: Clone>(items: &[T], mut seed: u64) -> Vec<T> {
    let mut items = items.to_vec();
    for last in (1..items.len()).rev() {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, (seed >> 33) as usize % (last + 1));
    }
    items
}

mod path_of_a_route {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::middleware::{Next, from_fn};
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    type Slot = Arc<Mutex<Option<Sighting<'static>>>>;

    /// Layers `router` with something that looks where `Accept` would look.
    fn looking(router: Router, slot: &Slot) -> Router {
        let slot = Arc::clone(slot);
        router.layer(from_fn(move |request: Request, next: Next| {
            *slot.lock().unwrap() = Some(see(&Witness::path("tenant"), &request));
            next.run(request)
        }))
    }

    async fn seen(router: impl FnOnce(&Slot) -> Router, path: &str) -> Option<Sighting<'static>> {
        let slot = Slot::default();
        let router = router(&slot);
        let request = Request::get(path).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap();
        slot.lock().unwrap().take()
    }

    fn leaf(path: &str) -> Router {
        Router::new().route(path, get(|| async {}))
    }

    #[tokio::test]
    async fn is_the_segment_that_the_handler_gets_decoded_once() {
        for (path, expected) in [
            ("/t/acme/orders", value("acme")),
            ("/t/%61cme/orders", value("acme")),
            ("/t/%2561cme/orders", value("%61cme")),
            ("/t/acme%2Fglobex/orders", value("acme/globex")),
            ("/t/acme+/orders", value("acme+")),
            ("/t/%FF/orders", Sighting::Undecodable),
            ("/t/%2e%2E/orders", Sighting::Ambiguous),
            ("/t/../orders", Sighting::Ambiguous),
        ] {
            let router = |slot: &Slot| looking(leaf("/t/{tenant}/orders"), slot);
            assert_eq!(seen(router, path).await, Some(expected), "{path}");
        }
    }

    #[tokio::test]
    async fn is_found_however_routers_are_nested_and_wherever_the_layer_sits() {
        let path = "/t/acme/orders";
        let outside =
            |slot: &Slot| looking(Router::new().nest("/t/{tenant}", leaf("/orders")), slot);
        assert_eq!(seen(outside, path).await, Some(value("acme")), "outside");
        let inside =
            |slot: &Slot| Router::new().nest("/t/{tenant}", looking(leaf("/orders"), slot));
        assert_eq!(seen(inside, path).await, Some(value("acme")), "inside");
        let inner = |slot: &Slot| Router::new().nest("/t", looking(leaf("/{tenant}/orders"), slot));
        assert_eq!(seen(inner, path).await, Some(value("acme")), "in the inner");
        let service =
            |slot: &Slot| Router::new().nest_service("/t/{tenant}", looking(leaf("/orders"), slot));
        assert_eq!(
            seen(service, path).await,
            Some(value("acme")),
            "as a service"
        );
        let deep = |slot: &Slot| {
            let inner = Router::new().nest("/{tenant}", looking(leaf("/orders"), slot));
            Router::new().nest("/a", Router::new().nest("/b", inner))
        };
        assert_eq!(seen(deep, "/a/b/acme/orders").await, Some(value("acme")));
    }

    #[tokio::test]
    async fn that_two_nested_routers_name_alike_is_ambiguous() {
        let router = |slot: &Slot| {
            let inner = leaf("/u/{tenant}/orders");
            looking(Router::new().nest("/t/{tenant}", inner), slot)
        };
        let path = "/t/acme/u/globex/orders";
        assert_eq!(seen(router, path).await, Some(Sighting::Ambiguous));
    }

    #[tokio::test]
    async fn is_absent_where_the_route_has_no_such_parameter() {
        let other = |slot: &Slot| looking(leaf("/t/{org}/orders"), slot);
        assert_eq!(seen(other, "/t/acme/orders").await, Some(Sighting::Absent));
        let rest = |slot: &Slot| looking(leaf("/t/{*tenant}"), slot);
        assert_eq!(seen(rest, "/t/acme/orders").await, Some(Sighting::Absent));
        let literal = |slot: &Slot| looking(leaf("/t/{{tenant}}"), slot);
        assert_eq!(seen(literal, "/t/{tenant}").await, Some(Sighting::Absent));
        assert_eq!(
            see(&Witness::path("tenant"), &at("/t/acme")),
            Sighting::Absent
        );
    }
}

mod path_in_templates {
    use super::*;

    fn templates() -> Witness {
        Witness::path_in(
            "tenant",
            ["/t/{tenant}/{*rest}", "/t/{tenant}", "/admin/x/{tenant}"],
        )
        .unwrap()
    }

    #[test]
    fn is_the_segment_of_whichever_template_matches() {
        for (path, expected) in [
            ("/t/acme", value("acme")),
            ("/t/acme/orders/7", value("acme")),
            ("/admin/x/acme", value("acme")),
            ("/t/%61cme?tenant=globex", value("acme")),
            ("/t/%FF", Sighting::Undecodable),
            ("/other/acme", Sighting::Absent),
            ("/t", Sighting::Absent),
            ("/t/", Sighting::Absent),
            ("/", Sighting::Absent),
        ] {
            assert_eq!(see(&templates(), &at(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_path_that_matches_only_once_it_is_tidied_is_ambiguous() {
        for path in [
            "/t//acme",
            "//t/acme",
            "/t/acme/",
            "/%74/acme",
            "/t%2Facme",
            "/x/../t/acme",
            "/x/%2e%2E/t/acme",
            "/t/acme/../globex",
            "/t/acme/./orders",
            "/t/acme/..;x/globex",
            "/t/acme/..%2fglobex",
            "/t/acme/..\\globex",
            "/t/acme/x%5c..%5c..%5cglobex",
        ] {
            let seen = see(&templates(), &at(path));
            assert_eq!(seen, Sighting::Ambiguous, "{path}");
        }
        for path in ["/t/acme/...", "/t/acme/.well-known", "/t/acme/a..b/c."] {
            assert_eq!(see(&templates(), &at(path)), value("acme"), "{path}");
        }
    }

    #[test]
    fn a_path_that_has_another_tenant_once_it_is_tidied_is_ambiguous() {
        let templates = ["/{tenant}/{x}", "/{y}/{z}/{tenant}", "/{x}/{tenant}/a/"];
        let witness = Witness::path_in("tenant", templates).unwrap();
        for path in [
            "/acme/b%2Fglobex",
            "/acme/b%2fglobex",
            "/acme/b\\globex",
            "/globex/acme/a/",
        ] {
            assert_eq!(see(&witness, &at(path)), Sighting::Ambiguous, "{path}");
        }
        for path in ["/acme/b%20c", "/acme/b%2F%2F%2Fc%2Fd", "/x/y/acme"] {
            assert_eq!(see(&witness, &at(path)), value("acme"), "{path}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong_and_what_was_expected() {
        let of = |templates: &[&str]| message(Witness::path_in("tenant", templates.to_vec()));
        for (templates, expected) in [
            (&[][..], "no path template is given for `{tenant}`"),
            (
                &["t/{tenant}"],
                "path template `t/{tenant}` is unusable, expected a path as in `/t/{tenant}`",
            ),
            (
                &["/t/{tenant}?x"],
                "path template `/t/{tenant}?x` is unusable, expected a path as in `/t/{tenant}`",
            ),
            (&["/t/{org}"], "path template `/t/{org}` has no `{tenant}`"),
            (
                &["/t/{*tenant}"],
                "path template `/t/{*tenant}` has no `{tenant}`",
            ),
            (
                &["/{tenant}/{tenant}"],
                "path template `/{tenant}/{tenant}` has `{tenant}` twice",
            ),
            (
                &["/{*rest}/{tenant}"],
                "path template `/{*rest}/{tenant}` goes on after its rest, expected the rest at \
                 the end",
            ),
            (
                &["/t/{tenant}", "/{tenant}/t"],
                "path templates `/t/{tenant}` and `/{tenant}/t` match a common path and have \
                 `{tenant}` at different places, expected one place for each path",
            ),
        ] {
            assert_eq!(of(templates), expected);
        }
        assert_eq!(
            message(Witness::path_in("", ["/{}"])),
            "the name of a path parameter is empty"
        );
    }

    #[test]
    fn templates_that_share_no_path_may_differ_in_place() {
        let apart = ["/t/{tenant}", "/{tenant}/x/y", "/u/v/{tenant}"];
        assert!(Witness::path_in("tenant", apart).is_ok());
        let rest = ["/t/{tenant}/{*rest}", "/{tenant}/t/x/y"];
        assert!(Witness::path_in("tenant", rest).is_err());
    }

    // failure: X37
    #[test]
    fn a_thousand_orders_of_declaration_give_one_verdict() {
        let good = [
            "/t/{tenant}",
            "/t/{tenant}/{*rest}",
            "/{a}/x/{tenant}",
            "/t/{tenant}/b",
        ];
        let ambiguous = [
            "/t/{tenant}",
            "/t/{tenant}/b",
            "/{a}/{tenant}/{*rest}",
            "/{tenant}/b/c",
        ];
        let paths = [
            "/t/acme",
            "/t/acme/b",
            "/t/acme/b/c",
            "/u/x/acme",
            "/u/y/acme",
        ];
        let first: Vec<_> = {
            let witness = Witness::path_in("tenant", good);
            let Err(refused) = witness else {
                panic!("`/t/{{tenant}}/{{*rest}}` and `/{{a}}/x/{{tenant}}` overlap")
            };
            assert!(refused.to_string().contains("match a common path"));
            let good = good.iter().filter(|template| !template.starts_with("/{a}"));
            let good: Vec<&str> = good.copied().collect();
            let verdicts = |templates: Vec<&str>| -> Vec<_> {
                let witness = Witness::path_in("tenant", templates).unwrap();
                paths.iter().map(|path| see(&witness, &at(path))).collect()
            };
            let first = verdicts(good.clone());
            for seed in 0..1000 {
                assert_eq!(verdicts(shuffled(&good, seed)), first, "seed {seed}");
            }
            first
        };
        assert_eq!(first[0], value("acme"));
        assert_eq!(first[3], Sighting::Absent);
        let error = message(Witness::path_in("tenant", ambiguous));
        for seed in 0..1000 {
            let again = message(Witness::path_in("tenant", shuffled(&ambiguous, seed)));
            assert_eq!(again, error, "seed {seed}");
        }
    }
}

#[test]
fn a_path_segment_is_counted_from_0_and_decoded_once() {
    for (index, path, expected) in [
        (1, "/t/acme", value("acme")),
        (0, "/t/acme", value("t")),
        (1, "/t/acme/", value("acme")),
        (1, "/t/%61cme/x", value("acme")),
        (1, "/t/%2561cme", value("%61cme")),
        (1, "/t/%C3%A9", value("é")),
        (1, "/t/%E9", Sighting::Undecodable),
        (1, "/t", Sighting::Absent),
        (1, "/t/", Sighting::Absent),
        (0, "/", Sighting::Absent),
        (2, "/t/acme", Sighting::Absent),
        (1, "//acme", Sighting::Ambiguous),
        (1, "/t//acme", Sighting::Ambiguous),
        (0, "//t/acme", Sighting::Ambiguous),
        (1, "/t/acme//x", value("acme")),
        (1, "/t/acme/../globex", Sighting::Ambiguous),
        (1, "/t/acme%2F..%2Fglobex", Sighting::Ambiguous),
        (1, "/t%2Fglobex/acme", Sighting::Ambiguous),
        (1, "/t%5Cglobex/acme", Sighting::Ambiguous),
        (1, "/t\\globex/acme", Sighting::Ambiguous),
        (1, "/t%20globex/acme/x%2Fy", value("acme")),
        (usize::MAX, "/t/acme", Sighting::Absent),
    ] {
        let seen = see(&Witness::path_segment(index), &at(path));
        assert_eq!(seen, expected, "segment {index} of {path}");
    }
}

#[test]
fn a_header_is_one_line_of_visible_ascii() {
    let witness = Witness::header("X-Tenant").unwrap();
    for (lines, expected) in [
        (&[][..], Sighting::Absent),
        (&[&b"acme"[..]], value("acme")),
        (&[b"acme", b"acme"], Sighting::Ambiguous),
        (&[b"acme", b"globex"], Sighting::Ambiguous),
        (&[b"acme, globex"], Sighting::Ambiguous),
        (&[b"acme,"], Sighting::Ambiguous),
        (&[b""], Sighting::Undecodable),
        (&[b"caf\xe9"], Sighting::Undecodable),
        (&[b"acme globex"], Sighting::Undecodable),
        (&[b"acme\t"], Sighting::Undecodable),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| ("x-tenant", *line)).collect();
        let seen = see(&witness, &with_lines("/", &lines));
        assert_eq!(seen, expected, "{lines:?}");
    }
}

#[test]
fn headers_that_others_need_or_respell_cannot_be_witnesses() {
    for name in [
        "x_tenant",
        "x.tenant",
        "",
        "x tenant",
        "x-ténant",
        "x-tenant:",
    ] {
        assert_eq!(
            message(Witness::header(name)),
            format!(
                "header `{name}` is unusable, expected `[A-Za-z0-9-]`: other names are changed or \
                 merged by hops on the way"
            )
        );
    }
    for name in [
        "Host",
        "authorization",
        "Txn-Token",
        "cookie",
        "x-forwarded-host",
        "baggage",
    ] {
        assert_eq!(
            message(Witness::header(name)),
            format!(
                "header `{name}` has a meaning of its own, expected a field that only names a \
                 tenant"
            )
        );
    }
}

mod host {
    use super::*;

    #[test]
    fn is_read_without_port_case_and_final_dot() {
        for (host, expected) in [
            ("acme", value("acme")),
            ("acme.example", value("acme.example")),
            ("ACME.Example", value("acme.example")),
            ("acme.example:8080", value("acme.example")),
            ("acme.example:", value("acme.example")),
            ("acme.example.", value("acme.example")),
            ("acme.example.:443", value("acme.example")),
            ("192.0.2.1:80", value("192.0.2.1")),
            ("[::1]", Sighting::Undecodable),
            ("[::1]:80", Sighting::Undecodable),
            ("[2001:db8::acme]", Sighting::Undecodable),
            ("::1", Sighting::Undecodable),
            ("acme@globex.example", Sighting::Undecodable),
            ("globex:80@acme.example", Sighting::Undecodable),
            ("acme.example:http", Sighting::Undecodable),
            ("acme.example:80:80", Sighting::Undecodable),
            ("acme.example, globex.example", Sighting::Undecodable),
            ("acme.example..", Sighting::Undecodable),
            (".acme.example", Sighting::Undecodable),
            ("acme..example", Sighting::Undecodable),
            ("acme%2eexample", Sighting::Undecodable),
            ("acme.example/globex", Sighting::Undecodable),
            ("", Sighting::Undecodable),
            (".", Sighting::Undecodable),
            (":80", Sighting::Undecodable),
        ] {
            let request = with_lines("/", &[("host", host.as_bytes())]);
            assert_eq!(see(&Witness::host(), &request), expected, "{host}");
        }
        let bytes = with_lines("/", &[("host", b"caf\xe9.example")]);
        assert_eq!(see(&Witness::host(), &bytes), Sighting::Undecodable);
        assert_eq!(see(&Witness::host(), &at("/")), Sighting::Absent);
    }

    #[test]
    fn authority_and_host_field_are_one_host_or_none() {
        let absolute = "http://acme.example/";
        let host = |host: &'static str| with_lines(absolute, &[("host", host.as_bytes())]);
        assert_eq!(see(&Witness::host(), &at(absolute)), value("acme.example"));
        for same in ["acme.example", "ACME.example:80", "acme.example."] {
            assert_eq!(see(&Witness::host(), &host(same)), value("acme.example"));
        }
        let other = host("globex.example");
        assert_eq!(see(&Witness::host(), &other), Sighting::Ambiguous);
        let broken = host("acme@acme.example");
        assert_eq!(see(&Witness::host(), &broken), Sighting::Undecodable);
        let userinfo = at("http://acme@globex.example/");
        assert_eq!(see(&Witness::host(), &userinfo), Sighting::Undecodable);
    }

    #[test]
    fn a_second_host_line_is_ambiguous_even_when_it_says_the_same() {
        for second in ["acme.example", "globex.example"] {
            let lines: [(_, &[u8]); 2] = [("host", b"acme.example"), ("host", second.as_bytes())];
            let request = with_lines("/", &lines);
            assert_eq!(see(&Witness::host(), &request), Sighting::Ambiguous);
        }
    }

    #[test]
    fn a_subdomain_is_the_one_label_in_front_of_its_domain() {
        let witness = Witness::subdomain_of("Tenants.Example").unwrap();
        for (host, expected) in [
            ("acme.tenants.example", value("acme")),
            ("ACME.tenants.EXAMPLE:443", value("acme")),
            ("acme.tenants.example.", value("acme")),
            ("acme.tenants.example..", Sighting::Undecodable),
            (".tenants.example", Sighting::Undecodable),
            ("a.b.tenants.example", Sighting::Undecodable),
            ("tenants.example", Sighting::Absent),
            ("acmetenants.example", Sighting::Absent),
            ("acme.tenants.example.globex.test", Sighting::Absent),
            ("gateway.internal", Sighting::Absent),
        ] {
            let request = with_lines("/", &[("host", host.as_bytes())]);
            assert_eq!(see(&witness, &request), expected, "{host}");
        }
        for domain in [
            "",
            ".",
            "tenants.example:80",
            ".tenants.example",
            "tenants.example.",
            "é",
        ] {
            assert_eq!(
                message(Witness::subdomain_of(domain)),
                format!(
                    "domain `{domain}` is not a host name, expected labels of `[A-Za-z0-9-]` \
                     without port"
                )
            );
        }
    }

    fn forwarded(peer: Option<&str>, lines: &[(&'static str, &[u8])]) -> Sighting<'static> {
        let proxies = [
            "10.0.0.0/8",
            "192.0.2.7",
            "2001:db8::/32",
            "::ffff:198.51.100.0/120",
        ];
        let witness = Witness::host().behind_proxies(proxies).unwrap();
        let mut request = with_lines("/", lines);
        if let Some(peer) = peer {
            let peer: IpAddr = peer.parse().unwrap();
            request.extensions_mut().insert(Peer(peer));
        }
        see(&witness, &request)
    }

    // failure: H7
    #[test]
    fn a_forwarded_host_counts_only_when_a_listed_proxy_sends_it() {
        let lines: [(_, &[u8]); 2] = [
            ("host", b"gateway.internal"),
            ("x-forwarded-host", b"acme.example"),
        ];
        for proxy in [
            "10.1.2.3",
            "192.0.2.7",
            "2001:db8::1",
            "::ffff:10.1.2.3",
            "::ffff:192.0.2.7",
            "198.51.100.9",
            "::ffff:198.51.100.9",
        ] {
            let seen = forwarded(Some(proxy), &lines);
            assert_eq!(seen, value("acme.example"), "{proxy}");
        }
        for stranger in [
            "11.0.0.1",
            "192.0.2.8",
            "2001:db9::1",
            "::ffff:11.0.0.1",
            "::1",
        ] {
            let seen = forwarded(Some(stranger), &lines);
            assert_eq!(seen, value("gateway.internal"), "{stranger}");
        }
        assert_eq!(forwarded(None, &lines), value("gateway.internal"));
    }

    #[test]
    fn what_a_proxy_forwards_is_one_host_and_never_replaced_by_its_own() {
        let proxy = Some("10.0.0.1");
        let host: (_, &[u8]) = ("host", b"acme.example");
        assert_eq!(forwarded(proxy, &[host]), Sighting::Absent);
        let list: (_, &[u8]) = ("x-forwarded-host", b"acme.example, globex.example");
        assert_eq!(forwarded(proxy, &[host, list]), Sighting::Undecodable);
        let one: (_, &[u8]) = ("x-forwarded-host", b"acme.example");
        assert_eq!(forwarded(proxy, &[host, one, one]), Sighting::Ambiguous);
    }

    #[test]
    fn proxies_are_addresses_of_a_witness_of_the_host() {
        assert_eq!(
            message(Witness::host().behind_proxies(["10.0.0.0/8", "gateway.internal"])),
            "proxy `gateway.internal` is not an address or network, expected as in `10.0.0.0/8`"
        );
        assert_eq!(
            message(Witness::query("tenant").behind_proxies(["10.0.0.0/8"])),
            "query parameter `tenant` cannot be behind proxies, expected a witness of the host"
        );
    }

    #[test]
    fn the_peer_of_an_axum_connection_is_known() {
        let witness = Witness::host().behind_proxies(["10.0.0.0/8"]).unwrap();
        let lines: [(_, &[u8]); 2] = [("host", b"gateway"), ("x-forwarded-host", b"acme")];
        let mut request = with_lines("/", &lines);
        let peer = std::net::SocketAddr::from(([10, 0, 0, 1], 9));
        let info = axum::extract::ConnectInfo(peer);
        request.extensions_mut().insert(info);
        assert_eq!(see(&witness, &request), value("acme"));
    }
}

// failure: X5
#[test]
fn a_query_parameter_that_two_parsers_read_differently_is_ambiguous() {
    let witness = Witness::query("tenant");
    for (query, expected) in [
        ("tenant=acme", value("acme")),
        ("a=1&tenant=acme&b=2", value("acme")),
        ("tenant=%61cme", value("acme")),
        ("%74enant=acme", value("acme")),
        ("tenant=%2561cme", value("%61cme")),
        ("tenant=a+b", value("a b")),
        ("q=a;b&tenant=acme", value("acme")),
        ("tenants=globex&xtenant=globex&tenant=acme", value("acme")),
        ("", Sighting::Absent),
        ("tenant2=acme", Sighting::Absent),
        ("x=tenant", Sighting::Absent),
        ("tenant", Sighting::Undecodable),
        ("tenant=", Sighting::Undecodable),
        ("tenant=%FF", Sighting::Undecodable),
        ("tenant=acme&tenant=globex", Sighting::Ambiguous),
        ("tenant=globex&tenant=acme", Sighting::Ambiguous),
        ("tenant=acme&tenant=acme", Sighting::Ambiguous),
        ("tenant=acme&tenant", Sighting::Ambiguous),
        ("tenant=acme&%74enant=globex", Sighting::Ambiguous),
        ("tenant=acme;tenant=globex", Sighting::Ambiguous),
        ("tenant=acme;x=1", Sighting::Ambiguous),
        ("x=1;tenant=acme", Sighting::Ambiguous),
        ("x=1;tenant=globex&tenant=acme", Sighting::Ambiguous),
        ("tenant[]=acme", Sighting::Ambiguous),
        ("tenant=acme&tenant[]=globex", Sighting::Ambiguous),
        ("tenant=acme&tenant%5B0%5D=globex", Sighting::Ambiguous),
        ("tenant=acme&TENANT=globex", Sighting::Ambiguous),
        ("Tenant=acme", Sighting::Ambiguous),
        ("tenant=acme&+tenant=globex", Sighting::Ambiguous),
        ("tenant=acme&tenant%00x=globex", Sighting::Ambiguous),
    ] {
        let seen = see(&witness, &at(&format!("/orders?{query}")));
        assert_eq!(seen, expected, "{query}");
    }
    let witness = Witness::query("tenant_id");
    for query in ["tenant_id=a&tenant.id=b", "tenant_id=a&tenant-id=b"] {
        let seen = see(&witness, &at(&format!("/?{query}")));
        assert_eq!(seen, Sighting::Ambiguous, "{query}");
    }
}

mod baggage {
    use super::*;

    fn seen(lines: &[&[u8]]) -> Sighting<'static> {
        let lines: Vec<_> = lines.iter().map(|line| ("baggage", *line)).collect();
        see(
            &Witness::baggage("tenant").unwrap(),
            &with_lines("/", &lines),
        )
    }

    // failure: B5
    #[test]
    fn every_line_is_read_in_any_order() {
        assert_eq!(seen(&[b"trace=1", b"tenant=acme"]), value("acme"));
        assert_eq!(seen(&[b"tenant=acme", b"trace=1"]), value("acme"));
        assert_eq!(seen(&[b"a=1,tenant=org%3Aacme", b"b=2"]), value("org:acme"));
        assert_eq!(seen(&[b"trace=1"]), Sighting::Absent);
        assert_eq!(seen(&[]), Sighting::Absent);
    }

    // failure: B7
    #[test]
    fn a_second_member_of_the_key_is_ambiguous() {
        for lines in [
            &[&b"tenant=acme,tenant=globex"[..]][..],
            &[b"tenant=globex,tenant=acme"],
            &[b"tenant=acme,tenant=acme"],
            &[b"tenant=acme", b"tenant=globex"],
            &[b"tenant=acme,TENANT=globex"],
            &[b"tenant=acme,%74enant=globex"],
            &[b"tenant=acme;tenant=globex"],
        ] {
            assert_eq!(seen(lines), Sighting::Ambiguous, "{lines:?}");
        }
    }

    // failure: B8
    #[test]
    fn size_is_bounded_before_anything_is_parsed() {
        let mut huge = b"tenant=acme".to_vec();
        huge.resize(1024 * 1024, b'x');
        assert_eq!(seen(&[&huge]), Sighting::Oversized);
        let fits = [b"tenant=acme,pad=".to_vec(), vec![b'x'; 8192 - 16]].concat();
        assert_eq!(seen(&[&fits]), value("acme"), "8192 bytes");
        let over = [&fits[..], b"x"].concat();
        assert_eq!(seen(&[&over]), Sighting::Oversized, "8193 bytes");
        let members = vec!["a=1"; 64].join(",") + ",tenant=acme";
        assert_eq!(
            seen(&[members.as_bytes()]),
            Sighting::Oversized,
            "65 members"
        );
    }

    #[test]
    fn a_value_that_is_empty_or_no_text_is_undecodable() {
        assert_eq!(seen(&[b"tenant="]), Sighting::Undecodable);
        assert_eq!(seen(&[b"tenant"]), Sighting::Undecodable);
        assert_eq!(seen(&[b"tenant=%ff"]), Sighting::Undecodable);
        assert_eq!(seen(&[b"tenant=caf\xe9"]), Sighting::Undecodable);
    }

    #[test]
    fn keys_that_others_respell_are_refused() {
        for key in ["", "Tenant", "tenant_id", "tenant id", &"x".repeat(65)] {
            assert_eq!(
                message(Witness::baggage(key)),
                format!(
                    "baggage key `{key}` is unusable as a witness, expected 1 to 64 bytes of \
                     `[a-z0-9.-]`"
                )
            );
        }
    }

    #[test]
    fn is_parsed_once_however_many_ask() {
        let request = with_lines("/", &[("baggage", b"tenant=acme,user=ada")]);
        let view = RequestView::of(&request);
        let baggage = BaggageOnce::default();
        assert_eq!(baggage.member(&view, "tenant"), value("acme"));
        assert_eq!(baggage.member(&view, "user"), value("ada"));
    }
}

#[test]
fn a_custom_witness_sees_the_request_as_it_arrived() {
    let witness = Witness::custom("method", |request: &RequestView<'_>| {
        Sighting::Value(Cow::Owned(format!(
            "{} {}",
            request.method(),
            request.uri().path()
        )))
    });
    assert_eq!(see(&witness, &at("/t/acme")), value("GET /t/acme"));
    assert_eq!(witness.rule.place().to_string(), "witness `method`");
}
