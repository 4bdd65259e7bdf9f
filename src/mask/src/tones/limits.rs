//! What is asked of a window and of a press. `docs/performance.md` has what these figures come to.

use std::sync::LazyLock;

use lanes::dtmf::radians_a_hop;

/// The square of the amplitude of a sinusoid of 0 dBm0, in samples of 14 bits: ITU-T G.711 puts the largest sinusoid of
/// A-law at 3.14 dBm0.
const ZERO_DBM0: f32 = 8192.0 * 8192.0 / 2.060_63;

/// How eagerly masking takes something for a tone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Vigilance {
    /// No key is awaited.
    #[default]
    Ordinary,
    /// A field is open, or an event has just told of a key: more speech is masked for its likeness to a tone.
    Raised,
}

/// What a window must be like. Levels are squares of amplitudes, and their quotients are of powers.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowLimits {
    /// The part of the energy that the best pair must explain.
    pub(super) explained: f32,
    /// The least level of the weaker frequency.
    pub(super) level: f32,
    /// The most that the high frequency may be over the low one.
    pub(super) high_over_low: f32,
    /// The same the other way.
    pub(super) low_over_high: f32,
}

/// A window that is not even like this is nothing to anyone.
pub(super) const LEAST: WindowLimits = MASKING_RAISED.again;

/// A press must be made of windows like these: −47 dBm0, and twists of −12.5 and +11 dB. Q.24 table A-1 asks for twists of
/// −8 and +4 dB, 10 in Australia, and for levels down to −25 dBm a frequency, −29 in Australia.
pub(super) const CAPTURE: WindowLimits =
    WindowLimits { explained: 0.60, level: ZERO_DBM0 * 2.0e-5, high_over_low: 12.6, low_over_high: 17.8 };

/// What two windows beside each other must be like to be masked: one window, 10 ms long, tells little of frequencies, but from
/// one to the next a tone keeps its amplitude and turns as its frequency says.
#[derive(Clone, Copy, Debug)]
pub(super) struct MaskingLimits {
    /// Both windows.
    pub(super) window: WindowLimits,
    /// Both windows, when something that may be a tone was heard just before.
    pub(super) again: WindowLimits,
    /// The most by which a frequency may be off, as a part of it.
    pub(super) off: f32,
    /// The most by which the power of a frequency may change.
    pub(super) change: f32,
}

/// −48 dBm0 and a twist of 14 dB.
const MASKED: WindowLimits =
    WindowLimits { explained: 0.65, level: ZERO_DBM0 * 1.58e-5, high_over_low: 25.1, low_over_high: 25.1 };

const MASKING: MaskingLimits = MaskingLimits {
    window: MASKED,
    again: WindowLimits { explained: 0.60, ..MASKED },
    off: 0.030,
    change: 2.0,
};

/// A twist of 17 dB: what is beside the tone may be as loud.
const MASKED_RAISED: WindowLimits =
    WindowLimits { explained: 0.45, high_over_low: 50.0, low_over_high: 50.0, ..MASKED };

const MASKING_RAISED: MaskingLimits = MaskingLimits {
    window: MASKED_RAISED,
    again: WindowLimits { explained: 0.40, ..MASKED_RAISED },
    off: 0.035,
    change: 2.5,
};

impl Vigilance {
    /// Samples before and after a suspect window that are masked too: the tone may have begun where no two windows held
    /// enough of it, and may end so.
    pub const fn guard(self) -> u64 {
        match self {
            Vigilance::Ordinary => 120,
            Vigilance::Raised => 160,
        }
    }

    pub(super) const fn limits(self) -> &'static MaskingLimits {
        match self {
            Vigilance::Ordinary => &MASKING,
            Vigilance::Raised => &MASKING_RAISED,
        }
    }

    /// The tangents of the angles by which a pair's frequencies may be off, from one window to the next.
    pub(super) fn tangents(self, pair: u8) -> [f32; 2] {
        static TANGENTS: LazyLock<[[[f32; 2]; 16]; 2]> = LazyLock::new(|| {
            [Vigilance::Ordinary, Vigilance::Raised].map(|vigilance| {
                let tangent = |radians: f32| (vigilance.limits().off * radians).tan();
                core::array::from_fn(|pair| radians_a_hop(pair as u8).map(tangent))
            })
        });
        TANGENTS[self as usize][usize::from(pair & 15)]
    }
}

/// The level of a sinusoid, in dBm0, from the square of its amplitude.
pub(super) fn dbm0(power: f32) -> f32 {
    10.0 * (power / ZERO_DBM0).max(1e-9).log10()
}

/// What a press must be like.
pub(super) mod press {
    /// Windows from the first with the key to the last: 10 take a tone of 28 ms.
    pub(crate) const LENGTH: u64 = 10;
    /// As many of them must hold the key: a click may drown the others.
    pub(crate) const WINDOWS: u16 = 6;
    /// As many, where there is noise beside the tone all the time: 34 ms.
    pub(crate) const WINDOWS_IN_NOISE: u16 = 13;
    /// The part of the energy that is the tone's, on average, where there is nothing beside it.
    pub(crate) const PURE: f32 = 0.92;
    /// The least such part: that in noise 7 dB below.
    pub(crate) const LEAST_PURE: f32 = 0.82;
    /// Windows without it that end a press: a gap of 10 ms, or 20, does not, one of 30 ms does (Q.24 section 3.6).
    pub(crate) const GAP: u8 = 11;
    /// Windows of another key that end a press at once.
    pub(crate) const OTHER: u8 = 3;
    /// The most by which a frequency may be off, as a part of it: beyond NTT's and Brazil's 1.8 %, within Q.24's 3.5 %.
    pub(crate) const OFF: f32 = 0.022;
    /// How much of a tone's length its windows' phases must keep when they are added up.
    pub(crate) const COHERENCE: f32 = 0.98;
}
