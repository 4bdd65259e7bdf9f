//! The second story of the demo: a caller whose keys are tones in the audio, with no telephone-events, keys a card number to
//! an agent, first without, then with SecureMode.

use std::fs;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::capture::{Capture, Rtp, now};
use super::keyhush::Keyhush;
use super::network::Host;
use super::phone::{Phone, Sound};
use super::sandbox::ROOT;
use super::{During, Outcome, Trouble};
use crate::keyed_audio::{KeyedAudio, RATE};
use crate::receivers::{self, Press};
use crate::spectrogram::{self, Panel};

/// A card number for tests that has seven different digits: tones of one key after another differ to the eye.
pub const CARD: &str = "6011000990139424";

/// What the caller does, in seconds after the audio's beginning: speaks, keys, speaks on while the agent switches SecureMode
/// on, keys again, speaks. A second and more lies between switching and keys, since no clock is shared with the telephone.
const KEYED: [f64; 2] = [2.2, 8.3];
const SWITCHED: Duration = Duration::from_millis(6_300);
const HUNG_UP: Duration = Duration::from_millis(13_300);

/// The payload type of G.711 µ-law (RFC 3551 table 4).
const PCMU: u8 = 0;

/// The audio of one direction, at its beginning and at its end, sample for sample beside each other.
#[derive(Clone, Debug)]
pub struct Recording {
    /// As the caller's telephone sent it, from the capture there.
    pub before: Vec<i16>,
    /// As it arrived at the agent's telephone, from the capture there; silence where nothing arrived.
    pub after: Vec<i16>,
    /// From the first sample that was sent after SecureMode had been asked for, to the first after it had been confirmed.
    pub switched: Range<usize>,
    /// How many packets of `before` did not arrive.
    pub lost: usize,
}

/// The keys that one receiver hears.
#[derive(Clone, Debug)]
pub struct Hearing {
    /// Whose receiver.
    pub receiver: &'static str,
    /// Without SecureMode.
    pub open: Keys,
    /// In SecureMode.
    pub secured: Keys,
}

/// The keys in the same part of both ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    /// In what the caller sent.
    pub keyed: String,
    /// In what arrived at the agent.
    pub heard: String,
}

/// Everything that was seen.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Caller to agent.
    pub recording: Recording,
    /// Of each receiver that is installed; ours is the first.
    pub hearings: Vec<Hearing>,
    /// How many samples that were sent without SecureMode are not what arrived.
    pub altered: usize,
    /// The part of the caller's audio in SecureMode, before the first key and after the last, that arrived as it was sent.
    pub beside_keys: f64,
    /// How many key presses Keyhush says it captured.
    pub presses: u64,
}

/// Lets the call happen over `keyhush`. `tell` hears what is going on.
///
/// # Errors
/// When it cannot be shown: a telephone fails, no call comes about, the console refuses.
pub fn run(keyhush: &Keyhush, caller: &Host, agent: &Host, tell: &mut dyn FnMut(&str)) -> Outcome<Seen> {
    let file = Path::new(ROOT).join("caller.wav");
    save(&file, &callers_audio([CARD; 2]))?;
    let mut callers_phone = Phone::start(caller, Sound::File(&file))?;
    let mut agents_phone = Phone::start(agent, Sound::Hum(620))?;
    let captures = [Capture::start("tones", caller)?, Capture::start("tones", agent)?];

    let call_id = callers_phone.call(agent)?;
    let began = Instant::now();
    agents_phone.answered()?;
    tell(
        "A second call. This caller's telephone knows no telephone-events: its keys are tones in the audio.",
    );
    tell("The caller speaks and keys the card number.");
    sleep_until(began + SWITCHED);
    let asked = now();
    keyhush.secure(&call_id, true)?;
    let switched = asked..now();
    tell("SecureMode is on. The caller keys the card number again.");
    sleep_until(began + HUNG_UP);
    let presses = keyhush.presses(&call_id)?;
    callers_phone.hang_up()?;
    tell("The caller has hung up.");

    let [sent, arrived] = captures;
    let (at_caller, at_agent) = (sent.finish()?, arrived.finish()?);
    callers_phone.stop()?;
    agents_phone.stop()?;
    Ok(Seen::of(Recording::of(caller.address(), &at_caller, &at_agent, switched)?, presses))
}

