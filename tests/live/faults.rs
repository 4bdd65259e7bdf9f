//! Lcores that fail: what they leave undone must not end a call, nor let a key through.

use std::net::Ipv4Addr;
use std::ops::Range;
use std::thread;
use std::time::Duration;

use keyhush_tests::live::Outcome;
use keyhush_tests::live::capture::{Capture, Rtp, now};
use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::network::Host;
use keyhush_tests::live::phone::{Phone, Sound};
use keyhush_tests::live::sipp::{Load, Tally};

use crate::streams::Stream;
use crate::{hosts, sandboxed};

/// An lcore that stands still on the second wire: calls on the first go on and come about, but nobody vouches for every
/// flow any more, so that calls in SecureMode fall silent towards the agent until it is back.
#[test]
fn a_lost_lcore_silences_secured_flows_and_no_call() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let idle =
            [Host::new("caller2", [10, 20, 0, 3].into())?, Host::new("agent2", [10, 20, 0, 4].into())?];
        let mut keyhush = Keyhush::start(&[[&caller, &agent], [&idle[0], &idle[1]]])?;
        let mut call = Watched::begin(&keyhush, &caller, &agent)?;
        let secured = now();
        call.key("4")?;

        let stalled = now();
        keyhush.hook("stall", 1)?;
        keyhush.wait_for_counter("lcores_lost", 1, Duration::from_secs(5))?;
        thread::sleep(SETTLING);
        let lost = now();
        call.key("11")?;
        assert_eq!(more_calls(&caller, &agent)?, Tally::of(MORE_CALLS), "while an lcore is lost");
        assert!(keyhush.secure(&call.call_id, true).is_err(), "SecureMode cannot be vouched for");

        let resumed = now();
        keyhush.hook("resume", 1)?;
        keyhush.wait_for_counter("lcores_back", 1, Duration::from_secs(5))?;
        thread::sleep(SETTLING);
        let back = now();
        call.key("1")?;
        let heard = call.finish()?;

        assert_eq!(heard.by_agent.keys(secured..stalled), "#");
        assert_eq!(heard.by_agent.silent(secured..stalled), 0, "the voice passes in SecureMode");
        heard.assert_failed_closed(lost..resumed, "11");
        assert_eq!(heard.by_agent.keys(back..f64::MAX), "#");
        assert_eq!(heard.by_agent.silent(back..f64::MAX), 0, "the voice is back");
        Ok(())
    });
}

/// A panic in the midst of a burst: the lcore goes on, but trusts its masking no more.
#[test]
fn a_panic_silences_secured_flows_and_no_call() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let mut keyhush = Keyhush::start(&[[&caller, &agent]])?;
        let mut call = Watched::begin(&keyhush, &caller, &agent)?;
        keyhush.hook("panic", 0)?;
        keyhush.wait_for_counter("lcore_panics", 1, Duration::from_secs(5))?;
        thread::sleep(SETTLING);
        let failed = now();
        call.key("11")?;
        assert_eq!(more_calls(&caller, &agent)?, Tally::of(MORE_CALLS), "after a panic");
        let heard = call.finish()?;
        heard.assert_failed_closed(failed..f64::MAX, "11");
        Ok(())
    });
}

/// The process is killed in the midst of a call's keys and started again: it knows nothing of the call but what the mirror tells,
/// and lets no key of it through; other calls come about. The BYE ends that.
#[test]
fn a_process_that_was_killed_comes_back_silencing_what_was_secured() {
    sandboxed(|| {
        let [caller, agent] = hosts()?;
        let keyhush = Keyhush::start(&[[&caller, &agent]])?;
        let mut call = Watched::begin(&keyhush, &caller, &agent)?;
        let secured = now();
        call.key("4")?;
        let killed = now();
        keyhush.stop("KILL")?;
        let mut keyhush = Keyhush::start(&[[&caller, &agent]])?;
        // To the agent, and back.
        keyhush.wait_for_counter("flows_remembered", 2, Duration::from_secs(10))?;
        thread::sleep(SETTLING);
        let back = now();
        call.key("11")?;
        assert_eq!(more_calls(&caller, &agent)?, Tally::of(MORE_CALLS), "after the kill");
        call.key("1")?;
        let over = now();
        let remembered = keyhush.counter("flows_remembered")?;
        assert_eq!(keyhush.counter("flows_remembered_gone")?, 0);
        let heard = call.finish()?;
        keyhush.wait_for_counter("flows_remembered_gone", remembered, Duration::from_secs(5))?;
        assert!(keyhush.said().contains("flows were in SecureMode when Keyhush was killed"));
        keyhush.stop("TERM")?;

        assert_eq!(heard.by_agent.keys(secured..killed), "#");
        // What came while no process ran is lost; what came after, from the first packet on, is silent.
        assert_eq!(heard.by_agent.silent(killed + 0.1..over), heard.by_agent.len(killed + 0.1..over));
        heard.assert_failed_closed(back..over, "111");
        Ok(())
    });
}

