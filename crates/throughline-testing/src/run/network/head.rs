//! The head of a request as each protocol writes it, or why it cannot.

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::{Authority, Parts, PathAndQuery};
use http::{HeaderMap, HeaderValue, Request, Uri};

use super::payload::Payload;
use crate::run::Failure;

/// RFC 9113 §8.2.2: fields of one connection, which HTTP/2 does not have.
const OF_A_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The target without its host, which stands in a line of its own.
pub(super) fn for_http1(request: &mut Request<Payload>, base: &Uri) -> Result<(), Failure> {
    *request.uri_mut() = Uri::from(target(request.uri()));
    check_lengths(request)?;
    if !request.headers().contains_key(HOST) {
        let host = base.authority().map_or("", Authority::as_str);
        let host = HeaderValue::from_str(host).map_err(|_| unsendable("the host is no header"))?;
        request.headers_mut().insert(HOST, host);
    }
    let Some(trailers) = request.body().trailers() else {
        return Ok(());
    };
    // hyper writes those trailers only that were announced.
    let names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
    let names = HeaderValue::from_str(&names.join(", "))
        .map_err(|_| unsendable("its trailers cannot be announced"))?;
    let headers = request.headers_mut();
    headers.append(TRAILER, names);
    headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    Ok(())
}

/// The target with its host, which HTTP/2 has once.
pub(super) fn for_http2(request: &mut Request<Payload>, base: &Uri) -> Result<(), Failure> {
    check_lengths(request)?;
    let headers = request.headers();
    if let Some(name) = OF_A_CONNECTION
        .iter()
        .find(|name| headers.contains_key(*name))
    {
        return Err(unsendable(&format!("HTTP/2 has no `{name}`")));
    }
    if headers.get_all(TE).iter().any(|value| value != "trailers") {
        return Err(unsendable("HTTP/2 has no `te` but `trailers`"));
    }
    let authority = host(headers)?.or_else(|| base.authority().cloned());
    request.headers_mut().remove(HOST);
    let mut parts = Parts::default();
    parts.scheme = base.scheme().cloned();
    parts.authority = authority;
    parts.path_and_query = Some(target(request.uri()));
    *request.uri_mut() =
        Uri::from_parts(parts).map_err(|_| unsendable("HTTP/2 has no such target"))?;
    Ok(())
}

fn host(headers: &HeaderMap) -> Result<Option<Authority>, Failure> {
    let mut lines = headers.get_all(HOST).iter();
    let Some(first) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(unsendable("HTTP/2 has one host"));
    }
    match Authority::try_from(first.as_bytes()) {
        Ok(authority) => Ok(Some(authority)),
        Err(_) => Err(unsendable("HTTP/2 has no such host")),
    }
}

fn target(uri: &Uri) -> PathAndQuery {
    let target = uri.path_and_query().cloned();
    target.unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// hyper would repair one, and fail on the other.
fn check_lengths(request: &Request<Payload>) -> Result<(), Failure> {
    let headers = request.headers();
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(unsendable("the encoding of its body is not free"));
    }
    let length = request.body().len().to_string();
    let wrong = headers
        .get_all(CONTENT_LENGTH)
        .iter()
        .any(|value| *value != length);
    match wrong {
        true => Err(unsendable("its length is wrong")),
        false => Ok(()),
    }
}

fn unsendable(why: &str) -> Failure {
    Failure::Unsendable(why.to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn request(lines: &[(&str, &str)], trailers: HeaderMap) -> Request<Payload> {
        let mut request = Request::new(Payload::new(Bytes::new(), trailers));
        *request.uri_mut() = Uri::from_static("/t/acme?a=b");
        for (name, value) in lines {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    }

    fn base() -> Uri {
        Uri::from_static("https://orders.example:8443")
    }

    #[test]
    fn a_request_goes_to_its_host_and_else_to_the_address() {
        for (lines, host) in [
            (&[][..], "orders.example:8443"),
            (&[("host", "globex.example")][..], "globex.example"),
        ] {
            let mut one = request(lines, HeaderMap::new());
            for_http1(&mut one, &base()).unwrap();
            assert_eq!(one.headers()[HOST], host);
            assert_eq!(one.uri().to_string(), "/t/acme?a=b");

            let mut two = request(lines, HeaderMap::new());
            for_http2(&mut two, &base()).unwrap();
            assert!(!two.headers().contains_key(HOST));
            assert_eq!(two.uri().to_string(), format!("https://{host}/t/acme?a=b"));
        }
    }

    #[test]
    fn trailers_are_announced() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-tenant-id", HeaderValue::from_static("globex"));
        let mut one = request(&[], trailers);
        for_http1(&mut one, &base()).unwrap();
        assert_eq!(one.headers()[TRAILER], "x-tenant-id");
        assert_eq!(one.headers()[TRANSFER_ENCODING], "chunked");
    }

    #[test]
    fn what_would_be_dropped_or_repaired_in_silence_is_not_sent() {
        for (lines, one_too) in [
            (&[("connection", "x-tenant-id")][..], false),
            (&[("te", "gzip")], false),
            (&[("host", "a"), ("host", "b")], false),
            (&[("host", "a b")], false),
            (&[("transfer-encoding", "gzip")], true),
            (&[("content-length", "7")], true),
        ] {
            let mut two = request(lines, HeaderMap::new());
            let failure = for_http2(&mut two, &base()).unwrap_err();
            assert!(failure.is_unsent(), "{lines:?}");
            let mut one = request(lines, HeaderMap::new());
            assert_eq!(for_http1(&mut one, &base()).is_err(), one_too, "{lines:?}");
        }
        for lines in [&[("te", "trailers")], &[("content-length", "0")]] {
            for_http2(&mut request(lines, HeaderMap::new()), &base()).unwrap();
        }
    }
}
