//! What the placeholders of an attack stand for.

use std::fmt;

/// What the placeholders stand for.
#[derive(Clone)]
pub struct Fill {
    /// The tenant whose request it is.
    pub own: Side,
    /// The tenant it has no business with.
    pub other: Side,
    /// The header of the credential.
    pub credential_header: String,
    /// The header that names a tenant.
    pub tenant_header: String,
    /// The header of a copy that the service relies on; empty where there is none.
    pub copy_header: String,
    /// Something that no request said before.
    pub nonce: String,
}

/// What belongs to one of the two tenants; empty where there is none.
#[derive(Clone, Default)]
pub struct Side {
    /// The name.
    pub tenant: String,
    /// An honest token.
    pub token: String,
    /// The value of the credential's header around it.
    pub credential: String,
    /// The path of its honest request.
    pub path: String,
    /// The host of it.
    pub host: String,
    /// The query of it.
    pub query: String,
    /// The body of it, if that is text.
    pub body: String,
    /// The baggage of it, or a member that names the tenant.
    pub baggage: String,
    /// The JSON body of it with every member twice, its own and then the other tenant's.
    pub joined_body: String,
}

/// Tokens stay out of it.
impl fmt::Debug for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fill")
            .field("own", &self.own)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}

/// The names of the placeholders.
macro_rules! slots {
    ($( $slot:ident = $name:literal => |$fill:ident| $value:expr ; )*) => {
        /// A placeholder.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Slot { $( $slot, )* }

        impl Slot {
            #[cfg(test)]
            pub(super) const NAMES: &'static [&'static str] = &[ $( $name, )* ];

            pub(super) fn named(name: &str) -> Option<Self> {
                match name { $( $name => Some(Self::$slot), )* _ => None }
            }
        }

        impl Fill {
            pub(super) fn value(&self, slot: Slot) -> &str {
                match slot { $( Slot::$slot => { let $fill = self; &$value } )* }
            }
        }
    };
}

slots! {
    Baggage = "baggage" => |fill| fill.own.baggage;
    Body = "body" => |fill| fill.own.body;
    CopyHeader = "copy_header" => |fill| fill.copy_header;
    Credential = "credential" => |fill| fill.own.credential;
    CredentialHeader = "credential_header" => |fill| fill.credential_header;
    Host = "host" => |fill| fill.own.host;
    JoinedBody = "joined_body" => |fill| fill.own.joined_body;
    Nonce = "nonce" => |fill| fill.nonce;
    Other = "other" => |fill| fill.other.tenant;
    OtherBaggage = "other_baggage" => |fill| fill.other.baggage;
    OtherBody = "other_body" => |fill| fill.other.body;
    OtherCredential = "other_credential" => |fill| fill.other.credential;
    OtherHost = "other_host" => |fill| fill.other.host;
    OtherJoinedBody = "other_joined_body" => |fill| fill.other.joined_body;
    OtherPath = "other_path" => |fill| fill.other.path;
    OtherQuery = "other_query" => |fill| fill.other.query;
    OtherToken = "other_token" => |fill| fill.other.token;
    Own = "own" => |fill| fill.own.tenant;
    Path = "path" => |fill| fill.own.path;
    Query = "query" => |fill| fill.own.query;
    TenantHeader = "tenant_header" => |fill| fill.tenant_header;
    Token = "token" => |fill| fill.own.token;
}

impl Slot {
    /// Whether it takes a token of the other tenant.
    pub(super) fn is_of_other_token(self) -> bool {
        matches!(self, Self::OtherToken | Self::OtherCredential)
    }
}

impl Fill {
    /// The same with the tenants in each other's place.
    #[must_use]
    pub fn mirrored(&self) -> Self {
        Self {
            own: self.other.clone(),
            other: self.own.clone(),
            ..self.clone()
        }
    }

    /// The same with another nonce.
    pub(crate) fn with_nonce(mut self, nonce: String) -> Self {
        self.nonce = nonce;
        self
    }
}
