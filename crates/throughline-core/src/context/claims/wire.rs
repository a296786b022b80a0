//! What the claims look like on the wire.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

use super::invalid;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A text, borrowed unless it was escaped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;

        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrowing)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

/// Reads a member that may be absent but, where present, is not `null`: a `null` is an answer of
/// the wrong type, not the absence of one.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

macro_rules! wire {
    ($(#[$doc:meta])* struct $name:ident<$l:lifetime> { $( $(#[$attr:meta])* $field:ident: $type:ty, )* }) => {
        $(#[$doc])*
        #[derive(Default, Deserialize, Serialize)]
        #[serde(bound(deserialize = "'de: 'a"), remote = "Self")]
        pub(super) struct $name<$l> {
            $(
                $(#[$attr])*
                #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
                pub(super) $field: Option<$type>,
            )*
        }

        // What serde derives would take an array for an object, member by member in our order. No
        // other reader of the token does, so an array is a claim of the wrong type.
        impl<'de: $l, $l> Deserialize<'de> for $name<$l> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Object<$l>(PhantomData<&$l ()>);

                impl<'de: $l, $l> Visitor<'de> for Object<$l> {
                    type Value = $name<$l>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
                        <$name<$l>>::deserialize(MapAccessDeserializer::new(members))
                    }
                }

                deserializer.deserialize_map(Object(PhantomData))
            }
        }

        impl Serialize for $name<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                <$name<'_>>::serialize(self, serializer)
            }
        }
    };
}

/// RFC 7519 §2 `NumericDate`.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Date(pub(super) Number);

impl Date {
    pub(super) fn of(time: Timestamp) -> Self {
        Self(time.as_unix().into())
    }

    pub(super) fn read(&self, claim: &'static str) -> Result<Timestamp, Refusal> {
        Timestamp::from_number(&self.0).ok_or_else(|| {
            invalid(
                claim,
                "is out of range, expected seconds since 1970 before the year 10000",
            )
        })
    }
}

/// RFC 7519 §4.1.3 allows one text or an array of texts.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Audience<'a> {
    #[serde(borrow)]
    One(Text<'a>),
    #[serde(borrow)]
    Several(Vec<Text<'a>>),
}

impl Audience<'_> {
    /// The audience, if it is one: a context for several trust domains is for none.
    pub(super) fn single(&self) -> Option<&str> {
        match self {
            Self::One(one) => Some(one),
            Self::Several(several) => match several.as_slice() {
                [one] => Some(one),
                _ => None,
            },
        }
    }
}

wire! {
    struct Claims<'a> {
        iss: Text<'a>,
        aud: Audience<'a>,
        iat: Date,
        nbf: Date,
        exp: Date,
        txn: Text<'a>,
        sub: Text<'a>,
        scope: Text<'a>,
        req_wl: Text<'a>,
        act: Act<'a>,
        tctx: Tctx<'a>,
        rctx: Rctx<'a>,
    }
}

wire! {
    /// RFC 8693 §4.1: the outermost is the current actor.
    struct Act<'a> {
        sub: Text<'a>,
        kind: Text<'a>,
        sid: Text<'a>,
        act: Box<Act<'a>>,
    }
}

wire! {
    /// What is fixed for the whole chain of work.
    struct Tctx<'a> {
        kind: Text<'a>,
        tenant: Text<'a>,
        idp: Text<'a>,
        sub: Text<'a>,
        task: WireTask<'a>,
        data: Vec<BTreeMap<Text<'a>, Value>>,
        attr: BTreeMap<Text<'a>, WireAttribute<'a>>,
        proj: Vec<Text<'a>>,
    }
}

wire! {
    struct WireTask<'a> {
        id: Text<'a>,
        purpose: Text<'a>,
        deadline: Date,
    }
}

wire! {
    struct WireAttribute<'a> {
        value: WireValue<'a>,
        source: Text<'a>,
        at: Date,
    }
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum WireValue<'a> {
    Flag(bool),
    Number(i64),
    #[serde(borrow)]
    Text(Text<'a>),
    #[serde(borrow)]
    List(Vec<Text<'a>>),
}

wire! {
    /// The circumstances of the request.
    struct Rctx<'a> {
        as_of: Date,
        epoch: u64,
        auth_time: Date,
        acr: Text<'a>,
        amr: Vec<Text<'a>>,
        sid: Text<'a>,
        trace: Text<'a>,
        req: BTreeMap<Text<'a>, Text<'a>>,
    }
}
