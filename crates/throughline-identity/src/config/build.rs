//! From what a file says to what an edge trusts.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use throughline::{KeySource, TrustDomain, Witness};
use throughline_core::freshness::Freshness;
use throughline_core::{ActorKind, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};
use toml::Spanned;

use super::file::{
    EdgeTable, File, IntrospectionTable, IssuerTable, OneOrSeveral, OwnershipTable, TenancyTable,
    WitnessTable,
};
use super::{EdgeConfig, EdgeConfigError};
use crate::audience::Audience;
use crate::authenticate::ResourceMetadata;
use crate::credential::CredentialSource;
use crate::discovery::KeySettings;
use crate::introspection::Introspection;
use crate::issuer::{Issuer, Issuers};
use crate::kind::CredentialKind;
use crate::opaque::OpaqueCredentials;
use crate::profile::Profile;
use crate::tenancy::Tenancy;
use crate::trust::TrustMap;

/// Says where things stand in a text.
struct Text<'t> {
    text: &'t str,
    folder: &'t Path,
}

impl Text<'_> {
    fn line(&self, span: Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    fn error(&self, span: Range<usize>, problem: impl Into<String>) -> EdgeConfigError {
        EdgeConfigError::new(Some(self.line(span)), problem)
    }
}

pub(super) fn build(text: &str, folder: &Path) -> Result<EdgeConfig, EdgeConfigError> {
    let at = Text { text, folder };
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| at.line(span));
        EdgeConfigError::new(line, error.message())
    })?;

    let name = file.trust_domain.get_ref();
    let bad_name = |error: &dyn std::fmt::Display| {
        at.error(file.trust_domain.span(), format!("`trust_domain`: {error}"))
    };
    let domain_name = TrustDomainName::new(name).map_err(|error| bad_name(&error))?;
    let Some(freshness) = &file.freshness else {
        return Err(at
            .error(
                file.trust_domain.span(),
                "it does not say how a revocation is noticed",
            )
            .with_remedy(
                "write `freshness = { lifetime_only = 3600 }`: how many seconds old may be what an \
                 issuer said",
            ));
    };
    if freshness.get_ref().lifetime_only == 0 {
        return Err(at
            .error(freshness.span(), "`lifetime_only` is 0, so nobody can pass")
            .with_remedy("expected seconds, at least as many as a credential lives"));
    }
    let freshness =
        Freshness::lifetime_only(Duration::from_secs(freshness.get_ref().lifetime_only));

    let key = match &file.signing_key {
        None => {
            SigningKey::generate().map_err(|error| EdgeConfigError::new(None, error.to_string()))?
        }
        Some(table) => signing_key(&at, table)?,
    };
    let tokens = TokenIssuer::new(domain_name, key);
    let domain = TrustDomain::new(name)
        .map_err(|error| bad_name(&error))?
        .with_keys(tokens.key_source())
        .with_freshness(freshness);

    let trust = trust(&at, file.ownership.as_ref())?;
    let mut issuers = Vec::new();
    let mut opaque = Vec::new();
    for table in &file.issuer {
        let issuer = issuer(&at, table)?;
        if let Some(asked) = &table.get_ref().introspection {
            opaque.push(introspection(&at, asked, &issuer, &trust)?);
        }
        issuers.push(issuer);
    }
    let issuers = Issuers::new(issuers, trust).map_err(|error| {
        let owner = file.ownership.as_ref().map(|table| at.line(table.span()));
        let line = if error.to_string().contains("attribute") {
            owner
        } else {
            None
        };
        EdgeConfigError::new(line, error.to_string())
    })?;

    let witnesses = file.witness.iter().map(|table| witness(&at, table));
    let witnesses = witnesses.collect::<Result<_, _>>()?;
    let (credentials, resource) = edge(&at, &file.edge, &issuers)?;
    Ok(EdgeConfig {
        issuers,
        opaque,
        tokens,
        domain,
        witnesses,
        credentials,
        exempt: file.edge.exempt,
        resource,
        requester: file.edge.requester,
        legacy_header: file.edge.legacy_header,
        wait_for_keys: file.edge.wait_for_keys.unwrap_or(true),
    })
}

