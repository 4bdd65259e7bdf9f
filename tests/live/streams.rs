//! What was captured of one telephone's RTP.

use std::ops::Range;

use keyhush_tests::live::capture::{self, Rtp};

/// The RTP of one telephone, in order.
pub(crate) struct Stream(Vec<Rtp>);

impl Stream {
    /// What of `packets` is its.
    pub(crate) fn of(packets: &[Rtp], is_its: impl Fn(&&Rtp) -> bool) -> Stream {
        Stream(packets.iter().filter(is_its).cloned().collect())
    }

    /// What was seen in a span of time, in seconds since the Unix epoch.
    pub(crate) fn during(&self, span: Range<f64>) -> impl Iterator<Item = &Rtp> {
        self.0.iter().filter(move |packet| span.contains(&packet.at))
    }

    /// How many packets there were.
    pub(crate) fn len(&self, span: Range<f64>) -> usize {
        self.during(span).count()
    }

    /// The keys.
    pub(crate) fn keys(&self, span: Range<f64>) -> String {
        capture::keys(self.during(span))
    }

    /// How many packets of audio have nothing but G.711 µ-law silence after their RTP header of 12 bytes.
    pub(crate) fn silent(&self, span: Range<f64>) -> usize {
        let is_silent = |packet: &&Rtp| {
            packet.event.is_none()
                && packet.bytes.get(24..).is_some_and(|audio| audio.bytes().all(|digit| digit == b'f'))
        };
        self.during(span).filter(is_silent).count()
    }
}
