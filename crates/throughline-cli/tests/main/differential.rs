//! The same tokens through `throughline verify` and through two verifiers that share nothing with
//! it: PyJWT and joserfc.
//!
//! `tests/differential` makes thousands of tokens, most of them with one mistake, and lets the peers
//! judge them. Where they and we differ, `reviewed.json` says why, for each class of mistake; what
//! it does not say fails here, and so does what it says and nobody does any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::python::python;
use crate::{code, feed, run, stderr, stdout};

/// What `tokens.py` prints.
#[derive(Deserialize)]
struct Cases {
    now: u64,
    audience: String,
    issuer: String,
    /// Documents, by name.
    sets: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    class: String,
    name: String,
    token: String,
    /// The name of a document.
    keys: String,
    layer: Layer,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Layer {
    /// The whole token.
    Claims,
    /// Whether it is genuine, whatever it says.
    Signature,
}

/// What `peers.py` prints: for each case what each peer says.
#[derive(Deserialize)]
struct Peers {
    peers: Vec<String>,
    verdicts: Vec<Vec<Verdict>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    /// With what was read, where claims were.
    Accepted(Option<Value>),
    Refused(String),
}

impl Verdict {
    fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }
}

/// One kind of disagreement, as it was found or as `reviewed.json` has it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    class: String,
    accepted_by: String,
    /// Ours, where it is the others who accept.
    reason: Option<String>,
}

#[derive(Default)]
struct Found {
    /// How many, for each peer that disagrees.
    tokens: BTreeMap<String, usize>,
    examples: Vec<String>,
}

/// An entry of `reviewed.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reviewed {
    class: String,
    accepted_by: String,
    #[serde(default)]
    reason: Option<String>,
    /// How many tokens of the class, for each peer that disagrees.
    tokens: BTreeMap<String, usize>,
    why: String,
    source: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn reviewed() -> Vec<Reviewed> {
    let file = fs::read(root().join("tests/differential/reviewed.json")).unwrap();
    serde_json::from_slice(&file).unwrap()
}

/// A script's answer to `input`.
fn ask<T: serde::de::DeserializeOwned>(script: &str, input: &[u8]) -> (Vec<u8>, T) {
    let mut command = python(&root(), script);
    command.arg(root());
    let output = feed(command, input);
    assert_eq!(code(&output), 0, "{script}: {}", stderr(&output));
    let answer = serde_json::from_slice(&output.stdout).unwrap();
    (output.stdout, answer)
}

/// Ours, for each case: one run of the binary for each key set, and one for each token that is no
/// line.
fn judge(cases: &Cases) -> Vec<Verdict> {
    let folder = tempfile::tempdir().unwrap();
    let jwks = folder.path().join("jwks.json");
    let mut groups: BTreeMap<(&str, Layer, bool), Vec<usize>> = BTreeMap::new();
    for (index, case) in cases.cases.iter().enumerate() {
        // A CR before the end of a line would be part of that end.
        let alone = case.token.contains('\n') || case.token.ends_with('\r');
        let group = groups.entry((&case.keys, case.layer, alone)).or_default();
        group.push(index);
    }
    let mut verdicts = vec![None; cases.cases.len()];
    for ((keys, layer, alone), members) in groups {
        fs::write(&jwks, &cases.sets[keys]).unwrap();
        let now = cases.now.to_string();
        let mut args = vec!["verify", "--jwks", jwks.to_str().unwrap(), "--now", &now];
        args.extend(["--audience", &cases.audience, "--issuer", &cases.issuer]);
        args.extend(["--max-lifetime", "900"]);
        if layer == Layer::Signature {
            args.push("--any-typ");
        }
        for members in members.chunks(if alone { 1 } else { members.len() }) {
            let tokens: Vec<&str> = members
                .iter()
                .map(|n| cases.cases[*n].token.as_str())
                .collect();
            let (token, input) = match alone {
                true => (tokens[0], String::new()),
                false => ("-", tokens.join("\n") + "\n"),
            };
            let output = run(&[&args[..], &[token]].concat(), input.as_bytes());
            let answers: Vec<Verdict> = match code(&output) {
                // Nothing can be genuine by a set without keys.
                2 => vec![Verdict::Refused("no usable key".into()); members.len()],
                _ => stdout(&output)
                    .lines()
                    .map(|line| ours(line, layer))
                    .collect(),
            };
            assert_eq!(answers.len(), members.len(), "{keys}: {}", stderr(&output));
            for (n, answer) in members.iter().zip(answers) {
                verdicts[*n] = Some(answer);
            }
        }
    }
    verdicts.into_iter().map(Option::unwrap).collect()
}

fn ours(line: &str, layer: Layer) -> Verdict {
    /// Of step 5: whoever gets that far is genuine.
    const OF_CLAIMS: [&str; 10] = [
        "audience_mismatch",
        "claim_invalid",
        "claim_missing",
        "context_expired",
        "context_not_yet_valid",
        "depth_exceeded",
        "issuer_untrusted",
        "lifetime_excessive",
        "loop_detected",
        "tenant_invalid",
    ];
    let mut line: Value = serde_json::from_str(line).unwrap();
    match line["reason"].as_str() {
        None => Verdict::Accepted(Some(line["context"].take())),
        Some(reason) if layer == Layer::Signature && OF_CLAIMS.contains(&reason) => {
            Verdict::Accepted(None)
        }
        Some(reason) => Verdict::Refused(reason.to_owned()),
    }
}

