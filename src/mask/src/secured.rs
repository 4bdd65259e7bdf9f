//! The caller's stream in SecureMode: what the agent may hear of it.
//!
//! A tone is recognised some 13 ms after it has begun, and a millisecond of it names the key. So each packet is held until
//! what follows it was heard, 20 ms or a packet, whichever is more; then what may be a tone in it is replaced, and it leaves.
//! Whoever calls holds the frames themselves, in places that are named here.
//!
//! | file | does |
//! |---|---|
//! | `order.rs` | sequence numbers: what is next, late, or there twice |
//! | `hear.rs` | listens to what is held, in order, and marks what may be a tone |
//! | `leave.rs` | what may leave, and what it leaves as |
//! | `cells.rs` | the marks of one packet |
//! | `codec.rs`, `ear.rs` | the codecs, and listening to them |
//! | `far_end.rs` | G.722: the state of the agent's decoder |

use core::time::Duration;

use arrayvec::ArrayVec;
use handover::{Counter, Flow, FlowMode, FormatKind, Instant, MaskKey, Rules};
use tap::Released;
use wire::rtp::Rtp;

use crate::carries::{Carries, Packet, clock_khz, wipe_beside};
use crate::stream::{Told, is_control};
use crate::{Captured, ChangeKind, Masked, MediaStream, silence, synthesis};

mod cells;
mod codec;
pub(crate) mod ear;
mod far_end;
mod hear;
mod leave;
mod order;

use cells::Cells;
pub(crate) use codec::Codec;
use ear::Ear;
use far_end::FarEnd;
pub use leave::Leaving;
use order::{Order, Place};

/// The most packets of one stream that are held: 20 ms in packets of 5 ms, and some that came before their turn.
pub const MOST_HELD: usize = 6;
/// What must have been heard beyond a packet before it leaves, in samples at 8 kHz.
const LOOK_AHEAD: u64 = 160;
/// The most samples of a tone that may have been heard without being known for one.
const TAIL: u64 = 120;
/// How much longer than that a packet waits for what follows it: as long as a packet is late that was overtaken by the next
/// one, and the jitter of an ordinary network.
const PATIENCE: Duration = Duration::from_millis(25);
/// An event whose last packet was so long ago is over, though its end was lost. They come every 50 ms at least (RFC 4733
/// section 2.5.1.2).
const EVENT_PAUSE: Duration = Duration::from_millis(150);
/// How long after an event its tone may still come in the audio: some gateways send a piece of it 240 ms late.
const AFTER_EVENT: Duration = Duration::from_millis(400);
/// By how much the hold of a stream that has left SecureMode shrinks with each packet, so that no phone hears it go.
const SHRINK: Duration = Duration::from_millis(2);
/// What sounds like a key for so long after SecureMode is none.
const LONGEST_LEAVE: Duration = Duration::from_secs(5);

/// The frames of held packets, by their places.
pub trait Frames {
    /// The whole UDP payload in a place.
    fn payload(&self, place: u8) -> &[u8];
}

/// What becomes of a packet that has arrived.
#[derive(Debug)]
pub enum Admission<'a> {
    /// It leaves now, after all that [`SecuredStream::next_leaving`] lets leave.
    Leave(Masked<'a>),
    /// Its frame is to be kept in this place until it is told to leave. Its payload may have been changed.
    Hold {
        /// Less than [`MOST_HELD`].
        place: u8,
    },
}

/// What is done with a packet, whatever its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Unchanged,
    Changed(ChangeKind),
    NotRtp,
    Drop(Counter),
}

impl Outcome {
    fn of(masked: &Masked<'_>) -> Self {
        match masked {
            Masked::Unchanged(_) => Outcome::Unchanged,
            Masked::Changed(_, kind) => Outcome::Changed(*kind),
            Masked::NotRtp => Outcome::NotRtp,
            Masked::Drop(reason) => Outcome::Drop(*reason),
        }
    }

