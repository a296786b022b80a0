//! What stands between the catalogue and the socket.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use throughline_testing::run::network::Network;
use throughline_testing::run::{Answer, Failure, Outgoing, Sender};

use super::pace::Pace;

/// Headers by which frameworks let a request change its method.
const OVERRIDES: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Sends at its pace, and nothing that may change something unless it is allowed.
///
/// It remembers what it did not send for what it is: such an attack is none here, and no gap in what
/// is known of the service.
#[derive(Debug)]
pub(super) struct Paced<'p> {
    network: &'p Network,
    pace: &'p Pace,
    allow_changes: bool,
    unsendable: Mutex<BTreeSet<String>>,
    /// Requests that have waited for their turn already.
    admitted: AtomicUsize,
}

impl<'p> Paced<'p> {
    pub(super) fn new(network: &'p Network, pace: &'p Pace, allow_changes: bool) -> Self {
        Self {
            network,
            pace,
            allow_changes,
            unsendable: Mutex::default(),
            admitted: AtomicUsize::new(0),
        }
    }

    /// Why requests were not sent, in the words of a verdict.
    pub(super) fn into_unsendable(self) -> BTreeSet<String> {
        let unsendable = self.unsendable.into_inner();
        unsendable.unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, failure: Failure) -> Failure {
        let mut unsendable = self
            .unsendable
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unsendable.insert(failure.to_string());
        failure
    }
}

impl Sender for Paced<'_> {
    async fn send(&self, outgoing: Outgoing) -> Result<Answer, Failure> {
        if !self.allow_changes && may_change(&outgoing) {
            return Err(self.remember(Failure::Unsendable(
                "it may change something, and `--allow-changes` is not given".into(),
            )));
        }
        let take = |left: usize| left.checked_sub(1);
        let waited = self
            .admitted
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if waited.is_err()
            && let Err(stopped) = self.pace.admit().await
        {
            return Err(Failure::Stopped(stopped.to_string()));
        }
        let answer = self.network.send(outgoing).await;
        match answer {
            Ok(answer) => {
                self.pace.answered();
                Ok(answer)
            }
            Err(failure) if failure.is_unsent() => Err(self.remember(failure)),
            Err(failure) => {
                self.pace.unanswered();
                Err(failure)
            }
        }
    }

    async fn admit(&self, requests: usize) -> Result<(), Failure> {
        let admitted = self.pace.admit_together(requests as u64).await;
        admitted.map_err(|stopped| Failure::Stopped(stopped.to_string()))?;
        self.admitted.store(requests, Ordering::Relaxed);
        Ok(())
    }

    async fn abandon(&self, outgoing: Outgoing, moment: u16) {
        // A request on an open connection is written in less than that; some are dropped while
        // the service is at work on them.
        let patience = Duration::from_millis(1 + u64::from(moment));
        let _ = tokio::time::timeout(patience, self.send(outgoing)).await;
    }
}

/// Whether a method, or one that it asks to be taken for, is not safe in the sense of RFC 9110
/// §9.2.1.
fn may_change(outgoing: &Outgoing) -> bool {
    let request = &outgoing.request;
    let asked = OVERRIDES
        .iter()
        .flat_map(|name| request.headers().get_all(*name))
        .map(http::HeaderValue::as_bytes);
    let query = request.uri().query().unwrap_or_default();
    let in_query = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .filter(|(key, _)| key.eq_ignore_ascii_case("_method"))
        .map(|(_, value)| value.as_bytes());
    !is_safe(request.method().as_str().as_bytes())
        || asked.chain(in_query).any(|method| !is_safe(method))
}

/// The same of the first line of a request in a plan.
pub(super) fn line_may_change(line: &str) -> bool {
    let method = line.split(' ').next().unwrap_or_default();
    !is_safe(method.as_bytes())
}

fn is_safe(method: &[u8]) -> bool {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE];
    safe.iter()
        .any(|safe| method.eq_ignore_ascii_case(safe.as_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;

    fn outgoing(method: &str, uri: &str, line: (&str, &str)) -> Outgoing {
        let request = Request::builder().method(method).uri(uri);
        let request = request.header(line.0, line.1);
        Outgoing::new(request.body(Bytes::new()).unwrap())
    }

    #[test]
    fn what_may_change_something_is_known_by_its_method_and_by_the_one_it_asks_for() {
        for (method, uri, line) in [
            ("GET", "/", ("a", "b")),
            ("HEAD", "/?a=b", ("x-http-method-override", "get")),
            ("OPTIONS", "/?_method=GET", ("x-method-override", "HEAD")),
        ] {
            assert!(
                !may_change(&outgoing(method, uri, line)),
                "{method} {uri} {line:?}"
            );
        }
        for (method, uri, line) in [
            ("POST", "/", ("a", "b")),
            ("get", "/?_METHOD=delete", ("a", "b")),
            ("GET", "/", ("x-http-method-override", "PUT")),
            ("GET", "/?_method=DELETE", ("a", "b")),
            ("QUERY", "/", ("a", "b")),
        ] {
            assert!(
                may_change(&outgoing(method, uri, line)),
                "{method} {uri} {line:?}"
            );
        }
    }
}
