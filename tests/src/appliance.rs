//! The pipeline with several lcores and a console, in virtual time: for what a replay cannot ask of it.

use core::time::Duration;

use calls::{Calls, SecureDefault};
use handover::{
    Answer, CallEvent, CallHandle, Command, Counter, Counters, Instant, LcoreLink, MaskKey, Press, Request,
    Rules, Side, Transport, WireId,
};
use pipeline::lcore::LcoreLimits;
use pipeline::{Arrival, Lcore, Mirror, Outputs, Report, Signalling, SignallingLimits, TapFull, Tapped};
use secret::Pad;

use crate::played::{OpenPress, pad};
use crate::scene::Sent;

const SEED: u64 = 3;

/// How often time is served between frames.
const TICK: Duration = Duration::from_millis(1);

/// A frame that left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Left {
    /// When.
    pub time: Instant,
    /// On which wire.
    pub wire: WireId,
    /// On which side.
    pub toward: Side,
    /// The frame.
    pub frame: Vec<u8>,
}

/// A packet that the recorder was handed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recorded {
    /// Whose.
    pub call: CallHandle,
    /// On which side it arrived.
    pub from: Side,
    /// Whether its call was in SecureMode.
    pub is_secured: bool,
    /// The packet.
    pub rtp: Vec<u8>,
}

/// Everything that came out.
#[derive(Debug, Default)]
struct Out {
    now: Instant,
    left: Vec<Left>,
    arrivals: Vec<Arrival<Vec<u8>>>,
    reports: Vec<Report>,
    presses: Vec<Press>,
    recorded: Vec<Recorded>,
    answers: Vec<(u64, Answer)>,
    events: Vec<(Instant, CallEvent)>,
    /// The mirror's file.
    mirror: Vec<u8>,
    /// How many more events find room.
    room_for_events: usize,
}

impl Outputs<Vec<u8>> for Out {
    fn transmit(&mut self, wire: WireId, toward: Side, frame: Vec<u8>) {
        self.left.push(Left { time: self.now, wire, toward, frame });
    }
    fn to_signalling(&mut self, arrival: Arrival<Vec<u8>>) -> Result<(), Arrival<Vec<u8>>> {
        self.arrivals.push(arrival);
        Ok(())
    }
    fn report(&mut self, report: Report) -> Result<(), Report> {
        self.reports.push(report);
        Ok(())
    }
    fn press(&mut self, press: Press) -> Result<(), Press> {
        self.presses.push(press);
        Ok(())
    }
    fn tap(&mut self, tapped: &Tapped<'_>) -> Result<(), TapFull> {
        let Tapped { flow, is_secured, released, .. } = *tapped;
        let rtp = released.payload().to_vec();
        self.recorded.push(Recorded { call: flow.call, from: flow.key.from, is_secured, rtp });
        Ok(())
    }
    fn answer(&mut self, token: u64, answer: Answer) {
        self.answers.push((token, answer));
    }
    fn mirror(&mut self, at: u64, bytes: &[u8]) -> bool {
        self.mirror[at as usize..][..bytes.len()].copy_from_slice(bytes);
        true
    }
    fn call_event(&mut self, event: CallEvent) -> Result<(), CallEvent> {
        match self.room_for_events.checked_sub(1) {
            Some(left) => self.room_for_events = left,
            None => return Err(event),
        }
        self.events.push((self.now, event));
        Ok(())
    }
}

/// Lcores that share the load by the destination of each frame, as receive-side scaling does, and one signalling.
pub struct Appliance {
    lcores: Vec<Lcore<Vec<u8>>>,
    /// Which lcores run; the others receive nothing and show no heartbeat.
    pub running: Vec<bool>,
    /// Until when an lcore without frames does not look at its updates.
    stalled_until: Vec<Instant>,
    signalling: Signalling<Vec<u8>>,
    counters: Counters,
    pad: Pad,
    out: Out,
    tokens: u64,
}

impl Appliance {
    /// An appliance whose calls begin outside SecureMode.
    pub fn new(lcores: usize) -> Self {
        Appliance::with_signalling(lcores, SignallingLimits::default())
    }

