//! Somebody at the page: what an agent does there, and what the page tells them.
//!
//! What is to be seen is read twice: from what the page was sent ([`Shown`]), and from what is really on the screen, which must
//! say the same.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::browser::{Find, PATIENCE, Window};
use super::sandbox::ROOT;
use super::{Outcome, Trouble};

/// The page's fields by their names, which the requests have too, and its buttons.
mod at {
    pub(super) const USER_NAME: &str = "input[autocomplete=username]";
    pub(super) const PASSWORD: &str = "input[type=password]";
    pub(super) const AMOUNT: &str = "[name=amount]";
    pub(super) const ORDER: &str = "[name=order]";
    pub(super) const SIGN_IN: &str = "#sign-in [type=submit]";
    pub(super) const START: &str = "#new-form [type=submit]";
    pub(super) const SEARCH: &str = "#search";
    /// What a page says that was not as it should be.
    pub(super) const ALERT: &str = "[role=alert]";
}

/// An agent with a window.
#[derive(Debug)]
pub struct Agent {
    /// Their window, for what is not said here.
    pub window: Window,
    page: String,
}

/// What the page shows of a payment, as it was sent.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown(pub Value);

/// A button of a payment's page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Button {
    /// The field is complete.
    Next,
    /// The field of this kind anew.
    Reset(&'static str),
    /// All of it anew; after a result it is called otherwise.
    StartAgain,
    /// Off to the provider.
    Pay,
    /// Ask the provider what became of it.
    AskAgain,
    /// No payment; after a result it is called otherwise.
    Cancel,
}

impl Button {
    fn selector(self) -> String {
        let id = match self {
            Button::Reset(field) => return format!("#fields [data-kind={field}] button"),
            Button::Next => "next",
            Button::StartAgain => "start_again",
            Button::Pay => "pay",
            Button::AskAgain => "ask_again",
            Button::Cancel => "cancel",
        };
        format!("#{id}")
    }
}

impl Agent {
    /// Somebody with `window` at `page`, such as `https://127.0.0.1:8443`.
    pub fn new(window: Window, page: &str) -> Agent {
        Agent { window, page: page.to_owned() }
    }

    /// Signs in and sees the page for a new payment.
    ///
    /// # Errors
    /// When the page does not let them.
    pub fn sign_in(&self, name: &str, password: &str) -> Outcome<()> {
        self.enter(name, password)?;
        self.window.wait_for(at::AMOUNT, PATIENCE)
    }

    /// Signs in as somebody who may hear recordings, and sees their list.
    ///
    /// # Errors
    /// When the page does not let them.
    pub fn sign_in_to_archive(&self, name: &str, password: &str) -> Outcome<()> {
        self.enter(name, password)?;
        self.window.wait_for(at::SEARCH, PATIENCE)
    }

    fn enter(&self, name: &str, password: &str) -> Outcome<()> {
        self.open("/sign-in")?;
        self.window.wait_for(at::USER_NAME, PATIENCE)?;
        self.window.fill(at::USER_NAME, name)?;
        self.window.fill(at::PASSWORD, password)?;
        self.window.click(at::SIGN_IN)
    }

