//! Requests and answers, and everything that can go wrong with them.
#![allow(clippy::disallowed_methods, reason = "an edge: it answers real clients in real time")]

use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::Settings;
use super::behaviour::{Behaviour, Trouble};
use super::book::{Asked, Begun, Book, Taken};
use crate::https::{Request, Unread, Visit};
use crate::seed::Seed;

/// The longest reference, key and order.
const LONGEST: usize = 256;
/// The longest that a stalled connection is kept: "for ever" to everybody who asks.
const FOR_EVER: Duration = Duration::from_secs(600);

pub(super) struct Desk {
    settings: Settings,
    book: Mutex<Book>,
    chance: Mutex<Seed>,
    pub(super) requests: AtomicU64,
    pub(super) hang_ups: AtomicU32,
}

/// The body of `POST /payments`. The card's digits are looked at where they lie in the request.
#[derive(Deserialize)]
struct Body<'b> {
    reference: String,
    order: String,
    amount: u64,
    currency: String,
    #[serde(borrow)]
    card: Card<'b>,
}

#[derive(Deserialize)]
struct Card<'b> {
    number: &'b str,
    code: &'b str,
    expiry: Month,
}

#[derive(Deserialize)]
struct Month {
    month: u8,
    year: u16,
}

/// An answer before it is sent.
struct Answer {
    status: u16,
    body: Value,
}

fn answer(status: u16, body: Value) -> Answer {
    Answer { status, body }
}

fn wrong(field: &str) -> Answer {
    answer(422, json!({ "error": { "field": field } }))
}

impl Answer {
    fn bytes(&self) -> Vec<u8> {
        http(self.status, "application/json", self.body.to_string().as_bytes())
    }
}

fn http(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        if status < 400 { "OK" } else { "Refused" },
        body.len()
    );
    [head.as_bytes(), body].concat()
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk(_)")
    }
}

impl Desk {
    pub(super) fn new(settings: Settings) -> Self {
        let chance = Mutex::new(Seed::new(settings.seed));
        Desk {
            settings,
            book: Mutex::default(),
            chance,
            requests: AtomicU64::new(0),
            hang_ups: AtomicU32::new(0),
        }
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one connection: one request.
    pub(super) fn serve(&self, visit: &mut Visit<'_>) {
        let one_less = |left: u32| left.checked_sub(1);
        if self.hang_ups.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            return visit.hang_up();
        }
        let request = match visit.read() {
            Ok(request) => request,
            Err(Unread::Gone) => return,
            Err(Unread::TooLarge) => return self.say(visit, &answer(413, json!({ "error": "too large" }))),
            Err(Unread::NotHttp) => return self.say(visit, &answer(400, json!({ "error": "no HTTP" }))),
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let shown = request.header("authorization").and_then(|shown| shown.strip_prefix("Bearer "));
        if self.settings.secret.is_some() && self.settings.secret.as_deref() != shown {
            return self.say(visit, &answer(401, json!({ "error": "the key is wrong" })));
        }
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        match (request.method(), path) {
            ("POST", "/payments") => self.pay(visit, request),
            ("GET", "/payments") => self.look_up(visit, query),
            ("GET", "/charges") => {
                let order = query.strip_prefix("order=").map(decoded).unwrap_or_default();
                let charges = self.book().charges(&order);
                self.say(visit, &answer(200, json!({ "charges": charges })));
            }
            _ => self.say(visit, &answer(404, json!({ "error": "there is nothing here" }))),
        }
    }

    fn say(&self, visit: &mut Visit<'_>, answer: &Answer) {
        visit.send(&answer.bytes());
    }

    fn pay(&self, visit: &mut Visit<'_>, request: Request) {
        let read = read_payment(&request);
        let key = request.header("idempotency-key").unwrap_or_default().to_owned();
        // The card goes with the request, before anything waits.
        drop(request);
        let (asked, behaviour) = match read {
            Ok(read) => read,
            Err(refused) => return self.say(visit, &refused),
        };
        let before = match behaviour {
            Behaviour::Refuses(field) => Some(wrong(field)),
            Behaviour::Denies => Some(answer(401, json!({ "error": "who are you?" }))),
            Behaviour::Defers => Some(answer(429, json!({ "error": "too many requests" }))),
            _ if key.is_empty() || key.len() > LONGEST => Some(answer(400, json!({ "error": "no key" }))),
            _ => None,
        };
        if let Some(before) = before {
            return self.say(visit, &before);
        }
        if let Behaviour::Before(trouble) = behaviour {
            return make_trouble(visit, trouble, &answer(503, json!({ "error": "a fault" })));
        }
        match self.book().begin(&key, &asked, Instant::now()) {
            Begun::New => {}
            Begun::UnderWay => {
                return self.say(visit, &answer(409, json!({ "error": "this key's payment is under way" })));
            }
            Begun::Done(payment) => return self.say(visit, &answer(200, payment)),
            Begun::Other => {
                return self.say(visit, &answer(422, json!({ "error": "this key was another payment's" })));
            }
            Begun::Full => return self.say(visit, &answer(503, json!({ "error": "no room for more" }))),
        }
        let late = self.settings.late;
        if behaviour == Behaviour::TakesLate {
            visit.hang_up();
            visit.house.wait(late);
        } else {
            visit.house.wait(behaviour.delay());
        }
        let now = Instant::now();
        let taken = Taken {
            declined: if let Behaviour::Declines(reason) = behaviour { Some(reason) } else { None },
            pending_until: (behaviour == Behaviour::Pends).then(|| now + late),
            hidden_until: (behaviour == Behaviour::Hides).then(|| now + late),
        };
        let Some(payment) = self.book().take(&key, taken, now) else { return };
        match behaviour {
            Behaviour::After(trouble) => make_trouble(visit, trouble, &answer(200, payment)),
            Behaviour::Hides | Behaviour::TakesLate => visit.hang_up(),
            Behaviour::Pends => self.say(visit, &answer(202, payment)),
            _ => self.say(visit, &answer(200, payment)),
        }
    }

    fn look_up(&self, visit: &mut Visit<'_>, query: &str) {
        let trouble = {
            let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
            let kinds = [Trouble::Fails, Trouble::Drops, Trouble::Garbage, Trouble::Stalls];
            chance.percent(self.settings.look_ups_fail).then(|| kinds[chance.below(4) as usize])
        };
        let reference = query.strip_prefix("reference=").map(decoded).unwrap_or_default();
        let found = answer(200, json!({ "payments": self.book().find(&reference, Instant::now()) }));
        match trouble {
            Some(trouble) => make_trouble(visit, trouble, &found),
            None => self.say(visit, &found),
        }
    }
}

/// What is asked for and what shall become of it, or why it cannot be.
fn read_payment(request: &Request) -> Result<(Asked, Behaviour), Answer> {
    let Ok(body) = serde_json::from_slice::<Body<'_>>(request.body()) else {
        return Err(answer(400, json!({ "error": "this is no payment" })));
    };
    let Body { reference, order, amount, currency, card } = body;
    if reference.is_empty() || reference.len() > LONGEST {
        return Err(wrong("other"));
    }
    let is_currency = currency.len() == 3 && currency.bytes().all(|letter| letter.is_ascii_uppercase());
    if amount == 0 || !is_currency || order.len() > LONGEST {
        return Err(wrong("order"));
    }
    if !is_card_number(card.number) {
        return Err(wrong("number"));
    }
    let is_amex = card.number.starts_with("34") || card.number.starts_with("37");
    let is_code = card.code.bytes().all(|digit| digit.is_ascii_digit());
    if !is_code || card.code.len() != if is_amex { 4 } else { 3 } {
        return Err(wrong("code"));
    }
    if !(1..=12).contains(&card.expiry.month) || !(2000..2100).contains(&card.expiry.year) {
        return Err(wrong("expiry"));
    }
    let behaviour = Behaviour::of(amount, card.number);
    let last_four = card.number.get(card.number.len() - 4..).unwrap_or_default().to_owned();
    Ok((Asked { reference, order, amount, currency, last_four }, behaviour))
}

