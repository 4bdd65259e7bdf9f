//! A recording as it rests: encrypted second by second with AES-256-GCM, so that a crash costs the last second, any second can be played
//! by itself, and nothing can be changed, cut, put in or exchanged unseen.
//!
//! ```text
//! head   "KHR" 1, encoding (1), zero (1), length of the head (2), begin (8, nanoseconds since 1970), length of `about` (4), salt (32),
//!        tenant (1 + n), name (1 + n); all numbers little-endian
//! about  a chunk: what the call is, in its owner's bytes
//! second a chunk each, all of one length: accounts (24: kept, lost, quiet of each channel), marks (11: SecureMode from, to; suspended
//!        from, to, in milliseconds of the second, 2 each; 1 where packets were lost to the recorder; formats of each channel), caller,
//!        agent
//! end    a chunk: kind (1), samples (8), formats of each channel (2), number of gaps (2), of marks (2), gaps (9 each), marks (9 each),
//!        and the last second if it is not whole, as above
//! foot   length of `end` (4), "KHRE"
//! ```
//! A chunk is its kind (1), what is sealed, the tag (16). Its nonce is its kind and its number, as in the STREAM construction: no chunk
//! stands for another. The recording's key is derived by HKDF-SHA256 from the tenant's with the whole head, which is thereby
//! authenticated. A nonce never seals two texts: a second that could not be written is written as the kind *gap*, whose text is
//! known, and an end after an interruption has a kind of its own.

mod keys;
mod reader;

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

pub use keys::{KEY_LEN, MasterKey, SealError, TAG_LEN, TenantKey, Wrap};
pub use reader::{Reader, recover};

use crate::encoding::Encoding;
use crate::marks::{Formats, MARKS_LEN, SecondMarks};
use crate::second::{Account, End, EndKind, Gap, GapCause, Mark, MarkKind, Second};

/// Bytes of a salt.
pub const SALT_LEN: usize = 32;
/// The longest `about`.
pub const MOST_ABOUT: usize = 65_536;
/// What a chunk has beside its text.
const CHUNK_EXTRA: usize = 1 + TAG_LEN;
const ACCOUNTS_LEN: usize = 24;
const FOOT_LEN: usize = 8;
const FOOT: &[u8; 4] = b"KHRE";
const MAGIC: &[u8; 4] = b"KHR\x01";
const FIXED_LEN: usize = 52;

/// What a chunk is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    About = 1,
    Second = 2,
    Gap = 3,
    Finished = 4,
    Interrupted = 5,
}

/// The beginning of a file, which anyone may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// How the audio is encoded.
    pub encoding: Encoding,
    /// When it begins, in nanoseconds since 1970.
    pub begin: u64,
    /// Whose it is.
    pub tenant: String,
    /// The recording's name.
    pub name: String,
    pub(crate) salt: [u8; SALT_LEN],
    pub(crate) about_len: u32,
}

impl Head {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let len = FIXED_LEN + 2 + self.tenant.len() + self.name.len();
        let mut bytes = Vec::with_capacity(len);
        bytes.extend(MAGIC);
        bytes.extend([self.encoding.number(), 0]);
        bytes.extend((len as u16).to_le_bytes());
        bytes.extend(self.begin.to_le_bytes());
        bytes.extend(self.about_len.to_le_bytes());
        bytes.extend(self.salt);
        for text in [&self.tenant, &self.name] {
            bytes.push(text.len() as u8);
            bytes.extend(text.as_bytes());
        }
        bytes
    }

    /// The length of the head that begins with these bytes, of which eight are needed.
    pub(crate) fn len_of(bytes: &[u8; 8]) -> Option<usize> {
        let [magic @ .., _, _, low, high] = bytes;
        (magic == MAGIC).then(|| usize::from(u16::from_le_bytes([*low, *high])))
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Head> {
        let (fixed, rest) = bytes.split_first_chunk::<FIXED_LEN>()?;
        let encoding = Encoding::of_number(fixed[4])?;
        let begin = u64::from_le_bytes(*fixed[8..].first_chunk()?);
        let about_len = u32::from_le_bytes(*fixed[16..].first_chunk()?);
        let salt = *fixed[20..].first_chunk()?;
        let (tenant, rest) = text(rest)?;
        let (name, rest) = text(rest)?;
        let is_sound = rest.is_empty() && about_len as usize <= MOST_ABOUT;
        is_sound.then_some(Head { encoding, begin, tenant, name, salt, about_len })
    }

    /// Where the chunk of a second begins.
    pub(crate) fn second_at(&self, index: u32) -> u64 {
        let before = self.bytes().len() + self.about_len as usize + CHUNK_EXTRA;
        before as u64 + u64::from(index) * second_chunk_len(self.encoding)
    }
}

fn text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

/// Bytes of the chunk of a whole second.
pub(crate) fn second_chunk_len(encoding: Encoding) -> u64 {
    (CHUNK_EXTRA + ACCOUNTS_LEN + MARKS_LEN + 2 * encoding.second_len()) as u64
}

/// A recording's key.
pub(crate) struct Seal(LessSafeKey);

