use proptest::prelude::*;

use super::*;

fn read<'a>(lines: &[&'a str]) -> Baggage<'a> {
    let lines = lines.iter().map(|line| line.as_bytes());
    Baggage::read(lines, Limits::new()).unwrap()
}

fn one(value: &str) -> Found<'_> {
    Found::One(Cow::Borrowed(value))
}

// failure: B5
#[test]
fn a_member_is_found_on_whichever_line_it_stands() {
    let mut lines = ["trace=1", "", "tenant=acme", "x=2, y=3"];
    for turn in 0..lines.len() {
        lines.rotate_left(turn);
        assert_eq!(read(&lines).member("tenant"), one("acme"), "{lines:?}");
    }
}

// failure: B7
#[test]
fn a_duplicate_is_ambiguous_in_either_order_and_over_lines() {
    for lines in [
        &["tenant=acme,tenant=globex"][..],
        &["tenant=globex,tenant=acme"],
        &["tenant=acme", "tenant=globex"],
        &["tenant=acme", "tenant=acme"],
        &["tenant=acme,x=1,tenant"],
        &["tenant=acme,tenant=%ff"],
        &["tenant,tenant"],
    ] {
        assert_eq!(read(lines).member("tenant"), Found::Ambiguous, "{lines:?}");
    }
}

// failure: B8
#[test]
fn a_mebibyte_is_refused_by_its_size_before_anything_is_parsed() {
    // Half a million members: had they been counted, the other refusal would come.
    let flood = "a,".repeat(1 << 19);
    let error = Baggage::read([flood.as_bytes()], Limits::new()).unwrap_err();
    assert!(error.is_too_many_bytes());

    // No line after the one that is too much is even looked at.
    let mut taken = 0;
    let lines = std::iter::repeat_n([b'a'; 8000].as_slice(), 131).inspect(|_| taken += 1);
    assert!(Baggage::read(lines, Limits::new()).is_err());
    assert_eq!(taken, 2);

    // Empty lines cost their commas, so that not even they are endless.
    let mut taken = 0;
    let lines = std::iter::repeat(b"".as_slice()).inspect(|_| taken += 1);
    assert!(Baggage::read(lines, Limits::new()).is_err());
    assert_eq!(taken, 8194);
}

#[test]
fn sizes_are_counted_over_all_lines_with_their_commas() {
    let half = "k".repeat(4096);
    let rest = "k".repeat(4095);
    let sized = |lines: &[&str], limits| {
        Baggage::read(lines.iter().map(|line| line.as_bytes()), limits).map(|_| ())
    };
    assert_eq!(sized(&[&half, &rest], Limits::new()), Ok(()));
    assert!(
        sized(&[&half, &half], Limits::new())
            .unwrap_err()
            .is_too_many_bytes()
    );
    assert!(
        sized(&[&half, "", &rest], Limits::new())
            .unwrap_err()
            .is_too_many_bytes()
    );

    let limits = Limits::new().with_members(2).with_bytes(10);
    assert_eq!(sized(&["a,,b", " ,\t"], limits), Ok(()));
    assert!(
        sized(&["a,,b", "c"], limits)
            .unwrap_err()
            .is_too_many_members()
    );
    assert!(
        sized(&["a,b,c,d,e,f"], limits)
            .unwrap_err()
            .is_too_many_bytes()
    );
    assert_eq!(
        sized(&[], Limits::new().with_bytes(0).with_members(0)),
        Ok(())
    );
    assert_eq!(Limits::default(), Limits::new());
}

#[test]
fn the_member_at_position_64_is_read_and_a_65th_refuses_all() {
    let mut line = "x=,".repeat(63) + "tenant=acme";
    assert_eq!(read(&[&line]).member("tenant"), one("acme"));
    line.push_str(",y=");
    let error = Baggage::read([line.as_bytes()], Limits::new()).unwrap_err();
    assert!(error.is_too_many_members() && !error.is_too_many_bytes());
}