/// 12 to 19 digits, the last of which checks the others (ISO/IEC 7812-1 annex B).
fn is_card_number(number: &str) -> bool {
    let doubled = |(place, digit): (usize, u8)| {
        let digit = u32::from(digit - b'0');
        if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit }
    };
    (12..=19).contains(&number.len())
        && number.bytes().all(|digit| digit.is_ascii_digit())
        && number.bytes().rev().enumerate().map(doubled).sum::<u32>().is_multiple_of(10)
}

fn make_trouble(visit: &mut Visit<'_>, trouble: Trouble, right: &Answer) {
    let bytes = right.bytes();
    match trouble {
        Trouble::Fails => drop(visit.send(&answer(503, json!({ "error": "a fault" })).bytes())),
        Trouble::Drops => visit.hang_up(),
        Trouble::Stalls => stall(visit),
        Trouble::Garbage => drop(visit.send(&http(200, "text/html", b"<html>it works!</html>"))),
        Trouble::Noise => drop(visit.send(b"\x00\x01SSH-2.0-not what you think\r\n\r\n")),
        Trouble::Cut => {
            visit.send(&bytes[..bytes.len() - 20]);
            visit.hang_up();
        }
        Trouble::Large => drop(visit.send(&http(200, "application/json", &vec![b' '; 1 << 20]))),
        Trouble::Redirects => {
            let head = "HTTP/1.1 307 Elsewhere\r\nLocation: https://127.0.0.1:9/payments\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            visit.send(head.as_bytes());
        }
        Trouble::Twice => drop(visit.send(&[bytes.as_slice(), &bytes].concat())),
        Trouble::Drips => {
            let pause = Duration::from_secs(1) / u32::try_from(bytes.len()).unwrap_or(1);
            let _ = bytes.iter().all(|byte| visit.house.wait(pause) && visit.send(&[*byte]));
        }
    }
}

/// Until the client goes.
fn stall(visit: &mut Visit<'_>) {
    let Some(guest) = visit.guest() else { return };
    let _ = guest.sock.set_read_timeout(Some(FOR_EVER));
    let _ = guest.read(&mut [0; 16]);
    visit.hang_up();
}

/// Percent-encoding undone (RFC 3986 section 2.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%').then(|| after.get(..2)).flatten();
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                bytes.push(value);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
