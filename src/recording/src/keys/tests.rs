use std::fs;
use std::path::PathBuf;

use super::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// A directory of its own, gone with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("keyhush-recording-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_signature_is_rfc_8032s() {
    // RFC 8032 section 7.1, test 2.
    let seed = bytes_from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").unwrap();
    let key = SigningKey::from_seed(&seed);
    let public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let signed = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                  085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    assert_eq!(hex(&key.public().to_bytes()), public);
    assert_eq!(key.sign(&[0x72]).to_string(), signed);
    assert!(key.public().verifies(&[0x72], &Signed::from_hex(signed).unwrap()));
}

#[test]
fn key_files_are_plain_pkcs8_and_come_back() {
    let pem = key(7).to_pem().unwrap();
    // As `openssl genpkey -algorithm ed25519` writes: 48 bytes of DER, the seed at their end.
    assert_eq!(
        pem.as_str(),
        "-----BEGIN PRIVATE KEY-----\n\
         MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n\
         -----END PRIVATE KEY-----\n"
    );
    assert_eq!(SigningKey::from_pem(&pem).unwrap().id(), key(7).id());
    let public = key(7).public();
    assert_eq!(PublicKey::from_pem(&public.to_pem().unwrap()).unwrap(), public);
    assert!(matches!(PublicKey::from_pem(&pem), Err(KeyFault::NotAKey)));
    assert!(matches!(SigningKey::from_pem(&public.to_pem().unwrap()), Err(KeyFault::NotAKey)));
}

#[test]
fn secret_keys_lie_in_files_that_others_cannot_read() {
    let folder = Folder::new("mode");
    let path = folder.0.join("signing.pem");
    key(1).save(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SigningKey::load(&path).unwrap().id(), key(1).id());
    assert!(matches!(key(2).save(&path), Err(KeyFault::Io(_))), "written over");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(SigningKey::load(&path), Err(KeyFault::Exposed(0o640))));
    assert!(!format!("{:?}", key(1)).contains("0101"), "a secret key shows itself");
}

#[test]
fn points_of_small_order_are_no_keys() {
    let mut identity = [0; 32];
    identity[0] = 1;
    assert!(PublicKey::from_bytes(&identity).is_none());
    assert!(PublicKey::from_bytes(&[0; 32]).is_none());
}

#[test]
fn old_signatures_verify_after_a_roll_over_and_new_ones_by_the_old_key_do_not() {
    let (old, new) = (key(1), key(2));
    let change = RollOver::sign(&old, &new, 1_000);
    let change = RollOver::from_bytes(&change.to_bytes()).unwrap();
    let mut trust = Trust::in_key(old.public());
    assert_eq!(trust.check(new.id(), 2_000, b"x", &new.sign(b"x")), Err(Distrust::UnknownKey(new.id())));
    trust.follow(&change).unwrap();
    trust.follow(&change).unwrap();
    assert_eq!(trust.check(old.id(), 999, b"x", &old.sign(b"x")), Ok(()));
    assert_eq!(trust.check(new.id(), 2_000, b"x", &new.sign(b"x")), Ok(()));
    assert_eq!(trust.check(old.id(), 1_001, b"x", &old.sign(b"x")), Err(Distrust::RetiredKey(old.id())));
    assert_eq!(trust.check(old.id(), 999, b"x", &new.sign(b"x")), Err(Distrust::BadSignature));
}

#[test]
fn a_stolen_old_key_names_no_second_successor() {
    let mut trust = Trust::in_key(key(1).public());
    trust.follow(&RollOver::sign(&key(1), &key(2), 1_000)).unwrap();
    let second = RollOver::sign(&key(1), &key(3), 900);
    assert_eq!(trust.follow(&second), Err(Distrust::RetiredKey(key(1).id())));
    let back = RollOver::sign(&key(2), &key(1), 3_000);
    assert_eq!(trust.follow(&back), Err(Distrust::BadSignature));
    let stranger = RollOver::sign(&key(8), &key(9), 900);
    assert_eq!(trust.follow(&stranger), Err(Distrust::UnknownKey(key(8).id())));
    let mut forged = RollOver::sign(&key(8), &key(9), 900);
    forged.from = key(2).id();
    assert_eq!(trust.follow(&forged), Err(Distrust::BadSignature));
}

#[test]
fn a_roll_over_with_any_bit_flipped_is_refused() {
    let change = RollOver::sign(&key(1), &key(2), 1_000).to_bytes();
    for bit in 0..change.len() * 8 {
        let mut flipped = change.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let mut trust = Trust::in_key(key(1).public());
        let followed = RollOver::from_bytes(&flipped).is_ok_and(|change| trust.follow(&change).is_ok());
        assert!(!followed, "bit {bit}");
    }
}
