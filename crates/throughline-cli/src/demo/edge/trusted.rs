//! Whose word counts at the edge of the demo, about whom, for which tenant.

use throughline::{TrustDomain, Witness};
use throughline_core::Tenant;
use throughline_identity::authenticate::ResourceMetadata;
use throughline_identity::credential::CredentialSource;
use throughline_identity::opaque::Secret;
use throughline_identity::{
    Audience, AuthenticateBuilder, AuthenticateLayer, CredentialKind, EdgeConfig, Introspection,
    Issuer, Issuers, OpaqueCredentials, Profile, Tenancy,
};
use throughline_jose::{KeySource, TokenIssuer};

use super::super::api_keys::{self, ApiKeys};
use super::super::idp::{self, Idp};
use super::super::members::{self, Members};
use super::super::net::Failure;
use super::super::{billing, hooli, roster, tokens, workos};

/// The cookie in which a browser keeps its credential.
pub(in crate::demo) const SESSION_COOKIE: &str = "demo_session";

/// Where things are, by their base addresses.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Addresses {
    pub(in crate::demo) idp: String,
    pub(in crate::demo) workos: String,
    pub(in crate::demo) hooli: String,
}

/// Whom the edge asks, beside the issuers' keys.
#[derive(Clone, Debug)]
pub(in crate::demo) struct Sources {
    pub(in crate::demo) idp: Idp,
    pub(in crate::demo) members: Members,
    pub(in crate::demo) api_keys: ApiKeys,
}

/// What the edge goes by, to be changed before it is built.
#[derive(Debug)]
pub(in crate::demo) struct Trusted {
    /// Issuers that need nothing but a file, and the map of trust.
    pub(in crate::demo) file: String,
    /// Whether the directory is asked who belongs to an organisation.
    pub(in crate::demo) asks_members: bool,
    /// Whether the credential goes along to whoever is behind.
    pub(in crate::demo) keeps_credential: bool,
    workos: String,
    introspection: String,
}

impl Trusted {
    /// What an operator would write for the demo. `resource` is the edge's own address.
    pub(in crate::demo) fn new(at: &Addresses, resource: &str) -> Self {
        let (idp_iss, audience) = (idp::ISSUER, idp::AUDIENCE);
        let (hooli_alias, hooli_iss, hooli_tenant) = (hooli::ALIAS, hooli::ISSUER, hooli::TENANT);
        let (partners_alias, partners_iss) = (workos::PARTNERS_ALIAS, workos::PARTNERS_ISSUER);
        let partners_client = workos::PARTNERS_CLIENT;
        let partners_keys = workos::jwks_path(partners_client);
        let (idp_alias, workos_alias, org_acme) =
            (roster::PROVIDER, workos::ALIAS, workos::ORG_ACME);
        let (idp, workos, hooli) = (&at.idp, &at.workos, &at.hooli);
        let file = format!(
            r#"trust_domain = "demo.internal"
freshness    = {{ lifetime_only = 3600 }}

[[issuer]]
name     = "{idp_alias}"
profile  = "rfc9068"
issuer   = "{idp_iss}"
keys     = "{idp}/jwks.json"
audience = ["{audience}", "{resource}"]
tenancy  = {{ claim = "org", only = ["acme", "globex", "initech"] }}

[[issuer]]
name       = "{hooli_alias}"
profile    = "rfc9068"
issuer     = "{hooli_iss}"
keys       = "{hooli}/jwks.json"
audience   = "{audience}"
tenancy    = {{ tenant = "{hooli_tenant}" }}
attributes = {{ role = "role" }}

[[issuer]]
name      = "{partners_alias}"
profile   = "workos-authkit"
issuer    = "{partners_iss}"
client_id = "{partners_client}"
keys      = "{workos}{partners_keys}"
audience  = "none"
tenancy   = {{ claim = "org_id", map = {{ {org_acme} = "acme" }} }}

[ownership]
authentication  = "identity team"
rules           = "platform security"
attributes.role = "{workos_alias}"
read            = ["role"]
"#
        );
        Self {
            file,
            asks_members: true,
            keeps_credential: false,
            workos: format!("{workos}{}", workos::jwks_path(workos::CLIENT)),
            introspection: format!("{idp}/introspect"),
        }
    }

