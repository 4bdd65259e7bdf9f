//! A channel's samples in the file's encoding: packets in order, silence between them.

use std::collections::VecDeque;

use super::channel::Packet;
use super::{TICKS, law};
use crate::encoding::Encoding;
use crate::frame::Format;
use crate::g711;
use crate::resample::HalfBand;
use crate::second::Account;

/// What of a packet was not put, because its place was taken or finished.
pub(super) struct Cut {
    pub(super) samples: u64,
    /// Whether nothing of it was put.
    pub(super) is_whole: bool,
}

pub(super) struct Track {
    encoding: Encoding,
    /// What is not finished.
    bytes: Vec<u8>,
    /// Where `bytes` end, in samples since the beginning.
    end: i64,
    /// The stream and sequence number of the last packet.
    last: Option<(u32, i64)>,
    /// Of the seconds that are not finished, from this one on.
    accounts: VecDeque<Account>,
    first_second: i64,
    /// The stream that it follows.
    decoder: Option<(u32, g722::Decoder)>,
    half_band: HalfBand,
    decoded: Vec<i16>,
    resampled: Vec<i16>,
    encoded: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kind {
    Kept,
    Lost,
    Quiet,
}

impl Track {
    pub(super) fn new(encoding: Encoding) -> Track {
        Track {
            encoding,
            bytes: Vec::with_capacity(encoding.second_len() + encoding.second_len() / 8),
            end: 0,
            last: None,
            accounts: VecDeque::new(),
            first_second: 0,
            decoder: None,
            half_band: HalfBand::new(),
            decoded: Vec::new(),
            resampled: Vec::new(),
            encoded: Vec::new(),
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    pub(super) fn last(&self) -> Option<(u32, i64)> {
        self.last
    }

    /// Fills with silence up to a tick.
    pub(super) fn fill(&mut self, until: i64, is_quiet: bool) {
        let until = self.samples(until);
        let missing = until - self.end;
        if missing > 0 {
            let bytes = missing as usize * self.encoding.sample_len();
            self.bytes.resize(self.bytes.len() + bytes, self.encoding.silence());
            self.count(if is_quiet { Kind::Quiet } else { Kind::Lost }, missing);
        }
    }

    /// Puts a packet, with silence before it: `is_quiet` tells whether nothing was sent there. Where audio is already, it stays.
    pub(super) fn put(&mut self, packet: &Packet, is_quiet: bool) -> Cut {
        let at = self.samples(packet.at);
        let taken = (self.end - at).max(0);
        let sample_len = self.encoding.sample_len();
        // Decoded in any case: a decoder must hear all.
        self.encode(packet);
        let whole = (self.encoded.len() / sample_len) as i64;
        if taken >= whole {
            return Cut { samples: whole as u64, is_whole: true };
        }
        self.fill(packet.at, is_quiet);
        let new = self.encoded.get(taken as usize * sample_len..).unwrap_or_default();
        self.bytes.extend_from_slice(new);
        self.count(Kind::Kept, whole - taken);
        self.last = Some((packet.serial, packet.sequence));
        Cut { samples: taken as u64, is_whole: false }
    }

    /// Into `encoded`.
    fn encode(&mut self, packet: &Packet) {
        let payload = &packet.payload;
        self.encoded.clear();
        if law(packet.format).is_some_and(|law| self.encoding.law() == Some(law)) {
            self.encoded.extend_from_slice(payload);
            return;
        }
        self.decoded.clear();
        self.resampled.clear();
        let is_wide = match packet.format {
            Format::Pcmu | Format::Pcma => {
                if let Some(law) = law(packet.format) {
                    self.decoded.extend(payload.iter().map(|code| g711::sample(law, *code)));
                }
                false
            }
            Format::L16Narrow | Format::L16Wide => {
                let samples = payload.as_chunks().0.iter().map(|sample| i16::from_be_bytes(*sample));
                self.decoded.extend(samples);
                packet.format == Format::L16Wide
            }
            Format::G722 => {
                let follows = self.decoder.as_ref().is_some_and(|(serial, _)| *serial == packet.serial);
                if !follows {
                    self.decoder = Some((packet.serial, g722::Decoder::new()));
                }
                self.decoded.resize(payload.len() * 2, 0);
                if let Some((_, decoder)) = &mut self.decoder {
                    decoder.decode(payload, &mut self.decoded);
                }
                true
            }
            Format::ComfortNoise | Format::Event | Format::Other => return,
        };
        let samples = match (is_wide, self.encoding.rate()) {
            (true, 8_000) => {
                self.half_band.down(&self.decoded, &mut self.resampled);
                &self.resampled
            }
            (false, 16_000) => {
                self.half_band.up(&self.decoded, &mut self.resampled);
                &self.resampled
            }
            _ => &self.decoded,
        };
        self.encoding.append(samples, &mut self.encoded);
    }

    fn samples(&self, ticks: i64) -> i64 {
        (ticks * i64::from(self.encoding.rate())).div_euclid(TICKS)
    }

    /// Adds samples to the accounts of the seconds in which they are.
    fn count(&mut self, kind: Kind, mut samples: i64) {
        let rate = i64::from(self.encoding.rate());
        while samples > 0 {
            let nth = (self.end / rate - self.first_second).max(0) as usize;
            let here = samples.min(rate - self.end % rate);
            if self.accounts.len() <= nth {
                self.accounts.resize(nth + 1, Account::default());
            }
            if let Some(account) = self.accounts.get_mut(nth) {
                let of = match kind {
                    Kind::Kept => &mut account.kept,
                    Kind::Lost => &mut account.lost,
                    Kind::Quiet => &mut account.quiet,
                };
                *of += here as u32;
            }
            self.end += here;
            samples -= here;
        }
    }

    /// Takes back what lies behind a tick of the second that is to be finished: the recording ends in the middle of a packet.
    pub(super) fn cut(&mut self, until: i64) {
        let beyond = (self.end - self.samples(until)).max(0);
        let bytes = self.bytes.len().saturating_sub(beyond as usize * self.encoding.sample_len());
        self.bytes.truncate(bytes);
        self.end -= beyond;
        self.accounts.truncate(1);
        if let Some(account) = self.accounts.front_mut() {
            let rate = i64::from(self.encoding.rate());
            let heard = (self.end - self.first_second * rate) as u32;
            account.kept = heard.saturating_sub(account.lost + account.quiet);
        }
    }

    /// What became of the second that is to be finished.
    pub(super) fn account(&self) -> Account {
        self.accounts.front().copied().unwrap_or_default()
    }

    /// The first samples that are not finished.
    pub(super) fn bytes(&self, samples: usize) -> &[u8] {
        self.bytes.get(..samples * self.encoding.sample_len()).unwrap_or_default()
    }

    /// The second is finished.
    pub(super) fn drop_second(&mut self) {
        let bytes = self.encoding.second_len().min(self.bytes.len());
        self.bytes.drain(..bytes);
        self.accounts.pop_front();
        self.first_second += 1;
    }
}
