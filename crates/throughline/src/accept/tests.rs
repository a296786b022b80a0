use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use throughline_core::Reason;
use throughline_core::freshness::Freshness;
use throughline_core::projection::{Member, Projection};
use throughline_jose::{KeySet, KeySource};
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::*;
use crate::fixture::World;
use crate::{ConfigError, Mode, Refused, RequestView, Rule, TrustDomain, Witness};

fn builder() -> AcceptBuilder {
    let domain = TrustDomain::new("prod.example")
        .unwrap()
        .with_keys(KeySource::set(KeySet::default()))
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
    AcceptLayer::builder(domain)
}

fn message(builder: AcceptBuilder) -> String {
    builder.build().unwrap_err().to_string()
}

/// Lower case, one line, no final period, and no Rust in it.
fn follows_the_grammar(message: &str) -> bool {
    message.starts_with(|c: char| c.is_lowercase())
        && !message.ends_with('.')
        && !message.contains(['\n', '"'])
        && !message.contains("::")
}

#[test]
fn every_mistake_of_a_configuration_has_a_message() {
    let template = || Witness::path_in("tenant", ["/t/{tenant}", "/t/{tenant}/{*rest}"]).unwrap();
    let header = || Witness::header("x-tenant").unwrap();
    for (builder, expected) in [
        (
            builder().exempt("health"),
            "exempt path `health` is unusable, expected one exact path as in `/health`",
        ),
        (
            builder().exempt("/static/*"),
            "exempt path `/static/*` is unusable, expected one exact path as in `/health`",
        ),
        (
            builder().exempt("/t/{tenant}"),
            "exempt path `/t/{tenant}` is unusable, expected one exact path as in `/health`",
        ),
        (
            builder().exempt("/health?full"),
            "exempt path `/health?full` is unusable, expected one exact path as in `/health`",
        ),
        (
            builder().with_max_bytes(0),
            "a cap of 0 bytes fits no context, expected 256 or more",
        ),
        (
            builder().exempt(""),
            "exempt path `` is unusable, expected one exact path as in `/health`",
        ),
        (
            builder().add_witness(template()).exempt("/t/health"),
            "path `/t/health` is exempt, and matches a template of the witness path parameter \
             `tenant` too, expected one or the other",
        ),
        (
            builder().exempt("/t/health/live").add_witness(template()),
            "path `/t/health/live` is exempt, and matches a template of the witness path \
             parameter `tenant` too, expected one or the other",
        ),
        (
            builder().add_witness(header()).add_witness(header()),
            "header `x-tenant` is declared twice as a witness",
        ),
        (
            builder().with_legacy_header("x_tenant"),
            "header `x_tenant` is unusable, expected `[A-Za-z0-9-]`: other names are changed or \
             merged by hops on the way",
        ),
        (
            builder().with_legacy_header("Authorization"),
            "header `Authorization` has a meaning of its own, expected a field that only names a \
             tenant",
        ),
        (
            builder().relies_on(Projection::header(Member::Tenant, "host").unwrap()),
            "header `host` has a meaning of its own, expected a field that only names a tenant",
        ),
    ] {
        let message = message(builder);
        assert_eq!(message, expected);
        assert!(follows_the_grammar(&message), "{message}");
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let message = message(
        builder()
            .exempt("health")
            .with_legacy_header("cookie")
            .add_witness(Witness::query("tenant"))
            .add_witness(Witness::query("tenant").optional()),
    );
    assert_eq!(
        message,
        "exempt path `health` is unusable, expected one exact path as in `/health`; \
         query parameter `tenant` is declared twice as a witness; \
         header `cookie` has a meaning of its own, expected a field that only names a tenant"
    );
}

// failure: X37
#[test]
fn the_stricter_of_two_requirements_is_never_lost() {
    let strict = |path: &str| Witness::path_in("tenant", [path]).unwrap();
    let lax = |path: &str| strict(path).optional();
    for (one, two) in [
        (strict("/t/{tenant}"), lax("/t/{tenant}")),
        (lax("/t/{tenant}"), strict("/t/{tenant}")),
        (strict("/t/{tenant}"), lax("/u/{tenant}")),
        (lax("/u/{tenant}"), Witness::path("tenant")),
        (
            Witness::path("tenant").about_subject(),
            strict("/t/{tenant}"),
        ),
    ] {
        assert_eq!(
            message(builder().add_witness(one).add_witness(two)),
            "path parameter `tenant` is declared twice as a witness"
        );
    }
}

// failure: X37
#[test]
fn a_thousand_builds_in_any_order_give_one_verdict() {
    let witnesses = [
        Witness::path_in("tenant", ["/t/{tenant}"]).unwrap(),
        Witness::header("x-tenant").unwrap(),
        Witness::header("X-Tenant").unwrap().optional(),
        Witness::query("tenant"),
    ];
    for seed in 0..1000 {
        let mut order = [0, 1, 2, 3];
        order.swap(seed % 4, seed / 4 % 4);
        order.swap(seed / 16 % 4, seed / 64 % 4);
        let built = |exempt: &str, skip: usize| {
            let kept = order.iter().filter(|n| **n != skip);
            kept.fold(builder().exempt(exempt), |builder, n| {
                builder.add_witness(witnesses[*n].clone())
            })
            .build()
        };
        let twice = built("/health", 9).unwrap_err().to_string();
        assert_eq!(twice, "header `x-tenant` is declared twice as a witness");
        assert_eq!(built("/health", 2).map(drop), Ok(()), "seed {seed}");
        let overlap: ConfigError = built("/t/health", 2).unwrap_err();
        assert!(
            overlap
                .to_string()
                .starts_with("path `/t/health` is exempt, and matches")
        );
    }
}

#[test]
fn a_header_may_be_witness_and_legacy_header_and_copy_at_once() {
    let layer = builder()
        .add_witness(Witness::header("x-tenant").unwrap().optional())
        .with_legacy_header("X-Tenant")
        .relies_on(Projection::header(Member::Tenant, "x-tenant").unwrap())
        .build();
    assert!(layer.is_ok());
}

#[test]
fn what_is_printed_for_people_holds_no_key() {
    let printed = format!("{:?} {:?}", builder(), builder().build().unwrap());
    assert!(printed.contains("AcceptBuilder") && printed.contains("AcceptLayer"));
    assert!(!printed.contains("token:"), "{printed}");
}

#[test]
fn a_cap_fits_a_context_from_256_bytes_on() {
    assert!(builder().with_max_bytes(256).build().is_ok());
    assert_eq!(
        message(builder().with_max_bytes(255)),
        "a cap of 255 bytes fits no context, expected 256 or more"
    );
}

#[test]
fn an_alias_of_what_is_no_tenant_is_a_mistake() {
    let alias = || {
        let known = |_: &str| throughline_core::Tenant::new("acme").ok();
        Witness::header("x-user").unwrap().with_alias(known)
    };
    assert!(builder().add_witness(alias()).build().is_ok());
    assert_eq!(
        message(builder().add_witness(alias().about_subject())),
        "header `x-user` has an alias, which names tenants, and is no witness of a tenant"
    );
}

#[tokio::test]
async fn baggage_must_arrive_where_a_member_of_it_counts_and_only_there() {
    let world = World::new();
    let token = world.issuer.mint(world.draft("acme")).unwrap();
    let plain = AcceptLayer::builder(world.domain.clone());
    let witness = Witness::baggage("tenant.id").unwrap().optional();
    let with_member = AcceptLayer::builder(world.domain.clone()).add_witness(witness);
    for (builder, expected) in [(plain, None), (with_member, Some(Reason::ContextStripped))] {
        let layer = builder.build().unwrap();
        let inner = service_fn(|_: Request<()>| async {
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        });
        let request = Request::get("/")
            .header("txn-token", &token)
            .header("connection", "baggage")
            .body(());
        let response = layer.layer(inner).oneshot(request.unwrap()).await.unwrap();
        let refused = response.extensions().get::<Refused>();
        assert_eq!(refused.map(Refused::reason), expected);
    }
}

#[test]
fn an_edge_compares_before_it_admits_as_the_layer_would() {
    let world = World::new();
    let acme = world.context("acme");
    let layer = |mode| {
        AcceptLayer::builder(world.domain.clone())
            .add_witness(Witness::header("x-tenant").unwrap())
            .exempt("/health")
            .with_mode(Rule::Witnesses, mode)
            .build()
            .unwrap()
    };
    let request = |target: &str, tenant: Option<&str>| {
        let mut request = Request::get(target);
        if let Some(tenant) = tenant {
            request = request.header("x-tenant", tenant);
        }
        request.body(()).unwrap()
    };
    let reason = |mode, target, tenant| {
        let request = request(target, tenant);
        let compared = layer(mode).compare(&RequestView::of(&request), &acme);
        compared.map_err(|refusal| refusal.reason())
    };
    let mismatch = Err(Reason::TenantMismatch);
    for (target, tenant, expected) in [
        ("/", Some("acme"), Ok(())),
        ("/", Some("globex"), mismatch),
        ("/", None, Err(Reason::WitnessMissing)),
        // An exempt route may lack a witness, and must not have another one.
        ("/health", Some("acme"), Ok(())),
        ("/health", Some("globex"), mismatch),
        ("/health", None, Ok(())),
    ] {
        assert_eq!(reason(Mode::Enforce, target, tenant), expected, "{target}");
        assert_eq!(reason(Mode::Report, target, tenant), Ok(()), "{target}");
        assert_eq!(reason(Mode::Off, target, tenant), Ok(()), "{target}");
    }
    let exempt = |target| layer(Mode::Enforce).is_exempt(&RequestView::of(&request(target, None)));
    assert!(exempt("/health") && !exempt("/") && !exempt("/health/"));
}
