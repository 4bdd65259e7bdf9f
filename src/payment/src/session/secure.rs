//! SecureMode as a session knows it: asked for, in force, ending, lost. One struct a state; each consumes the one before.

use core::time::Duration;

use handover::{CallHandle, Instant};

use super::Output;

/// What the page's icon shows. It is on only while every lcore has acknowledged and nothing was lost since (DESIGN section 4,
/// invariant 4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Icon {
    /// Keys are not masked, or nobody knows yet.
    Off,
    /// SecureMode is asked for and not acknowledged.
    Awaited,
    /// Keys are masked.
    On,
    /// Stop: it was lost.
    Stop,
}

/// Why SecureMode was lost, or not had.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Lost {
    /// No lcore's, or not every lcore's, heartbeat.
    Heartbeat,
    /// No media on the secured flow.
    Media,
    /// Somebody forced it off.
    ForcedOff,
}

/// How long what takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecureTimes {
    /// Without keys before SecureMode ends.
    pub guard: Duration,
    /// The longest that it is in force before fields are closed.
    pub longest: Duration,
    /// Until every lcore must have acknowledged.
    pub acknowledged_within: Duration,
}

impl Default for SecureTimes {
    fn default() -> Self {
        SecureTimes {
            guard: Duration::from_secs(3),
            longest: Duration::from_secs(600),
            acknowledged_within: Duration::from_secs(2),
        }
    }
}

#[derive(Debug)]
pub(super) enum Secure {
    Off,
    Asked(Asked),
    InForce(InForce),
    Guarding(Guarding),
    Gone(Gone),
}

/// Asked for; some calls may have acknowledged.
#[derive(Debug)]
pub(super) struct Asked {
    token: u64,
    until: Instant,
    /// Each call, and whether every lcore has it.
    calls: Vec<(CallHandle, bool)>,
}

/// Acknowledged for every call.
#[derive(Debug)]
pub(super) struct InForce {
    token: u64,
    since: Instant,
    calls: Vec<CallHandle>,
}

/// It ends once no key came for the guard time.
#[derive(Debug)]
pub(super) struct Guarding {
    quiet_since: Instant,
    icon: Icon,
    token: u64,
    calls: Vec<CallHandle>,
}

/// Lost while it was in force. Keys that nobody sees may still be pressed, so it does not end of itself before its longest time.
#[derive(Debug)]
pub(super) struct Gone {
    since: Instant,
    token: u64,
    calls: Vec<CallHandle>,
}

/// What a deadline means for the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Nothing,
    NotAcknowledged,
    TooLong,
}

impl Secure {
    /// SecureMode is wanted for these calls, now. Where it is in force for them already, it stays.
    pub(super) fn enter(
        self,
        now: Instant,
        calls: &[CallHandle],
        token: &mut u64,
        times: &SecureTimes,
        out: &mut Vec<Output>,
    ) -> Self {
        match self {
            Secure::InForce(state) if state.calls == calls => return Secure::InForce(state),
            Secure::Asked(state) if state.calls.iter().map(|(call, _)| call).eq(calls) => {
                return Secure::Asked(state);
            }
            Secure::Guarding(state) if state.icon == Icon::On && state.calls == calls => {
                return Secure::InForce(InForce { token: state.token, since: now, calls: state.calls });
            }
            _ => {}
        }
        // A call that is secured and no longer ours has ended: nobody listens to it.
        for call in self.calls().into_iter().filter(|call| !calls.contains(call)) {
            out.push(Output::SecureOff { call });
        }
        *token += 1;
        out.extend(calls.iter().map(|call| Output::SecureOn { call: *call, token: *token }));
        let calls = calls.iter().map(|call| (*call, false)).collect();
        Secure::Asked(Asked { token: *token, until: now + times.acknowledged_within, calls })
    }

    /// SecureMode is wanted no longer: it ends after the guard time.
    pub(super) fn leave(self, now: Instant) -> Self {
        let icon = match &self {
            Secure::Off | Secure::Asked(_) => Icon::Off,
            Secure::InForce(_) => Icon::On,
            Secure::Gone(_) => Icon::Stop,
            Secure::Guarding(_) => return self,
        };
        let (calls, token) = (self.calls(), self.token());
        if calls.is_empty() {
            return Secure::Off;
        }
        Secure::Guarding(Guarding { quiet_since: now, icon, token, calls })
    }

