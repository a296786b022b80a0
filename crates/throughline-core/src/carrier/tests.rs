//! Step 1 on plain lists, and carriers that lie about what they took.

use super::*;

type Fields = Vec<(String, Vec<u8>)>;

fn fields(fields: &[(&str, &[u8])]) -> Fields {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
        .collect()
}

fn owned() -> OwnedFields {
    OwnedFields::token_only().add_field("X-Tenant")
}

fn refused(carrier: &(impl Carrier + ?Sized)) -> (Reason, Option<String>) {
    let refusal = owned().read(carrier).unwrap_err();
    let place = refusal.place().map(|place| place.name().to_owned());
    (refusal.reason(), place)
}

fn ambiguous(name: &str) -> (Reason, Option<String>) {
    (Reason::ContextAmbiguous, Some(name.to_owned()))
}

fn honest() -> Fields {
    fields(&[
        ("host", b"api.example"),
        ("txn-token", b"a.b.c"),
        ("x-tenant", b"acme"),
        ("connection", b"keep-alive, x-request-id"),
    ])
}

#[test]
fn what_is_alone_and_named_as_it_should_be_is_read() {
    let honest = honest();
    let owned = owned();
    let values = owned.read(&honest).unwrap();
    assert_eq!(values.token(), Some(&b"a.b.c"[..]));
    assert!(!values.is_empty());
    let nothing = fields(&[("host", b"api.example"), ("x-tenant-hint", b"globex")]);
    let values = owned.read(&nothing).unwrap();
    assert!(values.is_empty() && values.token().is_none());
    // The legacy field alone is not nothing: it must not pass for anonymous.
    let legacy = fields(&[("x-tenant", b"acme")]);
    assert!(!owned.read(&legacy).unwrap().is_empty());
}

// failure: H2
#[test]
fn a_connection_field_that_names_an_owned_field_is_refused() {
    for list in [
        &b"txn-token"[..],
        b"Txn-Token",
        b"close, X-TENANT",
        b"close,x-tenant,te",
        b" ,, \tx_tenant\t ,",
    ] {
        for name in ["connection", "Connection"] {
            let mut fields = honest();
            fields.push((name.to_owned(), list.to_vec()));
            assert_eq!(
                refused(&fields),
                (Reason::ContextStripped, None),
                "{list:?}"
            );
            fields.insert(0, fields[fields.len() - 1].clone());
            assert_eq!(
                refused(&fields),
                (Reason::ContextStripped, None),
                "{list:?}"
            );
        }
    }
    for list in [&b"close"[..], b"", b"x-tenant-id, txn", b"\xff, te"] {
        let mut fields = honest();
        fields.push(("connection".to_owned(), list.to_vec()));
        assert!(owned().read(&fields).is_ok(), "{list:?}");
    }
}

#[test]
fn a_connection_field_is_refused_also_where_the_proxy_has_removed_the_token() {
    let cut = fields(&[("connection", b"txn-token")]);
    assert_eq!(refused(&cut), (Reason::ContextStripped, None));
}

// failure: H3
#[test]
fn a_look_alike_is_ambiguous_with_and_without_its_twin() {
    for twin in ["x_tenant", "x.tenant", "X-Tenant", "x-tenanT", "X_TENANT"] {
        for value in [&b"globex"[..], b"acme", b""] {
            let mut both = honest();
            both.push((twin.to_owned(), value.to_vec()));
            assert_eq!(refused(&both), ambiguous(twin));
            both.reverse();
            assert_eq!(refused(&both).0, Reason::ContextAmbiguous);
            let alone = fields(&[(twin, value)]);
            assert_eq!(refused(&alone), ambiguous(twin));
        }
    }
    for twin in ["txn_token", "txn.token", "Txn-Token", "TXN_TOKEN"] {
        let mut both = honest();
        both.push((twin.to_owned(), b"a.b.c".to_vec()));
        assert_eq!(refused(&both), ambiguous(twin));
    }
    for other in [
        "x-tenants",
        "x-tenan",
        "x--tenant",
        "xtenant",
        "x-ténant",
        "txntoken",
    ] {
        let mut fields = honest();
        fields.push((other.to_owned(), b"globex".to_vec()));
        assert!(owned().read(&fields).is_ok(), "{other}");
    }
}

