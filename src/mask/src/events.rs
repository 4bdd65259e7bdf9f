//! Which event packets are one key press (RFC 4733 sections 2.4 and 2.5).
//!
//! A press is one event start per SSRC. Start times are 32-bit RTP timestamps and are compared around their wrap.

use core::ops::Range;
use core::time::Duration;

use handover::Instant;
use secret::Digit;

/// The codes of the sixteen keys (RFC 4733 section 3.2).
pub(crate) const KEYS: Range<u8> = 0..16;
/// MF digits 0–9 on trunks (RFC 5244 section 2.3): no key of a telephone, but a digit for whoever reads it.
pub(crate) const MF_DIGITS: Range<u8> = 128..138;
/// What telephones and gateways send beside keys: the flash of the hook (RFC 4733 section 3.2), fax and modem tones
/// (RFC 4734 section 2).
pub(crate) const TONES: Range<u8> = 16..64;
/// The level of every masked event, in −dBm0: that of an ordinary telephone's keys.
pub(crate) const MASKED_VOLUME: u8 = 10;
/// Event starts remembered per SSRC. A packet of an event older than all of them is not counted.
const REMEMBERED: usize = 8;
/// SSRCs per stream; the one heard of longest ago gives way.
const SOURCES: usize = 4;
/// A segment at least this long may have been the last that arrived of its kind: the rest, up to the longest duration
/// that 16 bits hold, may be lost.
const LONG_SEGMENT: u16 = 0x8000;
/// No packet is this late. A start this far back is a sender that began its timestamps anew.
const LATEST: Duration = Duration::from_secs(60);
/// An event whose last packet was so long ago is over, end packet or not; one that goes on comes every 50 ms (RFC 4733
/// section 2.5.1.2), and the end packets follow at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Nor does one come this long after all others.
const LATEST_ARRIVAL: Duration = Duration::from_secs(5);

/// One event block as the tracker needs it. It does not print.
#[derive(Clone, Copy)]
pub(crate) struct Sighting {
    pub(crate) ssrc: u32,
    /// When the event began, on the RTP clock.
    pub(crate) start: u32,
    /// The event code, of a key: 0–15.
    pub(crate) code: u8,
    pub(crate) duration: u16,
    pub(crate) end: bool,
    pub(crate) marker: bool,
    pub(crate) clock_khz: u8,
}

/// The events lately seen of the sources of one stream.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    sources: [Source; SOURCES],
}

#[derive(Debug, Default)]
struct Source {
    ssrc: u32,
    last_arrival: Instant,
    /// How many of `events` hold something.
    count: u8,
    /// The key of the newest event while it lasts, to tell a further segment of it from another key. No other key
    /// rests here: what a core image could show is wiped with the event's end.
    open: Option<Digit>,
    /// The newest events seen, in the order of their starts.
    events: [Event; REMEMBERED],
}

#[derive(Clone, Copy, Debug, Default)]
struct Event {
    start: u32,
    duration: u16,
    ended: bool,
}

impl Tracker {
    /// Takes note of an event block. The key is returned if this is the first that is seen of its press.
    pub(crate) fn sight(&mut self, now: Instant, sighting: &Sighting) -> Option<Digit> {
        let source = self.source(sighting.ssrc)?;
        let pressed = source.sight(now, sighting);
        source.last_arrival = now;
        pressed
    }

    /// Whether packets of an event that was seen may still come.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.sources.iter().any(|source| source.is_open(now))
    }

    /// Whether a block is of an event that was seen and is not over: an update, an end packet sent again, a redundant
    /// block, a further segment. No other event is taken note of.
    pub(crate) fn continues(&mut self, now: Instant, sighting: &Sighting) -> bool {
        let source = self.sources.iter_mut().find(|source| source.ssrc == sighting.ssrc);
        let Some(source) = source.filter(|source| source.is_open(now)) else { return false };
        let count = usize::from(source.count);
        let known = source.events.iter().take(count).any(|event| event.start == sighting.start);
        let is_newest = source.newest().is_some_and(|newest| is_after(sighting.start, newest.start));
        let continues = known || (is_newest && source.continues(count, sighting));
        if continues {
            // It is no new press: that was told when its first packet came.
            source.sight(now, sighting);
            source.last_arrival = now;
        }
        continues
    }

    /// The source, or the one that gives way to it.
    fn source(&mut self, ssrc: u32) -> Option<&mut Source> {
        let known = self.sources.iter().position(|source| source.count > 0 && source.ssrc == ssrc);
        if let Some(known) = known {
            return self.sources.get_mut(known);
        }
        let oldest = self.sources.iter_mut().min_by_key(|source| (source.count > 0, source.last_arrival))?;
        *oldest = Source { ssrc, ..Source::default() };
        Some(oldest)
    }
}

