//! A call without telephones: four sockets and a thread. One process carries dozens, where as many telephones would need more
//! cores than there are.
//!
//! Both ends say as little as Keyhush and each other need: INVITE, ACK, INFO, BYE and their answers. Their voice is silence.

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use lanes::g711::to_ulaw;

use super::contact_centre::CALLERS;
use super::network::Host;
use super::{During, Outcome, Trouble};
use crate::keyed_audio::KeyedAudio;
use crate::rtp::{KeyPlan, Stream};

/// One packet's time.
const PACKET: Duration = Duration::from_millis(20);
/// Samples in it.
const SAMPLES: usize = 160;
/// G.711 µ-law silence.
const SILENCE: u8 = 0xff;
/// The event's payload type, the same at both ends.
pub const EVENT: u8 = 101;
/// How often a request is sent before it is given up, and how long an answer is waited for.
const TRIES: usize = 12;
const ANSWERED_WITHIN: Duration = Duration::from_millis(500);
/// Between two keys by INFO.
const BETWEEN_INFOS: Duration = Duration::from_millis(80);

/// How keys are sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Keys {
    /// Telephone-events.
    Events,
    /// Tones in the audio.
    Tones,
    /// INFO requests.
    Info,
}

/// Who is who in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The caller, on the carrier side.
    Caller,
    /// The agent, on the customer side.
    Agent,
}

/// A call that is up, until it is hung up or dropped.
#[derive(Debug)]
pub struct SmallCall {
    call_id: String,
    dialog: Dialog,
    signalling: [UdpSocket; 2],
    sequence: u32,
    media: Arc<Media>,
    thread: Option<JoinHandle<()>>,
    ssrc: u32,
}

/// What its requests are made of.
#[derive(Debug)]
struct Dialog {
    /// `<sip:…>` of the caller and of the one who is called.
    addresses: [String; 2],
    places: [String; 2],
}

/// What the thread is to send, and what it has heard.
#[derive(Debug, Default)]
struct Media {
    is_over: AtomicBool,
    waiting: [Mutex<VecDeque<Sound>>; 2],
    /// The keys that reached the agent in events, a code for each packet.
    heard: Mutex<Vec<u8>>,
}

