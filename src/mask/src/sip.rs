//! The keys in SIP bodies: INFO in its bodies, and KPML (RFC 4730). Edited in place at the same length.
//!
//! | module | reads |
//! |---|---|
//! | `text` | `Signal=5` and bodies that are the key itself |
//! | `kpml` | the attributes of a `kpml-response` |
//!
//! A body that is of these kinds but cannot be read is blanked, in part or whole, and leaves: its sender repeats a
//! request without an answer and then gives the dialog up (RFC 3261 section 12.2.1.2). Only where its length could tell
//! a key, the message is [`Unreadable`] and must not leave.
//!
//! A signature over a body (`Identity`, `multipart/signed`) does not survive masking; it is left as it is.

mod kpml;
mod text;

use core::ops::Range;

use handover::{Instant, MaskKey, Transport};
use secret::Digit;
use wire::sip::{HeaderName, MediaType, Message, Method, Part, StartLine};
use wire::telephone_event::{BLOCK_LEN, EventBlock, write_block};

use crate::Captured;
use crate::events::{KEYS, MASKED_VOLUME};

/// A body that may carry keys and cannot be masked so that nothing tells them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unreadable;

/// How many bodies with keys a message may have. No sender has more than one or two.
const MOST_BODIES: usize = 8;

/// How a body carries keys.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Kind {
    /// `application/dtmf-relay`, `application/dtmf`, `application/vnd.nortelnetworks.digits`
    #[default]
    Text,
    /// Any other type, with lines as in those.
    Lines,
    /// `audio/telephone-event`: event blocks, or text as above.
    Event,
    /// `application/kpml-response+xml`
    Kpml,
}

/// Replaces every key in the bodies of an INFO or NOTIFY by the mask key, and reports those that can be read, each as
/// pressed `now`. Says whether anything was changed; other messages are left as they are. The length stays.
///
/// Any bytes may be given, and it may be called for messages of any dialog.
///
/// # Errors
/// [`Unreadable`]: what can not be read as SIP, or a body whose length could tell a key. The message must not leave;
/// it may have been changed in part, and keys may have been reported.
pub fn mask_keys(
    now: Instant,
    message: &mut [u8],
    mask_key: MaskKey,
    capture: &mut dyn FnMut(Captured),
) -> Result<bool, Unreadable> {
    let bodies = Bodies::of(message)?;
    let mut changed = false;
    if bodies.unopened {
        changed |= blank(message.get_mut(bodies.whole.clone()).unwrap_or_default())?;
    }
    for (kind, range) in bodies.iter() {
        let Some(body) = message.get_mut(range.clone()) else { continue };
        let transport = if kind == Kind::Kpml { Transport::Kpml } else { Transport::Info };
        let mut press = |digit: Digit| capture(Captured { digit, transport, onset: now, level: None });
        changed |= match kind {
            Kind::Text => text::mask(body, mask_key, &mut press)?,
            Kind::Lines => text::mask_lines(body, mask_key, &mut press)?,
            Kind::Event => event(body, mask_key, &mut press)?,
            Kind::Kpml => kpml::mask(body, mask_key, &mut press).or_else(|Unreadable| blank(body))?,
        };
    }
    // What follows the body is no part of the message (RFC 3261 section 18.3), but somebody may read it.
    if let Some(excess) = message.get_mut(bodies.whole.end..).filter(|_| bodies.are_keys)
        && excess.iter().any(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'\0'))
    {
        excess.fill(b' ');
        changed = true;
    }
    Ok(changed)
}

/// The bodies with keys of a message.
#[derive(Default)]
struct Bodies {
    found: [(Kind, usize, usize); MOST_BODIES],
    count: usize,
    /// Whether the message is one that keys come in.
    are_keys: bool,
    /// Whether the body as a whole cannot be taken apart.
    unopened: bool,
    /// Where the message's body is.
    whole: Range<usize>,
}

impl Bodies {
    fn of(bytes: &[u8]) -> Result<Bodies, Unreadable> {
        let message = Message::new_checked(bytes).map_err(|_| Unreadable)?;
        let mut bodies = Bodies {
            whole: message.body_at()..message.body_at() + message.body().len(),
            are_keys: carries_keys(&message),
            ..Bodies::default()
        };
        if !bodies.are_keys {
            return Ok(bodies);
        }
        for part in message.parts() {
            // A multipart body that could not be opened: its parts are anybody's guess.
            let is_closed = Essence::of(&part.content_type).kind.eq_ignore_ascii_case(b"multipart");
            let Some(kind) = kind(&part, message.part(&part)).filter(|_| !is_closed) else {
                bodies.unopened |= is_closed;
                continue;
            };
            let Some(slot) = bodies.found.get_mut(bodies.count) else {
                bodies.unopened = true;
                break;
            };
            *slot = (kind, part.range.start, part.range.end);
            bodies.count += 1;
        }
        // How long a compressed body is may tell what is in it.
        if (bodies.count > 0 || bodies.unopened) && is_encoded(&message) {
            return Err(Unreadable);
        }
        if bodies.unopened {
            bodies.count = 0;
        }
        Ok(bodies)
    }

