//! What ordinary clients do.

use super::*;

#[test]
fn requests_are_answered_one_after_the_other_on_one_connection() {
    let house = House::new();
    let mut client = house.client();
    for number in 1..=50 {
        assert_eq!(get(&mut client, "/hello").text(), format!("hello {number}\n"));
    }
    assert_eq!(get(&mut client, "/named/ada?x=y").text(), "ada");
    assert_eq!(get(&mut client, "/nothing").status, 404);
    let post = ask(&mut client, "POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert!(post.status == 405 && post.head.contains("allow: get\r\n"), "{post:?}");
    assert_eq!(house.count(Counter::WebConnections), 1);
    assert_eq!(house.count(Counter::WebRequests), 53);
    assert_eq!(house.count(Counter::WebNotFound), 2);
}

#[test]
fn both_versions_of_tls_are_spoken_and_no_other_protocol() {
    let house = House::new();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = rustls::RootCertStore::empty();
        let pem = std::fs::read(&house.certificate).expect("it is there");
        use rustls::pki_types::pem::PemObject;
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&pem).expect("PEM")).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut client = house.client_by(Arc::new(config.clone()));
        assert_eq!(get(&mut client, "/hello").status, 200);
        assert_eq!(client.conn.protocol_version(), Some(version.version));
        let mut other = config;
        other.alpn_protocols = vec![b"h2".to_vec()];
        let mut client = house.client_by(Arc::new(other));
        assert!(client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").is_err() || closes(&mut client));
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let house = House::new();
    let mut client = house.client();
    let requests: String =
        (0..100).map(|number| format!("GET /named/n{number} HTTP/1.1\r\nHost: localhost\r\n\r\n")).collect();
    client.write_all(requests.as_bytes()).expect("sent");
    for number in 0..100 {
        assert_eq!(answer(&mut client).expect("an answer").text(), format!("n{number}"));
    }
}

#[test]
fn bodies_come_whole_by_length_and_by_chunks() {
    let house = House::new();
    let mut client = house.client();
    let body = "0123456789abcdef".repeat(4096);
    let head = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    assert_eq!(ask(&mut client, &(head + &body)).text(), body);
    let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(ask(&mut client, &format!("{head}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")).text(), "abcde");
    assert_eq!(get(&mut client, "/hello").status, 200);
}

#[test]
fn every_answer_says_what_browsers_must_keep_to() {
    let house = House::new();
    let mut client = house.client();
    for path in ["/hello", "/nothing", "/panic"] {
        let head = get(&mut client, path).head;
        for field in [
            "content-security-policy: default-src 'none'; ",
            "frame-ancestors 'none'",
            "strict-transport-security: max-age=",
            "x-content-type-options: nosniff\r\n",
            "referrer-policy: no-referrer\r\n",
            "cache-control: no-store\r\n",
        ] {
            assert!(head.contains(field), "{path} lacks {field}: {head}");
        }
        assert!(!head.contains("\r\nserver:"), "{head}");
    }
}

#[test]
fn pages_of_other_origins_may_not_ask_for_a_change() {
    let house = House::new();
    let mut client = house.client();
    let mut post = |fields: &str| {
        let head = format!("POST /echo HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: 1\r\n\r\nx");
        ask(&mut client, &head).status
    };
    assert_eq!(post("Origin: https://localhost\r\nSec-Fetch-Site: same-origin\r\n"), 200);
    assert_eq!(post(""), 200);
    assert_eq!(post("Origin: https://evil.example\r\n"), 403);
    assert_eq!(post("Sec-Fetch-Site: cross-site\r\n"), 403);
    assert_eq!(house.count(Counter::WebCrossOrigin), 2);
}

