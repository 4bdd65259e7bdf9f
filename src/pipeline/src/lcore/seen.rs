//! What signalling is told of media: that a call has some, what comes of the caller, and whence the customer's side sends.

use core::time::Duration;

use handover::{Counter, Counters, Endpoint, Flow, Instant, Side};
use wire::frame::Udp;

use crate::flow_table::Local;
use crate::outputs::{Outputs, Report};

/// How often a flow from the customer's side is reported to have media. The call table forgets media after a minute.
const MEDIA_PERIOD: Duration = Duration::from_secs(5);
/// How often the caller's is, with what it carries: a call is put into SecureMode only where the caller was heard within
/// 1.5 s.
///
/// 16 000 calls make 16 000 such reports a second and 3 200 of the customer's side. The periods run from each flow's own first
/// packet, so that they come evenly: some 20 a millisecond, of which signalling takes 64 a turn, and the ring holds 8 192.
const CALLER_PERIOD: Duration = Duration::from_secs(1);
/// How often the caller's is in SecureMode: its loss is told after 450 ms without a report, and the last packet came at most
/// this long after the last report. As many streams in SecureMode as there may be, 4 096, make 82 000 reports a second, which
/// signalling takes at 64 a turn as long as a turn is shorter than 0.7 ms; what finds the ring full is reported with the next
/// packet.
const SECURED_PERIOD: Duration = Duration::from_millis(50);
/// Another payload type than the last reported is reported at once, since comfort noise may be the last packet for long; but
/// not before this time after the last report.
const CHANGE_PERIOD: Duration = Duration::from_millis(20);
/// A flow reports a new source at most this often, so that a flood with forged sources stays its own problem.
const SOURCE_PERIOD: Duration = Duration::from_millis(50);

/// Tells the signalling lcore that the call has media, and what the caller's carries.
#[cold]
fn tell_media<B>(
    now: Instant,
    flow: &Flow,
    local: &mut Local,
    payload: &[u8],
    counters: &Counters,
    out: &mut impl Outputs<B>,
) {
    let period = match flow.key.from {
        Side::Customer => MEDIA_PERIOD,
        Side::Carrier if flow.mode.is_secured() => SECURED_PERIOD,
        Side::Carrier => CALLER_PERIOD,
    };
    // A type that is another with every packet makes no flood.
    if now + period < local.report_due + CHANGE_PERIOD {
        return;
    }
    let report = match flow.key.from {
        Side::Customer => Report::MediaSeen(flow.call),
        Side::Carrier => {
            Report::Caller { flow: flow.key, call: flow.call, at: now, content: mask::content(flow, payload) }
        }
    };
    match out.report(report) {
        Ok(()) => {
            local.report_due = now + period;
            local.payload_type = payload.get(1).map_or(0, |byte| byte & 0x7f);
        }
        Err(_) => counters.count(Counter::ReportsLost),
    }
}

/// Tells the signalling lcore of a call's media, and where RTP came from where that is to be learned.
#[inline]
pub(super) fn tell<B>(
    now: Instant,
    flow: &Flow,
    local: &mut Local,
    udp: &Udp,
    payload: &[u8],
    counters: &Counters,
    out: &mut impl Outputs<B>,
) {
    let payload_type = payload.get(1).map_or(0, |byte| byte & 0x7f);
    let is_callers = flow.key.from == Side::Carrier;
    if now >= local.report_due || is_callers && payload_type != local.payload_type {
        tell_media(now, flow, local, payload, counters, out);
    }
    if !flow.learn {
        return;
    }
    let source = Endpoint { address: udp.source, port: udp.source_port };
    let unreported = local.source == Endpoint::default();
    if local.source != source && (unreported || now.since(local.source_at) >= SOURCE_PERIOD) {
        match out.report(Report::Source { flow: flow.key, source }) {
            Ok(()) => (local.source, local.source_at) = (source, now),
            Err(_) => counters.count(Counter::ReportsLost),
        }
    }
}
