//! Offers and answers (RFC 8866, RFC 3264).

use core::fmt::Write;
use core::net::SocketAddr;

/// One format of an audio stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Format {
    /// The RTP payload type.
    pub payload_type: u8,
    /// What `a=rtpmap` says, as `telephone-event/8000`; nothing for a static type that goes without.
    pub map: &'static str,
    /// What `a=fmtp` says.
    pub parameters: String,
}

impl Format {
    /// A format without parameters.
    pub fn new(payload_type: u8, map: &'static str) -> Self {
        Format { payload_type, map, parameters: String::new() }
    }

    /// telephone-event with the sixteen keys.
    pub fn events(payload_type: u8, map: &'static str) -> Self {
        Format { payload_type, map, parameters: "0-15".to_owned() }
    }

    /// Redundancy of one generation of `of`.
    pub fn redundancy(payload_type: u8, of: u8) -> Self {
        Format { payload_type, map: "red/8000", parameters: format!("{of}/{of}") }
    }
}

/// A session description with one audio stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sdp {
    /// Where media is wanted.
    pub media: SocketAddr,
    /// The formats, the preferred first.
    pub formats: Vec<Format>,
    /// `sendrecv`, `sendonly`, …
    pub direction: &'static str,
    /// Raised with every change (RFC 3264 section 8).
    pub version: u32,
}

impl Sdp {
    /// G.711 µ-law and telephone-event as 101.
    pub fn plain(media: SocketAddr) -> Self {
        let formats = vec![Format::new(0, "PCMU/8000"), Format::events(101, "telephone-event/8000")];
        Sdp { media, formats, direction: "sendrecv", version: 1 }
    }

    /// The text of the body.
    pub fn text(&self) -> String {
        let family = if self.media.is_ipv4() { "IP4" } else { "IP6" };
        let address = self.media.ip();
        let mut text = format!(
            "v=0\r\no=- 4611 {} IN {family} {address}\r\ns=-\r\nc=IN {family} {address}\r\nt=0 0\r\nm=audio {} RTP/AVP",
            self.version,
            self.media.port()
        );
        for format in &self.formats {
            let _ = write!(text, " {}", format.payload_type);
        }
        text.push_str("\r\n");
        for Format { payload_type, map, parameters } in &self.formats {
            if !map.is_empty() {
                let _ = write!(text, "a=rtpmap:{payload_type} {map}\r\n");
            }
            if !parameters.is_empty() {
                let _ = write!(text, "a=fmtp:{payload_type} {parameters}\r\n");
            }
        }
        let _ = write!(text, "a=ptime:20\r\na={}\r\n", self.direction);
        text
    }
}
