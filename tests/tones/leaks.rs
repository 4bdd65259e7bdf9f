//! What of a tone leaves, through the whole pipeline: in packets to the carrier's side, and from the customer's back to audio.

use keyhush_tests::seed::Seed;

use crate::attacker::Attacker;
use crate::audio::KEYS;
use crate::chance::{is_surely_within, may_be_chance};
use crate::conditions::{Asked, Behind, Condition, Script, conditions};
use crate::extents::Extents;
use crate::line::{Carried, MASK_NUMBER, Mode};
use crate::q24::compare;

/// Tones of a condition, in streams of so many: together more than 50 000. With half as many, chance alone would now and then
/// be taken for five points more.
fn amount() -> (usize, usize) {
    if std::env::var_os("KEYHUSH_LONG").is_some() { (10_000, 250) } else { (2000, 250) }
}

/// What was counted of one condition.
#[derive(Clone, Default, Debug)]
struct Row {
    tones: usize,
    /// Samples of tones that came as far as the customer's side.
    samples: usize,
    /// Those that came as they were sent.
    left: usize,
    /// Tones that left a piece.
    pieces: usize,
    /// The most samples of one.
    most: usize,
    /// Tones that the attacker names, that he names beneath the mask, and that he names unmasked.
    named: usize,
    beneath: usize,
    unmasked: usize,
    /// When the masks began and ended.
    extents: Extents,
    /// Keys captured in their order, and others.
    captured: usize,
    extra: usize,
}

impl Row {
    fn count(&mut self, script: &Script, masked: &Carried, unmasked: &Carried, attacker: &Attacker) {
        for tone in &script.tones {
            let extent = tone.start..tone.start + tone.length;
            let left = masked.left(extent.clone());
            self.extents.note(masked.khz, &masked.unreplaced, extent.clone(), tone.key);
            self.samples += masked.came[extent].iter().filter(|came| **came).count();
            self.left += left;
            self.pieces += usize::from(left > 0);
            self.most = self.most.max(left);
            let after = |carried: &Carried| -> Vec<f64> {
                let start = tone.start + carried.delay;
                carried.heard[start..start + attacker.reach()].iter().map(|one| f64::from(*one)).collect()
            };
            let (masked, unmasked) = (after(masked), after(unmasked));
            self.named += usize::from(attacker.name(&masked) == tone.key);
            self.beneath += usize::from(attacker.name_beneath(&masked, MASK_NUMBER) == tone.key);
            self.unmasked += usize::from(attacker.name(&unmasked) == tone.key);
            self.tones += 1;
        }
        let (right, wrong) = compare(&script.keys(), &masked.captured);
        self.captured += right;
        self.extra += wrong + masked.others;
    }

    fn print(&self, name: &str) {
        let percent = |count: usize| 100.0 * count as f64 / self.tones as f64;
        println!(
            "| {name} | {} | {} | {} | {} (most {}) | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
            self.tones,
            self.samples,
            self.left,
            self.pieces,
            self.most,
            percent(self.named),
            percent(self.beneath),
            percent(self.extents.named()),
            percent(self.unmasked),
            percent(self.captured),
            self.extra
        );
    }

    /// How many keys each attack named.
    fn attacks(&self) -> [(usize, &'static str); 3] {
        [
            (self.named, "named"),
            (self.beneath, "named beneath the mask"),
            (self.extents.named(), "named by the mask's extent"),
        ]
    }

    /// What is wrong with it.
    fn faults(&self, asked: Asked) -> Vec<&'static str> {
        let mut faults = Vec::new();
        let mut hold = |holds: bool, otherwise| {
            if !holds {
                faults.push(otherwise);
            }
        };
        if asked != Asked::Shown {
            hold(self.samples > 0 && self.left == 0, "samples left");
            for (named, otherwise) in self.attacks() {
                hold(is_surely_within(0.05, named, self.tones), otherwise);
            }
        }
        if asked != Asked::Shown {
            hold(may_be_chance(self.named, self.tones), "named more than by chance");
            hold(may_be_chance(self.beneath, self.tones), "named beneath the mask more than by chance");
        }
        if asked == Asked::Clean {
            hold(100 * self.unmasked > 99 * self.tones, "the control is not named");
            hold((self.captured, self.extra) == (self.tones, 0), "not each captured once, in order");
        }
        faults
    }
}

/// The streams of a condition.
pub(crate) fn scripts(
    condition: &Condition,
    number: usize,
    (tones, in_a_stream): (usize, usize),
    behind: Option<&Behind>,
) -> impl Iterator<Item = (Script, u64)> {
    let mut seed = Seed::new(0x1eaf + number as u64);
    (0..tones / in_a_stream).map(move |_| (condition.script(in_a_stream, behind, &mut seed), seed.bits()))
}

#[test]
fn of_no_key_anything_leaves_nobody_can_name_it_and_each_is_captured_once() {
    let amount = amount();
    let attackers = [8, 16].map(Attacker::new);
    let behind = Behind::new();
    let (mut faults, mut tones, mut all) = (Vec::new(), 0, [0; 3]);
    println!(
        "| condition | tones | samples | left | tones that left a piece | named % | beneath the mask % | by the mask's extent % | unmasked % | captured % | extra |"
    );
    println!("|---|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|");
    for (number, condition) in conditions(behind.is_some()).iter().enumerate() {
        let mut row = Row::default();
        for (script, chance) in scripts(condition, number, amount, behind.as_ref()) {
            let line = condition.line(chance);
            let masked = line.carry(&script.audio, condition.mode);
            let unmasked = line.carry(&script.audio, Mode::Passing);
            assert_eq!(unmasked.captured.len() + unmasked.others, 0, "{}: captured unasked", condition.name);
            if condition.asked == Asked::Clean {
                assert!(unmasked.unreplaced.iter().all(|same| *same), "{}: changed unasked", condition.name);
            }
            let attacker = &attackers[usize::from(line.format.khz() == 16)];
            row.count(&script, &masked, &unmasked, attacker);
        }
        row.print(condition.name);
        let what = row.faults(condition.asked);
        if !what.is_empty() {
            faults.push(format!("{}: {}", condition.name, what.join(", ")));
        }
        if condition.asked != Asked::Shown {
            tones += row.tones;
            for ((named, _), all) in row.attacks().iter().zip(&mut all) {
                *all += named;
            }
        }
    }
    for ((_, told), named) in Row::default().attacks().iter().zip(all) {
        println!("{told} in all: {named} of {tones}, chance is {}", tones / KEYS.len());
        if !is_surely_within(0.01, named, tones) {
            faults.push(format!("in all: {told}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
