//! What is marked in a recording: where its call was in SecureMode, and where it was suspended.
//!
//! Exact, in milliseconds, in the recording's end. With every second in its chunk as well, so that a kill does not take them: there
//! as one stretch of each kind, from the first mark in the second to the last.

use crate::frame::{Channel, Format};
use crate::second::{Mark, MarkKind};

/// Marks that are told one by one; the last covers all after it.
pub const MOST_MARKS: usize = 4_096;
/// Bytes of [`SecondMarks`].
pub(crate) const MARKS_LEN: usize = 11;

/// The formats in which a channel's audio came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Formats(pub(crate) u8);

impl Formats {
    const ALL: [Format; 5] = [Format::Pcmu, Format::Pcma, Format::G722, Format::L16Narrow, Format::L16Wide];

    pub(crate) fn add(&mut self, format: Format) {
        let place = Formats::ALL.iter().position(|known| *known == format);
        self.0 |= place.map_or(0, |place| 1 << place);
    }

    /// Which.
    pub fn iter(self) -> impl Iterator<Item = Format> {
        let has = move |(place, _): &(usize, Format)| self.0 & (1 << place) != 0;
        Formats::ALL.into_iter().enumerate().filter(has).map(|(_, format)| format)
    }
}

/// What is kept with a second in its chunk.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct SecondMarks {
    /// Milliseconds from the second's beginning, by [`MarkKind`]; nothing where both are the same.
    pub(crate) stretches: [(u16, u16); 2],
    pub(crate) is_overrun: bool,
    pub(crate) formats: [Formats; 2],
}

impl SecondMarks {
    pub(crate) fn bytes(&self) -> [u8; MARKS_LEN] {
        let mut bytes = [0; MARKS_LEN];
        let numbers = self.stretches.iter().flat_map(|(from, to)| [from, to]);
        for (to, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
            *to = number.to_le_bytes();
        }
        bytes[8] = u8::from(self.is_overrun);
        bytes[9] = self.formats[0].0;
        bytes[10] = self.formats[1].0;
        bytes
    }

    pub(crate) fn of_bytes(bytes: &[u8; MARKS_LEN]) -> SecondMarks {
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let stretches = [(number(0), number(2)), (number(4), number(6))];
        let formats = [Formats(bytes[9]), Formats(bytes[10])];
        SecondMarks { stretches, is_overrun: bytes[8] & 1 != 0, formats }
    }
}

/// The marks of a recording, while it runs.
#[derive(Clone, Default, Debug)]
pub(crate) struct Marks {
    closed: Vec<Mark>,
    /// Since when each kind holds, in milliseconds.
    open: [Option<u32>; 2],
    pub(crate) formats: [Formats; 2],
}

impl Marks {
    /// Marks of what follows a recording with these: what holds at its end holds from the beginning on.
    pub(crate) fn following(&self) -> Marks {
        let open = self.open.map(|since| since.map(|_| 0));
        Marks { closed: Vec::new(), open, formats: [Formats::default(); 2] }
    }

    pub(crate) fn is_open(&self, kind: MarkKind) -> bool {
        self.open[kind as usize].is_some()
    }

    pub(crate) fn open(&mut self, kind: MarkKind, at: u32) {
        self.open[kind as usize].get_or_insert(at);
    }

    pub(crate) fn close(&mut self, kind: MarkKind, at: u32) {
        if let Some(from) = self.open[kind as usize].take() {
            self.add(Mark { from, to: at, kind });
        }
    }

    pub(crate) fn heard(&mut self, channel: Channel, format: Format) {
        self.formats[channel.index()].add(format);
    }

    pub(crate) fn add(&mut self, mark: Mark) {
        if mark.from >= mark.to {
            return;
        }
        let is_full = self.closed.len() >= MOST_MARKS;
        match self.closed.iter_mut().rev().find(|last| last.kind == mark.kind) {
            Some(last) if is_full || last.to >= mark.from => last.to = last.to.max(mark.to),
            _ if is_full => (),
            _ => self.closed.push(mark),
        }
    }

