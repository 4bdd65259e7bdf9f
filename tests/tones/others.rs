//! What other people's receivers make of masked audio.

use crate::conditions::{Asked, Behind, conditions};
use crate::corpus::at_speed;
use crate::leaks::scripts;
use crate::line::{Carried, MASK, Mode};
use crate::q24::compare;
use crate::receivers;

/// Asked of one stream.
const TONES: usize = 50;

type Receiver = fn(&[i16]) -> Option<String>;

#[test]
fn other_receivers_hear_nothing_but_the_mask_key() {
    let behind = Behind::new();
    let mut faults = Vec::new();
    let receivers: [(&str, Receiver); 2] =
        [("spandsp", receivers::spandsp), ("multimon-ng", receivers::multimon)];
    println!("| condition | receiver | masked: mask keys | masked: others | unmasked % | extra |");
    println!("|---|---|---:|---:|---:|---:|");
    for (number, condition) in conditions(behind.is_some()).iter().enumerate() {
        if condition.asked == Asked::Shown {
            continue;
        }
        for (script, chance) in scripts(condition, number, (TONES, TONES), behind.as_ref()) {
            let line = condition.line(chance);
            let narrow = |carried: &Carried| at_speed(&carried.heard, line.format.khz() as f64 / 8.0);
            let masked = narrow(&line.carry(&script.audio, condition.mode));
            let unmasked = narrow(&line.carry(&script.audio, Mode::Passing));
            for (name, receiver) in receivers {
                let (Some(masked), Some(unmasked)) = (receiver(&masked), receiver(&unmasked)) else {
                    println!("| {} | {name} | not installed", condition.name);
                    continue;
                };
                let mask = char::from(MASK.ascii());
                let masks = masked.chars().filter(|key| *key == mask).count();
                let others = masked.chars().count() - masks;
                let (right, wrong) = compare(&script.keys(), &unmasked);
                let percent = 100.0 * right as f64 / TONES as f64;
                println!("| {} | {name} | {masks} | {others} | {percent:.1} | {wrong} |", condition.name);
                if others > 0 || masks == 0 {
                    faults.push(format!("{}: {name} hears {masked} of what is masked", condition.name));
                }
                if condition.is_plain() && unmasked != script.keys() {
                    faults.push(format!("{}: {name} hears {percent} % of the control", condition.name));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
