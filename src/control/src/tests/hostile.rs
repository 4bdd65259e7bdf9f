//! Clients that err or mean harm cost themselves only.

use core::time::Duration;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use super::{House, eventually};
use crate::Limits;
use crate::protocol::{Ask, ErrorCode, Reply};

fn raw(house: &House) -> UnixStream {
    let stream = UnixStream::connect(house.socket()).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
    stream
}

fn line(stream: &mut UnixStream) -> Reply {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("an answer");
    serde_json::from_str(&line).expect("an answer")
}

fn closed(stream: &mut UnixStream) -> bool {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

fn good(house: &House) -> bool {
    house.ask(&Ask::Release { call_id: "good".into(), forced: false }) == Reply::Done {}
}

#[test]
fn lines_that_are_no_requests_are_answered_and_the_next_one_counts() {
    let house = House::new();
    let mut stream = raw(&house);
    let deep = "[".repeat(10_000);
    for hostile in [
        "",
        "{}",
        "null",
        "\"calls\"",
        "{\"request\":\"calls\"",
        "{\"request\":\"reboot\"}",
        "{\"request\":\"secure\"}",
        "{\"request\":\"secure\",\"call_id\":7}",
        "{\"request\":\"secure\",\"call_id\":\"good\",\"mask_key\":\"##\"}",
        "{\"request\":\"calls\",\"verbose\":true}",
        "{\"request\":\"stats\",\"request\":\"calls\"}",
        "GET / HTTP/1.1\r",
        deep.as_str(),
    ] {
        stream.write_all(format!("{hostile}\n").as_bytes()).expect("sent");
        let reply = line(&mut stream);
        assert!(matches!(reply, Reply::Error { code: ErrorCode::NotUnderstood, .. }), "{hostile}: {reply:?}");
    }
    stream.write_all(b"\xff\x00\xfe\n{\"request\":\"stats\"}\n").expect("sent");
    let mut lines = BufReader::new(stream).lines();
    assert!(lines.next().expect("an answer").expect("text").contains("not_understood"));
    assert!(lines.next().expect("an answer").expect("text").contains("\"stats\""));
}

#[test]
fn a_line_without_end_is_cut_off() {
    let house = House::new();
    let mut stream = raw(&house);
    let flood = vec![b'x'; 1 << 20];
    let _ = stream.write_all(&flood); // it may well be closed before all is written
    let reply = line(&mut stream);
    assert!(matches!(reply, Reply::Error { code: ErrorCode::TooLong, .. }), "{reply:?}");
    assert!(closed(&mut stream));
    assert_eq!(house.counter("console_refused"), 1);
    // The longest line that may be is read, one byte more is not.
    let most = Limits::default().line;
    for (length, expected) in [(most, ErrorCode::NotUnderstood), (most + 1, ErrorCode::TooLong)] {
        let mut stream = raw(&house);
        let _ = stream.write_all(&[vec![b'x'; length], b"\n".to_vec()].concat());
        assert!(matches!(line(&mut stream), Reply::Error { code, .. } if code == expected), "{length}");
    }
}

#[test]
fn half_lines_wait_and_are_put_together() {
    let house = House::new();
    let _signalling = house.signalling();
    let mut stream = raw(&house);
    for byte in b"{\"request\":\"release\",\"call_id\":\"good\"}" {
        stream.write_all(&[*byte]).expect("sent");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    assert!(good(&house), "others are served meanwhile");
    stream.write_all(b"\n").expect("sent");
    assert_eq!(line(&mut stream), Reply::Done {});
    // A request cut off by the end of the connection is no request.
    let mut stream = raw(&house);
    stream.write_all(b"{\"request\":\"calls\"}").expect("sent");
    stream.shutdown(std::net::Shutdown::Write).expect("a socket");
    assert!(closed(&mut stream));
}

#[test]
fn a_client_that_only_sends_is_answered_before_it_is_closed() {
    let house = House::new();
    let _signalling = house.signalling();
    let mut stream = raw(&house);
    stream.write_all(b"{\"request\":\"release\",\"call_id\":\"good\"}\n").expect("sent");
    stream.shutdown(std::net::Shutdown::Write).expect("a socket");
    assert_eq!(line(&mut stream), Reply::Done {});
    assert!(closed(&mut stream));
}

#[test]
fn who_is_too_slow_is_closed() {
    let house = House::new();
    let mut half = raw(&house);
    half.write_all(b"{\"requ").expect("sent");
    let mut silent = raw(&house);
    // One that has just been heard stays.
    house.ask(&Ask::Stats {});
    house.pass(Duration::from_secs(29));
    let mut fresh = house.client();
    fresh.ask(&Ask::Stats {}).expect("an answer");
    house.pass(Duration::from_secs(1));
    assert!(closed(&mut half));
    assert!(closed(&mut silent));
    fresh.ask(&Ask::Stats {}).expect("it is not too slow yet");
}

/// It asks and asks and reads nothing: its own socket fills, our memory does not, and in time it is closed.
#[test]
fn a_slow_reader_fills_its_own_socket() {
    let house = House::new();
    let _signalling = house.signalling();
    let mut slow = raw(&house);
    slow.set_nonblocking(true).expect("a socket");
    let requests = b"{\"request\":\"stats\"}\n".repeat(1000);
    let mut sent = 0;
    let mut idle = 0;
    while idle < 50 {
        match slow.write(&requests) {
            Ok(count) => {
                sent += count;
                idle = 0;
            }
            Err(_) => {
                idle += 1;
                std::thread::park_timeout(Duration::from_millis(2));
            }
        }
        assert!(sent < 64 << 20, "it is read without end");
    }
    assert!(good(&house), "others are served meanwhile");
    house.pass(Duration::from_secs(30));
    eventually("the slow one is closed", || match slow.write(&requests) {
        Err(error) => error.kind() != ErrorKind::WouldBlock,
        Ok(_) => false,
    });
    assert_eq!(house.counter("console_refused"), 1);
}

#[test]
fn a_thousand_connections_do_not_keep_the_owner_out() {
    let house = House::new();
    let _signalling = house.signalling();
    let crowd: Vec<Option<UnixStream>> = (0..1000)
        .map(|number| {
            // The backlog may be full for a moment.
            let mut stream = (0..100).find_map(|_| match UnixStream::connect(house.socket()) {
                Ok(stream) => Some(stream),
                Err(_) => {
                    std::thread::park_timeout(Duration::from_millis(5));
                    None
                }
            })?;
            if number % 2 == 0 {
                let _ = stream.write_all(b"{\"request\":");
            }
            Some(stream)
        })
        .collect();
    assert_eq!(crowd.iter().flatten().count(), 1000);
    assert!(good(&house));
    assert!(house.counter("console_refused") >= 1000 - Limits::default().connections as u64);
    drop(crowd);
    assert!(good(&house));
}

#[test]
fn who_waits_for_an_answer_is_not_pushed_out_by_idle_ones() {
    let house = House::new();
    let mut client = house.client();
    let asking = std::thread::spawn(move || client.ask(&Ask::Calls {}));
    eventually("the request is in the ring", || house.requests.len() == 1);
    let _crowd: Vec<UnixStream> = (0..60).map(|_| raw(&house)).collect();
    assert!(house.counter("console_refused") >= 28);
    let _signalling = house.signalling();
    assert!(matches!(asking.join().expect("no panic"), Ok(Reply::Calls { .. })));
}
