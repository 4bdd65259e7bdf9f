//! RTP as phones and gateways send it.

use crate::seed::Seed;

/// One direction of a call's media.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The synchronisation source.
    pub ssrc: u32,
    /// Of the next packet.
    pub sequence: u16,
    /// Of the next packet that begins now, in units of the clock.
    pub timestamp: u32,
    /// RTP clock, in kHz.
    pub clock_khz: u32,
    /// The payload type of the audio.
    pub audio_type: u8,
    /// Bytes of audio in a packet of 20 ms.
    pub audio_length: usize,
    /// The payload type of events.
    pub event_type: u8,
    /// The payload type of redundancy, where the stream uses it for its events.
    pub redundancy_type: Option<u8>,
    noise: Seed,
}

/// How a key press is sent.
#[derive(Clone, Debug)]
pub struct KeyPlan {
    /// How long the key is down, in ms; a multiple of 20.
    pub milliseconds: u32,
    /// Packets with the end bit: three, or none where they are lost.
    pub ends: usize,
    /// Whether the first packet has the marker bit.
    pub marker: bool,
    /// −dBm0, 0–63.
    pub volume: u8,
}

impl Default for KeyPlan {
    fn default() -> Self {
        KeyPlan { milliseconds: 100, ends: 3, marker: true, volume: 10 }
    }
}

/// The end bit beside the volume.
const END: u8 = 0x80;

/// The telephone-event code of a key (RFC 4733 table 3).
pub fn event_code(key: u8) -> u8 {
    match key {
        b'0'..=b'9' => key - b'0',
        b'*' => 10,
        b'#' => 11,
        b'A'..=b'D' => key - b'A' + 12,
        _ => panic!("{key:#x} is no key"),
    }
}

impl Stream {
    /// G.711 and events of type 101, with a random start as RFC 3550 section 5.1 wants it.
    pub fn new(seed: u64) -> Self {
        let mut noise = Seed::new(seed);
        Stream {
            ssrc: noise.bits() as u32,
            sequence: noise.bits() as u16,
            timestamp: noise.bits() as u32,
            clock_khz: 8,
            audio_type: 0,
            audio_length: 160,
            event_type: 101,
            redundancy_type: None,
            noise,
        }
    }

    /// A packet with any payload.
    pub fn packet(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, payload_type | if marker { 0x80 } else { 0 }];
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(timestamp.to_be_bytes());
        packet.extend(self.ssrc.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }

    /// 20 ms of audio.
    pub fn audio(&mut self) -> Vec<u8> {
        let mut payload = self.noise.bytes(self.audio_length);
        if self.clock_khz == 48
            && let Some(first) = payload.first_mut()
        {
            // One Opus frame of 20 ms (RFC 6716 section 3.1), so that tshark finds nothing to complain of.
            *first = 0x78;
        }
        let packet = self.packet(self.audio_type, false, self.timestamp, &payload);
        self.elapse(20);
        packet
    }

    /// Lets time pass for the timestamps.
    pub fn elapse(&mut self, milliseconds: u32) {
        self.timestamp = self.timestamp.wrapping_add(milliseconds * self.clock_khz);
    }

    /// The packets of a key press, one each 20 ms (RFC 4733 section 2.5.1): updates, then the end packets. Presses longer than
    /// the 16 bits of the duration come in segments (section 2.5.1.3).
    pub fn press(&mut self, key: u8, plan: &KeyPlan) -> Vec<Vec<u8>> {
        const LONGEST: u32 = 0xffff;
        let event = event_code(key);
        let onset = self.timestamp;
        let mut packets = Vec::new();
        let mut segment = 0;
        let mut before: Option<(u32, [u8; 4])> = None;
        let steps = plan.milliseconds / 20;
        for step in 1..=steps {
            let mut so_far = step * 20 * self.clock_khz - segment;
            if so_far > LONGEST {
                let last = block(event, plan.volume, LONGEST);
                packets.push(self.report(false, onset.wrapping_add(segment), last, &mut before));
                segment += LONGEST;
                so_far -= LONGEST;
            }
            let timestamp = onset.wrapping_add(segment);
            let marker = plan.marker && step == 1;
            let is_end = step == steps && plan.ends > 0;
            let volume = plan.volume | if is_end { END } else { 0 };
            packets.push(self.report(marker, timestamp, block(event, volume, so_far), &mut before));
            if is_end {
                for _ in 1..plan.ends {
                    packets.push(self.report(false, timestamp, block(event, volume, so_far), &mut before));
                }
            }
        }
        self.elapse(20 * packets.len() as u32);
        packets
    }

    /// Keys of 60 ms that follow each other without a gap, in one packet that is sent three times (RFC 4733 section
    /// 2.5.1.5: the timestamp is that of the first).
    pub fn press_together(&mut self, keys: &[u8]) -> Vec<Vec<u8>> {
        let duration = 60 * self.clock_khz;
        let payload: Vec<u8> =
            keys.iter().flat_map(|&key| block(event_code(key), 7 | END, duration)).collect();
        let timestamp = self.timestamp;
        let packets =
            (0..3).map(|copy| self.packet(self.event_type, copy == 0, timestamp, &payload)).collect();
        self.elapse(60 * keys.len() as u32);
        packets
    }

    /// One event packet; under redundancy with the report before it as the redundant block.
    fn report(
        &mut self,
        marker: bool,
        timestamp: u32,
        report: [u8; 4],
        before: &mut Option<(u32, [u8; 4])>,
    ) -> Vec<u8> {
        let Some(redundancy_type) = self.redundancy_type else {
            return self.packet(self.event_type, marker, timestamp, &report);
        };
        let mut payload = Vec::new();
        if let Some((earlier, old)) = before.filter(|(earlier, _)| timestamp.wrapping_sub(*earlier) < 1 << 14)
        {
            let offset = timestamp.wrapping_sub(earlier);
            payload.push(0x80 | self.event_type);
            payload.extend(((offset << 10) | 4).to_be_bytes().into_iter().skip(1));
            payload.push(self.event_type);
            payload.extend(old);
        } else {
            payload.push(self.event_type);
        }
        payload.extend(report);
        *before = Some((timestamp, report));
        self.packet(redundancy_type, marker, timestamp, &payload)
    }
}

fn block(event: u8, volume: u8, duration: u32) -> [u8; 4] {
    let [high, low] = u16::try_from(duration).expect("a duration").to_be_bytes();
    [event, volume, high, low]
}
