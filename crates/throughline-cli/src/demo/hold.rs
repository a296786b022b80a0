//! `demo --hold`: the system stays up, and prints what it takes to attack it.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde::Serialize;
use throughline::SystemClock;
use throughline_core::Draft;
use throughline_core::authentication::Authentication;
use throughline_core::grant::{Grant, Scope};
use throughline_core::time::Clock as _;

use super::net::Failure;
use super::roster::{USERS, User};
use super::system::System;
use super::tokens::{self, DOMAIN, LONGEST};
use super::visitors::{self, Visitor};

/// What an attacker starts with.
#[derive(Serialize)]
struct Invitation {
    services: BTreeMap<&'static str, String>,
    jwks: String,
    trust_domain: &'static str,
    users: Vec<InvitedUser>,
    visitors: Vec<InvitedVisitor>,
    contexts: Vec<InvitedContext>,
}

#[derive(Serialize)]
struct InvitedUser {
    name: &'static str,
    tenant: &'static str,
    bearer: String,
}

/// Whoever comes by another provider, for another reason, or with another kind of credential.
#[derive(Serialize)]
struct InvitedVisitor {
    name: &'static str,
    tenant: &'static str,
    idp: &'static str,
    subject: String,
    kind: &'static str,
    actors: Vec<String>,
    /// The field that carries the credential, and its value.
    field: &'static str,
    value: String,
}

impl From<Visitor> for InvitedVisitor {
    fn from(visitor: Visitor) -> Self {
        let (field, value) = visitor.field();
        Self {
            name: visitor.name.trim_end_matches(','),
            tenant: visitor.tenant,
            idp: visitor.who.idp,
            subject: visitor.who.subject,
            kind: visitor.who.kind,
            actors: visitor.who.actors,
            field,
            value,
        }
    }
}

#[derive(Serialize)]
struct InvitedContext {
    tenant: &'static str,
    subject: &'static str,
    txn_token: String,
}

impl Invitation {
    fn new(system: &System) -> Result<Self, Failure> {
        let bearer = |user: User| -> Result<_, Failure> {
            Ok(InvitedUser {
                name: user.name,
                tenant: user.tenant,
                bearer: system.idp.token(user)?,
            })
        };
        Ok(Self {
            services: system.urls(),
            jwks: system.jwks(),
            trust_domain: DOMAIN,
            users: USERS.into_iter().map(bearer).collect::<Result<_, _>>()?,
            visitors: visitors::all(system)?
                .into_iter()
                .map(InvitedVisitor::from)
                .collect(),
            contexts: USERS
                .into_iter()
                .map(|user| context(system, user))
                .collect::<Result<_, _>>()?,
        })
    }
}

fn context(system: &System, user: User) -> Result<InvitedContext, Failure> {
    let now = SystemClock.now();
    let draft = Draft::user(user.principal()?, now)?
        .with_grant(Grant::new(Scope::new(user.scope())?))
        .with_authentication(Authentication::at(now))
        .requested_by("edge")?;
    let draft = tokens::with_copies(draft)?;
    let issuer = system.issuer.clone().with_lifetime(LONGEST);
    Ok(InvitedContext {
        tenant: user.tenant,
        subject: user.name,
        txn_token: issuer.mint(draft)?,
    })
}

/// Prints the invitation, and stays until somebody says stop.
pub(super) async fn run() -> Result<(), Failure> {
    // Before anybody can know that the system is up, so that no signal is lost.
    let stop = Stop::new()?;
    let system = System::start().await?;
    let line = serde_json::to_string(&Invitation::new(&system)?)?;
    {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()?;
    }
    anstream::eprintln!("the system is up; stop it with ctrl-c");
    stop.wait().await;
    system.stop().await;
    Ok(())
}

#[cfg(unix)]
struct Stop {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Stop {
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Stop;

#[cfg(not(unix))]
impl Stop {
    fn new() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn wait(self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