#[test]
fn one_member_of_the_exact_key_is_decoded_once() {
    for (line, value) in [
        ("tenant=acme", "acme"),
        (" \ttenant=acme\t ", "acme"),
        ("a=1, tenant=acme ,b=2", "acme"),
        ("tenant=", ""),
        ("tenant=b3JnX0E=", "b3JnX0E="),
        ("tenant==", "="),
        ("tenant=a+b", "a+b"),
        ("tenant=%C3%a9", "é"),
        ("tenant=%2541", "%41"),
        ("tenant=a%2Ctenant=b", "a,tenant=b"),
    ] {
        assert_eq!(read(&[line]).member("tenant"), one(value), "{line}");
    }
}

#[test]
fn a_look_alike_is_ambiguous_alone_and_beside_the_key() {
    for other in [
        "TENANT.ID",
        "tenant-id",
        "tenant_id",
        "Tenant_Id",
        "tenant%2Eid",
        "tenant%2eid",
        "%74enant.id",
        "tenant%252Eid",
        "tenant%2525252eid",
        "%%37%34enant.id",
        "+tenant.id",
        "tenant.id%20",
        "%09tenant%5Fid+",
        "tenant.id%C2%A0",
        "%EF%BB%BFtenant.id",
        "tenant.id%0D%0A",
    ] {
        let alone = format!("{other}=acme");
        assert_eq!(
            read(&[&alone]).member("tenant.id"),
            Found::Ambiguous,
            "{other}"
        );
        let both = read(&["tenant.id=acme", &alone]);
        assert_eq!(both.member("tenant.id"), Found::Ambiguous, "{other}");
        assert_eq!(both.without(&["tenant.id"]), None, "{other}");
    }
    for other in [
        "tenant",
        "tenant.id.x",
        "tenantid",
        "tenant%id",
        "tenant..id",
        "ten+ant.id",
    ] {
        let line = format!("{other}=acme,tenant.id=globex");
        assert_eq!(read(&[&line]).member("tenant.id"), one("globex"), "{other}");
    }
    // What is asked for may itself be spelt oddly: the exact spelling is still one.
    assert_eq!(read(&["Tenant_ID=a"]).member("Tenant_ID"), one("a"));
    assert_eq!(read(&["t%2Eid=a"]).member("t%2Eid"), one("a"));
}

#[test]
fn properties_and_blanks_around_the_equals_sign_are_ambiguous() {
    for line in [
        "tenant=acme;p",
        "tenant=acme;p=1",
        "tenant=acme ;p",
        "tenant=acme;p=%2Ctenant=evil",
        "tenant =acme",
        "tenant= acme",
        "tenant\t=\tacme",
    ] {
        assert_eq!(read(&[line]).member("tenant"), Found::Ambiguous, "{line}");
        assert_eq!(
            read(&[line]).members().next().unwrap().key(),
            "tenant",
            "{line}"
        );
    }
}

#[test]
fn a_value_or_slot_that_cannot_be_read_is_undecodable_and_never_absent() {
    for line in [
        "tenant=%FF",
        "tenant=%",
        "tenant=%4",
        "tenant=%zz",
        "tenant=%+1",
        "tenant=%C3",
        "tenant",
        "tenant ",
        "tenant;p",
        "tenant acme",
        "tenant\"=acme",
        "\"tenant=acme\"",
        "tenant=ac me",
        "tenant=a\\b",
        "tenant=\"acme\"",
        "tenant=é",
        "tenant:acme",
        "tenant\u{a0}=acme",
        "\u{a0}tenant=acme",
        "=tenant",
        "tenant=acme;",
        "tenant=acme;=p",
        "tenant=acme;p=%",
        "%74enant",
        "tenant=acme;p q",
        "tenant=a\u{0}",
        "TENANT",
    ] {
        let baggage = read(&[line]);
        assert_eq!(baggage.member("tenant"), Found::Undecodable, "{line}");
        assert_eq!(
            baggage.malformed().collect::<Vec<_>>(),
            [trimmed(line.as_bytes())],
            "{line}"
        );
        assert_eq!(baggage.members().count(), 0, "{line}");
        assert_eq!(baggage.without(&["tenant"]), None, "{line}");
    }
    let latin = b"tenant=caf\xe9,\xa0tenant".as_slice();
    let baggage = Baggage::read([latin], Limits::new()).unwrap();
    assert_eq!(baggage.member("tenant"), Found::Ambiguous);
    assert_eq!(baggage.member("cafe"), Found::Absent);
}

