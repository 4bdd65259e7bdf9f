//! A baresip telephone without a sound card, driven over its `ctrl_tcp` module (netstrings of JSON).

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::network::Host;
use super::process::Running;
use super::sandbox::ROOT;
use super::{During, Outcome, Trouble};

/// The UDP ports that the telephones use for media.
pub const RTP_PORTS: std::ops::RangeInclusive<u16> = 10_000..=10_099;

/// How long a key takes: baresip sends nine packets of 20 ms and three ends, and needs audio in between.
const KEY: Duration = Duration::from_millis(320);

const PATIENCE: Duration = Duration::from_secs(10);

/// What a telephone sends instead of a microphone's sound.
#[derive(Clone, Copy, Debug)]
pub enum Sound<'a> {
    /// A tone of so many hertz.
    Hum(u32),
    /// A WAV file: 8 kHz, one channel, linear samples of 16 bits. It must be longer than the call: at its end baresip ends the
    /// sound.
    File(&'a Path),
    /// Nothing, not even silence: no packet leaves.
    Nothing,
}

/// A telephone's connection: a host has room for two.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    host: &'a Host,
    user: &'a str,
    place: u16,
}

impl<'a> Line<'a> {
    /// The first telephone on `host`, whose number, or name, is `user`.
    pub fn first(host: &'a Host, user: &'a str) -> Line<'a> {
        Line { host, user, place: 0 }
    }

    /// The second one.
    pub fn second(host: &'a Host, user: &'a str) -> Line<'a> {
        Line { host, user, place: 1 }
    }

    /// Its SIP address.
    pub fn address(&self) -> String {
        format!("sip:{}@{}:{}", self.user, self.host.address(), self.sip_port())
    }

    /// The port of its SIP, over UDP.
    fn sip_port(&self) -> u16 {
        5060 + 2 * self.place
    }

    /// The port of `ctrl_tcp`, on its host's loopback.
    fn control_port(&self) -> u16 {
        4444 + self.place
    }

    /// Its share of [`RTP_PORTS`].
    fn rtp_ports(&self) -> std::ops::RangeInclusive<u16> {
        const SHARE: u16 = 50;
        let first = RTP_PORTS.start() + SHARE * self.place;
        first..=first + SHARE - 1
    }

    /// What its directory and log are called.
    fn name(&self) -> String {
        format!("phone-{}{}", self.host.name(), if self.place == 0 { "" } else { "-second" })
    }
}

/// A telephone on a host.
#[derive(Debug)]
pub struct Phone {
    process: Running,
    control: Control,
}

impl Phone {
    /// Switches on the only telephone of a host, of the host's name, that sends `sound` while it is in a call.
    ///
    /// # Errors
    /// When baresip is not installed or does not come up.
    pub fn start(host: &Host, sound: Sound<'_>) -> Outcome<Phone> {
        Phone::start_line(Line::first(host, host.name()), sound)
    }

    /// Switches on a telephone on a line.
    ///
    /// # Errors
    /// When baresip is not installed or does not come up.
    pub fn start_line(line: Line<'_>, sound: Sound<'_>) -> Outcome<Phone> {
        let name = line.name();
        let home = Path::new(ROOT).join(&name);
        fs::create_dir_all(&home).during("making a telephone's directory")?;
        fs::write(home.join("config"), config(line, sound)).during("writing a telephone's settings")?;
        let account = format!(
            "<sip:{}@{};transport=udp>;regint=0;answermode=auto;audio_codecs=pcmu\n",
            line.user,
            line.host.address()
        );
        fs::write(home.join("accounts"), account).during("writing a telephone's account")?;
        fs::write(home.join("contacts"), "").during("writing a telephone's contacts")?;
        let mut command = line.host.command("baresip");
        command.arg("-4").arg("-f").arg(&home);
        let mut process = Running::start(&name, command)?;
        process.wait_until("the telephone is ready", PATIENCE, |said| {
            said.contains("baresip is ready").then_some(())
        })?;
        let control = Control::open(line.host, line.control_port())?;
        Ok(Phone { process, control })
    }

    /// Calls the only telephone of `other` and waits until it has answered. Returns the Call-ID.
    ///
    /// # Errors
    /// When the call is not answered.
    pub fn call(&mut self, other: &Host) -> Outcome<String> {
        self.call_line(Line::first(other, other.name()))
    }

    /// Calls a line and waits until it has been answered. Returns the Call-ID.
    ///
    /// # Errors
    /// When the call is not answered.
    pub fn call_line(&mut self, other: Line<'_>) -> Outcome<String> {
        self.control.command("dial", &other.address())?;
        let event = self.control.event("CALL_ESTABLISHED")?;
        event["id"].as_str().map(str::to_owned).ok_or_else(|| Trouble::new("baresip names no Call-ID"))
    }

    /// Waits until this telephone has answered a call.
    ///
    /// # Errors
    /// When it has not in time.
    pub fn answered(&mut self) -> Outcome<()> {
        self.control.event("CALL_ESTABLISHED").map(drop)
    }

    /// Keys each of `keys`, one after the other.
    ///
    /// # Errors
    /// When the telephone does not take one.
    pub fn key(&mut self, keys: &str) -> Outcome<()> {
        for key in keys.chars() {
            self.control.command("sndcode", &key.to_string())?;
            thread::sleep(KEY);
        }
        Ok(())
    }

    /// Hangs up and waits for the call's end.
    ///
    /// # Errors
    /// When the call does not end.
    pub fn hang_up(&mut self) -> Outcome<()> {
        self.control.order("hangup", "")?;
        self.control.event("CALL_CLOSED").map(drop)
    }