/// Where both read claims, they read the same.
fn assert_same_reading(case: &Case, ours: &Value, peer: &str, theirs: &Value) {
    for (member, value) in theirs.as_object().unwrap() {
        assert_eq!(
            &ours[member], value,
            "{}: {}: {peer} reads another `{member}`",
            case.class, case.name
        );
    }
}

/// Every disagreement, and for each peer how often it and we accept and refuse alike.
type Comparison<'p> = (BTreeMap<Kind, Found>, BTreeMap<&'p str, [usize; 2]>);

fn compare<'p>(cases: &[Case], ours: &[Verdict], peers: &'p Peers) -> Comparison<'p> {
    let mut found: BTreeMap<Kind, Found> = BTreeMap::new();
    let mut agreed: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for ((case, ours), verdicts) in cases.iter().zip(ours).zip(&peers.verdicts) {
        for (peer, theirs) in peers.peers.iter().zip(verdicts) {
            let agreed = agreed.entry(peer).or_default();
            let (accepted_by, reason) = match (ours, theirs) {
                (Verdict::Accepted(ours), Verdict::Accepted(theirs)) => {
                    if let (Some(ours), Some(theirs)) = (ours, theirs) {
                        assert_same_reading(case, ours, peer, theirs);
                    }
                    agreed[0] += 1;
                    continue;
                }
                (Verdict::Refused(_), Verdict::Refused(_)) => {
                    agreed[1] += 1;
                    continue;
                }
                (Verdict::Refused(reason), Verdict::Accepted(_)) => ("them", Some(reason.clone())),
                (Verdict::Accepted(_), Verdict::Refused(_)) => ("us", None),
            };
            let kind = Kind {
                class: case.class.clone(),
                accepted_by: accepted_by.into(),
                reason,
            };
            let found = found.entry(kind).or_default();
            *found.tokens.entry(peer.clone()).or_default() += 1;
            found.examples.push(match theirs {
                Verdict::Refused(error) => format!("{} ({peer}: {error})", case.name),
                Verdict::Accepted(_) => format!("{} ({peer})", case.name),
            });
        }
    }
    (found, agreed)
}

/// What was found and is not reviewed, or reviewed and not found.
fn differences(found: &BTreeMap<Kind, Found>, reviewed: Vec<Reviewed>) -> Vec<String> {
    let mut reviewed: BTreeMap<Kind, BTreeMap<String, usize>> = reviewed
        .into_iter()
        .map(|entry| {
            let kind = Kind {
                class: entry.class,
                accepted_by: entry.accepted_by,
                reason: entry.reason,
            };
            (kind, entry.tokens)
        })
        .collect();
    let mut differences = Vec::new();
    for (kind, Found { tokens, examples }) in found {
        let shown = &examples[..examples.len().min(12)];
        match reviewed.remove(kind) {
            Some(before) if before == *tokens => {}
            Some(before) => {
                differences.push(format!("was {before:?}: {kind:?} {tokens:?}: {shown:?}"));
            }
            None => differences.push(format!("not reviewed: {kind:?} {tokens:?}: {shown:?}")),
        }
    }
    let stale = reviewed.into_keys();
    differences.extend(stale.map(|kind| format!("nobody differs any more: {kind:?}")));
    differences
}

#[test]
fn every_disagreement_with_an_independent_verifier_is_reviewed() {
    let (input, cases): (_, Cases) = ask("tests/differential/tokens.py", b"");
    let (_, peers): (_, Peers) = ask("tests/differential/peers.py", &input);
    assert_eq!(peers.peers, ["pyjwt", "joserfc"]);
    assert_eq!(peers.verdicts.len(), cases.cases.len());
    assert!(cases.cases.len() > 4_000, "{}", cases.cases.len());
    let ours = judge(&cases);
    for (case, verdict) in cases.cases.iter().zip(&ours) {
        let honest = case.class == "honest";
        assert!(verdict.is_accepted() || !honest, "{} is refused", case.name);
    }

    let (found, agreed) = compare(&cases.cases, &ours, &peers);
    for (peer, [accepted, refused]) in agreed {
        println!("{peer}: both accept {accepted}, both refuse {refused}");
        // A check in which nothing is accepted, or nothing refused, checks nothing.
        assert!(accepted > 120 && refused > 3_000, "{peer}");
    }
    let differences = differences(&found, reviewed());
    assert!(
        differences.is_empty(),
        "{} disagreements to review in tests/differential/reviewed.json:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn the_review_says_why_and_where_that_is_written() {
    let mut kinds = BTreeSet::new();
    for entry in reviewed() {
        let Reviewed {
            class,
            why,
            source,
            tokens,
            ..
        } = &entry;
        assert!(why.len() > 20 && !why.ends_with('.'), "{class}: {why}");
        assert!(source.starts_with("https://"), "{class}: {source}");
        assert!(
            !tokens.is_empty() && tokens.values().all(|count| *count > 0),
            "{class}"
        );
        let by_us = entry.accepted_by == "us";
        assert!(by_us || entry.accepted_by == "them", "{class}");
        assert_eq!(entry.reason.is_none(), by_us, "{class}");
        let reason = entry.reason.clone();
        assert!(
            kinds.insert((entry.class, entry.accepted_by, reason)),
            "an entry stands twice"
        );
    }
}
