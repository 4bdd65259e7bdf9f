//! `keyhush calls`, `secure`, `stats` and `reload`: questions to a running Keyhush.

use std::io::{Write, stdout};
use std::path::PathBuf;

use control::client::{Client, tables};
use control::protocol::{Ask, Reply};
use serde_json::json;
use settings::{Admin, Settings};

use crate::cli::{CallsArgs, OnOff, ReloadArgs, SecureArgs, StatsArgs, Where};
use crate::exit::Failure;

/// Lists the calls in progress.
pub(crate) fn calls(given: &CallsArgs) -> Result<(), Failure> {
    let reply = ask(&given.at, &Ask::Calls {})?;
    let Reply::Calls { calls, more } = reply else { return Err(Failure::reply(reply)) };
    if given.at.json {
        return print(&json!({ "calls": calls, "more": more }));
    }
    tables::calls(&mut stdout().lock(), &calls, more).or_else(Failure::output)
}

/// Puts a call into SecureMode, or takes it out.
pub(crate) fn secure(given: &SecureArgs) -> Result<(), Failure> {
    let call_id = given.call_id.clone();
    let request = match given.state {
        OnOff::On => Ask::Secure { call_id, mask_key: given.mask_key.map(|key| char::from(key.ascii())) },
        OnOff::Off => Ask::Release { call_id, forced: given.force },
    };
    let reply = ask(&given.at, &request)?;
    let Reply::Done {} = reply else { return Err(Failure::reply(reply)) };
    let state = match given.state {
        OnOff::On => "on",
        OnOff::Off => "off",
    };
    if given.at.json {
        return print(&json!({ "call_id": given.call_id, "secure_mode": state }));
    }
    writeln!(stdout(), "SecureMode {state}: every lcore has acknowledged").or_else(Failure::output)
}

/// Shows the counters.
pub(crate) fn stats(given: &StatsArgs) -> Result<(), Failure> {
    let reply = ask(&given.at, &Ask::Stats {})?;
    let Reply::Stats { counters, rings } = reply else { return Err(Failure::reply(reply)) };
    if given.at.json {
        let counters: serde_json::Map<String, serde_json::Value> =
            counters.into_iter().map(|line| (line.name, line.value.into())).collect();
        return print(&json!({ "counters": counters, "rings": rings }));
    }
    tables::stats(&mut stdout().lock(), &counters, &rings, given.all).or_else(Failure::output)
}

/// Has the agents' certificate read again.
pub(crate) fn reload(given: &ReloadArgs) -> Result<(), Failure> {
    let reply = ask(&given.at, &Ask::Reload {})?;
    let Reply::Done {} = reply else { return Err(Failure::reply(reply)) };
    if given.at.json {
        return print(&json!({ "reloaded": true }));
    }
    writeln!(stdout(), "reloaded").or_else(Failure::output)
}

/// Makes an lcore or the control core misbehave.
#[cfg(feature = "test-hooks")]
pub(crate) fn hook(given: &crate::cli::HookArgs) -> Result<(), Failure> {
    use crate::cli::{ControlHook, Hooked};
    use control::protocol::{ControlAction, HookAction};
    let (at, request) = match &given.hooked {
        Hooked::Stall(of) => (&of.at, Ask::Hook { lcore: of.lcore, action: HookAction::Stall }),
        Hooked::Panic(of) => (&of.at, Ask::Hook { lcore: of.lcore, action: HookAction::Panic }),
        Hooked::Resume(of) => (&of.at, Ask::Hook { lcore: of.lcore, action: HookAction::Resume }),
        Hooked::Control(ControlHook::Panic { at }) => (at, Ask::HookControl { action: ControlAction::Panic }),
        Hooked::Control(ControlHook::Stall { millis, at }) => {
            (at, Ask::HookControl { action: ControlAction::Stall(*millis) })
        }
    };
    match ask(at, &request)? {
        Reply::Done {} => Ok(()),
        reply => Err(Failure::reply(reply)),
    }
}

fn ask(at: &Where, request: &Ask) -> Result<Reply, Failure> {
    let socket = match (&at.socket, &at.config) {
        (Some(socket), _) => socket.clone(),
        (None, Some(config)) => Settings::load(config)?.admin.socket,
        (None, None) => PathBuf::from(Admin::SOCKET),
    };
    Ok(Client::connect(&socket)?.ask(request)?)
}

fn print(answer: &serde_json::Value) -> Result<(), Failure> {
    writeln!(stdout(), "{answer:#}").or_else(Failure::output)
}
