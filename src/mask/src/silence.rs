//! What a codec sends when nobody speaks.

use handover::FormatKind;

/// Takes out of comfort noise (RFC 3389) what may tell of a tone, which is as steady as noise: its spectrum, and its level
/// where it is louder than the weakest tone that is masked. Whether it held any.
pub(crate) fn whiten(noise: &mut [u8]) -> bool {
    /// −50 dBov, about −47 dBm0.
    const LOUDEST: u8 = 50;
    /// A reflection coefficient of zero.
    const FLAT: u8 = 127;
    let [level, spectrum @ ..] = noise else { return false };
    let is_loud = *level < LOUDEST;
    let is_coloured = spectrum.iter().any(|coefficient| *coefficient != FLAT);
    *level = (*level).max(LOUDEST);
    spectrum.fill(FLAT);
    is_loud || is_coloured
}

/// The byte that, repeated, is silence in a codec; `None` where there is no such byte.
///
/// G.711: the codes of zero (ITU-T G.711 tables 1 and 2). G.722: the codeword whose inverse quantisers give zero for
/// the lower band's predictor and the smallest step else (ITU-T G.722 tables 7 to 10), so that the decoder's state
/// decays to silence. Linear: zero.
pub const fn byte_of(kind: FormatKind) -> Option<u8> {
    match kind {
        FormatKind::Pcmu | FormatKind::G722 => Some(0xff),
        FormatKind::Pcma => Some(0xd5),
        FormatKind::L16 => Some(0),
        FormatKind::None
        | FormatKind::TelephoneEvent
        | FormatKind::Redundancy
        | FormatKind::ComfortNoise
        | FormatKind::Other => None,
    }
}