    fn masked(self, payload: &[u8]) -> Masked<'_> {
        match self {
            Outcome::Unchanged => Masked::Unchanged(Released::by_masker(payload)),
            Outcome::Changed(kind) => Masked::Changed(Released::by_masker(payload), kind),
            Outcome::NotRtp => Masked::NotRtp,
            Outcome::Drop(reason) => Masked::Drop(reason),
        }
    }

    fn leave(self, payload: &[u8]) -> Admission<'_> {
        Admission::Leave(self.masked(payload))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Audio(Codec),
    /// Events, comfort noise and what passes unread; and what was done with it.
    Other(Outcome),
}

/// A held packet.
#[derive(Clone, Copy, Debug)]
struct Held {
    kind: Kind,
    place: u8,
    sequence: u16,
    timestamp: u32,
    /// Where the audio lies in the UDP payload.
    at: u16,
    len: u16,
    arrived: Instant,
    /// When it leaves, whatever is known of what follows.
    due: Instant,
    is_heard: bool,
    /// What follows it needs not be heard any more.
    is_settled: bool,
    /// The position of its first sample, and how many it has, at 8 kHz.
    start: u64,
    samples: u16,
    cells: Cells,
}

impl Held {
    fn end(&self) -> u64 {
        self.start + u64::from(self.samples)
    }

    fn is_audio(&self) -> bool {
        matches!(self.kind, Kind::Audio(_))
    }

    /// Nothing that follows is heard in time: its last samples, so many, may be a tone's first.
    fn silence_tail(&mut self, tail: u64) {
        if self.is_audio() && !self.is_settled {
            let samples = u64::from(self.samples);
            self.cells.silence(samples.saturating_sub(tail)..samples);
        }
        self.is_settled = true;
    }
}

/// A packet of audio that was heard.
#[derive(Clone, Copy, Debug)]
struct Last {
    codec: Codec,
    arrived: Instant,
    /// The timestamp at which the audio goes on.
    next: u32,
}

/// Stretches that may hold a tone, without a gap between them.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    /// Its first sample, and the one after its last, guards included.
    from: u64,
    until: u64,
    /// How loud it became, in dBm0.
    level: f32,
    /// It began while a mask tone may come back.
    after_tone: bool,
}

/// A stream that has left SecureMode, as long as a hold is left of it.
#[derive(Clone, Copy, Debug)]
struct Departure {
    since: Instant,
    hold: Duration,
    /// A key that was down when SecureMode ended may be down still.
    is_sounding: bool,
}

/// The state of a caller's stream in SecureMode. Of fixed size, without heap.
#[derive(Debug, Default)]
pub struct SecuredStream {
    events: MediaStream,
    order: Order,
    held: ArrayVec<Held, MOST_HELD>,
    ear: Ear,
    /// What was heard last.
    last: Option<Last>,
    /// What may be a tone, and may go on.
    run: Run,
    /// How loud the caller's first key was, in dBm0.
    caller_level: Option<f32>,
    /// After a loss: how many windows were clean, until it is two beside each other.
    unsure: Option<u8>,
    event_until: Instant,
    raised_until: Instant,
    /// When the agent was last sent a mask tone.
    sounded: Option<Instant>,
    /// A field's first key has been pressed, and the tenant wants silence until the last.
    keying: bool,
    mask_key: MaskKey,
    rules: Rules,
    departure: Option<Departure>,
    /// How long the last packet of audio was held.
    hold: Duration,
    far_end: FarEnd,
    is_unmaskable: bool,
}

impl SecuredStream {
    /// A stream of which nothing was seen.
    pub fn new() -> Self {
        SecuredStream::default()
    }

    /// Makes tables that would else be made while a packet waits.
    pub fn prepare() {
        synthesis::prepare();
    }

    /// Whether no more can be held: [`SecuredStream::hurry`] makes room.
    pub fn is_full(&self) -> bool {
        self.held.is_full()
    }

