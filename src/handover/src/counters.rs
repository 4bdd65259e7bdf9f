//! Every reason for which a packet passed, was changed or was dropped, and every fault, as one list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[doc = $help:literal])+ $variant:ident = $name:literal,)+) => {
        /// What is counted. The name is the metric's label and the console's.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(usize)]
        pub enum Counter {
            $($(#[doc = $help])+ $variant,)+
        }

        impl Counter {
            /// All counters, in the order of their discriminants.
            pub const ALL: &'static [Counter] = &[$(Counter::$variant,)+];

            /// The name, in `snake_case`.
            pub const fn name(self) -> &'static str {
                match self { $(Counter::$variant => $name,)+ }
            }

            /// What it counts, in a sentence.
            pub const fn help(self) -> &'static str {
                match self { $(Counter::$variant => concat!($($help),+).trim_ascii(),)+ }
            }
        }
    };
}

counters! {
    /// Frames received on carrier ports.
    RxCarrier = "rx_carrier",
    /// Frames received on customer ports.
    RxCustomer = "rx_customer",
    /// Frames sent on carrier ports.
    TxCarrier = "tx_carrier",
    /// Frames sent on customer ports.
    TxCustomer = "tx_customer",
    /// Frames dropped because the transmit queue stayed full.
    TxFull = "drop_tx_full",
    /// Frames that a device lost because its receive queue was full.
    PortMissed = "port_missed",
    /// Frames that a device lost because no packet buffer was free.
    PortNoBuffer = "port_no_buffer",
    /// Frames that a device received damaged.
    PortRxErrors = "port_rx_errors",
    /// Frames that a device could not send.
    PortTxErrors = "port_tx_errors",

    /// Passed: not IP, or IP that carries neither UDP nor a fragment.
    PassNotUdp = "pass_not_udp",
    /// Passed: headers that contradict the frame's length.
    PassMalformed = "pass_malformed",
    /// Passed: SIP over TCP, which is not followed.
    PassSipTcp = "pass_sip_tcp",
    /// Passed: UDP of no known flow and not SIP.
    PassUnknownUdp = "pass_unknown_udp",
    /// Passed: RTP of a known flow, not in SecureMode.
    PassMedia = "pass_media",
    /// Passed: RTCP, STUN or DTLS on a known flow.
    PassNotRtp = "pass_not_rtp",
    /// Passed: audio of a flow in SecureMode, without a key in it; or of a codec whose keys the settings let pass.
    PassSecuredAudio = "pass_secured_audio",
    /// Passed: IP fragments of no concern.
    PassFragment = "pass_fragment",
    /// Passed: frames in several segments of no concern.
    PassChained = "pass_chained",
    /// Passed: SIP that was read and left as it was.
    PassSip = "pass_sip",
    /// Passed: SIP that could not be read.
    PassSipUnreadable = "pass_sip_unreadable",
    /// Passed unread: the ring to the signalling lcore was full and no call was in SecureMode.
    PassSipRingFull = "pass_sip_ring_full",

    /// Packets whose telephone-events were replaced.
    MaskedEvent = "masked_event",
    /// SIP messages whose keys were replaced.
    MaskedSip = "masked_sip",
    /// Packets whose audio was replaced, in part or as a whole, because it may hold a key's tone.
    MaskedTone = "masked_tone",
    /// Packets of a call in SecureMode that came after those behind them had left: their audio was replaced by silence.
    SilencedLate = "silenced_late",
    /// Packets that left before what follows them was heard, their end replaced by silence.
    HeldTooLong = "held_too_long",
    /// Packets that were silenced instead of held, because packet buffers were short.
    HoldWithoutBuffers = "hold_without_buffers",
    /// Packets of no known flow that were found to belong to a call in SecureMode, by their source or on another wire or VLAN.
    SecuredStrays = "secured_strays",
    /// Packets whose audio was replaced by silence (fail closed).
    Silenced = "silenced",

    /// Dropped: audio of a call in SecureMode whose tones cannot be masked, another codec's.
    DropSecuredUnmaskable = "drop_secured_unmaskable",
    /// Dropped: audio of a call in SecureMode that came twice.
    DropSecuredDuplicate = "drop_secured_duplicate",
    /// Dropped: a fragment towards a call in SecureMode that could not be read.
    DropSecuredFragment = "drop_secured_fragment",
    /// Dropped: a frame in several segments towards a call in SecureMode.
    DropSecuredChained = "drop_secured_chained",
    /// Dropped: something on a secured flow that is neither RTP, RTCP nor STUN.
    DropSecuredUnreadable = "drop_secured_unreadable",
    /// Dropped: events and unknown codecs of a silenced flow (fail closed).
    DropSilenced = "drop_silenced",
    /// Dropped: SIP while the ring to the signalling lcore was full and calls were in SecureMode; it is sent again by its sender.
    DropSipRingFull = "drop_sip_ring_full",
    /// Dropped: a SIP body with keys that could not be read, in SecureMode.
    DropSecuredSip = "drop_secured_sip",

    /// Dropped: SIP that announces media which could not be followed, for a call in SecureMode.
    DropSecuredSdp = "drop_secured_sdp",

    /// Key presses captured.
    Presses = "presses",
    /// Key presses lost because the ring to the control core was full. They were masked.
    PressesLost = "presses_lost",
    /// Secured streams for which no state was free: their events masked, their audio silenced, nothing captured.
    StreamsFull = "streams_full",
    /// Packets of the customer's side that nobody listened to for a call reference, because no state was free.
    ListenersFull = "listeners_full",

    /// Packets of recorded calls that left and were handed to the recorder.
    Tapped = "tapped",
    /// Packets of recorded calls that left while the recorder had no room for them: a gap in recordings, none in calls.
    TapLost = "tap_lost",
    /// Packets of recorded calls that were not recorded because they are encrypted.
    TapEncrypted = "tap_encrypted",

    /// Calls that began.
    CallsBegun = "calls_begun",
    /// Legs that began: dialogs with their early forks, each on its wire and VLAN stack.
    LegsBegun = "legs_begun",
    /// Media flows that began to be followed: destinations announced or learned, not their later changes.
    FlowsBegun = "flows_begun",
    /// Calls that ended.
    CallsEnded = "calls_ended",
    /// Calls dropped from the table because they were silent too long.
    CallsExpired = "calls_expired",
    /// Calls dropped from the full table to make room; never one with media or in SecureMode.
    CallsEvicted = "calls_evicted",
    /// Calls that could not be followed because the table was full of calls with media or in SecureMode.
    CallsFull = "calls_full",
    /// Legs that could not be followed because their call had too many.
    LegsFull = "legs_full",
    /// Flows that could not be followed because the table or the call's share of it was full.
    FlowsFull = "flows_full",
    /// Destinations learned from where RTP came from.
    FlowsLearned = "flows_learned",
    /// SIP messages held until every lcore knew of their flows.
    SipHeld = "sip_held",
    /// SIP messages that left after the limit without every acknowledgement.
    SipHoldExpired = "sip_hold_expired",
    /// SIP messages that left at once because too many were held.
    SipHoldFull = "sip_hold_full",
    /// Datagrams put together from fragments.
    Reassembled = "reassembled",
    /// Reassemblies given up: time-out, overlap, too large or too many.
    ReassemblyFailed = "reassembly_failed",
    /// Flow updates that waited in the backlog of an lcore whose ring was full.
    UpdatesDelayed = "updates_delayed",
    /// Events of calls for the control core that waited because its ring was full.
    CallEventsDelayed = "call_events_delayed",
    /// Reports of an lcore that found the ring to the signalling lcore full.
    ReportsLost = "reports_lost",
    /// Flows of calls that were in SecureMode when an earlier process was killed, silent towards the agent from this one's
    /// start on: alarm.
    FlowsRemembered = "flows_remembered",
    /// Of these, flows that are not silent any more: their call is known again, and masked, or it has ended, or had no media for
    /// a minute, or ten minutes have passed: alarm.
    FlowsRememberedGone = "flows_remembered_gone",
    /// Flows in SecureMode that could not be mirrored, because there are too many or the file could not be written: after a
    /// kill they would not be silent.
    MirrorLost = "mirror_lost",
    /// Lcores that lost their heartbeat: alarm.
    LcoresLost = "lcores_lost",
    /// Lcores whose heartbeat came back.
    LcoresBack = "lcores_back",
    /// Panics caught in an lcore: alarm. Ordinary packets pass, secured flows are silent.
    LcorePanics = "lcore_panics",
    /// Panics caught in the control core, which was started again: alarm. No call is touched.
    ControlPanics = "control_panics",
    /// Connections to the admin socket that were closed: another user's, too many, too slow or too long a line.
    ConsoleRefused = "console_refused",

    /// Connections to the pages and to the management address that were accepted.
    WebConnections = "web_connections",
    /// Requests to them that were read.
    WebRequests = "web_requests",
    /// Connections that were closed to make room, or refused because none could be closed.
    WebConnectionsFull = "web_connections_full",
    /// Connections that were refused because their address had too many.
    WebAddressFull = "web_address_full",
    /// Connections whose TLS handshake failed, or whose records were broken.
    WebTlsFailed = "web_tls_failed",
    /// Connections that were closed because their TLS handshake took too long.
    WebSlowHandshake = "web_slow_handshake",
    /// Connections that were closed because the head of a request took too long.
    WebSlowHead = "web_slow_head",
    /// Connections that were closed because the body of a request took too long.
    WebSlowBody = "web_slow_body",
    /// Connections that were closed because the answer was not read in time.
    WebSlowReader = "web_slow_reader",
    /// Connections that were closed because nothing was asked any more.
    WebIdle = "web_idle",
    /// Requests that were refused because their head was too large.
    WebHeadTooLarge = "web_head_too_large",
    /// Requests that were refused because their body was too large.
    WebBodyTooLarge = "web_body_too_large",
    /// Requests that were refused because they were not HTTP.
    WebNotHttp = "web_not_http",
    /// Connections that broke in the middle of a request or an answer.
    WebBroken = "web_broken",
    /// Requests that were refused because a page of another origin sent them.
    WebCrossOrigin = "web_cross_origin",
    /// Requests for what is not there, or not by that method.
    WebNotFound = "web_not_found",
    /// Panics caught in the answer to a request, which cost that request alone: alarm.
    WebPanics = "web_panics",
    /// Requests that were refused because the work for them found no room or took too long.
    WebWorkRefused = "web_work_refused",
    /// Subscribers of events that were dropped because they did not take them in time.
    WebSubscribersDropped = "web_subscribers_dropped",
    /// Requests to others, such as a payment provider, that had no answer.
    WebAsksFailed = "web_asks_failed",
    /// Port pairs whose link state was carried over.
    LinkCarried = "link_carried",
}

/// The counters of one thread, readable by all. Only the thread itself adds, so that no locked instruction is needed.
#[derive(Clone, Debug)]
pub struct Counters(Arc<[AtomicU64]>);

impl Default for Counters {
    fn default() -> Self {
        Counters(Counter::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Counters {
    /// Counts one.
    #[inline]
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts many.
    #[inline]
    pub fn add(&self, counter: Counter, many: u64) {
        let cell = &self.0[counter as usize];
        cell.store(cell.load(Ordering::Relaxed).wrapping_add(many), Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_snake_case_and_helped() {
        let mut names: Vec<_> = Counter::ALL.iter().map(|counter| counter.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Counter::ALL.len());
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
        assert!(Counter::ALL.iter().all(|counter| counter.help().ends_with('.')));
    }

    #[test]
    fn counts_are_kept_apart() {
        let counters = Counters::default();
        counters.count(Counter::MaskedSip);
        counters.add(Counter::MaskedEvent, 3);
        assert_eq!(counters.get(Counter::MaskedEvent), 3);
        assert_eq!(counters.get(Counter::MaskedSip), 1);
        assert_eq!(counters.get(Counter::TxFull), 0);
    }
}
