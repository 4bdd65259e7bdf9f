//! `make demo`: two telephones, Keyhush between them, a card number keyed without and with SecureMode, as telephone-events and as
//! tones in the audio; and a payment on the agent's page. `make demo-live` (`demo live`) leaves the page and the telephones to a person.
#![allow(clippy::print_stdout, reason = "the demo speaks to the one who started it")]

use std::env;
use std::io;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use keyhush_tests::live::card_call::{self, Seen, Voice};
use keyhush_tests::live::contact_centre::{AGENTS, ContactCentre, PASSWORD};
use keyhush_tests::live::door::{self, Door};
use keyhush_tests::live::network::Host;
use keyhush_tests::live::payment_call::{self, Telephones};
use keyhush_tests::live::provider::Till;
use keyhush_tests::live::tone_call::{self, Hearing};
use keyhush_tests::live::{During, Outcome, sandbox};

const AT_MOST: Duration = Duration::from_secs(210);

/// A person forgets what runs; nothing of it is to run for ever.
const LIVE_AT_MOST: Duration = Duration::from_secs(12 * 3600);

fn main() -> ExitCode {
    let is_live = env::args().nth(1).is_some_and(|word| word == "live");
    if !sandbox::is_inside() {
        return match if is_live { run_live() } else { sandbox::run(&[]) } {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(trouble) => complain(&[trouble.to_string()]),
        };
    }
    let faults = if is_live {
        sandbox::furnish(LIVE_AT_MOST).and_then(|()| serve()).map(|()| Vec::new())
    } else {
        sandbox::furnish(AT_MOST).and_then(|()| show())
    };
    match faults.unwrap_or_else(|trouble| vec![trouble.to_string()]) {
        none if none.is_empty() => ExitCode::SUCCESS,
        faults => {
            if let Ok(kept) = sandbox::keep("demo") {
                eprintln!("demo: the captures and logs are kept in {}", kept.display());
            }
            complain(&faults)
        }
    }
}

fn complain(faults: &[String]) -> ExitCode {
    for fault in faults {
        eprintln!("demo: {fault}");
    }
    ExitCode::FAILURE
}

fn show() -> Outcome<Vec<String>> {
    let caller = Host::new(card_call::CALLER.0, card_call::CALLER.1)?;
    let agent = Host::new(card_call::AGENT.0, card_call::AGENT.1)?;
    println!(
        "
  Two telephones in networks of their own, which nothing joins but Keyhush. This takes a minute.

      caller                     Keyhush                     agent
    {} ─────── carrier port ┤ ├ customer port ─────── {}
     baresip                      DPDK                      baresip
",
        caller.address(),
        agent.address()
    );
    let till = Till::open()?;
    let mut centre = ContactCentre::open(&[[&caller, &agent]], &till.place())?;
    let mut say = |line: &str| println!("  {line}");
    let seen = card_call::run(&mut centre.keyhush, &caller, &agent, &mut say)?;
    tell(&seen);
    let tones = tone_call::run(&centre.keyhush, &caller, &agent, &mut say)?;
    tell_tones(&tones)?;
    let pictures = sandbox::build_directory()?.join("demo");
    let paid = payment_call::run(&centre, [&caller, &agent], &pictures, &mut say)?;
    tell_payment(&paid);
    centre.keyhush.stop("TERM")?;
    Ok([seen.faults(), tones.faults(), paid.faults()].concat())
}

/// Starts this program again inside a sandbox, with a door to it and what is typed here.
fn run_live() -> Outcome<ExitStatus> {
    let door = Door::open()?;
    let mut command = sandbox::command(&["live"])?;
    door.hand_to(&mut command)?;
    command.stdin(Stdio::inherit()).status().during("starting unshare")
}

