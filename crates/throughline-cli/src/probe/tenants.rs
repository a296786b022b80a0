//! What the tenants are called, where nobody says it: what their tokens claim.
//!
//! Nothing is verified; a wrong guess is seen in the plan, and the honest request fails.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use throughline_core::refusal::shown;

use super::Failure;
use super::address::{Address, check_tenant};
use super::args::ProbeArgs;
use super::tokens::Token;

/// Claims that name a tenant, the likeliest first.
const CLAIMS: [&str; 11] = [
    "/tctx/tenant",
    "/tenant",
    "/tenant_id",
    "/tenantId",
    "/tid",
    "/org_id",
    "/organization_id",
    "/org",
    "/account_id",
    "/workspace_id",
    "/custom:tenant_id",
];

/// A name that stands for the other tenant where nobody says one.
const NOBODY: &str = "somebody-else";

/// What the tenants are called.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) own: String,
    pub(super) other: String,
    /// What was guessed.
    pub(super) notes: Vec<String>,
}

impl Named {
    pub(super) fn find(
        args: &ProbeArgs,
        address: &Address,
        own: &Token,
        other: Option<&Token>,
    ) -> Result<Self, Failure> {
        let mut notes = Vec::new();
        let claim = claimed(own, address);
        let name = match (&args.tenant, &claim) {
            (Some(name), _) => name.clone(),
            (None, Some((place, name))) => {
                notes.push(format!(
                    "the own tenant is `{name}`, as its token says at {}",
                    shown(place.as_bytes())
                ));
                name.clone()
            }
            (None, None) => {
                return Err(
                    "the token does not say what its tenant is called: give `--tenant`".into(),
                );
            }
        };
        let claimed = claim.zip(other).and_then(|((place, _), other)| {
            let name = same_claim(other, &place)?;
            Some((place, name))
        });
        let other_name = match (&args.other_tenant, claimed) {
            (Some(name), _) => name.clone(),
            (None, Some((place, name))) => {
                notes.push(format!(
                    "the other tenant is `{name}`, as its token says at {}",
                    shown(place.as_bytes())
                ));
                name
            }
            (None, None) if other.is_some() => {
                return Err(
                    "the other token does not say what its tenant is called: give `--other-tenant`"
                        .into(),
                );
            }
            (None, None) => {
                notes.push(format!(
                    "no other tenant is named, so `{NOBODY}` stands for it: a service may refuse it \
                     because nobody is called so"
                ));
                NOBODY.into()
            }
        };
        if other.is_none() {
            notes.push("without `--other-token-from`, attacks that need it are not run".into());
        }
        check_tenant(&name)?;
        check_tenant(&other_name)?;
        if name == other_name {
            return Err(format!("both tenants are called `{name}`").into());
        }
        Ok(Self {
            own: name,
            other: other_name,
            notes,
        })
    }
}

/// A claim by its JSON Pointer, and its value.
type Claim = (String, String);

/// The claim that names the tenant: one whose value the address mentions, else one that is named
/// like it.
fn claimed(token: &Token, address: &Address) -> Option<Claim> {
    let claims = claims(token)?;
    let mut all = Vec::new();
    collect(&claims, String::new(), &mut all);
    let named = |claim: &&Claim| CLAIMS.contains(&claim.0.as_str());
    let mentioned = |claim: &&Claim| address.mentions(&claim.1);
    all.iter()
        .find(|claim| named(claim) && mentioned(claim))
        .or_else(|| all.iter().find(mentioned))
        .or_else(|| {
            CLAIMS
                .iter()
                .find_map(|name| all.iter().find(|c| c.0 == *name))
        })
        .cloned()
}

/// The value of the same claim in another token.
fn same_claim(token: &Token, pointer: &str) -> Option<String> {
    Some(claims(token)?.pointer(pointer)?.as_str()?.to_owned())
}

fn claims(token: &Token) -> Option<Value> {
    let mut parts = token.as_str().split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// Every text, by its place.
fn collect(value: &Value, place: String, found: &mut Vec<Claim>) {
    match value {
        Value::String(text) => found.push((place, text.clone())),
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{place}/{name}"), found);
            }
        }
        Value::Array(_) | Value::Bool(_) | Value::Null | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Token {
        Token::new(&format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))).unwrap()
    }

    fn found(claims: &str) -> Option<Claim> {
        let address = Address::parse("https://a.example/t/acme/orders").unwrap();
        claimed(&token(claims), &address)
    }

    #[test]
    fn the_claim_that_the_url_mentions_is_the_tenant() {
        let place = |claims| found(claims).map(|(place, _)| place);
        let claims = r#"{"org_id":"org_1","https://a/team":"acme"}"#;
        assert_eq!(place(claims).as_deref(), Some("/https:~1~1a~1team"));
        let claims = r#"{"aud":"acme","tctx":{"tenant":"acme"}}"#;
        assert_eq!(place(claims).as_deref(), Some("/tctx/tenant"));
    }

    #[test]
    fn without_one_the_claim_that_is_called_so_is() {
        let claims = r#"{"sub":"ada","org_id":"org_1"}"#;
        assert_eq!(found(claims), Some(("/org_id".into(), "org_1".into())));
        assert_eq!(found(r#"{"sub":"ada"}"#), None);
        let other = token(r#"{"org_id":"org_2"}"#);
        assert_eq!(same_claim(&other, "/org_id").as_deref(), Some("org_2"));
    }

    #[test]
    fn a_token_that_is_no_jwt_says_nothing() {
        let address = Address::parse("https://a.example/t/acme").unwrap();
        for text in ["opaque", "a.b.c", "..."] {
            assert_eq!(claimed(&Token::new(text).unwrap(), &address), None);
        }
    }
}
