//! What leaves, told to the recorder and to the counters; and keys, to the control core.

use handover::{Counter, Counters, Flow, Press};
use mask::{Captured, ChangeKind, Masked};
use secret::Pad;

use super::Verdict;
use crate::outputs::Outputs;

/// What became of a packet that the masker let go.
pub(super) struct Left {
    pub(super) verdict: Verdict,
    pub(super) reason: Counter,
    pub(super) is_changed: bool,
}

/// Shows the recorder what leaves, and says how it is counted.
pub(super) fn tell_leaving<B>(masked: &Masked<'_>, flow: &Flow, out: &mut impl Outputs<B>) -> Left {
    let forward = |reason, is_changed| Left { verdict: Verdict::Forward, reason, is_changed };
    match masked {
        Masked::Unchanged(released) => {
            out.tap(flow, released);
            let is_secured = flow.mode.is_secured();
            forward(if is_secured { Counter::PassSecuredAudio } else { Counter::PassMedia }, false)
        }
        Masked::NotRtp => forward(Counter::PassNotRtp, false),
        Masked::Changed(released, kind) => {
            out.tap(flow, released);
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