    /// What holds in a second.
    pub(crate) fn of_second(&self, index: u32) -> SecondMarks {
        let from = index.saturating_mul(1000);
        let to = from.saturating_add(1000);
        let mut marks = SecondMarks { formats: self.formats, ..SecondMarks::default() };
        let open = MarkKind::ALL.into_iter().filter_map(|kind| {
            let since = self.open[kind as usize]?;
            Some(Mark { from: since, to: u32::MAX, kind })
        });
        for mark in self.closed.iter().copied().chain(open) {
            if mark.from < to && mark.to > from {
                let stretch = &mut marks.stretches[mark.kind as usize];
                let here = ((mark.from.max(from) - from) as u16, (mark.to.min(to) - from) as u16);
                *stretch = match *stretch {
                    (0, 0) => here,
                    (before, until) => (before.min(here.0), until.max(here.1)),
                };
            }
        }
        marks
    }

    /// Takes in what was kept with a second.
    pub(crate) fn add_second(&mut self, index: u32, second: &SecondMarks) {
        let begin = index.saturating_mul(1000);
        for kind in MarkKind::ALL {
            let (from, to) = second.stretches[kind as usize];
            let [from, to] = [from, to].map(|at| begin.saturating_add(u32::from(at.min(1000))));
            self.add(Mark { from, to, kind });
        }
        for (all, here) in self.formats.iter_mut().zip(second.formats) {
            all.0 |= here.0;
        }
    }

    /// All marks of a recording that is so long, in order.
    pub(crate) fn until(&self, end: u32) -> Vec<Mark> {
        let mut marks = self.clone();
        for kind in MarkKind::ALL {
            marks.close(kind, end);
        }
        let cut = |mark: Mark| Mark { to: mark.to.min(end), ..mark };
        let mut all: Vec<Mark> =
            marks.closed.into_iter().map(cut).filter(|mark| mark.from < mark.to).collect();
        all.sort_unstable_by_key(|mark| (mark.from, mark.to, mark.kind as u8));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECURE: MarkKind = MarkKind::SecureMode;
    const SUSPENDED: MarkKind = MarkKind::Suspended;

    #[test]
    fn marks_taken_from_their_seconds_are_those_that_were_made() {
        let mut marks = Marks::default();
        marks.open(SECURE, 1_250);
        marks.open(SUSPENDED, 3_999);
        marks.open(SECURE, 2_000);
        marks.close(SECURE, 4_000);
        marks.close(SECURE, 4_500);
        marks.heard(Channel::Agent, Format::G722);
        let mut again = Marks::default();
        for index in 0..6 {
            let second = marks.of_second(index);
            assert_eq!(SecondMarks::of_bytes(&second.bytes()), second);
            again.add_second(index, &second);
        }
        let expected =
            [Mark { from: 1_250, to: 4_000, kind: SECURE }, Mark { from: 3_999, to: 6_000, kind: SUSPENDED }];
        assert_eq!((marks.until(6_000), again.until(6_000)), (expected.to_vec(), expected.to_vec()));
        assert_eq!(again.formats[1].iter().collect::<Vec<_>>(), [Format::G722]);
        assert_eq!(marks.until(1_300), [Mark { from: 1_250, to: 1_300, kind: SECURE }]);
        assert_eq!(marks.following().until(700), [Mark { from: 0, to: 700, kind: SUSPENDED }]);
    }

    #[test]
    fn a_thousand_changes_of_mind_are_no_more_than_so_many_marks() {
        let mut marks = Marks::default();
        for nth in 0..10_000 {
            marks.open(SECURE, nth * 10);
            marks.close(SECURE, nth * 10 + 5);
        }
        let all = marks.until(u32::MAX);
        assert_eq!((all.len(), all.last().map(|last| last.to)), (MOST_MARKS, Some(99_995)));
        // Within a second they are one.
        assert_eq!(marks.of_second(0).stretches, [(0, 995), (0, 0)]);
    }
}
