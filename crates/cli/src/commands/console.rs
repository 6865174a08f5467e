//! `bulla console`: the web console of the embedded KMS, on a loopback address, for the user who runs the command.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{env, thread};

use bulla_client::CallError;
use bulla_keys::{KeyId, SystemRandom};
use bulla_kms::{Kms, OpenError, Role};
use bulla_server::{ConsoleEvent, ConsoleRefusal, Engine, OwnerConsole, ServeError, Shutdown};

use super::serve::{resolve, serve_failure};
use crate::args::{Console, KmsFlags};
use crate::embedded::{EmbeddedKms, hint};
use crate::failure::{Exit, Failure, with_causes};
use crate::location::KmsLocation;
use crate::messages::note;

pub(crate) fn run(flags: &KmsFlags, console: Console) -> Result<(), Failure> {
    let data = match (console.data, KmsLocation::of(flags)?) {
        (Some(data), _) | (None, KmsLocation::Embedded(data)) => data,
        (None, KmsLocation::Remote(server)) => {
            let what = format!("`console` is for the embedded KMS, but --kms or BULLA_KMS names {server}");
            return Err(Failure::new(Exit::Usage, what, "open /console/ of that server in a browser"));
        }
    };
    let listen = match &console.listen {
        Some(typed) => resolve("--listen", typed)?.address,
        None => LISTEN,
    };
    let engine = Arc::new(Store(EmbeddedKms::new(data)));
    engine.0.with(|_| Ok(()))?; // otherwise the user would see only in the browser that it does not open
    let name = format!("{}.localhost", KeyId::random(&SystemRandom).to_string().replace('-', ""));
    let pages = OwnerConsole::bind(listen, &name, engine, Shutdown::on_signals(), report).map_err(unbound)?;
    let link = format!("http://{name}:{}{}", pages.local_addr().port(), pages.make_link());
    note("The console is at");
    note(format!("  {link}"));
    note("The link works once, within a minute. Ctrl-C ends the console.");
    let forwarder = if console.no_open { None } else { open(&link) };
    let served = pages.run().map_err(serve_failure);
    drop(forwarder);
    served
}

fn unbound(error: ServeError) -> Failure {
    match error {
        ServeError::PlainHttp(_) => serve_failure(error)
            .advising("name a loopback address such as 127.0.0.1:0 with --listen, or leave it out"),
        error => serve_failure(error),
    }
}

/// The store of the embedded KMS, which other commands can use between two requests.
struct Store(EmbeddedKms);

impl Engine for Store {
    fn with(&self, run: &mut dyn FnMut(&Kms)) -> Result<(), ConsoleRefusal> {
        let opened = self.0.with(|kms| {
            run(kms);
            Ok(())
        });
        opened.map_err(refusal)
    }
}

/// Returns what the pages show while the store cannot be opened.
fn refusal(error: CallError) -> ConsoleRefusal {
    let CallError::Local { source, .. } = &error else {
        return ConsoleRefusal::Unopened { cause: with_causes(&error), hint: String::new() };
    };
    match source.downcast_ref() {
        Some(OpenError::InUse { by: Role::Server, .. }) => ConsoleRefusal::StoreOfServer,
        Some(OpenError::InUse { by: Role::Command, .. }) => ConsoleRefusal::StoreOfCommand,
        _ => ConsoleRefusal::Unopened { cause: with_causes(&error), hint: hint(&**source) },
    }
}

fn report(event: &ConsoleEvent) {
    if *event == ConsoleEvent::LinkUsedAgain {
        note(
            "bulla: the link was used a second time, so another program or person has it; all sessions have ended",
        );
        note("       run bulla console again");
    }
}

/// A page that redirects to the console, so that no process has the link among its arguments, which other users can
/// read.
struct Forwarder(PathBuf);

impl Drop for Forwarder {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // its link has expired
    }
}

/// Opens the link in the browser of the desktop, if there is one. If this fails, the user opens the printed link.
fn open(link: &str) -> Option<Forwarder> {
    if ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|name| env::var_os(name).is_none()) {
        return None;
    }
    let forwarder = write_forwarder(link).ok()?;
    let mut opener = Command::new("xdg-open");
    opener.arg(&forwarder.0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = opener.spawn().ok()?;
    thread::spawn(move || child.wait());
    Some(forwarder)
}

fn write_forwarder(link: &str) -> io::Result<Forwarder> {
    let directory = env::var_os("XDG_RUNTIME_DIR").map_or_else(env::temp_dir, PathBuf::from);
    let path = directory.join(format!("bulla-console-{}.html", KeyId::random(&SystemRandom)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let forwarder = Forwarder(path);
    let link = link.replace('&', "&amp;");
    write!(file, "<!DOCTYPE html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">")?;
    write!(file, "<meta http-equiv=\"refresh\" content=\"0; url={link}\">")?;
    Ok(forwarder)
}

/// A free port on loopback.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
