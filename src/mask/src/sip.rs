//! The keys in SIP bodies: INFO in its three bodies, and KPML (RFC 4730). Edited in place at the same length.
//!
//! | module | reads |
//! |---|---|
//! | `text` | `Signal=5` and bodies that are the key itself |
//! | `kpml` | the attributes of a `kpml-response` |
//!
//! A body that is of these kinds but cannot be read has every character overwritten that could be a key. Where what
//! is left could still tell a key, the message is [`Unreadable`] and must not leave.

mod kpml;
mod text;

use core::ops::Range;

use handover::{Instant, MaskKey, Transport};
use secret::Digit;
use wire::sip::{HeaderName, Message, Method, Part, StartLine};
use wire::telephone_event::{BLOCK_LEN, EventBlock, write_block};

use crate::Captured;
use crate::events::{KEYS, MASKED_VOLUME};

/// A body that may carry keys and cannot be masked so that nothing tells them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unreadable;

/// How many bodies with keys a message may have. No sender has more than one or two.
const MOST_BODIES: usize = 8;

/// How a body carries keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// `application/dtmf-relay`, `application/dtmf`
    Text,
    /// `audio/telephone-event`: event blocks, or text as above.
    Event,
    /// `application/kpml-response+xml`
    Kpml,
}

/// Replaces every key in the bodies of an INFO or NOTIFY by the mask key, and reports them, each as pressed `now`.
/// Says whether there were any; other messages are left as they are. The length stays.
///
/// # Errors
/// [`Unreadable`]: the message must not leave; it may have been changed in part, and keys may have been reported.
pub fn mask_keys(
    now: Instant,
    message: &mut [u8],
    mask_key: MaskKey,
    capture: &mut dyn FnMut(Captured),
) -> Result<bool, Unreadable> {
    let bodies = Bodies::of(message)?;
    let mut changed = false;
    for (kind, range) in bodies.iter() {
        let Some(body) = message.get_mut(range.clone()) else { continue };
        let transport = if kind == Kind::Kpml { Transport::Kpml } else { Transport::Info };
        let mut press = |digit: Digit| capture(Captured { digit, transport, onset: now });
        changed |= match kind {
            Kind::Text => text::mask(body, mask_key, &mut press)?,
            Kind::Event => event(body, mask_key, &mut press)?,
            Kind::Kpml => kpml::mask(body, mask_key, &mut press)?,
        };
    }
    // What follows the body is no part of the message (RFC 3261 section 18.3), but somebody may read it.
    if let Some(excess) =
        message.get_mut(bodies.end..).filter(|excess| bodies.count > 0 && !excess.is_empty())
    {
        excess.fill(b' ');
        changed = true;
    }
    Ok(changed)
}

/// The bodies with keys of a message.
struct Bodies {
    found: [(Kind, usize, usize); MOST_BODIES],
    count: usize,
    /// Where the message's body ends.
    end: usize,
}

impl Bodies {
    fn of(bytes: &[u8]) -> Result<Bodies, Unreadable> {
        let message = Message::new_checked(bytes).map_err(|_| Unreadable)?;
        let end = message.body_at() + message.body().len();
        let mut bodies = Bodies { found: [(Kind::Text, 0, 0); MOST_BODIES], count: 0, end };
        let StartLine::Request { method: Method::Info | Method::Notify, .. } = message.start_line() else {
            return Ok(bodies);
        };
        for part in message.parts() {
            let Some(kind) = kind(&part, message.part(&part))? else { continue };
            let slot = bodies.found.get_mut(bodies.count).ok_or(Unreadable)?;
            *slot = (kind, part.range.start, part.range.end);
            bodies.count += 1;
        }
        if bodies.count > 0 && is_encoded(&message) {
            return Err(Unreadable);
        }
        Ok(bodies)
    }

    fn iter(&self) -> impl Iterator<Item = (Kind, Range<usize>)> {
        self.found.iter().take(self.count).map(|&(kind, start, end)| (kind, start..end))
    }
}

/// How a part carries keys, if it does.
fn kind(part: &Part<'_>, body: &[u8]) -> Result<Option<Kind>, Unreadable> {
    let content_type = &part.content_type;
    if content_type.is("application", "dtmf-relay") || content_type.is("application", "dtmf") {
        Ok(Some(Kind::Text))
    } else if content_type.is("audio", "telephone-event") {
        Ok(Some(Kind::Event))
    } else if content_type.is("application", "kpml-response+xml") {
        Ok(Some(Kind::Kpml))
    } else if content_type.is_absent() && text::has_signal(body) {
        Ok(Some(Kind::Text))
    } else if content_type.kind.eq_ignore_ascii_case(b"multipart") {
        // It could not be opened, so its parts are anybody's guess.
        Err(Unreadable)
    } else {
        Ok(None)
    }
}

/// Whether any body is compressed or written otherwise than as it is (RFC 3261 section 20.12, RFC 2045 section 6).
fn is_encoded(message: &Message<'_>) -> bool {
    const FIELD: &[u8] = b"content-transfer-encoding";
    let plain = |value: &[u8]| {
        let value = value.trim_ascii();
        ["identity", "7bit", "8bit", "binary"].iter().any(|name| value.eq_ignore_ascii_case(name.as_bytes()))
    };
    let transfer = message.headers().any(|header| match header.name {
        HeaderName::ContentEncoding => !plain(header.value),
        HeaderName::Other(name) => name.eq_ignore_ascii_case(FIELD) && !plain(header.value),
        _ => false,
    });
    transfer
        || message.body().split(|byte| *byte == b'\n').any(|line| {
            let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(0));
            let name = name.trim_ascii();
            (name.eq_ignore_ascii_case(FIELD) || name.eq_ignore_ascii_case(b"content-encoding"))
                && !plain(value.get(1..).unwrap_or_default())
        })
}

/// `audio/telephone-event`: the blocks of RFC 4733, or text.
fn event(body: &mut [u8], mask_key: MaskKey, press: &mut dyn FnMut(Digit)) -> Result<bool, Unreadable> {
    const FLASH: u8 = KEYS.end;
    // Some senders send the end of their string with it.
    let text_len = body.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let is_text = body.iter().take(text_len).all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t'));
    let (blocks, rest) = body.as_chunks_mut::<BLOCK_LEN>();
    let is_binary = rest.is_empty() && !blocks.is_empty() && blocks.iter().all(|[event, ..]| *event <= FLASH);
    match (is_binary, is_text) {
        (false, true) => return text::mask(body, mask_key, press),
        (true, false) => {}
        // Neither, or four characters with a line end first, which may be meant either way.
        _ => return Err(Unreadable),
    }
    let mut changed = false;
    for bytes in blocks {
        let block = EventBlock::read(*bytes);
        if let Some(digit) = Digit::from_event_code(block.event) {
            press(digit);
            write_block(bytes, 0, mask_key.event_code(), MASKED_VOLUME);
            changed = true;
        }
    }
    Ok(changed)
}

/// Whether a character is a key.
const fn is_key(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'D' | b'a'..=b'd' | b'*' | b'#')
}

/// Overwrites every key character, where the rest cannot tell one: separators. A word may be a key's name.
fn overwrite(value: &mut [u8], mask_key: MaskKey) -> Result<bool, Unreadable> {
    let mut changed = false;
    for byte in value {
        match *byte {
            key if is_key(key) => {
                *byte = mask_key.ascii();
                changed = true;
            }
            b' ' | b'\t' | b'\0' | b'\r' | b'\n' | b',' | b'"' | b'\'' | b'!' | b'=' | b':' => {}
            _ => return Err(Unreadable),
        }
    }
    Ok(changed)
}