    /// One whose signalling has other limits.
    pub fn with_signalling(lcores: usize, limits_of_signalling: SignallingLimits) -> Self {
        Appliance::with(lcores, limits_of_signalling, Mirror::new(SEED))
    }

    /// One whose mirror holds this already.
    pub fn with_mirror(lcores: usize, mirror: Mirror) -> Self {
        Appliance::with(lcores, SignallingLimits::default(), mirror)
    }

    fn with(lcores: usize, limits_of_signalling: SignallingLimits, mirror: Mirror) -> Self {
        let counters = Counters::default();
        let pad = pad();
        let links: Vec<LcoreLink> = (0..lcores).map(|_| LcoreLink::new(256)).collect();
        let limits = LcoreLimits { flows: 1_024, streams: 64, listeners: 64 };
        let lcores: Vec<Lcore<Vec<u8>>> = links
            .iter()
            .map(|link| Lcore::new(limits, link.clone(), counters.clone(), pad.clone(), SEED))
            .collect();
        let calls = Calls::new(calls::Limits::default(), SecureDefault::Never, SEED);
        let mut signalling = Signalling::new(
            limits_of_signalling,
            calls,
            MaskKey::Pound,
            Rules::default().with_field_open(true),
            links,
            counters.clone(),
            pad.clone(),
        );
        let image = mirror.image().to_vec();
        signalling.remember(Instant::ZERO, mirror, &[]);
        Appliance {
            running: vec![true; lcores.len()],
            stalled_until: vec![Instant::ZERO; lcores.len()],
            lcores,
            signalling,
            counters,
            pad,
            out: Out { mirror: image, room_for_events: usize::MAX, ..Out::default() },
            tokens: 0,
        }
    }

    /// The process that is started when this one is killed: of what it knew, only the mirror's file is left.
    #[must_use]
    pub fn killed_and_started_again(self) -> Self {
        let mut again = Appliance::new(self.lcores.len());
        let (mirror, flows, damaged) = Mirror::read(&self.out.mirror).expect("a mirror");
        assert_eq!(damaged, 0);
        again.out.now = self.out.now;
        again.out.mirror = mirror.image().to_vec();
        again.signalling.remember(self.out.now, mirror, &flows);
        again
    }

    /// How many flows the mirror's file holds.
    pub fn mirrored(&self) -> usize {
        Mirror::read(&self.out.mirror).map_or(0, |(_, flows, _)| flows.len())
    }

    /// Which lcore a frame comes to: the same for both directions of a flow.
    fn lcore_of(&self, frame: &[u8]) -> usize {
        let ports = crate::seen::Seen::of(frame).map(|seen| seen.source.port() ^ seen.destination.port());
        let running: Vec<usize> = (0..self.lcores.len()).filter(|&lcore| self.running[lcore]).collect();
        running[usize::from(ports.unwrap_or(0) / 2) % running.len()]
    }

    /// Lets these frames, which are in order, arrive at their times.
    pub fn carry(&mut self, sent: &[Sent]) {
        for sent in sent {
            self.wait_until(sent.time);
            let lcore = self.lcore_of(&sent.frame);
            let (wire, frame) = (WireId(0), core::iter::once(sent.frame.clone()));
            // What else it may be busy with, it hears of flows before it takes a burst.
            self.lcores[lcore].follow();
            self.lcores[lcore].process(self.out.now, wire, sent.from, frame, &mut self.out);
            self.turn();
        }
    }

    /// Lets time pass, a tick at a time.
    pub fn wait_until(&mut self, time: Instant) {
        if self.out.now == Instant::ZERO {
            self.out.now = time;
        }
        while self.out.now < time {
            self.out.now = (self.out.now + TICK).min(time);
            self.turn();
        }
    }

    /// The time.
    pub fn now(&self) -> Instant {
        self.out.now
    }

    /// Lets time pass.
    pub fn wait(&mut self, milliseconds: u64) {
        self.wait_until(self.out.now + Duration::from_millis(milliseconds));
    }