    /// The layer, once the keys of every issuer are there.
    pub(in crate::demo) async fn build(
        self,
        sources: Sources,
        tokens: TokenIssuer,
        domain: TrustDomain,
        resource: &str,
    ) -> Result<AuthenticateLayer, Failure> {
        let config = EdgeConfig::parse(&self.file, ".".as_ref())?;
        let trust = config.trust().clone();
        let in_file = config.issuers().iter().cloned();
        let issuers = Issuers::new(in_file.chain([self.workos(&sources)?]), trust.clone())?;
        for issuer in issuers.iter() {
            issuer.keys().load().await?;
        }

        // The provider that signs also answers for tokens that say nothing by themselves.
        let idp = issuers.by_alias(roster::PROVIDER);
        let idp = idp.ok_or("the file has no such issuer")?.clone();
        let secret = Secret::new(sources.idp.edge_secret());
        let asked = Introspection::at(&self.introspection, idp::EDGE_CLIENT, secret)?;
        let introspected = OpaqueCredentials::builder(idp, trust.clone(), asked)
            .with_prefix(idp::OPAQUE)
            .build()?;

        let issuer = Issuer::builder(api_keys::ALIAS, Profile::API_KEYS)
            .named("https://keys.demo.internal")
            .without_keys()
            .with_audience(Audience::none())
            .with_tenancy(Tenancy::claim("org").only([Tenant::new("acme")?]))
            .build()?;
        let table = sources.api_keys;
        let look_up = move |key: Secret| std::future::ready(table.look_up(&key));
        let keys = OpaqueCredentials::builder(issuer, trust, look_up)
            .with_prefix(api_keys::PREFIX)
            .build()?;

        let mut builder = layer(issuers, tokens, domain, resource)?
            .add_opaque(introspected)
            .add_opaque(keys);
        if self.keeps_credential {
            builder = builder.danger_keep_credential();
        }
        Ok(builder.build()?)
    }

    /// The environment of the demo's own users. A file has no place yet for who knows the members.
    fn workos(&self, sources: &Sources) -> Result<Issuer, Failure> {
        let tenants = [
            (workos::ORG_ACME, Tenant::new("acme")?),
            (workos::ORG_GLOBEX, Tenant::new("globex")?),
        ];
        let issuer = Issuer::builder(workos::ALIAS, Profile::WORKOS_AUTHKIT)
            .named(workos::ISSUER)
            .with_keys(KeySource::url(&self.workos)?)
            .with_audience(Audience::none())
            .with_tenancy(Tenancy::claim("org_id").mapped(tenants))
            // That an admin acts as a user, or an agent for one, is wanted here, and said.
            .with_kinds([
                CredentialKind::Session,
                CredentialKind::ImpersonatedSession,
                CredentialKind::DelegatedAgent,
                CredentialKind::AutonomousAgent,
            ])
            .add_attribute("role", "role");
        let issuer = match self.asks_members {
            true => issuer.with_memberships(sources.members.memberships(members::MAX_AGE)),
            false => issuer,
        };
        Ok(issuer.build()?)
    }
}

/// A layer as every edge of the demo has it, whomever it trusts: where credentials are, what is
/// compared, and what each context promises.
pub(in crate::demo) fn layer(
    issuers: Issuers,
    tokens: TokenIssuer,
    domain: TrustDomain,
    resource: &str,
) -> Result<AuthenticateBuilder, Failure> {
    let names: Vec<String> = issuers.iter().flat_map(Issuer::names).collect();
    let servers = names.iter().map(String::as_str);
    let metadata = ResourceMetadata::new(resource, servers);
    let witnesses = [
        Witness::path("tenant"),
        // Set anew behind the edge, so a stranger's own must agree, and is gone.
        Witness::header(billing::LEGACY_FIELD)?.optional(),
        Witness::header("x-tenant-id")?.optional(),
        Witness::query("tenant").optional(),
        Witness::baggage("tenant.id")?.optional(),
    ];
    let mut builder = AuthenticateLayer::builder(issuers, tokens, domain)
        .add_credential(CredentialSource::bearer())
        .add_credential(CredentialSource::cookie(SESSION_COOKIE))
        .with_requester("edge")
        .with_resource(metadata.ok_or("the edge's own address is none")?)
        .accepting(|accept| {
            witnesses
                .into_iter()
                .fold(accept, |accept, witness| accept.add_witness(witness))
        });
    for copy in tokens::copies()? {
        builder = builder.add_projection(copy);
    }
    Ok(builder)
}
