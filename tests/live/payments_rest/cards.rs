//! Cards that nobody has, made from a seed.

use keyhush_tests::rest::{Card, can_tell};
use keyhush_tests::seed::Seed;

/// What a number begins with, how long it is, and how long its code: of every length that may be told from chance.
const KINDS: [(&str, usize, usize); 8] = [
    ("4", 16, 3),
    ("37", 15, 4),
    ("52", 16, 3),
    ("4", 19, 3),
    ("2412", 16, 3),
    ("5018", 17, 3),
    ("62", 18, 3),
    ("3530", 16, 3),
];

/// So many cards, all different.
pub(super) fn made(many: usize) -> Vec<Card> {
    let mut seed = Seed::new(0xca4d);
    (0..many)
        .map(|place| {
            let (begins, length, code) = KINDS[place % KINDS.len()];
            let number = loop {
                let middle = digits(&mut seed, length - begins.len() - 1);
                let number = with_check_digit(&format!("{begins}{middle}"));
                if can_tell(&number) {
                    break number;
                }
            };
            Card::new(&number, &digits(&mut seed, code))
        })
        .collect()
}

/// The number with another last digit: a slip of a finger.
pub(super) fn miskeyed(number: &str) -> String {
    let last = number.bytes().last().map_or(0, |digit| digit - b'0');
    format!("{}{}", &number[..number.len() - 1], (last + 1) % 10)
}

fn digits(seed: &mut Seed, many: usize) -> String {
    (0..many).map(|_| char::from(b'0' + seed.below(10) as u8)).collect()
}

/// ISO/IEC 7812-1 annex B.
fn with_check_digit(number: &str) -> String {
    let doubled = |(place, digit): (usize, u8)| {
        let digit = u32::from(digit - b'0');
        if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
    };
    let sum: u32 = number.bytes().rev().enumerate().map(doubled).sum();
    format!("{number}{}", (10 - sum % 10) % 10)
}
