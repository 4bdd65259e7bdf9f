use super::*;

const LIMITS: ChannelLimits = ChannelLimits { history: 4, queue: 6, subscribers: 2 };

fn next(subscription: &mut Subscription) -> Option<Result<Option<String>, Dropped>> {
    match subscription.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => None,
        Poll::Ready(next) => {
            Some(next.map(|event| event.map(|event| String::from_utf8_lossy(&event).into_owned())))
        }
    }
}

/// The ids, or what else came, until nothing does.
fn all(subscription: &mut Subscription) -> Vec<String> {
    let mut ids = Vec::new();
    while let Some(Ok(Some(event))) = next(subscription) {
        let id = event.strip_prefix("id: 7-").and_then(|rest| rest.split_once('\n'));
        ids.push(id.map_or(event.clone(), |(id, rest)| {
            if rest.starts_with("event: reset") { format!("reset {id}") } else { id.to_owned() }
        }));
    }
    ids.retain(|id| !id.starts_with("retry"));
    ids
}

fn channel(events: usize) -> Channel {
    let channel = Channel::new(LIMITS, 7);
    (0..events).for_each(|number| channel.publish("digit", &number.to_string()));
    channel
}

#[test]
fn an_event_is_written_line_by_line() {
    assert_eq!(
        written("7-1", "st\nate", "a\r\nb\rc"),
        "id: 7-1\nevent: state\ndata: a\ndata: b\ndata: c\n\n"
    );
    assert_eq!(written("7-2", "x", ""), "id: 7-2\nevent: x\ndata: \n\n");
}

#[test]
fn who_comes_back_is_given_what_was_missed() {
    let channel = channel(3);
    let mut back = channel.subscribe(Some("7-1")).expect("room");
    assert_eq!(all(&mut back), ["2", "3"]);
    channel.publish("digit", "3");
    assert_eq!(all(&mut back), ["4"]);
    drop(back);
    let mut current = channel.subscribe(Some(&channel.last_id())).expect("room");
    assert!(all(&mut current).is_empty());
}

#[test]
fn who_was_away_too_long_is_told_to_load_again() {
    let channel = channel(10);
    for (id, expected) in [
        ("7-6", vec!["7", "8", "9", "10"]),
        ("7-5", vec!["reset 10"]),
        ("7-11", vec!["reset 10"]),
        ("8-9", vec!["reset 10"]),
        ("", vec!["reset 10"]),
        ("7-", vec!["reset 10"]),
        ("7-18446744073709551615", vec!["reset 10"]),
    ] {
        assert_eq!(all(&mut channel.subscribe(Some(id)).expect("room")), expected, "{id}");
    }
}

#[test]
fn who_does_not_keep_up_is_dropped_and_the_others_are_not() {
    let channel = channel(0);
    let mut slow = channel.subscribe(None).expect("room");
    let mut quick = channel.subscribe(None).expect("room");
    for number in 0..6 {
        channel.publish("digit", &number.to_string());
        assert_eq!(all(&mut quick), [(number + 1).to_string()]);
    }
    assert_eq!(next(&mut slow), Some(Err(Dropped)));
    assert!(slow.pulse().was_dropped() && !quick.pulse().was_dropped());
    assert_eq!(channel.subscribers(), 1);
}

#[test]
fn subscribers_are_bounded_and_forgotten_when_they_go() {
    let channel = channel(0);
    let held = [channel.subscribe(None), channel.subscribe(None)];
    assert!(channel.subscribe(None).is_err());
    drop(held);
    assert!(channel.subscribe(None).is_ok());
}

#[test]
fn a_closed_channel_ends_after_what_waited() {
    let channel = channel(0);
    let mut subscription = channel.subscribe(None).expect("room");
    channel.publish("done", "");
    channel.close();
    assert_eq!(all(&mut subscription), ["1"]);
    assert_eq!(next(&mut subscription), Some(Ok(None)));
}

#[test]
fn a_beat_fills_silence_only() {
    let channel = channel(0);
    let mut subscription = channel.subscribe(None).expect("room");
    all(&mut subscription);
    let pulse = subscription.pulse();
    pulse.beat();
    pulse.beat();
    assert_eq!(all(&mut subscription), [": \n\n"]);
    channel.publish("digit", "");
    pulse.beat();
    assert_eq!(all(&mut subscription), ["1"]);
}
