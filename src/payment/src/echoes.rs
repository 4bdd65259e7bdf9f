//! Tones of the agent's side that come back from the caller's.
//!
//! What the agent's telephone sounds (a mask tone from its loudspeaker, a key that the agent presses) goes to the caller, and a
//! part of it returns from the hybrid where the caller's line turns into two wires (ITU-T G.131). There it looks as if the
//! caller had pressed that key.

use core::time::Duration;
use std::collections::VecDeque;

use handover::Instant;
use secret::Digit;

/// How long an echo may be under way.
const LONGEST: Duration = Duration::from_millis(400);
/// Tones remembered at once: nobody keys more in half a second.
const CAPACITY: usize = 16;

/// The tones lately heard of the customer's side of a call.
#[derive(Debug, Default)]
pub struct Echoes(VecDeque<Tone>);

#[derive(Debug)]
struct Tone {
    digit: Digit,
    onset: Instant,
    level: i8,
}

impl Echoes {
    /// A call in which nothing was heard.
    pub fn new() -> Self {
        Echoes::default()
    }

    /// A tone came from the customer's side.
    pub fn sent(&mut self, digit: &Digit, onset: Instant, level: i8) {
        let Some(digit) = Digit::from_event_code(digit.event_code()) else { return };
        let is_over = |tone: &Tone| onset.since(tone.onset) > LONGEST;
        while self.0.len() >= CAPACITY || self.0.front().is_some_and(is_over) {
            self.0.pop_front();
        }
        self.0.push_back(Tone { digit, onset, level });
    }

    /// Whether a tone from the carrier's side is the echo of one of those: the same key, later, and weaker.
    pub fn is_echo(&self, digit: &Digit, onset: Instant, level: i8) -> bool {
        self.0.iter().any(|tone| {
            // Onsets are known to 5 ms on either side.
            let slack = Duration::from_millis(10);
            let is_after = onset + slack >= tone.onset && onset.since(tone.onset) <= LONGEST;
            tone.digit == *digit && is_after && level < tone.level
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: u8) -> Digit {
        Digit::from_ascii(key).expect("a key")
    }

    fn at(milliseconds: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(milliseconds)
    }

    #[test]
    fn an_echo_is_the_same_key_later_and_weaker() {
        let mut echoes = Echoes::new();
        echoes.sent(&key(b'#'), at(1_000), -22);
        assert!(echoes.is_echo(&key(b'#'), at(1_080), -34));
        assert!(echoes.is_echo(&key(b'#'), at(1_400), -34));
        assert!(!echoes.is_echo(&key(b'#'), at(1_401), -34), "too late");
        assert!(!echoes.is_echo(&key(b'#'), at(980), -34), "too early");
        assert!(!echoes.is_echo(&key(b'5'), at(1_080), -34), "another key");
        assert!(!echoes.is_echo(&key(b'#'), at(1_080), -10), "the caller's own, and louder");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut echoes = Echoes::new();
        for number in 0..1_000 {
            echoes.sent(&key(b'1'), at(number), -20);
            assert!(echoes.0.len() <= CAPACITY);
        }
    }
}