/// A quiet room for longer than the call, in which somebody speaks and keys.
fn callers_audio(keys: [&str; 2]) -> Vec<i16> {
    let audio = KeyedAudio::quiet(60.0).speak(0.3..1.8).speak(5.2..7.8).speak(11.4..13.0);
    KEYED.iter().zip(keys).fold(audio, |audio, (from, keys)| audio.key(*from, keys)).samples()
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

impl Recording {
    /// Lays the packets of both captures to where their timestamps say. `switched` is when SecureMode was asked for and
    /// confirmed, in seconds as tshark counts them.
    fn of(caller: Ipv4Addr, at_caller: &[Rtp], at_agent: &[Rtp], switched: Range<f64>) -> Outcome<Recording> {
        let is_audio = |packet: &&Rtp| packet.source == caller && packet.payload_type == PCMU;
        let first = at_caller.iter().find(is_audio);
        let first = first.ok_or_else(|| Trouble::new("the caller's telephone sent no audio"))?;
        let place = |packet: &Rtp| packet.timestamp.wrapping_sub(first.timestamp) as usize;
        let sent: Vec<&Rtp> = at_caller.iter().filter(is_audio).collect();
        let end = sent.iter().map(|packet| place(packet) + packet.payload.len()).max().unwrap_or_default();
        if end > 120 * RATE || sent.iter().any(|packet| packet.ssrc != first.ssrc) {
            return Err(Trouble::new("the caller's audio is not one stream"));
        }
        let laid = |packets: &[&Rtp]| {
            let mut samples = vec![0; end];
            for packet in packets {
                let places = samples.iter_mut().skip(place(packet));
                places
                    .zip(&packet.payload)
                    .for_each(|(sample, code)| *sample = lanes::g711::ULAW[usize::from(*code)]);
            }
            samples
        };
        let arrived: Vec<&Rtp> =
            at_agent.iter().filter(is_audio).filter(|packet| packet.ssrc == first.ssrc).collect();
        let since = |moment: f64| {
            sent.iter().filter(|packet| packet.at >= moment).map(|packet| place(packet)).min().unwrap_or(end)
        };
        Ok(Recording {
            before: laid(&sent),
            after: laid(&arrived),
            switched: since(switched.start)..since(switched.end),
            lost: sent.len().saturating_sub(arrived.len()),
        })
    }

    /// Both ends without SecureMode, and both ends in it.
    fn halves(&self) -> [[&[i16]; 2]; 2] {
        let both = |part: Range<usize>| {
            [&self.before, &self.after].map(|end| end.get(part.clone()).unwrap_or_default())
        };
        [both(0..self.switched.start), both(self.switched.end..self.before.len())]
    }
}

impl Seen {
    fn of(recording: Recording, presses: u64) -> Seen {
        let [open, secured] = recording.halves();
        let hears = |receiver, keys: &dyn Fn(&[i16]) -> Option<String>| {
            let both =
                |[before, after]: [&[i16]; 2]| Some(Keys { keyed: keys(before)?, heard: keys(after)? });
            Some(Hearing { receiver, open: both(open)?, secured: both(secured)? })
        };
        let hearings = [
            hears("Keyhush", &|samples| Some(receivers::keys(&receivers::ours(samples)))),
            hears("multimon-ng", &receivers::multimon),
        ];
        let differing = |[before, after]: [&[i16]; 2]| {
            before.iter().zip(after).filter(|(before, after)| before != after).count()
        };
        // Without what is masked before the first key's onset and after the last one's end.
        let presses_sent = receivers::ours(secured[0]);
        let around = |place: Option<&Press>| place.map_or(0, |press| press.at);
        let keying =
            around(presses_sent.first()).saturating_sub(RATE / 10)..around(presses_sent.last()) + RATE / 4;
        let beside = [0..keying.start, keying.end.min(secured[0].len())..secured[0].len()];
        let of = |stretch: &Range<usize>| {
            differing(secured.map(|end| end.get(stretch.clone()).unwrap_or_default()))
        };
        let (other, all): (usize, usize) =
            (beside.iter().map(of).sum(), beside.iter().map(|stretch| stretch.len()).sum());
        Seen {
            hearings: hearings.into_iter().flatten().collect(),
            altered: differing(open),
            beside_keys: 1.0 - other as f64 / all.max(1) as f64,
            presses,
            recording,
        }
    }

    /// Everything that is not as it must be, a sentence each.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |fine: bool, fault: String| {
            if !fine {
                faults.push(fault);
            }
        };
        for Hearing { receiver, open, secured } in &self.hearings {
            let fault = |what: &str, keys: &str| format!("the receiver of {receiver} heard {keys:?} {what}");
            check(open.keyed == CARD, fault("from the caller, without SecureMode", &open.keyed));
            check(open.heard == open.keyed, fault("at the agent's, without SecureMode", &open.heard));
            check(secured.keyed == CARD, fault("from the caller, in SecureMode", &secured.keyed));
            // Where pauses are short, masks of two keys may be heard as one.
            let is_masked = !secured.heard.is_empty() && secured.heard.chars().all(|key| key == '#');
            check(is_masked, fault("at the agent's, in SecureMode", &secured.heard));
        }
        check(
            self.presses == CARD.len() as u64,
            format!("Keyhush captured {} key presses in the audio", self.presses),
        );
        check(self.altered == 0, format!("{} samples were altered without SecureMode", self.altered));
        check(
            self.recording.lost == 0,
            format!("{} packets of the caller's audio were lost", self.recording.lost),
        );
        let beside_keys = 100.0 * self.beside_keys;
        check(
            beside_keys > 90.0,
            format!("beside the keys only {beside_keys:.0} % of the audio in SecureMode arrived as it was"),
        );
        faults
    }

    /// Saves both ends as WAV files, and a picture of their spectrograms; answers the files.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn save(&self, directory: &Path) -> Outcome<[PathBuf; 3]> {
        fs::create_dir_all(directory).during(directory.display())?;
        let files = ["before.wav", "after.wav", "spectrograms.png"].map(|name| directory.join(name));
        let Recording { before, after, switched, .. } = &self.recording;
        save(&files[0], before)?;
        save(&files[1], after)?;
        let (sent, arrived) = (receivers::ours(before), receivers::ours(after));
        let panels = [
            Panel {
                title: "before Keyhush: what the caller's telephone sent",
                samples: before,
                presses: &sent,
            },
            Panel {
                title: "after Keyhush: what arrived at the agent's telephone",
                samples: after,
                presses: &arrived,
            },
        ];
        let title = "A caller keys a card number as tones in the audio: first without, then with SecureMode";
        spectrogram::draw(title, &panels, switched.end).save(&files[2]).during(files[2].display())?;
        Ok(files)
    }
}

