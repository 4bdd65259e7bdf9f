//! The agents' address as browsers and others use it: signing in, payments, and what is refused.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use handover::{CallBegun, CallEvent, CallHandle, Press, Side, Transport, WireId};
use secret::Digit;
use settings::{Settings, Tenants};
use zeroize::Zeroizing;

use super::{CALL, House, Signalling, eventually};
use crate::store::{Password, Store, Timestamp};
use crate::web::tests::{certify, client};
use crate::{Agents, Limits, Payments};

mod suspending;

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const JSON: &str = "Content-Type: application/json\r\n";

/// A control core with two tenants and an agent of each, and somebody who obeys it.
pub(crate) struct Centre {
    pub(crate) house: House,
    _signalling: Signalling,
    pub(crate) address: SocketAddr,
}

/// An answer of the server.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

fn payments(directory: &Path) -> Payments {
    let tenants = directory.join("tenants");
    fs::create_dir_all(&tenants).expect("a directory");
    for (id, number) in [("one", "+44 20 7946 0100"), ("two", "+44 20 7946 0200")] {
        let framed = if id == "two" { "[page]\nframe_origins = [\"https://crm.example\"]\n" } else { "" };
        let recording = if id == "one" { "[recording]\nrecord = true\n" } else { "" };
        let psp = "[psp]\nkind = \"sandbox\"\nendpoint = \"https://127.0.0.1:1\"\n";
        fs::write(
            tenants.join(format!("{id}.toml")),
            format!("numbers = [\"{number}\"]\n{psp}{framed}{recording}"),
        )
        .expect("written");
    }
    let store = directory.join("store");
    let mut open = Store::open(&store).map_err(|error| error.to_string()).expect("it opens");
    for agent in ["one", "two"] {
        let password = Password::new(Zeroizing::new(PASSWORD.to_owned())).expect("long enough");
        let now = Timestamp::from_unix_millis(1_800_000_000_000);
        open.add_agent(agent, agent, &password, now).map_err(|error| error.to_string()).expect("added");
    }
    let text = "[[wire]]\ncarrier = \"net_null0\"\ncustomer = \"net_null1\"\n[[lcore]]\ncore = 0\nwires = [\"wire-1\"]\nsignalling = true\n";
    let settings = Settings::parse(Path::new("box.toml"), text);
    let settings = settings.map_err(|problems| problems.to_string()).expect("right");
    let brands = settings.load_brands().map_err(|error| error.to_string()).expect("they come with us");
    Payments {
        tenants: Arc::new(move || Tenants::load(&tenants).map_err(|error| error.to_string())),
        secure_mode: settings.secure_mode,
        wires: vec!["wire-1".to_owned()],
        brands: crate::brand_table(brands).expect("a table"),
        store,
        calls: 64,
    }
}

impl Centre {
    fn new() -> Self {
        Self::made(|_| None)
    }

    /// The same with an archive, which is made when the store is there.
    pub(crate) fn with_archive(made: impl FnOnce(&Path) -> crate::recordings::ArchiveConfig) -> Self {
        Self::made(|directory| Some(made(directory)))
    }

