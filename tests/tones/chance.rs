//! Whether so many keys were named by chance.

/// The chance of `right` or fewer of `tries`, each right with the chance `one` (the binomial distribution's sum).
pub(crate) fn of_at_most(right: usize, tries: usize, one: f64) -> f64 {
    let (yes, no) = (one.ln(), (1.0 - one).ln());
    let mut ways = 0.0;
    let mut sum = 0.0;
    for count in 0..=right.min(tries) {
        sum += f64::exp(ways + count as f64 * yes + (tries - count) as f64 * no);
        ways += ((tries - count) as f64).ln() - (count as f64 + 1.0).ln();
    }
    sum
}

/// One of sixteen keys.
pub(crate) const ONE_KEY: f64 = 1.0 / 16.0;
/// What is believed to be no accident.
const ACCIDENT: f64 = 0.001;
/// The same of any of a hundred such questions.
const ACCIDENT_AMONG_MANY: f64 = ACCIDENT / 100.0;

/// Whether so many may be right by chance, where a hundred such questions are asked.
pub(crate) fn may_be_chance(right: usize, tries: usize) -> bool {
    right == 0 || 1.0 - of_at_most(right - 1, tries, ONE_KEY) > ACCIDENT_AMONG_MANY
}

/// Whether the rate is surely no more than `points` (as parts of one) above chance: the upper 99.9 % limit of Clopper and
/// Pearson is.
pub(crate) fn is_surely_within(points: f64, right: usize, tries: usize) -> bool {
    of_at_most(right, tries, ONE_KEY + points) < ACCIDENT
}

#[test]
fn the_sums_are_those_of_the_tables() {
    // Of ten tosses of a coin: 1, 11, 56 of 1024.
    for (right, ways) in [(0, 1.0), (1, 11.0), (2, 56.0), (10, 1024.0)] {
        assert!((of_at_most(right, 10, 0.5) - ways / 1024.0).abs() < 1e-12);
    }
    assert!((of_at_most(1250, 20_000, ONE_KEY) - 0.507).abs() < 0.01);
    assert!(may_be_chance(14, 100) && !may_be_chance(20, 100));
    assert!(is_surely_within(0.05, 62, 1000) && !is_surely_within(0.05, 62, 100));
}
