//! The text that Keyhush signs: lines of a word, a space and a value, in one fixed order and with one way to write each
//! value, so that a document that is accepted is, byte for byte, the one that would be written.
//!
//! Why text of our own, and neither JSON nor CBOR: an auditor reads it with any editor, a verifier needs no parser but one that
//! splits at line feeds, and there are no double names, escapes, floats or orders of members in which two readers could differ.

use core::fmt::{self, Write as _};

/// The longest line, in bytes.
pub(crate) const LONGEST_LINE: usize = 1_024;

/// A document is not one that Keyhush would write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// What should have been there.
    pub wanted: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} was expected", self.line, self.wanted)
    }
}

impl std::error::Error for Malformed {}

/// What people read: one line of UTF-8 without control characters, neither empty nor with a space at an end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Text(String);

impl Text {
    /// The longest text, in bytes.
    pub const LONGEST: usize = 512;

    /// The text as it is; `None` if it is no such line.
    pub fn new(text: &str) -> Option<Self> {
        let ok = !text.is_empty()
            && text.len() <= Text::LONGEST
            && !text.starts_with(' ')
            && !text.ends_with(' ')
            && !text.chars().any(char::is_control);
        ok.then(|| Text(text.to_owned()))
    }

    /// The text made fit: what came from the network and must not stop a signature. Control characters become U+FFFD, the
    /// rest is cut; nothing becomes `-`.
    pub fn fitted(text: &str) -> Self {
        let mut fit = String::new();
        for letter in text.trim_matches(' ').chars() {
            let letter = if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter };
            if fit.len() + letter.len_utf8() > Text::LONGEST {
                break;
            }
            fit.push(letter);
        }
        let fit = fit.trim_end_matches(' ');
        Text(if fit.is_empty() { "-".to_owned() } else { fit.to_owned() })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What machines read: 1–64 of `A–Z a–z 0–9 . _ + -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Word(String);

impl Word {
    /// The word as it is; `None` if it is none.
    pub fn new(word: &str) -> Option<Self> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
        ((1..=64).contains(&word.len()) && word.bytes().all(is_letter)).then(|| Word(word.to_owned()))
    }

    /// The word for what is not known: `-`.
    pub fn unknown() -> Self {
        Word("-".to_owned())
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytes from lower-case hexadecimal digits, exactly as many as fit.
pub(crate) fn bytes_from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (value(pair[0])? << 4) | value(pair[1])?;
    }
    Some(bytes)
}

/// Lower-case hexadecimal digits of bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// A number as it is written: decimal digits, no sign, no zero before others, below 2^53 so that every language holds it.
pub(crate) fn number(text: &str) -> Option<u64> {
    let ok = (1..=16).contains(&text.len())
        && text.bytes().all(|digit| digit.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    ok.then(|| text.parse().ok()).flatten().filter(|number| *number < 1 << 53)
}

/// Reads a document line by line.
pub(crate) struct Lines<'a> {
    text: &'a str,
    /// The bytes read so far.
    read: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    /// The whole of a document.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = str::from_utf8(bytes).map_err(|_| Malformed { line: 1, wanted: "UTF-8" })?;
        Ok(Lines { text, read: 0, line: 1 })
    }

    /// The line to read next is not what it should be.
    pub(crate) fn wrong(&self, wanted: &'static str) -> Malformed {
        Malformed { line: self.line, wanted }
    }

    /// The next line without its line feed, which it must have.
    fn peek(&self) -> Option<&'a str> {
        let (line, _) = self.text[self.read..].split_once('\n')?;
        (line.len() <= LONGEST_LINE).then_some(line)
    }

    fn pass(&mut self, line: &str) {
        self.read += line.len() + 1;
        self.line += 1;
    }

    /// A line that must be exactly this.
    pub(crate) fn exactly(&mut self, wanted: &'static str) -> Result<(), Malformed> {
        let line = self.peek().filter(|line| *line == wanted).ok_or_else(|| self.wrong(wanted))?;
        self.pass(line);
        Ok(())
    }

    /// What a line says after `name` and a space, made a value by `read`.
    pub(crate) fn field<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, Malformed> {
        let found = self.peek().and_then(|line| Some((line, after(line, name)?)));
        let (line, value) = found.ok_or_else(|| self.wrong(name))?;
        let value = read(value).ok_or_else(|| self.wrong(name))?;
        self.pass(line);
        Ok(value)
    }

    /// As many lines of a name as there are, at most `most`.
    pub(crate) fn fields<T>(
        &mut self,
        name: &'static str,
        most: usize,
        read: impl Fn(&'a str) -> Option<T>,
    ) -> Result<Vec<T>, Malformed> {
        let mut values = Vec::new();
        while self.peek().is_some_and(|line| after(line, name).is_some()) {
            if values.len() == most {
                return Err(self.wrong("no more of these lines"));
            }
            values.push(self.field(name, &read)?);
        }
        Ok(values)
    }

    /// A line without a name.
    pub(crate) fn bare<T>(
        &mut self,
        wanted: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, Malformed> {
        let line = self.peek().ok_or_else(|| self.wrong(wanted))?;
        let value = read(line).ok_or_else(|| self.wrong(wanted))?;
        self.pass(line);
        Ok(value)
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.read == self.text.len() { Ok(()) } else { Err(self.wrong("the end of the document")) }
    }
}

fn after<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.strip_prefix(name)?.strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_way_to_be_written() {
        for wrong in
            ["", "00", "01", "+1", "-1", " 1", "1 ", "1_0", "9007199254740992", "99999999999999999999"]
        {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
        assert_eq!((number("0"), number("9007199254740991")), (Some(0), Some((1 << 53) - 1)));
        assert_eq!(bytes_from_hex::<2>("0aff"), Some([10, 255]));
        for wrong in ["0aFF", "0af", "0aff0", "0ag0", "+aff"] {
            assert_eq!(bytes_from_hex::<2>(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn text_is_one_line() {
        for wrong in ["", " a", "a ", "a\nb", "a\rb", "a\u{85}b", "\0"] {
            assert_eq!(Text::new(wrong), None, "{wrong:?}");
            assert!(Text::new(Text::fitted(wrong).as_str()).is_some(), "{wrong:?}");
        }
        assert_eq!(Text::fitted(&"ä".repeat(600)).as_str().len(), 512);
        assert_eq!(Text::new("Müller & Söhne").unwrap().as_str(), "Müller & Söhne");
    }

    #[test]
    fn words_are_short_and_plain() {
        assert!(Word::new("2026-11-25.r_1+x").is_some());
        for wrong in ["", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert_eq!(Word::new(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn lines_end_with_a_line_feed_alone() {
        let mut lines = Lines::new(b"a 1\r\n").unwrap();
        assert_eq!(lines.field("a", number), Err(Malformed { line: 1, wanted: "a" }));
        let mut lines = Lines::new(b"a 1").unwrap();
        assert!(lines.field("a", number).is_err());
        let mut lines = Lines::new(b"a 1\na 2\nb\n").unwrap();
        assert_eq!(lines.fields("a", 2, number), Ok(vec![1, 2]));
        assert!(lines.end().is_err());
        assert_eq!((lines.exactly("b"), lines.end()), (Ok(()), Ok(())));
    }
}
