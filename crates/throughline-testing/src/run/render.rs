//! From steps to a request: the honest request, and what an attack makes of it.

use bytes::Bytes;
use http::header::{HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Uri};

use super::exchange::Outgoing;
use crate::attack::{Credential, Fill, Step, Text};
use crate::forge::{self, ForgeError, Material};
use crate::target::{Body, Target};

/// A request before it is one: every part as bytes, as an attack may make it anything.
struct Draft {
    method: Vec<u8>,
    path: Vec<u8>,
    query: Option<Vec<u8>>,
    host: Option<Vec<u8>>,
    lines: Vec<(HeaderName, Vec<u8>)>,
    body: Bytes,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The token in it, if it has one.
    token: Option<Vec<u8>>,
}

/// A request, and the token that it was given.
pub(super) struct Rendered {
    pub(super) outgoing: Outgoing,
    pub(super) token: Option<Vec<u8>>,
}

/// Why there is no such request.
pub(super) struct Unsent {
    pub(super) why: String,
    /// Whether the honest token lacks what was to be changed.
    pub(super) lacks_part: bool,
}

impl From<ForgeError> for Unsent {
    fn from(error: ForgeError) -> Self {
        Self {
            why: error.to_string(),
            lacks_part: error.is_for_want_of_a_part(),
        }
    }
}

impl From<String> for Unsent {
    fn from(why: String) -> Self {
        Self {
            why,
            lacks_part: false,
        }
    }
}

impl From<&str> for Unsent {
    fn from(why: &str) -> Self {
        why.to_owned().into()
    }
}

impl From<Unsent> for String {
    fn from(unsent: Unsent) -> Self {
        unsent.why
    }
}

/// The honest request of `target` under `steps`.
///
/// # Errors
///
/// In words, where a token cannot be forged or no request can say this.
pub(super) fn render(
    target: &Target,
    steps: &[Step],
    material: &Material<'_>,
) -> Result<Rendered, Unsent> {
    let mut draft = Draft::honest(target, material.fill);
    for step in steps {
        draft.step(step, target, material)?;
    }
    draft.finish()
}

pub(super) fn with_tenant(template: &str, tenant: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, part) in template.split("{tenant}").enumerate() {
        if n > 0 {
            out.extend(tenant);
        }
        out.extend(part.as_bytes());
    }
    out
}

