//! One channel: its streams, and its packets until their second is finished.

use arrayvec::ArrayVec;
use wire::rtp::Rtp;

use super::stream::{Novelty, Place, Stream, StreamId};
use super::track::Track;
use super::{Counters, GOES_ON, MOST_HELD, STREAMS};
use crate::frame::{Format, Frame};

/// A packet of audio.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// Where it begins, in ticks.
    pub(super) at: i64,
    /// Where it stands among the others: at its place, or, if its stream was moved back, behind those that were sent before.
    order: i64,
    pub(super) sequence: i64,
    /// The stream's.
    pub(super) serial: u32,
    timestamp: i64,
    pub(super) format: Format,
    pub(super) payload: Box<[u8]>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    streams: ArrayVec<Stream, STREAMS>,
    /// In their order.
    held: Vec<Packet>,
    /// Of one stream, waiting for others to bear them out.
    doubtful: Vec<Packet>,
    /// The newest stream of which something was finished; those after it can be moved as a whole.
    finished_serial: u32,
    serials: u32,
    counters: Counters,
}

impl Channel {
    pub(super) fn frame(&mut self, frame: &Frame<'_>, arrived: i64) {
        self.counters.frames += 1;
        let format = frame.format();
        let Ok(rtp) = Rtp::new_checked(frame.rtp()) else {
            self.counters.malformed += 1;
            return;
        };
        let Some(nth) = self.stream(&rtp, format, arrived) else { return };
        let stream = &mut self.streams[nth];
        let sequence = stream.sequence(rtp.sequence());
        match stream.note(sequence, arrived) {
            Novelty::New => (),
            Novelty::Again => {
                self.counters.duplicates += 1;
                return;
            }
            Novelty::Old => {
                self.counters.late += 1;
                return;
            }
            // Beside the one before it, which goes on if it is another's under the same name.
            Novelty::Restarted if format.is_audio() => {
                self.begin(&rtp, format, arrived);
                return self.frame_again(frame, arrived);
            }
            Novelty::Restarted => return,
        }
        if format == Format::Other {
            self.counters.undecoded += 1;
        }
        let payload = rtp.payload().get(frame.skipped()..).unwrap_or_default();
        if format.ticks(payload.len()) == 0 {
            return;
        }
        let place = stream.place(rtp.timestamp(), arrived);
        let (timestamp, serial) = (stream.timestamp(rtp.timestamp()), stream.serial);
        let at = stream.at(timestamp);
        self.place(
            nth,
            place,
            Packet { at, order: at, sequence, serial, timestamp, format, payload: payload.into() },
        );
    }

    /// A packet of a source that began again, as the first of a new stream.
    fn frame_again(&mut self, frame: &Frame<'_>, arrived: i64) {
        self.counters.frames -= 1;
        self.frame(frame, arrived);
    }

    /// The packet's stream, which may be new: of several sources under one name the one with such sequence numbers. Packets without audio make none: what their timestamps count is not known.
    fn stream(&mut self, rtp: &Rtp<'_>, format: Format, arrived: i64) -> Option<usize> {
        let is_its = |stream: &Stream| {
            stream.id.ssrc == rtp.ssrc() && (!format.is_audio() || stream.id.clock == format.clock())
        };
        let its = self.streams.iter().enumerate().filter(|(_, stream)| is_its(stream));
        let nearest = |(_, stream): &(usize, &Stream)| (stream.is_near(rtp.sequence()), stream.last_heard);
        if let Some((nth, _)) = its.max_by_key(nearest) {
            return Some(nth);
        }
        if !format.is_audio() {
            self.counters.undecoded += u64::from(format == Format::Other);
            return None;
        }
        Some(self.begin(rtp, format, arrived))
    }

    /// A new stream, in the place of the one that was not heard for longest if there are too many.
    fn begin(&mut self, rtp: &Rtp<'_>, format: Format, arrived: i64) -> usize {
        if self.streams.is_full() {
            let longest = self.streams.iter().enumerate().min_by_key(|(_, stream)| stream.last_heard);
            let longest = longest.map_or(0, |(nth, _)| nth);
            self.streams.remove(longest);
        }
        self.serials += 1;
        self.counters.streams += 1;
        let id = StreamId { ssrc: rtp.ssrc(), clock: format.clock() };
        self.streams.push(Stream::new(id, self.serials, rtp.sequence(), rtp.timestamp(), arrived));
        self.streams.len() - 1
    }

