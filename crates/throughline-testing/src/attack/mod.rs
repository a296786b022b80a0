//! An attack as data: what is sent, what must become of it, and the honest request beside it.
//!
//! Every attack of the [catalogue](crate::catalogue) is one JSON object; `catalogue/README.md` of
//! this crate explains the members, so that another language can run the same files.
//!
//! 1. **An attack is a change of the honest request.** Its steps start from what the
//!    [target](crate::target) says an honest request looks like, so that nothing but the attacked
//!    thing is wrong with it.
//! 2. **It has a twin**, which differs in the attacked thing only and must be served. Where it is
//!    not, the attack proves nothing, and counts as not run.
//! 3. **It says what it imitates**, with a public source.
//! 4. **It is checked when it is read**: an unknown member, placeholder or reason, a missing source
//!    and a doubled id are errors, never a quieter attack.
//!
//! ```
//! use throughline_testing::attack::Attack;
//!
//! let text = r#"[{
//!     "id": "mine/tenant-of-another",
//!     "title": "a header names another tenant",
//!     "why": "whoever sets the header reads the other tenant's data",
//!     "imitates": { "what": "a header that is believed", "link": "https://example.com/incident" },
//!     "attack": [{ "header_set": ["{tenant_header}", "{other}"] }],
//!     "twin": [{ "header_set": ["{tenant_header}", "{own}"] }],
//!     "expect": { "harmless": ["tenant_mismatch"] }
//! }]"#;
//! let attacks = Attack::parse_all(text)?;
//! assert_eq!(attacks[0].id(), "mine/tenant-of-another");
//!
//! // A placeholder that nobody fills is no attack.
//! let error = Attack::parse_all(&text.replace("{other}", "{others}")).unwrap_err();
//! assert!(error.to_string().contains("`{others}`"));
//! # Ok::<(), throughline_testing::attack::AttackError>(())
//! ```

mod data;
mod error;
mod fill;
mod read;
mod step;
mod text;

use std::fmt;

use serde::{Deserialize, Serialize};
use throughline_core::Reason;

pub use self::data::Data;
pub use self::error::AttackError;
pub use self::fill::{Fill, Side};
pub use self::step::{
    Act, Algorithm, Credential, Edit, Forge, Hex, Hmac, KeysFault, Sign, Step, TextEdit, Who,
};
pub use self::text::Text;

/// One attack.
#[derive(Clone, Debug)]
pub struct Attack {
    id: String,
    title: String,
    why: String,
    imitates: Source,
    over: Vec<Wire>,
    needs: Vec<Need>,
    variants: Vec<Variant>,
    twin: Vec<Step>,
    many: Option<Many>,
    expect: Expect,
}

impl Attack {
    /// Reads a file of attacks: a JSON array.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the id of the attack where one can be told.
    pub fn parse_all(json: &str) -> Result<Vec<Self>, AttackError> {
        read::all(json)
    }

    /// The name: `group/what-is-done`. Stable.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is done, in a line.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What an attacker gains where it is accepted.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Where it happened before.
    #[must_use]
    pub fn imitates(&self) -> &Source {
        &self.imitates
    }

    /// The protocols it is an attack in.
    #[must_use]
    pub fn over(&self) -> &[Wire] {
        &self.over
    }

    /// What it takes beyond a tenant's own token, said by its author or seen in its steps.
    #[must_use]
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// The requests that are the attack; each must be refused or harmless.
    #[must_use]
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// What makes the honest twin of the honest request.
    #[must_use]
    pub fn twin(&self) -> &[Step] {
        &self.twin
    }

    /// How its requests are sent, where they are many at once.
    #[must_use]
    pub fn many(&self) -> Option<Many> {
        self.many
    }

    /// What must become of it.
    #[must_use]
    pub fn expect(&self) -> &Expect {
        &self.expect
    }

    /// The part of the id before the slash.
    #[must_use]
    pub fn group(&self) -> &str {
        self.id.split_once('/').map_or("", |(group, _)| group)
    }
}

/// One request of an attack, and what is done before it.
#[derive(Clone, Debug)]
pub struct Variant {
    before: Vec<Act>,
    steps: Vec<Step>,
}

