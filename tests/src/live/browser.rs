//! Headless Chromium, one or several, as an agent uses it: Debian's `chromium`, driven through its `chromedriver`.
//!
//! It runs in the namespaces of the sandbox, where Keyhush serves its pages on the loopback, keeps its profile on the
//! sandbox's tmpfs, takes certificates that nobody vouches for, and ends with the test.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::process::Running;
use super::sandbox::ROOT;
use super::{During, Outcome, Trouble};
use webdriver::Commands;

pub mod axe;
mod base64;
mod files;
pub mod find;
pub mod watch;
mod webdriver;

pub use find::Find;
pub use watch::Sight;

/// How long a page may take where nothing else is said: other processes share the machine.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Looking costs the page time, and time of the cores on which keys are masked.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Chromium's switches. As root it has no sandbox of its own; ours is around it. Nothing is to run behind the test's back, and
/// a window that nobody looks at is to work like one that somebody does.
const SWITCHES: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--no-first-run",
    "--force-device-scale-factor=1",
    "--lang=en-GB",
];

/// The names of the drivers of this process, whose logs lie beside each other.
static DRIVERS: AtomicU32 = AtomicU32::new(0);

/// A driver, of which every window is a Chromium of its own.
#[derive(Debug)]
pub struct Browser {
    // Ends with this value, and its windows before it.
    _driver: Running,
    port: u16,
}

/// A window with cookies and a profile of its own.
#[derive(Debug)]
pub struct Window {
    session: Commands,
}

/// An element of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Element(String);

/// A key that is no letter, by its code point in WebDriver (section 17.4.2, "Keyboard actions").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// To the next control.
    Tab,
    /// To the control before.
    BackTab,
    /// Does what has the focus.
    Enter,
    /// The space bar.
    Space,
    /// Leaves.
    Escape,
}

impl Browser {
    /// Starts the driver.
    ///
    /// # Errors
    /// When `chromium-driver` is not installed or does not come up.
    pub fn start() -> Outcome<Browser> {
        let number = DRIVERS.fetch_add(1, Ordering::Relaxed);
        // An appliance has cores of its own. Here it shares them with a browser, which is to give way: an lcore that stands still for
        // too long is lost.
        let mut command = Command::new("nice");
        command.args(["-n", "10", "chromedriver", "--port=0"]);
        let mut driver = Running::start(&format!("chromedriver-{number}"), command)?;
        let port = driver.wait_until("chromedriver listens", PATIENCE, |said| {
            let (_, rest) = said.split_once("successfully on port ")?;
            rest.split_once('.')?.0.parse().ok()
        })?;
        Ok(Browser { _driver: driver, port })
    }

    /// Opens a window, of a person with a screen of 1280 by 900.
    ///
    /// # Errors
    /// When Chromium does not come up.
    pub fn window(&self) -> Outcome<Window> {
        let profile = Path::new(ROOT).join(format!("chromium-{}", DRIVERS.fetch_add(1, Ordering::Relaxed)));
        let switches = SWITCHES
            .iter()
            .map(|switch| json!(switch))
            .chain([json!(format!("--user-data-dir={}", profile.display()))]);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "timeouts": { "pageLoad": 30_000, "script": 30_000, "implicit": 0 },
            "unhandledPromptBehavior": "accept",
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": switches.collect::<Vec<_>>() },
            "goog:loggingPrefs": { "browser": "ALL" },
        }}});
        let driver = Commands::new(self.port, String::new());
        let session = driver.post("/session", &wanted)?;
        let id = session["sessionId"].as_str().ok_or_else(|| Trouble::new("a session without a name"))?;
        let window = Window { session: driver.below(&format!("/session/{id}")) };
        window.size(1280, 900)?;
        Ok(window)
    }
}

