//! The attributes of a KPML response (RFC 4730 section 9): `digits`, which may hold many keys, and `tag`.

use core::ops::Range;

use handover::MaskKey;
use secret::Digit;

use super::text::overwrite;
use super::{Unreadable, is_key};

/// Masks a document; says whether a key was in it.
///
/// It is not read as XML but searched for the attributes, so that whatever else it holds cannot hide one. What could
/// make an attribute mean something else (a document type with entities, another character set) is not read.
pub(super) fn mask(
    body: &mut [u8],
    mask_key: MaskKey,
    press: &mut dyn FnMut(Digit),
) -> Result<bool, Unreadable> {
    if !body.is_ascii()
        || body.contains(&0)
        || contains(body, b"<!DOCTYPE")
        || !contains(body, b"kpml-response")
    {
        return Err(Unreadable);
    }
    let mut changed = false;
    let mut found = false;
    let mut at = 0;
    while let Some(value) = attribute(body, b"digits", at)? {
        found = true;
        // The closing quote goes with the value: keys written as references leave space behind it.
        at = value.end + 1;
        let quoted = body.get_mut(value.start..at).ok_or(Unreadable)?;
        changed |= digits(quoted, mask_key, press)?;
    }
    // A match without digits is none (RFC 4730 section 7.2): they are there, and were not found.
    if !found && contains(body, b"200") {
        return Err(Unreadable);
    }
    at = 0;
    while let Some(value) = attribute(body, b"tag", at)? {
        at = value.end + 1;
        changed |= tag(body.get_mut(value).unwrap_or_default(), mask_key);
    }
    Ok(changed)
}

fn contains(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// Where the value of the next attribute `name` at or after `from` lies, without its quotes.
fn attribute(body: &[u8], name: &[u8], from: usize) -> Result<Option<Range<usize>>, Unreadable> {
    let skip_spaces = |at: usize| {
        at + body.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    };
    let mut at = from;
    while let Some(rest) = body.get(at..).filter(|rest| rest.len() >= name.len()) {
        let before = at.checked_sub(1).and_then(|before| body.get(before));
        let begins =
            before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.'));
        if begins && rest.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name)) {
            let equals = skip_spaces(at + name.len());
            if body.get(equals) == Some(&b'=') {
                let open = skip_spaces(equals + 1);
                let quote = *body.get(open).filter(|byte| matches!(byte, b'"' | b'\'')).ok_or(Unreadable)?;
                let start = open + 1;
                let value = body.get(start..).unwrap_or_default();
                let len = value.iter().position(|byte| *byte == quote).ok_or(Unreadable)?;
                return Ok(Some(start..start + len));
            }
        }
        at += 1;
    }
    Ok(None)
}

/// Masks the value of `digits` and its closing quote: as many mask keys as there were keys, the quote, and spaces for
/// what is left of references such as `&#53;`.
fn digits(quoted: &mut [u8], mask_key: MaskKey, press: &mut dyn FnMut(Digit)) -> Result<bool, Unreadable> {
    let Some((quote, value)) = quoted.split_last().map(|(quote, value)| (*quote, value)) else {
        return Ok(false);
    };
    let mut rest = value;
    let mut count = 0;
    while !rest.is_empty() {
        let Some((_, len)) = key(rest) else {
            let value = quoted.split_last_mut().map(|(_, value)| value);
            return overwrite(value.unwrap_or_default(), mask_key);
        };
        rest = rest.get(len..).unwrap_or_default();
        count += 1;
    }
    rest = value;
    while let Some((key, len)) = key(rest) {
        Digit::from_ascii(key).into_iter().for_each(&mut *press);
        rest = rest.get(len..).unwrap_or_default();
    }
    if let Some((keys, left)) = quoted.split_at_mut_checked(count) {
        keys.fill(mask_key.ascii());
        left.fill(b' ');
        if let Some(closing) = left.first_mut() {
            *closing = quote;
        }
    }
    Ok(count > 0)
}

/// The key that a value begins with, and how many bytes it takes: itself, or a character reference (XML 1.0 section 4.1).
fn key(value: &[u8]) -> Option<(u8, usize)> {
    let (code, len) = match value {
        [b'&', b'#', rest @ ..] => {
            let len = rest.iter().position(|byte| *byte == b';')?;
            let number = core::str::from_utf8(rest.get(..len)?).ok()?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u8::from_str_radix(hex, 16),
                None => number.parse(),
            };
            (code.ok()?, len + 3)
        }
        [code, ..] => (*code, 1),
        [] => return None,
    };
    is_key(code).then_some((code, len))
}

/// The subscriber's own name for the pattern that matched (RFC 4730 section 5.6), which may tell the key: what is
/// written in it as a number, `*` or `#` is overwritten.
fn tag(value: &mut [u8], mask_key: MaskKey) -> bool {
    let mut changed = false;
    for byte in value.iter_mut().filter(|byte| matches!(byte, b'0'..=b'9' | b'*' | b'#')) {
        *byte = mask_key.ascii();
        changed = true;
    }
    changed
}
