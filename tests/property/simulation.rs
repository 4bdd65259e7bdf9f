//! Several calls on several lcores that are sometimes slow, a wire with faults, a console that switches SecureMode on and
//! off at any moment, and recordings: after every step what left is held against what it may be. A failure tells its seed.

use std::collections::{BTreeMap, VecDeque};

use handover::{Counter, Side, Transport};
use keyhush_tests::appliance::{Appliance, Left};
use keyhush_tests::faults::{BAD_WIRE, survivors};
use keyhush_tests::leg::Leg;
use keyhush_tests::played::{Name, assert_cells};
use keyhush_tests::rtp::KeyPlan;
use keyhush_tests::scene::{Carries, Scene, Sent};
use keyhush_tests::seed::Seed;
use keyhush_tests::seen::{Seen, event_blocks, rtp};

const SEEDS: core::ops::Range<u64> = 0..24;
const STEPS: usize = 60;
const LCORES: usize = 3;

struct Simulation {
    seed: u64,
    chance: Seed,
    appliance: Appliance,
    scene: Scene,
    legs: Vec<Leg>,
    /// The shadow model: which calls are in SecureMode.
    secured: Vec<bool>,
    /// And which are recorded; how many packets of them were.
    recorded: Vec<bool>,
    packets_recorded: [usize; 2],
    pressed: usize,
    captured: usize,
    /// Duplicates dropped so far.
    duplicates: u64,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let legs: Vec<Leg> = (1..=4).map(Leg::new).collect();
        let mut simulation = Simulation {
            seed,
            chance: Seed::new(seed),
            appliance: Appliance::new(LCORES),
            scene: Scene::default(),
            secured: vec![false; legs.len()],
            recorded: vec![false; legs.len()],
            packets_recorded: [0; 2],
            legs,
            pressed: 0,
            captured: 0,
            duplicates: 0,
        };
        for number in 0..simulation.legs.len() {
            simulation.legs[number].set_up(&mut simulation.scene);
            simulation.carry_and_check(number, false);
        }
        simulation
    }

    fn step(&mut self) {
        let number = self.chance.below(self.legs.len() as u64) as usize;
        match self.chance.below(11) {
            10 => {
                let call_id = self.legs[number].call_id.clone();
                let on = !self.recorded[number];
                assert!(self.appliance.record(&call_id, on), "seed {}", self.seed);
                self.recorded[number] = on;
            }
            0 => {
                let call_id = self.legs[number].call_id.clone();
                assert!(self.appliance.secure(&call_id), "seed {}", self.seed);
                self.secured[number] = true;
            }
            1 => {
                let call_id = self.legs[number].call_id.clone();
                assert!(self.appliance.release(&call_id), "seed {}", self.seed);
                self.secured[number] = false;
            }
            2 => {
                // No other leg's: on a port of two calls, what is one's in SecureMode is the other's too.
                let port = 31_000 + 1_000 * number as u16 + 2 * self.chance.below(500) as u16;
                self.legs[number].media[1].set_port(port);
                self.legs[number].sdp[1].media.set_port(port);
                self.legs[number].renegotiate(&mut self.scene, Side::Customer, "INVITE");
            }
            3 => {
                // An lcore is busy with something else while flows change, but not for so long as a message is held.
                self.legs[number].renegotiate(&mut self.scene, Side::Carrier, "UPDATE");
                let lcore = self.chance.below(LCORES as u64) as usize;
                let busy = self.chance.below(4);
                self.appliance.stall(lcore, busy);
            }
            4 => self.legs[number].agent_presses(&mut self.scene, b'9'),
            _ => {
                let key = b"0123456789*#ABCD"[self.chance.below(16) as usize];
                self.legs[number].press(&mut self.scene, key, &KeyPlan::default());
                self.legs[number].talk(&mut self.scene, 60);
            }
        }
        self.scene.pass(10);
        self.carry_and_check(number, true);
    }

    /// Carries what the step sent, over a bad wire, and holds what left against what may leave.
    fn carry_and_check(&mut self, number: usize, with_faults: bool) {
        let mut sent = self.scene.in_order();
        self.scene.sent.clear();
        if with_faults {
            sent = BAD_WIRE.befall(&sent, self.chance.bits());
        }
        self.appliance.carry(&sent);
        // What is held leaves meanwhile.
        self.scene.pass(100);
        self.appliance.wait_until(self.scene.now);
        // Orders took time of their own.
        self.appliance.wait(5);
        let left = self.appliance.take_left();
        self.check_recorded(&left);
        let secured = self.secured[number];
        // A message may leave after media that came after it, and late audio after what it waited for; within a stream all
        // else leaves in order.
        let mut streams: BTreeMap<_, VecDeque<&Left>> = BTreeMap::new();
        for left in &left {
            streams.entry(Name::of(&left.frame)).or_default().push_back(left);
        }
        let mut missing = 0;
        for sent in &sent {
            match streams.get_mut(&Name::of(&sent.frame)).and_then(VecDeque::pop_front) {
                Some(left) => self.check(left, sent, secured),
                None => missing += 1,
            }
        }
        let duplicates = self.appliance.counter(Counter::DropSecuredDuplicate);
        let dropped = (duplicates - core::mem::replace(&mut self.duplicates, duplicates)) as usize;
        assert_eq!(missing, dropped, "seed {}: every frame leaves but audio that came twice", self.seed);
        assert_eq!(left.len() + missing, sent.len(), "seed {}: nothing is invented", self.seed);
        let keys = self.appliance.take_keys(Transport::Event).len();
        let new = self.scene.pressed.len() - self.pressed;
        let survived = survivors(&sent, self.scene.pressed.len());
        let expected = survived[self.pressed..].iter().filter(|survived| **survived).count();
        assert_eq!(keys, if secured { expected } else { 0 }, "seed {}: of {new} presses", self.seed);
        self.pressed = self.scene.pressed.len();
        self.captured += keys;
    }

    /// What the recorder was handed is, to the byte and in order, what left of the calls that are recorded.
    fn check_recorded(&mut self, left: &[Left]) {
        let is_of = |leg: &Leg, packet: &[u8]| {
            leg.streams.iter().any(|stream| packet.get(8..12) == Some(&stream.ssrc.to_be_bytes()))
        };
        let recorded: Vec<&Leg> =
            self.legs.iter().zip(&self.recorded).filter(|(_, on)| **on).map(|(leg, _)| leg).collect();
        let packets = left.iter().filter_map(|left| {
            let seen = Seen::of(&left.frame)?;
            let packet = &left.frame[seen.payload];
            rtp(packet).filter(|_| recorded.iter().any(|leg| is_of(leg, packet)))?;
            Some((left.toward.opposite(), packet))
        });
        let handed = self.appliance.take_recorded();
        let handed_packets = handed.iter().map(|packet| (packet.from, &packet.rtp[..]));
        assert!(packets.eq(handed_packets), "seed {}: another thing is recorded than what left", self.seed);
        for packet in &handed {
            let leg = self.legs.iter().position(|leg| is_of(leg, &packet.rtp)).expect("of a leg");
            assert_eq!(packet.is_secured, self.secured[leg], "seed {}", self.seed);
            assert_eq!(Some(packet.call), self.appliance.find(&self.legs[leg].call_id));
            self.packets_recorded[usize::from(packet.is_secured)] += 1;
        }
    }

    fn check(&self, left: &Left, sent: &Sent, secured: bool) {
        assert_eq!(left.toward, sent.from.opposite(), "seed {}", self.seed);
        let may_be_masked = secured && sent.from == Side::Carrier && Name::of(&sent.frame).is_media();
        if sent.carries == Carries::Nothing && may_be_masked {
            return assert_cells(0, &left.frame, &sent.frame);
        }
        if sent.carries == Carries::Nothing || !secured {
            assert_eq!(left.frame, sent.frame, "seed {}: what is not ours to change is changed", self.seed);
            return;
        }
        let seen = Seen::of(&left.frame).expect("an event");
        assert!(seen.checksums_verify, "seed {}", self.seed);
        let (_, blocks) = rtp(&left.frame[seen.payload]).expect("an event");
        for (event, volume, _) in event_blocks(blocks) {
            assert_eq!((event, volume & 0x3f), (11, 10), "seed {}: a digit leaves", self.seed);
        }
    }
}

#[test]
fn invariants_hold_whatever_happens_when() {
    let mut captured = 0;
    let mut recorded = [0; 2];
    for seed in SEEDS {
        let mut simulation = Simulation::new(seed);
        for _ in 0..STEPS {
            simulation.step();
        }
        assert_eq!(simulation.appliance.counter(Counter::LcoresLost), 0, "seed {seed}");
        assert_eq!(simulation.appliance.counter(Counter::SipHoldExpired), 0, "seed {seed}");
        captured += simulation.captured;
        recorded = [0, 1].map(|mode| recorded[mode] + simulation.packets_recorded[mode]);
    }
    assert!(captured > 100, "only {captured} presses were captured: the simulation does too little");
    assert!(
        recorded.iter().all(|many| *many > 300),
        "{recorded:?} packets were recorded without and with SecureMode"
    );
}