    /// The keys that this telephone itself says it has received.
    pub fn keys_heard(&self) -> String {
        let said = self.process.said();
        let heard = said.split("received event: '").skip(1);
        heard
            .filter_map(|rest| rest.split_once("' (end=1)"))
            .map(|(key, _)| key)
            .filter(|key| key.len() == 1)
            .collect()
    }

    /// Has it stand still: it sends nothing any more, and hears nothing, until it goes on.
    ///
    /// # Errors
    /// When it has gone.
    pub fn stand_still(&self) -> Outcome<()> {
        self.process.signal("STOP")
    }

    /// Has it go on.
    ///
    /// # Errors
    /// When it has gone.
    pub fn go_on(&self) -> Outcome<()> {
        self.process.signal("CONT")
    }

    /// Switches it off.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Outcome<()> {
        self.process.stop("TERM").map(drop)
    }
}

fn config(line: Line<'_>, sound: Sound<'_>) -> String {
    let (first, last) = line.rtp_ports().into_inner();
    // ausine hums at 48 kHz stereo only; baresip resamples. A file is sent as it is.
    let (source, rate, channels) = match sound {
        Sound::Hum(hertz) => (format!("ausine,{hertz}"), 48_000, 2),
        Sound::File(path) => (format!("aufile,{}", path.display()), 8_000, 1),
        // A bridge to which nobody brings anything.
        Sound::Nothing => ("aubridge,nobody".to_owned(), 8_000, 1),
    };
    // A bridge without another end swallows what is heard.
    format!(
        "poll_method epoll
sip_listen {address}:{sip_port}
audio_source {source}
audio_player aubridge,nowhere
audio_alert aubridge,nowhere
ausrc_srate {rate}
ausrc_channels {channels}
auplay_srate 8000
rtp_ports {first}-{last}
jitter_buffer_delay 1-2
rtp_stats yes
module_path /usr/lib/baresip/modules
module g711.so
module ausine.so
module aufile.so
module aubridge.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control_port}
",
        address = line.host.address(),
        sip_port = line.sip_port(),
        control_port = line.control_port(),
    )
}

/// The control connection. A telephone listens on the loopback of its own host only, so that nothing but Keyhush joins
/// the hosts: a shell over there carries the bytes.
#[derive(Debug)]
struct Control {
    carrier: Child,
    orders: ChildStdin,
    said: Receiver<Value>,
}

impl Control {
    fn open(host: &Host, port: u16) -> Outcome<Control> {
        let mut command = host.command("bash");
        command.args(["-c", &format!("exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3 & exec cat >&3")]);
        let mut carrier =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().during("reaching a telephone")?;
        let (Some(orders), Some(answers)) = (carrier.stdin.take(), carrier.stdout.take()) else {
            return Err(Trouble::new("a shell without pipes"));
        };
        let (send, said) = channel();
        thread::spawn(move || {
            let mut answers = BufReader::new(answers);
            while let Some(message) = netstring(&mut answers) {
                if send.send(message).is_err() {
                    break;
                }
            }
        });
        let mut control = Control { carrier, orders, said };
        // Only who is heard hears: an event that comes before the connection would be missed.
        control.order("help", "")?;
        control.wait("first answer", |message| message["token"] == "help")?;
        Ok(control)
    }

    fn order(&mut self, command: &str, parameters: &str) -> Outcome<()> {
        let order = json!({ "command": command, "params": parameters, "token": command }).to_string();
        write!(self.orders, "{}:{order},", order.len()).during("ordering a telephone about")
    }

    /// Gives an order and waits for its answer; events that come before it are of no interest.
    fn command(&mut self, command: &str, parameters: &str) -> Outcome<()> {
        self.order(command, parameters)?;
        let answer = self.wait(command, |message| message["token"] == command)?;
        if answer["ok"] == true {
            return Ok(());
        }
        Err(Trouble::new(format!("the telephone refused {command} {parameters}: {}", answer["data"])))
    }

    fn event(&mut self, kind: &str) -> Outcome<Value> {
        self.wait(kind, |message| message["type"] == kind)
    }

    fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Outcome<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let message =
                self.said.recv_timeout(left).during(format!("waiting for the telephone's {what}"))?;
            if wanted(&message) {
                return Ok(message);
            }
            if message["type"] == "CALL_CLOSED" {
                return Err(Trouble::new(format!("the call ended before {what}: {}", message["param"])));
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.carrier.kill();
        let _ = self.carrier.wait();
    }
}

/// The next netstring's JSON: `12:{"a": "bcd"},`; none at the end or when it is something else.
fn netstring(from: &mut impl BufRead) -> Option<Value> {
    let mut length = Vec::new();
    from.read_until(b':', &mut length).ok()?;
    let length: usize = std::str::from_utf8(length.strip_suffix(b":")?).ok()?.parse().ok()?;
    let mut message = vec![0; length.checked_add(1)?];
    from.read_exact(&mut message).ok()?;
    serde_json::from_slice(message.strip_suffix(b",")?).ok()
}

#[cfg(test)]
mod tests {
    use super::netstring;

    #[test]
    fn netstrings_are_read_one_by_one() {
        let mut bytes = &b"7:{\"a\":1},2:{},9:{\"a\""[..];
        assert_eq!(netstring(&mut bytes).unwrap()["a"], 1);
        assert!(netstring(&mut bytes).unwrap().is_object());
        assert!(netstring(&mut bytes).is_none(), "cut off");
        assert!(netstring(&mut bytes).is_none(), "empty");
    }
}