// failure: H4
#[test]
fn two_lines_and_one_joined_line_are_ambiguous_in_any_order() {
    for (name, values) in [
        ("x-tenant", [&b"acme"[..], b"globex"]),
        ("x-tenant", [b"globex", b"acme"]),
        ("x-tenant", [b"acme", b"acme"]),
        ("x-tenant", [b"", b"acme"]),
        ("txn-token", [b"a.b.c", b"d.e.f"]),
        ("txn-token", [b"a.b.c", b"a.b.c"]),
    ] {
        let lines = fields(&[(name, values[0]), ("te", b"trailers"), (name, values[1])]);
        assert_eq!(refused(&lines), ambiguous(name));
        let thrice = [values[0], values[1], values[0]].join(&b","[..]);
        for joined in [values.join(&b","[..]), values.join(&b", "[..]), thrice] {
            let line = fields(&[(name, &joined)]);
            assert_eq!(refused(&line), ambiguous(name));
        }
        assert!(owned().read(&fields(&[(name, values[1])])).is_ok());
    }
}

// failure: H9
#[test]
fn undecodable_bytes_are_handed_on_as_they_are() {
    let fields = fields(&[("txn-token", b"a.b\xe9.c")]);
    let owned = owned();
    let values = owned.read(&fields).unwrap();
    assert_eq!(values.token(), Some(&b"a.b\xe9.c"[..]));
    let refusal = crate::hop::present(values.token()).unwrap_err();
    assert_eq!(refusal.reason(), Reason::ContextMalformed);
    assert_eq!(refusal.place(), Some(&Place::header(TOKEN_FIELD)));
    let empty = crate::hop::present(Some(b"")).unwrap_err();
    assert_eq!(empty.reason(), Reason::ContextMalformed);
}

#[test]
fn the_cap_counts_names_and_values_of_all_owned_fields() {
    let limit = 100;
    let owned = owned().with_max_bytes(limit);
    let sized = |total: usize| {
        let rest = total - "txn-token".len() - "x-tenant".len() - "acme".len();
        fields(&[
            ("x-other", &[b'o'; 1000]),
            ("x-tenant", b"acme"),
            ("txn-token", &vec![b't'; rest]),
        ])
    };
    for (size, fits) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
        let read = owned.read(&sized(size)).map(|_| ()).map_err(|r| r.reason());
        let expected = if fits {
            Ok(())
        } else {
            Err(Reason::ContextOversized)
        };
        assert_eq!(read, expected, "{size}");
    }
    let default = OwnedFields::token_only();
    let most = OwnedFields::DEFAULT_MAX_BYTES - TOKEN_FIELD.len();
    for (size, fits) in [(most - 1, true), (most, true), (most + 1, false)] {
        let carrier = fields(&[("txn-token", &vec![b't'; size])]);
        assert_eq!(default.read(&carrier).is_ok(), fits, "{size}");
    }
}

#[test]
fn oversized_is_found_before_ambiguous_and_that_before_stripped() {
    let owned = owned().with_max_bytes(64);
    let reason = |fields: &Fields| owned.read(fields).unwrap_err().reason();
    let mut carrier = fields(&[("connection", b"txn-token"), ("txn-token", b"a.b.c")]);
    assert_eq!(reason(&carrier), Reason::ContextStripped);
    carrier.push(("txn_token".to_owned(), b"a.b.c".to_vec()));
    assert_eq!(reason(&carrier), Reason::ContextAmbiguous);
    carrier.push(("x-tenant".to_owned(), vec![b'x'; 64]));
    assert_eq!(reason(&carrier), Reason::ContextOversized);
}

#[test]
fn look_alikes_count_towards_the_cap() {
    let owned = owned().with_max_bytes(64);
    let carrier = fields(&[("X_Tenant", &[b'x'; 64])]);
    let refusal = owned.read(&carrier).unwrap_err();
    assert_eq!(refusal.reason(), Reason::ContextOversized);
}

