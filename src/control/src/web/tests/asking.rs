//! Requests of ours to others: another house plays them.

use std::sync::mpsc;

use hyper::body::Bytes;

use super::*;

type Outcome = Result<(u16, String), (String, bool)>;

fn request(path: &str, body: Option<String>) -> http::Request<Bytes> {
    let method = if body.is_some() { Method::POST } else { Method::GET };
    let body = Bytes::from(body.unwrap_or_default());
    http::Request::builder().method(method).uri(path).body(body).expect("a request")
}

/// What comes of asking `host:port`.
fn asked(
    house: &House,
    host: &str,
    port: u16,
    trust: &Path,
    request: http::Request<Bytes>,
) -> mpsc::Receiver<Outcome> {
    let (tell, told) = mpsc::channel();
    let (host, tls) = (host.to_owned(), trusting(trust));
    house.errand(move |room, _| {
        let then: ask::AskThen<Room> = Box::new(move |result, room: &mut Room, _| {
            room.hellos += 1;
            let outcome = result
                .map(|answer| (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()))
                .map_err(|error| (error.to_string(), error.sent));
            tell.send(outcome).expect("the test waits");
        });
        let patience = Duration::from_secs(20);
        room.orders.push(Order::Ask(Box::new(Ask { host, port, tls, request, patience, then })));
    });
    told
}

fn outcome(told: &mpsc::Receiver<Outcome>) -> Outcome {
    told.recv_timeout(Duration::from_secs(20)).expect("an outcome")
}

#[test]
fn a_request_is_answered_and_its_connection_closed() {
    let (house, other) = (House::new(), House::new());
    for (host, body) in [("localhost", "four"), ("127.0.0.1", "score")] {
        let request = request("/echo", Some(body.into()));
        let told = asked(&house, host, other.address.port(), &other.certificate, request);
        assert_eq!(outcome(&told), Ok((200, body.into())));
        other.holds(0);
    }
    let told =
        asked(&house, "localhost", other.address.port(), &other.certificate, request("/nothing", None));
    assert_eq!(outcome(&told), Ok((404, "there is nothing here\n".into())));
    assert_eq!(house.count(Counter::WebAsksFailed), 0);
}

#[test]
fn whom_we_do_not_trust_is_sent_nothing() {
    let (house, other) = (House::new(), House::new());
    let told = asked(&house, "localhost", other.address.port(), &house.certificate, request("/hello", None));
    let (text, sent) = outcome(&told).expect_err("another's certificate");
    assert!(text.contains("TLS") && !sent, "{text}");
    // The right certificate, by a name that it does not have.
    let told = asked(&house, "127.0.0.2", other.address.port(), &other.certificate, request("/hello", None));
    assert!(!outcome(&told).expect_err("another name").1);
    assert_eq!(other.count(Counter::WebRequests), 0);
    house.counts(Counter::WebAsksFailed, 2);
}

#[test]
fn who_is_not_there_is_told_from_who_may_have_heard() {
    let house = House::new();
    let free = StdListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let told = asked(&house, "localhost", free, &house.certificate, request("/hello", None));
    let (text, sent) = outcome(&told).expect_err("nobody listens");
    assert!(text.contains("no connection") && text.contains("nothing was sent") && !sent, "{text}");
    let told = asked(&house, "no such host", 443, &house.certificate, request("/hello", None));
    assert!(!outcome(&told).expect_err("no name").1);
    // It stalls after it has the request.
    let other = House::new();
    let told =
        asked(&house, "localhost", other.address.port(), &other.certificate, request("/later/5000", None));
    eventually("it has heard", || other.count(Counter::WebRequests) == 1);
    house.pass(Duration::from_secs(20));
    let (text, sent) = outcome(&told).expect_err("too late");
    assert!(text.contains("too long") && text.contains("may have arrived") && sent, "{text}");
    // It answers more than may be.
    let told = asked(&house, "localhost", other.address.port(), &other.certificate, request("/large", None));
    let (text, sent) = outcome(&told).expect_err("too large");
    assert!(text.contains("too large") && sent, "{text}");
    assert!(house.is_well());
}

#[test]
fn who_never_answers_the_handshake_is_given_up() {
    let house = House::new();
    let silent = StdListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let told = asked(&house, "127.0.0.1", port, &house.certificate, request("/hello", None));
    let (mut tcp, _) = silent.accept().expect("it comes");
    let mut hello = [0; 16];
    tcp.read_exact(&mut hello).expect("a hello of TLS");
    house.pass(Duration::from_secs(20));
    assert!(!outcome(&told).expect_err("too late").1);
    drop(tcp);
}

#[test]
fn more_requests_than_may_be_are_refused_at_once() {
    let house = House::with(WebLimits { outgoing: 1, ..WebLimits::default() });
    let other = House::new();
    let port = other.address.port();
    let first = asked(&house, "127.0.0.1", port, &other.certificate, request("/later/300", None));
    let second = asked(&house, "127.0.0.1", port, &other.certificate, request("/hello", None));
    assert!(outcome(&second).expect_err("one is on its way").0.contains("too many"));
    assert!(outcome(&first).is_ok());
}
