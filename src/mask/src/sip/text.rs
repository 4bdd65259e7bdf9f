//! `Signal=5` lines, and bodies that are the key itself.
//!
//! No RFC describes these bodies. They are written as `Signal=5`, `Signal= 5`, `signal = 5`, with `10` and `11` for `*`
//! and `#` in some senders (as the event codes of RFC 4733), the lines in any order or all in one; by Nortel's gateways
//! as `d=5` below `p=Digit-Collection` and `y=Digits`.

use handover::MaskKey;
use secret::Digit;

use super::{Unreadable, blank, is_key};

/// Values that are no key: a flash of the hook.
const FLASH: [&str; 4] = ["hf", "flash", "hookflash", "hook-flash"];
/// Keys by their names.
const NAMED: [(&str, u8); 5] =
    [("star", b'*'), ("asterisk", b'*'), ("pound", b'#'), ("hash", b'#'), ("sharp", b'#')];
/// What some write before the key.
const PREFIX: &[u8] = b"dtmf";
/// Fields that are about the key but do not tell it, with what they hold.
const CONSTANT: [(&str, &str); 5] =
    [("type", "dtmf"), ("type", "tone"), ("p", "digit-collection"), ("y", "digits"), ("y", "digit")];

/// Masks a body; says whether anything was changed.
pub(super) fn mask(
    body: &mut [u8],
    mask_key: MaskKey,
    press: &mut dyn FnMut(Digit),
) -> Result<bool, Unreadable> {
    if !body.iter().any(|byte| is_delimiter(*byte)) {
        return value(body, mask_key, press);
    }
    let mut changed = false;
    for line in body.split_mut(|byte| matches!(byte, b'\r' | b'\n')) {
        let mut rest = line;
        while !rest.is_empty() {
            let (field, after) = rest.split_at_mut(field_len(rest));
            changed |= whole_field(field, mask_key, press)?;
            rest = after.get_mut(1..).unwrap_or_default();
        }
    }
    Ok(changed)
}

/// Masks the lines of a body of any other type that tell a key, and leaves the rest of it alone.
pub(super) fn mask_lines(
    body: &mut [u8],
    mask_key: MaskKey,
    press: &mut dyn FnMut(Digit),
) -> Result<bool, Unreadable> {
    let mut changed = false;
    for line in body.split_mut(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| tells_key(line)) {
        let (field, _) = line.split_at_mut(field_len(line));
        let (_, rest) = split_name(field);
        changed |= value(rest, mask_key, press)?;
    }
    Ok(changed)
}

/// Whether a body of whatever type has a line that tells a key.
pub(super) fn has_keys(body: &[u8]) -> bool {
    body.split(|byte| matches!(byte, b'\r' | b'\n')).any(tells_key)
}

/// Whether a line is `Signal=…`, or `d=` and a key.
fn tells_key(line: &[u8]) -> bool {
    let Some(at) = line.iter().position(|byte| is_delimiter(*byte)) else { return false };
    let (name, value) = line.split_at(at);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    match name.trim_ascii() {
        name if name.eq_ignore_ascii_case(b"signal") => true,
        name if name.eq_ignore_ascii_case(b"d") => !value.is_empty() && value.iter().copied().all(is_key),
        _ => false,
    }
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'=' | b':')
}

const fn is_separator(byte: &u8) -> bool {
    matches!(*byte, b';' | b',' | b'&')
}

/// How long the first field of a line is: up to a separator after which another field begins, or nothing.
fn field_len(line: &[u8]) -> usize {
    let ends = |at: usize| {
        let next = line.get(at + 1..).unwrap_or_default().split(is_separator).next().unwrap_or_default();
        next.trim_ascii().is_empty() || next.iter().any(|byte| is_delimiter(*byte))
    };
    (0..line.len()).find(|&at| line.get(at).is_some_and(is_separator) && ends(at)).unwrap_or(line.len())
}

fn split_name(field: &mut [u8]) -> (&[u8], &mut [u8]) {
    let at = field.iter().position(|byte| is_delimiter(*byte)).unwrap_or(0);
    let (name, rest) = field.split_at_mut(at);
    (name.trim_ascii(), rest.get_mut(1..).unwrap_or_default())
}

