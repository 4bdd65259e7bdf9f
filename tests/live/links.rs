//! The link of one port is carried to the other.

use std::time::Duration;

use keyhush_tests::live::keyhush::Keyhush;
use keyhush_tests::live::sandbox;
use keyhush_tests::live::{During, Outcome};

use super::sandboxed;

/// A wire of two `net_tap` ports. A tap's interface that is set down loses the port's link; a port that is set down
/// takes its interface down.
const SETTINGS: &str = "
[eal]
hugepages = false
memory_mib = 256

[idle]
mode = \"backoff\"

[[wire]]
name = \"taps\"
carrier = \"net_tap0,iface=near\"
customer = \"net_tap1,iface=far\"
carry_link = true
";

fn is_up(interface: &str) -> Outcome<bool> {
    let flags =
        std::fs::read_to_string(format!("/sys/class/net/{interface}/flags")).during("reading flags")?;
    let flags =
        u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).during("flags in hexadecimal")?;
    // IFF_UP of linux/if.h.
    Ok(flags & 1 != 0)
}

#[test]
fn a_cut_on_one_side_is_a_cut_on_the_other_until_it_is_mended() {
    sandboxed(|| {
        // sysfs shows the namespace in which it was mounted.
        sandbox::call("mount", &["-t", "sysfs", "keyhush", "/sys"])?;
        let mut keyhush = Keyhush::start_with(SETTINGS)?;
        for (cut, other) in [("near", "far"), ("far", "near")] {
            keyhush
                .wait(Duration::from_secs(10), "both links are up", || Ok(is_up("near")? && is_up("far")?))?;
            // Ports have time to come up before their silence means something.
            std::thread::sleep(Duration::from_secs(1));
            sandbox::call("ip", &["link", "set", cut, "down"])?;
            keyhush.wait(Duration::from_secs(10), "the cut is carried", || is_up(other).map(|up| !up))?;
            sandbox::call("ip", &["link", "set", cut, "up"])?;
            keyhush.wait(Duration::from_secs(10), "the mended link is carried", || is_up(other))?;
        }
        assert_eq!(keyhush.counter("link_carried")?, 4);
        assert!(keyhush.stop("TERM")?.success());
        Ok(())
    });
}
