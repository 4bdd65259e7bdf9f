//! The caller's stream in SecureMode: held, heard and replaced.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod line;
mod packets;

use core::time::Duration;

use handover::{Counter, FlowMode, Format, FormatKind, Instant, MaskKey, Rules, Transport};
use proptest::prelude::*;

use line::{LOUD, Left, Line, Sender, at, audio, codes, play, tone, with_key};

/// What was sent and left unchanged.
fn kept(sent: &[Vec<u8>], left: &[Left]) -> Vec<bool> {
    let sent = sent.iter().flat_map(|packet| packet[12..].to_vec());
    sent.zip(audio(left)).map(|(sent, left)| sent == left).collect()
}

#[test]
fn a_packet_is_held_until_the_next_has_come_and_leaves_as_it_came() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let mut sent = Vec::new();
    for number in 0..50 {
        let samples = sender.noise(160);
        sent.push(sender.audio(&samples));
        line.arrive(at(20 * number), &sent[number as usize]);
    }
    assert_eq!(line.left.len(), 49, "one is held");
    for (number, left) in line.left.iter().enumerate() {
        assert_eq!(left.at, at(20 * (number as u64 + 1)), "constant delay");
        // Of the first one a part is silent, since a tone may have been going on.
        let is_kept = number > 0 || left.packet[12 + 120..] == sent[0][12 + 120..];
        assert!(is_kept && (number == 0 || left.packet == sent[number]), "packet {number}");
        assert_eq!(left.changed, number == 0);
    }
    assert_eq!(line.early, 0);
}

#[test]
fn ten_sixty_and_other_milliseconds_are_held_for_twenty_at_least() {
    for (length, held) in [(40, 4), (80, 2), (120, 2), (160, 1), (240, 1), (320, 1), (480, 1)] {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        let mut now = 0;
        for _ in 0..30 {
            let samples = sender.noise(length);
            let packet = sender.audio(&samples);
            line.arrive(Instant::from_nanos(now), &packet);
            now += length as u64 * 125_000;
        }
        assert_eq!(line.left.len(), 30 - held, "{length} samples");
        assert!(line.early == 0, "{length} samples");
        assert!(line.left[120_usize.div_ceil(length)..].iter().all(|left| !left.changed), "{length} samples");
    }
}

#[test]
fn no_sample_of_a_tone_leaves_and_its_key_is_captured_once() {
    for key in "0123456789*#ABCD".chars() {
        for onset in [800, 801, 839, 855, 879, 919, 959] {
            let (mut line, mut sender) = (Line::new(), Sender::new());
            let signal = with_key(&mut sender, key, onset, 640, 1600 - onset);
            let codes: Vec<u8> = signal.iter().map(|sample| lanes::g711::to_ulaw(*sample as i16)).collect();
            let end = play(&mut line, &mut sender, 0, &signal);
            line.serve(at(end + 1_000));
            let left = audio(&line.left);
            let same = (onset..onset + 640).filter(|at| left[*at] == codes[*at]).count();
            // By chance a sample of the mask tone is what it replaces.
            assert!(same < 60, "{key} at {onset}: {same} samples left");
            let run = (onset..onset + 636).filter(|at| left[*at..at + 4] == codes[*at..at + 4]).count();
            assert_eq!(run, 0, "{key} at {onset}");
            assert_eq!(line.captured(), key.to_string());
            assert_eq!(line.keys[0].1, Transport::Tone);
            let told = line.keys[0].2.as_nanos() as i64 - (onset as i64 * 125_000 - 20_000_000);
            assert!(told.abs() < 8_000_000, "the onset is off by {told} ns");
        }
    }
}

#[test]
fn what_replaces_a_tone_is_the_same_for_every_key_and_level() {
    let masked = |key: char, amplitude: f64| {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        let mut signal = vec![0.0; 2_400];
        signal[800..1_440].copy_from_slice(&tone(key, 640, amplitude));
        let end = play(&mut line, &mut sender, 0, &signal);
        line.serve(at(end + 1_000));
        audio(&line.left)
    };
    let one = masked('1', LOUD);
    assert!(one.iter().any(|code| *code != 0xff));
    for key in "0123456789*#ABCD".chars() {
        for amplitude in [LOUD, LOUD / 3.0, LOUD / 8.0, LOUD / 20.0] {
            assert!(one == masked(key, amplitude), "{key} of an amplitude of {amplitude} leaves otherwise");
        }
    }
}

