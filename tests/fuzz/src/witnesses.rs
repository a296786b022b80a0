//! A request, and what a witness of its path, host or query lets through.
//!
//! The first line of the input is a byte that says which witness, and its argument; the second is
//! the request target; further lines are `Host` fields.
//!
//! | byte | witness | argument |
//! |---|---|---|
//! | `p` | `path_in("tenant", …)` | templates, separated by blanks |
//! | `a` | `path("tenant")`, behind axum's own router | – |
//! | `s` | `path_segment` | a digit |
//! | `q` | `query` | the name |
//! | `h` | `subdomain_of` | the domain |
//! | any other | `host` | – |
//!
//! Oracles:
//!
//! 1. A request that names a tenant is admitted for that one only, whoever sends it.
//! 2. No reader behind us finds another tenant: one that decodes first, that merges slashes, that
//!    drops dot segments, that takes the first of several values, or the last.
//! 3. axum's handler gets the very parameter that was compared.
//! 4. Allocation stays within [`BUDGET`].

use std::borrow::Cow;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query};
use axum::response::{Extension, IntoResponse};
use axum::routing::any;
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use percent_encoding::percent_decode_str;
use throughline::{AcceptLayer, TenantContext, TrustDomain, Witness};
use throughline_core::Tenant;
use throughline_core::time::Timestamp;
use tower_service::Service as _;

use crate::allocations::Budget;
use crate::service::{Answer, call};
use crate::world::{NOW, WORLD};

/// For one request through a layer with one witness.
pub const BUDGET: Budget = Budget {
    per_byte: 16,
    fixed: 8 * 1024,
};

/// Has seen both tokens, and never another: what is asked here is what stands beside a token.
static DOMAIN: LazyLock<TrustDomain> = LazyLock::new(|| {
    let domain = WORLD.domain();
    for token in [&WORLD.acme, &WORLD.globex] {
        let verified = domain.verify_at(token.as_bytes(), Timestamp::from_unix(NOW));
        assert!(verified.is_ok(), "an honest token is accepted");
    }
    domain
});

/// One input.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let (Some(first), Some(Ok(uri))) = (lines.next(), lines.next().map(str::parse::<Uri>)) else {
        return;
    };
    let Some(hosts) = lines
        .map(|line| HeaderValue::from_str(line).ok())
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let (form, argument) = match first.chars().next() {
        Some(form) => (form, &first[form.len_utf8()..]),
        None => return,
    };
    let request = |token: &str| {
        let mut request = Request::new(());
        *request.uri_mut() = uri.clone();
        for host in &hosts {
            request.headers_mut().append(HOST, host.clone());
        }
        let token = HeaderValue::from_str(token).expect("a token is a field value");
        request.headers_mut().insert("txn-token", token);
        request
    };
    if form == 'a' {
        return behind_axum(&request);
    }
    let templates: Vec<&str> = argument.split(' ').collect();
    let witness = match form {
        'p' => Witness::path_in("tenant", templates.iter().copied()),
        's' => Ok(Witness::path_segment(segment_index(argument))),
        'q' => Ok(Witness::query(argument)),
        'h' => Witness::subdomain_of(argument),
        _ => Ok(Witness::host()),
    };
    let Ok(witness) = witness else { return };
    let layer = AcceptLayer::builder(DOMAIN.clone()).add_witness(witness);
    let layer = layer.build().expect("one witness is no contradiction");

    let mut admitted = Vec::new();
    for token in [&WORLD.acme, &WORLD.globex] {
        let request = request(token);
        let len = data.len() + token.len();
        if let Answer::Admitted { tenant, .. } = BUDGET.hold(len, || call(&layer, request)) {
            admitted.extend(tenant);
        }
    }
    let tenant = match admitted.as_slice() {
        [] => return,
        [tenant] => tenant,
        _ => {
            assert!(admitted.len() < 2, "admitted for two tenants");
            return;
        }
    };
    let found = match form {
        'p' => in_paths(uri.path(), |path| {
            let places = templates.iter().map(|template| parameter(template, path));
            places.flatten().map(str::to_owned).collect()
        }),
        's' => in_paths(uri.path(), |path| {
            let segments = path.strip_prefix('/').unwrap_or(path).split('/');
            let found = segments.skip(segment_index(argument)).take(1);
            found.map(str::to_owned).collect()
        }),
        'q' => in_query(&uri, argument),
        'h' => in_hosts(&uri, &hosts, Some(argument)),
        _ => in_hosts(&uri, &hosts, None),
    };
    for found in &found {
        let is_other = Tenant::new(found).is_ok() && found != tenant;
        assert!(
            !is_other,
            "admitted for `{tenant}`, a reader finds `{found}`"
        );
    }
    assert!(
        found.contains(tenant),
        "no reader finds `{tenant}`: {found:?}"
    );
}

fn segment_index(argument: &str) -> usize {
    argument.parse::<u8>().unwrap_or_default().into()
}

