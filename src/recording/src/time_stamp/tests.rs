use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

const HEAD: &[u8] = b"keyhush-ledger-head 1\nledger keyhush\n";

fn query() -> Query {
    Query::new(HEAD, [0xff, 1, 2, 3, 4, 5, 6, 7])
}

/// An authority of `openssl ts`, with certificate and key of its own.
struct Authority(PathBuf);

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn openssl(folder: &Path, arguments: &[&str]) -> bool {
    let told = Command::new("openssl").args(arguments).current_dir(folder).output();
    let told = told.expect("openssl runs: the package openssl has it");
    if !told.status.success() {
        println!("{}", String::from_utf8_lossy(&told.stderr));
    }
    told.status.success()
}

impl Authority {
    fn new(name: &str) -> Authority {
        let folder = std::env::temp_dir().join(format!("keyhush-stamps-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let config = "[tsa]\ndefault_tsa = it\n[it]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key\n\
            signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\nordering = yes\n\
            [req]\ndistinguished_name = name\nx509_extensions = use\nprompt = no\n[name]\nCN = authority\n\
            [use]\nextendedKeyUsage = critical,timeStamping\n";
        fs::write(folder.join("openssl.cnf"), config).unwrap();
        fs::write(folder.join("serial"), "01\n").unwrap();
        let made = [
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-config",
            "openssl.cnf",
            "-keyout",
            "tsa.key",
            "-out",
            "tsa.pem",
            "-days",
            "2",
        ];
        assert!(openssl(&folder, &made), "an authority");
        Authority(folder)
    }

    fn answer(&self, query: &[u8]) -> Vec<u8> {
        fs::write(self.0.join("query"), query).unwrap();
        let reply = ["ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query", "-out", "answer"];
        assert!(openssl(&self.0, &reply), "an answer");
        fs::read(self.0.join("answer")).unwrap()
    }
}

#[test]
fn an_authority_of_openssl_answers_and_its_stamp_is_of_the_head() {
    let authority = Authority::new("answers");
    let answer = authority.answer(&query().to_bytes());
    let time = query().time_in(&answer).unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    // The documented way to check the signature, on the very same files.
    fs::write(authority.0.join("head"), HEAD).unwrap();
    let check = ["ts", "-verify", "-data", "head", "-in", "answer", "-CAfile", "tsa.pem"];
    assert!(openssl(&authority.0, &check));
    fs::write(authority.0.join("head"), b"another head").unwrap();
    assert!(!openssl(&authority.0, &check));
}

#[test]
fn a_stamp_of_something_else_or_to_another_question_is_none() {
    let authority = Authority::new("others");
    let answer = authority.answer(&query().to_bytes());
    let other = Query::new(b"another head", [0xff, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(other.time_in(&answer), Err(NoStamp::OtherImprint));
    assert_eq!(Query::new(HEAD, [9; 8]).time_in(&answer), Err(NoStamp::OtherNonce));
    for len in 0..answer.len().min(200) {
        assert_eq!(query().time_in(&answer[..len]), Err(NoStamp::Malformed), "{len}");
    }
}

#[test]
fn a_refusal_is_told_with_its_status() {
    let refusal = [0x30, 5, 0x30, 3, 0x02, 1, 2];
    assert_eq!(query().time_in(&refusal), Err(NoStamp::Refused(2)));
}

#[test]
fn a_query_reads_back_and_has_one_form() {
    let bytes = query().to_bytes();
    assert_eq!(Query::from_bytes(&bytes), Some(query()));
    assert!(query().is_of(HEAD) && !query().is_of(b"x"));
    for nonce in [[0; 8], [0x80; 8], [0xff; 8]] {
        let query = Query::new(HEAD, nonce);
        assert_eq!(Query::from_bytes(&query.to_bytes()), Some(query));
    }
    assert_eq!(Query::from_bytes(&bytes[..bytes.len() - 1]), None);
}
