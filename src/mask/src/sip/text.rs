//! `Signal=5` lines, and bodies that are the key itself.
//!
//! No RFC describes these bodies. They are written as `Signal=5`, `Signal= 5`, `signal = 5`, with `10` and `11` for `*`
//! and `#` in some senders (as the event codes of RFC 4733), the lines in any order.

use handover::MaskKey;
use secret::Digit;

use super::{Unreadable, is_key, overwrite};

/// Values that are no key: a flash of the hook.
const FLASH: [&str; 4] = ["hf", "flash", "hookflash", "hook-flash"];

/// Masks a body; says whether a key was in it.
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
        let at = line.iter().position(|byte| is_delimiter(*byte)).unwrap_or(0);
        let (name, rest) = line.split_at_mut(at);
        changed |= match name.trim_ascii() {
            name if is_signal(name) => value(rest.get_mut(1..).unwrap_or_default(), mask_key, press)?,
            // Neither is about which key it was, as long as it holds a number and nothing else.
            name if is_measure(name) && rest.iter().skip(1).all(is_numeric) => false,
            // A name that nobody knows may be the key's.
            _ => overwrite(line, mask_key)?,
        };
    }
    Ok(changed)
}

/// Whether a body of no stated type reads like these.
pub(super) fn has_signal(body: &[u8]) -> bool {
    body.split(|byte| matches!(byte, b'\r' | b'\n')).any(|line| {
        let name = line.split(|byte| is_delimiter(*byte)).next().unwrap_or_default();
        name.len() < line.len() && is_signal(name.trim_ascii())
    })
}

const fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'=' | b':')
}

fn is_measure(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"duration") || name.eq_ignore_ascii_case(b"volume")
}

fn is_numeric(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b' ' | b'\t' | b'-' | b'.' | b'\0')
}

fn is_signal(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"signal")
}

/// Masks a value. What is written depends on the value's length, never on its keys.
fn value(value: &mut [u8], mask_key: MaskKey, press: &mut dyn FnMut(Digit)) -> Result<bool, Unreadable> {
    let is_around = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\0' | b'"' | b'\'');
    let start = value.iter().position(|byte| !is_around(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_around(byte)).map_or(start, |last| last + 1);
    let inner = value.get_mut(start..end).unwrap_or_default();
    if inner.is_empty() || FLASH.iter().any(|flash| inner.eq_ignore_ascii_case(flash.as_bytes())) {
        return Ok(false);
    }
    if !inner.iter().all(|byte| is_key(*byte)) {
        return overwrite(inner, mask_key);
    }
    match inner {
        [tens @ b'1', units @ b'0'..=b'5'] => {
            Digit::from_event_code(10 + (*units - b'0')).into_iter().for_each(press);
            (*tens, *units) = (mask_key.ascii(), b' ');
        }
        // 16 is a flash, or two keys: whichever it is, it does not show.
        [b'1', b'6'] => inner.copy_from_slice(&[mask_key.ascii(), b' ']),
        keys => {
            keys.iter().filter_map(|key| Digit::from_ascii(*key)).for_each(press);
            keys.fill(mask_key.ascii());
            if let [_, second] = keys {
                *second = b' ';
            }
        }
    }
    Ok(true)
}
