//! `make demo`: two telephones, Keyhush between them, a card number keyed without and with SecureMode.
#![allow(clippy::print_stdout, reason = "the demo speaks to the one who started it")]

use std::process::ExitCode;
use std::time::Duration;

use keyhush_tests::live::card_call::{self, Seen};
use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::network::Host;
use keyhush_tests::live::{Outcome, sandbox};

const AT_MOST: Duration = Duration::from_secs(90);

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
  caller {} ──────┤ carrier   Keyhush   customer ├────── agent {}
  baresip, in a namespace        net_af_packet        baresip, in a namespace
",
        caller.address(),
        agent.address()
    );
    let mut keyhush = Keyhush::start(&[[&caller, &agent]])?;
    let seen = card_call::run(&mut keyhush, &caller, &agent, &mut |line| println!("  {line}"))?;
    keyhush.stop("TERM")?;
    tell(&seen);
    Ok(seen.faults())
}

fn tell(seen: &Seen) {
    println!(
        "\n                     keyed by the caller   received by the agent (tshark at the agent's interface)"
    );
    for (name, round) in [("off", &seen.open), ("on", &seen.secured), ("off again", &seen.after)] {
        println!("  SecureMode {name:<9} {:<21} {}", round.keyed, round.received);
    }
    println!(
        "\n  Key presses that Keyhush captured in SecureMode: {} (their values it shows to nobody)",
        seen.presses
    );
    for (way, voice) in [("caller to agent", seen.to_agent), ("agent to caller", seen.to_caller)] {
        let (sent, arrived) = (voice.sent, voice.arrived);
        println!(
            "  RTP packets {way}: {sent} sent, {arrived} arrived, {} altered beyond the keys",
            voice.altered
        );
    }
    println!();
}
