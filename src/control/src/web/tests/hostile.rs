//! Clients that err or mean harm cost themselves only.

use super::*;

#[test]
fn heads_that_are_too_large_are_refused() {
    let house = House::new();
    let long = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    let many: String = (0..100).map(|number| format!("X{number}: y\r\n")).collect();
    let many = format!("GET /hello HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    let path = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(20_000));
    for (request, number) in [(long, 1), (many, 2), (path, 3)] {
        let mut client = house.client();
        let answer = ask(&mut client, &request);
        assert!(matches!(answer.status, 431 | 414), "{answer:?}");
        assert!(closes(&mut client));
        house.counts(Counter::WebHeadTooLarge, number);
    }
    assert!(house.is_well());
}

#[test]
fn bodies_that_are_too_large_are_refused_before_or_while_they_come() {
    let house = House::new();
    let most = WebLimits::default().body_bytes;
    let head = |fields: &str| format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n");
    // Said beforehand: nothing of it is awaited.
    let mut client = house.client();
    let answer = ask(&mut client, &head(&format!("Content-Length: {}", most + 1)));
    assert_eq!(answer.status, 413);
    assert!(closes(&mut client));
    // Sent all the same, far more than it: the answer still arrives.
    let mut client = house.client();
    let request = head(&format!("Content-Length: {}", 1 << 20)) + &"x".repeat(1 << 20);
    let _ = client.write_all(request.as_bytes());
    assert_eq!(super::answer(&mut client).expect("an answer").status, 413);
    // In chunks without end.
    let mut client = house.client();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    client.write_all(head("Transfer-Encoding: chunked").as_bytes()).expect("sent");
    let _ = client.write_all(chunk.repeat(most / 4096 + 1).as_bytes());
    assert_eq!(super::answer(&mut client).expect("an answer").status, 413);
    house.counts(Counter::WebBodyTooLarge, 3);
    // The longest that may be.
    let request = head(&format!("Content-Length: {most}")) + &"x".repeat(most);
    assert_eq!(ask(&mut house.client(), &request).body.len(), most);
}

#[test]
fn what_is_not_http_is_refused() {
    let house = House::new();
    for (number, request) in [
        "nonsense\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHo\u{0}st: localhost\r\n\r\n",
        "GET /hello HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: x\r\n\r\n",
    ]
    .iter()
    .enumerate()
    {
        let mut client = house.client();
        client.write_all(request.as_bytes()).expect("sent");
        let answer = answer(&mut client);
        assert!(answer.as_ref().is_ok_and(|answer| answer.status == 400), "{request}: {answer:?}");
        assert!(closes(&mut client));
        house.counts(Counter::WebNotHttp, number as u64 + 1);
    }
    // No host, two hosts: the connection itself is all right.
    let mut client = house.client();
    assert_eq!(ask(&mut client, "GET /hello HTTP/1.1\r\n\r\n").status, 400);
    assert_eq!(ask(&mut client, "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").status, 400);
    assert_eq!(get(&mut client, "/hello").status, 200);
}

#[test]
fn what_is_not_tls_is_closed() {
    let house = House::new();
    let mut plain = house.tcp();
    plain.write_all(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut alert = Vec::new();
    let _ = plain.read_to_end(&mut alert);
    assert!(alert.first() == Some(&21), "an alert record: {alert:?}");
    drop(plain);
    house.counts(Counter::WebTlsFailed, 1);
    let mut gone = house.tcp();
    gone.write_all(&[22, 3, 1, 2]).expect("sent");
    drop(gone);
    house.holds(0);
    assert!(house.is_well());
}

#[test]
fn a_body_that_is_cut_off_is_given_up() {
    let house = House::new();
    let mut client = house.client();
    let request = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx";
    client.write_all(request.as_bytes()).expect("sent");
    client.conn.send_close_notify();
    client.flush().expect("sent");
    eventually("it has been accepted", || house.count(Counter::WebConnections) == 1);
    for _ in 0..4 {
        std::thread::park_timeout(Duration::from_millis(50));
        house.pass(WebLimits::default().linger / 2);
    }
    house.counts(Counter::WebBroken, 1);
    house.holds(0);
}

/// Each is given its time, whatever it does byte by byte.
#[test]
fn who_is_too_slow_is_closed_by_phase() {
    let house = House::new();
    let limits = WebLimits::default();
    let mut silent = house.tcp();
    let mut in_head = house.client();
    in_head.write_all(b"GET /hello HT").expect("sent");
    let mut in_body = house.client();
    in_body
        .write_all(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
        .expect("sent");
    let mut idle = house.client();
    assert_eq!(get(&mut idle, "/hello").status, 200);
    house.holds(4);
    eventually("both have been read", || house.count(Counter::WebConnections) == 4);
    // Slowly, a byte a second.
    for _ in 0..9 {
        house.pass(Duration::from_secs(1));
        in_head.write_all(b"T").expect("sent");
        in_body.write_all(b"x").expect("sent");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    house.holds(4);
    house.pass(Duration::from_secs(1));
    let mut alert = Vec::new();
    let _ = silent.read_to_end(&mut alert);
    assert!(closes(&mut in_head));
    house.counts(Counter::WebSlowHandshake, 1);
    house.counts(Counter::WebSlowHead, 1);
    in_body.write_all(b"x").expect("sent");
    house.pass(limits.body - Duration::from_secs(10));
    assert!(closes(&mut in_body));
    house.counts(Counter::WebSlowBody, 1);
    assert_eq!(get(&mut idle, "/hello").status, 200);
    std::thread::park_timeout(Duration::from_millis(50));
    house.pass(limits.idle);
    assert!(closes(&mut idle));
    house.counts(Counter::WebIdle, 1);
    house.holds(0);
}

#[test]
fn a_second_request_begun_slowly_has_a_heads_time() {
    let house = House::new();
    let mut client = house.client();
    assert_eq!(get(&mut client, "/hello").status, 200);
    client.write_all(b"GET /he").expect("sent");
    // Longer than a head may take, less than a connection may be idle.
    for _ in 0..20 {
        house.pass(Duration::from_secs(1));
        std::thread::park_timeout(Duration::from_millis(10));
    }
    assert!(closes(&mut client));
    house.counts(Counter::WebSlowHead, 1);
}

#[test]
fn who_does_not_read_its_answer_is_closed() {
    let house = House::new();
    let mut slow = house.client();
    slow.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    assert!(head(&mut slow).is_ok());
    std::thread::park_timeout(Duration::from_millis(100));
    assert!(house.is_well());
    // A little now and then does not help.
    for _ in 0..3 {
        house.pass(WebLimits::default().answer / 4);
        let mut some = vec![0; 1000];
        slow.read_exact(&mut some).expect("some of it");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    house.pass(WebLimits::default().answer / 4);
    house.counts(Counter::WebSlowReader, 1);
    eventually("it is gone", || house.connections.load(Ordering::Relaxed) <= 1);
}

#[test]
fn a_large_answer_reaches_who_reads() {
    let house = House::new();
    let mut client = house.client();
    assert_eq!(get(&mut client, "/large").body.len(), 32 << 20);
    assert_eq!(get(&mut client, "/hello").status, 200);
}

#[test]
fn abrupt_ends_leave_nothing_behind() {
    let house = House::new();
    for request in [
        "",
        "GET /he",
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx",
        "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /later/20 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let mut client = house.client();
        client.write_all(request.as_bytes()).expect("sent");
        client.flush().expect("sent");
        let _ = client.conn.complete_io(&mut client.sock);
        std::thread::park_timeout(Duration::from_millis(10));
        let _ = rustix::net::sockopt::set_socket_linger(&client.sock, Some(Duration::ZERO));
        drop(client); // a reset
        house.pass(Duration::from_secs(1));
        house.holds(0);
    }
    assert!(house.is_well());
}

#[test]
fn connections_are_bounded_in_all_and_idle_ones_make_room() {
    let house = House::with(WebLimits { connections: 4, ..WebLimits::default() });
    let mut crowd: Vec<Tls> = (0..4).map(|_| house.client()).collect();
    for client in &mut crowd[..2] {
        assert_eq!(get(client, "/hello").status, 200);
        std::thread::park_timeout(Duration::from_millis(20));
        house.pass(Duration::from_millis(10));
    }
    for client in &mut crowd[2..] {
        client.write_all(b"GET /he").expect("sent");
    }
    house.holds(4);
    assert!(house.is_well(), "the one that was idle longest made room");
    assert!(closes(&mut crowd[0]));
    house.counts(Counter::WebConnectionsFull, 1);
    assert_eq!(get(&mut crowd[1], "/hello").status, 200);
}

#[test]
fn connections_of_one_address_are_bounded_and_given_back() {
    let house = House::with(WebLimits { per_address: 3, ..WebLimits::default() });
    let crowd: Vec<Tls> = (0..3).map(|_| house.client()).collect();
    let mut refused = house.tcp();
    house.holds(3);
    assert!(closes(&mut refused));
    house.counts(Counter::WebAddressFull, 1);
    drop(crowd);
    house.holds(0);
    assert!(house.is_well());
}

#[test]
fn work_without_room_or_end_is_refused() {
    let limits = WebLimits { works: 1, threads: 1, work: Duration::from_secs(5), ..WebLimits::default() };
    let house = House::with(limits);
    let mut first = house.client();
    first.write_all(b"GET /later/500 HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    eventually("it is at work", || house.count(Counter::WebRequests) == 1);
    assert_eq!(get(&mut house.client(), "/later/1").status, 503);
    house.pass(Duration::from_secs(5));
    assert_eq!(answer(&mut first).expect("an answer").status, 503);
    assert_eq!(get(&mut first, "/hello").status, 200);
    house.counts(Counter::WebWorkRefused, 2);
    // The work ends all the same, and its answer disturbs nobody.
    eventually("there is room again", || get(&mut first, "/later/1").status == 200);
}

#[test]
fn bytes_at_random_never_stop_the_loop() {
    let house = House::new();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for turn in 0..200 {
        let bytes: Vec<u8> = (0..next() % 600).map(|_| next() as u8).collect();
        if turn % 2 == 0 {
            let _ = house.tcp().write_all(&bytes);
        } else {
            let _ = house.client().write_all(&bytes);
        }
    }
    assert!(house.is_well());
}
