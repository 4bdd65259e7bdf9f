//! The bounds of every table, and the times after which things are forgotten.

use core::time::Duration;

use handover::MaskKey;

/// How much is followed, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls in the table. When it is full the longest idle call that is neither secured nor has media goes; where
    /// there is none, the new one is not followed ([`handover::Counter::CallsFull`]).
    pub calls: usize,
    /// Legs of one call. When they are full, ended ones go first; else the new one is not followed
    /// ([`handover::Counter::LegsFull`]).
    pub legs_per_call: usize,
    /// Announced destinations of one call. When they are full, the one that was superseded first goes, but never what
    /// an offer that may still be refused superseded; else the new one is not followed
    /// ([`handover::Counter::FlowsFull`]).
    pub flows_per_call: usize,
    /// Destinations learned from where RTP came from, of one leg. The first half stays; of the others the one goes
    /// that was seen longest ago. In SecureMode none goes that was learned before it, and of the others the newest.
    pub learned_per_leg: usize,
    /// Flows of all calls. The last sixteenth is kept for calls in SecureMode.
    pub flows: usize,
    /// How long a call without session timer (RFC 4028) is followed without SIP and media.
    pub idle: Duration,
    /// The same for a call that nobody has answered yet; longer than timer C (RFC 3261 section 16.6).
    pub unanswered: Duration,
    /// How long a call's flows stay after its end, for the media still in flight.
    pub linger: Duration,
    /// How long after its last media a call counts as having media.
    pub media: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            calls: 16_384,
            legs_per_call: 8,
            flows_per_call: 32,
            learned_per_leg: 8,
            flows: 131_072,
            idle: Duration::from_secs(3600),
            unanswered: Duration::from_secs(300),
            linger: Duration::from_secs(5),
            media: Duration::from_secs(60),
        }
    }
}

/// Whether calls begin in SecureMode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SecureDefault {
    /// They do not.
    #[default]
    Never,
    /// All do, with this mask key: for replays.
    Always(MaskKey),
}
