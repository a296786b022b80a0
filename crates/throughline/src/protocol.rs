//! Which protocol a request speaks, and so in which form it is refused.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The protocol a request speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC or gRPC-Web: a refusal is a `grpc-status` in a response without a body
    /// ("Trailers-Only" of the gRPC specification), as a client that sees no status maps the bare
    /// HTTP code to something else.
    Grpc,
    /// Plain HTTP: a refusal is problem details.
    #[default]
    Http,
}

impl Protocol {
    /// The protocol of a request with these fields, by its content type.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let declared = headers.get(CONTENT_TYPE).map(|value| value.as_bytes());
        let rest = declared.and_then(|value| {
            let (head, rest) = value.split_at_checked(b"application/grpc".len())?;
            head.eq_ignore_ascii_case(b"application/grpc")
                .then_some(rest)
        });
        match rest.map(|rest| rest.first()) {
            Some(None | Some(b'+' | b';' | b'-' | b' ')) => Self::Grpc,
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
            "application/grpc-web+proto",
        ] {
            assert_eq!(of(value), Protocol::Grpc, "{value}");
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
}
