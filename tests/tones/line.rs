//! A caller's line through the pipeline: audio in RTP to the carrier's side, and what of it leaves on the customer's.

use core::ops::Range;

use calls::SecureDefault;
use handover::{MaskKey, Side, Transport};
use keyhush_tests::faults::Faults;
use keyhush_tests::leg::{CARRIER, Leg};
use keyhush_tests::played::play_capture_with;
use keyhush_tests::scene::{Carries, Scene, capture};
use keyhush_tests::sdp;
use keyhush_tests::seen::Seen;
use lanes::g711;

#[cfg(spandsp)]
use crate::spandsp;

/// How audio is written in packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Ulaw,
    Alaw,
    /// 16-bit linear at 8 kHz and at 16 kHz.
    Linear8,
    Linear16,
    G722,
}

impl Format {
    /// Samples a millisecond.
    pub(crate) fn khz(self) -> usize {
        match self {
            Format::Ulaw | Format::Alaw | Format::Linear8 => 8,
            Format::Linear16 | Format::G722 => 16,
        }
    }

    /// Whether it can be written and read here: G.722 by spandsp alone, so that what is judged is not its own judge.
    pub(crate) fn is_known(self) -> bool {
        self != Format::G722 || cfg!(spandsp)
    }

    /// Samples by which what is heard is behind what was said: the delay of G.722's filters, both ways.
    fn delay(self) -> usize {
        if self == Format::G722 { 22 } else { 0 }
    }

    fn sdp(self) -> sdp::Format {
        match self {
            Format::Ulaw => sdp::Format::new(0, "PCMU/8000"),
            Format::Alaw => sdp::Format::new(8, "PCMA/8000"),
            Format::Linear8 => sdp::Format::new(96, "L16/8000"),
            Format::Linear16 => sdp::Format::new(97, "L16/16000"),
            Format::G722 => sdp::Format::new(9, "G722/8000"),
        }
    }

    /// Bytes of what lasts one tick of the RTP clock: a sample, or a byte of G.722 (RFC 3551 section 4.5.2).
    fn width(self) -> usize {
        if matches!(self, Format::Linear8 | Format::Linear16) { 2 } else { 1 }
    }

    /// Samples a tick.
    fn samples_a_tick(self) -> usize {
        if self == Format::G722 { 2 } else { 1 }
    }

    fn encode(self, samples: &[i16]) -> Vec<u8> {
        match self {
            Format::Ulaw => samples.iter().map(|sample| g711::to_ulaw(*sample)).collect(),
            Format::Alaw => samples.iter().map(|sample| g711::to_alaw(*sample)).collect(),
            Format::Linear8 | Format::Linear16 => {
                samples.iter().flat_map(|sample| sample.to_be_bytes()).collect()
            }
            #[cfg(spandsp)]
            Format::G722 => spandsp::Encoder::new().encode(samples),
            #[cfg(not(spandsp))]
            Format::G722 => panic!("spandsp is not installed"),
        }
    }

    /// The signal behind ticks; what did not come is silent.
    fn decode(self, ticks: &[Option<&[u8]>]) -> Vec<i16> {
        let linear = |bytes: &[u8]| match self {
            Format::Ulaw => g711::ULAW[usize::from(bytes[0])],
            Format::Alaw => g711::ALAW[usize::from(bytes[0])],
            _ => i16::from_be_bytes([bytes[0], bytes[1]]),
        };
        #[cfg(spandsp)]
        if self == Format::G722 {
            let mut decoder = spandsp::Decoder::new();
            let decode = |tick: &Option<&[u8]>| tick.map_or(vec![0; 2], |bytes| decoder.decode(&bytes[..1]));
            return ticks.iter().flat_map(decode).collect();
        }
        ticks.iter().map(|tick| tick.map_or(0, linear)).collect()
    }
}