    fn made(archive: impl FnOnce(&Path) -> Option<crate::recordings::ArchiveConfig>) -> Self {
        let mut house = House::still();
        let (certificate, key) = certify(&house.directory, "agents");
        house.agents = Some(Agents { listen: SocketAddr::from(([127, 0, 0, 1], 0)), certificate, key });
        let directory = house.directory.path("");
        house.archive = archive(&directory);
        house.payments = Some(Box::new(move || payments(&directory)));
        house.start(Limits { locked_slots: 1_024, ..Limits::default() });
        let address = house.control.as_ref().and_then(|control| control.agents()).expect("it is served");
        let signalling = house.signalling();
        Centre { house, _signalling: signalling, address }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, head: &str, body: &str) -> Answer {
        let mut stream = client(self.address, &self.house.directory.path("agents.pem"));
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// The header with the cookie of an agent who signs in.
    pub(crate) fn sign_in(&self, agent: &str) -> String {
        let body = format!("{{\"user_name\":\"{agent}\",\"password\":\"{PASSWORD}\"}}");
        let answer = self.ask("POST", "/api/sign-in", JSON, &body);
        assert_eq!(answer.status, 204, "{}", answer.body);
        let cookie = answer.head.split("set-cookie: ").nth(1).and_then(|rest| rest.split(';').next());
        format!("Cookie: {}\r\n", cookie.expect("a cookie").replace("__host", "__Host"))
    }

    fn begin(&self, cookie: &str) -> String {
        let body = "{\"amount\":\"12.34\",\"currency\":\"GBP\",\"order\":\"INV-7\"}";
        let answer = self.ask("POST", "/api/payments", &format!("{JSON}{cookie}"), body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        let begun: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        begun["id"].as_str().expect("a name").to_owned()
    }

    fn view(&self, cookie: &str, id: &str) -> serde_json::Value {
        let answer = self.ask("GET", &format!("/api/payments/{id}"), cookie, "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str::<serde_json::Value>(&answer.body).expect("JSON")["view"].clone()
    }

    fn click(&self, cookie: &str, id: &str, body: &str) -> Answer {
        self.ask("POST", &format!("/api/payments/{id}/clicks"), &format!("{JSON}{cookie}"), body)
    }

    fn keys(&self, from: Side, keys: &str) {
        for key in keys.bytes() {
            let onset = handover::Instant::from_nanos(
                self.house.millis.load(std::sync::atomic::Ordering::Relaxed) * 1_000_000,
            );
            let digit = self.house.pad.seal(&Digit::from_ascii(key).expect("a key"));
            let press = Press { call: CALL, transport: Transport::Event, from, digit, onset, level: None };
            self.house.presses.push(press).expect("room");
            eventually("the ring is emptied", || self.house.presses.is_empty());
            self.house.pass(Duration::from_millis(200));
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_payment_is_begun_paired_keyed_and_told_to_its_page() {
    let centre = Centre::new();
    let begun = CallBegun {
        call: CALL,
        since: handover::Instant::from_nanos(50_000_000_000),
        wire: WireId(0),
        from: Side::Carrier,
        called: [Some("sip:+442079460100@sbc.example".into()), None],
        calling: [Some("sip:+441632960001@carrier.example".into()), None],
        call_id: "call-1".into(),
        held: false,
    };
    centre.house.events.push(CallEvent::Begun(Box::new(begun))).expect("room");
    let cookie = centre.sign_in("one");
    let id = centre.begin(&cookie);
    let reference = centre.view(&cookie, &id)["reference"].as_str().expect("it is shown").to_owned();
    centre.keys(Side::Customer, &reference);
    centre.house.pass(Duration::from_secs(2));
    eventually("SecureMode is on", || centre.view(&cookie, &id)["icon"] == "on");
    assert_eq!(centre.click(&cookie, &id, "{\"click\":\"pay\"}").status, 409);
    centre.keys(Side::Carrier, "4111111111111111#");
    eventually("the number is whole", || centre.view(&cookie, &id)["open"] == "csc");
    centre.keys(Side::Carrier, "123");
    eventually("all is keyed", || centre.view(&cookie, &id)["stage"] == "details");
    let view = centre.view(&cookie, &id);
    assert_eq!(view["fields"][0]["shown"], "••••••••••••1111", "{view}");
    let unpaid = centre.click(
        &cookie,
        &id,
        "{\"click\":\"pay\",\"details\":{\"expiry\":\"13/28\",\"name\":\"4111 1111 1111 1111\"}}",
    );
    assert_eq!(unpaid.status, 422);
    assert!(unpaid.body.contains("\"expiry\"") && unpaid.body.contains("\"name\""), "{}", unpaid.body);
    assert!(!unpaid.body.contains("4111"), "what was typed is not said again: {}", unpaid.body);
    assert_eq!(centre.click(&cookie, &id, "{\"click\":\"pay\",\"details\":{}}").status, 422, "no expiry");
    let paid = centre.click(&cookie, &id, "{\"click\":\"pay\",\"details\":{\"expiry\":\"12/30\"}}");
    assert_eq!(paid.status, 204, "{}", paid.body);
    // Nobody is there to be paid at.
    eventually("it is known", || centre.view(&cookie, &id)["stage"] == "result");
    assert_eq!(centre.view(&cookie, &id)["result"]["outcome"], "not_taken");
    let store = centre.house.directory.path("store");
    let kept = || {
        let store = Store::open(&store).map_err(|error| error.to_string()).expect("it opens");
        let page = crate::store::Page {
            from: Timestamp::from_unix_millis(0),
            until: Timestamp::from_unix_millis(i64::MAX),
            after: None,
            limit: 9,
        };
        store.attempts("one", &page).map_err(|error| error.to_string()).expect("a list")
    };
    eventually("the result is kept", || kept().iter().any(|one| one.state == crate::store::State::Failed));
    let one = kept().remove(0);
    assert_eq!((one.amount, one.currency.as_str(), one.brand.as_deref()), (1_234, "GBP", Some("visa")));
    assert_eq!((one.first_six, one.last_four.as_deref()), (None, Some("1111")));
}

#[test]
fn whoever_is_not_signed_in_sees_nothing_and_others_payments_are_not_there() {
    let centre = Centre::new();
    let (one, two) = (centre.sign_in("one"), centre.sign_in("two"));
    let id = centre.begin(&one);
    for path in ["", "/events"] {
        let path = format!("/api/payments/{id}{path}");
        assert_eq!(centre.ask("GET", &path, "", "").status, 401, "{path}");
        assert_eq!(centre.ask("GET", &path, "Cookie: __Host-keyhush=00\r\n", "").status, 401, "{path}");
        let stranger = format!("Cookie: __Host-keyhush={}\r\n", "ab".repeat(32));
        assert_eq!(centre.ask("GET", &path, &stranger, "").status, 401, "{path}");
        assert_eq!(centre.ask("GET", &path, &two, "").status, 404, "{path}");
    }
    assert_eq!(centre.ask("GET", "/", "", "").status, 303);
    assert_eq!(centre.ask("GET", &format!("/payments/{id}"), "", "").status, 303);
    assert_eq!(centre.ask("GET", &format!("/payments/{id}"), &two, "").status, 404);
    assert_eq!(centre.ask("GET", &format!("/payments/{id}"), &one, "").status, 200);
    assert_eq!(centre.click(&two, &id, "{\"click\":\"cancel\"}").status, 404);
    assert_eq!(centre.click("", &id, "{\"click\":\"cancel\"}").status, 401);
    assert_eq!(centre.ask("POST", "/api/sign-out", &one, "").status, 204);
    assert_eq!(centre.ask("GET", &format!("/api/payments/{id}"), &one, "").status, 401);
}

#[test]
fn a_cookie_is_for_us_alone_and_framed_pages_have_one_of_their_own() {
    let centre = Centre::new();
    let sign_in = |agent: &str, password: &str| {
        let body = format!("{{\"user_name\":\"{agent}\",\"password\":\"{password}\"}}");
        centre.ask("POST", "/api/sign-in", JSON, &body)
    };
    let (one, two) = (sign_in("one", PASSWORD), sign_in("two", PASSWORD));
    for wanted in ["__host-keyhush=", "path=/", "secure", "httponly"] {
        assert!(one.head.contains(wanted) && two.head.contains(wanted), "{wanted}: {}", one.head);
    }
    assert!(one.head.contains("samesite=lax") && two.head.contains("samesite=none; partitioned"));
    let wrong = sign_in("one", "wrong horse battery");
    let unknown = sign_in("nobody", PASSWORD);
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(wrong.body, unknown.body);
    assert!(!wrong.head.contains("set-cookie"));
}

#[test]
fn changes_that_other_sites_ask_for_and_bodies_that_are_none_are_refused() {
    let centre = Centre::new();
    let cookie = centre.sign_in("one");
    let id = centre.begin(&cookie);
    let cancel = "{\"click\":\"cancel\"}";
    for foreign in ["Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let head = format!("{JSON}{cookie}{foreign}");
        let answer = centre.ask("POST", &format!("/api/payments/{id}/clicks"), &head, cancel);
        assert_eq!(answer.status, 403, "{foreign}");
    }
    // What a form of another site could send without being asked is not read.
    let plain = format!("Content-Type: text/plain\r\n{cookie}");
    assert_eq!(centre.ask("POST", &format!("/api/payments/{id}/clicks"), &plain, cancel).status, 415);
    for body in [
        "",
        "{",
        "[]",
        "{\"click\":7}",
        "{\"click\":\"pay\",\"details\":{\"pan\":\"4\"}}",
        "{\"click\":\"x\"}",
        "{\"click\":\"reset\"}",
    ] {
        assert_eq!(centre.click(&cookie, &id, body).status, 400, "{body}");
    }
    for (body, field) in [
        ("{\"amount\":\"0\",\"currency\":\"GBP\",\"order\":\"\"}", "amount"),
        ("{\"amount\":\"1.234\",\"currency\":\"GBP\",\"order\":\"\"}", "amount"),
        ("{\"amount\":\"1\",\"currency\":\"XXX\",\"order\":\"\"}", "currency"),
        ("{\"amount\":\"1\",\"currency\":\"GBP\",\"order\":\"4111-1111-1111-1111\"}", "order"),
        ("{\"amount\":\"1\",\"currency\":\"GBP\",\"order\":\"na\u{ef}ve\"}", "order"),
    ] {
        let answer = centre.ask("POST", "/api/payments", &format!("{JSON}{cookie}"), body);
        assert_eq!(answer.status, 422, "{body}");
        assert!(answer.body.contains(&format!("\"{field}\":")), "{body}: {}", answer.body);
    }
    assert_eq!(centre.view(&cookie, &id)["stage"], "reference", "nothing of it was done");
}

#[test]
fn pages_let_a_browser_do_little_and_other_sites_nothing() {
    let centre = Centre::new();
    let (one, two) = (centre.sign_in("one"), centre.sign_in("two"));
    let page = centre.ask("GET", "/", &one, "");
    assert_eq!(page.status, 200);
    assert!(
        page.head.contains("default-src 'none'") && page.head.contains("frame-ancestors 'none'"),
        "{}",
        page.head
    );
    assert!(!page.body.contains("<style") && !page.body.contains("onclick"), "nothing is inline");
    let framed = centre.ask("GET", "/", &two, "");
    assert!(framed.head.contains("frame-ancestors https://crm.example"), "{}", framed.head);
    for asset in ["keyhush.js", "keyhush.css", "keyhush.svg"] {
        assert_eq!(centre.ask("GET", &format!("/assets/{asset}"), "", "").status, 200, "{asset}");
    }
    for nowhere in ["/assets/../keyhush.toml", "/api", "/payments/", "/api/payments/x/y", "//", "/metrics"] {
        assert_eq!(centre.ask("GET", nowhere, &one, "").status, 404, "{nowhere}");
    }
}

/// After a panic of the loop whoever was signed in still is; payments are gone, and that is said.
#[test]
fn a_panic_of_the_loop_costs_payments_and_no_sign_in() {
    let centre = Centre::new();
    let cookie = centre.sign_in("one");
    let id = centre.begin(&cookie);
    centre.house.panic.store(true, std::sync::atomic::Ordering::Relaxed);
    eventually("it panics", || !centre.house.panic.load(std::sync::atomic::Ordering::Relaxed));
    let answer = centre.ask("GET", &format!("/api/payments/{id}"), &cookie, "");
    assert_eq!(answer.status, 404, "{}", answer.body);
    assert_eq!(centre.ask("GET", "/", &cookie, "").status, 200);
    centre.begin(&cookie);
}
