//! A token service of the test, honest or not.
//!
//! [`TestIssuer`] stands behind the seam [`Tokens`], where [`Carry`](throughline::carry) renews a
//! token and a handler asks for a narrower one. It is honest until [`TestIssuer::fail`]. Its lies are
//! well signed by the key of the domain: only somebody who compares them with what was asked for
//! notices.
//!
//! # Example
//!
//! ```
//! use throughline::NarrowingError;
//! use throughline_core::Reason;
//! use throughline_testing::{IssuerFault, TestDomain};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let domain = TestDomain::new();
//! let cx = domain.admit(&domain.token("acme")).await?;
//! let ask = || cx.narrow().scope("orders.read").request(domain.tokens());
//!
//! let narrowed = ask().await?;
//! assert!(domain.admit(str::from_utf8(narrowed.token())?).await.is_ok());
//!
//! // A token service that hands out more than was asked for is not believed.
//! domain.tokens().fail(IssuerFault::Widening);
//! let Err(NarrowingError::Refused(refusal)) = ask().await else {
//!     panic!("a wider token was taken");
//! };
//! assert_eq!(refusal.reason(), Reason::ScopeWidened);
//!
//! domain.tokens().mend();
//! assert!(ask().await.is_ok());
//! assert_eq!(domain.tokens().calls(), 3);
//! # Ok(())
//! # }
//! ```

mod fault;
mod lie;

use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use throughline::tokens::{EmbeddedTokens, ReplaceFuture, Replaced, Replacement, Tokens};
use throughline_core::time::Clock as _;
use throughline_core::{Actor, ActorKind, Admitted, Principal, Reason, Refusal, Tenant};
use throughline_jose::TokenIssuer;
use tokio::sync::watch;
use tokio::time::sleep;

use self::lie::Lie;
use crate::clock::HandClock;
use crate::domain::Signing;

pub use self::fault::IssuerFault;

/// Replaces tokens, or lies about them. Cloning shares the state. See the [module](self).
#[derive(Clone)]
pub struct TestIssuer {
    shared: Arc<Shared>,
}

struct Shared {
    honest: EmbeddedTokens,
    signing: Signing,
    clock: HandClock,
    other: Tenant,
    fault: Mutex<Option<IssuerFault>>,
    asked: watch::Sender<u64>,
}

impl TestIssuer {
    /// The name of the service that asks: the nearest actor of what is narrowed.
    pub const WORKLOAD: &'static str = "service-under-test";

    #[expect(
        clippy::expect_used,
        reason = "both names are constants that fit their grammar"
    )]
    pub(crate) fn new(
        issuer: TokenIssuer,
        signing: Signing,
        clock: HandClock,
        other: &Tenant,
    ) -> Self {
        let workload =
            Principal::platform("workloads", Self::WORKLOAD).expect("the workload has a name");
        let workload = Actor::new(ActorKind::Service, workload);
        Self {
            shared: Arc::new(Shared {
                honest: EmbeddedTokens::new(issuer, workload),
                signing,
                clock,
                other: other.clone(),
                fault: Mutex::new(None),
                asked: watch::Sender::new(0),
            }),
        }
    }

    /// Fails in this way from now on.
    pub fn fail(&self, fault: IssuerFault) {
        *self.lock() = Some(fault);
    }

    /// Is honest again. What stalls goes on stalling for whoever asked before.
    pub fn mend(&self) {
        *self.lock() = None;
    }

    /// The way in which it fails now.
    #[must_use]
    pub fn fault(&self) -> Option<IssuerFault> {
        *self.lock()
    }

    /// How often it was asked.
    #[must_use]
    pub fn calls(&self) -> u64 {
        *self.shared.asked.borrow()
    }

    /// Waits until it was asked `count` times in all.
    pub async fn until_called(&self, count: u64) {
        let mut asked = self.shared.asked.subscribe();
        // The sender lives as long as `self`, so the wait ends by its condition only.
        let _ = asked.wait_for(|calls| *calls >= count).await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<IssuerFault>> {
        let fault = self.shared.fault.lock();
        fault.unwrap_or_else(PoisonError::into_inner)
    }

    /// What the token service says of the other tenant, the other domain and so on.
    fn lie(&self, honest: &Replaced, lie: Lie<'_>) -> Result<Replaced, Refusal> {
        let token = lie.signed(honest, &self.shared.signing.key());
        let context = lie::said_by(&token)?;
        Ok(Replaced::new(token, context))
    }
}

impl Tokens for TestIssuer {
    fn replace(&self, parent: &Admitted, request: Replacement) -> ReplaceFuture {
        self.shared.asked.send_modify(|calls| *calls += 1);
        let (this, fault) = (self.clone(), self.fault());
        let now = self.shared.clock.now();
        let as_of = parent.as_of();
        let honest = self.shared.honest.replace(parent, request);
        ReplaceFuture::new(async move {
            let other = &this.shared.other;
            match fault {
                None => honest.await,
                Some(IssuerFault::AnotherDomain) => this.lie(&honest.await?, Lie::Domain),
                Some(IssuerFault::AnotherTenant) => this.lie(&honest.await?, Lie::Tenant(other)),
                Some(IssuerFault::AnotherWork) => this.lie(&honest.await?, Lie::Work),
                Some(IssuerFault::Down) => Err(Refusal::new(Reason::ExchangeUnavailable)
                    .because("the token service of the test is down")),
                Some(IssuerFault::Expired) => this.lie(&honest.await?, Lie::Expired(now)),
                Some(IssuerFault::Fresher) => this.lie(&honest.await?, Lie::Fresher(as_of, now)),
                Some(IssuerFault::Garbage) => {
                    let said = honest.await?.context().clone();
                    Ok(Replaced::new("<html>503</html>", said))
                }
                Some(IssuerFault::Slow(time)) => {
                    sleep(time).await;
                    honest.await
                }
                Some(IssuerFault::Stalled) => pending().await,
                Some(IssuerFault::Swapped) => {
                    let honest = honest.await?;
                    let token = Lie::Tenant(other).signed(&honest, &this.shared.signing.key());
                    Ok(Replaced::new(token, honest.context().clone()))
                }
                Some(IssuerFault::Widening) => this.lie(&honest.await?, Lie::Wider),
            }
        })
    }
}

impl fmt::Debug for TestIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIssuer")
            .field("fault", &self.fault())
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}
