//! An agent without a page: the requests that a page makes, for many payments at once.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use super::sandbox::ROOT;
use super::{During, Outcome, Trouble};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the state of a payment is asked for.
const LOOKS: Duration = Duration::from_millis(150);

type Connection = BufReader<StreamOwned<ClientConnection, TcpStream>>;

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub struct PlainAgent {
    door: Door,
    cookie: String,
}

/// Where the pages are, and whom to trust there.
#[derive(Clone, Debug)]
struct Door {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

/// A payment that an agent has begun.
pub struct PlainPayment {
    agent: PlainAgent,
    id: String,
    connection: Option<Connection>,
}

struct Answer {
    status: u16,
    cookie: Option<String>,
    body: Value,
}

impl PlainAgent {
    /// Signs in at the page of the sandbox's Keyhush.
    ///
    /// # Errors
    /// When it does not let them.
    pub fn sign_in(port: u16, name: &str, password: &str) -> Outcome<PlainAgent> {
        let door = Door::new(port)?;
        let body = json!({ "user_name": name, "password": password });
        let answer = door.ask(&mut None, "POST", "/api/sign-in", "", Some(&body))?;
        let cookie =
            answer.cookie.ok_or_else(|| Trouble::new(format!("{name} is not let in: {}", answer.body)))?;
        Ok(PlainAgent { door, cookie })
    }

    /// Begins a payment of so many pounds, `12.34`, and listens to what its page would be told.
    ///
    /// # Errors
    /// When there is none.
    pub fn begin(&self, amount: &str, order: &str) -> Outcome<PlainPayment> {
        let body = json!({ "amount": amount, "currency": "GBP", "order": order });
        let mut connection = None;
        let answer = self.door.ask(&mut connection, "POST", "/api/payments", &self.cookie, Some(&body))?;
        let Some(id) = answer.body["id"].as_str() else {
            return Err(Trouble::new(format!("no payment: {} {}", answer.status, answer.body)));
        };
        let payment = PlainPayment { agent: self.clone(), id: id.to_owned(), connection };
        payment.listen()?;
        Ok(payment)
    }
}

impl PlainPayment {
    /// Reads its events, as a page does, until they end.
    fn listen(&self) -> Outcome<()> {
        let mut stream = self.agent.door.connect().during("connecting")?;
        let path = format!("/api/payments/{}/events", self.id);
        let head = self.agent.door.head("GET", &path, &self.agent.cookie, 0);
        stream.get_mut().write_all(head.as_bytes()).during("asking for events")?;
        // Comments come often enough.
        thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
        Ok(())
    }

    fn ask(&mut self, method: &str, what: &str, body: Option<&Value>) -> Outcome<Answer> {
        let path = format!("/api/payments/{}{what}", self.id);
        self.agent.door.ask(&mut self.connection, method, &path, &self.agent.cookie, body)
    }

    /// What its page shows.
    ///
    /// # Errors
    /// When it is not there.
    pub fn shown(&mut self) -> Outcome<Value> {
        let mut answer = self.ask("GET", "", None)?;
        match answer.body["view"].take() {
            Value::Null => Err(Trouble::new(format!("no payment is shown: {}", answer.status))),
            view => Ok(view),
        }
    }

    /// Waits until `wanted` of what its page shows; answers what is shown last, and whether it was that.
    ///
    /// # Errors
    /// When it is not there.
    pub fn watch(&mut self, at_most: Duration, wanted: impl Fn(&Value) -> bool) -> Outcome<(Value, bool)> {
        let until = Instant::now() + at_most;
        loop {
            let shown = self.shown()?;
            let is_it = wanted(&shown);
            if is_it || Instant::now() >= until {
                return Ok((shown, is_it));
            }
            thread::sleep(LOOKS);
        }
    }

    /// The same where nothing else may come.
    ///
    /// # Errors
    /// When it does not come; with what does.
    pub fn wait(&mut self, what: &str, at_most: Duration, wanted: impl Fn(&Value) -> bool) -> Outcome<Value> {
        match self.watch(at_most, wanted)? {
            (shown, true) => Ok(shown),
            (shown, false) => Err(Trouble::new(format!("not seen: {what}; shown is {shown}"))),
        }
    }

    /// Clicks.
    ///
    /// # Errors
    /// When it is refused.
    pub fn click(&mut self, click: &Value) -> Outcome<()> {
        let answer = self.ask("POST", "/clicks", Some(click))?;
        if answer.status == 204 {
            return Ok(());
        }
        Err(Trouble::new(format!("{click} is refused: {} {}", answer.status, answer.body)))
    }
}

impl Door {
    fn new(port: u16) -> Outcome<Door> {
        let pem =
            fs::read(Path::new(ROOT).join("keyhush.certificate.pem")).during("reading the certificate")?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            roots.add(certificate.during("reading the certificate")?).during("trusting the certificate")?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .during("choosing versions of TLS")?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Door { address: (Ipv4Addr::LOCALHOST, port).into(), config: Arc::new(config) })
    }

    fn connect(&self) -> io::Result<Connection> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let name = ServerName::from(self.address.ip());
        let connection = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        Ok(BufReader::new(StreamOwned::new(connection, stream)))
    }

    fn head(&self, method: &str, path: &str, cookie: &str, length: usize) -> String {
        let cookie = if cookie.is_empty() { String::new() } else { format!("Cookie: {cookie}\r\n") };
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{cookie}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n",
            self.address
        )
    }

    /// Asks over the connection that there is, or a new one where it was closed meanwhile.
    fn ask(
        &self,
        connection: &mut Option<Connection>,
        method: &str,
        path: &str,
        cookie: &str,
        body: Option<&Value>,
    ) -> Outcome<Answer> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = self.head(method, path, cookie, body.len()) + &body;
        if let Some(mut open) = connection.take()
            && let Ok(answer) = exchange(&mut open, &request)
        {
            *connection = Some(open);
            return Ok(answer);
        }
        let mut open = self.connect().during("connecting")?;
        let answer = exchange(&mut open, &request).during(format!("{method} {path}"))?;
        *connection = Some(open);
        Ok(answer)
    }
}

fn exchange(connection: &mut Connection, request: &str) -> io::Result<Answer> {
    connection.get_mut().write_all(request.as_bytes())?;
    let mut status = String::new();
    connection.read_line(&mut status)?;
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    let (mut length, mut cookie) = (0, None);
    loop {
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "set-cookie" => cookie = value.trim().split(';').next().map(str::to_owned),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Answer { status, cookie, body })
}
