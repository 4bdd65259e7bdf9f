//! What the edge does for the data path.

use handover::{
    Answer, CallEvent, CallHandle, Content, Endpoint, Flow, FlowKey, Instant, Press, Side, WireId,
};
use tap::Released;
use wire::frame::{Fragment, Udp};

/// A frame on its way to the signalling lcore.
#[derive(Debug)]
pub struct Arrival<B> {
    /// The wire on which it arrived.
    pub wire: WireId,
    /// The side on which it arrived.
    pub from: Side,
    /// What is known of it.
    pub kind: ArrivalKind,
    /// The frame.
    pub frame: B,
}

/// Why the signalling lcore sees a frame.
#[derive(Clone, Copy, Debug)]
pub enum ArrivalKind {
    /// It looks like SIP.
    Sip(Udp),
    /// It is a UDP fragment, which may be SIP's.
    Fragment(Fragment),
}

/// What an lcore tells the signalling lcore.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Report {
    /// RTP came on a flow from a source not seen on it before.
    Source {
        /// The customer→carrier flow.
        flow: FlowKey,
        /// Whence it came.
        source: Endpoint,
    },
    /// The call has media from the customer's side.
    MediaSeen(CallHandle),
    /// The caller is heard.
    Caller {
        /// The carrier→customer flow.
        flow: FlowKey,
        /// Its call.
        call: CallHandle,
        /// When the packet came.
        at: Instant,
        /// What it carries.
        content: Content,
    },
    /// The call is in SecureMode, and its caller's audio is of a codec whose tones cannot be masked.
    Unmaskable(CallHandle),
}

/// A packet that leaves, of a flow that is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Tapped<'a> {
    /// Its flow. The side on which its packets arrive is whose audio it is.
    pub flow: &'a Flow,
    /// When it came. What was held leaves later, but was spoken then.
    pub arrived: Instant,
    /// Whether its call was in SecureMode when it came.
    pub is_secured: bool,
    /// The packet.
    pub released: Released<'a>,
}

/// The recorder has no room for a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TapFull;

/// The edge: ports and rings under DPDK, files in a replay. Frames given to it in order leave in order.
pub trait Outputs<B> {
    /// Sends a frame out of the port on the side `toward` of a wire.
    fn transmit(&mut self, wire: WireId, toward: Side, frame: B);

    /// Hands a frame to the signalling lcore.
    ///
    /// # Errors
    /// Gives it back when the ring is full; the lcore then passes or drops it, counted either way.
    fn to_signalling(&mut self, arrival: Arrival<B>) -> Result<(), Arrival<B>>;

    /// Tells the signalling lcore something. A full ring is no loss: the lcore reports again later.
    ///
    /// # Errors
    /// Gives it back when the ring is full.
    fn report(&mut self, report: Report) -> Result<(), Report>;

    /// Hands a captured key press to the control core.
    ///
    /// # Errors
    /// Gives it back when the ring is full; the press is then lost, masked all the same, and counted.
    fn press(&mut self, press: Press) -> Result<(), Press>;

    /// Answers a request of the console.
    fn answer(&mut self, token: u64, answer: Answer);

    /// Tells the control core of a call. Where nobody listens to that, it is taken all the same.
    ///
    /// # Errors
    /// Gives it back when the ring is full; it is told later.
    fn call_event(&mut self, _event: CallEvent) -> Result<(), CallEvent> {
        Ok(())
    }

    /// Writes a piece of [`crate::Mirror`]'s file at its place. False where it could not be written. Nothing is mirrored unless
    /// the edge says so.
    fn mirror(&mut self, _at: u64, _bytes: &[u8]) -> bool {
        true
    }

    /// Whether there are frames enough that some may be held. Without, what would be held is silenced and leaves.
    fn may_hold(&self) -> bool {
        true
    }

    /// Hands the recorder what leaves of a flow that is recorded, as it leaves, in the order in which it does. Where nobody records it is
    /// taken all the same.
    ///
    /// # Errors
    /// The recorder has no room: the packet is lost to it, leaves all the same, and is counted.
    fn tap(&mut self, _tapped: &Tapped<'_>) -> Result<(), TapFull> {
        Ok(())
    }
}