fn whole_field(
    field: &mut [u8],
    mask_key: MaskKey,
    press: &mut dyn FnMut(Digit),
) -> Result<bool, Unreadable> {
    let (name, rest) = split_name(field);
    let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    if is("signal") || is("d") {
        return value(rest, mask_key, press);
    }
    // Neither is about which key it was, as long as it holds a number and nothing else.
    if (is("duration") || is("volume")) && is_measure(rest) {
        return Ok(false);
    }
    let held = rest.trim_ascii();
    if CONSTANT.iter().any(|(name, value)| is(name) && held.eq_ignore_ascii_case(value.as_bytes())) {
        return Ok(false);
    }
    // A name that nobody knows may be the key's.
    overwrite(field, mask_key)
}

/// A number, perhaps with its unit.
fn is_measure(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let value = value.strip_suffix(b"s").unwrap_or(value);
    let value = value.strip_suffix(b"m").unwrap_or(value);
    value.iter().all(|byte| matches!(byte, b'0'..=b'9' | b' ' | b'\t' | b'-' | b'.' | b'\0'))
}

/// Masks a value. What is written depends on the value's length, never on its keys.
fn value(value: &mut [u8], mask_key: MaskKey, press: &mut dyn FnMut(Digit)) -> Result<bool, Unreadable> {
    let is_around = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\0' | b'"' | b'\'');
    let start = value.iter().position(|byte| !is_around(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_around(byte)).map_or(start, |last| last + 1);
    let mut inner = value.get_mut(start..end).unwrap_or_default();
    if inner.is_empty() || FLASH.iter().any(|flash| inner.eq_ignore_ascii_case(flash.as_bytes())) {
        return Ok(false);
    }
    if let Some((_, key)) = NAMED.iter().find(|(name, _)| inner.eq_ignore_ascii_case(name.as_bytes())) {
        Digit::from_ascii(*key).into_iter().for_each(press);
        write_one(inner, mask_key);
        return Ok(true);
    }
    if let Some(key_at) = after_prefix(inner) {
        inner = inner.get_mut(key_at..).unwrap_or_default();
    }
    if !inner.iter().copied().all(is_key) {
        return overwrite(inner, mask_key);
    }
    match inner {
        [b'1', units @ b'0'..=b'5'] => {
            Digit::from_event_code(10 + (*units - b'0')).into_iter().for_each(press);
            write_one(inner, mask_key);
        }
        // 16 is a flash, or two keys: whichever it is, it does not show.
        [b'1', b'6'] => write_one(inner, mask_key),
        keys => {
            keys.iter().filter_map(|key| Digit::from_ascii(*key)).for_each(press);
            if let [_, _] = keys {
                write_one(keys, mask_key);
            } else {
                keys.fill(mask_key.ascii());
            }
        }
    }
    Ok(true)
}

/// One mask key, whatever was there: two characters may be one key.
fn write_one(value: &mut [u8], mask_key: MaskKey) {
    value.fill(b' ');
    if let Some(first) = value.first_mut() {
        *first = mask_key.ascii();
    }
}

/// Where the key begins in a value such as `DTMF 5`.
fn after_prefix(value: &[u8]) -> Option<usize> {
    let prefix = value.get(..PREFIX.len()).filter(|start| start.eq_ignore_ascii_case(PREFIX))?;
    let rest = value.get(prefix.len()..)?;
    let between = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'-' | b'_')).count();
    (between < rest.len()).then_some(prefix.len() + between)
}

/// Overwrites every key character where the rest cannot tell one: separators. All of it where it might.
pub(super) fn overwrite(value: &mut [u8], mask_key: MaskKey) -> Result<bool, Unreadable> {
    let is_around = |byte: u8| {
        matches!(byte, b' ' | b'\t' | b'\0' | b'\r' | b'\n' | b',' | b'"' | b'\'' | b'!')
            || is_delimiter(byte)
    };
    if !value.iter().all(|byte| is_key(*byte) || is_around(*byte)) {
        return blank(value);
    }
    let mut changed = false;
    for byte in value.iter_mut().filter(|byte| is_key(**byte)) {
        *byte = mask_key.ascii();
        changed = true;
    }
    Ok(changed)
}