#[test]
fn reordered_packets_leave_in_order_and_whole() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = with_key(&mut sender, '7', 1_650, 640, 3_000);
    let mut packets: Vec<Vec<u8>> = signal.chunks(160).map(|samples| sender.audio(samples)).collect();
    let first = packets.clone();
    let mut times: Vec<u64> = (0..packets.len() as u64).map(|number| 20 * number).collect();
    for pair in [5, 11, 20] {
        packets.swap(pair, pair + 1);
        // It comes just after the one that overtook it.
        times[pair + 1] += 1;
        times[pair] += 20;
    }
    for (time, packet) in times.iter().zip(&packets) {
        line.arrive(at(*time), packet);
    }
    line.serve(at(10_000));
    assert_eq!(line.left.len(), first.len());
    for (left, sent) in line.left.iter().zip(&first) {
        assert_eq!(left.packet[..12], sent[..12], "in order");
    }
    assert_eq!(line.captured(), "7");
    let kept = kept(&first, &line.left);
    assert!(kept[120..1_400].iter().all(|kept| *kept), "speech before the key is as it came");
}

#[test]
fn around_a_loss_nothing_leaves_that_may_be_a_tones_rest() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = sender.noise(160 * 20);
    let packets: Vec<Vec<u8>> = signal.chunks(160).map(|samples| sender.audio(samples)).collect();
    for (number, packet) in packets.iter().enumerate().filter(|(number, _)| *number != 10) {
        line.arrive(at(20 * number as u64), packet);
    }
    line.serve(at(10_000));
    assert_eq!(line.left.len(), 19);
    let (before, after) = (&line.left[9], &line.left[10]);
    assert_eq!(before.audio()[..40], packets[9][12..52]);
    assert!(before.audio()[40..].iter().all(|code| *code == 0xff), "its last 15 ms are silent");
    assert!(after.audio()[..120].iter().all(|code| *code == 0xff), "until two windows are clean");
    assert_eq!(after.audio()[120..], packets[11][12 + 120..]);
    assert!(line.left[11..18].iter().all(|left| !left.changed));
    let delays: Vec<u64> =
        line.left.iter().zip(packets.iter()).map(|(left, _)| left.at.as_nanos() / 1_000_000).collect();
    assert!(delays[9] <= 9 * 20 + 45, "it does not wait longer than its patience: {delays:?}");
}

#[test]
fn a_talk_spurt_ends_in_time_and_goes_on_later() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = sender.noise(800);
    let end = play(&mut line, &mut sender, 0, &signal);
    line.serve(at(end + 100));
    assert_eq!((line.left.len(), line.early), (5, 1), "the last one leaves without a successor");
    assert!(line.left[4].audio()[40..].iter().all(|code| *code == 0xff));
    // Comfort noise, two seconds of nothing, and the next spurt begins with a tone.
    let noise = sender.packet(13, 0, &[60]);
    line.arrive(at(end + 100), &noise);
    assert_eq!(line.left.len(), 6, "comfort noise leaves at once when nothing is before it");
    sender.timestamp = sender.timestamp.wrapping_add(16_000);
    let mut signal = tone('4', 640, LOUD);
    signal.extend(sender.noise(1_600));
    let packets = signal.clone();
    let end = play(&mut line, &mut sender, end + 2_000, &signal);
    line.serve(at(end + 1_000));
    let left = audio(&line.left[6..]);
    let codes: Vec<u8> = packets.iter().map(|sample| lanes::g711::to_ulaw(*sample as i16)).collect();
    assert!((0..636).all(|at| left[at..at + 4] != codes[at..at + 4]));
    assert_eq!(line.captured(), "4");
}

#[test]
fn duplicates_do_not_leave_and_late_packets_leave_silent() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = sender.noise(160 * 10);
    let packets: Vec<Vec<u8>> = signal.chunks(160).map(|samples| sender.audio(samples)).collect();
    for number in [0, 1, 1, 2, 4, 5, 6, 6, 3, 3, 7, 8, 9] {
        line.arrive(at(20 * number as u64 + 200 * u64::from(number > 6)), &packets[number]);
    }
    line.serve(at(10_000));
    assert_eq!(line.dropped, [Counter::DropSecuredDuplicate; 3]);
    let late: Vec<&Left> = line.left.iter().filter(|left| left.packet[..12] == packets[3][..12]).collect();
    assert_eq!(late.len(), 1);
    assert!(late[0].changed && late[0].audio().iter().all(|code| *code == 0xff));
    assert_eq!(line.left.len(), 10);
}

