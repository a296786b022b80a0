//! The one table of reasons a hop can give for refusing.
//!
//! A reason is data-less and named by the rule it stands for; where it was found and what was
//! found there travel beside it in a [`Refusal`](crate::Refusal). Two total maps lead out of the
//! process: `wire` to HTTP, gRPC and problem details, `settlement` to what a consumer does
//! with a message.
//!
#![doc = include_str!("table.md")]

mod settlement;
mod wire;

use std::fmt;

pub use self::settlement::Settlement;
pub use self::wire::{GrpcCode, Position};

/// Whose fault a refusal is, and so who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Whoever sent the request: it asks for something it may not have, or contradicts itself.
    Caller,
    /// A workload or proxy on the way inside: it dropped, cut, doubled or kept a context too long.
    Sender,
    /// Whoever signed: the token says something it must not say.
    Issuer,
    /// This service as it is configured.
    Configuration,
    /// Something this service depends on, which did not answer or is behind.
    Dependency,
}

impl Fault {
    /// The name used in logs and in the table of reasons.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Sender => "sender",
            Self::Issuer => "issuer",
            Self::Configuration => "configuration",
            Self::Dependency => "dependency",
        }
    }
}

macro_rules! reasons {
    ($( $(#[$doc:meta])* $name:ident = $code:literal, $fault:ident, client $client:literal, log $log:literal; )*) => {
        /// Why a hop refused. See the [module](self) for the table.
        ///
        /// Variants stand in the order in which a hop can meet them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $( $(#[$doc])* $name, )*
        }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )* ];

            /// The stable name on the wire, in logs and in metrics.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $( Self::$name => $code, )* }
            }

            /// Whose fault it is.
            #[must_use]
            pub const fn fault(self) -> Fault {
                match self { $( Self::$name => Fault::$fault, )* }
            }

            /// The sentence a client may see. It names no tenant, key, issuer or policy.
            #[must_use]
            pub const fn client_text(self) -> &'static str {
                match self { $( Self::$name => $client, )* }
            }

            /// The sentence the log begins with.
            #[must_use]
            pub const fn log_text(self) -> &'static str {
                match self { $( Self::$name => $log, )* }
            }

            /// The reason with this [code](Reason::code).
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $( $code => Some(Self::$name), )* _ => None }
            }

            /// A page that explains the reason; the `type` of its problem details (RFC 9457 §3.1.1).
            #[must_use]
            pub const fn link(self) -> &'static str {
                match self {
                    $( Self::$name => concat!(
                        "https://docs.rs/throughline-core/latest/throughline_core/reason/enum.Reason.html#variant.",
                        stringify!($name),
                    ), )*
                }
            }
        }
    };
}

