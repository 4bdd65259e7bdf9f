//! `keyhush user`: what an administrator types, and what comes of it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::{Directory, Said, keyhush, text};

const PASSWORD: &str = "correct horse battery";

/// An appliance with the tenant "example" and a store of its own.
struct Appliance {
    directory: Directory,
    config: PathBuf,
}

impl Appliance {
    fn new() -> Appliance {
        let directory = Directory::new();
        fs::create_dir(directory.path("tenants")).expect("a directory");
        directory.file(
            "tenants/example.toml",
            "numbers = [\"+442079460123\"]\n[psp]\nkind = \"sandbox\"\nendpoint = \"https://localhost:9443\"\n",
        );
        let config = directory.file(
            "box.toml",
            "[[wire]]\ncarrier = \"0000:03:00.0\"\ncustomer = \"0000:03:00.1\"\n\
             [tenants]\ndirectory = \"tenants\"\n[store]\ndirectory = \"store\"\n",
        );
        Appliance { directory, config }
    }

    fn user(&self, arguments: &[&str]) -> Said {
        keyhush(["user"].iter().chain(arguments).chain(&["--config", text(&self.config)]))
    }

    /// With the password on standard input.
    fn told(&self, password: &str, arguments: &[&str]) -> Said {
        let mut child = Command::new(env!("CARGO_BIN_EXE_keyhush"))
            .arg("user")
            .args(arguments)
            .args(["--password-stdin", "--config", text(&self.config)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        // Who is refused before being asked may be gone.
        let _ = child.stdin.take().expect("piped").write_all(password.as_bytes());
        let output = child.wait_with_output().expect("it ends");
        Said {
            code: output.status.code().expect("no signal ended it"),
            out: String::from_utf8(output.stdout).expect("text"),
            err: String::from_utf8(output.stderr).expect("text"),
        }
    }

    fn list(&self) -> serde_json::Value {
        let said = self.user(&["list", "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        serde_json::from_str(&said.out).expect("JSON")
    }
}

#[test]
fn an_agent_is_added_barred_let_in_and_listed() {
    let own = Appliance::new();
    let said = own.told("correct horse battery\n", &["add", "Anna", "--tenant", "example"]);
    assert_eq!((said.code, said.out.as_str()), (0, "anna of example may sign in\n"), "{said:?}");
    let list = own.list();
    assert_eq!(list["users"][0]["name"], "anna");
    assert_eq!(list["users"][0]["disabled"], serde_json::Value::Null);
    assert!(
        list["users"][0]["created"]
            .as_str()
            .is_some_and(|time| time.starts_with("20") && time.ends_with('Z'))
    );

    let said = own.user(&["disable", "anna"]);
    assert!(said.code == 0 && said.out.contains("may not sign in any more"), "{said:?}");
    assert!(own.list()["users"][0]["disabled"].is_string());
    let said = own.user(&["list"]);
    assert_eq!(
        said.out,
        "NAME  TENANT   ROLE   STATE     LAST SIGN-IN\nanna  example  agent  disabled  never\n"
    );
    assert_eq!(own.user(&["enable", "ANNA"]).code, 0);
    assert!(own.list()["users"][0]["disabled"].is_null());
    assert_eq!(own.told("another long sentence\r\n", &["password", "anna"]).code, 0);
    assert_eq!(own.user(&["list", "--tenant", "other"]).out.lines().count(), 1);

    let mode =
        |path: &str| fs::metadata(own.directory.path(path)).expect("there").permissions().mode() & 0o7777;
    assert_eq!((mode("store"), mode("store/keyhush.db")), (0o700, 0o600));
    let kept = fs::read(own.directory.path("store/keyhush.db")).expect("readable");
    for password in ["correct horse", "another long"] {
        assert!(!kept.windows(password.len()).any(|window| window == password.as_bytes()));
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_to_do() {
    let own = Appliance::new();
    assert_eq!(own.told(PASSWORD, &["add", "anna", "--tenant", "example"]).code, 0);
    let refused = |said: Said, why: &str| {
        assert!(said.code == 1 && said.err.contains(why) && !said.err.contains("4111"), "{why} {said:?}");
    };
    refused(own.told(PASSWORD, &["add", "anna", "--tenant", "example"]), "this user name is taken");
    refused(own.told(PASSWORD, &["add", "bob", "--tenant", "exmaple"]), "there are example");
    refused(own.told(PASSWORD, &["add", "4111111111111111", "--tenant", "example"]), "no card number");
    refused(
        own.told("4111 1111 1111 1111", &["add", "bob", "--tenant", "example"]),
        "must not hold a card number",
    );
    refused(own.told("too short\n", &["add", "bob", "--tenant", "example"]), "at least 12");
    refused(own.told("", &["add", "bob", "--tenant", "example"]), "no password came");
    refused(own.told(&"a".repeat(1025), &["add", "bob", "--tenant", "example"]), "too long");
    refused(own.told(PASSWORD, &["password", "bob"]), "keyhush user list");
    refused(own.user(&["disable", "bob"]), "no agent has this user name");
    assert_eq!(own.list()["users"].as_array().map(Vec::len), Some(1));
    assert_eq!(own.user(&["add", "bob"]).code, 2);

    fs::set_permissions(own.directory.path("store"), fs::Permissions::from_mode(0o755)).expect("ours");
    refused(own.user(&["list"]), "chmod 700");
    fs::remove_file(own.directory.path("tenants/example.toml")).expect("removed");
    refused(own.told(PASSWORD, &["add", "bob", "--tenant", "example"]), "there are no tenants");
    fs::write(&own.config, "[store]\n").expect("written");
    assert_eq!(own.user(&["list"]).code, 3);
}

/// The program at a terminal of its own.
struct Terminal {
    ours: File,
    child: std::process::Child,
    shown: String,
}

impl Terminal {
    fn begin(own: &Appliance, arguments: &[&str]) -> Terminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("ours");
        unlockpt(&ours).expect("ours");
        let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("text");
        let theirs = OpenOptions::new().read(true).write(true).open(name).expect("the other side");
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_keyhush"), "user"])
            .args(arguments)
            .args(["--config", text(&own.config)])
            .stdin(theirs.try_clone().expect("the other side"))
            .stdout(theirs.try_clone().expect("the other side"))
            .stderr(theirs)
            .spawn()
            .expect("setsid is a part of every system");
        Terminal { ours: File::from(ours), child, shown: String::new() }
    }

    fn until(&mut self, what: &str) -> &mut Self {
        let from = self.shown.len();
        while !self.shown[from..].contains(what) {
            let mut some = [0; 256];
            let read = self.ours.read(&mut some).unwrap_or(0);
            assert!(read > 0, "{what} did not come: {}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&some[..read]));
        }
        self
    }

    fn keys(&mut self, keys: &str) -> &mut Self {
        self.ours.write_all(keys.as_bytes()).expect("typed");
        self
    }

    fn end(&mut self) -> (i32, String) {
        let code = self.child.wait().expect("it ends").code().expect("no signal ended it");
        let mut rest = Vec::new();
        // At its end a terminal gives an error, after what was still in it.
        let _ = self.ours.read_to_end(&mut rest);
        (code, format!("{}{}", self.shown, String::from_utf8_lossy(&rest)))
    }
}

#[test]
fn a_password_is_typed_twice_and_never_shown() {
    let own = Appliance::new();
    let mut terminal = Terminal::begin(&own, &["add", "anna", "--tenant", "example"]);
    terminal.until("Password: ").keys("wrong beginning\u{15}corröct horse battex\u{7f}ry\r");
    let (code, shown) =
        terminal.until("again: ").keys("corröct horse battéö\u{7f}\u{7f}ery\r").until("sign in").end();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains("horse") && !shown.contains("wrong"), "{shown}");
    assert_eq!(own.list()["users"][0]["name"], "anna");
}

#[test]
fn two_that_differ_and_control_c_change_nothing() {
    let own = Appliance::new();
    let mut terminal = Terminal::begin(&own, &["add", "anna", "--tenant", "example"]);
    terminal.until("Password: ").keys("correct horse battery\r");
    let (code, shown) = terminal.until("again: ").keys("correct horse bakery\r").until("changed").end();
    assert!(code == 1 && shown.contains("not the same"), "{shown}");
    let mut terminal = Terminal::begin(&own, &["add", "anna", "--tenant", "example"]);
    let (code, shown) = terminal.until("Password: ").keys("correct\u{3}").until("changed").end();
    assert_eq!(code, 1, "{shown}");
    assert_eq!(own.list()["users"].as_array().map(Vec::len), Some(0));
}

#[test]
fn without_a_terminal_the_other_way_is_named() {
    let own = Appliance::new();
    let output = Command::new("setsid")
        .args(["--wait", env!("CARGO_BIN_EXE_keyhush"), "user", "add", "anna", "--tenant", "example"])
        .args(["--config", text(&own.config)])
        .stdin(Stdio::null())
        .output()
        .expect("setsid is a part of every system");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--password-stdin"), "{output:?}");
}
