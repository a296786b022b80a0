//! What a handler gets: the admitted context of its request.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::Extensions;
use throughline_core::projection::Projection;
use throughline_core::reason::Position;
use throughline_core::witness::{Sighting, WitnessRule};
use throughline_core::{Admitted, Context, Place, Reason, Refusal, Tenant};

use crate::observe::{DefaultObserve, Event, Observe};
use crate::protocol::Protocol;
use crate::refused::{RefusalId, Refused};

/// What `Accept` put into a request's extensions: one value, so that handler, extractor and the
/// layers behind agree.
#[derive(Clone)]
pub(crate) struct Installed {
    pub(crate) outcome: Outcome,
    pub(crate) position: Position,
    pub(crate) protocol: Protocol,
    /// Sees what extractors refuse.
    pub(crate) observe: Arc<dyn Observe>,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Admitted(Admitted),
    /// No context came, and none had to.
    Anonymous,
    /// The call passes, and would have been refused.
    Reported {
        refused: Refused,
        /// The copies that the verified context promises: still ours, admitted or not.
        promised: Arc<[Projection]>,
    },
}

impl Installed {
    fn admitted(&self) -> Result<&Admitted, Refused> {
        match &self.outcome {
            Outcome::Admitted(admitted) => Ok(admitted),
            Outcome::Anonymous => Err(Refused::new(
                Refusal::new(Reason::ContextMissing)
                    .because("the route allows calls without a context, and this is one"),
                self.position,
            )
            .over(self.protocol)),
            Outcome::Reported { refused, .. } => Err(refused.clone()),
        }
    }

    /// The refusal that the observer was told of already.
    fn reported(&self) -> Option<RefusalId> {
        match &self.outcome {
            Outcome::Reported { refused, .. } => Some(refused.id()),
            Outcome::Admitted(_) | Outcome::Anonymous => None,
        }
    }
}

/// The admitted context of this request, for a tenant: verified, and agreed by every witness.
///
/// In an axum handler it is an extractor. Elsewhere, [`TenantContext::of`] takes it from the
/// request's extensions. There is no other way to get one:
///
/// ```compile_fail
/// // A context that was verified but not compared with the request is not admitted.
/// fn handle(cx: throughline::TenantContext) {}
/// fn skip(verified: throughline_core::Verified) {
///     handle(verified.into());
/// }
/// ```
#[derive(Clone)]
pub struct TenantContext {
    admitted: Admitted,
    tenant: Tenant,
}

impl TenantContext {
    /// The context that `Accept` admitted for the request with these extensions.
    ///
    /// # Errors
    ///
    /// The call was let through without an admitted context (an exempt route, a rule in
    /// [`Mode::Report`](crate::Mode)), it is work of the platform that has no tenant, or no
    /// `Accept` layer is in front. Answer with [`Refused::to_response`].
    pub fn of(extensions: &Extensions) -> Result<Self, Refused> {
        let admitted = admitted(extensions)?;
        let Some(tenant) = admitted.tenant() else {
            return Err(Refused::new(
                Refusal::new(Reason::ClaimMissing)
                    .at(Place::claim("tctx.tenant"))
                    .because("is absent: this is platform work, and the handler wants a tenant's"),
                position(extensions),
            )
            .over(protocol(extensions)));
        };
        Ok(Self {
            tenant: tenant.clone(),
            admitted: admitted.clone(),
        })
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Compares something that was seen behind the layers, such as a field of a message, with this
    /// context.
    ///
    /// # Errors
    ///
    /// As for [`WitnessRule::compare`].
    pub fn agree(&self, rule: &WitnessRule, seen: &Sighting<'_>) -> Result<(), Refused> {
        rule.compare(seen, &self.admitted)
            .map_err(|refusal| Refused::new(refusal, Position::Inside))
    }

    /// The proof, for what is not about a tenant's work.
    #[must_use]
    pub fn admitted(&self) -> &Admitted {
        &self.admitted
    }
}

impl Deref for TenantContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.admitted
    }
}

impl fmt::Debug for TenantContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TenantContext")
            .field(&self.admitted)
            .finish()
    }
}

/// The admitted context of a request, whatever its kind: platform work included.
///
/// # Errors
///
/// As for [`TenantContext::of`], but for the tenant.
pub fn admitted(extensions: &Extensions) -> Result<&Admitted, Refused> {
    match extensions.get::<Installed>() {
        Some(installed) => installed.admitted(),
        None => Err(Refused::new(
            Refusal::new(Reason::ContextMissing).because("no accept layer is in front of this"),
            Position::Inside,
        )),
    }
}

/// The context of this request, or the refusal that would have been: for handlers behind a rule in
/// [`Mode::Report`](crate::Mode).
#[derive(Clone, Debug)]
pub struct Observed(
    /// The context, or why there is none; id and reason included.
    pub Result<TenantContext, Refused>,
);

