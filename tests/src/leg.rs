//! A SIP dialog with its media, as a carrier's SBC and a contact centre's PBX hold it.

use core::fmt::Write;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use handover::Side;

use crate::frame::{self, Tag};
use crate::rtp::{KeyPlan, Stream};
use crate::scene::{Carries, Kind, Scene};
use crate::sdp::Sdp;

/// A SIP request that was sent, for its answers.
#[derive(Clone, Debug)]
pub struct Request {
    by: Side,
    branch: String,
    cseq: u32,
    method: &'static str,
    with_to_tag: bool,
}

/// A body and its type.
pub type Body<'a> = (&'a str, &'a [u8]);

/// One dialog. The cardholder is on the carrier side, whoever dialled.
#[derive(Clone, Debug)]
pub struct Leg {
    /// Names the dialog.
    pub call_id: String,
    /// Of the one who dialled, and of the one who answered.
    pub tags: [String; 2],
    /// Who dialled.
    pub dialled: Side,
    /// Signalling addresses of the carrier and of the customer.
    pub signalling: [SocketAddr; 2],
    /// What each side said of its media, carrier first.
    pub sdp: [Sdp; 2],
    /// Where media of each side really comes from, carrier first; behind NAT not where its SDP says.
    pub media: [SocketAddr; 2],
    /// What each side sends, carrier first.
    pub streams: [Stream; 2],
    /// The VLAN tags on this leg.
    pub tags_on_wire: Vec<Tag>,
    /// SIP messages longer than this are sent in fragments of at most so many bytes (a multiple of eight).
    pub fragment_sip: Option<usize>,
    cseq: [u32; 2],
    branches: u32,
}

/// The carrier's addresses, for `--carrier`.
pub const CARRIER: &str = "192.0.2.0/24";

