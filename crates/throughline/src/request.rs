//! What witnesses and seams may see of a request.

use std::fmt;
use std::net::IpAddr;

use http::{Extensions, HeaderMap, Method, Request, Uri};

/// The head of a request, as it arrived: before anything was removed from it.
#[derive(Clone, Copy)]
pub struct RequestView<'r> {
    method: &'r Method,
    uri: &'r Uri,
    headers: &'r HeaderMap,
    extensions: &'r Extensions,
}

/// Method and path: the fields hold credentials.
impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestView")
            .field("method", self.method)
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}

impl<'r> RequestView<'r> {
    /// The view of a request.
    #[must_use]
    pub fn of<B>(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &'r Method {
        self.method
    }

    /// The target as it came over the wire, also behind a router that cut a prefix off.
    #[must_use]
    pub fn uri(&self) -> &'r Uri {
        #[cfg(feature = "axum")]
        if let Some(original) = self.extensions.get::<axum::extract::OriginalUri>() {
            return &original.0;
        }
        self.uri
    }

    /// The fields.
    #[must_use]
    pub fn headers(&self) -> &'r HeaderMap {
        self.headers
    }

    /// The extensions.
    #[must_use]
    pub fn extensions(&self) -> &'r Extensions {
        self.extensions
    }

    /// The address at the other end of the connection: a [`Peer`] extension, or axum's
    /// `ConnectInfo`.
    #[must_use]
    pub fn peer(&self) -> Option<IpAddr> {
        let peer = self.extensions.get::<Peer>().map(|peer| peer.0);
        #[cfg(feature = "axum")]
        let peer = peer.or_else(|| {
            use axum::extract::ConnectInfo;
            let info = self.extensions.get::<ConnectInfo<std::net::SocketAddr>>()?;
            Some(info.0.ip())
        });
        peer
    }
}

/// A request extension: the address at the other end of the connection. A server that is not axum
/// inserts it for each connection; witnesses need it to tell a listed proxy from a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// A request extension: the route is exempt. Whoever routes inserts it in front of `Accept`, for
/// routes that cannot be named by an exact path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exempt;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_shows_the_request_as_it_is() {
        let request = Request::put("/orders?n=1").header("x", "1").body(());
        let request = request.unwrap();
        let view = RequestView::of(&request);
        assert_eq!(view.method(), Method::PUT);
        assert_eq!(view.uri(), "/orders?n=1");
        assert_eq!(view.headers()["x"], "1");
        let shown = format!("{view:?}");
        assert_eq!(shown, r#"RequestView { method: PUT, path: "/orders", .. }"#);
    }
}
