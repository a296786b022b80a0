//! A cache that others share: it stores what it may (RFC 9111 §3), and no more.

use std::collections::HashMap;

use axum::body::Body;
use http::Response;

use super::{Answer, App, Handler, How, Mint, bearer, get, send, usual};

/// A shared cache as RFC 9111 wants it, in front of a service: it stores what `Cache-Control` lets a
/// shared cache store, by the address and whatever `Vary` names. It ignores `Authorization`, as
/// CDNs do that are told to.
struct SharedCache<'a> {
    app: &'a App,
    stored: HashMap<String, (String, Vec<(String, String)>)>,
    hits: usize,
}

impl<'a> SharedCache<'a> {
    fn before(app: &'a App) -> Self {
        Self {
            app,
            stored: HashMap::new(),
            hits: 0,
        }
    }

    async fn get(&mut self, target: &str, lines: &[(&str, &str)]) -> String {
        let sent = |name: &str| {
            let found = lines
                .iter()
                .find(|(line, _)| line.eq_ignore_ascii_case(name));
            found
                .map(|(_, value)| (*value).to_owned())
                .unwrap_or_default()
        };
        if let Some((text, varied)) = self.stored.get(target)
            && varied.iter().all(|(name, value)| sent(name) == *value)
        {
            self.hits += 1;
            return text.clone();
        }
        let answer = send(self.app, get(target, lines)).await;
        if may_store(&answer) {
            let names = answer.headers.get_all("vary").iter();
            let names = names.flat_map(|line| line.to_str().unwrap().split(','));
            let varied = names
                .map(|name| name.trim())
                .map(|name| (name.to_owned(), sent(name)));
            let varied = varied.collect();
            self.stored
                .insert(target.to_owned(), (answer.text.clone(), varied));
        }
        answer.text
    }
}

/// RFC 9111 §3, and RFC 9213 for a CDN.
fn may_store(answer: &Answer) -> bool {
    let directives = |name: &str| -> Vec<String> {
        let lines = answer.headers.get_all(name).iter();
        let directives = lines.flat_map(|line| line.to_str().unwrap().split(','));
        directives
            .map(|it| it.trim().to_ascii_lowercase())
            .collect()
    };
    let targeted = directives("cdn-cache-control");
    let all = match targeted.is_empty() {
        true => directives("cache-control"),
        false => targeted,
    };
    let says = |name: &str| {
        all.iter()
            .any(|it| it == name || it.starts_with(&format!("{name}=")))
    };
    let no_store = says("no-store") && !says("must-understand");
    let allowed = says("public") || says("s-maxage") || says("max-age") || says("must-revalidate");
    answer.status.is_success() && !no_store && !says("private") && allowed
}

/// Answers with the tenant, and says these words about caching.
fn echoing(words: &'static [(&'static str, &'static str)]) -> Handler {
    Handler::responding(move |request| {
        let context = throughline::admitted(request.extensions());
        let tenant = context.map_or("nobody".to_owned(), |context| {
            context.tenant().unwrap().to_string()
        });
        let mut response = Response::new(Body::from(tenant));
        for (name, value) in words {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        response
    })
}

// failure: C4
#[tokio::test]
async fn a_shared_cache_hands_nobody_the_response_of_another_tenant() {
    let mint = Mint::new(How::AtOnce);
    for words in [
        &[][..],
        &[("cache-control", "public, max-age=600")],
        &[
            ("cache-control", "max-age=600"),
            ("cache-control", "s-maxage=600"),
        ],
        &[("cache-control", "no-store, must-understand, max-age=600")],
        &[("cdn-cache-control", "max-age=600")],
        &[
            ("cache-control", "private"),
            ("cdn-cache-control", "public, max-age=600"),
        ],
        &[("cache-control", "public, max-age=600"), ("vary", "accept")],
    ] {
        let handler = echoing(words);
        for (front, app) in usual(&mint, &handler) {
            let mut cache = SharedCache::before(&app);
            for tenant in ["acme", "globex", "acme"] {
                let text = cache
                    .get("/orders", &[("authorization", &bearer(tenant))])
                    .await;
                assert_eq!(text, tenant, "{front}: {words:?}");
            }
            assert_eq!(
                (cache.hits, cache.stored.len()),
                (0, 0),
                "{front}: {words:?}"
            );
        }
    }
}

// The cache of the test would hand it on: what is asserted above is not its kindness.
#[tokio::test]
async fn the_cache_of_this_test_stores_what_is_public() {
    let handler = echoing(&[("cache-control", "public, max-age=600")]);
    let served = handler.clone();
    let inner = tower::service_fn(move |request| {
        let handler = served.clone();
        async move { Ok::<_, std::convert::Infallible>(handler.run(request).await) }
    });
    let app = tower::util::BoxCloneSyncService::new(inner);
    let mut cache = SharedCache::before(&app);
    for _ in 0..2 {
        let text = cache.get("/orders", &[("authorization", "Bearer x")]).await;
        assert_eq!(text, "nobody");
    }
    assert_eq!((cache.hits, handler.runs()), (1, 1));
}