fn ipv4(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

impl Leg {
    /// An incoming call over IPv4 without tags, G.711 and events of type 101 both ways. Legs of different numbers differ in
    /// Call-ID, tags and media ports.
    pub fn new(number: u16) -> Self {
        let port = 20_000 + 10 * number;
        let media = [
            SocketAddr::new(ipv4("192.0.2.20:1").ip(), port),
            SocketAddr::new(ipv4("198.51.100.20:1").ip(), port + 2),
        ];
        Leg {
            call_id: format!("{number}f81d4fae-7dec@192.0.2.10"),
            tags: [format!("a6c85cf{number}"), format!("314159{number}")],
            dialled: Side::Carrier,
            signalling: [ipv4("192.0.2.10:5060"), ipv4("198.51.100.10:5060")],
            sdp: [Sdp::plain(media[0]), Sdp::plain(media[1])],
            media,
            streams: [Stream::new(u64::from(number) * 2), Stream::new(u64::from(number) * 2 + 1)],
            tags_on_wire: Vec::new(),
            fragment_sip: None,
            cseq: [100, 700],
            branches: 0,
        }
    }

    /// The same over IPv6.
    #[must_use]
    pub fn over_ipv6(mut self) -> Self {
        let v6 = |address: SocketAddr| match address.ip() {
            IpAddr::V4(v4) => {
                let [a, .., d] = v4.octets();
                let text = if a == 192 { format!("2001:db8:c::{d}") } else { format!("2001:db8:a::{d}") };
                SocketAddr::new(text.parse().expect("an address"), address.port())
            }
            IpAddr::V6(_) => address,
        };
        self.signalling = self.signalling.map(v6);
        self.media = self.media.map(v6);
        for sdp in &mut self.sdp {
            sdp.media = v6(sdp.media);
        }
        self
    }

    /// Sets what both sides use for events: the payload types that the carrier and the customer *receive*, and the
    /// `rtpmap`. The audio's clock follows.
    #[must_use]
    pub fn with_events(mut self, types: [u8; 2], map: &'static str) -> Self {
        let (audio, clock_khz, length) = match map {
            "telephone-event/8000" => (crate::sdp::Format::new(0, "PCMU/8000"), 8, 160),
            "telephone-event/16000" => (crate::sdp::Format::new(96, "L16/16000"), 16, 640),
            "telephone-event/48000" => (crate::sdp::Format::new(111, "opus/48000/2"), 48, 80),
            _ => panic!("{map} is not known here"),
        };
        for side in 0..2 {
            self.sdp[side].formats = vec![audio.clone(), crate::sdp::Format::events(types[side], map)];
            let stream = &mut self.streams[side];
            // A side sends with the numbers that the other announced (RFC 3264 section 5.1).
            stream.event_type = types[1 - side];
            stream.audio_type = audio.payload_type;
            stream.clock_khz = clock_khz;
            stream.audio_length = length;
        }
        self
    }

    fn of<T>(pair: &[T; 2], side: Side) -> &T {
        &pair[side as usize]
    }

    /// A SIP message in one or several frames.
    pub fn sip(&self, scene: &mut Scene, from: Side, kind: Kind, carries: Carries, message: &[u8]) {
        let source = *Self::of(&self.signalling, from);
        let destination = *Self::of(&self.signalling, from.opposite());
        let frame =
            frame::udp(from, &self.tags_on_wire, source, destination, scene.identification(), message);
        match self.fragment_sip {
            Some(most) if message.len() + 8 > most => {
                for fragment in frame::fragments(&frame, most) {
                    scene.send(from, Kind::Fragment, carries, fragment);
                }
            }
            _ => scene.send(from, kind, carries, frame),
        }
    }

    /// Sends a request within the dialog, or the one that begins it.
    pub fn request(
        &mut self,
        scene: &mut Scene,
        by: Side,
        method: &'static str,
        headers: &str,
        body: Option<Body<'_>>,
    ) -> Request {
        self.request_that(scene, by, method, headers, body, Carries::Nothing)
    }

    fn request_that(
        &mut self,
        scene: &mut Scene,
        by: Side,
        method: &'static str,
        headers: &str,
        body: Option<Body<'_>>,
        carries: Carries,
    ) -> Request {
        let begins = method == "INVITE" && self.cseq == [100, 700];
        if !matches!(method, "ACK" | "CANCEL") {
            self.cseq[by as usize] += 1;
        }
        self.branches += 1;
        let request = Request {
            by,
            branch: format!("z9hG4bK{}-{}", self.branches, self.call_id.len()),
            cseq: self.cseq[by as usize],
            method,
            with_to_tag: !begins,
        };
        let target = Self::of(&self.signalling, by.opposite());
        let mut text = format!("{method} sip:+441632960961@{target} SIP/2.0\r\n");
        self.common_headers(&mut text, &request, headers);
        let message = with_body(text, body);
        let kind = if carries == Carries::Nothing { Kind::Setup } else { Kind::Request };
        self.sip(scene, by, kind, carries, &message);
        request
    }

    /// Answers a request.
    pub fn respond(
        &self,
        scene: &mut Scene,
        request: &Request,
        status: &str,
        headers: &str,
        body: Option<Body<'_>>,
    ) {
        let mut text = format!("SIP/2.0 {status}\r\n");
        let answered = Request { with_to_tag: !status.starts_with("100"), ..request.clone() };
        self.common_headers(&mut text, &answered, headers);
        self.sip(scene, request.by.opposite(), Kind::Setup, Carries::Nothing, &with_body(text, body));
    }

    fn common_headers(&self, text: &mut String, request: &Request, headers: &str) {
        let via = Self::of(&self.signalling, request.by);
        let contact = via;
        let [dialler, answerer] = &self.tags;
        let dialler = format!("<sip:+447700900123@192.0.2.10>;tag={dialler}");
        let answerer_tag = if request.with_to_tag { format!(";tag={answerer}") } else { String::new() };
        let answerer = format!("<sip:+441632960961@198.51.100.10>{answerer_tag}");
        let (from, to) = if request.by == self.dialled { (dialler, answerer) } else { (answerer, dialler) };
        let _ = write!(
            text,
            "Via: SIP/2.0/UDP {via};branch={};rport\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\n\
             Call-ID: {}\r\nCSeq: {} {}\r\nContact: <sip:line@{contact}>\r\n{headers}",
            request.branch, self.call_id, request.cseq, request.method
        );
    }

    /// INVITE with an offer, 100, 183 with an answer and 1 s of early media, 200, ACK. Ends with the call up.
    pub fn set_up(&mut self, scene: &mut Scene) {
        self.set_up_with(scene, "");
    }

    /// The same, with further headers in the INVITE.
    pub fn set_up_with(&mut self, scene: &mut Scene, headers: &str) {
        let (dialled, answers) = (self.dialled, self.dialled.opposite());
        let offer = Self::of(&self.sdp, dialled).text();
        let answer = Self::of(&self.sdp, answers).text();
        let invite =
            self.request(scene, dialled, "INVITE", headers, Some(("application/sdp", offer.as_bytes())));
        scene.pass(15);
        self.respond(scene, &invite, "100 Trying", "", None);
        scene.pass(70);
        let answer = Some(("application/sdp", answer.as_bytes()));
        self.respond(scene, &invite, "183 Session Progress", "", answer);
        scene.pass(10);
        self.talk(scene, 200);
        self.respond(scene, &invite, "200 OK", "Session-Expires: 1800;refresher=uas\r\n", answer);
        scene.pass(5);
        self.request(scene, dialled, "ACK", "", None);
        scene.pass(5);
    }

    /// A re-INVITE or UPDATE by `by` with what it now says of its media, and the answer.
    pub fn renegotiate(&mut self, scene: &mut Scene, by: Side, method: &'static str) {
        self.sdp[by as usize].version += 1;
        let offer = Self::of(&self.sdp, by).text();
        let answer = Self::of(&self.sdp, by.opposite()).text();
        let request = self.request(scene, by, method, "", Some(("application/sdp", offer.as_bytes())));
        scene.pass(20);
        self.respond(scene, &request, "200 OK", "", Some(("application/sdp", answer.as_bytes())));
        scene.pass(5);
        if method == "INVITE" {
            self.request(scene, by, "ACK", "", None);
            scene.pass(5);
        }
    }

    /// Hangs up.
    pub fn hang_up(&mut self, scene: &mut Scene, by: Side) {
        let bye = self.request(scene, by, "BYE", "", None);
        scene.pass(20);
        self.respond(scene, &bye, "200 OK", "", None);
        scene.pass(5);
    }

    /// One RTP packet of a side, wherever the other side's SDP (or, towards the customer, its real address) says.
    pub fn media(&self, scene: &mut Scene, from: Side, delay: u64, carries: Carries, packet: &[u8]) {
        let source = *Self::of(&self.media, from);
        // The carrier's gateway follows the customer's real address behind NAT (RFC 4961).
        let destination = match from {
            Side::Carrier => self.media[Side::Customer as usize],
            Side::Customer => self.sdp[Side::Carrier as usize].media,
        };
        let frame = frame::udp(from, &self.tags_on_wire, source, destination, scene.identification(), packet);
        scene.send_at(scene.now + Duration::from_millis(delay), from, Kind::Media, carries, frame);
    }

    /// Audio both ways.
    pub fn talk(&mut self, scene: &mut Scene, milliseconds: u64) {
        for _ in 0..milliseconds / 20 {
            for side in [Side::Carrier, Side::Customer] {
                let packet = self.streams[side as usize].audio();
                self.media(scene, side, 7 * side as u64, Carries::Nothing, &packet);
            }
            scene.pass(20);
        }
    }

    /// The cardholder presses a key; the agent goes on talking.
    pub fn press(&mut self, scene: &mut Scene, key: u8, plan: &KeyPlan) {
        let carries = scene.note_pressed(&[key]);
        let packets = self.streams[Side::Carrier as usize].press(key, plan);
        self.key_packets(scene, Side::Carrier, carries, &packets);
    }

    /// The cardholder presses keys that are reported together.
    pub fn press_together(&mut self, scene: &mut Scene, keys: &[u8]) {
        let carries = scene.note_pressed(keys);
        let packets = self.streams[Side::Carrier as usize].press_together(keys);
        self.key_packets(scene, Side::Carrier, carries, &packets);
    }

    /// The agent presses a key: it is none of ours.
    pub fn agent_presses(&mut self, scene: &mut Scene, key: u8) {
        let packets = self.streams[Side::Customer as usize].press(key, &KeyPlan::default());
        self.key_packets(scene, Side::Customer, Carries::Nothing, &packets);
    }

    fn key_packets(&mut self, scene: &mut Scene, from: Side, carries: Carries, packets: &[Vec<u8>]) {
        let other = from.opposite();
        for packet in packets {
            self.media(scene, from, 0, carries, packet);
            let audio = self.streams[other as usize].audio();
            self.media(scene, other, 7, Carries::Nothing, &audio);
            scene.pass(20);
        }
    }

    /// The cardholder's key by SIP: a request with a body that holds `keys`.
    pub fn press_by_sip(
        &mut self,
        scene: &mut Scene,
        keys: &[u8],
        method: &'static str,
        headers: &str,
        body: Body<'_>,
    ) {
        let carries = scene.note_pressed(keys);
        self.tell_by_sip(scene, carries, method, headers, body);
        self.talk(scene, 600);
    }

    /// The same for keys that were noted before, because they came by another transport too; no time passes after it.
    pub fn tell_by_sip(
        &mut self,
        scene: &mut Scene,
        carries: Carries,
        method: &'static str,
        headers: &str,
        body: Body<'_>,
    ) {
        let request = self.request_that(scene, Side::Carrier, method, headers, Some(body), carries);
        scene.pass(10);
        self.respond(scene, &request, "200 OK", "", None);
    }

    /// The same as [`Leg::press_by_sip`], of the agent's key.
    pub fn agent_presses_by_sip(
        &mut self,
        scene: &mut Scene,
        method: &'static str,
        headers: &str,
        body: Body<'_>,
    ) {
        let request = self.request(scene, Side::Customer, method, headers, Some(body));
        scene.pass(10);
        self.respond(scene, &request, "200 OK", "", None);
        self.talk(scene, 100);
    }
}

fn with_body(mut head: String, body: Option<Body<'_>>) -> Vec<u8> {
    let bytes = match body {
        Some((content_type, bytes)) => {
            let _ = write!(head, "Content-Type: {content_type}\r\n");
            bytes
        }
        None => &[],
    };
    let _ = write!(head, "Content-Length: {}\r\n\r\n", bytes.len());
    let mut message = head.into_bytes();
    message.extend(bytes);
    message
}
