//! scratch
use std::sync::Arc;
use bulla_kms::*;
use bulla_server::*;
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).unwrap();
    let kms = Arc::new(Kms::open(&Options::new(&dir, Role::Server), SystemClock)?);
    runtime()?.block_on(kms.ensure_access_key(Some(("testid".into(), "testsecret".to_owned().into()))))?;
    let o = kms.owner();
    let r = runtime()?.block_on(kms.call(bulla_wire::Request::from(bulla_wire::actions::CreateKey::default()), &o))?;
    let bulla_wire::Reply::CreateKey(c) = r else { panic!() };
    println!("{}", c.key_metadata.key_id);
    let s = Server::bind(kms, ServerOptions::new("127.0.0.1:8081".parse()?, TlsOptions::Off))?;
    s.run(Shutdown::on_signals())?;
    Ok(())
}