reasons! {
    /// No context arrived where one is required. Absence is never read as anonymous.
    ContextMissing = "context_missing", Sender,
        client "the request carries no context",
        log "no context arrived";
    /// A field that belongs to the context occurs more than once, as a list, or under a
    /// look-alike name.
    ContextAmbiguous = "context_ambiguous", Sender,
        client "the request says the same thing more than once",
        log "a field of the context is ambiguous";
    /// `Connection` names a field of the context, so a proxy would remove it (RFC 9110 §7.6.1).
    ContextStripped = "context_stripped", Sender,
        client "the request asks for its context to be removed on the way",
        log "the `connection` field names a field of the context";
    /// The fields of the context are larger than the cap.
    ContextOversized = "context_oversized", Sender,
        client "the context of the request is too large",
        log "the context is over its size limit";
    /// The signature is shorter than its algorithm makes it: the token was cut.
    ContextTruncated = "context_truncated", Sender,
        client "the context of the request arrived incomplete",
        log "the context is cut";
    /// Not a token: wrong number of parts, bad base64url, a header with dangerous members,
    /// undecodable bytes.
    ContextMalformed = "context_malformed", Sender,
        client "the context of the request cannot be read",
        log "the context is malformed";
    /// The token's algorithm is not the one its key is bound to.
    AlgorithmRefused = "algorithm_refused", Issuer,
        client "the context of the request is not acceptable",
        log "the token's algorithm is not the key's";
    /// The token's `typ` is of another kind of token.
    TypeRefused = "type_refused", Sender,
        client "the context of the request is not acceptable",
        log "the token is of another type";
    /// No admitted key has the token's key id.
    KeyUnknown = "key_unknown", Issuer,
        client "the context of the request is not acceptable",
        log "the token's key is not known";
    /// The signature does not verify.
    SignatureInvalid = "signature_invalid", Caller,
        client "the context of the request is not acceptable",
        log "the signature does not verify";
    /// The token names an issuer that its key is not pinned to.
    IssuerUntrusted = "issuer_untrusted", Issuer,
        client "the context of the request is not acceptable",
        log "the issuer is not trusted for this key";
    /// The token is for another trust domain.
    AudienceMismatch = "audience_mismatch", Sender,
        client "the context of the request is meant for another place",
        log "the audience is another trust domain";
    /// The token is past its `exp`.
    ContextExpired = "context_expired", Sender,
        client "the context of the request has expired",
        log "the context has expired";
    /// The token's `iat` or `nbf` lies in the future.
    ContextNotYetValid = "context_not_yet_valid", Issuer,
        client "the context of the request is not valid yet",
        log "the context is not valid yet";
    /// The token lives longer, or its chain is older, than this domain allows.
    LifetimeExcessive = "lifetime_excessive", Issuer,
        client "the context of the request lives too long",
        log "the lifetime is over its cap";
    /// A required claim is absent.
    ClaimMissing = "claim_missing", Issuer,
        client "the context of the request lacks something required",
        log "a required claim is missing";
    /// A claim has the wrong type, repeats a member or contradicts another.
    ClaimInvalid = "claim_invalid", Issuer,
        client "the context of the request says something invalid",
        log "a claim is invalid";
    /// The tenant does not fit the tenant grammar.
    TenantInvalid = "tenant_invalid", Issuer,
        client "the context of the request says something invalid",
        log "the tenant does not fit its grammar";
    /// A link of the context was revoked after the context was made.
    Revoked = "revoked", Caller,
        client "the authority of the request has been withdrawn",
        log "the context was revoked";
    /// The tenant is suspended.
    TenantSuspended = "tenant_suspended", Caller,
        client "the authority of the request has been withdrawn",
        log "the tenant is suspended";
    /// Whether the context is still true cannot be told: the feed is behind, or there is none and
    /// the context is too old.
    FreshnessUnknown = "freshness_unknown", Dependency,
        client "the authority of the request cannot be confirmed now",
        log "freshness is unknown";
    /// A declared witness is absent.
    WitnessMissing = "witness_missing", Caller,
        client "the request does not say something it has to say",
        log "a declared witness is missing";
    /// A witness names another tenant than the context.
    TenantMismatch = "tenant_mismatch", Caller,
        client "the request and its context name different tenants",
        log "the tenants differ";
    /// A witness names another subject than the context.
    SubjectMismatch = "subject_mismatch", Caller,
        client "the request and its context name different subjects",
        log "the subjects differ";
    /// A witness names another actor than the context.
    ActorMismatch = "actor_mismatch", Caller,
        client "the request and its context name different actors",
        log "the actors differ";
    /// A body that holds a witness is larger than the cap of its layer.
    BodyOversized = "body_oversized", Caller,
        client "the body of the request is too large",
        log "the body is over its size limit";
    /// A body that holds a witness did not arrive in time.
    BodyTimeout = "body_timeout", Caller,
        client "the body of the request did not arrive in time",
        log "the body did not arrive in time";
    /// A copy that the token promises did not arrive.
    ProjectionTruncated = "projection_truncated", Sender,
        client "the copies of the request's context arrived incomplete",
        log "a promised copy is missing";
    /// A copy differs from what the token says.
    ProjectionMismatch = "projection_mismatch", Sender,
        client "the copies of the request's context differ from it",
        log "a copy differs from the token";
    /// A child grant allows a scope its parent does not, or lasts longer.
    ScopeWidened = "scope_widened", Sender,
        client "the request asks for more than it was given",
        log "the scope is wider than the parent's";
    /// A child grant reaches data its parent does not.
    DataScopeWidened = "data_scope_widened", Sender,
        client "the request asks for more than it was given",
        log "the data scope is wider than the parent's";
    /// The chain of actors is longer than allowed.
    DepthExceeded = "depth_exceeded", Sender,
        client "the chain of delegations is too long",
        log "the actor chain is too long";
    /// The same actor stands twice in the chain.
    LoopDetected = "loop_detected", Sender,
        client "the chain of delegations runs in a circle",
        log "the actor chain has a loop";
    /// A child context does not continue its parent: transaction, principal or chain differ.
    ParentMismatch = "parent_mismatch", Sender,
        client "the request does not continue the work it claims to continue",
        log "the context does not descend from its parent";
    /// The authentication behind the context is too old or too weak for this route.
    AuthenticationStale = "authentication_stale", Caller,
        client "a more recent or stronger authentication is required",
        log "the authentication is too old or too weak";
    /// The workload at the other end of the connection may not call this route.
    CallerRefused = "caller_refused", Caller,
        client "the calling workload is not allowed here",
        log "the caller is not allowed";
    /// The scope does not cover this route.
    ScopeInsufficient = "scope_insufficient", Caller,
        client "the request lacks a permission",
        log "the scope is insufficient";
    /// The route serves another task, or work that is bound to one.
    TaskMismatch = "task_mismatch", Caller,
        client "the request belongs to another task",
        log "the task does not match";
    /// The data asked for is outside the data scope.
    DataScopeExceeded = "data_scope_exceeded", Caller,
        client "the request reaches for data outside its grant",
        log "the data scope is exceeded";
    /// A message's payload is not the one that was sealed.
    PayloadMismatch = "payload_mismatch", Sender,
        client "the message and its context do not belong together",
        log "the payload is not the sealed one";
    /// A message arrived at another destination than the one it was sealed for.
    DestinationMismatch = "destination_mismatch", Sender,
        client "the message arrived at another destination than intended",
        log "the destination is not the sealed one";
    /// A context record is past the deadline of its work.
    RecordExpired = "record_expired", Sender,
        client "the message is past its deadline",
        log "the record has expired";
    /// A message was settled before.
    Replayed = "replayed", Sender,
        client "the message was handled before",
        log "the message is a replay";
    /// The decision point said no.
    DecisionDenied = "decision_denied", Caller,
        client "the request is not permitted",
        log "the decision point denied";
    /// The decision point did not answer.
    DecisionUnavailable = "decision_unavailable", Dependency,
        client "the request cannot be decided now",
        log "the decision point is unavailable";
    /// No usable key set is at hand.
    KeysUnavailable = "keys_unavailable", Dependency,
        client "the context of the request cannot be checked now",
        log "no usable key set is at hand";
    /// The token service did not answer.
    ExchangeUnavailable = "exchange_unavailable", Dependency,
        client "a context cannot be obtained now",
        log "the token service is unavailable";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;

    use super::*;

    /// The whole table in Markdown; it is compared with `table.md`, which rustdoc includes.
    fn table() -> String {
        let mut table = String::from(
            "| reason | fault | HTTP inside | HTTP at the edge | gRPC | message | client text |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for reason in Reason::ALL {
            writeln!(
                table,
                "| `{reason}` | {} | {} | {} | {} | {} | {} |",
                reason.fault().as_str(),
                reason.http_status(Position::Inside),
                reason.http_status(Position::Edge),
                reason.grpc_code().number(),
                reason.settlement().as_str(),
                reason.client_text(),
            )
            .unwrap();
        }
        table
    }

    #[test]
    fn the_table_in_the_documentation_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/reason/table.md");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, table()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            table(),
            "run again with UPDATE_SNAPSHOTS=1 and review the difference"
        );
    }

    #[test]
    fn codes_are_unique_and_lead_back() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
        }
        assert_eq!(Reason::from_code("Context_Missing"), None);
    }

    #[test]
    fn texts_follow_the_grammar_of_messages() {
        for reason in Reason::ALL {
            for text in [reason.client_text(), reason.log_text()] {
                assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
                assert!(text.starts_with(|c: char| c.is_lowercase()), "{text}");
            }
        }
    }

    #[test]
    fn a_dependency_that_is_down_is_503_and_retry_never_a_drop() {
        for reason in Reason::ALL {
            let down =
                reason.code().ends_with("_unavailable") || *reason == Reason::FreshnessUnknown;
            assert_eq!(down, reason.fault() == Fault::Dependency, "{reason}");
            assert_eq!(
                down,
                reason.http_status(Position::Inside) == 503,
                "{reason}"
            );
            assert_eq!(down, reason.settlement() == Settlement::Retry, "{reason}");
        }
    }
}
