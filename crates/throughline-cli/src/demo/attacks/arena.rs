//! Where attacks happen: honest requests and tokens to start from, and services to build anew.

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::{Value, json};
use throughline::{AcceptLayer, SystemClock, TenantContext, TrustDomain};
use throughline_core::authentication::Authentication;
use throughline_core::context::Draft;
use throughline_core::grant::{Grant, Scope};
use throughline_core::time::Clock as _;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::super::idp::{self, Idp};
use super::super::log::CALL_FIELD;
use super::super::net::{Failure, Server};
use super::super::roster::{ADA_OF_ACME, ADA_OF_GLOBEX, USERS, User};
use super::super::system::System;
use super::super::{billing, hooli, tokens, workos};
use super::grpc_wire::GrpcCall;
use super::wire::Call;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The `typ` of a transaction token.
pub(super) const TYP: &str = "txntoken+jwt";

/// The running system, seen by an attacker who also holds every key.
pub(super) struct Arena<'s> {
    pub(super) system: &'s System,
    /// The context of `ada` at `acme`, and that of the other `ada`.
    token: String,
    other: String,
}

impl<'s> Arena<'s> {
    pub(super) fn new(system: &'s System) -> Result<Self, Failure> {
        let mut arena = Self {
            system,
            token: String::new(),
            other: String::new(),
        };
        arena.token = arena.sign(&arena.claims(ADA_OF_ACME)?)?;
        arena.other = arena.sign(&arena.claims(ADA_OF_GLOBEX)?)?;
        Ok(arena)
    }

    /// An honest context of `acme`.
    pub(super) fn acme(&self) -> &str {
        &self.token
    }

    /// An honest context of `globex`.
    pub(super) fn globex(&self) -> &str {
        &self.other
    }

    /// An honest call to orders, for `acme`.
    pub(super) fn orders(&self) -> Call {
        Call::get(self.system.services.orders.address(), "/t/acme/orders").token(&self.token)
    }

    /// An honest call to billing, for `acme`.
    pub(super) fn billing(&self) -> Call {
        self.billing_at(&self.system.services.billing)
    }

    /// An honest call to a billing service built for an attack.
    pub(super) fn billing_at(&self, server: &Server) -> Call {
        Call::get(server.address(), "/t/acme/invoices").token(&self.token)
    }

    /// An honest call to the agent, for `acme`.
    pub(super) fn agent(&self) -> Call {
        Call::get(self.system.services.agent.address(), "/t/acme/summaries").token(&self.token)
    }

    /// An honest call to the ledger, for `acme`, with the copies that its context promises.
    pub(super) fn ledger(&self) -> GrpcCall {
        self.ledger_of("acme", &self.token)
    }

    /// A call to the ledger for a tenant, in this context.
    pub(super) fn ledger_of(&self, tenant: &str, token: &str) -> GrpcCall {
        GrpcCall::new(self.system.services.ledger.address(), tenant)
            .token(token)
            .add(billing::LEGACY_FIELD, tenant)
            .add("baggage", format!("tenant.id={tenant}"))
    }

    /// A handler's context, as a service gets it that is called with this token.
    pub(super) async fn admit(&self, token: &str) -> Result<TenantContext, Failure> {
        let accept = AcceptLayer::new(self.system.neighbours.domain.clone());
        let (sender, admitted) = tokio::sync::oneshot::channel();
        let sender = Arc::new(Mutex::new(Some(sender)));
        let service = service_fn(move |request: Request<()>| {
            let cx = TenantContext::of(request.extensions());
            let sender = sender.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(sender) = sender {
                let _ = sender.send(cx);
            }
            ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
        });
        let request = Request::get("/").header("txn-token", token).body(())?;
        accept.layer(service).oneshot(request).await?;
        Ok(admitted.await??)
    }

    /// A call to billing, through the proxy, to be sent by a client that keeps contexts.
    pub(super) fn invoice(&self, id: &str) -> Result<Request<Bytes>, Failure> {
        let proxy = self.system.services.proxy.url();
        Ok(Request::get(format!("{proxy}/t/acme/invoices"))
            .header(CALL_FIELD, id)
            .body(Bytes::new())?)
    }

    /// An honest call to the edge, with an access token of `acme`.
    pub(super) fn edge(&self) -> Result<Call, Failure> {
        self.edge_with(&Idp::claims(ADA_OF_ACME))
    }

    /// A call to the edge with an access token over `claims`.
    pub(super) fn edge_with(&self, claims: &Value) -> Result<Call, Failure> {
        let signer = self.system.idp.signer();
        let header = signer.header(idp::ACCESS_TOKEN).to_string();
        Ok(self.edge_bearing(&signer.sign(&header, &claims.to_string())?))
    }

