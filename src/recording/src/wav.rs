//! WAV files (RIFF): two channels, interleaved, of G.711 or of linear samples of 16 bits. Below 4 GiB, so that sizes fit: [`MOST_SECONDS`].

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::encoding::Encoding;

/// The length of the header that is written here.
pub const HEADER_LEN: usize = 58;
/// So long may a recording be, in seconds, whatever its encoding; the next one begins there: 16 hours.
pub const MOST_SECONDS: u32 = 16 * 3600;

const PCM: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;
const CHANNELS: u16 = 2;

/// Bytes of a sample of both channels.
const fn frame_len(encoding: Encoding) -> usize {
    encoding.sample_len() * CHANNELS as usize
}

/// The header of a file of `samples` for each channel.
pub fn header(encoding: Encoding, samples: u64) -> [u8; HEADER_LEN] {
    let tag = match encoding {
        Encoding::MuLaw => MU_LAW,
        Encoding::ALaw => A_LAW,
        Encoding::Linear8 | Encoding::Linear16 => PCM,
    };
    let frame_len = frame_len(encoding) as u32;
    let samples = u32::try_from(samples).unwrap_or(u32::MAX / 8).min(u32::MAX / 8);
    let data_len = samples * frame_len;
    let mut header = [0; HEADER_LEN];
    let parts: [&[u8]; 16] = [
        b"RIFF",
        &(HEADER_LEN as u32 - 8 + data_len).to_le_bytes(),
        b"WAVEfmt ",
        // With the length of an extension, which G.711 must have and linear samples may.
        &18u32.to_le_bytes(),
        &tag.to_le_bytes(),
        &CHANNELS.to_le_bytes(),
        &encoding.rate().to_le_bytes(),
        &(encoding.rate() * frame_len).to_le_bytes(),
        &(frame_len as u16).to_le_bytes(),
        &(encoding.sample_len() as u16 * 8).to_le_bytes(),
        &0u16.to_le_bytes(),
        b"fact",
        &4u32.to_le_bytes(),
        &samples.to_le_bytes(),
        b"data",
        &data_len.to_le_bytes(),
    ];
    let bytes = parts.into_iter().flatten();
    for (to, byte) in header.iter_mut().zip(bytes) {
        *to = *byte;
    }
    header
}

/// Appends the samples of both channels, in turn.
pub fn interleave(encoding: Encoding, [caller, agent]: [&[u8]; 2], to: &mut Vec<u8>) {
    let len = encoding.sample_len();
    for (caller, agent) in caller.chunks_exact(len).zip(agent.chunks_exact(len)) {
        to.extend_from_slice(caller);
        to.extend_from_slice(agent);
    }
}

/// The two channels of interleaved samples. A sample that is not whole is left.
pub fn separate(encoding: Encoding, bytes: &[u8]) -> [Vec<u8>; 2] {
    let len = encoding.sample_len();
    let mut channels = [Vec::with_capacity(bytes.len() / 2), Vec::with_capacity(bytes.len() / 2)];
    for frame in bytes.chunks_exact(2 * len) {
        let (caller, agent) = frame.split_at(len);
        channels[0].extend_from_slice(caller);
        channels[1].extend_from_slice(agent);
    }
    channels
}

/// Writes a file second by second; the header's sizes are right once it is finished.
pub struct Writer<W> {
    to: W,
    encoding: Encoding,
    samples: u64,
    interleaved: Vec<u8>,
}

impl<W: Write + Seek> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// Of the writer below.
    pub fn new(mut to: W, encoding: Encoding) -> io::Result<Self> {
        to.write_all(&header(encoding, 0))?;
        Ok(Writer { to, encoding, samples: 0, interleaved: Vec::new() })
    }

    /// Appends equally long pieces of both channels.
    ///
    /// # Errors
    /// Of the writer below.
    pub fn append(&mut self, channels: [&[u8]; 2]) -> io::Result<()> {
        self.interleaved.clear();
        interleave(self.encoding, channels, &mut self.interleaved);
        self.samples += (self.interleaved.len() / frame_len(self.encoding)) as u64;
        self.to.write_all(&self.interleaved)
    }

    /// Writes the sizes.
    ///
    /// # Errors
    /// Of the writer below.
    pub fn finish(mut self) -> io::Result<W> {
        self.to.seek(SeekFrom::Start(0))?;
        self.to.write_all(&header(self.encoding, self.samples))?;
        self.to.seek(SeekFrom::End(0))?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum WavError {
    /// It is no WAV file.
    NotWav,
    /// Its audio is in none of the encodings of a recording, or has not two channels.
    OtherAudio,
    /// It has no audio.
    NoAudio,
    /// The system's own.
    Io(io::Error),
}

impl From<io::Error> for WavError {
    fn from(error: io::Error) -> Self {
        WavError::Io(error)
    }
}

/// What a WAV file holds: where its audio is, whatever else programs have put beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// How it is encoded.
    pub encoding: Encoding,
    /// Where the audio begins in the file.
    pub at: u64,
    /// How many bytes it has; no more than the file.
    pub len: u64,
}

impl Found {
    /// Samples of each channel.
    pub fn samples(&self) -> u64 {
        self.len / frame_len(self.encoding) as u64
    }
}