impl Seal {
    pub(crate) fn new(tenant: &TenantKey, head: &Head) -> Result<Seal, SealError> {
        tenant.recording(&head.salt, &head.bytes()).map(Seal)
    }

    /// Makes the text that `write` appends a chunk.
    pub(crate) fn chunk(
        &self,
        kind: Kind,
        number: u32,
        text: &[u8],
        to: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        to.push(kind as u8);
        let at = to.len();
        to.extend_from_slice(text);
        let open = to.get_mut(at..).unwrap_or_default();
        let tag = self.0.seal_in_place_separate_tag(nonce(kind as u8, number), Aad::empty(), open);
        to.extend_from_slice(tag.map_err(|_| SealError::NotAuthentic)?.as_ref());
        Ok(())
    }

    /// The kind and text of a chunk, opened where it is.
    pub(crate) fn open<'a>(&self, number: u32, chunk: &'a mut [u8]) -> Result<(u8, &'a [u8]), SealError> {
        let (kind, sealed) = chunk.split_first_mut().ok_or(SealError::Malformed)?;
        let text = self.0.open_in_place(nonce(*kind, number), Aad::empty(), sealed);
        Ok((*kind, text.map_err(|_| SealError::NotAuthentic)?))
    }
}

fn nonce(kind: u8, number: u32) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[0] = kind;
    nonce[NONCE_LEN - 4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

/// Appends the text of a second's chunk.
pub(crate) fn second_text(second: &Second<'_>, marks: &SecondMarks, to: &mut Vec<u8>) {
    for account in second.accounts {
        for count in [account.kept, account.lost, account.quiet] {
            to.extend(count.to_le_bytes());
        }
    }
    to.extend(marks.bytes());
    second.channels.iter().for_each(|channel| to.extend_from_slice(channel));
}

pub(crate) fn second_of(text: &[u8], index: u32, encoding: Encoding, is_gap: bool) -> Option<Second<'_>> {
    let (counts, rest) = text.split_first_chunk::<ACCOUNTS_LEN>()?;
    let audio = rest.get(MARKS_LEN..)?;
    let counts = counts.as_chunks().0;
    let count = |at: usize| counts.get(at).map_or(0, |count| u32::from_le_bytes(*count));
    let account = |at: usize| Account { kept: count(at), lost: count(at + 1), quiet: count(at + 2) };
    let (caller, agent) = audio.split_at(audio.len() / 2);
    Some(Second { index, encoding, channels: [caller, agent], accounts: [account(0), account(3)], is_gap })
}

/// The marks in the text of a second.
pub(crate) fn marks_of(text: &[u8]) -> Option<SecondMarks> {
    text.get(ACCOUNTS_LEN..)?.first_chunk().map(SecondMarks::of_bytes)
}

/// The text of an end, without the last second.
pub(crate) fn end_text(end: &End) -> Vec<u8> {
    let mut text = vec![u8::from(end.kind == EndKind::Interrupted)];
    text.extend(end.samples.to_le_bytes());
    text.extend(end.formats.map(|formats| formats.0));
    text.extend((end.gaps.len() as u16).to_le_bytes());
    text.extend((end.marks.len() as u16).to_le_bytes());
    for gap in &end.gaps {
        text.extend(gap.from.to_le_bytes());
        text.extend(gap.to.to_le_bytes());
        text.push(u8::from(gap.cause == GapCause::Overrun));
    }
    for mark in &end.marks {
        text.extend(mark.from.to_le_bytes());
        text.extend(mark.to.to_le_bytes());
        text.push(mark.kind as u8);
    }
    text
}

/// An end and the text of the last second, if that is not whole.
pub(crate) fn end_of(text: &[u8]) -> Option<(End, &[u8])> {
    let (fixed, mut rest) = text.split_first_chunk::<15>()?;
    let kind = if fixed[0] == 0 { EndKind::Finished } else { EndKind::Interrupted };
    let samples = u64::from_le_bytes(*fixed[1..].first_chunk()?);
    let formats = [Formats(fixed[9]), Formats(fixed[10])];
    let mut stretch = || {
        let (stretch, after) = rest.split_first_chunk::<9>()?;
        rest = after;
        let from = u32::from_le_bytes(*stretch.first_chunk()?);
        let to = u32::from_le_bytes(*stretch[4..].first_chunk()?);
        Some((from, to, stretch[8]))
    };
    let mut gaps = Vec::new();
    for _ in 0..u16::from_le_bytes([fixed[11], fixed[12]]) {
        let (from, to, cause) = stretch()?;
        let cause = if cause == 0 { GapCause::Disk } else { GapCause::Overrun };
        gaps.push(Gap { from, to, cause });
    }
    let mut marks = Vec::new();
    for _ in 0..u16::from_le_bytes([fixed[13], fixed[14]]) {
        let (from, to, kind) = stretch()?;
        let kind = if kind == 0 { MarkKind::SecureMode } else { MarkKind::Suspended };
        marks.push(Mark { from, to, kind });
    }
    Some((End { kind, samples, gaps, marks, formats }, rest))
}
