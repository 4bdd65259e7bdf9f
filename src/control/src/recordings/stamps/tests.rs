use recording::document::{Text, Word};
use recording::keys::SigningKey;
use recording::ledger::Event;

use super::*;
use crate::recordings::master_in_file;

#[test]
fn no_head_is_stamped_twice_and_none_before_an_hour_is_over() {
    let root = std::env::temp_dir().join(format!("keyhush-stamps-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    let directory = root.join("witness");
    fs::create_dir_all(&directory).unwrap();
    let config = ArchiveConfig {
        directory: root.join("recordings"),
        master: master_in_file(root.join("master.key")),
        signing_key: root.join("signing.key"),
        store: root.join("store"),
    };
    let key = SigningKey::from_seed(&[4; 32]);
    let mut other = Archive::open(&config).unwrap();
    let mut sign = |at| {
        let (recording, reason) = (Word::new("one").unwrap(), Text::new("an order").unwrap());
        other.ledger().add(&[Event::Held { recording, reason }], at, &key).unwrap()
    };
    let mut asked = 0;
    let mut refusing = Clerk {
        directory: directory.clone(),
        archive: Archive::open(&config).unwrap(),
        last: None,
        not_before: 0,
        ask: |_: &[u8]| {
            asked += 1;
            Ok(b"no stamp".to_vec())
        },
    };
    assert_eq!(refusing.pass(0), Ok(false), "there is no head");
    let head = sign(1);
    assert!(refusing.pass(1).is_err_and(|why| why.contains("no answer of a time-stamping authority")));
    drop(refusing);
    assert_eq!(asked, 1);
    // As one that was stamped before a restart.
    let path = witness::keep(&directory, &head).unwrap();
    witness::keep_stamp(&path, &Query::new(&head.to_bytes(), [1; NONCE_LEN]), b"a stamp").unwrap();
    let mut asked = 0;
    let mut again = Clerk {
        directory,
        archive: Archive::open(&config).unwrap(),
        last: None,
        not_before: 0,
        ask: |_: &[u8]| {
            asked += 1;
            Err("away".to_owned())
        },
    };
    assert_eq!(again.pass(0), Ok(false));
    again.not_before = APART;
    sign(2);
    assert_eq!(again.pass(APART - 1), Ok(false), "the hour is not over");
    assert_eq!(again.pass(APART), Err("away".to_owned()));
    drop(again);
    assert_eq!(asked, 1);
    fs::remove_dir_all(&root).unwrap();
}