impl Window {
    /// Opens a page and waits until it is loaded.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn open(&self, url: &str) -> Outcome<()> {
        self.session.post("/url", &json!({ "url": url })).map(drop).during(url)
    }

    /// Loads the page again.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn reload(&self) -> Outcome<()> {
        self.session.post("/refresh", &json!({})).map(drop)
    }

    /// The page's address.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn address(&self) -> Outcome<String> {
        let address = self.session.get("/url")?;
        address.as_str().map(str::to_owned).ok_or_else(|| Trouble::new("a page without an address"))
    }

    /// Makes the page so many pixels wide and high.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn size(&self, width: u32, height: u32) -> Outcome<()> {
        // The window's, whose frame is not seen: headless windows have none.
        self.session.post("/window/rect", &json!({ "width": width, "height": height })).map(drop)
    }

    /// Clicks.
    ///
    /// # Errors
    /// When there is nothing of that kind, or something lies above it.
    pub fn click<'a>(&self, at: impl Into<Find<'a>>) -> Outcome<()> {
        let at = at.into();
        let Element(id) = self.find(at)?;
        self.session.post(&format!("/element/{id}/click"), &json!({})).map(drop).during(at)
    }

    /// Replaces what a field holds by typing.
    ///
    /// # Errors
    /// When there is no such field, or nobody can type into it.
    pub fn fill<'a>(&self, at: impl Into<Find<'a>>, text: &str) -> Outcome<()> {
        let at = at.into();
        let Element(id) = self.find(at)?;
        self.session.post(&format!("/element/{id}/clear"), &json!({})).during(at)?;
        self.session.post(&format!("/element/{id}/value"), &json!({ "text": text })).map(drop).during(at)
    }

    /// Types into whatever has the focus.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn type_text(&self, text: &str) -> Outcome<()> {
        self.strokes(text.chars().flat_map(|letter| stroke(&letter.to_string())).collect())
    }

    /// Presses keys, one after the other, in whatever has the focus.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn press(&self, keys: &[Key]) -> Outcome<()> {
        const SHIFT: &str = "\u{e008}";
        let strokes = keys.iter().flat_map(|key| match key {
            Key::Tab => stroke("\u{e004}"),
            Key::BackTab => [hold(SHIFT), stroke("\u{e004}"), let_go(SHIFT)].concat(),
            Key::Enter => stroke("\u{e007}"),
            Key::Space => stroke(" "),
            Key::Escape => stroke("\u{e00c}"),
        });
        self.strokes(strokes.collect())
    }

    fn strokes(&self, actions: Vec<Value>) -> Outcome<()> {
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.session.post("/actions", &json!({ "actions": [keyboard] })).map(drop)
    }

    /// The text that is seen.
    ///
    /// # Errors
    /// When there is nothing of that kind.
    pub fn text<'a>(&self, at: impl Into<Find<'a>>) -> Outcome<String> {
        let Element(id) = self.find(at.into())?;
        self.text_of(&id)
    }

    fn text_of(&self, id: &str) -> Outcome<String> {
        let text = self.session.get(&format!("/element/{id}/text"))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Whether something is there and seen.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn shows<'a>(&self, at: impl Into<Find<'a>>) -> Outcome<bool> {
        Ok(!self.find_all(at.into())?.is_empty())
    }

    /// Runs the body of a JavaScript function in the page, with `arguments`; answers what it returns, or what its promise
    /// becomes.
    ///
    /// # Errors
    /// When it throws.
    pub fn execute(&self, script: &str, arguments: &[Value]) -> Outcome<Value> {
        self.session.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// Waits until `ready` answers something; its errors are those of a page that is not there yet.
    ///
    /// # Errors
    /// When it has not within `at_most`; with what the page shows.
    pub fn wait_until<T>(
        &self,
        what: &str,
        at_most: Duration,
        mut ready: impl FnMut(&Window) -> Outcome<Option<T>>,
    ) -> Outcome<T> {
        let until = Instant::now() + at_most;
        loop {
            let answer = ready(self);
            if let Ok(Some(found)) = answer {
                return Ok(found);
            }
            if Instant::now() >= until {
                let last = answer.err().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
                let shown = self.text("body").unwrap_or_else(|trouble| trouble.to_string());
                let shown = shown.trim().replace('\n', "\n  | ");
                let seconds = at_most.as_secs_f64();
                return Err(Trouble::new(format!(
                    "not seen in {seconds:.1} s: {what}{last}; the page shows\n  | {shown}"
                )));
            }
            thread::sleep(BETWEEN_LOOKS);
        }
    }

    /// Waits until something is there and seen.
    ///
    /// # Errors
    /// When it is not within `at_most`.
    pub fn wait_for<'a>(&self, at: impl Into<Find<'a>>, at_most: Duration) -> Outcome<()> {
        let at = at.into();
        self.wait_until(&at.to_string(), at_most, |window| Ok(window.shows(at)?.then_some(())))
    }

    /// Waits until something shows `text`, perhaps among more.
    ///
    /// # Errors
    /// When it does not within `at_most`.
    pub fn wait_for_text<'a>(&self, at: impl Into<Find<'a>>, text: &str, at_most: Duration) -> Outcome<()> {
        let at = at.into();
        let what = format!("\"{text}\" in {at}");
        self.wait_until(&what, at_most, |window| Ok(window.text(at)?.contains(text).then_some(())))
    }

    /// Saves a picture of what is seen, a PNG.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn screenshot(&self, file: &Path) -> Outcome<()> {
        let picture = self.session.get("/screenshot")?;
        let picture = picture.as_str().and_then(base64::decode);
        let picture = picture.ok_or_else(|| Trouble::new("the screenshot is no Base64"))?;
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory).during(directory.display())?;
        }
        fs::write(file, picture).during(file.display())
    }

    /// What the page complained about in its console since it was asked last: errors of scripts, requests that failed, what the
    /// content security policy barred.
    ///
    /// # Errors
    /// When the window is gone.
    pub fn complaints(&self) -> Outcome<Vec<String>> {
        let log = self.session.post("/se/log", &json!({ "type": "browser" }))?;
        let severe = |entry: &&Value| entry["level"] == "SEVERE" || entry["source"] == "security";
        let entries = log.as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        Ok(entries.iter().filter(severe).map(text).collect())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.session.delete("");
    }
}

fn hold(key: &str) -> Vec<Value> {
    vec![json!({ "type": "keyDown", "value": key })]
}

fn let_go(key: &str) -> Vec<Value> {
    vec![json!({ "type": "keyUp", "value": key })]
}

fn stroke(key: &str) -> Vec<Value> {
    [hold(key), let_go(key)].concat()
}
