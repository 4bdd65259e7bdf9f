//! `make demo`: two telephones, Keyhush between them, a card number keyed without and with SecureMode, as
//! telephone-events and as tones in the audio.
#![allow(clippy::print_stdout, reason = "the demo speaks to the one who started it")]

use std::process::ExitCode;
use std::time::Duration;

use keyhush_tests::live::card_call::{self, Seen, Voice};
use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::network::Host;
use keyhush_tests::live::tone_call::{self, Hearing};
use keyhush_tests::live::{Outcome, sandbox};

const AT_MOST: Duration = Duration::from_secs(150);

fn main() -> ExitCode {
    if !sandbox::is_inside() {
        return match sandbox::run(&[]) {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(trouble) => complain(&[trouble.to_string()]),
        };
    }
    let faults = sandbox::furnish(AT_MOST).and_then(|()| show());
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
    let mut keyhush = Keyhush::start(&[[&caller, &agent]])?;
    let seen = card_call::run(&mut keyhush, &caller, &agent, &mut |line| println!("  {line}"))?;
    tell(&seen);
    let tones = tone_call::run(&keyhush, &caller, &agent, &mut |line| println!("  {line}"))?;
    keyhush.stop("TERM")?;
    tell_tones(&tones)?;
    Ok([seen.faults(), tones.faults()].concat())
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
