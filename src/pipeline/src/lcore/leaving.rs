//! What leaves, told to the recorder and to the counters; and keys, to the control core.

use handover::{Counter, Counters, Flow, Instant, Press};
use mask::{Captured, ChangeKind, Masked};
use secret::Pad;
use tap::Released;

use super::Verdict;
use crate::outputs::{Outputs, Tapped};

/// What became of a packet that the masker let go.
pub(super) struct Left {
    pub(super) verdict: Verdict,
    pub(super) reason: Counter,
    pub(super) is_changed: bool,
}

/// Where a packet that leaves comes from.
#[derive(Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) flow: &'a Flow,
    /// When it came, and whether the call was in SecureMode then.
    pub(super) arrived: Instant,
    pub(super) is_secured: bool,
}

impl Origin<'_> {
    /// Hands the recorder what leaves. What is encrypted would be noise to it.
    fn tap<B>(self, released: Released<'_>, counters: &Counters, out: &mut impl Outputs<B>) {
        let Origin { flow, arrived, is_secured } = self;
        if !flow.rules.is_recorded() {
            return;
        }
        if flow.encrypted {
            return counters.count(Counter::TapEncrypted);
        }
        let tapped = out.tap(&Tapped { flow, arrived, is_secured, released });
        counters.count(if tapped.is_ok() { Counter::Tapped } else { Counter::TapLost });
    }
}

/// Hands the recorder a packet of a flow that is recorded and not in SecureMode.
#[inline(never)]
pub(super) fn tap_passing<B>(
    origin: Origin<'_>,
    payload: &[u8],
    counters: &Counters,
    out: &mut impl Outputs<B>,
) {
    match mask::passing(origin.flow, payload) {
        Some(released) => origin.tap(released, counters, out),
        None if origin.flow.encrypted => counters.count(Counter::TapEncrypted),
        None => {}
    }
}

/// Hands the recorder what leaves, and says how it is counted.
pub(super) fn tell_leaving<B>(
    masked: &Masked<'_>,
    origin: Origin<'_>,
    counters: &Counters,
    out: &mut impl Outputs<B>,
) -> Left {
    let forward = |reason, is_changed| Left { verdict: Verdict::Forward, reason, is_changed };
    match masked {
        Masked::Unchanged(released) => {
            origin.tap(*released, counters, out);
            let is_secured = origin.flow.mode.is_secured();
            forward(if is_secured { Counter::PassSecuredAudio } else { Counter::PassMedia }, false)
        }
        Masked::NotRtp => forward(Counter::PassNotRtp, false),
        Masked::Changed(released, kind) => {
            origin.tap(*released, counters, out);
            let reason = match kind {
                ChangeKind::Event => Counter::MaskedEvent,
                ChangeKind::Silence => Counter::Silenced,
                ChangeKind::Tone => Counter::MaskedTone,
                ChangeKind::Late => Counter::SilencedLate,
            };
            forward(reason, true)
        }
        Masked::Drop(reason) => Left { verdict: Verdict::Discard, reason: *reason, is_changed: false },
    }
}

/// Seals a captured key and hands it to the control core.
pub(super) fn report<B>(
    captured: Captured,
    flow: &Flow,
    pad: &Pad,
    counters: &Counters,
    out: &mut impl Outputs<B>,
) {
    let press = Press {
        call: flow.call,
        transport: captured.transport,
        from: flow.key.from,
        digit: pad.seal(&captured.digit),
        onset: captured.onset,
        level: captured.level,
    };
    counters.count(if out.press(press).is_ok() { Counter::Presses } else { Counter::PressesLost });
}
