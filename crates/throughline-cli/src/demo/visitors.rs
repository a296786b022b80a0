//! Everybody else who comes to the edge: by other providers, for other reasons, with other kinds of
//! credential than a user of the first one.

use std::fmt;

use super::edge::SESSION_COOKIE;
use super::idp::Idp;
use super::net::Failure;
use super::roster::{ADA_OF_ACME, ADA_OF_GLOBEX, PROVIDER};
use super::system::System;
use super::workos::{ADA, ADMIN, AGENT, BOB, ORG_ACME, ORG_GLOBEX};
use super::{api_keys, hooli, workos};

/// The client that works by itself.
const MACHINE: &str = "nightly-report";

/// Somebody with a credential.
#[derive(Clone)]
pub(super) struct Visitor {
    pub(super) name: &'static str,
    pub(super) tenant: &'static str,
    pub(super) credential: String,
    /// Whether it is in the browser's cookie, or else a bearer credential.
    pub(super) is_cookie: bool,
    pub(super) who: Who,
}

/// Without the credential.
impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("name", &self.name)
            .field("tenant", &self.tenant)
            .field("who", &self.who)
            .finish_non_exhaustive()
    }
}

/// Whom every hop must see.
#[derive(Clone, Debug)]
pub(super) struct Who {
    pub(super) idp: &'static str,
    pub(super) subject: String,
    pub(super) kind: &'static str,
    pub(super) actors: Vec<String>,
}

impl Who {
    fn alone(idp: &'static str, subject: &str, kind: &'static str) -> Self {
        Self {
            idp,
            subject: subject.into(),
            kind,
            actors: Vec::new(),
        }
    }
}

impl Visitor {
    fn new(name: &'static str, tenant: &'static str, credential: String, who: Who) -> Self {
        Self {
            name,
            tenant,
            credential,
            is_cookie: false,
            who,
        }
    }

    /// The field that carries the credential.
    pub(super) fn field(&self) -> (&'static str, String) {
        match self.is_cookie {
            true => (
                "cookie",
                format!("theme=dark; {SESSION_COOKIE}={}", self.credential),
            ),
            false => ("authorization", format!("Bearer {}", self.credential)),
        }
    }
}

/// All of them, each with a new credential.
pub(super) fn all(system: &System) -> Result<Vec<Visitor>, Failure> {
    let (idp, workos, hooli) = (&system.idp, &system.workos, &system.hooli);
    let own = |subject: &str| Who::alone(workos::ALIAS, subject, "user");
    let impersonated = Who {
        // Of the platform and of no tenant.
        actors: vec![format!("person {}//{}", workos::ALIAS, encoded(ADMIN))],
        ..own(BOB)
    };
    let delegated = Who {
        kind: "delegated_agent",
        actors: vec![format!("agent {}/acme/{AGENT}", workos::ALIAS)],
        ..own(ADA)
    };
    let machine = system
        .idp
        .signer()
        .token("at+jwt", &Idp::machine_claims(MACHINE, "acme"))?;
    let partner = workos::partner(ADA, ORG_ACME);
    let partner = workos.partners().token("JWT", &partner)?;
    let api_key = system.sources.api_keys.issue("key_01NIGHTLY", "acme")?;
    let in_browser = Visitor {
        is_cookie: true,
        ..Visitor::new(
            "a browser of ada of globex, by its cookie,",
            "globex",
            idp.token(ADA_OF_GLOBEX)?,
            Who::alone(PROVIDER, "ada", "user"),
        )
    };
    Ok(vec![
        Visitor::new(
            "ada of acme, by another provider,",
            "acme",
            workos.token(&workos::session(ADA, ORG_ACME))?,
            own(ADA),
        ),
        Visitor::new(
            "the same ada, for globex now,",
            "globex",
            workos.token(&workos::session(ADA, ORG_GLOBEX))?,
            own(ADA),
        ),
        Visitor::new(
            "an admin who acts as bob of acme",
            "acme",
            workos.token(&workos::impersonated(BOB, ORG_ACME))?,
            impersonated,
        ),
        Visitor::new(
            "an agent that acts for ada of acme",
            "acme",
            workos.token(&workos::delegated(AGENT, ADA, ORG_ACME))?,
            delegated,
        ),
        Visitor::new(
            "an agent of acme that acts for itself",
            "acme",
            workos.token(&workos::autonomous(AGENT, ORG_ACME))?,
            Who::alone(workos::ALIAS, AGENT, "autonomous_agent"),
        ),
        Visitor::new(
            "an ada among the partners of acme",
            "acme",
            partner,
            Who::alone(workos::PARTNERS_ALIAS, ADA, "user"),
        ),
        Visitor::new(
            "an ada of hooli, by its own provider,",
            hooli::TENANT,
            hooli.token(&hooli::Hooli::claims("ada"))?,
            Who::alone(hooli::ALIAS, "ada", "user"),
        ),
        Visitor::new(
            "a machine of acme",
            "acme",
            machine,
            Who::alone(PROVIDER, MACHINE, "workload"),
        ),
        Visitor::new(
            "an api key of acme",
            "acme",
            api_key,
            Who::alone(api_keys::ALIAS, "key_01NIGHTLY", "workload"),
        ),
        Visitor::new(
            "ada of acme, by an opaque token,",
            "acme",
            idp.opaque(Idp::answer(ADA_OF_ACME))?,
            Who::alone(PROVIDER, "ada", "user"),
        ),
        in_browser,
    ])
}

/// As principals are written.
fn encoded(text: &str) -> String {
    text.replace('@', "%40")
}
