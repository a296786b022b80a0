//! What the placeholders of an attack stand for, in one world.

use super::shot::fresh_nonce;
use super::world::World;
use crate::attack::{Fill, Side, Who};
use crate::target::{Body, Target};

/// What placeholders stand for.
pub(super) fn fill(target: &Target, world: &World) -> Result<Fill, String> {
    let token = world.token(Who::Own, target);
    let own = side(target, target.own(), token.ok_or(NO_TOKEN)?);
    let token = world.token(Who::Other, target);
    let other = side(target, target.other(), token.unwrap_or_default());
    let copy_header = target.copy.as_ref().map(|name| name.as_str().to_owned());
    Ok(Fill {
        own: Side {
            joined_body: joined(&own.body, &other.body),
            ..own.clone()
        },
        other: Side {
            joined_body: joined(&other.body, &own.body),
            ..other
        },
        credential_header: target.credential.header().as_str().to_owned(),
        tenant_header: target.tenant_header.as_str().to_owned(),
        copy_header: copy_header.unwrap_or_default(),
        nonce: fresh_nonce(),
    })
}

const NO_TOKEN: &str = "there is no token of the own tenant";

/// What belongs to one tenant.
fn side(target: &Target, tenant: &str, token: String) -> Side {
    let put = |template: &str| template.replace("{tenant}", tenant);
    let baggage = target.headers.iter().find(|(name, _)| *name == "baggage");
    let credential = target.credential.value(token.as_bytes());
    Side {
        credential: String::from_utf8_lossy(&credential).into_owned(),
        path: put(&target.path),
        host: put(target.host.as_deref().unwrap_or("{tenant}")),
        query: put(target.query.as_deref().unwrap_or_default()),
        body: match &target.body {
            Body::Bytes(_) => String::new(),
            Body::Template(body) => put(body),
        },
        baggage: put(baggage.map_or("tenant={tenant}", |(_, value)| value)),
        joined_body: String::new(),
        tenant: tenant.to_owned(),
        token,
    }
}

/// Two JSON objects as one, every member twice; empty where they are none.
fn joined(first: &str, second: &str) -> String {
    let inner = |text: &str| {
        let text = text.trim().strip_prefix('{')?.strip_suffix('}')?;
        Some(text.to_owned())
    };
    match (inner(first), inner(second)) {
        (Some(first), Some(second)) => format!("{{{first},{second}}}"),
        _ => String::new(),
    }
}
