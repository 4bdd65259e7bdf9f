//! W3C WebDriver: JSON over HTTP/1.1 to a driver on our own loopback.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;

use super::super::http;
use super::{During, Outcome, Trouble};

/// Where commands go. A connection serves one of them: between processes of one machine another costs nothing.
#[derive(Clone, Debug)]
pub(super) struct Commands {
    port: u16,
    path: String,
}

impl Commands {
    pub(super) fn new(port: u16, path: String) -> Commands {
        Commands { port, path }
    }

    pub(super) fn below(&self, path: &str) -> Commands {
        Commands { port: self.port, path: format!("{}{path}", self.path) }
    }

    pub(super) fn get(&self, path: &str) -> Outcome<Value> {
        self.command("GET", path, "")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Outcome<Value> {
        self.command("POST", path, &body.to_string())
    }

    pub(super) fn delete(&self, path: &str) -> Outcome<Value> {
        self.command("DELETE", path, "")
    }

    fn command(&self, method: &str, path: &str, body: &str) -> Outcome<Value> {
        let target = format!("{}{path}", self.path);
        let driver = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let answer = http::exchange(driver, method, &target, body).during("asking chromedriver")?;
        let answer: Value = serde_json::from_slice(&answer).during("reading chromedriver's answer")?;
        let value = &answer["value"];
        match value["error"].as_str() {
            None => Ok(value.clone()),
            Some(error) => {
                let message = value["message"].as_str().unwrap_or_default();
                let first = message.lines().next().unwrap_or_default();
                Err(Trouble::new(format!("{error}: {first}")))
            }
        }
    }
}