impl Source {
    fn sight(&mut self, now: Instant, sighting: &Sighting) -> Option<Digit> {
        if self.has_begun_anew(now, sighting) {
            self.count = 0;
            self.open = None;
        }
        let count = usize::from(self.count);
        let events = self.events.get_mut(..count)?;
        if let Some(nth) = events.iter().rposition(|event| event.start == sighting.start) {
            let event = events.get_mut(nth)?;
            event.duration = event.duration.max(sighting.duration);
            event.ended |= sighting.end;
            if sighting.end && nth + 1 == count {
                self.open = None;
            }
            return None;
        }
        let place = events.iter().take_while(|event| is_after(sighting.start, event.start)).count();
        let newest = place == count;
        // Of the events between the remembered ones none is forgotten, so this one is new; before them, who knows.
        if place == 0 && count == REMEMBERED {
            return None;
        }
        let continues = self.continues(place, sighting);
        self.insert(place, Event { start: sighting.start, duration: sighting.duration, ended: sighting.end });
        if newest {
            self.open = if sighting.end { None } else { Digit::from_event_code(sighting.code) };
        }
        if continues { None } else { Digit::from_event_code(sighting.code) }
    }

    fn is_open(&self, now: Instant) -> bool {
        self.count > 0 && now.since(self.last_arrival) <= LONGEST_PAUSE
    }

    fn newest(&self) -> Option<&Event> {
        self.events.get(usize::from(self.count).checked_sub(1)?)
    }

    /// Whether the block, new at `place`, is a further segment of the event before it (RFC 4733 section 2.5.1.3): a start
    /// where the last duration ended, or where it may have ended if the segment's last packets were lost.
    fn continues(&self, place: usize, sighting: &Sighting) -> bool {
        let Some(before) = place.checked_sub(1).and_then(|before| self.events.get(before)) else {
            return false;
        };
        let passed = sighting.start.wrapping_sub(before.start);
        let end = u32::from(before.duration);
        let adjoins = passed == end
            || (before.duration >= LONG_SEGMENT && (end..=u32::from(u16::MAX)).contains(&passed));
        // Once a later event has begun, the key is not at hand any more; that the former never ended must do.
        let is_same_key = place < usize::from(self.count)
            || self.open.as_ref().is_some_and(|key| key.event_code() == sighting.code);
        adjoins && is_same_key && !sighting.marker && !before.ended
    }

    /// Whether the sender's timestamps have jumped back, so that what is remembered says nothing any more.
    fn has_begun_anew(&self, now: Instant, sighting: &Sighting) -> bool {
        let Some(newest) = self.newest() else { return false };
        if !is_after(newest.start, sighting.start) {
            return false;
        }
        let back = u64::from(newest.start.wrapping_sub(sighting.start));
        let latest = LATEST.as_millis() as u64 * u64::from(sighting.clock_khz);
        let oldest = self.events.first().map_or(newest.start, |event| event.start);
        back > latest || (is_after(oldest, sighting.start) && now.since(self.last_arrival) > LATEST_ARRIVAL)
    }

    /// Puts an event at `place`; where all are in use the oldest gives way, and `place` is not 0.
    fn insert(&mut self, place: usize, event: Event) {
        let count = usize::from(self.count);
        let place = if count < REMEMBERED {
            self.count += 1;
            if let Some(tail) = self.events.get_mut(place..=count) {
                tail.rotate_right(1);
            }
            place
        } else {
            if let Some(head) = self.events.get_mut(..place) {
                head.rotate_left(1);
            }
            place.saturating_sub(1)
        };
        if let Some(slot) = self.events.get_mut(place) {
            *slot = event;
        }
    }
}

/// Whether `a` comes after `b` on a clock that wraps.
const fn is_after(a: u32, b: u32) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests;
