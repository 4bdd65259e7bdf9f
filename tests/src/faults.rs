//! A wire with faults, repeatable by its seed.

use core::time::Duration;

use crate::scene::{Carries, Kind, Sent};
use crate::seed::Seed;

/// How bad a wire is.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Frames lost, in a hundred.
    pub loss: u64,
    /// Frames sent twice, in a hundred.
    pub duplication: u64,
    /// Frames that come later than they should, in a hundred.
    pub reordering: u64,
    /// By how many frames they come later at most.
    pub reordered_by: usize,
    /// By how much each frame is late at most, in µs. Never so much that it changes the order.
    pub jitter_micros: u64,
}

/// What the issue asks for.
pub const BAD_WIRE: Faults =
    Faults { loss: 5, duplication: 5, reordering: 10, reordered_by: 3, jitter_micros: 900 };

impl Faults {
    /// What arrives of `sent`, which is in order. Lost requests come again after 500 ms; messages that set up a call are
    /// repeated by their senders until they are through, so they are never lost here, but may come twice.
    pub fn befall(&self, sent: &[Sent], seed: u64) -> Vec<Sent> {
        let mut chance = Seed::new(seed);
        let mut arrived: Vec<Sent> = Vec::new();
        for frame in sent {
            let is_media = matches!(frame.kind, Kind::Media | Kind::Fragment);
            let lost = frame.kind != Kind::Setup && chance.percent(self.loss);
            match frame.kind {
                Kind::Request if lost => {
                    let time = frame.time + Duration::from_millis(500);
                    arrived.push(Sent { time, ..frame.clone() });
                }
                _ if lost => continue,
                _ => arrived.push(frame.clone()),
            }
            if chance.percent(self.duplication) {
                let twin = arrived.last().expect("just pushed").clone();
                // A duplicate comes at once from a switch; from a sender that had no answer it comes after 500 ms.
                let delay = if is_media || frame.kind == Kind::Setup { 0 } else { 500 };
                arrived.push(Sent { time: twin.time + Duration::from_millis(delay), ..twin });
            }
        }
        arrived.sort_by_key(|sent| sent.time);
        self.reorder(&mut arrived, &mut chance);
        arrived
    }

    /// Times stay where they are; frames change places. Messages that set up a call are answers to each other and keep theirs,
    /// and nothing passes them.
    fn reorder(&self, arrived: &mut [Sent], chance: &mut Seed) {
        let mut at = 0;
        while at < arrived.len() {
            let step = 1 + chance.below(self.reordered_by as u64) as usize;
            let last = (at + step).min(arrived.len() - 1);
            let affects_setup = arrived[at..=last].iter().any(|sent| sent.kind == Kind::Setup);
            if chance.percent(self.reordering) && !affects_setup {
                let times: Vec<_> = arrived[at..=last].iter().map(|sent| sent.time).collect();
                arrived[at..=last].rotate_left(1);
                for (sent, time) in arrived[at..=last].iter_mut().zip(times) {
                    sent.time = time;
                }
                at = last;
            }
            at += 1;
        }
        for index in 0..arrived.len() {
            let room = arrived
                .get(index + 1)
                .map_or(self.jitter_micros, |next| next.time.since(arrived[index].time).as_micros() as u64);
            let late = chance.below(self.jitter_micros.min(room) + 1);
            arrived[index].time = arrived[index].time + Duration::from_micros(late);
        }
    }
}

/// Which of the scene's presses some frame still carries.
pub fn survivors(arrived: &[Sent], pressed: usize) -> Vec<bool> {
    let mut survived = vec![false; pressed];
    for sent in arrived {
        if let Carries::Keys { first, many } = sent.carries {
            survived[first..first + many].fill(true);
        }
    }
    survived
}
