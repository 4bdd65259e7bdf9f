//! Server-sent events over the wire.

use super::*;

/// The next event: its id and its data. Comments and the like are skipped.
fn event(stream: &mut impl Read) -> io::Result<(String, String)> {
    loop {
        let line = line(stream)?;
        if let Some(id) = line.strip_prefix("id: ") {
            let id = id.to_owned();
            let mut data = String::new();
            loop {
                let line = self::line(stream)?;
                if let Some(text) = line.strip_prefix("data: ") {
                    data.push_str(text);
                }
                if line.is_empty() {
                    break;
                }
            }
            // The line that ends the chunk.
            return Ok((id, data));
        }
    }
}

fn line(stream: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match byte[0] {
            b'\n' => return Ok(String::from_utf8_lossy(&line).into_owned()),
            byte => line.push(byte),
        }
    }
}

fn subscribed(house: &House, last: Option<&str>) -> Tls {
    let mut client = house.client();
    let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
    let request = format!("GET /events HTTP/1.1\r\nHost: localhost\r\n{last}\r\n");
    client.write_all(request.as_bytes()).expect("sent");
    let head = head(&mut client).expect("an answer");
    assert!(
        head.starts_with("http/1.1 200") && head.contains("content-type: text/event-stream\r\n"),
        "{head}"
    );
    client
}

#[test]
fn events_arrive_as_they_come_and_go_on_after_a_break() {
    let house = House::new();
    let mut page = subscribed(&house, None);
    for number in 1..=3 {
        house.publish(&format!("digit {number}"));
        assert_eq!(event(&mut page).expect("an event"), (format!("7-{number}"), format!("digit {number}")));
    }
    drop(page);
    house.holds(0);
    house.publish("missed");
    let mut page = subscribed(&house, Some("7-3"));
    assert_eq!(event(&mut page).expect("what was missed"), ("7-4".into(), "missed".into()));
    house.publish("live");
    assert_eq!(event(&mut page).expect("an event").1, "live");
    // Too long away: loaded anew.
    let mut late = subscribed(&house, Some("6-1"));
    assert_eq!(event(&mut late).expect("a word"), ("7-5".into(), String::new()));
}

#[test]
fn silence_is_filled_and_a_page_that_was_left_is_forgotten() {
    let house = House::new();
    let mut page = subscribed(&house, None);
    assert!(line(&mut page).expect("a chunk").ends_with('\r'));
    let beats = |page: &mut Tls| loop {
        if line(page).expect("a line").starts_with(':') {
            return;
        }
    };
    for _ in 0..5 {
        std::thread::park_timeout(Duration::from_millis(20));
        house.pass(WebLimits::default().beat);
        beats(&mut page);
    }
    // No phase of it has a deadline, however long it lasts.
    assert_eq!(house.connections.load(Ordering::Relaxed), 1);
    page.sock.shutdown(std::net::Shutdown::Both).expect("a socket");
    house.holds(0);
}

#[test]
fn a_subscriber_that_does_not_read_is_dropped_and_others_are_not() {
    let house = House::new();
    let slow = subscribed(&house, None);
    let mut quick = subscribed(&house, None);
    let data = "x".repeat(60_000);
    let mut published = 0;
    while house.count(Counter::WebSubscribersDropped) == 0 {
        house.publish(&data);
        published += 1;
        assert_eq!(event(&mut quick).expect("an event").1.len(), data.len());
        assert!(published < 2_000, "it is never dropped");
    }
    house.counts(Counter::WebSubscribersDropped, 1);
    house.publish("after");
    assert_eq!(event(&mut quick).expect("an event").1, "after");
    drop(slow);
}

#[test]
fn a_subscriber_that_reads_nothing_more_is_closed_in_time() {
    let house = House::new();
    let slow = subscribed(&house, None);
    let backlog = Arc::new(AtomicUsize::new(0));
    // Until the sockets between us are full, and events wait; too few to have it dropped for them. For a while they wait also where
    // the loop has not come round.
    let mut waited = 0;
    for _ in 0..2_000 {
        let seen = Arc::clone(&backlog);
        house.errand(move |room, _| {
            seen.store(room.channel.backlog(), Ordering::Relaxed);
            if room.channel.backlog() < 2 {
                room.channel.publish("digit", &"x".repeat(60_000));
            }
        });
        std::thread::park_timeout(Duration::from_millis(3));
        waited = if backlog.load(Ordering::Relaxed) >= 2 { waited + 1 } else { 0 };
        if waited >= 20 {
            break;
        }
    }
    assert_eq!(house.count(Counter::WebSlowReader), 0);
    for _ in 0..3 {
        house.pass(WebLimits::default().answer / 2);
        std::thread::park_timeout(Duration::from_millis(20));
    }
    house.counts(Counter::WebSlowReader, 1);
    assert_eq!(house.count(Counter::WebSubscribersDropped), 0);
    house.holds(0);
    drop(slow);
}