/// Something to be sent instead of silence.
#[derive(Debug)]
enum Sound {
    Key(u8),
    Audio(Vec<u8>),
    Silence,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SmallCall {
    /// `caller` calls `number` at `agent`. `place` tells this call's ports from those of others, 0–9999.
    ///
    /// # Errors
    /// When a port is taken, or no call comes about.
    pub fn begin(caller: &Host, agent: &Host, number: &str, place: u16) -> Outcome<SmallCall> {
        let hosts = [caller, agent];
        let sockets = |port: u16| Ok::<_, Trouble>([caller.udp(port)?, agent.udp(port)?]);
        let (signalling, media) = (sockets(10_000 + place)?, sockets(20_000 + 2 * place)?);
        for socket in &signalling {
            socket.set_read_timeout(Some(ANSWERED_WITHIN)).during("setting a socket's patience")?;
        }
        let place_of = |host: &Host| format!("{}:{}", host.address(), 10_000 + place);
        let places = hosts.map(place_of);
        let address = |number: &str, place: &str| format!("<sip:{number}@{place}>");
        let addresses = [address(CALLERS[0], &places[0]), address(number, &places[1])];
        let call_id = format!("small-{place}@{}", caller.address());
        let mut call = SmallCall {
            call_id,
            dialog: Dialog { addresses, places },
            signalling,
            sequence: 0,
            media: Arc::default(),
            thread: None,
            ssrc: 0,
        };
        let bodies = hosts.map(|host| sdp(host, 20_000 + 2 * place));
        call.ask("INVITE", "application/sdp", &bodies[0], &bodies[1])?;
        call.send("ACK", "", "")?;
        // Nothing is answered to it, and the next request may not come before it.
        let mut buffer = [0; 4096];
        let arrives = (0..TRIES).any(|_| call.signalling[1].recv(&mut buffer).is_ok());
        if !arrives {
            return Err(Trouble::new(format!("the ACK of {} does not arrive", call.call_id)));
        }
        call.talk(media, place)?;
        Ok(call)
    }

    /// Begins to send voice both ways.
    fn talk(&mut self, sockets: [UdpSocket; 2], place: u16) -> Outcome<()> {
        let peers = [1, 0].map(|peer: usize| sockets[peer].local_addr());
        let streams = [0, 1].map(|end| Stream::new(u64::from(place) << 1 | end));
        self.ssrc = streams[0].ssrc;
        for (socket, peer) in sockets.iter().zip(peers) {
            socket.connect(peer.during("asking for a port")?).during("choosing a peer")?;
            socket.set_nonblocking(true).during("not waiting for voice")?;
        }
        let media = Arc::clone(&self.media);
        let mut ends = streams.map(|stream| Speaker { stream, packets: VecDeque::new() });
        self.thread = Some(thread::spawn(move || {
            let mut due = Instant::now();
            while !media.is_over.load(Ordering::Relaxed) {
                for (end, speaker) in ends.iter_mut().enumerate() {
                    let packet = speaker.next(&mut locked(&media.waiting[end]));
                    // What the network does not take is lost, as on any.
                    let _ = sockets[end].send(&packet);
                    media.listen(&sockets[end], end == 1);
                }
                due += PACKET;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        }));
        Ok(())
    }

    /// Its Call-ID.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// What marks the caller's voice and events.
    pub fn callers_ssrc(&self) -> [u8; 4] {
        self.ssrc.to_be_bytes()
    }

    /// The keys that reached the agent in events, a code for each packet.
    pub fn heard_by_agent(&self) -> Vec<u8> {
        locked(&self.media.heard).clone()
    }

    /// Somebody presses keys; done when the last one is sent.
    ///
    /// # Errors
    /// When an INFO is not answered.
    pub fn key(&mut self, from: End, keys: &str, how: Keys) -> Outcome<()> {
        if how == Keys::Info {
            for key in keys.chars() {
                let signal = format!("Signal={key}\r\nDuration=160\r\n");
                self.ask("INFO", "application/dtmf-relay", &signal, "")?;
                thread::sleep(BETWEEN_INFOS);
            }
            return Ok(());
        }
        let sounds: Vec<Sound> = match how {
            Keys::Events => {
                keys.bytes().flat_map(|key| [Sound::Key(key), Sound::Silence, Sound::Silence]).collect()
            }
            _ => {
                // As long as its keys, and a little silence.
                let audio = KeyedAudio::quiet(0.16 * keys.len() as f64 + 0.1).key(0.02, keys);
                let codes: Vec<u8> = audio.samples().into_iter().map(to_ulaw).collect();
                codes.chunks_exact(SAMPLES).map(|packet| Sound::Audio(packet.to_vec())).collect()
            }
        };
        let waiting = &self.media.waiting[usize::from(from == End::Agent)];
        locked(waiting).extend(sounds);
        while !locked(waiting).is_empty() {
            thread::sleep(PACKET);
        }
        Ok(())
    }

    /// The caller hangs up.
    ///
    /// # Errors
    /// When that is not answered.
    pub fn hang_up(mut self) -> Outcome<()> {
        self.ask("BYE", "", "", "").map(drop)
    }

    /// The caller asks the agent's end for something, which it grants.
    fn ask(&mut self, method: &str, kind: &str, body: &str, answer: &str) -> Outcome<()> {
        self.sequence += 1;
        let mut buffer = [0; 4096];
        for _ in 0..TRIES {
            self.send(method, kind, body)?;
            // Late copies of earlier requests may be there before it.
            while let Ok(length) = self.signalling[1].recv(&mut buffer) {
                let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                self.answer(&request, if request.starts_with("INVITE") { answer } else { "" })?;
                if request.contains(&format!("CSeq: {} ", self.sequence)) {
                    break;
                }
            }
            while let Ok(length) = self.signalling[0].recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]);
                if text.starts_with("SIP/2.0 200") && text.contains(&format!("CSeq: {} ", self.sequence)) {
                    return Ok(());
                }
            }
        }
        Err(Trouble::new(format!("{method} of {} is not answered", self.call_id)))
    }

    fn send(&self, method: &str, kind: &str, body: &str) -> Outcome<()> {
        let Dialog { addresses: [from, to], places: [own, peer] } = &self.dialog;
        let (call_id, sequence) = (&self.call_id, self.sequence);
        let tag = if method == "INVITE" { "" } else { ";tag=agent" };
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let request = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK-{call_id}-{sequence}-{method}\r\n\
             From: {from};tag=caller\r\nTo: {to}{tag}\r\nCall-ID: {call_id}\r\nCSeq: {sequence} {method}\r\n\
             Contact: <sip:caller@{own}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            to.trim_matches(['<', '>']),
            body.len()
        );
        self.signalling[0].send_to(request.as_bytes(), peer).during(method).map(drop)
    }

    /// The agent's end answers with what the request says of itself.
    fn answer(&self, request: &str, body: &str) -> Outcome<()> {
        let Dialog { addresses: [_, to], places: [peer, own] } = &self.dialog;
        let copied =
            |name: &&str| ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|head| name.starts_with(head));
        let heads: String = request.lines().filter(copied).map(|line| format!("{line}\r\n")).collect();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let answer = format!(
            "SIP/2.0 200 OK\r\n{heads}To: {to};tag=agent\r\nContact: <sip:agent@{own}>\r\n{kind}Content-Length: {}\r\n\r\n\
             {body}",
            body.len()
        );
        self.signalling[1].send_to(answer.as_bytes(), peer).during("answering").map(drop)
    }
}

impl Drop for SmallCall {
    fn drop(&mut self) {
        self.media.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Media {
    /// Takes what has come; what the agent hears of keys is kept.
    fn listen(&self, socket: &UdpSocket, is_agents: bool) {
        let mut packet = [0; 2048];
        while let Ok(length) = socket.recv(&mut packet) {
            if is_agents && length >= 16 && packet[1] & 0x7f == EVENT {
                locked(&self.heard).push(packet[12]);
            }
        }
    }
}

/// One end's voice.
struct Speaker {
    stream: Stream,
    /// Of a key that is down.
    packets: VecDeque<Vec<u8>>,
}

impl Speaker {
    fn next(&mut self, waiting: &mut VecDeque<Sound>) -> Vec<u8> {
        if let Some(packet) = self.packets.pop_front() {
            return packet;
        }
        let audio = match waiting.pop_front() {
            Some(Sound::Key(key)) => {
                let plan = KeyPlan { milliseconds: 60, ..KeyPlan::default() };
                self.packets.extend(self.stream.press(key, &plan));
                return self.packets.pop_front().unwrap_or_default();
            }
            Some(Sound::Audio(audio)) => audio,
            Some(Sound::Silence) | None => vec![SILENCE; SAMPLES],
        };
        let packet = self.stream.packet(self.stream.audio_type, false, self.stream.timestamp, &audio);
        self.stream.elapse(20);
        packet
    }
}

fn sdp(host: &Host, port: u16) -> String {
    let address = host.address();
    format!(
        "v=0\r\no=small 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 {EVENT}\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:{EVENT} telephone-event/8000\r\na=fmtp:{EVENT} 0-15\r\n"
    )
}
