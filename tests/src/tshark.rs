//! Wireshark's opinion on a capture.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Fields of the packets that pass `filter`, one row a packet; a field that occurs several times has its values joined by
/// commas. RTP is found through the SDP and, where `rtp_ports` are given, on these UDP ports.
///
/// # Panics
/// Where tshark is missing or fails: `make test` installs it.
pub fn fields(capture: &[u8], filter: &str, rtp_ports: &[u16], names: &[&str]) -> Vec<Vec<String>> {
    let file = Scratch::new(capture);
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(&file.0);
    for option in ["rtp.heuristic_rtp:TRUE", "udp.check_checksum:TRUE", "ip.check_checksum:TRUE"] {
        command.args(["-o", option]);
    }
    for port in rtp_ports {
        command.arg("-d").arg(format!("udp.port=={port},rtp"));
    }
    command.args(["-Y", filter, "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"]);
    for name in names {
        command.args(["-e", name]);
    }
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("tshark is needed here (Debian package `tshark`, installed by `make test`): {error}")
    });
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark failed: {complaint}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// A file that lives as long as the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(bytes: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("keyhush-{}-{}.pcap", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        let mut file = std::fs::File::create_new(&path).expect("a new file in the temporary directory");
        file.write_all(bytes).expect("room in the temporary directory");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
