//! A bare "hello" on exactly the stack of the KMS server, to measure what the KMS itself costs.
//!
//! `cargo run --release -p bulla-server --example hello [ADDRESS]` answers every request with the same few bytes until
//! it is killed.

use std::error::Error;
use std::sync::Arc;

use bulla_server::http::{Connections, Handler, Received, Setup, serve};
use bulla_server::{Limits, Log, runtime};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;

struct Hello;

impl Handler for Hello {
    async fn answer(&self, _: Received) -> Response<Full<Bytes>> {
        Response::new(Full::new(Bytes::from_static(b"hello")))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let log = Log::start(std::io::stderr())?;
    let (_never, stop) = watch::channel(false);
    runtime()?.block_on(async {
        let listener = TcpListener::bind(&address).await?;
        println!("hello on http://{}", listener.local_addr()?);
        let connections = Connections::new(Limits::default(), Vec::new(), log);
        serve(Setup { listener, tls: None, connections, stop }, Arc::new(Hello)).await;
        Ok(())
    })
}
