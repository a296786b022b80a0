//! Extractors for axum.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::response::{IntoResponse, Response};
use http::request::Parts;

use crate::context::{Observed, TenantContext, is_anonymous, tell};
use crate::refused::Refused;

/// Refuses where no context was admitted.
impl<S: Sync> FromRequestParts<S> for TenantContext {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Self::of(&parts.extensions).inspect_err(|refused| tell(&parts.extensions, refused))
    }
}

/// `None` on an exempt route that was called without a context; refuses everything else that
/// [`TenantContext`] refuses, so that a reported refusal does not read as absence.
impl<S: Sync> OptionalFromRequestParts<S> for TenantContext {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refused> {
        if is_anonymous(&parts.extensions) {
            return Ok(None);
        }
        let context = Self::of(&parts.extensions);
        context
            .map(Some)
            .inspect_err(|refused| tell(&parts.extensions, refused))
    }
}

impl<S: Sync> FromRequestParts<S> for Observed {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.to_response().map(Body::from)
    }
}
