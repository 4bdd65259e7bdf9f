use super::*;

fn arguments(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn prefix_in_both_spellings() {
    assert_eq!(prefix(&arguments("--no-huge -m 64")), "rte");
    assert_eq!(prefix(&arguments("--file-prefix one -m 64")), "one");
    assert_eq!(prefix(&arguments("--file-prefix=one --file-prefix=two")), "two");
    assert_eq!(prefix(&arguments("--file-prefix")), "rte");
}

fn directory(name: &str, fresh: bool, exclusive: bool, ours: bool) -> RuntimeDirectory {
    let path = std::env::temp_dir().join(format!("keyhush-nic-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("config"), b"").unwrap();
    RuntimeDirectory { path, fresh, exclusive, ours }
}

#[test]
fn only_our_own_is_removed() {
    for (name, fresh, exclusive, ours, removed) in [
        ("made by a start that failed", true, true, false, true),
        ("locked by another process", false, true, false, false),
        ("left by a killed process, now locked by us", false, true, true, true),
        ("shared, since nothing locks it", false, false, true, false),
    ] {
        let directory = directory(&name.replace([' ', ','], "-"), fresh, exclusive, ours);
        let path = directory.path.clone();
        drop(directory);
        assert_eq!(!path.exists(), removed, "{name}");
        let _gone = fs::remove_dir_all(path);
    }
}