fn signing_key(
    at: &Text<'_>,
    table: &Spanned<super::secret::SecretTable>,
) -> Result<SigningKey, EdgeConfigError> {
    let wrong = |problem: String| {
        at.error(table.span(), format!("`signing_key`: {problem}"))
            .with_remedy("expected an Ed25519 key in PKCS #8, as PEM")
    };
    let secret = table.get_ref().read(at.folder).map_err(wrong)?;
    let der = from_pem(secret.danger_expose()).ok_or_else(|| wrong("it is no PEM".to_owned()))?;
    SigningKey::from_pkcs8(&der).map_err(|error| wrong(error.to_string()))
}

/// RFC 7468: one block of a private key.
fn from_pem(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let inner = text
        .trim()
        .strip_prefix("-----BEGIN PRIVATE KEY-----")?
        .strip_suffix("-----END PRIVATE KEY-----")?;
    let packed: String = inner.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD
        .decode(packed)
        .ok()
}

fn trust(
    at: &Text<'_>,
    table: Option<&Spanned<OwnershipTable>>,
) -> Result<TrustMap, EdgeConfigError> {
    let Some(table) = table else {
        return Err(EdgeConfigError::new(None, "it does not say who owns what").with_remedy(
            "add `[ownership]` with `authentication` and `rules`: the people who answer for each",
        ));
    };
    let OwnershipTable {
        authentication,
        rules,
        attributes,
        read,
        strangers,
    } = table.get_ref();
    let mut trust = TrustMap::new(authentication, rules);
    for (attribute, owner) in attributes {
        trust = trust.with_owner(attribute, owner);
    }
    trust = trust.read_by_rules(read.iter().map(String::as_str));
    match strangers
        .as_ref()
        .map(|word| (word, word.get_ref().as_str()))
    {
        None | Some((_, "drop")) => {}
        Some((_, "refuse")) => trust = trust.refusing_strangers(),
        Some((word, other)) => {
            return Err(at
                .error(word.span(), format!("`strangers` is `{other}`"))
                .with_remedy("expected `drop` or `refuse`"));
        }
    }
    trust.check().map_err(|error| {
        at.error(table.span(), format!("`[ownership]`: {error}"))
            .with_remedy("expected a name for each owner, and an owner for whatever is in `read`")
    })?;
    Ok(trust)
}

