//! One RTP stream of a channel: from sequence numbers and timestamps to places on the wall clock.

use super::{DOUBT, SEQUENCES, TICKS, WINDOW};

/// How far a stream's clock and the wall clock may differ before the stream is moved: 40 ms.
const MOST_OFF: i64 = 40 * TICKS / 1000;
/// How long every packet must be late until it is not the network that is: 1 s, at least.
const WATCH: i64 = TICKS;
/// And how many packets at least: one alone may have been held up.
const WATCHED: u32 = 10;
/// Packets that come closer than 5 ms were held up together.
const APART: i64 = 5 * TICKS / 1000;

/// Which stream: a source, and what its timestamps count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct StreamId {
    pub(super) ssrc: u32,
    pub(super) clock: u32,
}

/// Where a packet belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// It starts here.
    At(i64),
    /// It starts here, and the stream had to be moved by so much for it.
    Moved(i64, i64),
    /// Its timestamp cannot be, unless those after it say the same. Those that were doubted before are refuted.
    Doubtful,
    /// As those before it, which are doubtful still.
    AlsoDoubtful,
    /// The doubtful ones were right, and this one with them: [`Stream::at`] tells their places.
    Right,
}

/// Whether a sequence number tells something new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Novelty {
    New,
    Again,
    /// Older than is remembered.
    Old,
    /// Older than is remembered, and it follows another such: the source began again.
    Restarted,
}

/// One stream. All places are in sixteen-thousandths of a second since the recording began.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    /// Counts the streams, so that packets of one can be told from those of another.
    pub(super) serial: u32,
    /// A timestamp and its place.
    anchor: (i64, i64),
    newest_timestamp: i64,
    newest_sequence: i64,
    seen: Seen,
    /// The least delay of the last watches, and when the running one ends.
    least: [i64; 2],
    watch_ends: i64,
    /// Packets in it, those that came in a burst for one, and when the last of them came.
    watched: u32,
    watched_at: i64,
    /// The first of the doubtful packets: timestamp and arrival; and how many there were.
    doubt: Option<(i64, i64)>,
    doubtful: usize,
    /// The sequence number that would follow one that was too old.
    after_old: Option<u16>,
    /// When it was last heard.
    pub(super) last_heard: i64,
}

impl Stream {
    pub(super) fn new(id: StreamId, serial: u32, sequence: u16, timestamp: u32, arrived: i64) -> Self {
        // Room below, so that what was sent before the first that came has a number too.
        let (timestamp, sequence) = (i64::from(timestamp) + (1 << 32), i64::from(sequence) + (1 << 16));
        Stream {
            id,
            serial,
            anchor: (timestamp, even(arrived)),
            newest_timestamp: timestamp,
            newest_sequence: sequence,
            seen: Seen::new(sequence),
            least: [i64::MAX; 2],
            watch_ends: arrived + WATCH,
            watched: 0,
            watched_at: arrived - APART,
            doubt: None,
            doubtful: 0,
            after_old: None,
            last_heard: arrived,
        }
    }

    /// The sequence number without its wrapping.
    pub(super) fn sequence(&self, sequence: u16) -> i64 {
        let ahead = sequence.wrapping_sub(self.newest_sequence as u16) as i16;
        self.newest_sequence + i64::from(ahead)
    }

    /// Whether a sequence number is among the last that came, or soon after them.
    pub(super) fn is_near(&self, sequence: u16) -> bool {
        (self.sequence(sequence) - self.newest_sequence).abs() < SEQUENCES as i64
    }

    /// Notes that a packet came.
    pub(super) fn note(&mut self, sequence: i64, arrived: i64) -> Novelty {
        self.last_heard = self.last_heard.max(arrived);
        if self.newest_sequence - sequence >= SEQUENCES as i64 {
            let has_followed = self.after_old == Some(sequence as u16);
            self.after_old = Some((sequence as u16).wrapping_add(1));
            return if has_followed { Novelty::Restarted } else { Novelty::Old };
        }
        self.newest_sequence = self.newest_sequence.max(sequence);
        if self.seen.note(sequence) { Novelty::New } else { Novelty::Again }
    }

    /// Whether every packet between two came.
    pub(super) fn is_whole_between(&self, one: i64, other: i64) -> bool {
        (one + 1..other).all(|sequence| self.seen.has(sequence))
    }

