//! A range of addresses, as it is written on the command line.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use std::error::Error;

/// An address and the length of its prefix: `192.0.2.0/24`, `2001:db8::/32`, or one address alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// Why a range of addresses could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CidrError {
    /// What stands before the stroke is no address.
    Address,
    /// What stands after the stroke is no number, or more than the address has bits.
    Prefix {
        /// How many bits the address has.
        most: u8,
    },
}

impl Cidr {
    /// The range of addresses that share the first `prefix` bits of `address`.
    ///
    /// # Errors
    /// A prefix longer than the address.
    pub const fn new(address: IpAddr, prefix: u8) -> Result<Cidr, CidrError> {
        let most = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        if prefix > most { Err(CidrError::Prefix { most }) } else { Ok(Cidr { address, prefix }) }
    }

    /// Whether `address` is in the range; never across the versions of IP.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differing = ours.to_bits() ^ theirs.to_bits();
                differing.checked_shr(32 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = ours.to_bits() ^ theirs.to_bits();
                differing.checked_shr(128 - u32::from(self.prefix)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| CidrError::Address)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) => prefix.parse().map_err(|_| CidrError::Prefix { most })?,
        };
        Cidr::new(address, prefix)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Display for CidrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CidrError::Address => {
                write!(f, "expected an address and a prefix length, as in 192.0.2.0/24 or 2001:db8::/32")
            }
            CidrError::Prefix { most } => {
                write!(f, "expected a prefix length from 0 to {most} after the stroke")
            }
        }
    }
}

impl Error for CidrError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_they_should() {
        for (range, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "255.255.255.255", "::"),
            ("10.0.0.0/31", "10.0.0.1", "10.0.0.2"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"),
            ("::/0", "ffff::", "0.0.0.0"),
        ] {
            let cidr: Cidr = range.parse().expect(range);
            assert!(cidr.contains(inside.parse().expect(inside)), "{inside} in {range}");
            assert!(!cidr.contains(outside.parse().expect(outside)), "{outside} not in {range}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused_with_what_was_expected() {
        assert_eq!("192.0.2.0/33".parse::<Cidr>(), Err(CidrError::Prefix { most: 32 }));
        assert_eq!("192.0.2.0/".parse::<Cidr>(), Err(CidrError::Prefix { most: 32 }));
        assert_eq!("::1/129".parse::<Cidr>(), Err(CidrError::Prefix { most: 128 }));
        assert_eq!("carrier/8".parse::<Cidr>(), Err(CidrError::Address));
        assert_eq!("".parse::<Cidr>(), Err(CidrError::Address));
    }
}
