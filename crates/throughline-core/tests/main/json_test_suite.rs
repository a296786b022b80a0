//! Replays the public JSON test suite: what is JSON is read, what is not is not, and what RFC 8259
//! leaves open has a verdict that is written down here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use throughline_core::json;

const CASES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/vectors/json-test-suite/test_parsing"
);

/// Valid JSON that is refused all the same, each reviewed.
const ANOMALIES: &[(&str, &str)] = &[
    (
        "y_object_duplicated_key.json",
        "which of two values counts is open: rule 1 of the module",
    ),
    (
        "y_object_duplicated_key_and_value.json",
        "equal values do not help the next reader: rule 1 of the module",
    ),
];

/// What RFC 8259 leaves to the reader, with our verdict: whether it is accepted.
const OPEN: &[(&str, bool)] = &[
    // A number too small for a double is zero, and one too large for an integer is the double next to
    // it; every claim that is a number refuses both.
    ("i_number_double_huge_neg_exp.json", true),
    ("i_number_real_underflow.json", true),
    ("i_number_too_big_neg_int.json", true),
    ("i_number_too_big_pos_int.json", true),
    ("i_number_very_big_negative_int.json", true),
    // A number too large for a double is no number.
    ("i_number_huge_exp.json", false),
    ("i_number_neg_int_huge_exp.json", false),
    ("i_number_pos_double_huge_exp.json", false),
    ("i_number_real_neg_overflow.json", false),
    ("i_number_real_pos_overflow.json", false),
    // A text is UTF-8 without lone surrogates (RFC 8725bis §3.7), whatever the escape or encoding.
    ("i_object_key_lone_2nd_surrogate.json", false),
    ("i_string_1st_surrogate_but_2nd_missing.json", false),
    ("i_string_1st_valid_surrogate_2nd_invalid.json", false),
    ("i_string_UTF-16LE_with_BOM.json", false),
    ("i_string_UTF-8_invalid_sequence.json", false),
    ("i_string_UTF8_surrogate_U+D800.json", false),
    ("i_string_incomplete_surrogate_and_escape_valid.json", false),
    ("i_string_incomplete_surrogate_pair.json", false),
    ("i_string_incomplete_surrogates_escape_valid.json", false),
    ("i_string_invalid_lonely_surrogate.json", false),
    ("i_string_invalid_surrogate.json", false),
    ("i_string_invalid_utf-8.json", false),
    ("i_string_inverted_surrogates_U+1D11E.json", false),
    ("i_string_iso_latin_1.json", false),
    ("i_string_lone_second_surrogate.json", false),
    ("i_string_lone_utf8_continuation_byte.json", false),
    ("i_string_not_in_unicode_range.json", false),
    ("i_string_overlong_sequence_2_bytes.json", false),
    ("i_string_overlong_sequence_6_bytes.json", false),
    ("i_string_overlong_sequence_6_bytes_null.json", false),
    ("i_string_truncated-utf-8.json", false),
    ("i_string_utf16BE_no_BOM.json", false),
    ("i_string_utf16LE_no_BOM.json", false),
    // Nesting ends at `json::MAX_DEPTH`, and a byte order mark is no part of JSON (RFC 8259 §8.1).
    ("i_structure_500_nested_arrays.json", false),
    ("i_structure_UTF-8_BOM_empty_object.json", false),
];

/// Every case by file name.
fn cases() -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(Path::new(CASES))
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn of_kind(kind: &str) -> BTreeMap<String, Vec<u8>> {
    let mut cases = cases();
    cases.retain(|name, _| name.starts_with(kind));
    cases
}

#[test]
fn what_is_json_is_accepted_but_for_repeated_members() {
    let cases = of_kind("y_");
    assert_eq!(cases.len(), 95);
    for (name, bytes) in &cases {
        let refused = json::check(bytes).err();
        let reviewed = ANOMALIES.iter().any(|(anomaly, _)| anomaly == name);
        assert_eq!(refused.is_some(), reviewed, "{name}: {refused:?}");
        assert!(
            refused.is_none_or(|error| error.is_duplicate_member()),
            "{name}"
        );
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let cases = of_kind("n_");
    assert_eq!(cases.len(), 188);
    for (name, bytes) in &cases {
        assert!(json::check(bytes).is_err(), "{name}");
        assert!(json::parse::<serde_json::Value>(bytes).is_err(), "{name}");
    }
}

#[test]
fn what_is_open_has_one_verdict() {
    let cases = of_kind("i_");
    assert_eq!((cases.len(), OPEN.len()), (35, 35));
    for (name, accepted) in OPEN {
        let found = json::check(&cases[*name]);
        assert_eq!(found.is_ok(), *accepted, "{name}: {found:?}");
    }
}
