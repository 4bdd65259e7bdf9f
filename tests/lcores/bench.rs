//! Several lcores and the signalling in one thread, with every ring in the test's hand.

use core::time::Duration;
use std::collections::VecDeque;

use calls::{Calls, SecureDefault};
use handover::{
    Answer, Command, Counter, Counters, Instant, LcoreLink, MaskKey, Press, Request, Rules, Side, WireId,
};
use keyhush_tests::played;
use keyhush_tests::scene::Sent;
use keyhush_tests::seen::{self, Seen};
use pipeline::{Arrival, Lcore, LcoreLimits, Outputs, Report, Signalling, SignallingLimits};

/// Where frames and messages end up.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) left: Vec<(Side, Vec<u8>)>,
    pub(crate) to_signalling: VecDeque<Arrival<Vec<u8>>>,
    pub(crate) reports: VecDeque<Report>,
    pub(crate) presses: Vec<Press>,
    pub(crate) answers: Vec<(u64, Answer)>,
    /// Rings are full.
    pub(crate) full: bool,
}

impl Outputs<Vec<u8>> for Taken {
    fn transmit(&mut self, _wire: WireId, toward: Side, frame: Vec<u8>) {
        self.left.push((toward, frame));
    }
    fn to_signalling(&mut self, arrival: Arrival<Vec<u8>>) -> Result<(), Arrival<Vec<u8>>> {
        if self.full {
            return Err(arrival);
        }
        self.to_signalling.push_back(arrival);
        Ok(())
    }
    fn report(&mut self, report: Report) -> Result<(), Report> {
        self.reports.push_back(report);
        Ok(())
    }
    fn press(&mut self, press: Press) -> Result<(), Press> {
        if self.full {
            return Err(press);
        }
        self.presses.push(press);
        Ok(())
    }
    fn answer(&mut self, token: u64, answer: Answer) {
        self.answers.push((token, answer));
    }
}

pub(crate) struct Bench {
    pub(crate) lcores: Vec<Lcore<Vec<u8>>>,
    pub(crate) signalling: Signalling<Vec<u8>>,
    pub(crate) taken: Taken,
    pub(crate) now: Instant,
    /// Lcores that do nothing: no updates, no heartbeat.
    pub(crate) stalled: Vec<bool>,
    counters: Vec<Counters>,
}

impl Bench {
    pub(crate) fn new(lcores: usize) -> Self {
        Self::with(lcores, SignallingLimits::default(), calls::Limits::default(), LcoreLimits::default())
    }

    pub(crate) fn with(
        lcores: usize,
        limits: SignallingLimits,
        calls: calls::Limits,
        own: LcoreLimits,
    ) -> Self {
        let links: Vec<_> = (0..lcores).map(|_| LcoreLink::new(64)).collect();
        let counters: Vec<_> = (0..=lcores).map(|_| Counters::default()).collect();
        let pad = played::pad();
        let table = Calls::new(calls, SecureDefault::Never, 1);
        Bench {
            lcores: links
                .iter()
                .zip(&counters)
                .map(|(link, counters)| Lcore::new(own, link.clone(), counters.clone(), pad.clone(), 3))
                .collect(),
            signalling: Signalling::new(
                limits,
                table,
                MaskKey::Pound,
                Rules::default().with_field_open(true),
                links,
                counters[lcores].clone(),
                pad,
            ),
            taken: Taken::default(),
            now: Instant::ZERO,
            stalled: vec![false; lcores],
            counters,
        }
    }

    pub(crate) fn count(&self, counter: Counter) -> u64 {
        self.counters.iter().map(|counters| counters.get(counter)).sum()
    }

    /// One turn of every lcore that is not stalled, and of the signalling.
    pub(crate) fn turn(&mut self) {
        self.follow();
        while let Some(arrival) = self.taken.to_signalling.pop_front() {
            self.signalling.receive(self.now, arrival, &mut self.taken);
        }
        while let Some(report) = self.taken.reports.pop_front() {
            self.signalling.report(self.now, report);
        }
        self.follow();
        self.signalling.poll(self.now, &mut self.taken);
    }

    fn follow(&mut self) {
        for (lcore, stalled) in self.lcores.iter_mut().zip(&self.stalled) {
            if !stalled {
                lcore.follow();
                lcore.serve(self.now, &mut self.taken);
            }
        }
    }

    /// Turns for a while, one a millisecond.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        for _ in 0..milliseconds {
            self.now = self.now + Duration::from_millis(1);
            self.turn();
        }
    }

    /// A frame arrives at the first lcore and everyone takes a turn. What left because of it.
    pub(crate) fn arrive(&mut self, sent: &Sent) -> Vec<(Side, Vec<u8>)> {
        self.now = self.now.max(sent.time);
        self.turn();
        let before = self.taken.left.len();
        let frame = core::iter::once(sent.frame.clone());
        self.lcores[0].process(self.now, WireId(0), sent.from, frame, &mut self.taken);
        self.turn();
        self.taken.left[before..].to_vec()
    }

    /// All frames arrive in their order; each must leave at once unless keys are dropped.
    pub(crate) fn play(&mut self, sent: &[Sent]) {
        for sent in sent {
            self.arrive(sent);
        }
    }

    /// Orders SecureMode on.
    pub(crate) fn secure(&mut self, token: u64, call_id: &str) {
        let command = Command::Secure { call_id: call_id.as_bytes().to_vec(), mask_key: None };
        self.signalling.request(self.now, Request { token, command }, &mut self.taken);
    }

    /// The answer to an order, once.
    pub(crate) fn answer(&mut self, token: u64) -> Option<Answer> {
        let at = self.taken.answers.iter().position(|&(answered, _)| answered == token)?;
        Some(self.taken.answers.swap_remove(at).1)
    }
}

/// The RTP payload of a frame that left.
pub(crate) fn rtp_payload(frame: &[u8]) -> Vec<u8> {
    let seen = Seen::of(frame).expect("a UDP frame");
    let (_, payload) = seen::rtp(&frame[seen.payload]).expect("an RTP packet");
    payload.to_vec()
}