    fn iter(&self) -> impl Iterator<Item = (Kind, Range<usize>)> {
        self.found.iter().take(self.count).map(|&(kind, start, end)| (kind, start..end))
    }
}

/// Whether it is an INFO or NOTIFY. Methods are case-sensitive (RFC 3261 section 7.1), and some receivers do not care.
fn carries_keys(message: &Message<'_>) -> bool {
    let StartLine::Request { method, .. } = message.start_line() else { return false };
    [Method::Info, Method::Notify]
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(method.as_bytes()))
}

/// A media type without what devices write around it: quotes, comments, the comma of a list.
struct Essence<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
}

impl<'a> Essence<'a> {
    fn of(media_type: &MediaType<'a>) -> Self {
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
        let kind_at = media_type.kind.iter().rposition(|byte| !is_token(byte)).map_or(0, |last| last + 1);
        let skipped = media_type.subtype.iter().take_while(|byte| !is_token(byte)).count();
        let subtype = media_type.subtype.get(skipped..).unwrap_or_default();
        let len = subtype.iter().take_while(|byte| is_token(byte)).count();
        Essence {
            kind: media_type.kind.get(kind_at..).unwrap_or_default(),
            subtype: subtype.get(..len).unwrap_or_default(),
        }
    }

    fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }
}

/// How a part carries keys, if it does.
fn kind(part: &Part<'_>, body: &[u8]) -> Option<Kind> {
    const TEXTS: [&str; 3] = ["dtmf-relay", "dtmf", "vnd.nortelnetworks.digits"];
    let content_type = Essence::of(&part.content_type);
    if TEXTS.iter().any(|subtype| content_type.is("application", subtype)) {
        Some(Kind::Text)
    } else if content_type.is("audio", "telephone-event") {
        Some(Kind::Event)
    } else if content_type.is("application", "kpml-response+xml") {
        Some(Kind::Kpml)
    } else if text::has_keys(body) {
        Some(if part.content_type.is_absent() { Kind::Text } else { Kind::Lines })
    } else {
        None
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
///
/// Nothing here depends on which key it is. Blocks win: event 9 is a tab and 10 and 13 are line ends, so that what a
/// block is must not be told by whether it reads as text.
fn event(body: &mut [u8], mask_key: MaskKey, press: &mut dyn FnMut(Digit)) -> Result<bool, Unreadable> {
    const FLASH: u8 = KEYS.end;
    /// 100 ms on the clock of 8 kHz.
    const DURATION: [u8; 2] = 800_u16.to_be_bytes();
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    let is_one = body.len() == BLOCK_LEN;
    let (blocks, rest) = body.as_chunks_mut::<BLOCK_LEN>();
    let are_blocks = !blocks.is_empty()
        && blocks.iter().all(|bytes| {
            let block = EventBlock::read(*bytes);
            block.event <= FLASH && (is_one || !block.reserved)
        });
    if !are_blocks {
        // Some senders send the end of their string with it.
        let text_len = body.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let is_short = body.len() < BLOCK_LEN && body.first().is_some_and(|first| *first <= FLASH);
        let reads = !is_short && body.iter().take(text_len).all(is_text);
        return if reads { text::mask(body, mask_key, press) } else { blank(body) };
    }
    // Whatever the codes are: the rest may be meant as text, and hold a key as such.
    let may_be = |byte: &u8| *byte == 0 || is_text(byte);
    let may_be_text =
        blocks.iter().all(|[_, others @ ..]| others.iter().all(may_be)) && rest.iter().all(may_be);
    let mut changed = false;
    for bytes in blocks {
        let block = EventBlock::read(*bytes);
        if let Some(digit) = Digit::from_event_code(block.event) {
            press(digit);
            write_block(bytes, 0, mask_key.event_code(), MASKED_VOLUME);
            changed = true;
        }
        if may_be_text {
            let [_, flags, duration @ ..] = bytes;
            (*flags, *duration) = (MASKED_VOLUME, DURATION);
            changed = true;
        }
    }
    changed |= !rest.is_empty();
    rest.fill(0);
    Ok(changed)
}

/// Whether a character is a key.
const fn is_key(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'D' | b'a'..=b'd' | b'*' | b'#')
}

/// Blanks what cannot be read. What is left of it is its length.
///
/// # Errors
/// Where a digit is written as a word: the words differ in length.
fn blank(bytes: &mut [u8]) -> Result<bool, Unreadable> {
    const WORDS: [&str; 11] =
        ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let tells = |run: &[u8]| WORDS.iter().any(|word| run.eq_ignore_ascii_case(word.as_bytes()));
    if bytes.split(|byte| !byte.is_ascii_alphabetic()).any(tells) {
        return Err(Unreadable);
    }
    bytes.fill(b' ');
    Ok(!bytes.is_empty())
}
