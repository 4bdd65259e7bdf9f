//! What the processor has.

use std::sync::LazyLock;

/// A set of vector instructions, from the least to the most.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// Plain Rust; NEON on AArch64, where it belongs to every processor.
    Portable,
    /// 128 bits: every x86-64 processor.
    Sse2,
    /// 256 bits.
    Avx2,
    /// 512 bits: F, BW, VL and DQ.
    Avx512,
    /// 512 bits with dot products of 16-bit integers.
    Avx512Vnni,
}

impl Level {
    /// All of them, whether this processor has them or not.
    pub const ALL: [Level; 5] = [Level::Portable, Level::Sse2, Level::Avx2, Level::Avx512, Level::Avx512Vnni];

    /// The most that this processor has.
    pub fn of_this_processor() -> Level {
        static FOUND: LazyLock<Level> = LazyLock::new(|| {
            let has = |level: &&Level| level.is_available();
            Level::ALL.iter().rev().find(has).copied().unwrap_or(Level::Portable)
        });
        *FOUND
    }

    /// Whether this processor has it.
    #[cfg(target_arch = "x86_64")]
    pub fn is_available(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        let avx512 =
            || has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("avx512dq") && has!("avx2");
        match self {
            Level::Portable | Level::Sse2 => true,
            Level::Avx2 => has!("avx2"),
            Level::Avx512 => avx512(),
            Level::Avx512Vnni => avx512() && has!("avx512vnni"),
        }
    }

    /// Whether this processor has it.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn is_available(self) -> bool {
        self == Level::Portable
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Portable if cfg!(target_arch = "aarch64") => "NEON",
            Level::Portable => "portable",
            Level::Sse2 => "SSE2",
            Level::Avx2 => "AVX2",
            Level::Avx512 => "AVX-512",
            Level::Avx512Vnni => "AVX-512 with VNNI",
        }
    }
}