#[test]
fn a_sender_that_does_not_count_is_heard_all_the_same() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    for number in 0..40 {
        let samples = sender.noise(160);
        let packet = sender.audio(&samples);
        sender.sequence = 7;
        line.arrive(at(20 * number), &packet);
    }
    assert!(line.left.len() >= 3, "{} left, {} dropped", line.left.len(), line.dropped.len());
}

#[test]
fn another_source_ends_what_is_held_and_begins_anew() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = sender.noise(800);
    let end = play(&mut line, &mut sender, 0, &signal);
    (sender.ssrc, sender.sequence, sender.timestamp) = (99, 4_000, 5);
    let signal = with_key(&mut sender, '3', 0, 480, 1_200);
    let end = play(&mut line, &mut sender, end, &signal);
    line.serve(at(end + 1_000));
    assert_eq!(line.left.len(), 5 + 11);
    assert!(
        line.left[4].changed,
        "the end of the first source's last packet may have been a tone's beginning"
    );
    let codes: Vec<u8> = signal.iter().map(|sample| lanes::g711::to_ulaw(*sample as i16)).collect();
    let left = audio(&line.left[5..]);
    assert!((0..476).all(|at| left[at..at + 4] != codes[at..at + 4]));
}

/// A gateway that clips a piece of the tone into the audio before its event, and sends another long after it.
#[test]
fn an_event_masks_what_is_held_and_what_comes_late() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let mut signal = sender.noise(800);
    // 6 ms of the tone, too short to be told from anything.
    for (sample, of_tone) in signal[752..].iter_mut().zip(tone('9', 48, LOUD)) {
        *sample += of_tone;
    }
    let mut now = play(&mut line, &mut sender, 0, &signal);
    let event = sender.timestamp;
    for (number, end) in [(1u16, false), (2, false), (3, false), (4, true), (4, true), (4, true)] {
        let block = packets::block(9, end, 10, number * 160);
        let packet = sender.packet(101, 0, &block);
        line.arrive(at(now), &packet);
        now += 20;
    }
    sender.timestamp = event.wrapping_add(6 * 160);
    assert_eq!(line.captured(), "9");
    let held = &line.left[4];
    assert!(held.changed && (0..157).all(|at| held.audio()[at..at + 4] != codes(&signal[640..])[at..at + 4]));
    let sequences: Vec<u16> = line.left.iter().map(Left::sequence).collect();
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "in order: {sequences:?}");
    // 240 ms after the event's beginning the tone comes in the audio, under speech that hides it from ordinary vigilance.
    let late = with_key(&mut sender, '9', 1_000, 800, 2_000);
    let before = line.left.len();
    let end = play(&mut line, &mut sender, now, &late);
    line.serve(at(end + 1_000));
    let left = audio(&line.left[before..]);
    let skip = left.len() - late.len();
    assert!((1_000..1_796).all(|at| left[skip + at..skip + at + 4] != codes(&late)[at..at + 4]));
    let transports: Vec<Transport> = line.keys.iter().map(|(_, transport, _)| *transport).collect();
    assert_eq!(transports, [Transport::Event, Transport::Tone]);
}

/// The agent's loudspeaker, microphone and the caller's hybrid give the mask tone back.
#[test]
fn an_echo_of_the_mask_tone_is_masked_by_silence_and_dies() {
    for (loss, delay) in [(12.0, 40), (12.0, 300), (20.0, 200), (30.0, 400)] {
        let (mut line, mut sender) = (Line::with(Rules::default().with_field_open(true)), Sender::new());
        let mut signal = sender.noise(160 * 100);
        for (sample, of_tone) in signal[1_600..].iter_mut().zip(tone('5', 800, LOUD)) {
            *sample += of_tone;
        }
        // What left comes back, weaker, after the delay.
        let mut fed_back = 0;
        for number in 0..100 {
            let mut samples = signal[160 * number..160 * (number + 1)].to_vec();
            let heard = audio(&line.left);
            for (offset, sample) in samples.iter_mut().enumerate() {
                let now = 160 * number + offset;
                let Some(back) = now.checked_sub(8 * delay).and_then(|back| heard.get(back)) else {
                    continue;
                };
                let was = f64::from(lanes::g711::ULAW[usize::from(*back)]);
                *sample += was * 10f64.powf(-loss / 20.0);
                fed_back += usize::from(was.abs() > 1_000.0);
            }
            let packet = sender.audio(&samples);
            line.arrive(at(20 * number as u64), &packet);
        }
        assert!(fed_back > 400, "{loss} dB, {delay} ms: the tone came back");
        let left = audio(&line.left);
        let loud = |from: usize| {
            left[from..]
                .iter()
                .filter(|code| lanes::g711::ULAW[usize::from(**code)].unsigned_abs() > 5_000)
                .count()
        };
        let late = 1_600 + 800 + 8 * delay;
        assert_eq!(loud(late + 1_200), 0, "{loss} dB, {delay} ms: it goes round and round");
    }
}

