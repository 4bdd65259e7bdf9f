//! The auditors' page says in Chromium what Keyhush's verifier says, word for word.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use recording::verify::verify;
use serde_json::Value;

use crate::cases::{Mutation, Recorded, keys, mutate, roll_over, trust};
use crate::mutations::subjects;

const PAGE: &str = "<!doctype html><meta charset=utf-8><title>cases</title><script src=/verify.js></script><script src=/run.js></script>";

/// Takes case after case, and says what the page's verifier says to it.
const RUN: &str = "(async () => {
    const bytes = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
    const names = ['/old.pem', '/roll-over'];
    const files = await Promise.all(names.map(async (name) => ({ name, bytes: await bytes(name) })));
    const { trust, wrong } = await keyhush.trustIn(files);
    for (let number = 0; ; number += 1) {
        const response = await fetch(`/case/${number}`);
        if (!response.ok) break;
        const whole = new Uint8Array(await response.arrayBuffer());
        const length = new DataView(whole.buffer).getUint32(0, true);
        let told;
        try {
            const [verdict, proof] = await keyhush.verify(whole.slice(4, 4 + length), whole.slice(4 + length), trust);
            told = { ...verdict, words: keyhush.wordsOf(verdict, proof) };
        } catch (fault) {
            told = { verdict: `fault ${wrong} ${fault.stack}` };
        }
        await fetch(`/told/${number}`, { method: 'POST', body: JSON.stringify(told) });
    }
    await fetch('/over', { method: 'POST', body: '' });
})();";

/// Chromium, until dropped.
struct Browser(Child, std::path::PathBuf);

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = fs::remove_dir_all(&self.1);
    }
}

impl Browser {
    /// `None` if there is none.
    fn open(url: &str) -> Option<Browser> {
        let profile = env::temp_dir().join(format!("keyhush-verifiers-{}", std::process::id()));
        let mut command = Command::new("chromium");
        // As root it has no sandbox of its own.
        command.args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-extensions",
        ]);
        command.args(["--disable-background-networking", "--disable-component-update"]);
        command.arg(format!("--user-data-dir={}", profile.display())).arg(url);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        Some(Browser(child, profile))
    }
}

/// The method and path of a request, and its body.
fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
            let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            while bytes.len() < end + 4 + length {
                let read = stream.read(&mut piece).ok()?;
                bytes.extend(&piece[..read]);
            }
            let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let line = line.split(" HTTP").next()?.to_owned();
            return Some((line, bytes.split_off(end + 4)));
        }
        match stream.read(&mut piece).ok()? {
            0 => return None,
            read => bytes.extend(&piece[..read]),
        }
    }
}

/// What the page says to each case: file and proof.
fn page_says(cases: &[(Vec<u8>, Vec<u8>)]) -> Option<Vec<Value>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let _browser = match Browser::open(&format!("http://{}/", listener.local_addr().unwrap())) {
        Some(browser) => browser,
        None => {
            eprintln!("skipped: chromium is not installed");
            return None;
        }
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let script = fs::read(root.join("src/control/assets/verify.js")).unwrap();
    let [_, old, _] = keys();
    let mut told = Vec::new();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let Some((line, body)) = request(&mut stream) else { continue };
        let number = line.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
        let (kind, answer) = match line.as_str() {
            "GET /" => ("text/html", Some(PAGE.into())),
            "GET /run.js" => ("text/javascript", Some(RUN.into())),
            "GET /verify.js" => ("text/javascript", Some(script.clone())),
            "GET /old.pem" => ("text/plain", Some(old.public().to_pem().unwrap().into_bytes())),
            "GET /roll-over" => ("text/plain", Some(roll_over().to_bytes())),
            "POST /over" => break,
            line if line.starts_with("POST /told/") => {
                told.push(serde_json::from_slice(&body).unwrap());
                ("text/plain", Some(Vec::new()))
            }
            _ => {
                let case = number.and_then(|number| cases.get(number));
                let case =
                    case.map(|(file, proof)| [&(file.len() as u32).to_le_bytes()[..], file, proof].concat());
                ("application/octet-stream", case)
            }
        };
        let status = if answer.is_some() { "200 OK" } else { "404 Not Found" };
        let answer = answer.unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            answer.len()
        );
        // The browser may leave what it asked for by itself, an icon for its tab.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&answer));
    }
    Some(told)
}

/// What Keyhush says, as JSON with its words.
fn keyhush_says(file: &[u8], proof: &[u8]) -> Value {
    let verdict = verify(file, proof, &trust());
    let read = recording::proof::Proof::from_bytes(proof).ok();
    let words = verdict.words(read.as_ref().map(|proof| proof.statement())).to_string();
    let mut said = serde_json::to_value(&verdict).unwrap();
    said["words"] = words.into();
    said
}

#[test]
fn the_auditors_page_says_the_same_of_originals_and_every_kind_of_alteration() {
    let subjects = subjects(24);
    let count = if env::var_os("KEYHUSH_LONG").is_some() { 4_000 } else { 320 };
    let original = |made: &Recorded| ("original", made.file(&made.data), made.proof.to_bytes());
    let mutation = |mutation: Mutation| (mutation.name, mutation.file, mutation.proof);
    let mutations =
        (0..count).filter_map(|n| mutate(&subjects[(n / 16) as usize % subjects.len()], &subjects, n));
    let all: Vec<_> = subjects.iter().map(original).chain(mutations.map(mutation)).collect();
    let (names, cases): (Vec<_>, Vec<_>) =
        all.into_iter().map(|(name, file, proof)| (name, (file, proof))).unzip();
    let Some(told) = page_says(&cases) else { return };
    assert_eq!(told.len(), cases.len());
    for (number, ((file, proof), told)) in cases.iter().zip(&told).enumerate() {
        assert_eq!(*told, keyhush_says(file, proof), "{number}: {}", names[number]);
    }
    println!("{} cases compared", cases.len());
}