#[test]
fn work_that_blocks_is_answered_when_it_is_done_and_nobody_waits_meanwhile() {
    let house = House::new();
    let mut slow = house.client();
    slow.write_all(
        b"GET /later/400 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .expect("sent");
    assert!(house.is_well());
    assert_eq!(answer(&mut slow).expect("an answer").text(), "worked 400 ms, 101\n");
    assert_eq!(answer(&mut slow).expect("the next one waited").text(), "hello 102\n");
}

#[test]
fn a_panic_costs_its_own_request_only() {
    let house = House::new();
    let mut other = house.client();
    assert_eq!(get(&mut other, "/hello").text(), "hello 1\n");
    let mut client = house.client();
    assert_eq!(get(&mut client, "/panic").status, 500);
    // The same connection, the others and the state go on.
    assert_eq!(get(&mut client, "/hello").text(), "hello 2\n");
    assert_eq!(get(&mut other, "/hello").text(), "hello 3\n");
    assert_eq!(house.count(Counter::WebPanics), 1);
    // In the pool as well.
    assert_eq!(get(&mut client, "/later/none").status, 500);
    assert_eq!(get(&mut client, "/hello").status, 200);
    assert_eq!(house.count(Counter::WebPanics), 2);
}

#[test]
fn the_certificate_is_read_again_and_a_wrong_one_changes_nothing() {
    let house = House::new();
    let mut before = house.client();
    assert_eq!(get(&mut before, "/hello").status, 200);
    let old = trusting(&house.certificate);
    let (fresh, key) = certify(&house.directory, "fresh");
    let (box_pem, box_key) = (house.certificate.clone(), house.directory.path("box.key"));
    // The new certificate with the old key: refused.
    std::fs::copy(&fresh, &box_pem).expect("copied");
    let error = house.identity.reload().expect_err("they do not fit").to_string();
    assert!(error.contains("box.pem") && error.contains("key that belongs to it"), "{error}");
    assert_eq!(get(&mut house.client_by(Arc::clone(&old)), "/hello").status, 200);
    // Both: taken.
    std::fs::copy(&key, &box_key).expect("copied");
    house.identity.reload().expect("they fit");
    assert_eq!(get(&mut house.client_by(trusting(&fresh)), "/hello").status, 200);
    assert!(house.client_by(old).write_all(b"GET /hello HTTP/1.1\r\n\r\n").is_err());
    assert_eq!(get(&mut before, "/hello").status, 200, "who was connected stays so");
    // Nothing there, and nonsense there.
    std::fs::write(&box_key, "nonsense").expect("written");
    assert!(
        house.identity.reload().expect_err("no key").to_string().contains("box.key: holds no private key")
    );
    std::fs::remove_file(&box_pem).expect("removed");
    assert!(house.identity.reload().expect_err("no file").to_string().contains("box.pem: cannot be read"));
    assert_eq!(get(&mut house.client_by(trusting(&fresh)), "/hello").status, 200);
}

#[test]
fn head_is_answered_without_a_body_and_old_clients_are_answered_too() {
    let house = House::new();
    let mut client = house.client();
    client.write_all(b"HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    assert!(head(&mut client).expect("an answer").contains("content-length: 8\r\n"));
    assert_eq!(get(&mut client, "/hello").text(), "hello 2\n");
    let mut old = house.client();
    assert_eq!(ask(&mut old, "GET /hello HTTP/1.0\r\n\r\n").status, 200);
    assert!(closes(&mut old));
    let mut asks_to_close = house.client();
    let request = "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(&mut asks_to_close, request).status, 200);
    assert!(closes(&mut asks_to_close));
}

#[test]
fn who_only_sends_is_answered_before_it_is_closed() {
    let house = House::new();
    for (request, status) in [
        ("GET /later/50 HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nfour", 200),
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", 404),
    ] {
        let mut client = house.client();
        client.write_all(request.as_bytes()).expect("sent");
        client.conn.send_close_notify();
        client.flush().expect("sent");
        client.sock.shutdown(std::net::Shutdown::Write).expect("a socket");
        assert_eq!(answer(&mut client).expect("an answer").status, status);
        assert!(closes(&mut client));
        house.holds(0);
    }
}
