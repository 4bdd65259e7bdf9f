//! One digit a packet: telephone-events (RFC 4733) wherever their packets lie, in whatever order.

use std::collections::BTreeMap;

use super::{Card, Find, What};

/// The codes that are digits.
const DIGITS: u8 = 10;
/// Dynamic payload types (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
/// A sender of events in memory: its SSRC, its payload type.
pub type Sender = ([u8; 4], u8);

/// A digit in a telephone-event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keyed {
    /// Where the packet's RTP header lies.
    pub at: usize,
    /// Its timestamp: the same for all packets of a press.
    pub timestamp: u32,
    /// 0–9.
    pub digit: u8,
}

/// The digits of every sender of events in these bytes, one for each press, in the order of their timestamps. What looks like
/// a sender by chance has one press, or few.
pub fn keyed(bytes: &[u8]) -> BTreeMap<Sender, Vec<Keyed>> {
    let mut senders = BTreeMap::<Sender, Vec<Keyed>>::new();
    for (at, window) in bytes.windows(16).enumerate() {
        // Version 2, no contributing sources; a padding or an extension bit would make the block lie elsewhere.
        if window[0] != 0x80 || !DYNAMIC.contains(&(window[1] & 0x7f)) || window[12] >= DIGITS {
            continue;
        }
        // The reserved bit is 0, and no event is longer than a minute.
        if window[13] & 0x40 != 0 {
            continue;
        }
        let timestamp = u32::from_be_bytes([window[4], window[5], window[6], window[7]]);
        let ssrc = [window[8], window[9], window[10], window[11]];
        let presses = senders.entry((ssrc, window[1] & 0x7f)).or_default();
        presses.push(Keyed { at, timestamp, digit: window[12] });
    }
    for presses in senders.values_mut() {
        presses.sort_by_key(|keyed| (keyed.timestamp, keyed.digit));
        presses.dedup_by_key(|keyed| (keyed.timestamp, keyed.digit));
    }
    senders
}

/// Numbers keyed by events: eight digits of one in a row are enough, since packets are overwritten one by one.
pub(super) fn find(cards: &[Card], bytes: &[u8]) -> Vec<Find> {
    const ENOUGH: usize = 8;
    let mut finds = Vec::new();
    for presses in keyed(bytes).values().filter(|presses| presses.len() >= ENOUGH) {
        let digits: Vec<u8> = presses.iter().map(|keyed| b'0' + keyed.digit).collect();
        for (card, given) in cards.iter().enumerate() {
            let number = given.number.as_bytes();
            let at =
                digits.windows(ENOUGH).position(|eight| number.windows(ENOUGH).any(|part| part == eight));
            finds.extend(at.map(|at| Find { at: presses[at].at, card, what: What::Events }));
        }
    }
    finds
}
