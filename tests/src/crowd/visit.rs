//! One agent's browser, as far as a measurement needs one: HTTPS on one connection that is kept, an answer after the other.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::live::{During, Outcome, Trouble};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that trusts one certificate.
///
/// # Errors
/// What is wrong with the file.
pub fn trusting(certificate: &Path) -> Outcome<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let pem = CertificateDer::from_pem_file(certificate).during(certificate.display())?;
    roots.add(pem).during(certificate.display())?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .during("choosing versions of TLS")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The client's end of a connection to the page.
///
/// # Errors
/// When rustls does not make one.
pub fn tls(config: &Arc<ClientConfig>) -> Outcome<ClientConnection> {
    let name = ServerName::try_from("127.0.0.1").during("reading our own address")?;
    ClientConnection::new(Arc::clone(config), name).during("beginning TLS")
}

/// A visit of the page.
pub struct Visit {
    stream: StreamOwned<ClientConnection, TcpStream>,
    cookie: String,
}

/// An answer: its status, head and body.
#[derive(Debug)]
pub struct Answer {
    /// As in `200`.
    pub status: u16,
    /// Status line and fields.
    pub head: String,
    /// The body, which is text wherever we ask.
    pub body: String,
}

impl Visit {
    /// Connects, as whoever has the cookie; an empty one is nobody's.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn begin(address: SocketAddr, config: &Arc<ClientConfig>, cookie: &str) -> Outcome<Visit> {
        let tcp = TcpStream::connect(address).during("connecting to the page")?;
        tcp.set_read_timeout(Some(PATIENCE)).during("setting a time-out")?;
        tcp.set_nodelay(true).during("switching Nagle's algorithm off")?;
        Ok(Visit { stream: StreamOwned::new(tls(config)?, tcp), cookie: cookie.to_owned() })
    }

    /// Signs in; the cookie.
    ///
    /// # Errors
    /// When it is refused.
    pub fn sign_in(
        address: SocketAddr,
        config: &Arc<ClientConfig>,
        name: &str,
        password: &str,
    ) -> Outcome<String> {
        let body = serde_json::json!({ "user_name": name, "password": password }).to_string();
        let answer = Visit::begin(address, config, "")?.ask("POST", "/api/sign-in", &body)?;
        let cookie = answer.head.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next());
        cookie.map(str::to_owned).ok_or_else(|| Trouble::new(format!("{name} cannot sign in: {answer:?}")))
    }

    /// Begins a payment; the name in its page's address.
    ///
    /// # Errors
    /// When it is refused.
    pub fn begin_payment(&mut self) -> Outcome<String> {
        let answer =
            self.ask("POST", "/api/payments", r#"{"amount":"12.34","currency":"GBP","order":"INV-7"}"#)?;
        let body: serde_json::Value = serde_json::from_str(&answer.body).during("reading what was begun")?;
        let id = body["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| Trouble::new(format!("no payment begins: {answer:?}")))
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// When none comes.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) -> Outcome<Answer> {
        let request = request(method, path, &self.cookie, body);
        self.stream.write_all(request.as_bytes()).during(path)?;
        self.answer().during(path)
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let head = self.head()?;
        let length = field(&head, "content-length").and_then(|length| length.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Ok(Answer { status, head, body: String::from_utf8_lossy(&body).into_owned() })
    }

    fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// Subscribes to events, and hands each one's name to `heard` until it answers false or the connection ends.
    ///
    /// # Errors
    /// When there are none.
    pub fn hear(mut self, payment: &str, mut heard: impl FnMut(&str) -> bool) -> Outcome<()> {
        let request = request("GET", &events_of(payment), &self.cookie, "");
        self.stream.write_all(request.as_bytes()).during("subscribing")?;
        let head = self.head().during("subscribing")?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(Trouble::new(format!("no events: {head}")));
        }
        let (mut text, mut some) = (String::new(), [0; 4096]);
        loop {
            let count = match self.stream.read(&mut some) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error)
                    if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error).during("reading events"),
            };
            text.push_str(&String::from_utf8_lossy(&some[..count]));
            while let Some((line, rest)) = text.split_once('\n') {
                let name = line.trim_end().strip_prefix("event: ");
                if name.is_some_and(|name| !heard(name)) {
                    return Ok(());
                }
                text = rest.to_owned();
            }
        }
    }
}

/// The path of a payment's events.
pub(super) fn events_of(payment: &str) -> String {
    format!("/api/payments/{payment}/events")
}

/// A request as it goes over the wire.
pub(super) fn request(method: &str, path: &str, cookie: &str, body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    if !cookie.is_empty() {
        text += &format!("Cookie: {cookie}\r\n");
    }
    if method == "POST" {
        text += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    text + "\r\n" + body
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}
