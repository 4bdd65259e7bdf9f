//! Sealed recordings, read: any second by itself, as a WAV file in any range, and after an interruption.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::{
    CHUNK_EXTRA, FOOT, FOOT_LEN, Head, Kind, Seal, SealError, TenantKey, end_of, end_text, marks_of,
    second_chunk_len, second_of,
};
use crate::marks::Marks;
use crate::second::{End, EndKind, Gap, GapCause, Second, SecondSink, note_gap};
use crate::wav;

/// A recording that has ended.
pub struct Reader<R> {
    from: R,
    head: Head,
    seal: Seal,
    about: Vec<u8>,
    end: End,
    /// The text of the last second, if it is not whole.
    rest: Vec<u8>,
    whole: u32,
    chunk: Vec<u8>,
}

/// Reads the head of a file, which tells whose key is needed.
///
/// # Errors
/// That it is no recording.
pub(crate) fn head<R: Read + Seek>(from: &mut R) -> Result<Head, SealError> {
    from.seek(SeekFrom::Start(0))?;
    let mut first = [0; 8];
    exact(from, &mut first)?;
    let len = Head::len_of(&first).ok_or(SealError::Malformed)?;
    let mut bytes = vec![0; len.max(first.len())];
    from.seek(SeekFrom::Start(0))?;
    exact(from, &mut bytes)?;
    // Nothing in it may be left out of what the key is derived from.
    Head::parse(&bytes).filter(|head| head.bytes() == bytes).ok_or(SealError::Malformed)
}

fn exact<R: Read>(from: &mut R, to: &mut [u8]) -> Result<(), SealError> {
    from.read_exact(to).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => SealError::Malformed,
        _ => SealError::Io(error),
    })
}

impl<R: Read + Seek> Reader<R> {
    /// Opens a recording with the key of the tenant that its head names.
    ///
    /// # Errors
    /// That it has not ended, was changed or cut, or is another tenant's.
    pub fn open(
        mut from: R,
        key: impl FnOnce(&str) -> Result<TenantKey, SealError>,
    ) -> Result<Self, SealError> {
        let head = head(&mut from)?;
        let seal = Seal::new(&key(&head.tenant)?, &head)?;
        let about = about(&mut from, &head, &seal)?;
        let len = from.seek(SeekFrom::End(0))?;
        let first = head.second_at(0);
        let foot_at =
            len.checked_sub(FOOT_LEN as u64).filter(|at| *at > first).ok_or(SealError::Malformed)?;
        from.seek(SeekFrom::Start(foot_at))?;
        let mut foot = [0; FOOT_LEN];
        exact(&mut from, &mut foot)?;
        let [a, b, c, d, magic @ ..] = foot;
        let end_len = u64::from(u32::from_le_bytes([a, b, c, d]));
        let end_at = foot_at.checked_sub(end_len).filter(|at| *at >= first && &magic == FOOT);
        let end_at = end_at.ok_or(SealError::Malformed)?;
        let chunk_len = second_chunk_len(head.encoding);
        if (end_at - first) % chunk_len != 0 {
            return Err(SealError::Malformed);
        }
        let whole = u32::try_from((end_at - first) / chunk_len).map_err(|_| SealError::Malformed)?;
        from.seek(SeekFrom::Start(end_at))?;
        let mut chunk = vec![0; end_len as usize];
        exact(&mut from, &mut chunk)?;
        let (kind, text) = seal.open(whole, &mut chunk)?;
        if kind != Kind::Finished as u8 && kind != Kind::Interrupted as u8 {
            return Err(SealError::NotAuthentic);
        }
        let (end, rest) = end_of(text).ok_or(SealError::Malformed)?;
        let rest = rest.to_vec();
        Ok(Reader { from, head, seal, about, end, rest, whole, chunk: Vec::new() })
    }

    /// Its head.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// What the call is, in its owner's bytes.
    pub fn about(&self) -> &[u8] {
        &self.about
    }

    /// How it ended.
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Its seconds; the last may not be whole.
    pub fn seconds(&self) -> u32 {
        self.whole + u32::from(!self.rest.is_empty())
    }