impl Draft {
    fn honest(target: &Target, fill: &Fill) -> Self {
        let tenant = fill.own.tenant.as_bytes();
        let mut lines: Vec<_> = target
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), with_tenant(value, tenant)))
            .collect();
        let token = fill.own.token.as_bytes();
        lines.push((target.credential.header(), target.credential.value(token)));
        Self {
            method: target.method.as_str().into(),
            path: with_tenant(&target.path, tenant),
            query: target.query.as_ref().map(|q| with_tenant(q, tenant)),
            host: target.host.as_ref().map(|host| with_tenant(host, tenant)),
            lines,
            body: match &target.body {
                Body::Bytes(bytes) => bytes.clone(),
                Body::Template(text) => with_tenant(text, tenant).into(),
            },
            trailers: Vec::new(),
            token: Some(token.to_vec()),
        }
    }

    fn step(
        &mut self,
        step: &Step,
        target: &Target,
        material: &Material<'_>,
    ) -> Result<(), Unsent> {
        let fill = material.fill;
        match step {
            Step::Body(text) => self.body = text.fill(fill).into(),
            Step::Credential(credential) => self.credential(credential, target, material)?,
            Step::HeaderAdd(name, value) => {
                self.lines.push((field(name, fill)?, value.fill(fill)));
            }
            Step::HeaderRemove(name) => {
                let name = field(name, fill)?;
                self.lines.retain(|(own, _)| *own != name);
            }
            Step::HeaderRepeat(name, value, times) => {
                let line = (field(name, fill)?, value.fill(fill));
                let lines = std::iter::repeat_n(line, usize::from(*times));
                self.lines.extend(lines);
            }
            Step::HeaderSet(name, value) => {
                self.set(field(name, fill)?, value.fill(fill));
            }
            Step::Host(text) => self.host = Some(text.fill(fill)),
            Step::HostTenant(text) => {
                let host = target.host.as_deref().unwrap_or_default();
                self.host = Some(with_tenant(host, &text.fill(fill)));
            }
            Step::Method(text) => self.method = text.fill(fill),
            Step::Path(text) => self.path = text.fill(fill),
            Step::PathAppend(text) => self.path.extend(text.fill(fill)),
            Step::PathTenant(text) => self.path = with_tenant(&target.path, &text.fill(fill)),
            Step::Query(text) => self.query = Some(text.fill(fill)),
            Step::QueryAppend(text) => {
                let query = self.query.get_or_insert_default();
                if !query.is_empty() {
                    query.push(b'&');
                }
                query.extend(text.fill(fill));
            }
            Step::QueryTenant(text) => {
                let query = target.query.as_deref().unwrap_or_default();
                self.query = Some(with_tenant(query, &text.fill(fill)));
            }
            Step::Trailer(name, value) => {
                self.trailers.push((name.fill(fill), value.fill(fill)));
            }
        }
        Ok(())
    }

    fn credential(
        &mut self,
        credential: &Credential,
        target: &Target,
        material: &Material<'_>,
    ) -> Result<(), Unsent> {
        let fill = material.fill;
        let token = match credential {
            Credential::Forge(how) => {
                let token = forge::forge(how, material);
                Some(token?)
            }
            Credential::None => None,
            Credential::Other => Some(fill.other.token.clone().into_bytes()),
            Credential::Own => Some(fill.own.token.clone().into_bytes()),
            Credential::Raw(text) => Some(text.fill(fill)),
        };
        let name = target.credential.header();
        match &token {
            Some(token) => self.set(name, target.credential.value(token)),
            None => self.lines.retain(|(own, _)| *own != name),
        }
        self.token = token;
        Ok(())
    }

    /// One line where the first of its name stood, else at the end.
    fn set(&mut self, name: HeaderName, value: Vec<u8>) {
        let at = self.lines.iter().position(|(own, _)| *own == name);
        self.lines.retain(|(own, _)| *own != name);
        let at = at.unwrap_or(self.lines.len()).min(self.lines.len());
        self.lines.insert(at, (name, value));
    }

    fn finish(self) -> Result<Rendered, Unsent> {
        let target = match &self.query {
            Some(query) => [&self.path, &b"?"[..], query].concat(),
            None => self.path,
        };
        let uri = Uri::try_from(target.as_slice())
            .ok()
            .filter(|_| target.starts_with(b"/"))
            .ok_or("no request has such a path")?;
        let method =
            Method::from_bytes(&self.method).map_err(|_| "no request has such a method")?;
        let mut request = Request::new(self.body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        if let Some(host) = self.host {
            let host = value(&host)?;
            request.headers_mut().insert(HOST, host);
        }
        for (name, line) in self.lines {
            append(request.headers_mut(), name, &line)?;
        }
        let mut trailers = HeaderMap::new();
        for (name, line) in self.trailers {
            let name = HeaderName::from_bytes(&name).map_err(|_| "no trailer has such a name")?;
            append(&mut trailers, name, &line)?;
        }
        let mut outgoing = Outgoing::new(request);
        outgoing.trailers = trailers;
        Ok(Rendered {
            outgoing,
            token: self.token,
        })
    }
}

fn field(name: &Text, fill: &Fill) -> Result<HeaderName, String> {
    let name = name.fill(fill);
    HeaderName::from_bytes(&name).map_err(|_| "no header has such a name".into())
}

fn value(bytes: &[u8]) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(bytes).map_err(|_| "no header has such a value".into())
}

fn append(headers: &mut HeaderMap, name: HeaderName, line: &[u8]) -> Result<(), String> {
    let line = value(line)?;
    match headers.try_append(name, line) {
        Ok(_) => Ok(()),
        Err(_) => Err("a request has no room for so many headers".into()),
    }
}