/// Whether calls are in SecureMode, and if, how closely keys are looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Passing,
    /// In SecureMode, and no field waits for keys.
    Secured,
    /// In SecureMode, and a field waits for keys.
    FieldOpen,
}

/// The key that masks in these tests, and its number.
pub(crate) const MASK: MaskKey = MaskKey::Pound;
pub(crate) const MASK_NUMBER: usize = 14;

/// Fewer ticks in a row are as they were sent by chance, where the mask's tone crosses the key's. From 0.75 ms of a clean key one
/// in two is named.
const BY_CHANCE: usize = 6;

/// What is no louder is silence in one of the codecs, and tells nothing where silence replaces it.
const SILENT: u16 = 8;

/// Who speaks to whom, and how well the wire carries it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) format: Format,
    /// How long a packet lasts, in ms.
    pub(crate) ptime: usize,
    pub(crate) faults: Option<Faults>,
    /// Of the faults.
    pub(crate) seed: u64,
}

/// What came of a caller's audio.
pub(crate) struct Carried {
    /// What the agent hears, at the format's rate, each sample where the caller said it; what did not come is silent. Of
    /// copies that differ, the one that is as it was sent.
    pub(crate) heard: Vec<i16>,
    /// What the agent would hear if nothing were changed or lost.
    pub(crate) sent: Vec<i16>,
    /// Whether a sample left as it was sent, in any copy.
    pub(crate) unreplaced: Vec<bool>,
    /// Whether a sample left at all.
    pub(crate) came: Vec<bool>,
    /// Samples by which `heard` is behind what was said.
    pub(crate) delay: usize,
    /// Fewer samples than this in a row are as they were sent by chance.
    chance: usize,
    /// Samples of a packet, and of a millisecond.
    pub(crate) packet: usize,
    pub(crate) khz: usize,
    /// The tones that were captured, in order.
    pub(crate) captured: String,
    /// Presses reported by another transport: there are none.
    pub(crate) others: usize,
}

impl Carried {
    /// How many samples of a stretch left as they were sent. A run of them counts wherever it begins and ends, so that no
    /// sample is too few where a mask begins too late.
    pub(crate) fn left(&self, extent: Range<usize>) -> usize {
        let is_left = |at: usize| self.unreplaced.get(at) == Some(&true);
        let mut left = 0;
        let mut at = extent.start;
        while at < extent.end {
            if !is_left(at) {
                at += 1;
                continue;
            }
            let start = (0..at).rev().take(self.chance).take_while(|at| is_left(*at)).last().unwrap_or(at);
            let end = (at..).find(|at| !is_left(*at)).unwrap_or(extent.end);
            if end - start >= self.chance {
                let sent = &self.sent[at..end.min(extent.end)];
                left += sent.iter().filter(|sample| sample.unsigned_abs() > SILENT).count();
            }
            at = end;
        }
        left
    }
}