#[test]
fn a_stranger_with_many_lines_costs_one_look_at_each() {
    let mut carrier = Fields::new();
    for name in ["x-tenant", "x-org", "x_tenant", "x-org"] {
        carrier.extend((0..25_000).map(|_| (name.to_owned(), Vec::new())));
    }
    let owned = owned().add_field("x-org").with_max_bytes(usize::MAX);
    let refusal = owned.read(&carrier).unwrap_err();
    assert_eq!(refusal.reason(), Reason::ContextAmbiguous);
}

#[test]
fn strip_leaves_nothing_that_could_pass_for_ours() {
    let mut carrier = honest();
    for twin in [
        "x_tenant",
        "X-Tenant",
        "x.tenant",
        "txn_token",
        "TXN-TOKEN",
        "x-tenant",
    ] {
        carrier.push((twin.to_owned(), b"globex".to_vec()));
    }
    owned().strip(&mut carrier);
    assert_eq!(
        carrier,
        fields(&[
            ("host", b"api.example"),
            ("connection", b"keep-alive, x-request-id")
        ])
    );
    owned().strip(&mut carrier);
    assert_eq!(carrier.len(), 2);
}

#[test]
fn a_field_named_like_an_owned_one_can_never_be_read() {
    let owned = owned().add_field("x_tenant").add_field("x-tenant");
    assert_eq!(owned.names().count(), 3);
    let carrier = fields(&[("x_tenant", b"acme")]);
    assert!(owned.read(&carrier).is_err());
    assert!(owned.read(&fields(&[("x-tenant", b"acme")])).is_ok());
}

fn add(fields: &mut Fields, name: &str, value: &[u8]) {
    CarrierMut::append_field(fields, name, value);
}

/// A carrier that does with what it is given what a real one was seen to do.
struct Double {
    fields: Fields,
    take: fn(&mut Fields, &str, &[u8]),
}

impl Carrier for Double {
    fn for_each<'c>(&'c self, each: &mut dyn FnMut(&'c str, &'c [u8])) {
        Carrier::for_each(&self.fields, each);
    }
}

impl CarrierMut for Double {
    fn remove_field(&mut self, name: &str) {
        CarrierMut::remove_field(&mut self.fields, name);
    }

    fn append_field(&mut self, name: &str, value: &[u8]) {
        (self.take)(&mut self.fields, name, value);
    }
}

#[test]
fn a_written_token_is_read_back() {
    let mut carrier = honest();
    owned().strip(&mut carrier);
    owned().write_token(&mut carrier, b"a.b.c").unwrap();
    assert_eq!(owned().read(&carrier).unwrap().token(), Some(&b"a.b.c"[..]));
    let once = carrier.clone();
    owned().write_token(&mut carrier, b"a.b.c").unwrap();
    assert_eq!(carrier, once, "the same token is not written twice");
}

// failure: H8
#[test]
fn a_carrier_that_does_not_take_what_it_is_given_is_caught_by_the_sender() {
    type Take = fn(&mut Fields, &str, &[u8]);
    let takes: [(Take, Reason); 6] = [
        (|_, _, _| {}, Reason::ContextTruncated),
        (
            |fields, name, value| add(fields, name, &value[..value.len() - 1]),
            Reason::ContextTruncated,
        ),
        (
            |fields, name, _| add(fields, name, b""),
            Reason::ContextTruncated,
        ),
        (
            |fields, name, value| add(fields, name, &value.to_ascii_uppercase()),
            Reason::ContextTruncated,
        ),
        (
            |fields, name, value| {
                add(fields, name, value);
                add(fields, name, value);
            },
            Reason::ContextAmbiguous,
        ),
        (
            |fields, name, value| add(fields, &name.replace('-', "_"), value),
            Reason::ContextAmbiguous,
        ),
    ];
    for (n, (take, reason)) in takes.into_iter().enumerate() {
        let mut carrier = Double {
            fields: Fields::new(),
            take,
        };
        let refusal = owned().write_token(&mut carrier, b"a.b.c").unwrap_err();
        assert_eq!(refusal.reason(), reason, "double {n}");
        assert!(carrier.fields.is_empty(), "double {n} keeps half a context");
    }
    let mut honest = Double {
        fields: Fields::new(),
        take: |fields, name, value| add(fields, name, value),
    };
    owned().write_token(&mut honest, b"a.b.c").unwrap();
}

