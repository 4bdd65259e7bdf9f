//! A call whose signalling crosses the wire and whose voice does not: it goes between addresses that Keyhush never sees. The agent
//! keys by SIP INFO.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::contact_centre::CALLERS;
use super::network::Host;
use super::process::Running;
use super::sandbox::ROOT;
use super::{During, Outcome};

/// Where sipp listens on both hosts, beside telephones.
const PORT: u16 = 5080;

/// A call that goes on until this is dropped.
#[derive(Debug)]
pub struct Elsewhere {
    _ends: [Running; 2],
}

impl Elsewhere {
    /// `caller` calls `number` at `agent`, who keys `keys` three seconds after having answered, one every 400 ms.
    ///
    /// # Errors
    /// When sipp is not installed, or no call comes about.
    pub fn begin(caller: &Host, agent: &Host, number: &str, keys: &str) -> Outcome<Elsewhere> {
        let directory = Path::new(ROOT).join("elsewhere");
        fs::create_dir_all(&directory).during("making sipp's directory")?;
        let infos: String = keys.chars().map(info).collect();
        let number = format!("<sip:{number}@{}:{PORT}>", agent.address());
        let calling = format!("<sip:{}@{}:{PORT}>", CALLERS[0], caller.address());
        let agents = AGENT.replace("INFOS", &infos).replace("NUMBER", &number).replace("CALLING", &calling);
        let agents = agents.replace("TARGET", calling.trim_matches(['<', '>']));
        let callers = CALLER.replace("NUMBER", &number).replace("CALLING", &calling);
        let callers = callers.replace("USER", number.trim_matches(['<', '>']));
        fs::write(directory.join("agent.xml"), agents).during("writing an agent's scenario")?;
        fs::write(directory.join("caller.xml"), callers).during("writing a caller's scenario")?;
        let start = |host: &Host, arguments: &[&str]| {
            let mut command = host.command("sipp");
            command.args(["-i", &host.address().to_string(), "-p", &PORT.to_string(), "-m", "1", "-nostdin"]);
            command.args(["-trace_err", "-trace_msg", "-sf"]).args(arguments).current_dir(&directory);
            Running::start(&format!("elsewhere-{}", host.name()), command)
        };
        let mut answering = start(agent, &["agent.xml"])?;
        answering.wait_until("sipp waits for a call", Duration::from_secs(10), |_| {
            agent.listens(PORT).is_ok_and(|listens| listens).then_some(())
        })?;
        let to = format!("{}:{PORT}", agent.address());
        Ok(Elsewhere { _ends: [start(caller, &["caller.xml", &to])?, answering] })
    }
}

/// A key by INFO, and its answer.
fn info(key: char) -> String {
    INFO.replace("KEY", &key.to_string())
}

const INFO: &str = r#"
  <send retrans="500">
    <![CDATA[
      INFO TARGET SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
      From: NUMBER;tag=agent
      To: CALLING;tag=caller
      Call-ID: [call_id]
      CSeq: [cseq] INFO
      Contact: <sip:agent@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Type: application/dtmf-relay
      Content-Length: [len]

      Signal=KEY
      Duration=160
    ]]>
  </send>
  <recv response="200"/>
  <pause milliseconds="400"/>
"#;

const AGENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="agent">
  <recv request="INVITE"/>
  <send retrans="500">
    <![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:];tag=agent
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:agent@[local_ip]:[local_port]>
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=agent 1 1 IN IP4 10.99.0.2
      s=-
      c=IN IP4 10.99.0.2
      t=0 0
      m=audio 20000 RTP/AVP 0
      a=rtpmap:0 PCMU/8000
    ]]>
  </send>
  <recv request="ACK"/>
  <pause milliseconds="3000"/>
INFOS
  <recv request="BYE"/>
</scenario>
"#;

const CALLER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
  <send retrans="500">
    <![CDATA[
      INVITE USER SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
      From: CALLING;tag=caller
      To: NUMBER
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:caller@[local_ip]:[local_port]>
      Max-Forwards: 70
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=caller 1 1 IN IP4 10.99.0.1
      s=-
      c=IN IP4 10.99.0.1
      t=0 0
      m=audio 20000 RTP/AVP 0
      a=rtpmap:0 PCMU/8000
    ]]>
  </send>
  <recv response="200"/>
  <send>
    <![CDATA[
      ACK sip:agent@[remote_ip]:[remote_port] SIP/2.0
      Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
      From: CALLING;tag=caller
      To: NUMBER;tag=agent
      Call-ID: [call_id]
      CSeq: 1 ACK
      Max-Forwards: 70
      Content-Length: 0
    ]]>
  </send>
  <label id="1"/>
  <recv request="INFO"/>
  <send next="1">
    <![CDATA[
      SIP/2.0 200 OK
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Content-Length: 0
    ]]>
  </send>
</scenario>
"#;
