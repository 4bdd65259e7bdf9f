//! What goes over the wire: frames with their times.

use core::time::Duration;

use handover::{Instant, Side};
use replay::capture::Writer;

/// What a frame has to do with keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Carries {
    /// No key of the cardholder: it must leave bit for bit.
    Nothing,
    /// Keys of the cardholder: it must be masked, the n-th press of the scene first among them.
    Keys {
        /// The index of the first press it carries.
        first: usize,
        /// How many it carries.
        many: usize,
    },
}

/// What a frame is to its sender, which decides what a faulty wire does to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A message that sets up or ends a call. Its sender repeats it until it is through.
    Setup,
    /// A SIP request with keys; if it is lost, it is sent again after 500 ms (RFC 3261 section 17.1.2.1).
    Request,
    /// Media: lost is lost.
    Media,
    /// A fragment of a larger packet.
    Fragment,
}

/// A frame on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// When.
    pub time: Instant,
    /// From which side.
    pub from: Side,
    /// The frame.
    pub frame: Vec<u8>,
    /// What it has to do with keys.
    pub carries: Carries,
    /// What it is to its sender.
    pub kind: Kind,
}

/// Traffic in the making. Time passes only when it is told to.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The time now.
    pub now: Instant,
    /// All frames so far.
    pub sent: Vec<Sent>,
    /// The keys that the cardholder pressed, in order, each once.
    pub pressed: Vec<u8>,
    identification: u16,
}

impl Default for Scene {
    fn default() -> Self {
        Scene {
            now: Instant::from_nanos(1_700_000_000_000_000_000),
            sent: Vec::new(),
            pressed: Vec::new(),
            identification: 0x4b00,
        }
    }
}

impl Scene {
    /// Lets time pass.
    pub fn pass(&mut self, milliseconds: u64) {
        self.now = self.now + Duration::from_millis(milliseconds);
    }

    /// An IPv4 identification not used before.
    pub fn identification(&mut self) -> u16 {
        self.identification = self.identification.wrapping_add(1);
        self.identification
    }

    /// Sends a frame now.
    pub fn send(&mut self, from: Side, kind: Kind, carries: Carries, frame: Vec<u8>) {
        self.send_at(self.now, from, kind, carries, frame);
    }

    /// Sends a frame at its own time.
    pub fn send_at(&mut self, time: Instant, from: Side, kind: Kind, carries: Carries, frame: Vec<u8>) {
        self.sent.push(Sent { time, from, frame, carries, kind });
    }

    /// Notes that the cardholder pressed these keys; gives what a frame that carries them is marked with.
    pub fn note_pressed(&mut self, keys: &[u8]) -> Carries {
        let first = self.pressed.len();
        self.pressed.extend(keys);
        Carries::Keys { first, many: keys.len() }
    }

    /// The frames in the order of their times; those of one time in the order in which they were sent.
    pub fn in_order(&self) -> Vec<Sent> {
        let mut sent = self.sent.clone();
        sent.sort_by_key(|sent| sent.time);
        sent
    }
}

/// A capture of these frames.
pub fn capture(sent: &[Sent]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).expect("memory");
    for Sent { time, frame, .. } in sent {
        writer.write(*time, frame, frame.len() as u32).expect("memory");
    }
    writer.finish().expect("memory")
}