    fn place(&mut self, nth: usize, place: Place, packet: Packet) {
        match place {
            Place::At(_) => self.refute(packet.serial),
            Place::Moved(_, by) => {
                self.refute(packet.serial);
                self.counters.moves += 1;
                self.move_held(packet.serial, by);
            }
            Place::Doubtful | Place::AlsoDoubtful => {
                if place == Place::Doubtful {
                    self.counters.strays += self.doubtful.len() as u64;
                    self.doubtful.clear();
                }
                self.doubtful.push(packet);
                return;
            }
            Place::Right => {
                self.counters.moves += 1;
                for mut before in core::mem::take(&mut self.doubtful) {
                    if before.serial == packet.serial {
                        before.at = self.streams[nth].at(before.timestamp);
                        self.hold(before);
                    } else {
                        self.counters.strays += 1;
                    }
                }
            }
        }
        self.hold(packet);
    }

    /// With what is doubtful still as stray.
    pub(super) fn counters(&self) -> Counters {
        Counters { strays: self.counters.strays + self.doubtful.len() as u64, ..self.counters }
    }

    fn refute(&mut self, serial: u32) {
        let before = self.doubtful.len();
        self.doubtful.retain(|packet| packet.serial != serial);
        self.counters.strays += (before - self.doubtful.len()) as u64;
    }

    /// The first packet of a stream may be the one that was delayed: as long as nothing of it is finished, all of it is moved.
    fn move_held(&mut self, serial: u32, by: i64) {
        if serial <= self.finished_serial {
            return;
        }
        for packet in self.held.iter_mut().filter(|packet| packet.serial == serial) {
            packet.at += by;
            packet.order += by;
        }
        self.held.sort_by_key(|packet| (packet.order, packet.sequence));
    }

    fn hold(&mut self, mut packet: Packet) {
        if self.held.len() >= MOST_HELD {
            self.counters.overflown += 1;
            return;
        }
        let is_before = |held: &&Packet| held.serial == packet.serial && held.sequence < packet.sequence;
        let before = self.held.iter().rev().find(is_before);
        packet.order = before.map_or(packet.at, |before| before.order.max(packet.at));
        let key = (packet.order, packet.sequence);
        let nth = self.held.partition_point(|before| (before.order, before.sequence) <= key);
        self.held.insert(nth, packet);
    }

    /// Where the first packet that is held begins.
    pub(super) fn first(&self) -> Option<i64> {
        self.held.first().map(|packet| packet.at)
    }

    /// Forgets what would begin at a tick or later, and what nobody knows where it belongs.
    pub(super) fn forget(&mut self, from: i64) {
        self.held.retain(|packet| packet.at < from);
        self.doubtful.clear();
    }

    /// What formats were heard before a tick.
    pub(super) fn heard(&self, until: i64) -> impl Iterator<Item = Format> {
        self.held.iter().filter(move |packet| packet.at < until).map(|packet| packet.format)
    }

    /// Puts all that begins before a tick, and silence up to it, into the track.
    pub(super) fn render(&mut self, until: i64, track: &mut Track) {
        let count = self.held.partition_point(|packet| packet.order < until);
        for (nth, packet) in self.held.iter().enumerate().take(count) {
            if let Some((kept, _)) = track.last()
                && kept != packet.serial
                && goes_on(&self.held[nth..], kept, packet.at)
            {
                self.counters.beside += 1;
                continue;
            }
            let is_quiet = is_whole(&self.streams, track.last(), packet);
            let cut = track.put(packet, is_quiet);
            if cut.is_whole {
                self.counters.late += 1;
            } else {
                self.counters.overlapping_samples += cut.samples;
            }
            self.finished_serial = self.finished_serial.max(packet.serial);
        }
        self.held.drain(..count);
        let is_quiet = self.held.first().is_none_or(|next| is_whole(&self.streams, track.last(), next));
        track.fill(until, is_quiet);
    }
}

/// Whether a stream has packets soon after a tick, among those that come next.
fn goes_on(next: &[Packet], serial: u32, at: i64) -> bool {
    let soon = next.iter().take_while(|packet| packet.order <= at + GOES_ON);
    soon.into_iter().any(|packet| packet.serial == serial && packet.at <= at + GOES_ON)
}

/// Whether nothing was sent between the last packet and this one. Between streams nothing is known to be lost.
fn is_whole(streams: &[Stream], last: Option<(u32, i64)>, packet: &Packet) -> bool {
    let Some((serial, sequence)) = last.filter(|(serial, _)| *serial == packet.serial) else { return true };
    let stream = streams.iter().find(|stream| stream.serial == serial);
    stream.is_none_or(|stream| stream.is_whole_between(sequence, packet.sequence))
}