#[test]
fn a_key_inside_a_value_or_a_property_is_no_member() {
    for line in [
        "p=1;tenant=evil",
        "p=1;q=x%2Ctenant=evil",
        "p;tenant=evil",
        "p;p%2Ctenant=evil",
        "p=tenant=evil",
        "p=%2Ctenant%3Devil",
        "p=1;tenant",
        "p x tenant=evil",
    ] {
        let baggage = read(&[line]);
        assert_eq!(baggage.member("tenant"), Found::Absent, "{line}");
        assert_eq!(
            baggage.without(&["tenant"]).unwrap(),
            line.as_bytes(),
            "{line}"
        );
    }
    // A comma ends a member even inside quotes.
    assert_eq!(
        read(&["p=\"a,tenant=evil\""]).member("tenant"),
        Found::Undecodable
    );
}

#[test]
fn foreign_members_are_written_back_byte_for_byte_on_one_line() {
    let lines = [
        b" a = 1 ;p = \xff, ,tenant=acme".as_slice(),
        b"",
        b"b=%zz,a=2,Tenant;x,\"q,r\r\nevil: 1,c=3\0",
    ];
    let baggage = Baggage::read(lines, Limits::new()).unwrap();
    let kept = b"a = 1 ;p = \xff,b=%zz,a=2,\"q".to_vec();
    assert_eq!(baggage.without(&["tenant"]).unwrap(), kept);
    let again = Baggage::read([kept.as_slice()], Limits::new()).unwrap();
    assert_eq!(again.without(&["tenant"]), Some(kept.clone()));
    assert_eq!(again.without(&[]), Some(kept));
    assert_eq!(read(&[]).without(&["tenant"]), None);
    assert_eq!(read(&[" , ", ""]).without(&[]), None);
}

#[test]
fn members_come_in_order_with_duplicates() {
    let baggage = read(&["b=1;p=%20,x y,a=%41", "b = 2"]);
    let members: Vec<_> = baggage
        .members()
        .map(|m| (m.key(), m.value().to_owned(), m.raw()))
        .collect();
    assert_eq!(
        members,
        [
            ("b", "1".to_owned(), b"b=1;p=%20".as_slice()),
            ("a", "A".to_owned(), b"a=%41"),
            ("b", "2".to_owned(), b"b = 2"),
        ]
    );
    assert_eq!(baggage.malformed().collect::<Vec<_>>(), [b"x y"]);
    assert!(!baggage.is_empty() && read(&[" ,"]).is_empty());
}

#[test]
fn keys_that_peers_respell_and_empty_values_are_not_written() {
    for key in [
        "",
        "tenant id",
        "a=b",
        "a,b",
        "a%2Eb",
        "a+b",
        "a#b",
        "é",
        "a\n",
    ] {
        assert!(encode_member(key, "v").unwrap_err().is_key(), "{key}");
    }
    assert!(encode_member("tenant", "").unwrap_err().is_empty_value());
    assert_eq!(
        encode_member("a.b-c_d~", "é+ ,;=%\n").unwrap(),
        "a.b-c_d~=%C3%A9%2B%20%2C%3B%3D%25%0A"
    );
}

#[test]
fn messages() {
    let bytes = Baggage::read([b"abc".as_slice()], Limits::new().with_bytes(2)).unwrap_err();
    let members = Baggage::read([b"a,b".as_slice()], Limits::new().with_members(1)).unwrap_err();
    assert_eq!(bytes.to_string(), "baggage is longer than `2` bytes");
    assert_eq!(members.to_string(), "baggage has more than `1` members");
    assert!(bytes.is_too_many_bytes() && !bytes.is_too_many_members());
    assert!(members.is_too_many_members() && !members.is_too_many_bytes());
    let (key, value) = (encode_member("", "v"), encode_member("k", ""));
    let (key, value) = (key.unwrap_err(), value.unwrap_err());
    assert!(key.is_key() && !key.is_empty_value());
    assert!(value.is_empty_value() && !value.is_key());
    assert_eq!(
        encode_member("", "v").unwrap_err().to_string(),
        "baggage key has characters other than letters, digits and `-._~`"
    );
    assert_eq!(
        encode_member("k", "").unwrap_err().to_string(),
        "baggage value is empty"
    );
}

