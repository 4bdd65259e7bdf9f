//! Packets of both directions become two channels of samples, true to the wall clock: a second of the file is a second of the call.
//!
//! | file | does |
//! |---|---|
//! | `stream.rs` | an RTP stream's sequence numbers and timestamps → places |
//! | `channel.rs` | holds a channel's packets until their second is finished |
//! | `track.rs` | packets in order → samples in the file's encoding |
//!
//! What comes is held until [`WINDOW`] after its second, so that reordered and late packets find their place; what comes later is counted
//! and lost. Silence is where nothing came. A stream lies where its first packet came and its timestamps then say; it is moved where
//! those and the wall clock are more than 40 ms apart: ahead, at once; behind, when no packet of a second was on time.
//! Of streams that come beside each other one is kept, as long as it goes on: a call that is seen twice, on its way to a session border
//! controller and from there, is recorded once, and two that were woven into each other could not be understood.
//! A timestamp that is further off than [`WINDOW`] must be repeated by the packets after it.
//!
//! Time is an argument; nothing here waits or knows a disk. Memory is bounded by [`MOST_HELD`] packets a channel.

mod channel;
#[cfg(test)]
mod simulation;
mod stream;
#[cfg(test)]
mod tests;
mod track;

use channel::Channel;
use track::Track;

use crate::encoding::Encoding;
use crate::frame::{Format, Frame};
use crate::g711::Law;
use crate::second::{Second, SecondSink};

/// The unit of places: sixteen-thousandths of a second, in which both rates are whole.
const TICKS: i64 = 16_000;
/// [`WINDOW_NANOSECONDS`] in ticks.
const WINDOW: i64 = TICKS / 2;
/// How many packets' sequence numbers are remembered: 5 s of 10 ms.
const SEQUENCES: usize = 512;
/// A stream that is heard again within this time goes on: 200 ms.
const GOES_ON: i64 = TICKS / 5;
/// So many packets that agree end a doubt.
const DOUBT: usize = 3;
/// Streams of a channel that are known at once: early media of forks, and a source before and after its change.
const STREAMS: usize = 4;
/// Packets that a channel holds at most: twice the window and a second of 5 ms each.
pub const MOST_HELD: usize = 640;
/// How long after a second's end its packets may come, in nanoseconds: 500 ms.
pub const WINDOW_NANOSECONDS: u64 = 500_000_000;
/// Seconds that one [`Timeline::advance`] finishes at most, so that a clock that was set cannot hold the others up.
pub const MOST_AT_ONCE: u32 = 64;

/// So long a recording waits for its first packet, to be kept as that came: as long as a telephone may ring (RFC 3261's timer C).
const UNSETTLED: u64 = 180 * SECOND;

const SECOND: u64 = 1_000_000_000;

/// What became of a channel's packets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Packets given.
    pub frames: u64,
    /// Not RTP.
    pub malformed: u64,
    /// Came before.
    pub duplicates: u64,
    /// Of a stream beside another that goes on.
    pub beside: u64,
    /// Came when their second was finished, or their place was taken.
    pub late: u64,
    /// Samples of packets whose place was taken in part.
    pub overlapping_samples: u64,
    /// With a timestamp that none of those after them bore out.
    pub strays: u64,
    /// In formats that are not decoded.
    pub undecoded: u64,
    /// There was no room to hold them.
    pub overflown: u64,
    /// How often a stream was moved to the wall clock.
    pub moves: u64,
    /// Streams: sources and clocks.
    pub streams: u64,
}

/// Two channels on one clock.
pub struct Timeline {
    begin: u64,
    announced: Option<Encoding>,
    channels: [Channel; 2],
    tracks: Option<[Track; 2]>,
    next: u32,
}

impl Timeline {
    /// A recording that begins at `begin`, in nanoseconds by the packets' clock. `announced` is the encoding that the session's description
    /// promises, for calls in whose first second nobody is heard; without it those are kept as [`Encoding::Linear8`].
    pub fn new(begin: u64, announced: Option<Encoding>) -> Timeline {
        Timeline { begin, announced, channels: Default::default(), tracks: None, next: 0 }
    }