/// Serves the page to the machine's own browsers, and lets lines on standard input move the telephones.
fn serve() -> Outcome<()> {
    let door = door::inherited()?;
    let at = door.local_addr().during("asking for the door's address")?;
    let caller = Host::new(card_call::CALLER.0, card_call::CALLER.1)?;
    let agent = Host::new(card_call::AGENT.0, card_call::AGENT.1)?;
    let till = Till::open()?;
    let centre = ContactCentre::open_at(at.port(), &[[&caller, &agent]], &till.place())?;
    door::carry(door, at)?;
    let mut telephones = Telephones::new([&caller, &agent]);
    telephones.obey("call")?;
    println!(
        "
  The agent's page:   {}   (its certificate is made by itself: let the browser go on)
  Sign in as:         {}, with the password: {PASSWORD}

  A caller is on the line with the agent. Start a payment, and key on the telephones by lines here:

    agent 123456              the agent keys the call reference that the page shows
    caller 4242424242424242   the caller keys a card number; then choose Next on the page
    caller 737                and its security code
    hang up                   and: call

  The provider is a sandbox: the last two digits of the amount say what it answers (51 declines). Ctrl-C ends it all.
",
        centre.page, AGENTS[0].0
    );
    for line in io::stdin().lines() {
        let line = line.during("reading a line")?;
        if line.trim().is_empty() {
            continue;
        }
        match telephones.obey(&line) {
            Ok(done) => println!("  {done}"),
            Err(trouble) => println!("  {trouble}"),
        }
    }
    // Nothing more is typed, but the page goes on.
    loop {
        thread::park();
    }
}

fn tell(seen: &Seen) {
    println!();
    println!(
        "    SecureMode   keyed by the caller   arrived at the agent's telephone (as tshark saw it there)"
    );
    for (state, round) in [("off", &seen.open), ("on", &seen.secured), ("off", &seen.after)] {
        println!("    {state:<12} {:<21} {}", round.keyed, round.received);
    }
    let presses = seen.presses;
    println!();
    println!(
        "    Keys that Keyhush captured in SecureMode: {presses}. It tells their number, never their values."
    );
    for (way, voice) in [("caller to agent", seen.to_agent), ("agent to caller", seen.to_caller)] {
        let Voice { sent, arrived, altered } = voice;
        println!(
            "    RTP {way}: {arrived} of {sent} packets arrived, {altered} altered but for masked keys."
        );
    }
    println!();
}

fn tell_tones(seen: &tone_call::Seen) -> Outcome<()> {
    println!();
    println!("    SecureMode   keyed by the caller   heard at the agent's telephone   by the receiver of");
    for Hearing { receiver, open, secured } in &seen.hearings {
        for (state, keys) in [("off", open), ("on", secured)] {
            println!("    {state:<12} {:<21} {:<32} {receiver}", keys.keyed, keys.heard);
        }
    }
    let tone_call::Seen { altered, beside_keys, presses, .. } = seen;
    println!();
    println!("    Keys that Keyhush captured in SecureMode: {presses}.");
    println!(
        "    Audio caller to agent: {} packets lost; without SecureMode {altered} samples altered.",
        seen.recording.lost
    );
    println!(
        "    In SecureMode, beside the keys: {:.1} % of the audio arrived as it was sent.",
        100.0 * beside_keys
    );
    println!("    What may be a key is replaced; speech that sounds like one is heard as a key more.");
    println!("    To hear and to see:");
    for file in seen.save(&sandbox::build_directory()?.join("demo"))? {
        println!("      {}", file.display());
    }
    println!();
    Ok(())
}

fn tell_payment(seen: &payment_call::Seen) {
    println!();
    println!(
        "    SecureMode   keyed by the caller   arrived at the agent's telephone (as tshark saw it there)"
    );
    println!("    on           {:<21} {}", seen.secured.keyed, seen.secured.received);
    println!();
    println!("    On the agent's page: {}, {}. A picture of each step:", seen.shown, seen.outcome);
    for picture in &seen.pictures {
        println!("      {}", picture.display());
    }
    println!();
}