    /// A call to the edge with this credential.
    pub(super) fn edge_bearing(&self, bearer: &str) -> Call {
        Call::get(self.system.services.edge.address(), "/t/acme/orders").bearing(bearer)
    }

    /// The claims of an honest context of `user`, to be changed.
    pub(super) fn claims(&self, user: User) -> Result<Value, Failure> {
        let now = SystemClock.now();
        let draft = Draft::user(user.principal()?, now)?
            .with_grant(Grant::new(Scope::new(user.scope())?))
            .with_authentication(Authentication::at(now).in_session("s-desk"))
            .requested_by("edge")?;
        let draft = tokens::with_copies(draft)?;
        let token = self.system.issuer.mint(draft)?;
        let payload = token.split('.').nth(1).unwrap_or_default();
        Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
    }

    /// The claims of `ada` at `acme`, changed.
    pub(super) fn acme_with(&self, changes: &[(&str, Value)]) -> Result<String, Failure> {
        let mut claims = self.claims(ADA_OF_ACME)?;
        for (pointer, value) in changes {
            change(&mut claims, pointer, Some(value.clone()));
        }
        self.sign(&claims)
    }

    /// The claims of `ada` at `acme` without these.
    pub(super) fn acme_without(&self, pointer: &str) -> Result<String, Failure> {
        let mut claims = self.claims(ADA_OF_ACME)?;
        change(&mut claims, pointer, None);
        self.sign(&claims)
    }

    /// Signs claims with the issuer's key, under an honest header.
    pub(super) fn sign(&self, claims: &Value) -> Result<String, Failure> {
        self.sign_text(&claims.to_string())
    }

    /// Signs a text that need not be JSON.
    pub(super) fn sign_text(&self, claims: &str) -> Result<String, Failure> {
        let header = self.header().to_string();
        self.system.forge.sign(&header, claims)
    }

    /// The header of an honest context.
    pub(super) fn header(&self) -> Value {
        self.system.forge.header(TYP)
    }

    /// An honest context of `acme` under a changed header, signed with the issuer's key.
    pub(super) fn under_header(&self, changes: &[(&str, Value)]) -> Result<String, Failure> {
        let mut header = self.header();
        for (pointer, value) in changes {
            change(&mut header, pointer, Some(value.clone()));
        }
        let claims = self.claims(ADA_OF_ACME)?.to_string();
        self.system.forge.sign(&header.to_string(), &claims)
    }

    /// A billing service of the attack's own, behind the usual witnesses.
    pub(super) async fn build_billing(&self, domain: TrustDomain) -> Result<Server, Failure> {
        self.serve(&billing::accept(domain)?.build()?).await
    }

    /// Billing behind a layer of the attack's own.
    pub(super) async fn serve(&self, accept: &AcceptLayer) -> Result<Server, Failure> {
        let ledger = self.system.services.proxy.address();
        billing::serve(accept, ledger, self.system.log.clone()).await
    }

    /// What no answer to a stranger may contain.
    pub(super) fn secrets(&self) -> Vec<String> {
        let users = USERS.iter().flat_map(|user| [user.tenant, user.name]);
        let names = [
            "umbrella",
            "zoe",
            tokens::ISSUER,
            tokens::DOMAIN,
            idp::ISSUER,
            idp::AUDIENCE,
            hooli::ISSUER,
            hooli::TENANT,
            workos::ISSUER,
            workos::PARTNERS_ISSUER,
            workos::ORG_ACME,
            workos::ORG_GLOBEX,
            workos::ADA,
            workos::BOB,
            workos::AGENT,
            workos::ADMIN,
        ];
        let system = self.system;
        let signers = [
            &system.forge,
            system.idp.signer(),
            system.hooli.signer(),
            system.workos.signer(),
            system.workos.partners(),
        ];
        let kids = signers.map(|signer| signer.kid().to_owned());
        let texts = users.chain(names).map(str::to_owned);
        // A three-letter name is found in many a word: look for it as a whole one.
        texts.chain(kids).collect()
    }
}

/// Sets or removes the member at a JSON Pointer. Its parents are made where they are missing.
pub(super) fn change(document: &mut Value, pointer: &str, value: Option<Value>) {
    let mut names = pointer.trim_start_matches('/').split('/').peekable();
    let mut place = document;
    while let Some(name) = names.next() {
        let Value::Object(members) = place else {
            return;
        };
        if names.peek().is_none() {
            match value {
                Some(value) => drop(members.insert(name.into(), value)),
                None => drop(members.remove(name)),
            }
            return;
        }
        place = members.entry(name).or_insert_with(|| json!({}));
    }
}