impl Variant {
    /// What is done before it: other requests, and changes of the world.
    #[must_use]
    pub fn before(&self) -> &[Act] {
        &self.before
    }

    /// The changes that make it of the honest request.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// Where an attack happened before: a public source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Source {
    /// What it is, in words: an advisory, a standard, a study.
    pub what: String,
    /// A public identifier or address.
    pub link: String,
}

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wire {
    /// gRPC, judged by its status.
    Grpc,
    /// HTTP, judged by its status.
    Http,
}

/// What an attack takes. Where it is not at hand, the attack does not apply, and the report says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Need {
    /// The honest request names its tenant in a member of baggage.
    BaggageTenant,
    /// The honest request has a body that names its tenant.
    BodyTenant,
    /// The token stands in the `authorization` header.
    Bearer,
    /// A clock that the test moves.
    Clock,
    /// Marks of what was revoked, which the test sets.
    Freshness,
    /// The honest request names its tenant in the host.
    HostTenant,
    /// A token that is a JWS, which can be taken apart.
    Jws,
    /// A key server that the test can break.
    KeyServer,
    /// A token of the other tenant.
    OtherToken,
    /// The honest request names its tenant in the path.
    PathTenant,
    /// Copies that the service relies on.
    Projection,
    /// The public keys of the service's issuer, which most issuers publish.
    PublicKeys,
    /// The honest request names its tenant in the query.
    QueryTenant,
    /// The key that the service trusts.
    SigningKey,
    /// The honest request names its tenant in a header.
    TenantHeader,
    /// The part of the token that the attack changes, which not every token has.
    TokenPart,
    /// The token is a transaction token of Throughline's shape in its own header.
    TransactionToken,
}

impl Need {
    /// Every need.
    pub(crate) const ALL: [Self; 17] = [
        Self::BaggageTenant,
        Self::BodyTenant,
        Self::Bearer,
        Self::Clock,
        Self::Freshness,
        Self::HostTenant,
        Self::Jws,
        Self::KeyServer,
        Self::OtherToken,
        Self::PathTenant,
        Self::Projection,
        Self::PublicKeys,
        Self::QueryTenant,
        Self::SigningKey,
        Self::TenantHeader,
        Self::TokenPart,
        Self::TransactionToken,
    ];

    /// The name, as in the catalogue's files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BaggageTenant => "baggage_tenant",
            Self::BodyTenant => "body_tenant",
            Self::Bearer => "bearer",
            Self::Clock => "clock",
            Self::Freshness => "freshness",
            Self::HostTenant => "host_tenant",
            Self::Jws => "jws",
            Self::KeyServer => "key_server",
            Self::OtherToken => "other_token",
            Self::PathTenant => "path_tenant",
            Self::Projection => "projection",
            Self::PublicKeys => "public_keys",
            Self::QueryTenant => "query_tenant",
            Self::SigningKey => "signing_key",
            Self::TenantHeader => "tenant_header",
            Self::TokenPart => "token_part",
            Self::TransactionToken => "transaction_token",
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Requests that are sent together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Many {
    /// As many requests of the other tenant are begun and dropped, each a step later than the one
    /// before, and after each the attack is sent.
    Abandon(u16),
    /// As many requests of each tenant, all under way at once.
    Interleave(u16),
}

/// What must become of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Each variant is refused, and nothing but the variants' own words tells the refusals apart.
    Alike(Vec<Reason>),
    /// Refused, or something was served that belongs to neither tenant: another page. Without a
    /// credential the own tenant's answer is accepted too.
    Elsewhere(Vec<Reason>),
    /// Refused, or served exactly as the twin is, as if the attack were not there.
    Harmless(Vec<Reason>),
    /// Refused; served is accepted, whatever is answered.
    Refused(Vec<Reason>),
    /// Refused or served, and the answer repeats none of the credentials sent.
    Silent(Vec<Reason>),
}

impl Expect {
    /// The reasons that a service on Throughline refuses it with.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Alike(reasons)
            | Self::Elsewhere(reasons)
            | Self::Harmless(reasons)
            | Self::Refused(reasons)
            | Self::Silent(reasons) => reasons,
        }
    }
}
