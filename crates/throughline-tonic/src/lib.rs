//! Tenant context for tonic: the layers of Throughline on gRPC servers and clients.
//!
//! `AcceptLayer`, `RequireLayer` and `CarryLayer` are layers over HTTP, so they go on a tonic server
//! and around a tonic channel as they are; they refuse a gRPC request with a gRPC status. This crate
//! adds what only tonic's types need:
//!
//! | for | here |
//! |---|---|
//! | a handler that wants its context | [`RequestExt::tenant_context`] |
//! | a message that names a tenant | [`RequestExt::agree`] |
//! | a call that carries a context | [`RequestExt::in_context`] |
//! | a handler that refuses by itself | [`status`] |
//! | a client that was not allowed to send | [`refusal_of`] |
//! | fields that come behind the message | [`DropTrailersLayer`] |
//!
//! # Caveats
//!
//! - A tonic client needs [`with_origin`](https://docs.rs/tonic/latest/tonic/client/struct.Grpc.html#method.with_origin)
//!   when its channel is wrapped in `CarryLayer`: without a host, whether a call leaves the domain
//!   cannot be told, and it is refused with `destination_mismatch`.
//! - tonic puts the trailers of a unary request into its metadata, where a handler takes them for
//!   fields that `AcceptLayer` has seen, a legacy tenant header included. Put [`DropTrailersLayer`]
//!   on the server too; the context itself is not read from metadata and cannot be replaced so.
//! - tonic's `Server::trace_fn` enters its span when a call is polled, after `AcceptLayer` has
//!   decided, so the tenant is not recorded in it. Open the span in a layer in front that enters it
//!   in `call` as well, as tower-http's `TraceLayer` does.
//! - A streaming call is checked when it begins. For what lasts, use
//!   [`TenantContext::guard_stream`].
//!
//! # Example
//!
//! ```
//! use throughline::TenantContext;
//! use throughline_tonic::RequestExt;
//! use tonic::{Request, Response, Status};
//!
//! struct GetInvoice { tenant_id: String }
//!
//! async fn get_invoice(request: Request<GetInvoice>) -> Result<Response<String>, Status> {
//!     // Refused with the reason of the layer in front, or for lack of one.
//!     let cx: TenantContext = request.tenant_context()?;
//!     // The message is a witness: another tenant in it is PERMISSION_DENIED, `tenant_mismatch`.
//!     request.agree("tenant_id", |message| &message.tenant_id)?;
//!     Ok(Response::new(format!("an invoice of {}", cx.tenant())))
//! }
//! ```

mod trailers;

use std::error::Error;

use throughline::carry::{Carried, set_context};
use throughline::{Refused, TenantContext};
use throughline_core::Place;
use throughline_core::witness::{Sighting, WitnessRule};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Request, Status};

pub use self::trailers::{DropTrailers, DropTrailersLayer, WithoutTrailers};

/// What a tonic request knows of its context.
pub trait RequestExt<T>: Sized {
    /// The context that `AcceptLayer` admitted for this call.
    ///
    /// # Errors
    ///
    /// As for [`TenantContext::of`], as a status.
    fn tenant_context(&self) -> Result<TenantContext, Status>;

    /// Compares the tenant that a field of the message names with the context.
    ///
    /// # Errors
    ///
    /// `tenant_mismatch`, `witness_missing` for an empty field (proto3 does not tell it from an
    /// absent one), or as for [`RequestExt::tenant_context`].
    fn agree(&self, field: &'static str, read: impl FnOnce(&T) -> &str) -> Result<(), Status>;

    /// Gives the call this context, for a `CarryLayer` around the channel.
    #[must_use]
    fn in_context(self, context: &impl Carried) -> Self;
}

impl<T> RequestExt<T> for Request<T> {
    fn tenant_context(&self) -> Result<TenantContext, Status> {
        TenantContext::of(self.extensions()).map_err(|refused| answer(self, &refused))
    }

    fn agree(&self, field: &'static str, read: impl FnOnce(&T) -> &str) -> Result<(), Status> {
        let context = self.tenant_context()?;
        let seen = match read(self.get_ref()) {
            "" => Sighting::Absent,
            value => Sighting::Value(value.into()),
        };
        let rule = WitnessRule::tenant(Place::new("message field", field));
        context
            .agree(&rule, &seen)
            .map_err(|refused| answer(self, &refused))
    }

    fn in_context(mut self, context: &impl Carried) -> Self {
        set_context(self.extensions_mut(), context);
        self
    }
}

/// The log explains the id that the client sees.
fn answer<T>(request: &Request<T>, refused: &Refused) -> Status {
    throughline::tell(request.extensions(), refused);
    status(refused)
}

/// A refusal as a status: the code of its reason, the client's sentence, and the metadata
/// `throughline-reason` and `throughline-refusal-id`. No tenant, key, issuer or policy is in it.
#[must_use]
pub fn status(refused: &Refused) -> Status {
    let reason = refused.reason();
    let mut metadata = MetadataMap::new();
    metadata.insert(
        "throughline-reason",
        MetadataValue::from_static(reason.code()),
    );
    if let Ok(id) = refused.id().to_string().parse() {
        metadata.insert("throughline-refusal-id", id);
    }
    let code = Code::from(i32::from(reason.grpc_code().number()));
    Status::with_metadata(code, reason.client_text(), metadata)
}

/// The refusal behind a failed call that `CarryLayer` did not send: tonic wraps the error of a
/// channel into a status of its own.
#[must_use]
pub fn refusal_of(status: &Status) -> Option<&Refused> {
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}
