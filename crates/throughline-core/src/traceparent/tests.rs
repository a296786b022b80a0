use proptest::prelude::*;

use super::*;

const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";

fn read(value: &str) -> Result<TraceParent, TraceParentError> {
    TraceParent::read([value.as_bytes()]).map(Option::unwrap)
}

#[test]
fn a_valid_value_is_read_and_written_back() {
    let parent = read(VALID).unwrap();
    assert_eq!(
        parent.trace_id().to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(parent.parent_id().to_string(), "00f067aa0ba902b7");
    assert_eq!(
        parent.parent_id().to_bytes(),
        [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 2, 0xb7]
    );
    assert_eq!(parent.trace_id().to_bytes().first(), Some(&0x4b));
    assert!(parent.is_sampled() && parent.is_random());
    assert_eq!(parent.to_string(), VALID);
    assert_eq!(read(&format!("\t {VALID} ")), Ok(parent));
}

#[test]
fn reserved_flags_are_read_as_nothing() {
    let parent = read(&VALID.replace("-03", "-fd")).unwrap();
    assert!(parent.is_sampled() && !parent.is_random());
    assert_eq!(parent.to_string(), VALID.replace("-03", "-01"));
}

#[test]
fn a_second_value_is_refused_on_a_line_of_its_own_and_joined() {
    let valid = VALID.as_bytes();
    assert!(TraceParent::read([valid, valid]).unwrap_err().is_repeated());
    assert!(TraceParent::read([valid, b""]).unwrap_err().is_repeated());
    for joined in [
        format!("{VALID},{VALID}"),
        VALID.replacen("00", "cc", 1) + "-x,",
        ",".to_owned(),
    ] {
        assert!(read(&joined).unwrap_err().is_repeated(), "{joined}");
    }
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let (version, rest) = VALID.split_at(2);
    assert_eq!(version, "00");
    for value in [
        String::new(),
        format!("ff{rest}"),
        format!("0{rest}"),
        format!("000{rest}"),
        format!("00{rest}-"),
        format!("00{rest}-x"),
        format!("00{rest}0"),
        format!("01{rest}."),
        format!("01{}", rest.trim_end_matches('3')),
        format!("0x{rest}"),
        VALID.to_uppercase(),
        VALID.replace('-', "_"),
        VALID.replace('-', ""),
        VALID.replacen('4', "é", 1),
        format!("{VALID}\n"),
    ] {
        assert_eq!(
            read(&value),
            Err(TraceParentError(Kind::Malformed)),
            "{value}"
        );
    }
    for zero in VALID.split('-').skip(1).take(2) {
        let value = VALID.replace(zero, &"0".repeat(zero.len()));
        assert!(read(&value).unwrap_err().is_zero_id(), "{value}");
    }
}

#[test]
fn a_higher_version_is_read_by_its_known_beginning() {
    for value in [
        VALID.replacen("00", "01", 1),
        VALID.replacen("00", "fe", 1) + "-",
        VALID.replacen("00", "cc", 1) + "-What-ever.the=future",
    ] {
        assert_eq!(read(&value), read(VALID), "{value}");
    }
}

#[test]
fn one_bad_member_or_a_33rd_voids_the_state() {
    let state = |lines: &[&str]| {
        let lines = lines.iter().map(|line| line.as_bytes());
        TraceState::read(lines)
            .map(|state| state.to_string())
            .map_err(|error| {
                if error.is_too_many_members() {
                    "many"
                } else {
                    "member"
                }
            })
    };
    assert_eq!(
        state(&["a=1, ,b= 2 ", "", "a=3"]),
        Ok("a=1,b= 2,a=3".into())
    );
    for bad in [
        "a", "a=", "=1", "A=1", "@a=1", "a =1", "a=1=2", "a=é", "a=\u{7f}", "a=1\tb",
    ] {
        assert_eq!(state(&["ok=1", bad]), Err("member"), "{bad}");
    }
    let key = "k".repeat(256);
    let value = "v".repeat(256);
    assert!(state(&[&format!("{key}={value}")]).is_ok());
    assert!(state(&[&format!("{key}k={value}")]).is_err());
    assert!(state(&[&format!("{key}={value}v")]).is_err());
    let full = "a=1,,".repeat(32);
    assert!(state(&[&full]).is_ok());
    let error = TraceState::read([full.as_bytes(), b"b=1"]).unwrap_err();
    assert!(error.is_too_many_members());
}

#[test]
fn messages() {
    for (kind, message) in [
        (Kind::Malformed, "`traceparent` is not of a known form"),
        (Kind::Repeated, "`traceparent` has more than one value"),
        (Kind::ZeroId, "`traceparent` has an id that is all zero"),
    ] {
        assert_eq!(TraceParentError(kind).to_string(), message);
    }
    // A kind is asked for by one name only.
    let malformed = TraceParentError(Kind::Malformed);
    assert!(!malformed.is_repeated() && !malformed.is_zero_id());
    assert!(!TraceParentError(Kind::Repeated).is_zero_id());
    assert!(!TraceParentError(Kind::ZeroId).is_repeated());
    let state = |line: &str| TraceState::read([line.as_bytes()]).unwrap_err().to_string();
    assert_eq!(
        state("A"),
        "`tracestate` has a member that is not by the grammar"
    );
    assert_eq!(
        state(&"a=1,".repeat(33)),
        "`tracestate` has more than `32` members"
    );
}

proptest! {
    #[test]
    fn reading_is_total_and_accepted_means_written_alike(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..3),
    ) {
        let lines = || lines.iter().map(Vec::as_slice);
        if let Ok(Some(parent)) = TraceParent::read(lines()) {
            prop_assert_eq!(read(&parent.to_string()), Ok(parent));
        }
        if let Ok(state) = TraceState::read(lines()) {
            prop_assert!(state.iter().count() <= TraceState::MAX_MEMBERS);
            let written = state.to_string();
            let again = TraceState::read([written.as_bytes()]);
            prop_assert_eq!(again, Ok(state));
        }
    }

    #[test]
    fn every_valid_value_is_written_back(
        value in "00-[0-9a-f]{31}[1-9a-f]-[1-9a-f][0-9a-f]{15}-0[0-3]",
        at in 0_usize..55,
        byte in any::<u8>(),
    ) {
        prop_assert_eq!(read(&value).unwrap().to_string(), value.clone());

        // One changed byte is refused or means something else.
        let mut changed = value.clone().into_bytes();
        changed[at] = byte;
        match TraceParent::read([changed.as_slice()]) {
            // A higher version and reserved flags are written back as what is known.
            Ok(Some(_)) if !(2..53).contains(&at) => {}
            Ok(Some(parent)) => prop_assert_eq!(parent.to_string().into_bytes(), changed),
            Ok(None) => prop_assert!(false),
            Err(_) => {}
        }
    }
}