    /// Takes a packet.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        let arrived = ticks_since(self.begin, frame.arrived());
        self.channels[frame.channel().index()].frame(frame, arrived);
    }

    /// Forgets what came for a time, in nanoseconds, and after it, as far as its seconds are not finished.
    pub fn forget(&mut self, from: u64) {
        let from = ticks_since(self.begin, from);
        self.channels.iter_mut().for_each(|channel| channel.forget(from));
    }

    /// The encoding, once it is settled: with the first second.
    pub fn encoding(&self) -> Option<Encoding> {
        self.tracks.as_ref().map(|[caller, _]| caller.encoding())
    }

    /// When [`Timeline::advance`] has something to do, in nanoseconds since 1970.
    pub fn deadline(&self) -> u64 {
        let end = (u64::from(self.next) + 1).saturating_mul(SECOND);
        let end = end.max(self.unsettled_until());
        self.begin.saturating_add(end).saturating_add(WINDOW_NANOSECONDS)
    }

    /// How long nothing is finished, in nanoseconds from the beginning, since it is not known yet how it will be kept.
    fn unsettled_until(&self) -> u64 {
        if self.tracks.is_some() || self.announced.is_some() {
            return 0;
        }
        self.first_heard().map_or(UNSETTLED, |second| (second as u64 + 1) * SECOND)
    }

    /// The second of the first packet that is held.
    fn first_heard(&self) -> Option<u32> {
        let first = self.channels.iter().filter_map(|channel| channel.first()).min()?;
        u32::try_from(first.max(0) / TICKS).ok()
    }

    /// The second that is finished next.
    pub fn next_second(&self) -> u32 {
        self.next
    }

    /// Finishes the seconds whose time is over.
    pub fn advance(&mut self, now: u64, sink: &mut dyn SecondSink) {
        for _ in 0..MOST_AT_ONCE {
            if now < self.deadline() {
                return;
            }
            let samples = self.render(i64::from(self.next + 1) * TICKS).rate();
            self.finish_second(samples as usize, sink);
        }
    }

    /// Finishes all until `at`, the recording's end, and answers how many samples each channel has. The last second may be shorter.
    pub fn finish(&mut self, at: u64, sink: &mut dyn SecondSink) -> u64 {
        let nanoseconds = at.saturating_sub(self.begin);
        let whole = u32::try_from(nanoseconds / SECOND).unwrap_or(u32::MAX);
        while self.next < whole {
            let samples = self.render(i64::from(self.next + 1) * TICKS).rate();
            self.finish_second(samples as usize, sink);
        }
        let encoding = self.encoding().unwrap_or_else(|| self.settled(TICKS));
        let rate = u64::from(encoding.rate());
        let rest = (nanoseconds % SECOND) * rate / SECOND;
        // What is finished already stays, should the end be said to lie before it.
        if whole == self.next && rest > 0 {
            let until = i64::from(whole) * TICKS + rest as i64 * TICKS / rate as i64;
            self.render(until);
            for track in self.tracks.iter_mut().flatten() {
                track.cut(until);
            }
            self.finish_second(rest as usize, sink);
            return u64::from(whole) * rate + rest;
        }
        u64::from(self.next) * rate
    }

    /// What became of the packets, a channel each.
    pub fn counters(&self) -> [Counters; 2] {
        self.channels.each_ref().map(|channel| channel.counters())
    }

    /// Puts what begins before a tick into the tracks.
    fn render(&mut self, until: i64) -> Encoding {
        let encoding = self.encoding().unwrap_or_else(|| self.settled(until));
        let tracks = self.tracks.get_or_insert_with(|| [Track::new(encoding), Track::new(encoding)]);
        for (channel, track) in self.channels.iter_mut().zip(tracks) {
            channel.render(until, track);
        }
        encoding
    }

    fn finish_second(&mut self, samples: usize, sink: &mut dyn SecondSink) {
        let Some([caller, agent]) = &mut self.tracks else { return };
        let encoding = caller.encoding();
        let index = self.next;
        let accounts = [caller.account(), agent.account()];
        let channels = [caller.bytes(samples), agent.bytes(samples)];
        sink.second(&Second { index, encoding, channels, accounts, is_gap: false });
        caller.drop_second();
        agent.drop_second();
        self.next += 1;
    }

    /// The encoding that keeps what was heard until a tick as it is.
    fn settled(&self, until: i64) -> Encoding {
        // Where nobody was heard in it, the first second that is heard says.
        let first = self.first_heard().map_or(0, |second| i64::from(second + 1) * TICKS);
        let until = until.max(first);
        let heard = || self.channels.iter().flat_map(|channel| channel.heard(until));
        if heard().any(|format| matches!(format, Format::G722 | Format::L16Wide)) {
            return Encoding::Linear16;
        }
        let is_all = |law: Format| heard().all(|format| format == law);
        match heard().next() {
            None => self.announced.unwrap_or(Encoding::Linear8),
            Some(Format::Pcmu) if is_all(Format::Pcmu) => Encoding::MuLaw,
            Some(Format::Pcma) if is_all(Format::Pcma) => Encoding::ALaw,
            Some(_) => Encoding::Linear8,
        }
    }
}

/// The law of a format, if it is G.711.
fn law(format: Format) -> Option<Law> {
    match format {
        Format::Pcmu => Some(Law::Mu),
        Format::Pcma => Some(Law::A),
        _ => None,
    }
}

/// Ticks from one time to another, negative where that is before.
fn ticks_since(begin: u64, time: u64) -> i64 {
    let nanoseconds = i128::from(time) - i128::from(begin);
    let ticks = nanoseconds * i128::from(TICKS) / i128::from(SECOND);
    ticks.clamp(i64::MIN.into(), i64::MAX.into()) as i64 / 2 * 2
}
