//! Token services that are mistaken, or lie: what they hand out is held against what was asked.

use std::future::ready;
use std::time::Duration;

use serde_json::{Value, json};
use throughline::Reason::{
    ContextExpired, DataScopeWidened, ExchangeUnavailable, ParentMismatch, ScopeWidened,
};
use throughline::tokens::{EmbeddedTokens, ReplaceFuture, Replaced, Replacement, Tokens};
use throughline::{InContext as _, NarrowingError, SystemClock, TenantContext};
use throughline_core::grant::{DataGrant, DataScope};
use throughline_core::time::Clock as _;
use throughline_core::{Actor, ActorKind, Admitted, Principal, Reason, Refusal};

use super::arena::{Arena, change};
use super::sending::{arrives, outcome};
use super::{Attack, Expected, Finding, Hop, Scene, scene};
use crate::demo::net::Failure;
use crate::demo::outbound::{self, Outbound};
use crate::demo::roster::ADA_OF_ACME;

/// Every context of the demo ends within this time, so every call asks for a new one.
const ALWAYS: Duration = Duration::from_secs(60 * 60);

/// A token service that says what it was told to, whatever it is asked.
struct Told(Result<Replaced, Reason>);

impl Tokens for Told {
    fn replace(&self, _: &Admitted, _: Replacement) -> ReplaceFuture {
        ReplaceFuture::new(ready(self.0.clone().map_err(Refusal::new)))
    }
}

/// What token services hand out, one after the other.
type Lies = Vec<Result<Replaced, Reason>>;

/// The work that is continued, as it was known a minute ago.
struct Work<'a> {
    arena: &'a Arena<'a>,
    claims: Value,
    cx: TenantContext,
}

impl<'a> Work<'a> {
    async fn begin(arena: &'a Arena<'a>) -> Result<Self, Failure> {
        let mut claims = arena.claims(ADA_OF_ACME)?;
        let then = SystemClock.now().minus(Duration::from_secs(60)).as_unix();
        let folders = json!([{"type": "document", "select": {"folder": {"one_of": ["q2", "q3"]}}}]);
        for (claim, value) in [
            ("/iat", json!(then)),
            ("/rctx/as_of", json!(then)),
            ("/rctx/auth_time", json!(then)),
            ("/tctx/data", folders),
        ] {
            change(&mut claims, claim, Some(value));
        }
        let cx = arena.admit(&arena.sign(&claims)?).await?;
        Ok(Self { arena, claims, cx })
    }

    /// A genuine token that differs from the parent's like this, and what it says.
    fn changed(&self, changes: &[(&str, Value)]) -> Result<Replaced, Failure> {
        let mut claims = self.claims.clone();
        for (claim, value) in changes {
            change(&mut claims, claim, Some(value.clone()));
        }
        let token = self.arena.sign(&claims)?;
        let domain = &self.arena.system.neighbours.domain;
        let said = domain.verify(token.as_bytes())?;
        Ok(Replaced::new(token, (*said).clone()))
    }

    /// What becomes of a call when its token is replaced like this.
    async fn renewed(&self, id: &str, tokens: impl Tokens) -> Result<String, Failure> {
        let sender = self.sender(tokens)?;
        let call = self.arena.invoice(id)?.in_context(&self.cx);
        Ok(outcome(self.arena, &sender, call).await)
    }

    /// Whether the same call arrives when the issuer replaces it, as it should.
    async fn renews(&self, id: &str) -> Result<bool, Failure> {
        let sender = self.sender(self.honest()?)?;
        let call = self.arena.invoice(id)?.in_context(&self.cx);
        Ok(arrives(self.arena, &sender, call).await)
    }

    fn honest(&self) -> Result<EmbeddedTokens, Failure> {
        let service = Principal::platform("services", "orders")?;
        let service = Actor::new(ActorKind::Service, service);
        Ok(EmbeddedTokens::new(
            self.arena.system.issuer.clone(),
            service,
        ))
    }

    fn sender(&self, tokens: impl Tokens) -> Result<Outbound, Failure> {
        let destinations = [self.arena.system.services.proxy.address()];
        let carry = outbound::carry(&destinations).with_renewal(tokens, ALWAYS);
        Ok(Outbound::new(&carry.build()?))
    }
}

/// A token service that hands these out in turn when it is asked for a new lifetime.
fn renewing<'a>(
    arena: &'a Arena<'a>,
    id: &'static str,
    lies: fn(&Work<'_>) -> Result<Lies, Failure>,
) -> Scene<'a> {
    Box::pin(async move {
        let work = Work::begin(arena).await?;
        let mut got = std::collections::BTreeSet::new();
        for lie in lies(&work)? {
            got.insert(work.renewed(id, Told(lie)).await?);
        }
        Ok(Finding {
            got,
            twin_ok: work.renews(&format!("{id}-twin")).await?,
        })
    })
}

fn word<T>(narrowed: Result<T, NarrowingError>) -> String {
    match narrowed {
        Ok(_) => "given".into(),
        Err(NarrowingError::Refused(refusal)) => refusal.reason().to_string(),
        Err(NarrowingError::Scope(error)) => error.to_string(),
    }
}