fn issuer(at: &Text<'_>, table: &Spanned<IssuerTable>) -> Result<Issuer, EdgeConfigError> {
    let span = table.span();
    let table = table.get_ref();
    let alias = table.name.get_ref();
    let wrong = |span: Range<usize>, problem: String| {
        at.error(span, format!("issuer `{alias}`: {problem}"))
    };
    let Some(profile) = Profile::by_name(table.profile.get_ref()) else {
        let known: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
        return Err(wrong(
            table.profile.span(),
            format!("there is no profile `{}`", table.profile.get_ref()),
        )
        .with_remedy(format!("expected one of `{}`", known.join("`, `"))));
    };
    let client_id = table.client_id.as_ref().map(|id| id.get_ref().as_str());
    let names = match &table.issuer {
        Some(OneOrSeveral(names)) => names.clone(),
        None => profile.names(client_id),
    };
    if names.is_empty() {
        return Err(wrong(
            span,
            "it does not say which `iss` its credentials have".to_owned(),
        )
        .with_remedy(format!(
            "write `issuer = \"https://…\"`, exactly as the issuer writes it{}",
            if profile.names(Some("x")).is_empty() {
                ""
            } else {
                ", or `client_id`"
            }
        )));
    }
    let mut builder = Issuer::builder(alias, profile);
    for name in &names {
        builder = builder.named(name);
    }
    match &table.audience {
        None => {
            return Err(wrong(
                span,
                "it does not say for whom its credentials are".to_owned(),
            )
            .with_remedy(
                "write `audience = \"…\"` with what they have in `aud`, or `audience = \
                     \"none\"` if they have none",
            ));
        }
        Some(OneOrSeveral(values)) => {
            builder = builder.with_audience(match values.as_slice() {
                [none] if none == "none" => Audience::none(),
                values => Audience::one_of(values.iter().map(String::as_str)),
            });
        }
    }
    if let Some(tenancy_table) = &table.tenancy {
        let tenancy = tenancy(tenancy_table.get_ref())
            .map_err(|problem| wrong(tenancy_table.span(), format!("`tenancy`: {problem}")))?;
        builder = builder.with_tenancy(tenancy);
    }
    if let Some(kinds) = &table.kinds {
        let known = |name: &String| {
            CredentialKind::from_name(name).ok_or_else(|| {
                let all: Vec<&str> = profile.kinds().map(CredentialKind::as_str).collect();
                wrong(kinds.span(), format!("there is no kind `{name}`"))
                    .with_remedy(format!("this profile has `{}`", all.join("`, `")))
            })
        };
        let kinds = kinds.get_ref().iter().map(known);
        builder = builder.with_kinds(kinds.collect::<Result<Vec<_>, _>>()?);
    }
    if let Some(actor) = &table.actor {
        builder = builder.with_actor(match actor.get_ref().as_str() {
            "agent" => ActorKind::Agent,
            "person" => ActorKind::Person,
            other => {
                return Err(wrong(actor.span(), format!("there is no actor `{other}`"))
                    .with_remedy("expected `agent` or `person`"));
            }
        });
    }
    for (name, claim) in &table.attributes {
        builder = builder.add_attribute(name, claim);
    }
    if let Some(seconds) = table.clock_skew {
        builder = builder.with_skew(Duration::from_secs(seconds));
    }
    if let Some(seconds) = table.max_lifetime {
        builder = builder.with_max_lifetime(Duration::from_secs(seconds));
    }
    if let Some(open) = &table.open_to_every_tenant {
        if open.get_ref() != "danger" {
            return Err(wrong(
                open.span(),
                "`open_to_every_tenant` is for who knows".to_owned(),
            )
            .with_remedy("write `\"danger\"`, or list the tenants in `tenancy`"));
        }
        builder = builder.danger_open_to_every_tenant();
    }
    builder = match &table.keys {
        Some(keys) if keys.get_ref() == "none" => {
            if table.introspection.is_none() {
                return Err(wrong(
                    keys.span(),
                    "`keys` is `none`, so nobody can pass".to_owned(),
                )
                .with_remedy(
                    "add `introspection` for its opaque tokens, or write the address of its keys",
                ));
            }
            builder.without_keys()
        }
        Some(_) | None => builder.with_keys(
            keys(table, profile, &names, client_id)
                .map_err(|problem| wrong(span.clone(), problem))?,
        ),
    };
    builder.build().map_err(|error| {
        let problem = wrong(span, error.problems().join("; "));
        match error.unlisted_claim() {
            None => problem,
            Some(claim) => problem.with_remedy(format!(
                "write `tenancy = {{ claim = \"{claim}\", map = {{ \"…\" = \"…\" }} }}`, or `only = \
                 [\"…\"]` in place of `map`"
            )),
        }
    })
}

fn introspection(
    at: &Text<'_>,
    table: &Spanned<IntrospectionTable>,
    issuer: &Issuer,
    trust: &TrustMap,
) -> Result<OpaqueCredentials, EdgeConfigError> {
    let wrong = |problem: String| {
        let alias = issuer.alias();
        at.error(
            table.span(),
            format!("issuer `{alias}`: `introspection`: {problem}"),
        )
    };
    let IntrospectionTable {
        url,
        client_id,
        client_secret,
        answers_for_one_issuer,
    } = table.get_ref();
    let secret = client_secret.read(at.folder).map_err(wrong)?;
    let source = Introspection::at(url, client_id, secret).map_err(|error| {
        wrong(format!("`{url}`: {error}")).with_remedy("expected an `https` address")
    })?;
    let mut builder = OpaqueCredentials::builder(issuer.clone(), trust.clone(), source);
    if *answers_for_one_issuer {
        builder = builder.answering_for_one_issuer();
    }
    builder
        .build()
        .map_err(|error| wrong(error.problems().join("; ")))
}

fn tenancy(table: &TenancyTable) -> Result<Tenancy, String> {
    let tenant =
        |name: &str| Tenant::new(name).map_err(|error| format!("tenant `{name}`: {error}"));
    let TenancyTable {
        tenant: one,
        claim,
        map,
        only,
        joined_by,
    } = table;
    let base = match (one, claim) {
        (Some(one), None) if map.is_none() && only.is_none() && joined_by.is_none() => {
            return Ok(Tenancy::one(tenant(one)?));
        }
        (None, Some(claim)) => Tenancy::claim(claim.as_str()),
        (Some(_), _) | (None, None) => {
            return Err("expected either `tenant` alone, or `claim`".to_owned());
        }
    };
    let limited = match (map, only) {
        (None, None) => base,
        (Some(map), None) => {
            let mapped = map
                .iter()
                .map(|(value, name)| Ok((value.as_str(), tenant(name)?)));
            base.mapped(mapped.collect::<Result<Vec<_>, String>>()?)
        }
        (None, Some(only)) => base.only(
            only.iter()
                .map(|name| tenant(name))
                .collect::<Result<Vec<_>, _>>()?,
        ),
        (Some(_), Some(_)) => return Err("`map` and `only` exclude each other".to_owned()),
    };
    Ok(match joined_by {
        Some(separator) => limited.joined_by(*separator),
        None => limited,
    })
}

