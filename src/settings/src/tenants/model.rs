//! A tenant as the rest of the program reads it.

use std::path::{Path, PathBuf};

use super::credentials::Credentials;
use super::numbers::Numbers;
use super::recording::Recording;
use crate::model::{MaskKey, Replacement, SecureMode, Unmaskable, WhileKeying};

/// One client company.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Tenant {
    /// The name of its file without `.toml`: lower-case letters, digits and hyphens; at most 32. Agents and results carry it.
    pub id: String,
    /// Its name as people write it.
    pub name: String,
    /// Its numbers. No other tenant has one of them.
    pub numbers: Vec<Numbers>,
    /// The wires whose calls are its own where no number says otherwise. No other tenant has one of them.
    pub trunks: Vec<String>,
    /// `[secure_mode]`
    pub secure_mode: Choices,
    /// `[reference]`
    pub reference: CallReferences,
    /// `[pan_display]`
    pub pan_display: PanDisplay,
    /// `[keying]`
    pub keying: Keying,
    /// `[psp]`
    pub psp: Psp,
    /// The origins that may show the page in a frame, as browsers write them: `https://crm.example.com`.
    pub frame_origins: Vec<String>,
    /// `[recording]`, where its calls are recorded.
    pub recording: Option<Recording>,
}

impl Tenant {
    /// What SecureMode does in this tenant's calls: its own choices, and the box's where it made none.
    pub fn secure_mode(&self, of_box: &SecureMode) -> SecureMode {
        let chosen = &self.secure_mode;
        SecureMode {
            mask_key: chosen.mask_key.unwrap_or(of_box.mask_key),
            replacement: chosen.replacement.unwrap_or(of_box.replacement),
            unmaskable: chosen.unmaskable.unwrap_or(of_box.unmaskable),
            while_keying: chosen.while_keying.unwrap_or(of_box.while_keying),
            ..*of_box
        }
    }
}

/// What a tenant chose of SecureMode; `None` is the box's choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Choices {
    /// What replaces a key.
    pub mask_key: Option<MaskKey>,
    /// What leaves in place of a key's tone.
    pub replacement: Option<Replacement>,
    /// What becomes of audio whose tones cannot be masked.
    pub unmaskable: Option<Unmaskable>,
    /// What becomes of the caller's audio while a field is being keyed.
    pub while_keying: Option<WhileKeying>,
}

/// `[reference]`: the call references of a tenant's agents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CallReferences {
    /// How many digits they have at least; they grow where many are open.
    pub length: u8,
    /// The key that announces one. `None`: it is told by the pause before it.
    pub prefix_key: Option<PrefixKey>,
}

/// A key that announces a call reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrefixKey {
    /// `*`
    Star,
    /// `#`
    Pound,
}

impl PrefixKey {
    /// The key as it is written: `b'*'` or `b'#'`.
    pub const fn ascii(self) -> u8 {
        match self {
            PrefixKey::Star => b'*',
            PrefixKey::Pound => b'#',
        }
    }
}

/// `[pan_display]`: what agents may see of a card number, and what is kept with the result. Never more, nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct PanDisplay {
    /// The first six digits, of numbers of 15 digits and more.
    pub first_six: bool,
    /// The last four digits of a complete and valid number.
    pub last_four: bool,
}

/// `[keying]`: what callers key beside card number and security code, and what `*` does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Keying {
    /// The expiry date; otherwise the agent types it.
    pub expiry: bool,
    /// The date from which the card is valid; otherwise the agent types it.
    pub valid_from: bool,
    /// The issue number; otherwise the agent types it.
    pub issue: bool,
    /// Whether `*` clears the field.
    pub star_clears: bool,
}

/// `[psp]`: who is asked for the money.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Psp {
    /// Which of them, and as whom.
    pub provider: Provider,
    /// Where it answers.
    pub endpoint: Endpoint,
    /// A PEM file of the authorities that may vouch for it. `None`: the public ones.
    pub authorities: Option<PathBuf>,
}

/// A payment service provider, and the account with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Provider {
    /// The sandbox that comes with Keyhush.
    Sandbox {
        /// Any name; requests carry it.
        account: Option<String>,
        /// What it is shown, where it asks for something.
        credentials: Option<Credentials>,
    },
    /// Stripe.
    Stripe {
        /// A connected account (`Stripe-Account`). `None`: the key's own.
        account: Option<String>,
        /// The secret key.
        credentials: Credentials,
    },
    /// Adyen.
    Adyen {
        /// The merchant account.
        merchant: String,
        /// The API key.
        credentials: Credentials,
    },
}

impl Provider {
    /// As the file and results name it.
    pub const fn name(&self) -> &'static str {
        match self {
            Provider::Sandbox { .. } => "sandbox",
            Provider::Stripe { .. } => "stripe",
            Provider::Adyen { .. } => "adyen",
        }
    }

    /// The credentials' file.
    pub fn credentials(&self) -> Option<&Credentials> {
        match self {
            Provider::Sandbox { credentials, .. } => credentials.as_ref(),
            Provider::Stripe { credentials, .. } | Provider::Adyen { credentials, .. } => Some(credentials),
        }
    }
}

/// An HTTPS address: `https://HOST[:PORT][/PATH]`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Endpoint {
    /// The host's name or address in lower case; IPv6 addresses without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What goes before every path, such as `/v72`; empty or beginning with `/`, without one at its end.
    pub path: String,
}

/// The path of a file that a tenant's file names: from the tenant's file's own directory.
pub(super) fn beside(file: &Path, named: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(named)
}
