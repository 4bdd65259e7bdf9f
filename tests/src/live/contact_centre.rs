//! Two client companies, their agents, and everything that Keyhush needs to serve them a page: tenants, certificate, store.

use std::fs::{self, DirBuilder};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::agent::Agent;
use super::browser::Browser;
use super::certificate::Certificate;
use super::http;
use super::keyhush::{self, Keyhush};
use super::network::Host;
use super::phone::{Line, Phone, Sound};
use super::provider::Place;
use super::recordings;
use super::sandbox::ROOT;
use super::{During, Outcome, Trouble};

/// The agents' number at the first tenant, harbour, and a second one there. All are of the ranges that nobody is given
/// (Ofcom, "Telephone numbers for use in TV and radio drama programmes").
pub const HARBOUR: [&str; 2] = ["+442079460123", "+442079460124"];

/// The agents' number at the second tenant, meadow.
pub const MEADOW: &str = "+442079460150";

/// The callers' own numbers.
pub const CALLERS: [&str; 2] = ["+447700900123", "+447700900456"];

/// Who may sign in, and whose agent each is.
pub const AGENTS: [(&str, &str); 3] = [("ann", "harbour"), ("ben", "harbour"), ("cleo", "meadow")];

/// The password of each.
pub const PASSWORD: &str = "they all know the same sentence";

/// Where metrics and health are.
pub const MANAGEMENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

/// A port for the page that nothing else uses in a sandbox.
pub const PAGE_PORT: u16 = 8443;

/// Keyhush between a carrier and two client companies, and what is needed to be their agents.
#[derive(Debug)]
pub struct ContactCentre {
    /// The appliance.
    pub keyhush: Keyhush,
    /// Where the page is.
    pub page: String,
    browser: Browser,
    settings: String,
}

/// A call that is up: the caller's telephone and the agent's.
#[derive(Debug)]
pub struct Call {
    /// The caller's telephone.
    pub caller: Phone,
    /// The agent's.
    pub agent: Phone,
    /// The Call-ID.
    pub call_id: String,
}

impl ContactCentre {
    /// Lets Keyhush serve the hosts, `pairs` of carrier side and customer side, and adds everybody.
    ///
    /// # Errors
    /// When anything does not come up, with what it said.
    pub fn open(pairs: &[[&Host; 2]], provider: &Place) -> Outcome<ContactCentre> {
        Self::open_at(PAGE_PORT, pairs, provider)
    }

    /// The same with the page at a port that somebody else has chosen.
    ///
    /// # Errors
    /// When anything does not come up, with what it said.
    pub fn open_at(port: u16, pairs: &[[&Host; 2]], provider: &Place) -> Outcome<ContactCentre> {
        let settings = furnish(port, pairs, provider)?;
        let browser = Browser::start()?;
        let keyhush = Keyhush::start_with(&settings)?;
        Ok(ContactCentre { keyhush, page: format!("https://127.0.0.1:{port}"), browser, settings })
    }

    /// Starts Keyhush again, as after [`Keyhush::kill`].
    ///
    /// # Errors
    /// When it does not come up; with what it said.
    pub fn start_again(&mut self) -> Outcome<()> {
        self.keyhush = Keyhush::start_with(&self.settings)?;
        Ok(())
    }

    /// Lets Keyhush serve the hosts, and that many agents of harbour who have no browsers: `agent-0` and so on. Answers where the page
    /// is, too.
    ///
    /// # Errors
    /// When it does not come up, with what it said.
    pub fn without_browsers(
        pairs: &[[&Host; 2]],
        provider: &Place,
        agents: usize,
    ) -> Outcome<(Keyhush, SocketAddrV4)> {
        let agents: Vec<_> = (0..agents).map(|number| (format!("agent-{number}"), "harbour")).collect();
        let settings = furnish_for(PAGE_PORT, pairs, provider, &agents)?;
        Ok((Keyhush::start_with(&settings)?, SocketAddrV4::new(Ipv4Addr::LOCALHOST, PAGE_PORT)))
    }

    /// An agent who has signed in, in a window of their own.
    ///
    /// # Errors
    /// When they cannot sign in.
    pub fn agent(&self, name: &str) -> Outcome<Agent> {
        let agent = self.visitor()?;
        agent.sign_in(name, PASSWORD)?;
        Ok(agent)
    }

    /// Somebody of harbour who may hear recordings and has signed in, in a window of their own.
    ///
    /// # Errors
    /// When they cannot be added or sign in.
    pub fn listener(&self, name: &str) -> Outcome<Agent> {
        add_user(&Path::new(ROOT).join("keyhush.toml"), name, "harbour", "archive")?;
        let listener = self.visitor()?;
        listener.sign_in_to_archive(name, PASSWORD)?;
        Ok(listener)
    }

    /// Somebody at the page who has not signed in.
    ///
    /// # Errors
    /// When Chromium does not come up.
    pub fn visitor(&self) -> Outcome<Agent> {
        Ok(Agent::new(self.browser.window()?, &self.page))
    }

