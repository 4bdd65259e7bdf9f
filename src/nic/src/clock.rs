//! Time for the data path.

use dpdk_sys as dpdk;

use crate::eal::Eal;

/// The processor's time-stamp counter as nanoseconds since the clock was made: a few nanoseconds to read, monotonic, the same
/// on every core of a machine whose counters are invariant (`constant_tsc nonstop_tsc` in `/proc/cpuinfo`).
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: u64,
    /// Nanoseconds a tick, times 2³².
    scale: u64,
}

impl Clock {
    /// A clock that begins now, at zero. Copies share its beginning.
    pub fn new(_eal: &Eal) -> Clock {
        // SAFETY: EAL is up, so the frequency has been measured.
        let hertz = unsafe { dpdk::rte_get_tsc_hz() };
        // SAFETY: reads a register.
        Clock { start: unsafe { dpdk::keyhush_tsc() }, scale: scale(hertz) }
    }

    /// Nanoseconds since the clock was made.
    pub fn now_nanos(&self) -> u64 {
        // SAFETY: reads a register.
        let ticks = unsafe { dpdk::keyhush_tsc() }.saturating_sub(self.start);
        nanos(ticks, self.scale)
    }
}

fn scale(hertz: u64) -> u64 {
    let scale = (1_000_000_000u128 << 32) / u128::from(hertz.max(1));
    u64::try_from(scale).unwrap_or(u64::MAX)
}

fn nanos(ticks: u64, scale: u64) -> u64 {
    // A product of two 64-bit numbers, shifted; 2⁶⁴ ns are 584 years.
    ((u128::from(ticks) * u128::from(scale)) >> 32) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_a_second() {
        for hertz in [1_000_000_000, 2_596_101_000, 3_999_999_999, 24_000_000] {
            let day = nanos(hertz * 86_400, scale(hertz));
            assert!(86_400_000_000_000 - day < 200_000, "{hertz} Hz: {day}");
        }
        assert_eq!(nanos(0, scale(0)), 0);
    }
}