impl Observed {
    /// What `Accept` found for the request with these extensions.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        Self(TenantContext::of(extensions))
    }
}

/// Where the `Accept` in front stands.
pub(crate) fn position(extensions: &Extensions) -> Position {
    extensions
        .get::<Installed>()
        .map_or(Position::Inside, |installed| installed.position)
}

/// The copies that travel with a call whose context was verified and not admitted.
pub(crate) fn reported_copies(extensions: &Extensions) -> Option<&Arc<[Projection]>> {
    match &extensions.get::<Installed>()?.outcome {
        Outcome::Reported { promised, .. } => Some(promised),
        Outcome::Admitted(_) | Outcome::Anonymous => None,
    }
}

/// Which protocol the request speaks.
pub(crate) fn protocol(extensions: &Extensions) -> Protocol {
    extensions
        .get::<Installed>()
        .map_or(Protocol::Http, |installed| installed.protocol)
}

/// Tells the observer of the `Accept` in front of a refusal that was made behind it, so that the log
/// explains its id too. The extractors for axum and tonic do so; call it where you answer with a
/// [`Refused`] of your own. The very refusal that was reported was told then.
pub fn tell(extensions: &Extensions, refused: &Refused) {
    let event = Event::Refused {
        refused,
        verified: None,
    };
    match extensions.get::<Installed>() {
        Some(installed) if installed.reported() == Some(refused.id()) => {}
        Some(installed) => installed.observe.observe(&event),
        None => DefaultObserve.observe(&event),
    }
}

/// Whether no context came and none had to.
#[cfg(feature = "axum")]
pub(crate) fn is_anonymous(extensions: &Extensions) -> bool {
    let installed = extensions.get::<Installed>();
    installed.is_some_and(|installed| matches!(installed.outcome, Outcome::Anonymous))
}

#[cfg(test)]
mod tests {
    use http::Request;
    use throughline_core::time::Clock as _;
    use throughline_core::{Draft, Principal};

    use super::*;
    use crate::fixture::World;

    #[test]
    fn what_is_seen_behind_the_layers_is_compared_like_a_witness() {
        let acme = World::new().context("acme");
        let rule = WitnessRule::tenant(Place::new("message field", "tenant"));
        let seen = |tenant: &'static str| Sighting::Value(tenant.into());
        assert!(acme.agree(&rule, &seen("acme")).is_ok());
        let refused = acme.agree(&rule, &seen("globex")).unwrap_err();
        assert_eq!(refused.reason(), Reason::TenantMismatch);
        let absent = acme.agree(&rule, &Sighting::Absent).unwrap_err();
        assert_eq!(absent.reason(), Reason::WitnessMissing);
    }

    #[test]
    fn what_was_reported_is_not_told_again_and_another_refusal_is() {
        use std::sync::Mutex;

        use crate::{AcceptLayer, Mode, Rule, Witness};

        let world = World::new();
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&told);
        let observe = move |event: &Event<'_>| {
            if let Event::Refused { refused, .. } | Event::Reported { refused, .. } = event {
                log.lock().unwrap().push(refused.id().to_string());
            }
        };
        let accept = AcceptLayer::builder(world.domain.clone())
            .add_witness(Witness::header("x-seen").unwrap())
            .with_mode(Rule::Witnesses, Mode::Report)
            .with_observe(observe)
            .build()
            .unwrap();
        let token = world.issuer.mint(world.draft("acme")).unwrap();
        let request = Request::get("/")
            .header("txn-token", token)
            .header("x-seen", "globex");
        let extensions = World::accepted_by(&accept, request.body(()).unwrap());
        let reported = TenantContext::of(&extensions).unwrap_err();
        tell(&extensions, &reported);
        assert_eq!(*told.lock().unwrap(), [reported.id().to_string()]);
        let own = Refused::new(Reason::TenantMismatch.into(), Position::Inside);
        tell(&extensions, &own);
        let ids = [reported.id().to_string(), own.id().to_string()];
        assert_eq!(*told.lock().unwrap(), ids);
    }

    #[test]
    fn work_without_a_tenant_is_refused_in_the_protocol_of_the_request() {
        let world = World::new();
        let cron = Principal::platform("ops", "cron").unwrap();
        let draft = Draft::platform(cron, world.clock.now()).unwrap();
        let token = world.issuer.mint(draft).unwrap();
        for (content_type, is_grpc) in [("application/grpc", true), ("application/json", false)] {
            let request = Request::post("/")
                .header("txn-token", &token)
                .header("content-type", content_type)
                .body(());
            let extensions = world.accepted_as(request.unwrap());
            assert!(admitted(&extensions).is_ok());
            let refused = TenantContext::of(&extensions).unwrap_err();
            assert_eq!(refused.reason(), Reason::ClaimMissing);
            let response = refused.to_response();
            assert_eq!(response.headers().contains_key("grpc-status"), is_grpc);
        }
    }
}