    /// A page of what is served to those who watch the box: `/metrics`, `/healthz`.
    ///
    /// # Errors
    /// When it is not served.
    pub fn management(&self, path: &str) -> Outcome<String> {
        let body = http::exchange(MANAGEMENT, "GET", path, "").during(path)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

impl Call {
    /// The first telephone on `caller` calls the first one on `agent`, at `number`.
    ///
    /// # Errors
    /// When a telephone fails, or no call comes about.
    pub fn begin(caller: &Host, agent: &Host, number: &str, sound: Sound<'_>) -> Outcome<Call> {
        Self::between(Line::first(caller, CALLERS[0]), Line::first(agent, number), sound)
    }

    /// The same between the second telephones of both hosts.
    ///
    /// # Errors
    /// When a telephone fails, or no call comes about.
    pub fn begin_second(caller: &Host, agent: &Host, number: &str) -> Outcome<Call> {
        Self::between(Line::second(caller, CALLERS[1]), Line::second(agent, number), Sound::Hum(500))
    }

    fn between(caller: Line<'_>, agent: Line<'_>, sound: Sound<'_>) -> Outcome<Call> {
        let mut phones = [Phone::start_line(caller, sound)?, Phone::start_line(agent, Sound::Hum(620))?];
        let call_id = phones[0].call_line(agent)?;
        phones[1].answered()?;
        let [caller, agent] = phones;
        Ok(Call { caller, agent, call_id })
    }

    /// The agent keys a call reference, in the quiet that it wants before and after.
    ///
    /// # Errors
    /// When the telephone does not take it.
    pub fn key_reference(&mut self, reference: &str) -> Outcome<()> {
        std::thread::sleep(Duration::from_millis(2_200));
        self.agent.key(reference)
    }

    /// The caller hangs up.
    ///
    /// # Errors
    /// When the call does not end.
    pub fn hang_up(&mut self) -> Outcome<()> {
        self.caller.hang_up()
    }
}

/// Makes everything that Keyhush needs to serve the hosts and the agents, the page at `port`; answers its settings.
///
/// # Errors
/// When a file cannot be written or an agent not be added.
pub fn furnish(port: u16, pairs: &[[&Host; 2]], provider: &Place) -> Outcome<String> {
    let agents = AGENTS.map(|(name, tenant)| (name.to_owned(), tenant));
    furnish_for(port, pairs, provider, &agents)
}

/// The same for other agents.
fn furnish_for(
    port: u16,
    pairs: &[[&Host; 2]],
    provider: &Place,
    agents: &[(String, &str)],
) -> Outcome<String> {
    let settings = keyhush::wires(pairs)? + &tables(port)? + &recordings::furnish()?;
    write_tenants(provider)?;
    let file = keyhush::write_settings(&settings)?;
    for (name, tenant) in agents {
        add_user(&file, name, tenant, "agent")?;
    }
    Ok(settings)
}

/// The file of the certificate that the page shows.
pub fn certificate() -> PathBuf {
    Certificate::named("keyhush").certificate
}

fn tables(port: u16) -> Outcome<String> {
    let certificate = Certificate::new("keyhush")?;
    let store = Path::new(ROOT).join("store");
    DirBuilder::new().recursive(true).mode(0o700).create(&store).during("making the store's directory")?;
    Ok(format!(
        "
[agents]
listen = \"127.0.0.1:{port}\"
certificate = \"{}\"
key = \"{}\"

[management]
listen = \"{MANAGEMENT}\"

[tenants]
directory = \"{ROOT}/tenants\"

[store]
directory = \"{}\"
",
        certificate.certificate.display(),
        certificate.key.display(),
        store.display()
    ))
}

/// Harbour shows as much of a card number as may be shown and records its calls, meadow does neither.
fn write_tenants(provider: &Place) -> Outcome<()> {
    let directory = Path::new(ROOT).join("tenants");
    fs::create_dir_all(&directory).during("making the tenants' directory")?;
    let mut psp = format!("\n[psp]\nkind = \"sandbox\"\nendpoint = \"https://{}\"\n", provider.address);
    if let Some(pem) = &provider.certificate {
        fs::write(directory.join("psp.pem"), pem).during("writing the provider's certificate")?;
        psp += "authorities = \"psp.pem\"\n";
    }
    let tenant = |name: &str, numbers: &str, display: &str| {
        format!("name = \"{name}\"\nnumbers = [\"{numbers}\"]\n\n[pan_display]\n{display}\n{psp}")
    };
    let harbour = tenant("Harbour Insurance", "+442079460120-29", "first_six = true\nlast_four = true")
        + "\n[recording]\nrecord = true\n";
    let meadow = tenant("Meadow Travel", "+442079460150-59", "first_six = false\nlast_four = false");
    for (id, text) in [("harbour", harbour), ("meadow", meadow)] {
        fs::write(directory.join(format!("{id}.toml")), text).during("writing a tenant")?;
    }
    Ok(())
}

fn add_user(settings: &Path, name: &str, tenant: &str, role: &str) -> Outcome<()> {
    let mut command = Command::new(keyhush::binary()?);
    command.args(["user", "add", name, "--tenant", tenant, "--role", role, "--password-stdin", "--config"]);
    command.arg(settings);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().during("starting keyhush")?;
    if let Some(mut password) = child.stdin.take() {
        writeln!(password, "{PASSWORD}").during("telling a password")?;
    }
    let output = child.wait_with_output().during("adding an agent")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Trouble::new(format!("keyhush user add {name}: {}", said.trim())))
}
