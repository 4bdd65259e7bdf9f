//! Calls as they are.

use std::env;
use std::path::Path;
use std::time::Duration;

use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::network::settled;
use keyhush_tests::live::sipp::{Load, PACKETS_A_CALL, Tally};
use keyhush_tests::live::{During, card_call, sandbox, tone_call};

use crate::{hosts, sandboxed};

#[test]
fn a_card_number_keyed_in_secure_mode_does_not_reach_the_agents_phone() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let mut keyhush = Keyhush::start(&[[&caller, &agent]])?;
        let seen = card_call::run(&mut keyhush, &caller, &agent, &mut |_| {})?;
        assert_eq!(seen.faults(), [""; 0], "{seen:#?}");
        Ok(())
    });
}

#[test]
fn keys_in_the_audio_do_not_reach_the_agent() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let keyhush = Keyhush::start(&[[&caller, &agent]])?;
        let seen = tone_call::run(&keyhush, &caller, &agent, &mut |_| {})?;
        // Beside the captures, which are kept when this fails.
        seen.save(Path::new(sandbox::ROOT))?;
        assert_eq!(seen.faults(), [""; 0], "{:#?}", seen.hearings);
        Ok(())
    });
}

#[test]
fn no_call_fails_and_no_packet_is_lost_at_twenty_calls_a_second() {
    sandboxed(|| {
        // Half a minute, unless told otherwise.
        let calls: u32 = match env::var("KEYHUSH_LIVE_CALLS") {
            Ok(calls) => calls.parse().during("KEYHUSH_LIVE_CALLS")?,
            Err(_) => 600,
        };
        let [caller, agent] = hosts()?;
        let mut keyhush = Keyhush::start(&[[&caller, &agent]])?;
        let before = settled([&caller, &agent])?;
        let at_most = Duration::from_secs(u64::from(calls) / 20 + 30);
        let tally = Load { calls, a_second: 20 }.start(&caller, &agent)?.finish(at_most)?;
        let after = settled([&caller, &agent])?;
        let sent = [after[0].sent - before[0].sent, after[1].sent - before[1].sent];
        let received = [after[0].received - before[0].received, after[1].received - before[1].received];
        assert_eq!(tally, Tally::of(calls));
        assert_eq!(sent, [received[1], received[0]], "caller and agent");
        assert!(
            sent.iter().all(|&packets| packets > u64::from(calls) * PACKETS_A_CALL),
            "{sent:?}: no voice"
        );
        assert_eq!(after.map(|host| host.dropped), before.map(|host| host.dropped));
        assert_eq!(keyhush.counter("calls_begun")?, u64::from(calls));
        keyhush.wait_for_counter("calls_ended", calls.into(), Duration::from_secs(10))?;
        for (name, value) in keyhush.counters()? {
            let harmless = !name.starts_with("drop_") && !name.ends_with("_full") && !name.ends_with("_lost");
            assert!(harmless || value == 0, "{name}: {value}");
        }
        Ok(())
    });
}