/// Saves linear samples as a WAV file.
///
/// # Errors
/// When it cannot be written.
pub fn save(path: &Path, samples: &[i16]) -> Outcome<()> {
    let format = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, format).during(path.display())?;
    samples.iter().try_for_each(|sample| writer.write_sample(*sample)).during(path.display())?;
    writer.finalize().during(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(number: u16, code: u8) -> Rtp {
        Rtp {
            at: f64::from(number),
            source: Ipv4Addr::LOCALHOST,
            ssrc: String::new(),
            sequence: number,
            // The timestamp begins anew between the first and the second packet.
            timestamp: u32::MAX.wrapping_add(u32::from(number) * 2),
            event: None,
            payload_type: PCMU,
            payload: vec![code; 2],
            bytes: String::new(),
        }
    }

    #[test]
    fn packets_lie_where_their_timestamps_say() {
        let sent = [0, 1, 2, 3].map(|number| packet(number, 0x80));
        // Out of order, and the second is lost.
        let arrived = [packet(2, 0x80), packet(0, 0x80), packet(3, 0x00)];
        let recording = Recording::of(Ipv4Addr::LOCALHOST, &sent, &arrived, 1.5..2.5)
            .expect("both captures hold the call");
        let [loud, low] = [0x80, 0x00].map(|code: usize| lanes::g711::ULAW[code]);
        assert_eq!(recording.before, [loud; 8]);
        assert_eq!(recording.after, [loud, loud, 0, 0, loud, loud, low, low]);
        assert_eq!((recording.switched.clone(), recording.lost), (4..6, 1));
        assert_eq!(recording.halves().map(|half| half[0].len()), [4, 2]);
    }

    #[test]
    fn a_digit_that_is_heard_in_secure_mode_is_a_fault() {
        let call = |keys: &str| {
            let mut audio = callers_audio([CARD, keys]);
            audio.truncate(13 * RATE);
            audio
        };
        let before = call(CARD);
        let switched = 6 * RATE..6 * RATE + 160;
        let seen = |keys: &str| {
            let after = call(keys);
            let recording = Recording { before: before.clone(), after, switched: switched.clone(), lost: 0 };
            Seen::of(recording, 16)
        };
        assert_eq!(seen(&"#".repeat(CARD.len())).faults(), [""; 0]);
        assert!(!seen("#######4########").faults().is_empty());
        assert!(!seen("").faults().is_empty(), "nothing is heard where the audio is silent");
        assert!(!seen(CARD).faults().is_empty());
    }
}