    /// The calls have ended: nothing is shown of them any more, and keys that come late are masked all the same.
    pub(super) fn hung_up(self, now: Instant) -> Self {
        match self.leave(now) {
            Secure::Guarding(state) => Secure::Guarding(Guarding { icon: Icon::Off, ..state }),
            other => other,
        }
    }

    /// Every lcore has acknowledged for this call. `true` when that makes it so for all.
    pub(super) fn acknowledged(&mut self, now: Instant, call: CallHandle, token: u64) -> bool {
        let Secure::Asked(asked) = self else { return false };
        if asked.token != token {
            return false;
        }
        for (_, acknowledged) in asked.calls.iter_mut().filter(|(asked, _)| *asked == call) {
            *acknowledged = true;
        }
        if !asked.calls.iter().all(|(_, acknowledged)| *acknowledged) {
            return false;
        }
        let calls = asked.calls.iter().map(|(call, _)| *call).collect();
        *self = Secure::InForce(InForce { token, since: now, calls });
        true
    }

    /// It was lost. What it means for the session is told by whether a field was open.
    pub(super) fn lose(self, now: Instant) -> Self {
        match self {
            Secure::InForce(InForce { token, since, calls }) => Secure::Gone(Gone { since, token, calls }),
            Secure::Guarding(state) if state.icon == Icon::On => {
                Secure::Guarding(Guarding { icon: Icon::Stop, ..state })
            }
            Secure::Asked(asked) => {
                let calls = asked.calls.into_iter().map(|(call, _)| call).collect();
                Secure::Gone(Gone { since: now, token: asked.token, calls })
            }
            other => other,
        }
    }

    /// Somebody ended it for a call: it is as if it had ended for all, and the others are let go after the guard time.
    pub(super) fn forced_off(self, now: Instant, call: CallHandle) -> Self {
        let rest: Vec<CallHandle> = self.calls().into_iter().filter(|other| *other != call).collect();
        if rest.is_empty() {
            return Secure::Off;
        }
        Secure::Guarding(Guarding { quiet_since: now, icon: Icon::Stop, token: self.token(), calls: rest })
    }

    /// A key came from the caller.
    pub(super) fn key(&mut self, now: Instant) {
        if let Secure::Guarding(state) = self {
            state.quiet_since = state.quiet_since.max(now);
        }
    }

    /// What a deadline brings.
    pub(super) fn tick(self, now: Instant, times: &SecureTimes, out: &mut Vec<Output>) -> (Self, Due) {
        let is_due = self.deadline(times).is_some_and(|due| now >= due);
        match self {
            state if !is_due => (state, Due::Nothing),
            Secure::Guarding(state) => {
                out.extend(state.calls.iter().map(|call| Output::SecureOff { call: *call }));
                (Secure::Off, Due::Nothing)
            }
            Secure::Asked(_) => (self.leave(now), Due::NotAcknowledged),
            state => (state.leave(now), Due::TooLong),
        }
    }

    pub(super) fn deadline(&self, times: &SecureTimes) -> Option<Instant> {
        match self {
            Secure::Off => None,
            Secure::Asked(state) => Some(state.until),
            Secure::InForce(state) => Some(state.since + times.longest),
            Secure::Guarding(state) => Some(state.quiet_since + times.guard),
            Secure::Gone(state) => Some(state.since + times.longest),
        }
    }

    pub(super) fn icon(&self) -> Icon {
        match self {
            Secure::Off => Icon::Off,
            Secure::Asked(_) => Icon::Awaited,
            Secure::InForce(_) => Icon::On,
            Secure::Guarding(state) => state.icon,
            Secure::Gone(_) => Icon::Stop,
        }
    }

    pub(super) fn is_in_force(&self) -> bool {
        matches!(self, Secure::InForce(_))
    }

    pub(super) fn is_off(&self) -> bool {
        matches!(self, Secure::Off)
    }

    pub(super) fn token(&self) -> u64 {
        match self {
            Secure::Off => 0,
            Secure::Asked(state) => state.token,
            Secure::InForce(state) => state.token,
            Secure::Guarding(state) => state.token,
            Secure::Gone(state) => state.token,
        }
    }

    pub(super) fn covers(&self, call: CallHandle) -> bool {
        self.calls().contains(&call)
    }

    fn calls(&self) -> Vec<CallHandle> {
        match self {
            Secure::Off => Vec::new(),
            Secure::Asked(state) => state.calls.iter().map(|(call, _)| *call).collect(),
            Secure::InForce(state) => state.calls.clone(),
            Secure::Guarding(state) => state.calls.clone(),
            Secure::Gone(state) => state.calls.clone(),
        }
    }
}
