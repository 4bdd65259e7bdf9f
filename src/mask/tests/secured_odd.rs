//! What odd senders and odd networks do to the caller's stream in SecureMode.

mod line;
mod packets;

use handover::{Counter, FlowMode, Format, FormatKind, Instant, MaskKey};

use line::{LOUD, Line, Sender, at, audio, codes, leaks, play, tone, with_key};

/// What is too short to be known for a tone may lie in several of them.
#[test]
fn before_a_loss_nothing_leaves_of_a_tone_that_began_some_short_packets_ago() {
    for length in [40, 80] {
        for of_tone in (8..=120).step_by(4) {
            let (mut line, mut sender) = (Line::new(), Sender::new());
            let onset = 1_600 - of_tone;
            let signal = with_key(&mut sender, '5', onset, of_tone, 1_600);
            for (number, samples) in signal.chunks(length).enumerate() {
                let packet = sender.audio(samples);
                let start = number * length;
                if !(1_600..1_760).contains(&start) {
                    line.arrive(Instant::from_nanos(start as u64 * 125_000), &packet);
                }
            }
            line.serve(at(10_000));
            let is_leaking = leaks(&audio(&line.left), &codes(&signal), onset..1_596);
            assert!(!is_leaking, "{of_tone} samples in packets of {length}");
        }
    }
}

#[test]
fn a_tone_that_begins_before_a_loss_and_another_source_does_not_leave() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let signal = with_key(&mut sender, '5', 1_540, 60, 0);
    let now = play(&mut line, &mut sender, 0, &signal);
    sender.sequence = sender.sequence.wrapping_add(1);
    sender.timestamp = sender.timestamp.wrapping_add(160);
    let noise = sender.noise(160);
    let after_loss = sender.audio(&noise);
    line.arrive(at(now + 20), &after_loss);
    sender.ssrc = 99;
    let noise = sender.noise(1_600);
    play(&mut line, &mut sender, now + 22, &noise);
    line.serve(at(10_000));
    assert!(!leaks(&audio(&line.left), &codes(&signal), 1_540..1_596));
}

/// One packet with a number far ahead, after a pause in which nothing is held.
#[test]
fn a_single_wrong_number_costs_no_key() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    let noise = sender.noise(1_600);
    let now = play(&mut line, &mut sender, 0, &noise) + 100;
    line.serve(at(now));
    let (sequence, timestamp) = (sender.sequence, sender.timestamp);
    sender.sequence = sequence.wrapping_add(120);
    let wrong = sender.audio(&[0.0; 160]);
    line.arrive(at(now), &wrong);
    (sender.sequence, sender.timestamp) = (sequence, timestamp);
    let signal = with_key(&mut sender, '4', 800, 800, 800);
    play(&mut line, &mut sender, now, &signal);
    line.serve(at(10_000));
    assert_eq!(line.captured(), "4");
}

/// And where a packet is awaited, its timestamp seems to say that something was left out.
#[test]
fn a_tone_goes_on_in_a_packet_that_was_awaited_of_a_sender_that_counts_wrongly() {
    for (length, onset, until) in [(160, 1_610, 2_280), (800, 1_610, 3_900)] {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        let signal = with_key(&mut sender, '6', onset, until - onset, 3_200);
        for (number, samples) in signal.chunks(length).enumerate() {
            let packet = sender.packet(0, 2 * length as u32, &codes(samples));
            // The packet in which the tone ends, or the one before, and what follows it are late by as much.
            let late = if number * length >= 2_240 { 30 } else { 0 };
            line.arrive(at((number * length) as u64 / 8 + late), &packet);
        }
        line.serve(at(5_000));
        assert!(!leaks(&audio(&line.left), &codes(&signal), onset..until - 4), "packets of {length}");
        assert_eq!(line.captured(), "6", "packets of {length}");
    }
}

/// At another rate a key's tone has other frequencies, as it is counted here.
#[test]
fn g711_at_another_rate_cannot_be_masked() {
    for kind in [FormatKind::Pcmu, FormatKind::Pcma] {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        line.flow.formats = Default::default();
        assert!(line.flow.formats.push(Format { payload_type: 100, kind, clock_khz: 16 }));
        for number in 0..10 {
            let packet = sender.packet(100, 320, &[0x55; 320]);
            line.arrive(at(20 * number), &packet);
        }
        line.serve(at(1_000));
        assert_eq!((line.left.len(), &line.dropped[..]), (0, &[Counter::DropSecuredUnmaskable; 10][..]));
        assert!(line.stream.is_unmaskable());
    }
}

