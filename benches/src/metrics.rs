//! The cost of metrics: requests per second while a client scrapes them every second, and the time of a scrape.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;
use crate::programs::{self, Folder};
use crate::report::{figure, median};
use crate::server::{Scheme, Server, log};
use crate::turns;

pub(crate) fn run() -> Result<()> {
    let folder = Folder::new(&programs::scratch()?, "metrics")?;
    let [off_data, on_data] = ["off", "on"].map(|name| folder.path().join(name));
    let off = Server::bulla(&off_data, Scheme::Http)?;
    let on = Server::bulla_with(&on_data, Scheme::Http, &["--metrics", "0"])?;
    let address = address(&on_data)?;
    let has_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            while !has_ended.load(Ordering::Relaxed) {
                scrape(&address).map_err(|error| error.to_string())?;
                thread::sleep(Duration::from_secs(1));
            }
            Ok::<_, String>(())
        });
        let measured = turns::data_keys("metrics", &off, &on);
        has_ended.store(true, Ordering::Relaxed);
        scraper.join().expect("a scrape does not panic")?;
        measured
    })?;
    let mut times = Vec::new();
    for _ in 0..SCRAPES {
        let begun = Instant::now();
        scrape(&address)?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    figure("a scrape", median(times), "ms");
    off.stop()?;
    on.stop()
}

/// Returns the address of the metrics, which the server on this store prints.
fn address(data: &Path) -> Result<String> {
    let log = fs::read_to_string(log(data))?;
    let line = log.lines().find_map(|line| line.strip_prefix("Metrics: http://")?.strip_suffix("/metrics"));
    Ok(line.ok_or("the server did not say where its metrics are")?.to_owned())
}

fn scrape(address: &str) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") { Ok(()) } else { Err("the scrape failed".into()) }
}

const SCRAPES: usize = 101;
