//! The load generator: one thread that keeps many connections busy, with one request at a time on each.
//!
//! It shares the cores with the server, so it does little: requests are prepared as bytes, and of a response it reads only the
//! status and the length.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use memchr::memmem;
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustls::{ClientConnection, StreamOwned};

use crate::Result;
use crate::report::{percentile, sorted};
use crate::requests::Request;
use crate::server::Server;

/// The rate and the latencies of answered requests.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    /// Milliseconds, sorted.
    latencies: Vec<f64>,
}

impl Load {
    /// Returns the milliseconds within which this part of the requests was answered.
    pub(crate) fn within(&self, part: f64) -> f64 {
        percentile(&self.latencies, part)
    }
}

/// Sends each request as soon as a connection is free. The first on each connection is not measured.
pub(crate) fn flat_out(server: &Server, connections: usize, requests: &[Request]) -> Result<Load> {
    let (first, rest) = requests.split_at(connections);
    Loader::new(server, first)?.run(rest, None)
}

/// Sends requests at a fixed rate, regardless of the responses. If no connection is free, a request waits for one, and its
/// latency includes the wait.
pub(crate) fn paced(server: &Server, connections: usize, requests: &[Request], rate: f64) -> Result<Load> {
    let (first, rest) = requests.split_at(connections);
    Loader::new(server, first)?.run(rest, Some(Duration::from_secs_f64(1.0 / rate)))
}

struct Loader {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    /// For each connection, when its request was due.
    since: Vec<Instant>,
}

impl Loader {
    /// Opens a connection for each of the requests and sends it, so that handshakes are not measured.
    fn new(server: &Server, requests: &[Request]) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(requests.len());
        for (index, request) in (0..).zip(requests) {
            let mut connection = server.connect()?;
            connection.call(request)?;
            let data = epoll::EventData::new_u64(index);
            epoll::add(&epoll, connection.stream.as_fd(), data, epoll::EventFlags::IN)?;
            connections.push(connection);
        }
        let count = requests.len();
        Ok(Self { epoll, connections, idle: (0..count).collect(), since: vec![Instant::now(); count] })
    }

    fn run(mut self, requests: &[Request], interval: Option<Duration>) -> Result<Load> {
        let mut latencies = Vec::with_capacity(requests.len());
        let mut next = 0;
        let started = Instant::now();
        while latencies.len() < requests.len() {
            let wait = loop {
                if next == requests.len() || self.idle.is_empty() {
                    break None;
                }
                let now = Instant::now();
                let due = interval.map_or(now, |interval| started + interval.mul_f64(count(next)));
                if due > now {
                    break Some(due - now);
                }
                self.send(&requests[next], due)?;
                next += 1;
            };
            self.receive(wait, &mut latencies)?;
        }
        let per_second = count(requests.len()) / started.elapsed().as_secs_f64();
        Ok(Load { per_second, latencies: sorted(latencies) })
    }

    fn send(&mut self, request: &Request, due: Instant) -> Result<()> {
        let index = self.idle.pop().expect("a connection is idle");
        self.since[index] = due;
        Ok(self.connections[index].stream.write_all(request)?)
    }

    /// Waits for responses for at most `wait`, and reads those that have arrived.
    fn receive(&mut self, wait: Option<Duration>, latencies: &mut Vec<f64>) -> Result<()> {
        let wait = wait.map(Timespec::try_from).transpose()?;
        let mut events = Vec::with_capacity(self.connections.len());
        epoll::wait(&self.epoll, spare_capacity(&mut events), wait.as_ref())?;
        for event in events {
            let index = usize::try_from(event.data.u64())?;
            self.connections[index].answer()?;
            latencies.push(self.since[index].elapsed().as_secs_f64() * 1e3);
            self.idle.push(index);
        }
        Ok(())
    }
}

/// A connection to a server, with the received part of a response.
pub(crate) struct Connection {
    stream: Stream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, answer: Vec::with_capacity(ANSWER_LEN) }
    }

    /// Sends a request and returns the body of the response.
    pub(crate) fn call(&mut self, request: &Request) -> Result<&str> {
        self.stream.write_all(request)?;
        let body = self.answer()?;
        Ok(str::from_utf8(&self.answer[body..])?)
    }

    /// Sends a request and returns the response, regardless of its status.
    pub(crate) fn exchange(&mut self, request: &Request) -> Result<Answer<'_>> {
        self.stream.write_all(request)?;
        let body = self.any_answer()?;
        let (head, body) = str::from_utf8(&self.answer)?.split_at(body);
        Ok(Answer { head, body })
    }

    /// Reads one response, which must be a success. Returns where its body begins.
    fn answer(&mut self) -> Result<usize> {
        let body = self.any_answer()?;
        if self.answer.starts_with(b"HTTP/1.1 200 ") {
            Ok(body)
        } else {
            Err(String::from_utf8_lossy(&self.answer).into())
        }
    }

    /// Reads one response. Returns where its body begins.
    fn any_answer(&mut self) -> Result<usize> {
        self.answer.clear();
        loop {
            self.read_some()?;
            let Some(head) = memmem::find(&self.answer, b"\r\n\r\n") else { continue };
            let body = head + 4;
            let length = content_length(&self.answer[..body]).ok_or("an answer without Content-Length")?;
            if self.answer.len() >= body + length {
                return Ok(body);
            }
        }
    }

    fn read_some(&mut self) -> Result<()> {
        let length = self.answer.len();
        self.answer.resize(length + ANSWER_LEN, 0);
        let more = self.stream.read(&mut self.answer[length..])?;
        self.answer.truncate(length + more);
        if more > 0 { Ok(()) } else { Err("the server closed a connection".into()) }
    }
}

/// The response of a server.
pub(crate) struct Answer<'a> {
    head: &'a str,
    pub(crate) body: &'a str,
}

impl<'a> Answer<'a> {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Returns the values of a header, whose name is in lower case, as bulla and "hello" send it.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.head.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Returns the length of the body. The name of the header is in lower case, as bulla and "hello" send it, or begins with capitals.
fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\ncontent-length: ";
    let at = memmem::find(head, NAME).or_else(|| memmem::find(head, b"\r\nContent-Length: "))?;
    let value = head[at + NAME.len()..].split(|&byte| byte == b'\r').next()?;
    str::from_utf8(value).ok()?.parse().ok()
}

/// The transport of a connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(socket) => socket.as_fd(),
            Self::Tls(tls) => tls.sock.as_fd(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

fn count(requests: usize) -> f64 {
    requests as f64
}

const ANSWER_LEN: usize = 4096;