    /// One second.
    ///
    /// # Errors
    /// That there is none, or that it was changed.
    pub fn second(&mut self, index: u32) -> Result<Second<'_>, SealError> {
        let encoding = self.head.encoding;
        if index >= self.whole {
            let rest = (index < self.seconds()).then_some(&self.rest).ok_or(SealError::Malformed)?;
            return second_of(rest, index, encoding, false).ok_or(SealError::Malformed);
        }
        self.from.seek(SeekFrom::Start(self.head.second_at(index)))?;
        self.chunk.resize(second_chunk_len(encoding) as usize, 0);
        exact(&mut self.from, &mut self.chunk)?;
        let (kind, text) = self.seal.open(index, &mut self.chunk)?;
        second_of(text, index, encoding, kind == Kind::Gap as u8).ok_or(SealError::Malformed)
    }

    /// The length of the recording as a WAV file.
    pub fn wav_len(&self) -> u64 {
        wav::HEADER_LEN as u64 + self.end.samples * 2 * self.head.encoding.sample_len() as u64
    }

    /// Reads the recording as a WAV file, from a place in it on; answers how many bytes there were, fewer than asked for only at the end.
    ///
    /// # Errors
    /// That a second was changed.
    pub fn read_wav_at(&mut self, mut at: u64, mut to: &mut [u8]) -> Result<usize, SealError> {
        let encoding = self.head.encoding;
        let second_len = 2 * encoding.second_len() as u64;
        let mut piece = Vec::new();
        let mut count = 0;
        while !to.is_empty() && at < self.wav_len() {
            piece.clear();
            let from = match at.checked_sub(wav::HEADER_LEN as u64) {
                None => {
                    piece.extend(wav::header(encoding, self.end.samples));
                    at
                }
                Some(audio) => {
                    let second = self.second((audio / second_len) as u32)?;
                    wav::interleave(encoding, second.channels, &mut piece);
                    audio % second_len
                }
            };
            let here = piece.get(from as usize..).unwrap_or_default();
            let len = here.len().min(to.len());
            if len == 0 {
                return Err(SealError::Malformed);
            }
            let (now, later) = to.split_at_mut(len);
            now.copy_from_slice(&here[..len]);
            to = later;
            at += len as u64;
            count += len;
        }
        Ok(count)
    }

    /// Writes the recording as a WAV file.
    ///
    /// # Errors
    /// That a second was changed, or of the writer.
    pub fn export(&mut self, to: &mut dyn Write) -> Result<(), SealError> {
        to.write_all(&wav::header(self.head.encoding, self.end.samples))?;
        let mut piece = Vec::new();
        for index in 0..self.seconds() {
            let encoding = self.head.encoding;
            piece.clear();
            wav::interleave(encoding, self.second(index)?.channels, &mut piece);
            to.write_all(&piece)?;
        }
        Ok(to.flush()?)
    }
}

fn about<R: Read + Seek>(from: &mut R, head: &Head, seal: &Seal) -> Result<Vec<u8>, SealError> {
    from.seek(SeekFrom::Start(head.bytes().len() as u64))?;
    let mut chunk = vec![0; head.about_len as usize + CHUNK_EXTRA];
    exact(from, &mut chunk)?;
    match seal.open(0, &mut chunk)? {
        (kind, text) if kind == Kind::About as u8 => Ok(text.to_vec()),
        _ => Err(SealError::NotAuthentic),
    }
}

/// Closes a recording that was interrupted after its last whole second that is authentic, and hands its seconds to a sink: they are
/// what can be proven. One that has ended already is left as it is. Answers its head, what the call is, and the end.
///
/// # Errors
/// That not even the head was written, or the system's own. A file of which nothing was written can be removed.
pub fn recover(
    path: &Path,
    key: impl FnOnce(&str) -> Result<TenantKey, SealError>,
    sink: &mut dyn SecondSink,
) -> Result<(Head, Vec<u8>, End), SealError> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let head = head(&mut file)?;
    let key = key(&head.tenant)?;
    if let Ok(mut reader) = Reader::open(&mut file, |_| Ok(key.clone())) {
        for index in 0..reader.seconds() {
            sink.second(&reader.second(index)?);
        }
        return Ok((head, reader.about, reader.end));
    }
    let seal = Seal::new(&key, &head)?;
    let about = about(&mut file, &head, &seal)?;
    let (whole, gaps, marks) = whole_seconds(&mut file, &head, &seal, sink)?;
    let samples = u64::from(whole) * u64::from(head.encoding.rate());
    let (formats, marks) = (marks.formats, marks.until(whole.saturating_mul(1000)));
    let end = End { kind: EndKind::Interrupted, samples, gaps, marks, formats };
    let mut last = Vec::new();
    seal.chunk(Kind::Interrupted, whole, &end_text(&end), &mut last)?;
    let len = last.len() as u32;
    last.extend(len.to_le_bytes());
    last.extend(FOOT);
    let at = head.second_at(whole);
    file.set_len(at)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&last)?;
    file.sync_all()?;
    Ok((head, about, end))
}

fn whole_seconds(
    file: &mut File,
    head: &Head,
    seal: &Seal,
    sink: &mut dyn SecondSink,
) -> Result<(u32, Vec<Gap>, Marks), SealError> {
    let mut chunk = vec![0; second_chunk_len(head.encoding) as usize];
    let mut gaps: Vec<Gap> = Vec::new();
    let mut marks = Marks::default();
    file.seek(SeekFrom::Start(head.second_at(0)))?;
    for index in 0..u32::MAX {
        match exact(file, &mut chunk) {
            Ok(()) => (),
            Err(SealError::Malformed) => return Ok((index, gaps, marks)),
            Err(error) => return Err(error),
        }
        let Ok((kind, text)) = seal.open(index, &mut chunk) else { return Ok((index, gaps, marks)) };
        let is_gap = kind == Kind::Gap as u8;
        let second = second_of(text, index, head.encoding, is_gap);
        let Some((second, here)) = second.zip(marks_of(text)) else { return Ok((index, gaps, marks)) };
        sink.second(&second);
        marks.add_second(index, &here);
        let cause = if is_gap { GapCause::Disk } else { GapCause::Overrun };
        if is_gap || here.is_overrun {
            note_gap(&mut gaps, Gap { from: index, to: index + 1, cause });
        }
    }
    Ok((u32::MAX, gaps, marks))
}