/// What `read` finds in a path as it is, and in what a service behind us could make of it first.
fn in_paths(path: &str, read: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let merged = |text: &str| {
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        format!("/{}", parts.join("/"))
    };
    // A router matches what arrived, and hands the decoded parameter to the handler.
    let mut found: Vec<String> = read(path).iter().map(|found| decoded(found)).collect();
    for tidied in [
        merged(path),
        without_dots(path),
        decoded(path),
        merged(&decoded(path)),
        without_dots(&decoded(path)),
        without_dots(&decoded(path).replace('\\', "/")),
    ] {
        found.extend(read(&tidied));
        found.extend(read(&tidied).iter().map(|found| decoded(found)));
    }
    found
}

/// RFC 3986 §5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment.split(';').next() {
            Some(".") => {}
            Some("..") => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// The parameter `tenant` of a template that matches.
fn parameter<'p>(template: &str, path: &'p str) -> Option<&'p str> {
    let mut segments = path.strip_prefix('/')?.split('/');
    let mut found = None;
    for part in template.strip_prefix('/')?.split('/') {
        let segment = segments.next()?;
        let is_parameter = part.starts_with('{') && part.ends_with('}');
        match part {
            "{tenant}" => found = Some(segment).filter(|segment| !segment.is_empty()),
            _ if is_parameter && part.starts_with("{*") => {
                return found.filter(|_| !segment.is_empty());
            }
            _ if is_parameter && !segment.is_empty() => {}
            _ if part == segment => {}
            _ => return None,
        }
    }
    found.filter(|_| segments.next().is_none())
}

/// The values of a query parameter: by axum, and by readers that know `;` and ignore case.
fn in_query(uri: &Uri, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Ok(Query(pairs)) = Query::<Vec<(String, String)>>::try_from_uri(uri) {
        found.extend(pairs.into_iter().filter(|(key, _)| key == name));
    }
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    let query = uri.query().unwrap_or_default();
    for pair in query.split(['&', ';']) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decoded(key);
        if key.trim().eq_ignore_ascii_case(name) || key.split('[').next() == Some(name) {
            found.push((key, decoded(value)));
        }
    }
    found.into_iter().map(|(_, value)| value).collect()
}

/// The host of every place that has one; the label in front of `domain`, where there is one.
fn in_hosts(uri: &Uri, hosts: &[HeaderValue], domain: Option<&str>) -> Vec<String> {
    let authority = uri.authority().map(|authority| authority.as_str());
    let fields = hosts.iter().filter_map(|host| host.to_str().ok());
    let mut found = Vec::new();
    for host in authority
        .into_iter()
        .chain(fields)
        .flat_map(|host| host.split(','))
    {
        let host = host.trim().rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let label = match domain {
            Some(domain) => host
                .strip_suffix(&domain.to_ascii_lowercase())
                .and_then(|rest| rest.strip_suffix('.'))
                .map(Cow::Borrowed),
            None => Some(Cow::Borrowed(host.as_str())),
        };
        found.extend(label.map(Cow::into_owned));
    }
    found
}

/// What the handler of an axum router was given: the admitted tenant and the parameter.
#[derive(Clone)]
struct Given(String, Option<String>);

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    async fn handler(
        context: TenantContext,
        Path(parameters): Path<HashMap<String, String>>,
    ) -> impl IntoResponse {
        let parameter = parameters.get("tenant").cloned();
        Extension(Given(context.tenant().as_str().to_owned(), parameter))
    }
    let layer = AcceptLayer::builder(DOMAIN.clone()).add_witness(Witness::path("tenant"));
    let layer = layer.build().expect("one witness is no contradiction");
    Router::new()
        .route("/t/{tenant}/orders", any(handler))
        .route("/t/{tenant}/files/{*rest}", any(handler))
        .route("/r/{region}/{tenant}", any(handler))
        .route("/r/{region}/{tenant}/", any(handler))
        .nest("/v1/{tenant}", Router::new().route("/x/{id}", any(handler)))
        .layer(layer)
});

fn behind_axum(request: &dyn Fn(&str) -> Request<()>) {
    let mut admitted = 0;
    for token in [&WORLD.acme, &WORLD.globex] {
        let mut router = ROUTER.clone();
        let request = request(token).map(|()| Body::empty());
        let answer = pin!(router.call(request)).poll(&mut Context::from_waker(Waker::noop()));
        let answer = match answer {
            Poll::Ready(Ok(answer)) => Some(answer),
            Poll::Pending => None,
        };
        let answer = answer.expect("a hop does not wait");
        let Some(Given(tenant, parameter)) = answer.extensions().get::<Given>() else {
            continue;
        };
        assert_eq!(Some(tenant), parameter.as_ref(), "axum hands out another");
        admitted += 1;
    }
    assert!(admitted < 2, "admitted for two tenants");
}
