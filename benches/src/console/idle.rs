//! The cost of the console for a server that only answers the API: memory, and the speed of GenerateDataKey, with and without
//! the console in turns.

use std::net::Ipv4Addr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use bulla_wire::ram::{CreateLoginProfile, CreateUser};

use super::OFF;
use super::visitor::{ENTERED, Visitor};
use crate::Result;
use crate::kms::{ALIAS, generate_data_key};
use crate::load::flat_out;
use crate::people::call;
use crate::report::{Goal, figure, heading, judge, median};
use crate::requests::{Signer, signed};
use crate::server::{Scheme, Server};
use crate::turns;

/// Memory of a server in MiB: after its start, and after some requests.
struct Sizes {
    resident: [f64; 2],
    proportional: [f64; 2],
}

pub(super) fn memory(data: &Path) -> Result<()> {
    heading(&format!("console: memory of bulla serve with an empty store, {STARTS} starts of each"));
    let server = Server::bulla(data, Scheme::Http)?;
    server.create_key(ALIAS)?;
    create_user(&server)?;
    server.stop()?;
    let mut off = Vec::new();
    let mut on = Vec::new();
    for _ in 0..STARTS {
        off.push(sizes(&Server::bulla_with(data, Scheme::Http, &[OFF])?, ask)?);
        on.push(sizes(&Server::bulla(data, Scheme::Http)?, visit)?);
    }
    let states = ["after the start", "after 21 requests; with it, a sign-in and 20 pages"];
    for (at, state) in states.iter().enumerate() {
        let resident = |sizes: &[Sizes]| median(sizes.iter().map(|sizes| sizes.resident[at]));
        let proportional = |sizes: &[Sizes]| median(sizes.iter().map(|sizes| sizes.proportional[at]));
        figure(&format!("without it, {state}"), resident(&off), "MiB");
        judge("resident, more with it", resident(&on) - resident(&off), "MiB", growth());
        judge("proportional, more with it", proportional(&on) - proportional(&off), "MiB", growth());
    }
    by_password(data)
}

/// Measures the memory after a sign-in with a password, whose check takes 64 MiB temporarily.
fn by_password(data: &Path) -> Result<()> {
    let server = Server::bulla(data, Scheme::Http)?;
    thread::sleep(SETTLED);
    let before = server.memory()?.resident;
    for _ in 0..2 {
        let mut visitor = Visitor::new(&server, Ipv4Addr::LOCALHOST)?;
        if visitor.try_password(USER, PASSWORD)? != ENTERED {
            return Err("the right password was refused".into());
        }
    }
    judge("resident, more after two passwords", server.memory()?.resident - before, "MiB", growth());
    Ok(())
}

fn sizes(server: &Server, ask: fn(&Server) -> Result<()>) -> Result<Sizes> {
    thread::sleep(SETTLED);
    let resident = server.memory()?.resident;
    let proportional = server.proportional()?;
    ask(server)?;
    Ok(Sizes {
        resident: [resident, server.memory()?.resident],
        proportional: [proportional, server.proportional()?],
    })
}

/// Sends as many requests to the API as a visit of the console sends.
fn ask(server: &Server) -> Result<()> {
    flat_out(server, 1, &signed(&generate_data_key(), server.address, 21)).map(drop)
}

fn visit(server: &Server) -> Result<()> {
    let mut visitor = Visitor::signed_in(server, &Signer::root())?;
    let mut pages = PAGES.iter().cycle().take(20);
    pages.try_for_each(|page| visitor.get(&format!("/console/{page}")))
}

pub(super) fn data_keys(folder: &Path) -> Result<()> {
    let off = Server::bulla_with(&folder.join("off"), Scheme::Http, &[OFF])?;
    let on = Server::bulla(&folder.join("on"), Scheme::Http)?;
    turns::data_keys("console", &off, &on)?;
    off.stop()?;
    on.stop()
}

fn growth() -> Goal {
    Goal::at_most(3.0, 1.0)
}

/// Creates a user with a password.
pub(super) fn create_user(server: &Server) -> Result<()> {
    call(server, &CreateUser { user_name: USER.into(), ..CreateUser::default() })?;
    let profile = CreateLoginProfile {
        user_name: USER.into(),
        password: String::from(PASSWORD).into(),
        password_reset_required: None,
        mfa_bind_required: None,
    };
    call(server, &profile).map(drop)
}

pub(super) const USER: &str = "ann";
pub(super) const PASSWORD: &str = "Correct-Horse-7";
const PAGES: [&str; 11] =
    ["", "keys", "aliases", "secrets", "users", "groups", "roles", "policies", "account", "try", "files"];

/// Time until a started server is idle.
const SETTLED: Duration = Duration::from_millis(300);
const STARTS: usize = 5;
