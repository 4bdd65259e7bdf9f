//! One client of the admin socket. One request is in progress at a time: as long as its answer has not been taken, nothing
//! more is read. So a client that sends much or takes little fills its own socket, not our memory.

use std::io::{ErrorKind, Read, Write};

use handover::Instant;
use mio::net::UnixStream;
use serde::Serialize;

/// Bytes taken from a client in one turn.
const READ_MAX: usize = 4096;

/// What a connection wants next.
#[derive(Debug)]
pub(crate) enum Step {
    /// The system will tell when it can go on.
    Wait,
    /// A request, without its end of line.
    Request(Vec<u8>),
    /// A request longer than it may be.
    TooLong,
    /// It is over.
    Close,
}

/// A client.
pub(crate) struct Connection {
    pub(crate) stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    /// The token of the request that the signalling lcore is asked, and since when.
    pub(crate) asked: Option<(u64, Instant)>,
    /// When it last began, asked something or had taken a whole answer.
    pub(crate) since: Instant,
    closing: bool,
}

impl Connection {
    pub(crate) fn new(stream: UnixStream, now: Instant) -> Self {
        Connection {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            asked: None,
            since: now,
            closing: false,
        }
    }

    /// Whether neither a request nor an answer is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.asked.is_none() && self.output.is_empty()
    }

    /// Queues an answer; the next steps send it.
    pub(crate) fn answer(&mut self, now: Instant, answer: &impl Serialize) {
        self.asked = None;
        self.since = now;
        // Plain structs with string keys: serialising them into memory cannot fail.
        if serde_json::to_writer(&mut self.output, answer).is_err() {
            self.closing = true;
        }
        self.output.push(b'\n');
    }

    /// No request is read any more: what is queued is sent, then the connection closes.
    pub(crate) fn close_after_answer(&mut self) {
        self.closing = true;
    }

    /// Sends, then reads, as far as it goes without waiting.
    pub(crate) fn step(&mut self, now: Instant, line_max: usize) -> Step {
        while self.sent < self.output.len() {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(0) => return Step::Close,
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Wait,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Step::Close,
            }
        }
        if !self.output.is_empty() {
            self.output = Vec::new();
            self.sent = 0;
            self.since = now;
        }
        if self.closing {
            return Step::Close;
        }
        if self.asked.is_some() {
            return Step::Wait;
        }
        self.next_line(line_max)
    }

    fn next_line(&mut self, line_max: usize) -> Step {
        let mut searched = 0;
        loop {
            if let Some(end) = self.input[searched..].iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.input.drain(..=searched + end).collect();
                line.pop();
                return if line.len() > line_max { Step::TooLong } else { Step::Request(line) };
            }
            if self.input.len() > line_max {
                return Step::TooLong;
            }
            searched = self.input.len();
            let mut taken = [0; READ_MAX];
            match self.stream.read(&mut taken) {
                Ok(0) => return Step::Close,
                Ok(count) => self.input.extend_from_slice(&taken[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Wait,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Step::Close,
            }
        }
    }
}