    /// When [`SecuredStream::next_leaving`] has something at the latest.
    pub fn due(&self) -> Option<Instant> {
        self.held.first().map(|head| head.due)
    }

    /// The first packet is to leave now.
    pub fn hurry(&mut self, now: Instant) {
        if let Some(head) = self.held.first_mut() {
            head.due = now;
        }
    }

    /// All that is held is to leave now.
    pub fn hurry_all(&mut self, now: Instant) {
        self.held.iter_mut().for_each(|held| held.due = now);
    }

    /// All that is held is to leave now, and silent: it can no longer be told what is in it.
    pub fn silence_all(&mut self, now: Instant) {
        for held in &mut self.held {
            held.cells.mute();
            (held.is_heard, held.is_settled, held.due) = (true, true, now);
        }
        self.far_end.lose();
    }

    /// Whether audio came whose tones cannot be masked: of another codec, or encrypted.
    pub fn is_unmaskable(&self) -> bool {
        self.is_unmaskable
    }

    /// Whether nothing of SecureMode is left in a stream that has left it: no hold, no key that is still down.
    pub fn has_left(&self, now: Instant) -> bool {
        self.departure.is_some_and(|departure| departure.hold.is_zero())
            && self.held.is_empty()
            && !self.events.is_open(now)
            && !self.far_end.is_apart()
    }

