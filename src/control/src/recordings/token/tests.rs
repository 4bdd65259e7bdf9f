//! Against SoftHSM. Its module reads where its tokens are from the environment, once in a process: each test is this program again, in a
//! process of its own.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;
use crate::recordings::{Archive, ArchiveConfig};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "271828";
/// Set in the processes of tests: the directory of the token.
const ROOT: &str = "KEYHUSH_TEST_TOKEN";

fn run(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(program);
    let output = command.args(arguments).envs(environment.iter().copied()).output();
    let output =
        output.map_err(|error| format!("{program}: {error}")).expect("the package softhsm2 is installed");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{program}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Makes a token with the AES keys "master" and "other", and runs a test with it in a process of its own.
fn with_token(test: &str) {
    let root = std::env::temp_dir().join(format!("keyhush-token-{}-{test}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(root.join("tokens")).unwrap();
    let at = |name: &str| root.join(name).to_str().unwrap().to_owned();
    fs::write(
        root.join("softhsm2.conf"),
        format!("directories.tokendir = {}\nobjectstore.backend = file\n", at("tokens")),
    )
    .unwrap();
    fs::write(root.join("pin"), format!("{PIN}\n")).unwrap();
    fs::set_permissions(root.join("pin"), fs::Permissions::from_mode(0o600)).unwrap();
    let conf = at("softhsm2.conf");
    let environment = [("SOFTHSM2_CONF", &*conf), (ROOT, root.to_str().unwrap())];
    let init = ["--init-token", "--free", "--label", "keyhush", "--so-pin", "314159", "--pin", PIN];
    run("softhsm2-util", &init, &environment);
    for (label, id, byte) in [("master", "01", 3), ("other", "02", 4)] {
        fs::write(root.join("key"), [byte; 32]).unwrap();
        let key = at("key");
        let import =
            ["--import", &key, "--aes", "--token", "keyhush", "--label", label, "--id", id, "--pin", PIN];
        run("softhsm2-util", &import, &environment);
    }
    let own = std::env::current_exe().unwrap();
    let inside = format!("recordings::token::tests::inside::{test}");
    let said = run(own.to_str().unwrap(), &["--exact", &inside, "--ignored", "--nocapture"], &environment);
    assert!(said.contains("1 passed"), "{said}");
    fs::remove_dir_all(&root).unwrap();
}

#[test]
fn a_tenants_key_is_wrapped_inside_the_token_and_for_that_tenant_alone() {
    with_token("wraps");
}

#[test]
fn what_is_wrong_with_a_token_is_said() {
    with_token("says");
}

#[test]
fn recordings_are_sealed_by_a_token() {
    with_token("seals");
}

/// What runs in the processes of the tests above.
mod inside {
    use super::*;

    fn root() -> PathBuf {
        PathBuf::from(std::env::var_os(ROOT).expect("only run by the tests above"))
    }

    fn open(path: &str, pin: Option<&str>) -> Result<Box<dyn Wrap>, String> {
        let uri = format!("pkcs11:{path}?module-path={MODULE}");
        master_in_token(uri, pin.map(|pin| root().join(pin)))().map_err(|error| match error {
            SealError::Token(said) => said,
            other => format!("{other:?}"),
        })
    }

    fn key() -> TenantKey {
        TenantKey::from_bytes(&[9; KEY_LEN])
    }

    #[test]
    #[ignore = "in a process of its own"]
    fn wraps() {
        let master = open("token=keyhush;object=master", Some("pin")).unwrap();
        let wrapped = master.wrap("acme", &key()).unwrap();
        assert_eq!(wrapped.len(), NONCE_LEN + KEY_LEN + TAG_LEN);
        assert_ne!(wrapped, master.wrap("acme", &key()).unwrap(), "a nonce of its own each time");
        // Opened anew, with others open, by another thread, by its identifier.
        let again = std::thread::spawn(|| open("token=keyhush;id=%01", Some("pin")).unwrap()).join().unwrap();
        assert_eq!(again.unwrap("acme", &wrapped).unwrap().bytes(), key().bytes());
        let is_strange =
            |opened: Result<TenantKey, SealError>| matches!(opened, Err(SealError::NotAuthentic));
        assert!(is_strange(master.unwrap("example", &wrapped)), "another tenant's");
        let other = open("token=keyhush;object=other", Some("pin")).unwrap();
        assert!(is_strange(other.unwrap("acme", &wrapped)), "another key's");
        for place in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[place] ^= 1;
            assert!(is_strange(master.unwrap("acme", &changed)), "byte {place}");
        }
        assert!(matches!(master.unwrap("acme", &wrapped[1..]), Err(SealError::Malformed)));
        // What a file of the same key has wrapped: the way from a file into a token needs no new seals.
        let file = recording::sealed::MasterKey::new(&[3; KEY_LEN]).unwrap();
        let by_file = file.wrap("acme", &key()).unwrap();
        assert_eq!(master.unwrap("acme", &by_file).unwrap().bytes(), key().bytes());
    }

    #[test]
    #[ignore = "in a process of its own"]
    fn says() {
        let says = |path: &str, pin: Option<&str>, what: &str| {
            let said = open(path, pin).err().unwrap_or_default();
            assert!(said.contains(what), "{path}: {said}");
        };
        says("token=keyhash;object=master", Some("pin"), "no such token; the module shows \"keyhush\"");
        says("token=keyhush;object=slave", Some("pin"), "no such AES key");
        says("token=keyhush;object=master", None, "name that as pin_file");
        says("token=keyhush;object=master", Some("none"), "none: No such file");
        fs::write(root().join("open"), PIN).unwrap();
        fs::set_permissions(root().join("open"), fs::Permissions::from_mode(0o644)).unwrap();
        says("token=keyhush;object=master", Some("open"), "chmod 600");
        let no_module = master_in_token("pkcs11:token=t;object=o?module-path=/no.so".to_owned(), None)();
        assert!(
            matches!(no_module, Err(SealError::Token(said)) if said.contains("/no.so: the token's module"))
        );
        fs::write(root().join("pin"), "000000").unwrap();
        for what in ["it refused the PIN in", "not tried again", "not tried again"] {
            says("token=keyhush;object=master", Some("pin"), what);
        }
    }

    #[test]
    #[ignore = "in a process of its own"]
    fn seals() {
        let uri = format!("pkcs11:token=keyhush;object=master?module-path={MODULE}");
        let config = ArchiveConfig {
            directory: root().join("recordings"),
            master: master_in_token(uri, Some(root().join("pin"))),
            signing_key: root().join("signing.key"),
            store: root().join("store"),
        };
        // One keeps its tenants' keys, the other reads them from what the first one left.
        let archives = [(); 2].map(|()| Archive::open(&config).unwrap());
        let [mut writes, mut reads] = archives.map(|archive| archive.audio().unwrap());
        writes.key("acme").unwrap();
        reads.key("acme").unwrap();
    }
}
