//! Base64url as JOSE writes it (RFC 7515 §2): no padding, no blanks, and no bits beyond the last
//! byte, so that one value has one spelling.

use base64::Engine as _;

/// With vector instructions where the processor has them. On other processors the plain engine is
/// the same one.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static ENGINE: std::sync::LazyLock<base64::engine::Simd> = std::sync::LazyLock::new(|| {
    base64::engine::Simd::url_safe(base64::engine::general_purpose::NO_PAD)
});

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static ENGINE: base64::engine::GeneralPurpose = base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The bytes that `text` spells; none when it is not strict base64url.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// `bytes`, spelt.
pub(crate) fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// As [`encode`], behind what `text` holds.
pub(crate) fn encode_onto(text: &mut String, bytes: &[u8]) {
    ENGINE.encode_string(bytes, text);
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// Of every length that vector code treats in its own way, and some between.
    fn samples() -> impl Iterator<Item = Vec<u8>> {
        let sample = |len: usize| (0..len).map(|n| (n * 151 + len) as u8).collect();
        (0..400).map(sample)
    }

    #[test]
    fn a_value_has_one_spelling_whatever_its_length() {
        for bytes in samples() {
            let text = encode(&bytes);
            assert_eq!(text, URL_SAFE_NO_PAD.encode(&bytes));
            assert_eq!(decode(text.as_bytes()), Some(bytes.clone()));
            let mut behind = "a.".to_owned();
            encode_onto(&mut behind, &bytes);
            assert_eq!(behind, format!("a.{text}"));
        }
    }

    #[test]
    fn what_is_no_strict_base64url_is_refused_wherever_it_stands() {
        for bytes in samples() {
            let text = encode(&bytes).into_bytes();
            for at in 0..text.len() {
                for odd in *b"+/=. \n%\0\xff\x80" {
                    let mut text = text.clone();
                    text[at] = odd;
                    assert_eq!(decode(&text), None, "{odd} at {at} of {}", text.len());
                }
            }
            // Padding, and bits that make no byte.
            assert_eq!(decode(&[&text[..], b"="].concat()), None);
            if text.len() % 4 == 2 || text.len() % 4 == 3 {
                let mut text = text.clone();
                // The last sextet has spare bits, which are not zero in `_`.
                text.last_mut().into_iter().for_each(|last| *last = b'_');
                assert_eq!(decode(&text), None);
            }
        }
    }
}
