//! The socket in the file system.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::{Directory, House, mode};
use crate::SocketError;
use crate::client::{Client, ClientError};
use crate::protocol::Ask;
use crate::socket::listen_on;

#[test]
fn only_its_owner_may_open_it_and_it_goes_at_the_end() {
    let mut house = House::new();
    let socket = house.socket();
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().expect("a directory")), 0o700);
    house.stop();
    assert!(!socket.exists());
}

#[test]
fn a_directory_that_is_there_keeps_its_permissions() {
    let directory = Directory::new();
    let parent = directory.path("");
    std::fs::set_permissions(&parent, PermissionsExt::from_mode(0o755)).expect("ours");
    let held = listen_on(&directory.path("admin.sock")).expect("it is free");
    assert_eq!(mode(&parent), 0o755);
    assert_eq!(mode(&directory.path("admin.sock")), 0o600);
    drop(held);
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    drop(UnixListener::bind(&path).expect("it is free"));
    assert!(path.exists(), "a socket that nobody serves stays behind");
    let first = listen_on(&path).expect("the stale one is replaced");
    let second = listen_on(&path).expect_err("the first one answers");
    assert!(matches!(second, SocketError::InUse(_)), "{second}");
    assert!(second.to_string().contains("another process answers"));
    drop(first);
    assert!(!path.exists());
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    std::fs::write(&path, "notes").expect("written");
    assert!(matches!(listen_on(&path), Err(SocketError::NotASocket(_))));
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "notes");
}

/// A socket that took our path meanwhile is not ours to remove.
#[test]
fn anothers_socket_is_not_removed() {
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    let ours = listen_on(&path).expect("it is free");
    std::fs::remove_file(&path).expect("removed by an administrator");
    let _theirs = UnixListener::bind(&path).expect("it is free");
    drop(ours);
    assert!(path.exists());
}

#[test]
fn two_that_start_at_once_do_not_both_listen() {
    let directory = Directory::new();
    let path = directory.path("admin.sock");
    for _ in 0..20 {
        drop(UnixListener::bind(&path).expect("stale"));
        let start = || listen_on(&path);
        let listening = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
            tries.into_iter().filter_map(|one| one.join().expect("no panic").ok()).collect::<Vec<_>>()
        });
        assert_eq!(listening.len(), 1);
    }
}

#[test]
fn the_client_says_who_is_missing() {
    let directory = Directory::new();
    let nobody = Client::connect(&directory.path("none.sock")).expect_err("nothing there");
    assert!(matches!(nobody, ClientError::NobodyListens(_)));
    assert!(nobody.to_string().contains("start `keyhush run`"), "{nobody}");
    let stale = directory.path("stale.sock");
    drop(UnixListener::bind(&stale).expect("it is free"));
    assert!(matches!(Client::connect(&stale), Err(ClientError::NobodyListens(_))));
}

/// Runs as root only: root may change into another user, whose socket's permissions and credentials then count.
#[test]
fn another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let house = House::new();
    let socket = house.socket();
    let say = |path: &Path| {
        std::process::Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups", "python3", "-c", TRY])
            .arg(path)
            .output()
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(said) = say(&socket) else { return }; // no setpriv or python here
    assert!(said.contains("Permission denied"), "{said}");
    // Even where somebody opened the permissions, the credentials count.
    for path in [socket.as_path(), socket.parent().expect("a directory")] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("ours");
    }
    let said = say(&socket).expect("as before");
    assert!(said.contains("forbidden"), "{said}");
    house.ask(&Ask::Stats {});
    assert_eq!(house.counter("console_refused"), 1);
}

const TRY: &str = r#"
import socket, sys
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect(sys.argv[1])
    peer.sendall(b'{"request":"stats"}\n')
except OSError as error:
    print(error)
try:
    print(peer.recv(65536))
except OSError as error:
    print(error)
"#;
