//! Time stamps by an authority (RFC 3161) over the bytes of a ledger's head: what is asked, and whether an answer is to it.
//!
//! What is read of an answer are eight fields at fixed places, for which the reader below is enough. The authority's signature and its
//! certificates are for a tool that its customers have: `openssl ts -verify -data HEAD -in ANSWER -CAfile AUTHORITY`.

use core::fmt;

use crate::merkle::Hash;

/// Bytes of a nonce.
pub const NONCE_LEN: usize = 8;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const GENERALIZED_TIME: u8 = 0x18;
const EXPLICIT_0: u8 = 0xa0;
/// id-sha256 and no parameters, as authorities expect them (RFC 5754 section 2.2).
const SHA_256: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00];
/// The same object identifier alone.
const SHA_256_ID: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
/// id-signedData (RFC 5652 section 5.1).
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// id-ct-TSTInfo (RFC 3161 section 2.4.2).
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];

/// What an authority is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    imprint: Hash,
    nonce: [u8; NONCE_LEN],
}

/// An answer is no stamp of what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoStamp {
    /// It is no answer in DER as RFC 3161 has it.
    Malformed,
    /// The authority refused; its status (section 2.4.2).
    Refused(u8),
    /// It is of other bytes.
    OtherImprint,
    /// It answers another question, perhaps an older one.
    OtherNonce,
}

impl fmt::Display for NoStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoStamp::Malformed => write!(f, "no answer of a time-stamping authority"),
            NoStamp::Refused(status) => write!(f, "the authority refused, with status {status}"),
            NoStamp::OtherImprint => write!(f, "the stamp is of something else"),
            NoStamp::OtherNonce => write!(f, "the stamp answers another question"),
        }
    }
}

impl std::error::Error for NoStamp {}

impl Query {
    /// Asks for a stamp of these bytes. The nonce's 8 random bytes come from the edge.
    pub fn new(bytes: &[u8], random: [u8; NONCE_LEN]) -> Self {
        let mut nonce = random;
        // Positive, and with no byte to spare: so that there is one way to write it.
        nonce[0] = nonce[0] & 0x3f | 0x40;
        Query { imprint: Hash::of(bytes), nonce }
    }

    /// The query in DER (section 2.4.1): certificates are wanted in the answer.
    pub fn to_bytes(&self) -> Vec<u8> {
        let imprint = [SHA_256, &element(OCTET_STRING, &self.imprint.0)].concat();
        let fields: [&[u8]; 4] = [
            &[INTEGER, 1, 1],
            &element(SEQUENCE, &imprint),
            &element(INTEGER, &self.nonce),
            &[0x01, 1, 0xff], // certReq, TRUE
        ];
        element(SEQUENCE, &fields.concat())
    }

    /// Reads a query that was written here.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut query = Reader(Reader(bytes).take(SEQUENCE)?);
        query.take(INTEGER)?;
        let imprint = imprint(query.take(SEQUENCE)?)?;
        let nonce = query.take(INTEGER)?.try_into().ok()?;
        let query = Query { imprint, nonce };
        (query.to_bytes() == bytes).then_some(query)
    }

    /// Whether it was asked of these bytes.
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        self.imprint == Hash::of(bytes)
    }

    /// The time of an answer in DER, as the authority writes it: `20260131101502Z`, perhaps with a fraction. **Whose** answer it is, is
    /// not checked here.
    pub fn time_in(&self, answer: &[u8]) -> Result<String, NoStamp> {
        let mut response = Reader(Reader(answer).take(SEQUENCE).ok_or(NoStamp::Malformed)?);
        let mut status = Reader(response.take(SEQUENCE).ok_or(NoStamp::Malformed)?);
        match status.take(INTEGER) {
            Some([0 | 1]) => {} // granted, granted with modifications
            Some([status]) => return Err(NoStamp::Refused(*status)),
            _ => return Err(NoStamp::Malformed),
        }
        let stamp = Stamp::read(&mut response).ok_or(NoStamp::Malformed)?;
        if stamp.imprint != self.imprint {
            return Err(NoStamp::OtherImprint);
        }
        if stamp.nonce != Some(&self.nonce[..]) {
            return Err(NoStamp::OtherNonce);
        }
        Ok(stamp.time.to_owned())
    }
}

/// What is read of TSTInfo.
struct Stamp<'a> {
    imprint: Hash,
    time: &'a str,
    nonce: Option<&'a [u8]>,
}

impl<'a> Stamp<'a> {
    fn read(response: &mut Reader<'a>) -> Option<Self> {
        let mut content = Reader(response.take(SEQUENCE)?);
        if content.take(OBJECT)? != SIGNED_DATA {
            return None;
        }
        let mut signed = Reader(Reader(content.take(EXPLICIT_0)?).take(SEQUENCE)?);
        signed.take(INTEGER)?;
        signed.take(SET)?;
        let mut encapsulated = Reader(signed.take(SEQUENCE)?);
        if encapsulated.take(OBJECT)? != TST_INFO {
            return None;
        }
        let info = Reader(encapsulated.take(EXPLICIT_0)?).take(OCTET_STRING)?;
        let mut info = Reader(Reader(info).take(SEQUENCE)?);
        info.take(INTEGER)?; // version
        info.take(OBJECT)?; // policy
        let imprint = imprint(info.take(SEQUENCE)?)?;
        info.take(INTEGER)?; // serial number
        let time = str::from_utf8(info.take(GENERALIZED_TIME)?).ok()?;
        let is_time =
            time.len() >= 15 && time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'Z'));
        // Accuracy is a sequence, ordering a boolean: the first integer that is left is the nonce.
        let mut nonce = None;
        while let Some((tag, body)) = info.next() {
            if tag == INTEGER {
                nonce = Some(body);
                break;
            }
        }
        is_time.then_some(Stamp { imprint, time, nonce })
    }
}

fn imprint(body: &[u8]) -> Option<Hash> {
    let mut body = Reader(body);
    if Reader(body.take(SEQUENCE)?).take(OBJECT)? != SHA_256_ID {
        return None;
    }
    Some(Hash(body.take(OCTET_STRING)?.try_into().ok()?))
}

/// An element in DER; bodies here are shorter than 128 bytes.
fn element(tag: u8, body: &[u8]) -> Vec<u8> {
    debug_assert!(body.len() < 128, "a short length");
    let mut bytes = vec![tag, body.len() as u8];
    bytes.extend_from_slice(body);
    bytes
}

/// Reads element after element.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next element's tag and body.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (len, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // In 1 to 4 bytes. An indefinite length is BER.
            0x81..=0x84 => {
                let (len, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (body, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, body))
    }

    /// The body of the next element, which must have this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, body)| body)
    }
}

#[cfg(test)]
mod tests;
