//! Directories of tenants: files in, tenants or problems out.
#![allow(clippy::panic, reason = "a test that panics has failed, as it should")]

mod broken;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{MINIMAL, settings};
use crate::tenants::{CredentialsError, Numbers, PrefixKey, Provider, TABLES};
use crate::{LoadError, MaskKey, Problem, Replacement, Settings, Tenants};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/tenants");
const PSP: &str = "[psp]\nkind = \"sandbox\"\nendpoint = \"https://localhost\"\n";

static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);

/// A directory of its own, gone with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("keyhush-tenants-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory for the test");
        Directory(path)
    }

    fn file(&self, name: &str, content: &str) -> &Self {
        fs::write(self.0.join(name), content).expect("written");
        self
    }

    fn secret(&self, name: &str, content: &str, mode: u32) -> &Self {
        self.file(name, content);
        fs::set_permissions(self.0.join(name), Permissions::from_mode(mode)).expect("our own file");
        self
    }

    fn load(&self) -> Result<Tenants, LoadError> {
        Tenants::load(&self.0)
    }

    fn tenants(&self) -> Tenants {
        self.load().map_err(|error| error.to_string()).expect("nothing is wrong with them")
    }

    /// Every problem with the name of its file.
    fn problems(&self) -> Vec<(String, Problem)> {
        fn of(error: LoadError, all: &mut Vec<(String, Problem)>) {
            match error {
                LoadError::Wrong(problems) => {
                    let name = problems.file.file_name().expect("a file").to_string_lossy().into_owned();
                    all.extend(problems.list.into_iter().map(|problem| (name.clone(), problem)));
                }
                LoadError::Several(errors) => errors.into_iter().for_each(|error| of(error, all)),
                other => panic!("{other}"),
            }
        }
        let mut all = Vec::new();
        of(self.load().expect_err("something is wrong with them"), &mut all);
        all
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tenant(numbers: &str) -> String {
    format!("numbers = [{numbers}]\n{PSP}")
}

#[test]
fn the_annotated_tenant_loads_and_shows_the_defaults() {
    let annotated =
        Tenants::load(Path::new(EXAMPLE)).map_err(|error| error.to_string()).expect("it is right");
    let annotated = annotated.get("example").expect("it is called so");
    let directory = Directory::new();
    let least = "name = \"Example Ltd\"\nnumbers = [\"+442079460123\", \"+442079460150-79\", \"+441632960*\"]\n\
                 [psp]\nkind = \"sandbox\"\nendpoint = \"https://127.0.0.1:9443\"\n";
    let least = directory.file("example.toml", least).tenants();
    assert_eq!(Some(annotated), least.iter().next());
    assert!(annotated.pan_display.last_four && !annotated.pan_display.first_six);
    assert_eq!((annotated.reference.length, annotated.reference.prefix_key), (6, None));
    assert_eq!(annotated.secure_mode(&settings(MINIMAL).secure_mode), settings(MINIMAL).secure_mode);
}

/// Every key has its comment, and every key that exists is in the annotated file.
#[test]
fn the_annotated_tenant_explains_every_key() {
    let text = fs::read_to_string(Path::new(EXAMPLE).join("example.toml")).expect("it is in the repository");
    let keys = |line: &str| line.trim_start_matches('#').split_once(" = ").map(|(key, _)| key.to_owned());
    for line in text.lines().filter(|line| line.contains(" = ") && !line.starts_with("# ")) {
        assert!(line.rsplit_once("# ").is_some_and(|(_, comment)| comment.len() > 10), "no comment: {line}");
    }
    let shown: Vec<String> = text.lines().filter_map(keys).collect();
    for (table, names) in TABLES {
        for name in *names {
            assert!(shown.iter().any(|key| key == name), "{table} {name} is not explained");
        }
    }
}

#[test]
fn what_a_tenant_chooses_overrules_the_box() {
    let directory = Directory::new();
    let text = "trunks = [\"trunk-a\"]\n[secure_mode]\nmask_key = \"1\"\nreplacement = \"silence\"\n\
                [reference]\nlength = 8\nprefix_key = \"*\"\n[pan_display]\nfirst_six = true\nlast_four = false\n\
                [keying]\nexpiry = true\nstar_clears = false\n\
                [psp]\nkind = \"adyen\"\naccount = \"ExampleMOTO\"\ncredentials = \"adyen.key\"\n\
                endpoint = \"https://Checkout-test.adyen.com:8443/v72/\"\n\
                [page]\nframe_origins = [\"https://CRM.example.com\", \"https://[::1]:8443\"]\n\
                [recording]\nrecord = true\nkeep_months = 84\nsuspend_keys = \"#9\"\nsuspend_most_s = 60\n";
    let tenants = directory.secret("adyen.key", "AQEyhmfx\n", 0o600).file("one.toml", text).tenants();
    let tenant = tenants.of_trunk("trunk-a").expect("it has this trunk");
    assert_eq!((tenant.id.as_str(), tenant.name.as_str()), ("one", "one"));
    let secure = tenant.secure_mode(&settings(MINIMAL).secure_mode);
    assert_eq!((secure.mask_key, secure.replacement), (MaskKey::One, Replacement::Silence));
    assert_eq!(secure.unmaskable, settings(MINIMAL).secure_mode.unmaskable);
    assert_eq!((tenant.reference.length, tenant.reference.prefix_key), (8, Some(PrefixKey::Star)));
    assert!(tenant.keying.expiry && !tenant.keying.star_clears && !tenant.keying.issue);
    let recording = tenant.recording.as_ref().expect("its calls are recorded");
    assert_eq!((recording.keep_months, recording.keep_days()), (84, 2_557));
    assert_eq!((recording.suspend_keys.as_deref(), recording.suspend_most.as_secs()), (Some("#9"), 60));
    assert_eq!(tenant.frame_origins, ["https://crm.example.com", "https://[::1]:8443"]);
    let Provider::Adyen { merchant, credentials } = &tenant.psp.provider else { panic!("{tenant:?}") };
    assert_eq!(merchant, "ExampleMOTO");
    assert_eq!(credentials.read().expect("readable").as_str(), "AQEyhmfx");
    let endpoint = &tenant.psp.endpoint;
    assert_eq!(
        (endpoint.host.as_str(), endpoint.port, endpoint.path.as_str()),
        ("checkout-test.adyen.com", 8443, "/v72")
    );
    assert!(!format!("{tenant:?}").contains("AQEyhmfx"));
}

#[test]
fn stripe_has_one_address_of_its_own() {
    let directory = Directory::new();
    let text = "numbers = [\"+4930123\"]\n[psp]\nkind = \"stripe\"\ncredentials = \"stripe.key\"\n";
    let tenants = directory.secret("stripe.key", "sk_test_1", 0o400).file("one.toml", text).tenants();
    let psp = &tenants.get("one").expect("one").psp;
    assert_eq!(
        (psp.endpoint.host.as_str(), psp.endpoint.port, psp.endpoint.path.as_str()),
        ("api.stripe.com", 443, "")
    );
    assert_eq!(psp.provider.name(), "stripe");
}

/// The key is read when it is needed: by then the file may have been changed.
#[test]
fn credentials_that_others_may_read_are_refused_when_read_too() {
    let directory = Directory::new();
    let text = "numbers = [\"+4930123\"]\n[psp]\nkind = \"stripe\"\ncredentials = \"stripe.key\"\n";
    let tenants = directory.secret("stripe.key", "sk_test_1", 0o600).file("one.toml", text).tenants();
    directory.secret("stripe.key", "sk_test_1", 0o640);
    let credentials = tenants.get("one").and_then(|one| one.psp.provider.credentials()).expect("named");
    assert!(matches!(credentials.read(), Err(CredentialsError::Exposed(0o640))));
}

#[test]
fn a_number_is_found_however_it_is_written() {
    let directory = Directory::new();
    directory.file("one.toml", &tenant("\"+44 20 7183 8750-59\", \"+4420718386*\", \"+442071838755-65\""));
    directory
        .file("two.toml", &tenant("\"+442071838770\", \"+49301234*\", \"+4420718388*\", \"+44207183887\""));
    let tenants = directory.tenants();
    let of = |number: &str| tenants.of_number(number).map(|tenant| tenant.id.as_str());
    for number in [
        "+442071838750",
        "00442071838750",
        "442071838750",
        "tel:+44-20-7183-8750",
        "TEL:+44(20)7183.8750;ext=7",
        "sip:+442071838750@10.0.0.1:5060;user=phone",
        "sips:+442071838750;npdi;rn=+441@host",
        "sip:%2B442071838750:word@host",
        "\"A <b>\" <sip:+442071838750@host>;tag=1",
        " <tel:+442071838750> ",
        "+442071838765",
        "+4420718386",
        "+4420718386001",
    ] {
        assert_eq!(of(number), Some("one"), "{number}");
    }
    assert_eq!(of("+49301234"), Some("two"));
    assert_eq!(of("+493012345678901"), Some("two"));
    for number in [
        "",
        "+",
        "02071838750",
        "+4420718385",
        "+44207183877",
        "+44207183875a",
        "+4930123",
        "+4930123456789012",
        "sip:alice@example.com",
        "sip:10.0.0.1",
        "tel:8750;phone-context=+4420718",
        "anonymous",
        "\u{0664}\u{0664}",
        "%2",
        "<",
    ] {
        assert_eq!(of(number), None, "{number}");
    }
}

#[test]
fn numbers_are_shown_as_they_are_written() {
    for text in ["+442071838750", "+442071838750-9", "+44207183*", "+49301234"] {
        assert_eq!(Numbers::parse(text).ok().map(|numbers| numbers.to_string()).as_deref(), Some(text));
    }
}

#[test]
fn numbers_of_two_tenants_are_refused_at_the_second() {
    let clashes = [
        ("\"+442071838750-59\"", "\"+442071838755\""),
        ("\"+442071838750-59\"", "\"+4420718387*\""),
        ("\"+442071838755\"", "\"+442071838755\""),
        ("\"+44*\"", "\"+4420718387*\""),
        ("\"+4420718387*\"", "\"+44*\""),
        ("\"+442071838700-99\"", "\"+44207183877*\""),
        ("\"+1\", \"+99\", \"+44*\"", "\"+442071838700-99\""),
    ];
    for (one, two) in clashes {
        let directory = Directory::new();
        directory
            .file("one.toml", &tenant(one))
            .file("two.toml", &tenant(&format!("\n\"+3312345\",\n{two}")));
        let found = directory.problems();
        assert_eq!(found.len(), 1, "{one} {two} {found:#?}");
        let (file, problem) = &found[0];
        assert_eq!((file.as_str(), problem.line, problem.key.as_str()), ("two.toml", 3, "numbers"));
        assert!(problem.found.contains("one.toml"), "{problem:?}");
    }
    let directory = Directory::new();
    directory.file("one.toml", &tenant("\"+442071838750-59\", \"+4930123*\", \"+4420718387\", \"+1-9\""));
    directory.file(
        "two.toml",
        &tenant("\"+442071838760-69\", \"+4930124*\", \"+44207183877\", \"+10-99\", \"+493012\""),
    );
    assert_eq!(directory.tenants().len(), 2);
}

#[test]
fn trunks_are_one_tenants_and_wires_of_the_box() {
    let directory = Directory::new();
    let text = |trunk: &str| format!("trunks = [\"{trunk}\"]\n{PSP}");
    directory.file("one.toml", &text("wire-1")).file("two.toml", &text("wire-1"));
    let found = directory.problems();
    assert_eq!((found[0].0.as_str(), found[0].1.line, found[0].1.key.as_str()), ("two.toml", 1, "trunks"));
    directory.file("two.toml", &text("wire-2"));
    assert_eq!(directory.tenants().len(), 2);
    let file = directory.0.join("box.toml.settings");
    fs::write(&file, format!("{MINIMAL}[tenants]\ndirectory = \".\"\n")).expect("written");
    let error =
        Settings::load(&file).expect("right").load_tenants().expect_err("there is no wire-2").to_string();
    assert!(
        error.contains("two.toml:1:11: trunks: \"wire-2\"") && error.contains("write \"wire-1\""),
        "{error}"
    );
}

#[test]
fn who_is_recorded_needs_a_box_that_records() {
    let directory = Directory::new();
    let text = format!("numbers = [\"+4930123\"]\n{PSP}[recording]\nrecord = true\n");
    let of_box = |more: &str| {
        let file = directory.0.join("box.settings");
        fs::write(&file, format!("{MINIMAL}[tenants]\ndirectory = \".\"\n{more}")).expect("written");
        Settings::load(&file).map_err(|error| error.to_string()).expect("right").load_tenants()
    };
    directory.file("one.toml", &text);
    let error = of_box("").expect_err("there is no place for recordings").to_string();
    assert!(
        error.contains("one.toml:6:10: recording.record: true") && error.contains("[recordings]"),
        "{error}"
    );
    let recordings = "[recordings]\ndirectory = \"kept\"\nmaster_key = \"m\"\nsigning_key = \"s\"\n";
    let tenants = of_box(recordings).map_err(|error| error.to_string()).expect("now there is");
    let recording = tenants.get("one").and_then(|one| one.recording.as_ref()).expect("it is recorded");
    assert_eq!((recording.keep_months, recording.keep_days()), (6, 183));
    assert_eq!((recording.suspend_keys.as_deref(), recording.suspend_most.as_secs()), (None, 600));
    directory.file("one.toml", &text.replace("record = true", "record = false\nkeep_months = 7"));
    assert!(of_box("").is_ok_and(|tenants| tenants.iter().all(|tenant| tenant.recording.is_none())));
}

#[test]
fn all_load_or_none_and_every_file_is_answered() {
    let directory = Directory::new();
    directory
        .file("good.toml", &tenant("\"+4930123\""))
        .file("note.txt", "not a tenant")
        .file(".x.toml", "neither");
    assert_eq!(directory.tenants().len(), 1);
    directory.file("bad.toml", &tenant("\"030123\"")).file("worse.toml", "numbers = [\n");
    let found = directory.problems();
    let files: Vec<&str> = found.iter().map(|(file, _)| file.as_str()).collect();
    assert!(
        files.contains(&"bad.toml") && files.contains(&"worse.toml") && !files.contains(&"good.toml"),
        "{found:?}"
    );
    let told = directory.load().expect_err("wrong").to_string();
    assert!(told.contains("bad.toml:1:12: numbers") && told.contains("worse.toml:"), "{told}");
}

#[test]
fn without_tenants_there_are_none() {
    assert!(settings(MINIMAL).load_tenants().expect("none is fine").is_empty());
    let error = Tenants::load(Path::new("/nonexistent")).expect_err("no directory").to_string();
    assert!(error.contains("tenants.directory"), "{error}");
    assert!(Directory::new().tenants().is_empty());
}

/// Whatever the bytes, the answer is a value.
#[test]
fn cut_and_bent_tenants_never_panic() {
    let text = fs::read_to_string(Path::new(EXAMPLE).join("example.toml")).expect("it is in the repository");
    let read = |text: &str| {
        let _ = crate::tenants::read_for_tests(Path::new("example.toml"), text);
    };
    for end in (0..text.len()).filter(|&end| text.is_char_boundary(end)) {
        read(&text[..end]);
    }
    for (at, _) in text.char_indices().step_by(7) {
        for bent in ["\"", "[", "]", "=", "\n", "{", "9", "+", "*", "-", "\u{0}"] {
            let mut text = text.clone();
            text.insert_str(at, bent);
            read(&text);
        }
    }
}
