//! Which protocol a request speaks, and so in which form it is refused.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request};

/// The protocol a request speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC: a refusal is a `grpc-status` in a response without a body ("Trailers-Only" of the gRPC
    /// specification), as a client that sees no status maps the bare HTTP code to something else.
    Grpc,
    /// gRPC-Web: as gRPC, in its own content type.
    GrpcWeb,
    /// Plain HTTP: a refusal is problem details.
    #[default]
    Http,
}

impl Protocol {
    /// The protocol of a request, by its method and content type: gRPC is sent with `POST`, and
    /// whatever else claims to be gRPC is refused as plain HTTP, with a status that no cache takes
    /// for success.
    #[must_use]
    pub fn of_request<B>(request: &Request<B>) -> Self {
        if request.method() == Method::POST {
            Self::of(request.headers())
        } else {
            Self::Http
        }
    }

    /// The protocol of a `POST` request with these fields, by its content type.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let declared = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
        let rest = declared.and_then(|value| {
            let (head, rest) = value.split_at_checked(b"application/grpc".len())?;
            head.eq_ignore_ascii_case(b"application/grpc")
                .then_some(rest)
        });
        match rest.map(|rest| rest.first()) {
            Some(Some(b'-')) => Self::GrpcWeb,
            Some(None | Some(b'+' | b';' | b' ')) => Self::Grpc,
            Some(Some(_)) | None => Self::Http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_tells_grpc_from_http() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            Protocol::of(&headers)
        };
        for value in [
            "application/grpc",
            "application/grpc+proto",
            "Application/gRPC; x=y",
        ] {
            assert_eq!(of(value), Protocol::Grpc, "{value}");
        }
        for value in [
            "application/grpc-web",
            "application/gRPC-Web+proto",
            "application/grpc-web-text",
        ] {
            assert_eq!(of(value), Protocol::GrpcWeb, "{value}");
        }
        for value in [
            "application/json",
            "application/grpcx",
            "text/plain",
            "application/grp",
        ] {
            assert_eq!(of(value), Protocol::Http, "{value}");
        }
        assert_eq!(Protocol::of(&HeaderMap::new()), Protocol::Http);
    }

    #[test]
    fn only_a_post_is_grpc() {
        for (method, expected) in [
            (Method::POST, Protocol::Grpc),
            (Method::GET, Protocol::Http),
            (Method::HEAD, Protocol::Http),
            (Method::OPTIONS, Protocol::Http),
        ] {
            let request = Request::builder()
                .method(&method)
                .header(CONTENT_TYPE, "application/grpc")
                .body(())
                .unwrap();
            assert_eq!(Protocol::of_request(&request), expected, "{method}");
        }
    }
}
