//! What the whole control core serves: the management address and the agents' one, beside the console.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use handover::Counter;

use super::{Directory, House, eventually};
use crate::protocol::{Ask, ErrorCode, Reply};
use crate::web::tests::{certify, client};
use crate::{Agents, Limits, StartError};

fn house() -> House {
    let mut house = House::still();
    let (certificate, key) = certify(&house.directory, "agents");
    house.agents = Some(Agents { listen: SocketAddr::from(([127, 0, 0, 1], 0)), certificate, key });
    house.management = true;
    house.start(Limits::default());
    house
}

fn management(house: &House) -> TcpStream {
    let address = house.control.as_ref().and_then(|control| control.management()).expect("it is served");
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream
}

/// The whole answer, by a connection that closes after it.
fn fetched(stream: &mut (impl Read + Write), path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    // TLS may say that its own goodbye is missing; the answer is whole all the same.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).expect("text")
}

#[test]
fn metrics_are_the_sums_over_all_threads_the_control_core_included() {
    let house = house();
    house.counters[0].add(Counter::MaskedEvent, 40);
    house.counters[1].add(Counter::MaskedEvent, 2);
    let text = fetched(&mut management(&house), "/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{text}");
    assert!(text.contains("\nkeyhush_masked_event_total 42\n"), "{text}");
    assert!(text.contains("\nkeyhush_web_connections_total 1\n"), "{text}");
    assert!(text.contains("\nkeyhush_web_open_connections "), "{text}");
    assert!(text.contains("\nkeyhush_ring_capacity{ring=\"presses\"} 256\n"), "{text}");
    assert!(!text.to_lowercase().contains("strict-transport-security"), "plain HTTP: {text}");
}

#[test]
fn health_and_readiness_are_told_apart() {
    let house = house();
    assert!(fetched(&mut management(&house), "/healthz").starts_with("HTTP/1.1 200"));
    assert!(fetched(&mut management(&house), "/readyz").starts_with("HTTP/1.1 200"));
    house.counters[0].count(Counter::LcoresLost);
    let unready = fetched(&mut management(&house), "/readyz");
    assert!(unready.starts_with("HTTP/1.1 503") && unready.contains("lcores_lost"), "{unready}");
    assert!(fetched(&mut management(&house), "/healthz").starts_with("HTTP/1.1 200"));
    house.counters[0].count(Counter::LcoresBack);
    assert!(fetched(&mut management(&house), "/readyz").starts_with("HTTP/1.1 200"));
}

#[test]
fn agents_are_served_by_https_and_see_no_metrics() {
    let house = house();
    let address = house.control.as_ref().and_then(|control| control.agents()).expect("it is served");
    let certificate = house.directory.path("agents.pem");
    let mut agent = client(address, &certificate);
    assert!(fetched(&mut agent, "/metrics").starts_with("HTTP/1.1 404"));
    // Plain HTTP is not spoken there.
    let mut plain = TcpStream::connect(address).expect("somebody listens");
    plain.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut alert = Vec::new();
    let _ = plain.read_to_end(&mut alert);
    assert!(!alert.starts_with(b"HTTP"));
    assert_eq!(house.counter("web_tls_failed"), 1);
}

#[test]
fn the_console_has_the_certificate_read_again() {
    let house = house();
    let address = house.control.as_ref().and_then(|control| control.agents()).expect("it is served");
    let old = house.directory.path("agents.pem");
    let (fresh, key) = certify(&house.directory, "fresh");
    // Wrong: the key of another.
    std::fs::copy(&key, house.directory.path("agents.key")).expect("copied");
    let reply = house.ask(&Ask::Reload {});
    let Reply::Error { code: ErrorCode::NotReloaded, message } = reply else {
        unreachable!("it cannot be used: {reply:?}")
    };
    assert!(message.contains("agents.pem") && message.contains("stays in use"), "{message}");
    assert!(fetched(&mut client(address, &old), "/").starts_with("HTTP/1.1 303"));
    std::fs::copy(&fresh, &old).expect("copied");
    assert_eq!(house.ask(&Ask::Reload {}), Reply::Done {});
    assert!(fetched(&mut client(address, &fresh), "/").starts_with("HTTP/1.1 303"));
}

#[test]
fn what_is_served_is_served_again_after_a_panic_of_the_loop() {
    let house = house();
    assert!(fetched(&mut management(&house), "/healthz").starts_with("HTTP/1.1 200"));
    house.panic.store(true, std::sync::atomic::Ordering::Relaxed);
    eventually("it panics", || !house.panic.load(std::sync::atomic::Ordering::Relaxed));
    assert!(fetched(&mut management(&house), "/healthz").starts_with("HTTP/1.1 200"));
    assert_eq!(house.counter("control_panics"), 1);
}

#[test]
fn what_cannot_be_served_is_told_with_a_remedy_and_nothing_is_started() {
    let directory = Directory::new();
    let (certificate, key) = certify(&directory, "agents");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = taken.local_addr().expect("an address");
    let error = StartError::Listen(listen, std::io::ErrorKind::AddrInUse.into()).to_string();
    assert!(error.contains("choose another address"), "{error}");
    let missing = directory.path("none.pem");
    for (certificate, key, listen, said) in [
        (
            missing.clone(),
            key.clone(),
            "127.0.0.1:0".parse().expect("an address"),
            "none.pem: cannot be read",
        ),
        (certificate.clone(), certificate.clone(), listen, "holds no private key"),
        (certificate, key, listen, "cannot be listened on"),
    ] {
        let mut house = House::still();
        house.agents = Some(Agents { listen, certificate, key });
        let error = house.try_start(Limits::default()).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
        assert!(!house.socket().exists(), "the admin socket goes too");
    }
}
