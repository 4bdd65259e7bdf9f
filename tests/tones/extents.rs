//! One who hears only when the mask's tone begins and ends, and knows when the key truly did.

/// Samples at 8 kHz by which he tells times apart.
const STEP: usize = 20;
/// Cells of which more than half are changed are masked: 5 ms.
const CELL: usize = 40;
/// Steps by which a mask may begin before the key or end after it.
const STEPS: usize = 64;

/// How long before a key its mask began, how long after it ended, and the key.
#[derive(Clone, Copy, Debug)]
struct Extent {
    times: [usize; 2],
    key: usize,
}

/// The extents of all masks of a condition.
#[derive(Clone, Default, Debug)]
pub(crate) struct Extents(Vec<Extent>);

impl Extents {
    /// Notes the mask of a key that was down from sample to sample at `khz`, in audio of which these samples are not
    /// replaced. Masks end at cells of their packets.
    pub(crate) fn note(
        &mut self,
        khz: usize,
        unreplaced: &[bool],
        tone: core::ops::Range<usize>,
        key: usize,
    ) {
        let (cell, step) = (CELL * khz / 8, STEP * khz / 8);
        let is_masked = |number: usize| {
            let samples = unreplaced.get(number * cell..(number + 1) * cell);
            samples.is_some_and(|samples| 2 * samples.iter().filter(|same| **same).count() < cell)
        };
        let middle = (tone.start + tone.end) / 2 / cell;
        let first = (0..middle).rev().find(|number| !is_masked(*number)).map_or(0, |before| before + 1);
        let last = (middle..).find(|number| !is_masked(*number)).unwrap_or(middle);
        // Measured from a little within the key, so that a mask that is too short has its times too.
        let within = 20 * khz;
        let times = [
            (tone.start + within).saturating_sub(first * cell),
            (last * cell + within).saturating_sub(tone.end),
        ];
        self.0.push(Extent { times: times.map(|time| (time / step).min(STEPS - 1)), key });
    }

    /// How many keys are named of how many: each half by what the other half has taught.
    pub(crate) fn named(&self) -> usize {
        let (one, other) = self.0.split_at(self.0.len() / 2);
        named(one, other) + named(other, one)
    }
}

/// By naive Bayes: how often each time was seen with each key, once more than it was.
fn named(lessons: &[Extent], asked: &[Extent]) -> usize {
    let mut seen = vec![[[1.0f64; STEPS]; 2]; 16];
    for Extent { times, key } in lessons {
        seen[*key].iter_mut().zip(times).for_each(|(counts, time)| counts[*time] += 1.0);
    }
    let sums: Vec<f64> = seen.iter().map(|counts| counts[0].iter().sum()).collect();
    let likely = |key: usize, extent: &Extent| -> f64 {
        let each = seen[key].iter().zip(extent.times);
        each.map(|(counts, time)| (counts[time] / sums[key]).ln()).sum()
    };
    let best = |extent: &Extent| {
        (0..16).max_by(|one, other| likely(*one, extent).total_cmp(&likely(*other, extent)))
    };
    asked.iter().filter(|extent| best(extent) == Some(extent.key)).count()
}

#[test]
fn keys_whose_masks_are_longer_are_told_from_the_others() {
    let mut extents = Extents::default();
    let mut seed = keyhush_tests::seed::Seed::new(9);
    for _ in 0..400 {
        let key = seed.below(16) as usize;
        let start = 1000 + seed.below(40) as usize;
        let end = start + 400;
        let masked = start - 80..end + if key == 5 { 200 } else { 80 };
        let unreplaced: Vec<bool> = (0..2000).map(|at| !masked.contains(&(at / CELL * CELL))).collect();
        extents.note(8, &unreplaced, start..end, key);
    }
    let fives = extents.0.iter().filter(|extent| extent.key == 5).count();
    assert!(extents.named() >= fives + 15, "{} of 400, {fives} are the longer one", extents.named());
}