/// Looks for the audio of a WAV file. Chunks that are not known are passed over, sizes that a program which streamed left open (0 or
/// more than there is) end with the file, and the extensible header is understood.
///
/// # Errors
/// That it is no WAV file or holds other audio.
pub fn find<R: Read + Seek>(from: &mut R) -> Result<Found, WavError> {
    let file_len = from.seek(SeekFrom::End(0))?;
    from.seek(SeekFrom::Start(0))?;
    let mut riff = [0; 12];
    read_or(from, &mut riff, WavError::NotWav)?;
    if &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
        return Err(WavError::NotWav);
    }
    let mut encoding = None;
    let mut at = riff.len() as u64;
    loop {
        let mut head = [0; 8];
        from.seek(SeekFrom::Start(at))?;
        read_or(from, &mut head, WavError::NoAudio)?;
        let [a, b, c, d, sizes @ ..] = head;
        let len = u64::from(u32::from_le_bytes(sizes));
        at += 8;
        match &[a, b, c, d] {
            b"fmt " => {
                let mut format = [0; 26];
                let len = (len as usize).min(format.len());
                read_or(from, &mut format[..len], WavError::NotWav)?;
                encoding = Some(encoding_of(&format).ok_or(WavError::OtherAudio)?);
            }
            b"data" => {
                let encoding = encoding.ok_or(WavError::NotWav)?;
                let rest = file_len.saturating_sub(at);
                let len = if len == 0 { rest } else { len.min(rest) };
                return Ok(Found { encoding, at, len });
            }
            _ => (),
        }
        // Chunks begin at even places.
        at += len + len % 2;
    }
}

fn encoding_of(format: &[u8; 26]) -> Option<Encoding> {
    let number = |at: usize| format.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]));
    let tag = if number(0) == EXTENSIBLE { number(24) } else { number(0) };
    let rate = u32::from(number(4)) | u32::from(number(6)) << 16;
    if number(2) != CHANNELS {
        return None;
    }
    match (tag, rate, number(14)) {
        (MU_LAW, 8_000, 8) => Some(Encoding::MuLaw),
        (A_LAW, 8_000, 8) => Some(Encoding::ALaw),
        (PCM, 8_000, 16) => Some(Encoding::Linear8),
        (PCM, 16_000, 16) => Some(Encoding::Linear16),
        _ => None,
    }
}

fn read_or<R: Read>(from: &mut R, to: &mut [u8], short: WavError) -> Result<(), WavError> {
    from.read_exact(to).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => short,
        _ => WavError::Io(error),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::process::Command;

    use super::*;

    fn file(encoding: Encoding, seconds: usize) -> Vec<u8> {
        let channel = |first: u8| -> Vec<u8> {
            (0..encoding.second_len() * seconds).map(|at| first.wrapping_add((at / 7) as u8)).collect()
        };
        let mut writer = Writer::new(Cursor::new(Vec::new()), encoding).unwrap();
        writer.append([&channel(0), &channel(100)]).unwrap();
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn what_is_written_is_found() {
        for encoding in Encoding::ALL {
            let file = file(encoding, 2);
            let found = find(&mut Cursor::new(&file)).unwrap();
            assert_eq!(found.samples(), 2 * u64::from(encoding.rate()));
            assert_eq!((found.encoding, found.at), (encoding, HEADER_LEN as u64));
            let [caller, agent] = separate(encoding, &file[HEADER_LEN..]);
            assert_eq!((caller[0], agent[0], caller.len()), (0, 100, 2 * encoding.second_len()));
        }
    }

    #[test]
    fn files_with_other_headers_are_read_all_the_same() {
        let plain = file(Encoding::ALaw, 1);
        let mut tagged = plain[..38].to_vec();
        tagged.extend(b"LIST\x05\0\0\0INFOx\0");
        tagged.extend(&plain[38..50]);
        tagged.extend(b"data\xff\xff\xff\xff");
        tagged.extend(&plain[58..]);
        let found = find(&mut Cursor::new(&tagged)).unwrap();
        assert_eq!((found.len, found.encoding), (16_000, Encoding::ALaw));
        for len in 0..HEADER_LEN {
            assert!(find(&mut Cursor::new(&plain[..len])).is_err(), "{len}");
        }
    }

    #[test]
    fn other_programs_open_the_files() {
        for encoding in Encoding::ALL {
            let path = std::env::temp_dir().join(format!("{}-{}.wav", encoding.number(), std::process::id()));
            std::fs::write(&path, file(encoding, 3)).unwrap();
            let sox = Command::new("soxi").arg("-s").arg(&path).output();
            match sox {
                Ok(told) => {
                    let samples = String::from_utf8_lossy(&told.stdout).trim().parse();
                    assert_eq!(samples, Ok(3 * encoding.rate()));
                }
                Err(_) => println!("skipped: sox is not installed"),
            }
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-v", "error", "-i"]).arg(&path).args(["-f", "null", "-"]);
            match ffmpeg.output() {
                Ok(told) => assert!(told.status.success() && told.stderr.is_empty(), "{told:?}"),
                Err(_) => println!("skipped: ffmpeg is not installed"),
            }
            std::fs::remove_file(&path).unwrap();
        }
    }
}
