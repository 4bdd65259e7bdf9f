//! What the tests see pages with: shown pages whose faults are known.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use keyhush_tests::live::browser::{Browser, Find, Key, PATIENCE};
use keyhush_tests::live::capture::now;
use keyhush_tests::live::certificate::Certificate;
use keyhush_tests::live::{During, Outcome, sandbox};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::sandboxed;

/// A page without a fault. Its name is told from its cookie, which only HTTPS may set.
const GOOD: &str = "<!doctype html><html lang=en><head><meta charset=utf-8><title>Good</title></head><body><main>
    <h1>A page</h1><label for=order>Order</label> <input id=order> <button id=go>Go on</button>
    <button hidden>Never seen</button><p role=status id=said></p></main><script>
    document.cookie = `__Host-name=${location.hash.slice(1)}; Secure; Path=/`;
    document.getElementById('go').onclick = () => setTimeout(() =>
        document.getElementById('said').textContent = `${document.cookie} ordered ${document.getElementById('order').value}`, 200);
    </script></body></html>";

/// The same with a field that has no name and words that nobody can read; and a policy that bars scripts.
const BAD: &str = "<!doctype html><html lang=en><head><meta charset=utf-8><title>Bad</title></head><body><main>
    <h1>A page</h1><input><p style='color: #ccc; background: #fff'>Faint</p></main><script>1</script></body></html>";

/// Serves [`GOOD`] and, below `/bad`, [`BAD`] for ever.
fn serve() -> Outcome<String> {
    let files = Certificate::new("page")?;
    let certificate = CertificateDer::from_pem_file(&files.certificate).during("reading a certificate")?;
    let key = PrivateKeyDer::from_pem_file(&files.key).during("reading a key")?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate], key));
    let config = Arc::new(config.during("the server's settings")?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("listening")?;
    let address = listener.local_addr().during("listening")?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            thread::spawn(move || answer(stream, config));
        }
    });
    Ok(format!("https://{address}"))
}

fn answer(stream: TcpStream, config: Arc<ServerConfig>) -> Option<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config).ok()?, stream);
    let mut request = String::new();
    let mut lines = BufReader::new(&mut stream);
    while lines.read_line(&mut request).ok()? > 2 {}
    let (page, policy) = if request.starts_with("GET /bad ") {
        (BAD, "default-src 'none'; style-src 'unsafe-inline'")
    } else {
        (GOOD, "default-src 'none'; script-src 'unsafe-inline'")
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Security-Policy:";
    write!(stream, "{head} {policy}\r\nContent-Length: {}\r\n\r\n{page}", page.len()).ok()?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

#[test]
fn two_agents_use_pages_side_by_side() {
    sandboxed(|| {
        let page = serve()?;
        let browser = Browser::start()?;
        let [one, two] = [browser.window()?, browser.window()?];
        one.open(&format!("{page}/#one"))?;
        two.open(&format!("{page}/#two"))?;
        one.fill(Find::Role("textbox", "Order"), "INV-7")?;
        one.watch("document.getElementById('said').textContent.length")?;
        let clicked = now();
        one.click(Find::Role("button", "Go on"))?;
        one.wait_for_text("[role=status]", "__Host-name=one ordered INV-7", PATIENCE)?;
        let seen = one.watched()?;
        assert_eq!(seen.iter().map(|sight| &sight.value).collect::<Vec<_>>(), [0, 29]);
        // The page takes 200 ms over it, and its clock is ours.
        assert!((clicked + 0.2..now()).contains(&seen[1].at), "clicked {clicked}: {seen:?}");

        // By keyboard alone, to where a screen reader would say it is.
        two.press(&[Key::Tab])?;
        two.type_text("Inv-8")?;
        two.press(&[Key::Tab])?;
        assert_eq!(two.focused()?, ("button".to_owned(), "Go on".to_owned()));
        two.press(&[Key::BackTab, Key::Tab, Key::Enter])?;
        two.wait_for_text("#said", "__Host-name=two ordered Inv-8", PATIENCE)?;

        assert!(!one.shows(Find::Role("button", "Never seen"))? && one.find("main h2").is_err());
        let missed = one.wait_for("h2", Duration::from_millis(100)).map_err(|trouble| trouble.to_string());
        assert!(missed.is_err_and(|told| told.contains("ordered INV-7")), "it tells what is shown instead");
        assert_eq!(one.execute("return arguments[0] + 1", &[json!(41)])?, 42);
        assert!(one.execute("throw new Error('no')", &[]).is_err());
        one.reload()?;
        assert_eq!(one.text("#said").unwrap_or_default(), "");
        Ok(())
    });
}

#[test]
fn a_planted_fault_of_a_page_is_found_and_a_good_page_has_none() {
    sandboxed(|| {
        let page = serve()?;
        let browser = Browser::start()?;
        let window = browser.window()?;
        window.open(&page)?;
        assert_eq!(window.axe()?, []);
        assert_eq!(window.complaints()?, [""; 0]);
        let good = picture(&window, 1280)?;

        window.open(&format!("{page}/bad"))?;
        let rules: Vec<String> = window.axe()?.into_iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, ["color-contrast", "label"]);
        let complaints = window.complaints()?;
        assert!(complaints.iter().any(|told| told.contains("Content Security Policy")), "{complaints:?}");
        assert_ne!(picture(&window, 1280)?, good);
        window.size(600, 700)?;
        picture(&window, 600)?;
        Ok(())
    });
}

/// What a screenshot holds, so many pixels wide.
fn picture(window: &keyhush_tests::live::browser::Window, width: u32) -> Outcome<Vec<u8>> {
    let file = Path::new(sandbox::ROOT).join("picture.png");
    window.screenshot(&file)?;
    let read = png::Decoder::new(std::io::Cursor::new(fs::read(&file).during("a picture")?)).read_info();
    let mut reader = read.during("a picture")?;
    let mut pixels = vec![0; reader.output_buffer_size().unwrap_or_default()];
    let info = reader.next_frame(&mut pixels).during("a picture")?;
    assert_eq!(info.width, width);
    assert!(pixels.iter().any(|pixel| *pixel != pixels[0]), "nothing is seen");
    Ok(pixels)
}