    /// Takes a packet of the stream: of a flow in SecureMode, or of one that has just left it. Events in it are masked at
    /// once, and reported.
    ///
    /// `payload` is the whole UDP payload, changed in place at the same length. Without `room` nothing is held, and its audio
    /// is silenced instead.
    pub fn admit<'a>(
        &mut self,
        now: Instant,
        flow: &Flow,
        payload: &'a mut [u8],
        room: bool,
        capture: &mut dyn FnMut(Captured),
    ) -> Admission<'a> {
        self.heed(now, flow);
        if matches!(flow.mode, FlowMode::Silence(_)) {
            self.silence_all(now);
            return Outcome::of(&self.events.mask(now, flow, payload, capture)).leave(payload);
        }
        if is_control(flow, payload) {
            return Outcome::NotRtp.leave(payload);
        }
        let Ok(rtp) = Rtp::new_checked(payload) else {
            return Outcome::of(&self.events.mask(now, flow, payload, capture)).leave(payload);
        };
        let packet = Packet::of(&rtp);
        let carries = Carries::of(flow, packet.payload_type, rtp.payload());
        let clock_khz = clock_khz(flow, packet.payload_type);
        let codec = match carries {
            Carries::Audio(kind) if !flow.encrypted => Codec::of(kind, clock_khz)
                .and_then(|codec| codec.samples(packet.range.len()).map(|samples| (codec, samples))),
            _ => None,
        };
        let place = self.order.place(packet.ssrc, packet.sequence);
        let place = match place {
            Place::Ahead(_) if self.held.iter().any(|held| held.is_awaited(packet.sequence)) => Place::Twice,
            place => place,
        };
        let Some((codec, samples)) = codec else {
            let outcome = self.other(now, flow, &packet, &carries, payload, capture);
            return self.admit_other(now, &packet, place, outcome, payload);
        };
        match place {
            // SecureMode has ended, and no key is down: what cannot take its turn is no concern any more.
            Place::Twice | Place::Late if self.departure.is_some_and(|departure| !departure.is_sounding) => {
                return Outcome::Unchanged.leave(payload);
            }
            Place::Twice if !self.order.is_stuck() => {
                return Outcome::Drop(Counter::DropSecuredDuplicate).leave(payload);
            }
            Place::Late => {
                if let Some(silence) = silence::byte_of(codec.kind())
                    && let Some(audio) = payload.get_mut(packet.range.clone())
                {
                    audio.fill(silence);
                }
                wipe_beside(payload, &packet.range);
                return Outcome::Changed(ChangeKind::Late).leave(payload);
            }
            Place::Twice | Place::Anew => self.begin_anew(now, packet.ssrc, packet.sequence),
            Place::Ahead(_) => {}
        }
        let hold = Duration::from_micros(u64::from(samples).max(LOOK_AHEAD) * 125);
        let due = match &mut self.departure {
            Some(departure) => now + departure.hold,
            None => now + hold + PATIENCE,
        };
        self.hold = hold;
        if self.departure.is_none() {
            // Nobody hears it here, but who ignores the padding bit does.
            packet.wipe_padding(payload);
        }
        let mut held = Held::new(&packet, Kind::Audio(codec), samples, now, due);
        if !room {
            held.cells.mute();
            held.due = now;
            self.hurry_all(now);
        }
        self.shrink(now);
        self.keep(held).map_or_else(
            || Outcome::Drop(Counter::DropSecuredUnreadable).leave(payload),
            |place| Admission::Hold { place },
        )
    }

    /// Takes note of the flow's mode and rules.
    fn heed(&mut self, now: Instant, flow: &Flow) {
        self.rules = flow.rules;
        self.keying &= flow.rules.is_field_open();
        match flow.mode {
            FlowMode::Mask(mask_key) | FlowMode::Silence(mask_key) => {
                self.mask_key = mask_key;
                self.departure = None;
            }
            FlowMode::Pass => {
                self.keying = false;
                let is_sounding = self.run.until >= self.ear.position() || now < self.event_until;
                if self.departure.is_none() {
                    self.departure = Some(Departure { since: now, hold: self.hold, is_sounding });
                    for held in &mut self.held {
                        held.due = held.due.min(held.arrived + self.hold);
                    }
                }
            }
        }
    }

    /// Lets the hold of a stream that has left SecureMode shrink, once no key is down.
    fn shrink(&mut self, now: Instant) {
        if let Some(departure) = &mut self.departure {
            departure.is_sounding &= now.since(departure.since) <= LONGEST_LEAVE;
            if departure.is_sounding {
                return;
            }
            departure.hold = departure.hold.saturating_sub(SHRINK);
        }
    }

    /// What becomes of a packet that holds no audio that could be masked.
    fn other(
        &mut self,
        now: Instant,
        flow: &Flow,
        packet: &Packet,
        carries: &Carries,
        payload: &mut [u8],
        capture: &mut dyn FnMut(Captured),
    ) -> Outcome {
        if flow.mode == FlowMode::Pass {
            let finished = self.events.finish(now, flow, self.mask_key, payload);
            return finished.map_or(Outcome::Unchanged, |masked| Outcome::of(&masked));
        }
        let is_audio = matches!(carries, Carries::Audio(kind) if *kind != FormatKind::ComfortNoise)
            && !packet.range.is_empty();
        self.is_unmaskable |= is_audio || flow.encrypted;
        if (is_audio || flow.encrypted) && flow.rules.passes_unmaskable() {
            return Outcome::Unchanged;
        }
        if is_audio && !flow.encrypted {
            return Outcome::Drop(Counter::DropSecuredUnmaskable);
        }
        let mut told = Told::default();
        let outcome = Outcome::of(&self.events.mask_telling(now, flow, payload, &mut told, capture));
        if told.key {
            self.hear_event(now, told.ended);
        }
        // Redundancy may carry audio beside events; nobody listens to that.
        let is_beside_audio = matches!(carries, Carries::Events(regions) if regions.beside_audio);
        if is_beside_audio && !flow.rules.passes_unmaskable() {
            return Outcome::Drop(Counter::DropSecuredUnmaskable);
        }
        let is_noise = matches!(carries, Carries::Audio(FormatKind::ComfortNoise));
        let noise = payload.get_mut(packet.range.clone()).filter(|_| is_noise);
        if noise.is_some_and(silence::whiten) && outcome == Outcome::Unchanged {
            return Outcome::Changed(ChangeKind::Silence);
        }
        outcome
    }

    /// A key was told of by an event: its tone may be in the audio that is held, and in what comes.
    fn hear_event(&mut self, now: Instant, ended: bool) {
        self.event_until = if ended { now } else { now + EVENT_PAUSE };
        self.raised_until = self.event_until + AFTER_EVENT;
        for held in self.held.iter_mut().filter(|held| held.is_audio()) {
            held.cells.sound(0..u64::from(held.samples));
            held.is_settled = true;
        }
        self.key_pressed();
    }

    fn key_pressed(&mut self) {
        if self.rules.is_silent_while_keying() && self.rules.is_field_open() {
            self.keying = true;
            self.held.iter_mut().for_each(|held| held.cells.mute());
        }
    }

    /// A packet without audio leaves in its turn: behind audio that is held.
    fn admit_other<'a>(
        &mut self,
        now: Instant,
        packet: &Packet,
        place: Place,
        outcome: Outcome,
        payload: &'a mut [u8],
    ) -> Admission<'a> {
        let leaves = matches!(outcome, Outcome::Unchanged | Outcome::Changed(_));
        match place {
            Place::Anew => self.begin_anew(now, packet.ssrc, packet.sequence),
            Place::Twice | Place::Late => return outcome.leave(payload),
            Place::Ahead(_) => {}
        }
        if leaves && !self.held.is_empty() {
            let mut due = now + Duration::from_micros(LOOK_AHEAD * 125) + PATIENCE;
            if let Some(departure) = self.departure {
                due = now + departure.hold;
            }
            let held = Held::new(packet, Kind::Other(outcome), 0, now, due);
            if let Some(place) = self.keep(held) {
                return Admission::Hold { place };
            }
        }
        if self.held.is_empty() && self.order.next() != packet.sequence && self.departure.is_none() {
            self.unsure = Some(0);
        }
        if self.held.is_empty() {
            self.order.heard(packet.sequence);
        }
        outcome.leave(payload)
    }

    /// Another source, or one that numbers anew: what is held ends here.
    fn begin_anew(&mut self, now: Instant, ssrc: u32, sequence: u16) {
        let is_secured = self.departure.is_none();
        if is_secured {
            let heard = self.held.iter().position(|held| !held.is_heard);
            self.settle_before(heard.unwrap_or(self.held.len()));
        }
        for held in &mut self.held {
            if !held.is_heard && is_secured {
                held.cells.mute();
            }
            (held.is_heard, held.due) = (true, now);
        }
        if is_secured {
            // Of a stream that begins in the midst of a tone the rest may be too short to be known.
            self.unsure = Some(0);
        }
        self.ear.skip(0, &mut |_| {});
        self.last = None;
        self.order = Order::beginning(ssrc, sequence);
    }

    /// Puts a packet into its turn. Its place, if there is one.
    fn keep(&mut self, mut held: Held) -> Option<u8> {
        let taken = self.held.iter().fold(0u8, |taken, held| taken | 1 << held.place);
        held.place = taken.trailing_ones() as u8;
        let is_behind = |other: &Held| !other.is_heard && order::is_after(other.sequence, held.sequence);
        let turn = self.held.iter().rposition(|other| !is_behind(other)).map_or(0, |before| before + 1);
        let place = held.place;
        self.held.try_insert(turn, held).ok().map(|()| place)
    }
}

impl Held {
    fn new(packet: &Packet, kind: Kind, samples: u16, now: Instant, due: Instant) -> Self {
        Held {
            kind,
            place: 0,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            at: packet.range.start as u16,
            len: packet.range.len() as u16,
            arrived: now,
            due,
            is_heard: false,
            is_settled: false,
            start: 0,
            samples,
            cells: Cells::default(),
        }
    }

    /// Whether it is the packet of that number, which came before its turn.
    fn is_awaited(&self, sequence: u16) -> bool {
        !self.is_heard && self.sequence == sequence
    }
}
