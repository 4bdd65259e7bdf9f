//! W3C WebDriver: JSON over HTTP/1.1 to a driver on our own loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::{During, Outcome, Trouble};

/// Longer than the longest command may take by the time-outs that a session is started with.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where commands go. A connection serves one of them: between processes of one machine another costs nothing.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    port: u16,
    path: String,
}

impl Commands {
    pub(super) fn new(port: u16, path: String) -> Commands {
        Commands { port, path }
    }

    pub(super) fn below(&self, path: &str) -> Commands {
        Commands { port: self.port, path: format!("{}{path}", self.path) }
    }

    pub(super) fn get(&self, path: &str) -> Outcome<Value> {
        self.command("GET", path, "")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.command("POST", path, &body.to_string())
    }

    pub(super) fn delete(&self, path: &str) -> Outcome<Value> {
        self.command("DELETE", path, "")
    }

    fn command(&self, method: &str, path: &str, body: &str) -> Outcome<Value> {
        let target = format!("{}{path}", self.path);
        let answer = self.exchange(method, &target, body).during("asking chromedriver")?;
        let answer: Value = serde_json::from_slice(&answer).during("reading chromedriver's answer")?;
        let value = &answer["value"];
        match value["error"].as_str() {
            None => Ok(value.clone()),
            Some(error) => {
                let message = value["message"].as_str().unwrap_or_default();
                let first = message.lines().next().unwrap_or_default();
                Err(Trouble::new(format!("{error}: {first}")))
            }
        }
    }

    fn exchange(&self, method: &str, target: &str, body: &str) -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            if answer.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body)?;
        Ok(body)
    }
}
