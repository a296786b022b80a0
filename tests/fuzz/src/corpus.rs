//! Corpora as text: one input to a line, escaped, so that a corpus is one file that can be read and
//! compared. Shared with `cargo xtask fuzz`, which unpacks it for the fuzzer.

/// The inputs of a corpus. Lines that begin with `#` and blank ones are none.
///
/// # Errors
///
/// The line, counted from 1, whose escapes are none.
pub fn unpack(text: &str) -> Result<Vec<Vec<u8>>, usize> {
    let lines = (1..).zip(text.lines());
    let inputs = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    inputs
        .map(|(number, line)| unescaped(line).ok_or(number))
        .collect()
}

/// One input as a line, without its end. An empty input has none.
pub fn line(input: &[u8]) -> String {
    let line = input.escape_ascii().to_string();
    match line.strip_prefix('#') {
        Some(rest) => format!("\\x23{rest}"),
        None => line,
    }
}

fn unescaped(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'x' => {
                    let digit = |byte| char::from(byte).to_digit(16);
                    let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
                    u8::try_from(high << 4 | low).ok()?
                }
                itself @ (b'\\' | b'\'' | b'"') => itself,
                _ => return None,
            },
            plain => plain,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_comes_back_from_its_line() {
        let every: Vec<u8> = (0..=255).collect();
        for input in [every.as_slice(), b"# no comment", b"\\x23 \"'\n", b" "] {
            let text = format!("# a comment\n{}\n\n", line(input));
            assert_eq!(unpack(&text), Ok(vec![input.to_vec()]));
        }
        assert_eq!(unpack("a\n\\q"), Err(2));
        assert_eq!(unpack("\\x4"), Err(1));
    }
}
