//! One recording while it runs: each finished second is appended to its file, and what the disk did not take becomes a gap.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};

use crate::marks::{Marks, SecondMarks};
use crate::sealed::{self, Head, Kind, Seal, SealError, TenantKey};
use crate::second::{self, End, EndKind, Gap, GapCause, Second, SecondSink};

/// Seconds of a gap that are written at once when the disk takes something again, so that others need not wait.
const AT_ONCE: u32 = 16;

/// A file that is written.
pub trait Medium: Send {
    /// Writes all bytes at a place.
    ///
    /// # Errors
    /// The system's own; part of it may have been written.
    fn write_at(&mut self, bytes: &[u8], at: u64) -> io::Result<()>;
}

/// Where files are.
pub trait Volume: Send + Sync {
    /// Makes a file that is not there.
    ///
    /// # Errors
    /// The system's own.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>>;

    /// Waits until all that was written is on the disk.
    ///
    /// # Errors
    /// The system's own: something written may be lost.
    fn sync(&self) -> io::Result<()>;

    /// Gives a file another name, for good.
    ///
    /// # Errors
    /// The system's own.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
}

/// A recording's file. It takes the seconds of a timeline, and hands on those that the disk has taken.
pub struct Writer<'v> {
    volume: &'v dyn Volume,
    state: &'v mut State,
}

/// What is kept of a recording's file between two seconds.
pub struct State {
    path: PathBuf,
    /// Its encoding is not settled until the first second.
    head: Head,
    about: Vec<u8>,
    key: TenantKey,
    file: Option<(Box<dyn Medium>, Seal)>,
    /// Whole seconds in the file.
    written: u32,
    /// Whole seconds after those that the disk did not take, with what is marked in them: settled, since a nonce must not seal two
    /// texts, should it be tried again.
    missing: VecDeque<SecondMarks>,
    gaps: Vec<Gap>,
    /// What is marked in it so far.
    pub(crate) marks: Marks,
    /// The text of the last second, if it is not whole.
    rest: Vec<u8>,
    sink: Box<dyn SecondSink + Send>,
    text: Vec<u8>,
    chunk: Vec<u8>,
    /// Writes that failed.
    pub failures: u64,
}

impl State {
    /// A recording that is not begun; `head`'s encoding will be replaced.
    pub(crate) fn new(
        path: PathBuf,
        mut head: Head,
        about: Vec<u8>,
        key: TenantKey,
        sink: Box<dyn SecondSink + Send>,
    ) -> State {
        head.about_len = about.len() as u32;
        let (text, chunk, rest, gaps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (file, written, missing, failures) = (None, 0, VecDeque::new(), 0);
        let marks = Marks::default();
        State {
            path,
            head,
            about,
            key,
            file,
            written,
            missing,
            gaps,
            marks,
            rest,
            sink,
            text,
            chunk,
            failures,
        }
    }

    /// To take seconds.
    pub(crate) fn writer<'v>(&'v mut self, volume: &'v dyn Volume) -> Writer<'v> {
        Writer { volume, state: self }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn into_sink(self) -> Box<dyn SecondSink + Send> {
        self.sink
    }

    /// Notes seconds in which something is missing.
    pub(crate) fn note_gap(&mut self, from: u32, to: u32, cause: GapCause) {
        second::note_gap(&mut self.gaps, Gap { from, to, cause });
    }

    /// What is kept with a second.
    fn marks_of(&self, index: u32) -> SecondMarks {
        let is_lost = |gap: &Gap| gap.cause == GapCause::Overrun && (gap.from..gap.to).contains(&index);
        SecondMarks { is_overrun: self.gaps.iter().any(is_lost), ..self.marks.of_second(index) }
    }
}

impl SecondSink for Writer<'_> {
    fn second(&mut self, second: &Second<'_>) {
        self.state.head.encoding = second.encoding;
        let number = self.state.written + self.state.missing.len() as u32;
        let marks = self.state.marks_of(number);
        if second.channels[0].len() < second.encoding.second_len() {
            self.state.rest.clear();
            sealed::second_text(second, &marks, &mut self.state.rest);
            return;
        }
        if self.catch_up(AT_ONCE) && self.write(second, &marks).is_ok() {
            return;
        }
        self.state.missing.push_back(marks);
        self.state.note_gap(number, number + 1, GapCause::Disk);
    }
}

impl Writer<'_> {
    /// Writes the end. Until it succeeds it may be tried again.
    ///
    /// # Errors
    /// That the disk does not take it.
    pub(crate) fn end(&mut self, samples: u64) -> Result<End, SealError> {
        if !self.catch_up(u32::MAX) {
            return Err(SealError::Io(io::ErrorKind::StorageFull.into()));
        }
        self.open()?;
        let state = &mut *self.state;
        let milliseconds = samples * 1000 / u64::from(state.head.encoding.rate());
        let marks = state.marks.until(u32::try_from(milliseconds).unwrap_or(u32::MAX));
        state.gaps.sort_by_key(|gap| (gap.from, gap.to));
        let (gaps, formats) = (state.gaps.clone(), state.marks.formats);
        let end = End { kind: EndKind::Finished, samples, gaps, marks, formats };
        let mut text = sealed::end_text(&end);
        text.extend_from_slice(&state.rest);
        let Some((file, seal)) = &mut state.file else { return Err(SealError::Malformed) };
        let mut last = Vec::new();
        seal.chunk(Kind::Finished, state.written, &text, &mut last)?;
        let len = last.len() as u32;
        last.extend(len.to_le_bytes());
        last.extend(b"KHRE");
        if let Err(error) = file.write_at(&last, state.head.second_at(state.written)) {
            state.failures += 1;
            return Err(error.into());
        }
        let (index, encoding) = (state.written, state.head.encoding);
        if let Some(second) = sealed::second_of(&state.rest, index, encoding, false) {
            state.sink.second(&second);
        }
        Ok(end)
    }

