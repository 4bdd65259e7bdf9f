//! Lcores that fail: what they leave undone must not end a call, nor let a key through.

/// An lcore that stands still on the second wire: calls on the first go on and come about, but nobody vouches for every
/// flow any more, so that calls in SecureMode fall silent towards the agent until it is back.
#[test]
fn a_lost_lcore_silences_secured_flows_and_no_call() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let idle =
            [Host::new("caller2", [10, 20, 0, 3].into())?, Host::new("agent2", [10, 20, 0, 4].into())?];
        let mut keyhush = Keyhush::start(&[[&caller, &agent], [&idle[0], &idle[1]]])?;
        let mut phones = [Phone::start(&caller, 440)?, Phone::start(&agent, 620)?];
        let captures = [Capture::start(&caller)?, Capture::start(&agent)?];
        let call_id = phones[0].call(&agent)?;
        phones[1].answered()?;
        keyhush.secure(&call_id, true)?;
        let secured = now();
        phones[0].key("4")?;

        let stalled = now();
        keyhush.hook("stall", 1)?;
        keyhush.wait_for_counter("lcores_lost", 1, Duration::from_secs(5))?;
        std::thread::sleep(SETTLING);
        let lost = now();
        phones[0].key("11")?;
        let tally =
            Load { calls: 40, a_second: 20 }.start(&caller, &agent)?.finish(Duration::from_secs(30))?;
        assert_eq!(tally, Tally::of(40), "while an lcore is lost");
        assert!(keyhush.secure(&call_id, true).is_err(), "SecureMode cannot be vouched for");

        let resumed = now();
        keyhush.hook("resume", 1)?;
        keyhush.wait_for_counter("lcores_back", 1, Duration::from_secs(5))?;
        std::thread::sleep(SETTLING);
        let back = now();
        phones[0].key("1")?;
        phones[0].hang_up()?;
        let [at_caller, at_agent] = captures.map(Capture::finish);
        let (at_caller, at_agent) = (at_caller?, at_agent?);

        // sipp's voice is not looked at: a telephone's has the SSRC that it had before.
        let ssrc =
            |from: &Host| at_caller.iter().find(|packet| packet.source == from.address()).map(|it| &it.ssrc);
        let towards = |packets: &[Rtp], from: &Host, span: Range<f64>| -> Vec<Rtp> {
            let wanted = |packet: &&Rtp| Some(&packet.ssrc) == ssrc(from) && span.contains(&packet.at);
            packets.iter().filter(wanted).cloned().collect()
        };
        let silent = |packets: &[Rtp]| {
            packets.iter().filter(|packet| packet.event.is_none() && is_silence(packet)).count()
        };
        let masked = towards(&at_agent, &caller, secured..stalled);
        assert_eq!(capture::keys(&masked), "#");
        assert_eq!(silent(&masked), 0, "the voice passes in SecureMode");
        let failed_closed = towards(&at_agent, &caller, lost..resumed);
        assert_eq!(capture::keys(&towards(&at_caller, &caller, lost..resumed)), "11", "keyed");
        assert_eq!(capture::keys(&failed_closed), "", "no event leaves");
        assert!(failed_closed.len() > 50, "the call stays up");
        assert_eq!(silent(&failed_closed), failed_closed.len(), "the caller is silent");
        assert_eq!(silent(&towards(&at_caller, &agent, lost..resumed)), 0, "the agent is not");
        let masked_again = towards(&at_agent, &caller, back..f64::MAX);
        assert_eq!(capture::keys(&masked_again), "#");
        assert_eq!(silent(&masked_again), 0, "the voice is back");
        Ok(())
    });
}