pub(super) const ATTACKS: [Attack; 9] = [
    scene(
        "renew-wider",
        Hop::Carry,
        "a replaced context allows more",
        Expected::Refused(&[ScopeWidened, DataScopeWidened]),
        |arena| {
            renewing(arena, "renew-wider", |work| {
                let scope = "orders.read orders.create payments.create tenants.delete";
                let folders = json!([{"type": "document"}]);
                Ok(vec![
                    Ok(work.changed(&[("/scope", json!(scope))])?),
                    Ok(work.changed(&[("/scope", json!("orders.*"))])?),
                    Ok(work.changed(&[("/tctx/data", folders)])?),
                ])
            })
        },
    ),
    scene(
        "renew-other",
        Hop::Carry,
        "a replaced context is somebody else's, or another's work",
        Expected::Refused(&[ParentMismatch]),
        |arena| {
            renewing(arena, "renew-other", |work| {
                let globex = ("/tctx/tenant", json!("globex"));
                Ok(vec![
                    Ok(work.changed(&[globex, ("/sub", json!("demo-idp/globex/ada"))])?),
                    Ok(work.changed(&[
                        ("/tctx/sub", json!("bob")),
                        ("/sub", json!("demo-idp/acme/bob")),
                    ])?),
                    Ok(work.changed(&[("/txn", json!("another"))])?),
                    Ok(work.changed(&[("/rctx/sid", json!("s-another"))])?),
                ])
            })
        },
    ),
    scene(
        "renew-younger",
        Hop::Carry,
        "a replaced context looks as if it were known to be true since",
        Expected::Refused(&[ParentMismatch]),
        |arena| {
            renewing(arena, "renew-younger", |work| {
                let now = SystemClock.now().as_unix();
                let issued = ("/iat", json!(now));
                Ok(vec![
                    Ok(work.changed(&[issued.clone(), ("/rctx/as_of", json!(now))])?),
                    Ok(work.changed(&[issued, ("/rctx/auth_time", json!(now))])?),
                ])
            })
        },
    ),
    scene(
        "renew-mixed",
        Hop::Carry,
        "a replaced token says another thing than its context",
        Expected::Refused(&[ParentMismatch]),
        |arena| {
            renewing(arena, "renew-mixed", |work| {
                let said = work.changed(&[])?.context().clone();
                let globex = Replaced::new(work.arena.globex().to_owned(), said.clone());
                let garbage = Replaced::new("not.a.token", said);
                Ok(vec![Ok(globex), Ok(garbage)])
            })
        },
    ),
    scene(
        "renew-dead",
        Hop::Carry,
        "a replaced context has expired already",
        Expected::Refused(&[ContextExpired]),
        |arena| {
            renewing(arena, "renew-dead", |work| {
                let past = SystemClock.now().minus(Duration::from_secs(5)).as_unix();
                Ok(vec![Ok(work.changed(&[("/exp", json!(past))])?)])
            })
        },
    ),
    scene(
        "renew-down",
        Hop::Carry,
        "no token service answers when a context is about to end",
        Expected::Refused(&[ExchangeUnavailable]),
        |arena| renewing(arena, "renew-down", |_| Ok(vec![Err(ExchangeUnavailable)])),
    ),
    scene(
        "narrow-wider",
        Hop::Carry,
        "a narrower context is asked to allow more",
        Expected::Refused(&[ScopeWidened, DataScopeWidened]),
        |arena| {
            Box::pin(async move {
                let work = Work::begin(arena).await?;
                let tokens = work.honest()?;
                let documents = |folder| -> Result<_, Failure> {
                    let documents = DataGrant::of("document")?.selecting("folder", [folder])?;
                    Ok(DataScope::limited([documents]))
                };
                let ask = || work.cx.narrow();
                let got = [
                    word(ask().scope("orders.read admin").request(&tokens).await),
                    word(ask().scope("orders.*").request(&tokens).await),
                    word(ask().data(documents("salaries")?).request(&tokens).await),
                    word(
                        ask()
                            .data(DataScope::limited([DataGrant::of("document")?]))
                            .request(&tokens)
                            .await,
                    ),
                ];
                let less = ask().scope("orders.read").data(documents("q3")?);
                let narrowed = less.request(&tokens).await?;
                let call = arena.invoice("narrow-wider-twin")?.in_context(&narrowed);
                Ok(Finding {
                    got: got.into(),
                    twin_ok: arrives(arena, &arena.sender()?, call).await,
                })
            })
        },
    ),
    scene(
        "narrow-liar",
        Hop::Carry,
        "a token service gives more than was asked for",
        Expected::Refused(&[ScopeWidened]),
        |arena| {
            Box::pin(async move {
                let work = Work::begin(arena).await?;
                // No wider than the parent, so only what was asked tells.
                let all = work.changed(&[])?;
                let ask = || work.cx.narrow().scope("orders.read");
                let lied = ask().request(&Told(Ok(all))).await;
                let narrowed = ask().request(&work.honest()?).await?;
                let call = arena.invoice("narrow-liar-twin")?.in_context(&narrowed);
                Ok(Finding {
                    got: [word(lied)].into(),
                    twin_ok: arrives(arena, &arena.sender()?, call).await,
                })
            })
        },
    ),
    scene(
        "narrow-other",
        Hop::Carry,
        "a token service narrows another tenant's work",
        Expected::Refused(&[ParentMismatch]),
        |arena| {
            Box::pin(async move {
                let work = Work::begin(arena).await?;
                let stranger = work.changed(&[
                    ("/tctx/tenant", json!("globex")),
                    ("/sub", json!("demo-idp/globex/ada")),
                    ("/scope", json!("orders.read")),
                ])?;
                let ask = || work.cx.narrow().scope("orders.read");
                let lied = ask().request(&Told(Ok(stranger))).await;
                let narrowed = ask().request(&work.honest()?).await?;
                let call = arena.invoice("narrow-other-twin")?.in_context(&narrowed);
                Ok(Finding {
                    got: [word(lied)].into(),
                    twin_ok: arrives(arena, &arena.sender()?, call).await,
                })
            })
        },
    ),
];