/// Bytes that get deep into the grammar, around the key `t.id`.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "t.id", "T_id", "t%2Eid", "=", "=", ",", ",", ";", "%", "%4", "%41", "%FF", " ", "\t",
            "a", "\"", "\\", "é", "\n",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..3),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn lines() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(line(), 0..6)
}

proptest! {
    #[test]
    fn reading_is_total_and_bounded(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..40),
        limits in (0_usize..9000, 0_usize..80),
    ) {
        let bytes = lines.iter().map(Vec::len).sum::<usize>() + lines.len().saturating_sub(1);
        let limits = Limits::new().with_bytes(limits.0).with_members(limits.1);
        match Baggage::read(lines.iter().map(Vec::as_slice), limits) {
            Ok(baggage) => {
                prop_assert!(bytes <= limits.bytes);
                prop_assert!(baggage.slots.len() <= limits.members);
                prop_assert!(baggage.slots.iter().map(|slot| slot.raw.len()).sum::<usize>() <= bytes);
                prop_assert_eq!(
                    baggage.members().count() + baggage.malformed().count(),
                    baggage.slots.len()
                );
                prop_assert!(baggage.without(&["t"]).is_none_or(|line| line.len() <= bytes));
            }
            Err(error) => prop_assert_eq!(error.is_too_many_bytes(), bytes > limits.bytes),
        }
    }

    #[test]
    fn any_order_of_lines_gives_the_same_answer(
        (lines, shuffled) in lines().prop_flat_map(|l| (Just(l.clone()), Just(l).prop_shuffle())),
    ) {
        let answer = |lines: &[Vec<u8>]| {
            let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
            let read = Baggage::read(lines, Limits::new());
            read.map(|baggage| format!("{:?}", baggage.member("t.id")))
        };
        prop_assert_eq!(answer(&lines), answer(&shuffled));
    }

    #[test]
    fn joining_the_lines_gives_the_same_answer(lines in lines()) {
        let many = Baggage::read(lines.iter().map(Vec::as_slice), Limits::new());
        let joined = lines.join(&b","[..]);
        let single = Baggage::read([joined.as_slice()], Limits::new());
        prop_assert_eq!(
            many.map(|baggage| format!("{baggage:?}")),
            single.map(|baggage| format!("{baggage:?}"))
        );
    }

    #[test]
    fn nothing_owned_is_left_and_nothing_foreign_is_lost(lines in lines()) {
        let Ok(baggage) = Baggage::read(lines.iter().map(Vec::as_slice), Limits::new()) else {
            return Ok(());
        };
        let kept = baggage.without(&["t.id"]);
        let rest = Baggage::read(kept.as_deref(), Limits::new()).unwrap();
        prop_assert_eq!(rest.member("t.id"), Found::Absent);
        let raw = |baggage: &Baggage<'_>| -> Vec<Vec<u8>> {
            let foreign = baggage.slots.iter().filter(|slot| !slot.claims("t.id"));
            let sendable = foreign.filter(|slot| slot.raw.iter().copied().all(is_field_byte));
            sendable.map(|slot| slot.raw.to_vec()).collect()
        };
        prop_assert_eq!(raw(&baggage), raw(&rest));
        prop_assert_eq!(rest.slots.len(), raw(&rest).len());
        if baggage.member("t.id") == Found::Absent {
            prop_assert_eq!(baggage.slots.iter().filter(|slot| slot.claims("t.id")).count(), 0);
        }
    }

    #[test]
    fn reading_what_was_written_is_identity(
        key in "[A-Za-z0-9._~-]{1,20}", value in any::<String>(), foreign in line(),
    ) {
        if value.is_empty() {
            return Ok(());
        }
        let written = encode_member(&key, &value).unwrap();
        let alone = Baggage::read([written.as_bytes()], Limits::new()).unwrap();
        prop_assert_eq!(alone.member(&key), Found::One(value.clone().into()));
        prop_assert_eq!(alone.without(&[]), Some(written.clone().into_bytes()));

        // Beside what others sent, once their claims to the key are gone.
        let theirs = Baggage::read([foreign.as_slice()], Limits::new()).unwrap();
        let kept = theirs.without(&[&key]).unwrap_or_default();
        let both = [kept, written.into_bytes()].join(&b',');
        let both = Baggage::read([both.as_slice()], Limits::new()).unwrap();
        prop_assert_eq!(both.member(&key), Found::One(value.into()));
    }
}
