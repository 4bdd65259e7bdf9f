//! `pkcs11:token=keyhush;object=master?module-path=/usr/lib/softhsm/libsofthsm2.so` (RFC 7512).

use std::path::PathBuf;
use std::str::FromStr;

use cryptoki::slot::TokenInfo;

/// Which key in which token, by which module. What is not given is any.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Address {
    token: Option<String>,
    serial: Option<String>,
    model: Option<String>,
    manufacturer: Option<String>,
    /// The key's label.
    pub(super) object: Option<String>,
    /// The key's identifier.
    pub(super) id: Option<Vec<u8>>,
    /// The file of the module.
    pub(super) module: PathBuf,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("pkcs11:").ok_or("no pkcs11: address")?;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut address = Address::default();
        for (name, value) in attributes(path, ';')? {
            let text = |value: Vec<u8>| String::from_utf8(value).map_err(|_| format!("{name}: no text"));
            match name {
                "token" => address.token = Some(text(value)?),
                "serial" => address.serial = Some(text(value)?),
                "model" => address.model = Some(text(value)?),
                "manufacturer" => address.manufacturer = Some(text(value)?),
                "object" => address.object = Some(text(value)?),
                "id" => address.id = Some(value),
                "type" if value == b"secret-key" => {}
                "type" => return Err("type: the key must be a secret-key".to_owned()),
                // Section 2.3: who does not understand an attribute must not take another token for the one that is meant.
                _ => return Err(format!("pkcs11: address: {} is not understood", name.escape_debug())),
            }
        }
        for (name, value) in attributes(query, '&')? {
            if name == "module-path" {
                address.module = String::from_utf8(value).map_err(|_| "module-path: no text")?.into();
            }
        }
        if address.token.is_none() || (address.object.is_none() && address.id.is_none()) {
            return Err("the pkcs11: address must name a token and a key in it".to_owned());
        }
        if !address.module.is_absolute() {
            return Err("the pkcs11: address must name the token's module, as \
                        ?module-path=/usr/lib/softhsm/libsofthsm2.so"
                .to_owned());
        }
        Ok(address)
    }
}

impl Address {
    /// Whether this token is meant.
    pub(super) fn is_of(&self, token: &TokenInfo) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is(&self.token, token.label())
            && is(&self.serial, token.serial_number())
            && is(&self.model, token.model())
            && is(&self.manufacturer, token.manufacturer_id())
    }
}

/// `name=value` pairs, their values decoded.
fn attributes(text: &str, between: char) -> Result<Vec<(&str, Vec<u8>)>, String> {
    let pairs = text.split(between).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let found = pair.split_once('=').and_then(|(name, value)| Some((name, decoded(value)?)));
            found.ok_or_else(|| "the pkcs11: address is not written as RFC 7512 has it".to_owned())
        })
        .collect()
}

/// `%2F` → `/`. `None` where what follows a `%` is no byte.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push((digit()? << 4 | digit()?) as u8);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_rfc_7512_writes_them() {
        let read = |text: &str| text.parse::<Address>();
        let address =
            read("pkcs11:token=Key%20hush;object=master;id=%01%ff;type=secret-key?module-path=/usr/lib/m.so");
        let expected = Address {
            token: Some("Key hush".into()),
            object: Some("master".into()),
            id: Some(vec![1, 255]),
            module: "/usr/lib/m.so".into(),
            ..Address::default()
        };
        assert_eq!(address, Ok(expected));
        for (text, why) in [
            ("pkcs11:token=t;object=o", "module-path"),
            ("pkcs11:token=t;object=o?module-path=m.so", "module-path"),
            ("pkcs11:object=o?module-path=/m.so", "name a token"),
            ("pkcs11:token=t?module-path=/m.so", "a key in it"),
            ("pkcs11:token=t;object=%4?module-path=/m.so", "RFC 7512"),
            ("pkcs11:token=t;object=o;slot-id=1?module-path=/m.so", "slot-id is not understood"),
            ("pkcs11:token=t;object=o;type=private?module-path=/m.so", "secret-key"),
        ] {
            let said = read(text).expect_err("wrong");
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