    /// Keeps an lcore from looking at its updates for so long, unless frames come to it.
    pub fn stall(&mut self, lcore: usize, milliseconds: u64) {
        self.stalled_until[lcore] = self.out.now + Duration::from_millis(milliseconds);
    }

    /// Each running lcore hears of flows; signalling takes what came and does what is due.
    fn turn(&mut self) {
        let now = self.out.now;
        for (number, lcore) in self.lcores.iter_mut().enumerate() {
            if self.running[number] && self.stalled_until[number] <= now {
                lcore.follow();
            }
            if self.running[number] {
                lcore.serve(now, &mut self.out);
            }
        }
        for report in core::mem::take(&mut self.out.reports) {
            self.signalling.report(now, report);
        }
        for arrival in core::mem::take(&mut self.out.arrivals) {
            self.signalling.receive(now, arrival, &mut self.out);
        }
        self.signalling.poll(now, &mut self.out);
    }

    /// Gives an order; its answer, where one comes within two seconds.
    pub fn order(&mut self, command: Command) -> Option<Answer> {
        let token = self.ask(command);
        for _ in 0..2_000 {
            if let Some(at) = self.out.answers.iter().position(|(answered, _)| *answered == token) {
                return Some(self.out.answers.swap_remove(at).1);
            }
            self.wait(1);
        }
        None
    }

    /// Gives an order and does not wait for its answer. Its token.
    pub fn ask(&mut self, command: Command) -> u64 {
        self.tokens += 1;
        self.signalling.request(self.out.now, Request { token: self.tokens, command }, &mut self.out);
        self.tokens
    }

    /// The call of a Call-ID.
    pub fn find(&self, call_id: &str) -> Option<CallHandle> {
        self.signalling.calls().find(call_id.as_bytes())
    }

    /// Puts the call of a Call-ID into SecureMode; `true` when that is in force everywhere.
    pub fn secure(&mut self, call_id: &str) -> bool {
        let command = Command::Secure { call_id: call_id.as_bytes().to_vec(), mask_key: None };
        matches!(self.order(command), Some(Answer::Done { .. }))
    }

    /// Ends it.
    pub fn release(&mut self, call_id: &str) -> bool {
        let command = Command::Release { call_id: call_id.as_bytes().to_vec(), forced: false };
        matches!(self.order(command), Some(Answer::Done { .. }))
    }

    /// Has the call of a Call-ID recorded, or not any more; `true` when that is in force everywhere.
    pub fn record(&mut self, call_id: &str, on: bool) -> bool {
        let call = self.find(call_id);
        call.is_some_and(|call| matches!(self.order(Command::Record { call, on }), Some(Answer::Done { .. })))
    }

    /// What the recorder was handed since the last asking.
    pub fn take_recorded(&mut self) -> Vec<Recorded> {
        core::mem::take(&mut self.out.recorded)
    }

    /// What left since the last asking.
    pub fn take_left(&mut self) -> Vec<Left> {
        core::mem::take(&mut self.out.left)
    }

    /// What was told of calls since the last asking, and when.
    pub fn take_events(&mut self) -> Vec<(Instant, CallEvent)> {
        core::mem::take(&mut self.out.events)
    }

    /// Lets only so many more events of calls find room; the others wait.
    pub fn set_room_for_events(&mut self, many: usize) {
        self.out.room_for_events = many;
    }

    /// The presses since the last asking, opened.
    pub fn take_presses(&mut self) -> Vec<OpenPress> {
        let open = |press: Press| OpenPress {
            key: self.pad.open(press.digit).expect("this pad sealed it").reveal(),
            transport: press.transport,
            from: press.from,
            onset: press.onset,
            call: press.call.slot,
            level: press.level,
        };
        core::mem::take(&mut self.out.presses).into_iter().map(open).collect()
    }

    /// The keys captured since the last asking, in order, by one transport.
    pub fn take_keys(&mut self, transport: Transport) -> String {
        let presses = self.take_presses().into_iter().filter(|press| press.transport == transport);
        presses.map(|press| char::from(press.key)).collect()
    }

    /// A counter.
    pub fn counter(&self, counter: Counter) -> u64 {
        self.counters.get(counter)
    }
}
