//! Packets carry what callers say and key: their memory is left out of core images.

use std::fs;
use std::io;

use dpdk_sys as dpdk;

use crate::eal::Eal;

impl Eal {
    /// Has the kernel leave out of core images whatever memory DPDK has now, packets first of all, and the rings that drivers
    /// share with it. To be called when all pools are made and all ports started.
    ///
    /// # Errors
    /// The system's own.
    pub fn leave_out_of_core_images(&self) -> io::Result<()> {
        // SAFETY: EAL is up while `self` lives; how pages are dumped changes nothing of what is in them.
        let failed = unsafe { dpdk::keyhush_leave_out_of_core_images() };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(-failed));
        }
        let maps = fs::read_to_string("/proc/self/maps")?;
        for (start, len) in socket_rings(&maps) {
            // SAFETY: the range is a mapping of this process, which ports that run keep; its content stays.
            if unsafe { libc::madvise(start as *mut libc::c_void, len, libc::MADV_DONTDUMP) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }
}

/// Where sockets' memory is mapped (packet(7), `PACKET_RX_RING`), as start and length, out of `/proc/PID/maps`.
fn socket_rings(maps: &str) -> impl Iterator<Item = (usize, usize)> {
    maps.lines().filter(|line| line.contains(" socket:[")).filter_map(|line| {
        let (start, end) = line.split_once(' ')?.0.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        Some((start, end.checked_sub(start)?))
    })
}

#[cfg(test)]
mod tests {
    use super::socket_rings;

    #[test]
    fn the_rings_of_sockets_are_found() {
        let maps = "7f0000000000-7f0000800000 rw-s 00000000 00:08 41 socket:[41]\n\
                    7f0001000000-7f0001001000 rw-p 00000000 00:00 0 \n";
        assert_eq!(socket_rings(maps).collect::<Vec<_>>(), [(0x7f00_0000_0000, 0x80_0000)]);
    }
}