    /// Opens what is at a path, such as `/archive`.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn open(&self, path: &str) -> Outcome<()> {
        self.window.open(&format!("{}{path}", self.page))
    }

    /// Starts a payment of so many pounds, `12.34`, and waits for its call reference.
    ///
    /// # Errors
    /// When the page shows none.
    pub fn new_payment(&self, amount: &str, order: &str) -> Outcome<String> {
        self.type_payment(amount, order)?;
        let is_payment = |window: &Window| Ok(window.address()?.contains("/payments/").then_some(()));
        self.window.wait_until("the page of a payment", PATIENCE, is_payment)?;
        self.reference()
    }

    /// Fills in a new payment and sends it.
    ///
    /// # Errors
    /// When the page has no such fields.
    pub fn type_payment(&self, amount: &str, order: &str) -> Outcome<()> {
        self.window.open(&self.page)?;
        self.window.wait_for(at::AMOUNT, PATIENCE)?;
        self.window.fill(at::AMOUNT, amount)?;
        self.window.fill(at::ORDER, order)?;
        self.window.click(at::START)
    }

    /// What the page says was not as it should be.
    ///
    /// # Errors
    /// When it says nothing of the kind.
    pub fn alert(&self) -> Outcome<String> {
        self.window.wait_until("an alert", PATIENCE, |window| {
            Ok(window.texts(at::ALERT)?.into_iter().find(|text| !text.is_empty()))
        })
    }

    /// The call reference, once it is shown.
    ///
    /// # Errors
    /// When the page shows none.
    pub fn reference(&self) -> Outcome<String> {
        let shown = self.wait("a call reference", PATIENCE, |shown| shown.0["reference"].is_string())?;
        let reference = shown.0["reference"].as_str().unwrap_or_default().to_owned();
        // In groups, for people.
        self.window.wait_until("the call reference", PATIENCE, |window| {
            let text: String = window.text("main")?.split_whitespace().collect();
            Ok(text.contains(&reference).then_some(()))
        })?;
        Ok(reference)
    }

    /// What the page was sent last.
    ///
    /// # Errors
    /// When it is the page of no payment.
    pub fn shown(&self) -> Outcome<Shown> {
        let script = "return fetch('/api' + location.pathname).then((answer) => answer.json())";
        let mut answer = self.window.execute(script, &[])?;
        match answer["view"].take() {
            Value::Null => Err(Trouble::new(format!("no payment is shown: {answer}"))),
            view => Ok(Shown(view)),
        }
    }

    /// Waits until what the page was sent is `wanted`, and until it is on the screen.
    ///
    /// # Errors
    /// When it is not within `at_most`; with what is.
    pub fn wait(&self, what: &str, at_most: Duration, wanted: impl Fn(&Shown) -> bool) -> Outcome<Shown> {
        let mut last = None;
        let found = self.window.wait_until(what, at_most, |_| {
            let shown = self.shown()?;
            let missing = if wanted(&shown) { self.unseen(&shown)? } else { Vec::new() };
            let fits = wanted(&shown) && missing.is_empty();
            last = Some((shown.clone(), missing));
            Ok(fits.then_some(shown))
        });
        found.map_err(|trouble| match &last {
            None => trouble,
            Some((shown, missing)) => Trouble::new(format!(
                "{trouble}\n  sent was {}\n  and of it is not seen: {missing:?}",
                shown.0
            )),
        })
    }

    /// What of `shown` is not on the screen.
    fn unseen(&self, shown: &Shown) -> Outcome<Vec<String>> {
        // Without the spaces that lines and groups bring, and whatever case a style makes of them.
        let plain = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
        let screen = plain(&self.window.text("body")?);
        let fields = shown.0["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        let texts = ["headline", "say", "icon_text", "amount", "order"].map(|name| &shown.0[name]);
        let parts = fields.iter().flat_map(|field| [&field["shown"], &field["problem"]]);
        let wanted = texts.into_iter().chain(parts).filter_map(Value::as_str);
        Ok(wanted.filter(|text| !screen.contains(&plain(text))).map(str::to_owned).collect())
    }

    /// Waits until the payment has come to this stage.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_for_stage(&self, stage: &str) -> Outcome<Shown> {
        self.wait(&format!("the stage {stage}"), PATIENCE, |shown| shown.0["stage"] == stage)
    }

    /// Waits until the icon is `off`, `awaited`, `on` or says `stop`.
    ///
    /// # Errors
    /// When it is not.
    pub fn wait_for_icon(&self, icon: &str) -> Outcome<Shown> {
        self.wait(&format!("the icon {icon}"), PATIENCE, |shown| shown.0["icon"] == icon)
    }

    /// Waits until a field of this kind takes keys, with SecureMode on.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_for_field(&self, kind: &str) -> Outcome<Shown> {
        let open = |shown: &Shown| shown.0["open"] == kind && shown.0["icon"] == "on";
        self.wait(&format!("the field {kind}"), PATIENCE, open)
    }

    /// Waits until a field of this kind is `waiting`, `open`, `may_end`, `complete`, `skipped` or `refused`.
    ///
    /// # Errors
    /// When it is not.
    pub fn wait_for_field_state(&self, kind: &str, state: &str) -> Outcome<Shown> {
        let is = |shown: &Shown| shown.field(kind)["state"] == state;
        self.wait(&format!("the field {kind} {state}"), PATIENCE, is)
    }

    /// Waits until a field of this kind holds so many keys.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_for_keys(&self, kind: &str, keys: usize) -> Outcome<Shown> {
        let holds = |shown: &Shown| shown.field(kind)["length"] == keys;
        self.wait(&format!("{keys} keys in the field {kind}"), PATIENCE, holds)
    }

    /// Waits for the result; answers its outcome.
    ///
    /// # Errors
    /// When there is none.
    pub fn result(&self) -> Outcome<String> {
        let shown = self.wait("a result", PATIENCE, |shown| shown.0["result"].is_object())?;
        Ok(shown.0["result"]["outcome"].as_str().unwrap_or_default().to_owned())
    }

    /// Clicks a button, once it is there.
    ///
    /// # Errors
    /// When it does not come.
    pub fn click(&self, button: Button) -> Outcome<()> {
        let selector = button.selector();
        self.window.wait_for(selector.as_str(), PATIENCE)?;
        self.window.click(selector.as_str())
    }

    /// Types the details that every payment needs, and pays.
    ///
    /// # Errors
    /// When the page has no such fields.
    pub fn pay(&self) -> Outcome<()> {
        self.wait_for_stage("details")?;
        let details = [
            ("expiry", "12/31"),
            ("name", "Grace Example"),
            ("street", "1 Quay Street"),
            ("town", "Bristol"),
            ("postcode", "BS1 4DJ"),
        ];
        for (name, text) in details {
            let field = format!("[name={name}]");
            if self.window.shows(field.as_str())? {
                self.window.fill(field.as_str(), text)?;
            }
        }
        self.click(Button::Pay)
    }

    /// That nothing keeps anybody from using the page as it is now.
    ///
    /// # Errors
    /// What does.
    pub fn check(&self, state: &str) -> Outcome<()> {
        let found = self.window.axe()?;
        if found.is_empty() {
            return Ok(());
        }
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        Err(Trouble::new(format!("axe-core finds in the state {state}:\n  {}", found.join("\n  "))))
    }

    /// The same in light colours and in dark ones; a picture of each lies in the sandbox.
    ///
    /// # Errors
    /// What keeps somebody from it.
    pub fn check_both(&self, state: &str) -> Outcome<()> {
        for (is_dark, colours) in [(true, "dark"), (false, "light")] {
            self.window.darken(is_dark)?;
            self.check(&format!("{state}, {colours}"))?;
            self.picture(&Path::new(ROOT).join("pictures"), &format!("{state}-{colours}"))?;
        }
        Ok(())
    }

    /// Saves a picture of the page, `NAME.png`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn picture(&self, directory: &Path, name: &str) -> Outcome<()> {
        self.window.screenshot(&directory.join(format!("{name}.png")))
    }

    /// The letters that stand for keys, all fields together, to be watched: a tenant that shows no digits shows one for each.
    pub const DOTS: &str = "(document.body.innerText.match(/•/g) || []).length";

    /// Whether the page says STOP, to be watched.
    pub const STOP: &str = "/\\bSTOP\\b/.test(document.body.innerText)";

    /// Leaves.
    ///
    /// # Errors
    /// When the page has no such button.
    pub fn sign_out(&self) -> Outcome<()> {
        self.window.click(Find::Role("button", "Sign out"))?;
        self.window.wait_for(at::USER_NAME, PATIENCE)
    }

    /// What a request of this agent's browser is answered: status and body.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn request(&self, method: &str, path: &str, body: Option<Value>) -> Outcome<(u64, String)> {
        let script = "const [method, path, body] = arguments;
            const headers = body === null ? {} : { 'Content-Type': 'application/json' };
            return fetch(path, { method, headers, body: body === null ? undefined : JSON.stringify(body) })
                .then((answer) => answer.text().then((text) => [answer.status, text]))";
        let arguments = [json!(method), json!(path), body.unwrap_or(Value::Null)];
        let answer = self.window.execute(script, &arguments)?;
        match (answer[0].as_u64(), answer[1].as_str()) {
            (Some(status), Some(text)) => Ok((status, text.to_owned())),
            _ => Err(Trouble::new(format!("no answer to {method} {path}: {answer}"))),
        }
    }
}

impl Shown {
    /// A field of this kind; null where there is none.
    pub fn field(&self, kind: &str) -> &Value {
        let fields = self.0["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        fields.iter().find(|field| field["kind"] == kind).unwrap_or(&Value::Null)
    }

    /// What is seen of a field's keys.
    pub fn seen_of(&self, kind: &str) -> &str {
        self.field(kind)["shown"].as_str().unwrap_or_default()
    }

    /// A text by its name: `headline`, `say`, `icon`, `stage`, `brand`; empty where there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }
}
