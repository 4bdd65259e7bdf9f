//! Seeded calls with all that networks and phones do, against a model that knows when each sample was sent.

use super::*;
use crate::frame::Channel as Side;
use crate::second::Account;

const MILLISECOND: i64 = 1_000_000;
const BEGIN: u64 = 1_800_000_000 * SECOND;

/// SplitMix64.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    pub(super) fn in_hundred(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub(super) fn rtp(ssrc: u32, sequence: u16, timestamp: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend(sequence.to_be_bytes());
    packet.extend(timestamp.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// A packet on its way.
struct Sent {
    arrives: u64,
    side: Side,
    format: Format,
    rtp: Vec<u8>,
    /// When its first sample was sent, in nanoseconds since the beginning; and as what it is to be found. Copies have none.
    told: Option<(i64, Vec<u8>)>,
}

/// What a sender does throughout a call.
struct Habits {
    ptime: i64,
    loss: u64,
    jitter: u64,
    spikes: u64,
    copies: u64,
    parts_per_million: i64,
    changes: bool,
}

/// One direction of a call of µ-law, in which the sender may change.
fn sender(chance: &mut Chance, side: Side, habits: &Habits, length: i64, law: Law) -> Vec<Sent> {
    let mut sent = Vec::new();
    let (mut ssrc, mut sequence, mut timestamp) = (chance.number() as u32, chance.number() as u16, 0);
    timestamp += chance.number() as u32;
    let mut format = if law == Law::Mu { Format::Pcmu } else { Format::Pcma };
    let mut now = chance.below(300) as i64 * MILLISECOND;
    let mut spurt = 0;
    let mut burst = 0;
    let mut stalls_until = 0;
    let mut heard = 0;
    while now < length {
        let samples = habits.ptime * 8;
        let duration = habits.ptime * MILLISECOND * (1_000_000 + habits.parts_per_million) / 1_000_000;
        if spurt == 0 {
            (spurt, heard) = (20 + chance.below(200), 0);
            // A pause: the clock goes on, or stands still for longer than the window.
            let pause = chance.below(40) as i64;
            now += pause * duration;
            timestamp = timestamp.wrapping_add((pause * samples) as u32);
            // A stream that begins in a stall has nothing that tells when it was sent.
            while now < stalls_until {
                now += duration;
                timestamp = timestamp.wrapping_add(samples as u32);
            }
            match chance.below(8) {
                0 if habits.changes => (ssrc, sequence) = (chance.number() as u32, chance.number() as u16),
                1 if habits.changes => timestamp = timestamp.wrapping_add(1_000_000),
                2 if habits.changes => now += (700 + chance.below(3000) as i64) * MILLISECOND,
                3 if habits.changes && now > 2000 * MILLISECOND => {
                    format = [Format::Pcmu, Format::Pcma, Format::L16Narrow][chance.below(3) as usize];
                }
                4 => {
                    // A key press: all its packets have its beginning's timestamp.
                    let packets = chance.below(20) as u32;
                    for _ in 0..packets {
                        let rtp = rtp(ssrc, sequence, timestamp, &[5, 10, 0, 160]);
                        let arrives = BEGIN + now as u64;
                        sent.push(Sent { arrives, side, format: Format::Event, rtp, told: None });
                        sequence = sequence.wrapping_add(1);
                        now += duration;
                    }
                    timestamp = timestamp.wrapping_add(packets * samples as u32);
                }
                _ => (),
            }
        }
        spurt -= 1;
        let codes: Vec<u8> = (0..samples).map(|_| 1 + chance.below(90) as u8).collect();
        let linear = |code: &u8| match format {
            Format::Pcma => g711_sample(Law::A, *code),
            _ => g711_sample(Law::Mu, *code),
        };
        let payload: Vec<u8> = match format {
            Format::L16Narrow => codes.iter().flat_map(|code| linear(code).to_be_bytes()).collect(),
            _ => codes.clone(),
        };
        let is_as_it_is = crate::timeline::law(format) == Some(law);
        let found: Vec<u8> = match is_as_it_is {
            true => codes,
            false => codes.iter().map(|code| crate::g711::code(law, linear(code))).collect(),
        };
        let spike = if chance.in_hundred(habits.spikes) { 40 + chance.below(300) } else { 0 };
        let late = (chance.below(habits.jitter * 1000 + 1) + spike * 1000) as i64 * 1000;
        heard += 1;
        if habits.changes && heard > 10 && chance.below(500) == 0 {
            // The network holds all back, and delivers it at once.
            stalls_until = now + (50 + chance.below(900) as i64) * MILLISECOND;
        }
        let arrives = BEGIN + (now + late).max(stalls_until) as u64;
        burst = if chance.in_hundred(habits.loss) { 1 + chance.below(4) } else { burst };
        if burst > 0 {
            burst -= 1;
        } else {
            let rtp = rtp(ssrc, sequence, timestamp, &payload);
            if chance.in_hundred(habits.copies) {
                let arrives = arrives + chance.below(100) * MILLISECOND as u64;
                sent.push(Sent { arrives, side, format, rtp: rtp.clone(), told: None });
            }
            sent.push(Sent { arrives, side, format, rtp, told: Some((now, found)) });
        }
        sequence = sequence.wrapping_add(1);
        timestamp = timestamp.wrapping_add(samples as u32);
        now += duration;
    }
    sent
}

fn g711_sample(law: Law, code: u8) -> i16 {
    crate::g711::sample(law, code)
}

/// Where a packet's samples are, close to a place: how many of them, from the last backwards, and where they begin.
fn find(file: &[u8], payload: &[u8], about: i64, tolerance: i64) -> Option<(usize, usize)> {
    // The head may be cut off where the place was taken, the tail at the call's end.
    (0..payload.len().saturating_sub(11)).step_by(1).find_map(|cut| {
        let wanted = &payload[cut..];
        let from = (about + cut as i64 - tolerance).max(0) as usize;
        let to = ((about + cut as i64 + tolerance).max(0) as usize + wanted.len()).min(file.len());
        let place = file.get(from..to)?.windows(wanted.len()).position(|window| window == wanted)?;
        Some((wanted.len(), from + place))
    })
}

/// Packets that were looked for and found, and those that were dropped for a reason; `None` where the file is of linear samples.
fn simulate(seed: u64) -> Option<(u64, u64)> {
    let mut chance = Chance(seed);
    let law = if chance.in_hundred(50) { Law::Mu } else { Law::A };
    let length = (5_000 + chance.below(25_000) as i64) * MILLISECOND + chance.below(1_000_000) as i64;
    let mut sent = Vec::new();
    let mut tolerances = [0; 2];
    for side in Side::BOTH {
        let habits = Habits {
            ptime: [10, 20, 20, 30, 60][chance.below(5) as usize],
            loss: chance.below(8),
            jitter: chance.below(30),
            spikes: chance.below(4),
            copies: chance.below(6),
            parts_per_million: chance.below(8001) as i64 - 4000,
            changes: chance.in_hundred(60),
        };
        // 40 ms, what the packet that a stream was moved by was late, and what a slow clock loses while it is watched.
        tolerances[side.index()] = (40 + habits.jitter as i64 + 10) * 8;
        sent.extend(sender(&mut chance, side, &habits, length, law));
    }
    sent.retain(|packet| packet.arrives < BEGIN + length as u64);
    sent.sort_by_key(|packet| packet.arrives);

    let mut timeline = Timeline::new(BEGIN, None);
    let mut files = [Vec::new(), Vec::new()];
    let mut accounts = [Account::default(); 2];
    let mut next = 0;
    let mut sink = |second: &Second<'_>| {
        assert_eq!(second.index, next, "seed {seed}");
        next += 1;
        for ((file, bytes), (sum, account)) in
            files.iter_mut().zip(second.channels).zip(accounts.iter_mut().zip(second.accounts))
        {
            file.extend_from_slice(bytes);
            let told = account.kept + account.lost + account.quiet;
            assert_eq!(
                told as usize * second.encoding.sample_len(),
                bytes.len(),
                "seed {seed}, second {}",
                second.index
            );
            sum.kept += account.kept;
        }
    };
    for packet in &sent {
        timeline.advance(packet.arrives, &mut sink);
        timeline.frame(&Frame::invented(packet.side, packet.arrives, packet.format, &packet.rtp));
    }
    let samples = timeline.finish(BEGIN + length as u64, &mut sink);
    let encoding = timeline.encoding().unwrap();
    if encoding.law() != Some(law) {
        // Nobody was heard in the first second, or both laws.
        return None;
    }
    let is_off = (samples as i64 - length / 125_000).abs();
    assert!(is_off <= 160, "seed {seed}: {is_off} samples off");
    let mut sums = (0, 0);
    for side in Side::BOTH {
        let (file, counters) = (&files[side.index()], timeline.counters()[side.index()]);
        assert_eq!(file.len() as u64, samples, "seed {seed}");
        let mut is_told = vec![false; file.len()];
        let mut missing = 0u64;
        let tolerance = tolerances[side.index()];
        for packet in sent.iter().filter(|packet| packet.side == side) {
            let Some((when, payload)) = &packet.told else { continue };
            let about = when / 125_000;
            if about + payload.len() as i64 + tolerance > file.len() as i64 {
                // Cut by the call's end.
                let from = ((about - tolerance).max(0) as usize).min(file.len());
                is_told[from..].fill(true);
                continue;
            }
            match find(file, payload, about, tolerance) {
                Some((len, at)) => {
                    sums.0 += 1;
                    is_told[at..at + len].fill(true);
                }
                None => {
                    missing += 1;
                }
            }
        }
        let dropped = counters.late + counters.strays + counters.overflown + counters.beside;
        sums.1 += dropped;
        // A rest of less than eleven samples is not looked for.
        let most = dropped + counters.overlapping_samples / 69;
        assert!(missing <= most, "seed {seed}: {missing} missing, {counters:?}");
        let untold = (0..file.len()).filter(|at| file[*at] != encoding.silence() && !is_told[*at]).count();
        let most = 11 * counters.overlapping_samples.min(10);
        assert!(untold as u64 <= most, "seed {seed}: {untold} untold, {counters:?}");
    }
    Some(sums)
}

#[test]
fn every_sample_that_is_kept_is_in_its_place_whatever_the_network_does() {
    let all: Vec<(u64, u64)> = (0..600).filter_map(simulate).collect();
    let (found, dropped) = all.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("{} calls, {found} packets in their place, {dropped} came too late", all.len());
    assert!(all.len() > 400 && found > 400_000 && dropped * 100 < found, "{} {found} {dropped}", all.len());
}