    /// Where a packet of audio belongs.
    pub(super) fn place(&mut self, timestamp: u32, arrived: i64) -> Place {
        let timestamp = self.timestamp(timestamp);
        let late = arrived - self.at(timestamp);
        if late.abs() > WINDOW {
            return self.doubt(timestamp, arrived);
        }
        self.doubtful = 0;
        self.newest_timestamp = self.newest_timestamp.max(timestamp);
        let before = self.at(timestamp);
        self.watch(timestamp, arrived, late);
        match self.at(timestamp) {
            at if at == before => Place::At(at),
            at => Place::Moved(at, at - before),
        }
    }

    /// The timestamp without its wrapping.
    pub(super) fn timestamp(&self, timestamp: u32) -> i64 {
        let ahead = timestamp.wrapping_sub(self.newest_timestamp as u32) as i32;
        self.newest_timestamp + i64::from(ahead)
    }

    /// Moves the stream where it is ahead of the wall clock, which no network does, or behind for long, which is not jitter.
    fn watch(&mut self, timestamp: i64, arrived: i64, late: i64) {
        if late < -MOST_OFF {
            return self.move_to(timestamp, arrived);
        }
        if arrived >= self.watch_ends && self.watched >= WATCHED {
            self.least = [late, self.least[0]];
            self.watch_ends = arrived + WATCH;
            self.watched = 0;
        }
        if arrived - self.watched_at >= APART {
            self.watched += 1;
            self.watched_at = arrived;
        }
        self.least[0] = self.least[0].min(late);
        // With a whole watch before this one, it is the least of all packets of a second and more.
        let least = self.least[0].min(self.least[1]);
        if self.least[1] != i64::MAX && least > MOST_OFF {
            self.move_to(timestamp, arrived - (late - least));
        }
    }

    /// Timestamps far from the wall clock: a stray packet, a burst after a stall, whose audio is too late to be placed, or a clock that
    /// jumped or stood still. It is the last if several in a row come as fast as their timestamps say.
    fn doubt(&mut self, timestamp: i64, arrived: i64) -> Place {
        let is_like = |(first, then): (i64, i64)| {
            let (told, taken) = (self.ticks(timestamp - first), arrived - then);
            told > 0 && (taken - told).abs() <= MOST_OFF && taken > told / 2
        };
        let Some((first, then)) = self.doubt.filter(|doubt| self.doubtful > 0 && is_like(*doubt)) else {
            self.doubt = Some((timestamp, arrived));
            self.doubtful = 1;
            return Place::Doubtful;
        };
        self.doubtful += 1;
        if self.doubtful < DOUBT && arrived - then <= MOST_OFF {
            return Place::AlsoDoubtful;
        }
        self.doubtful = 0;
        self.newest_timestamp = timestamp;
        self.move_to(first, then);
        Place::Right
    }

    fn move_to(&mut self, timestamp: i64, at: i64) {
        self.anchor = (timestamp, even(at));
        self.least = [i64::MAX; 2];
        self.watch_ends = at + WATCH;
        self.watched = 0;
    }

    /// The place of a timestamp.
    pub(super) fn at(&self, timestamp: i64) -> i64 {
        self.anchor.1 + self.ticks(timestamp - self.anchor.0)
    }

    fn ticks(&self, timestamps: i64) -> i64 {
        timestamps * TICKS / i64::from(self.id.clock.max(1))
    }
}

/// Samples at 8 kHz begin at even places.
fn even(at: i64) -> i64 {
    at & !1
}

/// Which of the last [`SEQUENCES`] packets came.
#[derive(Clone, Debug)]
struct Seen {
    newest: i64,
    bits: [u64; SEQUENCES / 64],
}

impl Seen {
    fn new(sequence: i64) -> Self {
        Seen { newest: sequence, bits: [0; SEQUENCES / 64] }
    }

    fn bit(sequence: i64) -> (usize, u64) {
        let at = sequence.rem_euclid(SEQUENCES as i64) as usize;
        (at / 64, 1 << (at % 64))
    }

    fn has(&self, sequence: i64) -> bool {
        let (word, bit) = Seen::bit(sequence);
        let is_near = sequence <= self.newest && self.newest - sequence < SEQUENCES as i64;
        is_near && self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn note(&mut self, sequence: i64) -> bool {
        if self.has(sequence) {
            return false;
        }
        if sequence - self.newest >= SEQUENCES as i64 {
            self.bits = [0; SEQUENCES / 64];
        } else {
            for between in self.newest + 1..sequence {
                let (word, bit) = Seen::bit(between);
                self.bits[word] &= !bit;
            }
        }
        let (word, bit) = Seen::bit(sequence);
        self.bits[word] |= bit;
        self.newest = self.newest.max(sequence);
        true
    }
}