    /// Writes silence for what is missing, some of it at once; whether nothing is missing any more.
    fn catch_up(&mut self, most: u32) -> bool {
        let encoding = self.state.head.encoding;
        for _ in 0..most.min(self.state.missing.len() as u32) {
            let silence = vec![encoding.silence(); encoding.second_len()];
            let gap = Second {
                index: self.state.written,
                encoding,
                channels: [&silence, &silence],
                accounts: Default::default(),
                is_gap: true,
            };
            let marks = self.state.missing.front().copied().unwrap_or_default();
            if self.write(&gap, &marks).is_err() {
                return false;
            }
            self.state.missing.pop_front();
        }
        self.state.missing.is_empty()
    }

    fn write(&mut self, second: &Second<'_>, marks: &SecondMarks) -> Result<(), SealError> {
        self.open()?;
        let state = &mut *self.state;
        // Its number in the file, whatever the timeline calls it.
        let second = Second { index: state.written, ..*second };
        let Some((file, seal)) = &mut state.file else { return Err(SealError::Malformed) };
        state.text.clear();
        state.chunk.clear();
        sealed::second_text(&second, marks, &mut state.text);
        let kind = if second.is_gap { Kind::Gap } else { Kind::Second };
        seal.chunk(kind, state.written, &state.text, &mut state.chunk)?;
        if let Err(error) = file.write_at(&state.chunk, state.head.second_at(state.written)) {
            state.failures += 1;
            return Err(error.into());
        }
        state.written += 1;
        state.sink.second(&second);
        Ok(())
    }

    /// Makes the file, if it is not there yet: with the encoding that the first second settled.
    fn open(&mut self) -> Result<(), SealError> {
        let state = &mut *self.state;
        if state.file.is_some() {
            return Ok(());
        }
        let seal = Seal::new(&state.key, &state.head)?;
        let mut bytes = state.head.bytes();
        seal.chunk(Kind::About, 0, &state.about, &mut bytes)?;
        let made = self.volume.create(&state.path).and_then(|mut file| {
            file.write_at(&bytes, 0)?;
            Ok(file)
        });
        match made {
            Ok(file) => state.file = Some((file, seal)),
            Err(error) => {
                state.failures += 1;
                return Err(error.into());
            }
        }
        Ok(())
    }
}