/// With the marker bit, types from 64 to 95 look like RTCP (RFC 5761 section 4).
#[test]
fn announced_audio_that_looks_like_rtcp_is_masked() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    line.flow.formats = Default::default();
    assert!(line.flow.formats.push(Format { payload_type: 77, kind: FormatKind::Pcmu, clock_khz: 8 }));
    let signal = tone('5', 1_600, LOUD);
    for (number, samples) in signal.chunks(160).enumerate() {
        let packet = sender.packet(0x80 | 77, 160, &codes(samples));
        line.arrive(at(20 * number as u64), &packet);
    }
    line.serve(at(1_000));
    assert!(!leaks(&audio(&line.left), &codes(&signal), 0..1_596));
    assert_eq!(line.captured(), "5");
}

/// Who ignores the padding bit hears the padding.
#[test]
fn no_tone_leaves_in_padding() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    for number in 0..10 {
        let mut payload = vec![0xff; 100];
        payload.extend(codes(&tone('5', 59, LOUD)));
        payload.push(60);
        let mut packet = sender.packet(0, 160, &payload);
        packet[0] |= 0x20;
        line.arrive(at(20 * number), &packet);
    }
    line.serve(at(1_000));
    assert_eq!(line.left.len(), 10);
    assert!(line.left.iter().all(|left| left.audio()[100..159].iter().all(|byte| *byte == 0)));
}

/// A header extension may hold how loud the audio was (RFC 6464), and keys differ by that.
#[test]
fn no_level_leaves_beside_silence() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    line.flow.mode = FlowMode::Silence(MaskKey::Pound);
    let extension = [0xbe, 0xde, 0, 1, 0x10, 0x95, 0, 0];
    let mut packet = sender.packet(0, 160, &[&extension[..], &[0x55; 160]].concat());
    packet[0] |= 0x10;
    line.arrive(at(0), &packet);
    assert_eq!(line.left[0].packet[12..20], [0xbe, 0xde, 0, 1, 0, 0, 0, 0]);
    assert!(line.left[0].packet[20..].iter().all(|code| *code == 0xff));
}

/// A detector of silence may take a long tone for noise, and describe it.
#[test]
fn comfort_noise_tells_of_no_tone() {
    let (mut line, mut sender) = (Line::new(), Sender::new());
    for (noise, leaves) in [
        (&[70][..], &[70][..]),
        (&[70, 127, 127], &[70, 127, 127]),
        (&[12], &[50]),
        (&[60, 30, 200, 100], &[60, 127, 127, 127]),
        (&[0xff, 30], &[0xff, 127]),
        (&[], &[]),
    ] {
        let packet = sender.packet(13, 160, noise);
        line.arrive(at(0), &packet);
        let left = line.left.last().expect("it leaves");
        assert_eq!((left.audio(), left.changed), (leaves, leaves != noise));
    }
}

#[test]
fn a_key_that_is_down_when_secure_mode_ends_is_masked_over_losses_and_in_what_is_late() {
    for lost in 1..8 {
        let (mut line, mut sender) = (Line::new(), Sender::new());
        let signal = with_key(&mut sender, '6', 800, 6_400, 1_600);
        let packets: Vec<Vec<u8>> = signal.chunks(160).map(|samples| sender.audio(samples)).collect();
        for (number, packet) in packets.iter().enumerate() {
            if number == 12 {
                line.flow.mode = FlowMode::Pass;
            }
            if !(15..15 + lost).contains(&number) {
                line.arrive(at(20 * number as u64), packet);
            }
            if number == 24 {
                line.arrive(at(481), &packets[15]);
            }
        }
        line.serve(at(5_000));
        for left in line.left.iter() {
            let sent = packets.iter().find(|packet| packet[..12] == left.packet[..12]).expect("it was sent");
            let number = usize::from(left.sequence().wrapping_sub(packets[0][3].into())) & 0xff;
            assert!(
                !(6..44).contains(&number) || !leaks(left.audio(), &sent[12..], 0..156),
                "{lost} lost, packet {number}"
            );
        }
    }
}