#[test]
fn another_context_that_is_there_already_is_not_replaced() {
    let mut carrier = fields(&[("txn-token", b"d.e.f")]);
    let before = carrier.clone();
    let refusal = owned().write_token(&mut carrier, b"a.b.c").unwrap_err();
    assert_eq!(refusal.reason(), Reason::ContextAmbiguous);
    assert_eq!(refusal.place(), Some(&Place::header(TOKEN_FIELD)));
    assert_eq!(carrier, before);
}

// failure: H8
#[test]
fn an_over_long_token_is_refused_before_anything_is_written() {
    let sender = owned().with_max_bytes(OwnedFields::DEFAULT_SENDER_MAX_BYTES);
    let most = OwnedFields::DEFAULT_SENDER_MAX_BYTES - TOKEN_FIELD.len();
    for (size, fits) in [(most, true), (most + 1, false)] {
        let mut carrier = Fields::new();
        let written = sender.write_token(&mut carrier, &vec![b't'; size]);
        assert_eq!(
            written.map_err(|refusal| refusal.reason()),
            if fits {
                Ok(())
            } else {
                Err(Reason::ContextOversized)
            }
        );
        assert_eq!(carrier.is_empty(), !fits);
    }
}

#[test]
fn the_cap_is_the_one_that_was_stated() {
    // Senders fail before any receiver does.
    assert_eq!(OwnedFields::DEFAULT_SENDER_MAX_BYTES, 6_144);
    assert_eq!(OwnedFields::DEFAULT_MAX_BYTES, 8_192);
    assert_eq!(owned().max_bytes(), OwnedFields::DEFAULT_MAX_BYTES);
    assert_eq!(owned().with_max_bytes(100).max_bytes(), 100);
}

#[test]
fn four_more_letters_or_another_binary_field_are_no_look_alike() {
    assert!(looks_like(TOKEN_FIELD, "Txn_Token-Bin"));
    for name in [
        "txn-tokenabcd",
        "txn-token_bit",
        "abc-token-bin",
        "token-txn-bin",
    ] {
        assert_eq!(name.len(), TOKEN_FIELD.len() + 4);
        assert!(!looks_like(TOKEN_FIELD, name), "{name}");
    }
}

#[test]
fn the_binary_twin_of_grpc_metadata_is_a_look_alike() {
    for name in ["txn-token-bin", "Txn_Token-BIN", "x-tenant-bin"] {
        let fields = vec![(name.to_owned(), b"YQ".to_vec())];
        let owned = OwnedFields::token_only().add_field("x-tenant");
        assert_eq!(
            owned.read(&fields).unwrap_err().reason(),
            Reason::ContextAmbiguous,
            "{name}"
        );
    }
    assert!(!looks_like("txn-token", "txn-token-binary"));
    assert!(!looks_like("txn-token", "bin"));
}

// failure: H2
#[test]
fn connection_must_not_name_a_field_that_holds_something_of_ours() {
    let fields = vec![("connection".to_owned(), b"close, Baggage".to_vec())];
    let owned = OwnedFields::token_only();
    assert!(
        owned.read(&fields).is_ok(),
        "nothing of ours is in the baggage"
    );
    let owned = owned.add_shared_field("baggage");
    assert_eq!(
        owned.read(&fields).unwrap_err().reason(),
        Reason::ContextStripped
    );
    let fields = vec![
        ("baggage".to_owned(), b"a=b".to_vec()),
        ("baggage".to_owned(), b"c=d".to_vec()),
    ];
    assert!(owned.read(&fields).is_ok(), "two lines of it are one list");
}

#[test]
fn debug_shows_no_value() {
    let honest = honest();
    let owned = owned();
    let shown = format!("{:?}", owned.read(&honest).unwrap());
    assert_eq!(shown, "OwnedValues { has_token: true, others: 1 }");
}
