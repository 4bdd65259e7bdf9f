//! tshark on a host's own interface: what the host sent and what really arrived there, whatever Keyhush may say.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::network::Host;
use super::phone::RTP_PORTS;
use super::process::Running;
use super::sandbox::{ROOT, call};
use super::{During, Outcome, Trouble};

/// A capture in progress.
#[derive(Debug)]
pub struct Capture {
    tshark: Running,
    file: PathBuf,
}

/// An RTP packet as tshark decodes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Rtp {
    /// When it was seen, in seconds since the Unix epoch.
    pub at: f64,
    /// Who sent it.
    pub source: Ipv4Addr,
    /// The synchronisation source, as tshark writes it.
    pub ssrc: String,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub timestamp: u32,
    /// The telephone-event, where it is one.
    pub event: Option<Event>,
    /// The payload type.
    pub payload_type: u8,
    /// The payload; where it is a telephone-event tshark shows none.
    pub payload: Vec<u8>,
    /// The whole UDP payload, in hexadecimal.
    pub bytes: String,
}

/// An RFC 4733 event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// The event's code.
    pub code: u8,
    /// The volume, in -dBm0.
    pub volume: u8,
}

impl Capture {
    /// Begins to capture on `host`, to a file that bears `name` and the host's; returns when packets are being captured.
    ///
    /// # Errors
    /// When tshark is not installed or may not capture.
    pub fn start(name: &str, host: &Host) -> Outcome<Capture> {
        let file = Path::new(ROOT).join(format!("{name}-{}.pcapng", host.name()));
        let mut command = host.command("tshark");
        command.args(["-q", "-i", "eth0", "-w"]).arg(&file);
        let mut tshark = Running::start(&format!("tshark-{name}-{}", host.name()), command)?;
        tshark.wait_until("tshark captures", Duration::from_secs(20), |said| {
            said.contains("Capture started").then_some(())
        })?;
        Ok(Capture { tshark, file })
    }

    /// Ends the capture and decodes its RTP.
    ///
    /// # Errors
    /// When tshark fails or lost packets itself.
    pub fn finish(mut self) -> Outcome<Vec<Rtp>> {
        // What the kernel still holds for tshark is written within its read time-out.
        std::thread::sleep(Duration::from_millis(500));
        self.tshark.stop("INT")?;
        if self.tshark.said().contains("dropped") {
            return Err(self.tshark.complaint("did not see every packet"));
        }
        decode(&self.file)
    }
}

fn decode(file: &Path) -> Outcome<Vec<Rtp>> {
    const FIELDS: [&str; 10] = [
        "frame.time_epoch",
        "ip.src",
        "rtp.ssrc",
        "rtp.seq",
        "rtp.timestamp",
        "rtpevent.event_id",
        "rtpevent.volume",
        "rtp.p_type",
        "rtp.payload",
        "udp.payload",
    ];
    let file = file.display().to_string();
    let ports = format!("udp.port=={}-{},rtp", RTP_PORTS.start(), RTP_PORTS.end());
    let mut arguments = vec!["-n", "-r", &file, "-d", &ports, "-Y", "rtp && !icmp", "-T", "fields"];
    arguments.extend(FIELDS.iter().flat_map(|field| ["-e", field]));
    call("tshark", &arguments)?.lines().map(packet).collect()
}

fn packet(line: &str) -> Outcome<Rtp> {
    let strange = || Trouble::new(format!("tshark wrote something unexpected: {line}"));
    let fields: Vec<_> = line.split('\t').collect();
    let [at, source, ssrc, sequence, timestamp, code, volume, payload_type, payload, bytes] = fields[..]
    else {
        return Err(strange());
    };
    let event = match (code, volume) {
        ("", "") => None,
        _ => Some(Event {
            code: code.parse().map_err(|_| strange())?,
            volume: volume.parse().map_err(|_| strange())?,
        }),
    };
    Ok(Rtp {
        at: at.parse().map_err(|_| strange())?,
        source: source.parse().during("an address of tshark's")?,
        ssrc: ssrc.to_owned(),
        sequence: sequence.parse().map_err(|_| strange())?,
        timestamp: timestamp.parse().map_err(|_| strange())?,
        event,
        payload_type: payload_type.parse().map_err(|_| strange())?,
        payload: hexadecimal(payload).ok_or_else(strange)?,
        bytes: bytes.to_owned(),
    })
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(byte).collect()
}

/// Seconds since the Unix epoch, as tshark counts them.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// A key that was pressed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Press {
    /// When its first packet was seen, in seconds since the Unix epoch.
    pub at: f64,
    /// The key; `?` where its packets disagree on it.
    pub key: char,
}

/// The presses in `packets`, in order: one a sender's event timestamp (RFC 4733 section 2.2), however many packets carry it.
pub fn presses<'a>(packets: impl IntoIterator<Item = &'a Rtp>) -> Vec<Press> {
    let mut presses: Vec<((&str, u32, u8), f64)> = Vec::new();
    for packet in packets {
        let Some(event) = packet.event else { continue };
        let is_of_it =
            |press: &&mut ((&str, u32, u8), f64)| press.0.0 == packet.ssrc && press.0.1 == packet.timestamp;
        match presses.iter_mut().find(is_of_it) {
            Some(((_, _, code), _)) if *code == event.code => {}
            Some(((_, _, code), _)) => *code = u8::MAX,
            None => presses.push(((&packet.ssrc, packet.timestamp, event.code), packet.at)),
        }
    }
    presses.into_iter().map(|((_, _, code), at)| Press { at, key: key(code) }).collect()
}

/// The keys in `packets`, in order, as [`presses`] finds them.
pub fn keys<'a>(packets: impl IntoIterator<Item = &'a Rtp>) -> String {
    presses(packets).iter().map(|press| press.key).collect()
}

/// The key of an event's code (RFC 4733 section 3.2, table 3).
fn key(code: u8) -> char {
    const KEYS: &[u8; 16] = b"0123456789*#ABCD";
    KEYS.get(usize::from(code)).map_or('?', |key| char::from(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sequence: u32, timestamp: u32, code: &str) -> String {
        let volume = if code.is_empty() { "" } else { "10" };
        format!("1.5\t10.0.0.1\t0x1\t{sequence}\t{timestamp}\t{code}\t{volume}\t101\t\t80ff")
    }

    #[test]
    fn a_press_is_one_timestamp() {
        let lines = [
            line(1, 160, "4"),
            line(2, 320, ""),
            line(3, 160, "4"),
            line(4, 960, "4"),
            line(5, 1920, "11"),
            line(6, 2920, "3"),
            line(7, 2920, "11"),
        ];
        let packets: Vec<_> = lines.iter().map(|line| packet(line).unwrap()).collect();
        assert_eq!(keys(&packets), "44#?");
        assert!(packet("1\t2").is_err());
    }
}