fn keys(
    table: &IssuerTable,
    profile: Profile,
    names: &[String],
    client_id: Option<&str>,
) -> Result<KeySource, String> {
    let mut settings = KeySettings::of(names.first().map(String::as_str).unwrap_or_default());
    if let Some(id) = client_id {
        settings = settings.with_client_id(id);
    }
    if let Some(keys) = &table.keys {
        settings = settings.with_jwks_url(keys.get_ref());
    }
    for origin in &table.key_origins {
        settings = settings.add_key_origin(origin);
    }
    if let Some(document) = &table.discovery {
        settings = settings.with_document(document);
    }
    if table.oauth_metadata {
        settings = settings.or_oauth_metadata();
    }
    if table.in_private_network {
        settings = settings.in_private_network();
    }
    profile.keys(&settings).map_err(|error| {
        let cause = std::error::Error::source(&error);
        let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    })
}

fn witness(at: &Text<'_>, table: &Spanned<WitnessTable>) -> Result<Witness, EdgeConfigError> {
    let span = table.span();
    let WitnessTable {
        path,
        header,
        host_below,
        query,
        baggage,
        optional,
    } = table.get_ref();
    let wrong = |problem: String| at.error(span.clone(), format!("`[[witness]]`: {problem}"));
    let built = |witness: Result<Witness, throughline::ConfigError>| {
        witness.map_err(|error| wrong(error.to_string()))
    };
    let witness = match (path, header, host_below, query, baggage) {
        (Some(name), None, None, None, None) => Witness::path(name),
        (None, Some(name), None, None, None) => built(Witness::header(name))?,
        (None, None, Some(domain), None, None) => built(Witness::subdomain_of(domain))?,
        (None, None, None, Some(name), None) => Witness::query(name),
        (None, None, None, None, Some(key)) => built(Witness::baggage(key))?,
        _ => {
            return Err(wrong("names no place, or several".to_owned()).with_remedy(
                "expected one of `path`, `header`, `host_below`, `query`, `baggage`",
            ));
        }
    };
    Ok(if *optional {
        witness.optional()
    } else {
        witness
    })
}

fn edge(
    at: &Text<'_>,
    table: &EdgeTable,
    issuers: &Issuers,
) -> Result<(Vec<CredentialSource>, Option<ResourceMetadata>), EdgeConfigError> {
    let mut credentials = Vec::new();
    for source in table.credentials.iter() {
        if source.get_ref().is_empty() {
            return Err(at
                .error(source.span(), "`credentials` names no place".to_owned())
                .with_remedy("leave it out for `bearer`, or name one"));
        }
        for word in source.get_ref() {
            credentials.push(match word.split_once(':') {
                None if word == "bearer" => CredentialSource::bearer(),
                Some(("cookie", name)) if !name.is_empty() => CredentialSource::cookie(name),
                Some(("websocket", marker)) if !marker.is_empty() => {
                    CredentialSource::websocket_protocol(marker)
                }
                None | Some(_) => {
                    return Err(at
                        .error(source.span(), format!("there is no credential `{word}`"))
                        .with_remedy("expected `bearer`, `cookie:NAME` or `websocket:MARKER`"));
                }
            });
        }
    }
    let resource = match &table.resource {
        None => None,
        Some(resource) => {
            let servers: Vec<String> = issuers
                .iter()
                .flat_map(Issuer::names)
                .filter(|name| name.starts_with("http") && !name.contains('{'))
                .collect();
            let servers = servers.iter().map(String::as_str);
            let metadata = ResourceMetadata::new(resource.get_ref(), servers).ok_or_else(|| {
                at.error(
                    resource.span(),
                    format!("`resource` is `{}`", resource.get_ref()),
                )
                .with_remedy("expected the `https` address of this resource (RFC 9728 §1.2)")
            })?;
            Some(metadata)
        }
    };
    Ok((credentials, resource))
}