/// Longer than an update takes to reach every lcore, and a packet to cross the wire.
const SETTLING: Duration = Duration::from_millis(200);

const MORE_CALLS: u32 = 40;

/// Further calls between the hosts, beside the one that is watched.
fn more_calls(caller: &Host, agent: &Host) -> Outcome<Tally> {
    Load { calls: MORE_CALLS, a_second: 20 }.start(caller, agent)?.finish(Duration::from_secs(30))
}

/// A call in SecureMode between two telephones, captured at both ends.
struct Watched {
    call_id: String,
    addresses: [Ipv4Addr; 2],
    phones: [Phone; 2],
    captures: [Capture; 2],
}

impl Watched {
    fn begin(keyhush: &Keyhush, caller: &Host, agent: &Host) -> Outcome<Watched> {
        let mut phones = [Phone::start(caller, Sound::Hum(440))?, Phone::start(agent, Sound::Hum(620))?];
        let captures = [Capture::start("faults", caller)?, Capture::start("faults", agent)?];
        let call_id = phones[0].call(agent)?;
        phones[1].answered()?;
        keyhush.secure(&call_id, true)?;
        Ok(Watched { call_id, addresses: [caller.address(), agent.address()], phones, captures })
    }

    fn key(&mut self, keys: &str) -> Outcome<()> {
        self.phones[0].key(keys)
    }

    /// Hangs up; the call has to be still there for that.
    fn finish(self) -> Outcome<Heard> {
        let [mut caller, agent] = self.phones;
        caller.hang_up()?;
        let [at_caller, at_agent] = self.captures.map(Capture::finish);
        let (at_caller, at_agent) = (at_caller?, at_agent?);
        caller.stop()?;
        agent.stop()?;
        // The first RTP of each host is its telephone's; what sipp sends has other sources.
        let phones = self.addresses.map(|own| at_caller.iter().find(|packet| packet.source == own));
        let of = |packets: &[Rtp], phone: usize| {
            let is_its = |packet: &&Rtp| phones[phone].is_some_and(|first| first.ssrc == packet.ssrc);
            Stream::of(packets, is_its)
        };
        Ok(Heard { keyed: of(&at_caller, 0), by_agent: of(&at_agent, 0), by_caller: of(&at_caller, 1) })
    }
}

/// What was captured of a call.
struct Heard {
    /// What the caller's telephone sent.
    keyed: Stream,
    /// What arrived at the agent's telephone.
    by_agent: Stream,
    /// What arrived at the caller's telephone.
    by_caller: Stream,
}

impl Heard {
    /// The call stayed up, the agent heard silence and no key, the caller went on hearing the agent.
    fn assert_failed_closed(&self, span: Range<f64>, keyed: &str) {
        assert_eq!(self.keyed.keys(span.clone()), keyed);
        assert_eq!(self.by_agent.keys(span.clone()), "", "no event leaves");
        assert!(self.by_agent.len(span.clone()) > 50, "the call stays up");
        assert_eq!(
            self.by_agent.silent(span.clone()),
            self.by_agent.len(span.clone()),
            "the caller is silent"
        );
        assert!(self.by_caller.len(span.clone()) > 50, "the agent is heard");
        assert_eq!(self.by_caller.silent(span), 0, "the agent is not silent");
    }
}