/// A call that moves to another port has a stream that begins in the midst of what the caller keys.
#[test]
fn the_rest_of_a_tone_that_a_stream_begins_with_does_not_leave() {
    for rest in [8, 24, 40, 56, 72, 100] {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        let signal = with_key(&mut sender, '8', 0, rest, 1_600 - rest);
        let codes = codes(&signal);
        play(&mut line, &mut sender, 0, &signal);
        let left = audio(&line.left);
        assert!((0..rest - 3).all(|at| left[at..at + 4] != codes[at..at + 4]), "{rest} samples");
        assert_eq!(left[320..], codes[320..left.len()]);
    }
}

#[test]
fn another_codec_in_the_midst_of_a_tone_leaks_nothing_of_it() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = with_key(&mut sender, '2', 700, 500, 1_200);
    for (number, samples) in signal.chunks(160).enumerate() {
        let is_alaw = number >= 6;
        let codes: Vec<u8> = samples
            .iter()
            .map(|sample| {
                let sample = *sample as i16;
                if is_alaw { lanes::g711::to_alaw(sample) } else { lanes::g711::to_ulaw(sample) }
            })
            .collect();
        let packet = sender.packet(if is_alaw { 8 } else { 0 }, 160, &codes);
        line.arrive(at(20 * number as u64), &packet);
    }
    line.serve(at(5_000));
    for (number, left) in line.left.iter().enumerate() {
        let table = if number >= 6 { &lanes::g711::ALAW } else { &lanes::g711::ULAW };
        for (offset, code) in left.audio().iter().enumerate() {
            let position = 160 * number + offset;
            let is_tone = (700..1_200).contains(&position) && signal[position].abs() > 2_000.0;
            let heard = f64::from(table[usize::from(*code)]);
            assert!(!is_tone || (heard - signal[position]).abs() > 20.0, "sample {position}");
        }
    }
}

/// Some senders count G.722 in samples of 16 kHz, against RFC 3551 section 4.5.2.
#[test]
fn a_sender_that_counts_wrongly_is_heard_without_gaps() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = with_key(&mut sender, '6', 1_650, 640, 1_600);
    for (number, samples) in signal.chunks(160).enumerate() {
        let packet = sender.packet(0, 320, &codes(samples));
        line.arrive(at(20 * number as u64), &packet);
    }
    line.serve(at(5_000));
    let (left, sent) = (audio(&line.left), codes(&signal));
    assert_eq!(left[160..1_480], sent[160..1_480], "speech leaves as it came");
    assert!((1_650..2_286).all(|at| left[at..at + 4] != sent[at..at + 4]));
    assert_eq!(line.captured(), "6");
}

/// Redundancy may carry audio beside an event (RFC 2198), and a tone in it.
#[test]
fn audio_beside_an_event_does_not_leave() {
    for is_announced in [true, false] {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        line.flow.formats = Default::default();
        let formats =
            [(101, FormatKind::TelephoneEvent), (0, FormatKind::Pcmu), (121, FormatKind::Redundancy)];
        for (payload_type, kind) in formats.into_iter().take(2 + usize::from(is_announced)) {
            assert!(line.flow.formats.push(Format { payload_type, kind, clock_khz: 8 }));
        }
        let mut payload = vec![0x80 | 101, 0, 0, 4, 0];
        payload.extend(packets::block(5, false, 10, 160));
        payload.extend(codes(&tone('5', 160, LOUD)));
        let packet = sender.packet(121, 160, &payload);
        line.arrive(at(0), &packet);
        assert_eq!((line.left.len(), &line.dropped[..]), (0, &[Counter::DropSecuredUnmaskable][..]));
        assert_eq!(line.captured(), "5");
    }
}

