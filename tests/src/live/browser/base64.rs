//! Base64 (RFC 4648 section 4), in which pictures come.

/// The bytes; none where a letter is not Base64's.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim_end_matches('=').bytes();
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for letter in letters {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode;

    /// RFC 4648 section 10.
    #[test]
    fn the_standards_own_examples_are_read() {
        let texts = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, text) in texts.iter().enumerate() {
            assert_eq!(decode(text).as_deref(), Some(&b"foobar"[..length]));
        }
        assert_eq!(decode("+/8="), Some(vec![0xfb, 0xff]));
        assert!(decode("Zm9v Zg").is_none());
    }
}