impl Line {
    /// Says `audio`, which is at the format's rate, in a call of its own.
    pub(crate) fn carry(&self, audio: &[i16], mode: Mode) -> Carried {
        let (format, width) = (self.format, self.format.width());
        let samples_a_packet = self.ptime * format.khz();
        let ticks_a_packet = samples_a_packet / format.samples_a_tick();
        let mut audio = audio.to_vec();
        audio.resize(audio.len().next_multiple_of(samples_a_packet), 0);
        let codes = format.encode(&audio);

        let mut leg = Leg::new(1);
        for side in [Side::Carrier, Side::Customer] {
            leg.sdp[side as usize].formats =
                vec![format.sdp(), sdp::Format::events(101, "telephone-event/8000")];
            let stream = &mut leg.streams[side as usize];
            stream.audio_type = format.sdp().payload_type;
            stream.clock_khz = (ticks_a_packet / self.ptime) as u32;
            stream.audio_length = 20 * stream.clock_khz as usize * width;
        }
        let mut scene = Scene::default();
        leg.set_up(&mut scene);
        let first = leg.streams[Side::Carrier as usize].timestamp;
        for (number, payload) in codes.chunks(ticks_a_packet * width).enumerate() {
            let timestamp = first.wrapping_add((number * ticks_a_packet) as u32);
            let packet = leg.streams[Side::Carrier as usize].packet(
                format.sdp().payload_type,
                false,
                timestamp,
                payload,
            );
            leg.media(&mut scene, Side::Carrier, 0, Carries::Nothing, &packet);
            scene.pass(self.ptime as u64);
        }
        let mut sent = scene.in_order();
        if let Some(faults) = self.faults {
            sent = faults.befall(&sent, self.seed);
        }

        let secure = if mode == Mode::Passing { SecureDefault::Never } else { SecureDefault::Always(MASK) };
        let played = play_capture_with(&capture(&sent), CARRIER, secure, |options| vigilant(options, mode))
            .expect("a scene is a capture");

        let original: Vec<&[u8]> = codes.chunks(width).collect();
        let mut ticks: Vec<Option<&[u8]>> = vec![None; original.len()];
        for record in &played.left {
            let Some(payload) = Seen::of(&record.bytes)
                .filter(|seen| seen.destination == leg.media[Side::Customer as usize])
                .map(|seen| &record.bytes[seen.payload])
            else {
                continue;
            };
            let timestamp = u32::from_be_bytes([payload[4], payload[5], payload[6], payload[7]]);
            // What came before the audio is far beyond its end.
            let at = timestamp.wrapping_sub(first) as usize;
            for (at, tick) in (at..original.len()).zip(payload[12..].chunks(width)) {
                if ticks[at].is_none() || tick == original[at] {
                    ticks[at] = Some(tick);
                }
            }
        }
        let each = |tick: bool| core::iter::repeat_n(tick, format.samples_a_tick());
        let came = ticks.iter().flat_map(|tick| each(tick.is_some())).collect();
        let mut unreplaced: Vec<bool> =
            ticks.iter().zip(&original).flat_map(|(tick, original)| each(*tick == Some(original))).collect();
        let originals: Vec<Option<&[u8]>> = original.iter().map(|tick| Some(*tick)).collect();
        let (heard, sent) = (format.decode(&ticks), format.decode(&originals));
        if format == Format::G722 {
            mark_alike(&heard, &sent, &mut unreplaced);
        }
        Carried {
            heard,
            sent,
            unreplaced,
            came,
            delay: format.delay(),
            chance: BY_CHANCE * format.samples_a_tick(),
            packet: samples_a_packet,
            khz: format.khz(),
            captured: played.keys(Transport::Tone).into_iter().map(char::from).collect(),
            others: played.presses.iter().filter(|press| press.transport != Transport::Tone).count(),
        }
    }
}

/// Marks what sounds as it was sent, in any 2 ms: a codec that codes differences says the same in other bytes when it comes from
/// elsewhere.
fn mark_alike(heard: &[i16], sent: &[i16], alike: &mut [bool]) {
    const SPAN: usize = 32;
    const STEP: usize = 4;
    /// The difference's part of the energy: less than a tone of another level has.
    const PART: f64 = 0.02;
    for at in (0..alike.len().saturating_sub(SPAN)).step_by(STEP) {
        let (heard, sent) = (&heard[at..at + SPAN], &sent[at..at + SPAN]);
        let square = |one: i16, other: i16| (f64::from(one) - f64::from(other)).powi(2);
        let off: f64 = heard.iter().zip(sent).map(|(heard, sent)| square(*heard, *sent)).sum();
        if off < PART * sent.iter().map(|sample| square(0, *sample)).sum::<f64>() {
            alike[at..at + SPAN].fill(true);
        }
    }
}

/// Sets how closely keys are looked for.
fn vigilant(options: &mut replay::Options, mode: Mode) {
    options.rules = options.rules.with_field_open(mode == Mode::FieldOpen);
}