#[test]
fn silence_replaces_where_the_tenant_wants_no_tone() {
    let (mut line, mut sender) = (Line::with(Rules::default().with_silence(true)), Sender::new());
    let signal = with_key(&mut sender, '2', 800, 640, 1_600);
    play(&mut line, &mut sender, 0, &signal);
    assert!(audio(&line.left)[800..1_440].iter().all(|code| *code == 0xff));
}

#[test]
fn while_a_field_is_keyed_the_caller_is_silent_where_the_tenant_wants_it() {
    let rules = Rules::default().with_silence_while_keying(true).with_field_open(true);
    let (mut line, mut sender) = (Line::with(rules), Sender::new());
    let signal = with_key(&mut sender, '2', 800, 640, 3_200);
    let now = play(&mut line, &mut sender, 0, &signal);
    assert!(audio(&line.left)[1_440..].iter().all(|code| *code == 0xff), "silent after the first key");
    assert!(!line.left[1].changed, "and not before");
    line.flow.rules = rules.with_field_open(false);
    let before = line.left.len();
    let signal = sender.noise(1_600);
    play(&mut line, &mut sender, now, &signal);
    assert!(line.left[before + 1..].iter().all(|left| !left.changed), "the field is full");
}

#[test]
fn what_cannot_be_masked_does_not_leave_unless_the_tenant_says_so() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let opus = sender.packet(111, 960, &[0x78; 80]);
    line.arrive(at(0), &opus);
    assert_eq!((line.left.len(), &line.dropped[..]), (0, &[Counter::DropSecuredUnmaskable][..]));
    line.flow.rules = Rules::default().with_unmaskable_passed(true);
    let opus = sender.packet(111, 960, &[0x78; 80]);
    line.arrive(at(20), &opus);
    assert_eq!((line.left.len(), line.left[0].changed), (1, false));
    line.flow.encrypted = true;
    let secret = sender.packet(0, 160, &[0x55; 160]);
    line.arrive(at(40), &secret);
    assert_eq!(line.left.len(), 2);
    line.flow.rules = Rules::default();
    line.arrive(at(60), &secret);
    assert_eq!(line.left.len(), 2);
}

#[test]
fn linear_audio_is_masked_at_both_rates() {
    for (payload_type, rate) in [(96, 1), (97, 2)] {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        let samples: Vec<f64> = {
            let step = core::f64::consts::TAU / (8000.0 * f64::from(rate));
            (0..1_600 * rate as usize)
                .map(|number| {
                    let at = number as f64 * step;
                    let keyed = (400 * rate as usize..1_000 * rate as usize).contains(&number);
                    if keyed { LOUD * ((at * 770.0).sin() + (at * 1336.0).sin()) } else { 0.0 }
                })
                .collect()
        };
        for (number, samples) in samples.chunks(160 * rate as usize).enumerate() {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| (*sample as i16).to_be_bytes()).collect();
            let packet = sender.packet(payload_type, 160 * rate, &bytes);
            line.arrive(at(20 * number as u64), &packet);
        }
        line.serve(at(5_000));
        let left = audio(&line.left);
        let left: Vec<i16> = left.as_chunks::<2>().0.iter().map(|pair| i16::from_be_bytes(*pair)).collect();
        let same = (400 * rate as usize..1_000 * rate as usize)
            .filter(|at| left[*at] != 0 && left[*at] == samples[*at] as i16)
            .count();
        assert!(same < 10, "{same} samples of {rate}×8 kHz left");
        assert_eq!(line.captured(), "5");
    }
}

#[test]
fn without_room_nothing_is_held_and_all_is_silent() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = with_key(&mut sender, '8', 0, 800, 800);
    line.room = false;
    for (number, samples) in signal.chunks(160).enumerate() {
        let packet = sender.audio(samples);
        line.arrive(at(20 * number as u64), &packet);
        assert_eq!(line.left.len(), number + 1, "it leaves at once");
    }
    assert!(audio(&line.left).iter().all(|code| *code == 0xff));
    assert_eq!(line.captured(), "8", "and is heard all the same");
}

#[test]
fn failing_closed_silences_what_is_held() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = sender.noise(480);
    let now = play(&mut line, &mut sender, 0, &signal);
    line.flow.mode = FlowMode::Silence(MaskKey::Pound);
    let signal = sender.noise(480);
    play(&mut line, &mut sender, now, &signal);
    assert_eq!(line.left.len(), 6);
    assert!(line.left[2..].iter().all(|left| left.audio().iter().all(|code| *code == 0xff)));
    assert!(line.left.windows(2).all(|pair| pair[1].sequence() == pair[0].sequence().wrapping_add(1)));
}

#[test]
fn the_hold_goes_by_two_milliseconds_a_packet_and_then_nothing_is_late() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = sender.noise(1_600);
    let now = play(&mut line, &mut sender, 0, &signal);
    line.flow.mode = FlowMode::Pass;
    let signal = sender.noise(160 * 20);
    play(&mut line, &mut sender, now, &signal);
    line.serve(at(5_000));
    assert_eq!(line.left.len(), 30);
    let late: Vec<u64> =
        (0..30).map(|number| (line.left[number].at.as_nanos() / 1_000_000) - 20 * number as u64).collect();
    assert_eq!(late[..9], [20; 9]);
    assert!(late[9..].windows(2).all(|pair| pair[0] - pair[1] <= 2 || pair[0] == 20), "{late:?}");
    assert_eq!(late[20..], [0; 10], "{late:?}");
    assert!(line.stream.has_left(at(5_000)));
    assert!(line.left[1..].iter().all(|left| !left.changed));
}

#[test]
fn a_key_that_is_down_when_secure_mode_ends_is_masked_to_its_end_and_the_next_is_not() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = with_key(&mut sender, '6', 800, 4_000, 1_600);
    let later = with_key(&mut sender, '1', 0, 800, 1_600);
    let packets: Vec<Vec<u8>> =
        [&signal[..], &later].concat().chunks(160).map(|samples| sender.audio(samples)).collect();
    for (number, packet) in packets.iter().enumerate() {
        if number == 12 {
            line.flow.mode = FlowMode::Pass;
        }
        line.arrive(at(20 * number as u64), packet);
    }
    line.serve(at(5_000));
    let kept = kept(&packets, &line.left);
    let left = audio(&line.left);
    let sent: Vec<u8> = packets.iter().flat_map(|packet| packet[12..].to_vec()).collect();
    assert!((800..4_796).all(|at| left[at..at + 4] != sent[at..at + 4]), "masked to its end");
    assert!(kept[6_400..].iter().all(|kept| *kept), "what is keyed afterwards is no concern");
    assert_eq!(line.captured(), "6");
}

/// What a stream may hold.
#[derive(Clone, Debug)]
struct Step {
    sequence: i8,
    timestamp: i16,
    kind: u8,
    length: u16,
    wait: u16,
    mode: u8,
}

fn step() -> impl Strategy<Value = Step> {
    (-3..6i8, -400..900i16, 0..9u8, 0..700u16, 0..40_000u16, 0..40u8).prop_map(
        |(sequence, timestamp, kind, length, wait, mode)| Step {
            sequence,
            timestamp,
            kind,
            length,
            wait,
            mode,
        },
    )
}

proptest! {
    #[test]
    fn whatever_comes_leaves_in_time_or_is_dropped_with_a_reason(steps in prop::collection::vec(step(), 1..120)) {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        let mut now = at(1_000);
        for (number, step) in steps.iter().enumerate() {
            now = now + Duration::from_micros(step.wait.into());
            sender.sequence = sender.sequence.wrapping_add_signed(step.sequence.into());
            sender.timestamp = sender.timestamp.wrapping_add_signed(step.timestamp.into());
            line.flow.mode = match step.mode {
                0 => FlowMode::Silence(MaskKey::Zero),
                1 => FlowMode::Pass,
                _ => FlowMode::Mask(MaskKey::Pound),
            };
            line.room = step.mode != 2;
            let payload_type = [0, 8, 9, 13, 96, 97, 101, 111, 0][usize::from(step.kind)];
            let payload: Vec<u8> = (0..step.length).map(|byte| (byte as u8).wrapping_mul(37)).collect();
            if step.kind == 8 {
                sender.ssrc = sender.ssrc.wrapping_add(u32::from(step.mode == 3));
            }
            let packet = sender.packet(payload_type, 160, &payload);
            line.arrive(now, &packet);
            prop_assert!(line.stream.due().is_none_or(|due| due <= now + Duration::from_millis(140)));
            prop_assert!(line.left.len() + line.dropped.len() <= number + 1);
        }
        line.serve(now + Duration::from_secs(1));
        prop_assert_eq!(line.left.len() + line.dropped.len(), steps.len());
    }
}
