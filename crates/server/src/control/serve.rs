//! Connections to the control socket: which users are admitted, how many connections, time limits, and the path from a
//! request to its answer.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bulla_kms::{BackupError, Kms, OperatorCall, SentBackup, new_request_id};
use rustix::process::geteuid;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::calls::Call;
use super::long_call::{Feed, LongCalls};
use super::protocol::{Frame, Line, Progress, REQUEST_BYTES, Refusal, Request, VERSION};
use super::reply::{Part, Reply};
use super::socket::ControlSocket;
use super::status::{Facts, MOMENT, RootKeyStatus};
use crate::log::Log;

/// Answers calls.
pub(crate) struct Control {
    facts: Arc<Facts>,
    long_calls: LongCalls,
    log: Arc<Log>,
    /// When the log last reported that another user was refused.
    reported: Mutex<Option<Instant>>,
}

/// A call that has arrived.
struct Arrived {
    request_id: Arc<str>,
    /// The user at the other end.
    user: u32,
    began: Instant,
}

/// What a call has done, before its audit line is written.
enum Done {
    /// Everything.
    Whole(Value),
    /// The trail is sealed, except for the line of the call.
    Synced,
    /// The backup is sent, except for its end.
    Sent(SentBackup),
}

/// Accepts connections until `stop`, then lets running answers finish. Returns at once without a socket.
pub(crate) async fn serve(socket: Option<ControlSocket>, control: Control, mut stop: watch::Receiver<bool>) {
    let Some(socket) = socket else { return };
    let control = Arc::new(control);
    let mut connections = JoinSet::new();
    let mut turned_away = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.listener.accept() => match accepted {
                Ok((stream, _)) => control.admit(stream, &mut connections, &mut turned_away),
                Err(_) => sleep(PAUSE).await, // no descriptor is free, which the API's listener reports
            },
            Some(_) = connections.join_next() => {}
            Some(_) = turned_away.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(socket);
    let _ = timeout(DRAIN, connections.join_all()).await; // late answers are cut off
}

impl Control {
    pub(crate) fn new(facts: Facts, log: Arc<Log>) -> Self {
        Self { facts: Arc::new(facts), long_calls: LongCalls::new(), log, reported: Mutex::default() }
    }

    /// Returns the handle that ends the long call when the server ends.
    pub(crate) fn long_calls(&self) -> LongCalls {
        self.long_calls.clone()
    }

    fn kms(&self) -> &Arc<Kms> {
        &self.facts.kms
    }

    /// Admits a connection of the server's own user or of root, if there is a place. Answers at once if there is none. Closes others
    /// without an answer.
    fn admit(
        self: &Arc<Self>,
        stream: UnixStream,
        connections: &mut JoinSet<()>,
        turned_away: &mut JoinSet<()>,
    ) {
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == geteuid().as_raw() || peer.uid() == ROOT => {
                let control = Arc::clone(self);
                if connections.len() < CONNECTIONS {
                    connections.spawn(async move { control.answer(stream, peer.uid()).await });
                    return;
                }
                let busy = Line::new(Frame::Error(Refusal::TooManyConnections.to_error()));
                let _ = stream.try_write(&busy.to_bytes()); // its buffer is empty
                if turned_away.len() < CONNECTIONS {
                    turned_away.spawn(async move { control.note_turned_away(stream, peer.uid()).await });
                }
            }
            Ok(peer) => self.report_refused(peer.uid()),
            Err(_) => {} // it has disconnected
        }
    }

    /// Logs a refused user, at most once in a while: the file's mode should have prevented the connection.
    fn report_refused(&self, user: u32) {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.is_none_or(|reported| reported.elapsed() >= REPORT_INTERVAL) {
            *reported = Some(Instant::now());
            self.log
                .event(format!("a connection to the control socket was refused: user {user} is neither the user of the server nor root"));
        }
    }

    /// Writes the audit line of a call that was refused because no place was left, if the client soon sends it.
    async fn note_turned_away(&self, mut stream: UnixStream, user: u32) {
        let arrived = Arrived { request_id: new_request_id(), user, began: Instant::now() };
        let call = match timeout(MOMENT, read_request(&mut stream)).await {
            Ok(Ok(Some(bytes))) => call(&bytes).ok(),
            Ok(Ok(None)) => None,
            Ok(Err(_)) | Err(_) => return, // it has called nothing
        };
        self.note_soon(call, &arrived, Some(&Refusal::TooManyConnections)).await;
    }

    /// Answers the one call of a connection.
    async fn answer(&self, mut stream: UnixStream, user: u32) {
        let arrived = Arrived { request_id: new_request_id(), user, began: Instant::now() };
        let request = timeout(REQUEST, read_request(&mut stream)).await;
        let call = match request {
            Err(_) => Err(Refusal::Late),
            Ok(Ok(Some(bytes))) => call(&bytes),
            Ok(Ok(None)) => Err(Refusal::TooLong),
            Ok(Err(_)) => return, // it has disconnected without a call
        };
        let mut reply = Reply::new(stream);
        let outcome = match call {
            Ok(call) => self.answer_call(call, &arrived, &mut reply).await,
            Err(refusal) => {
                self.note_soon(None, &arrived, Some(&refusal)).await; // it is refused in any case
                Err(refusal)
            }
        };
        if outcome == Err(Refusal::Slow) {
            self.log.event("a client of the control socket was cut off: it read less than 1 MiB a second");
        }
        reply.end(outcome).await;
    }

    /// Answers a call. Its audit line, with its outcome, is written before the answer is whole.
    async fn answer_call(&self, call: Call, arrived: &Arrived, reply: &mut Reply) -> Result<Value, Refusal> {
        let outcome = match self.kms().audit_fault() {
            Some(why) if call.needs_line() => Err(Refusal::NoTrail(why)),
            _ => self.perform(call, reply).await,
        };
        let refusal = outcome.as_ref().err();
        if call.needs_line() && !matches!(refusal, Some(Refusal::NoTrail(_))) {
            self.note(Some(call), arrived, refusal).await?;
        } else {
            self.note_soon(Some(call), arrived, refusal).await;
        }
        self.complete(outcome?, reply).await
    }

    /// Does what a call does, except for what must follow its audit line.
    async fn perform(&self, call: Call, reply: &mut Reply) -> Result<Done, Refusal> {
        match call {
            Call::Status => {
                let trail = self.facts.inspect_trail().await;
                let facts = Arc::clone(&self.facts);
                let status = spawn_blocking(move || facts.status(trail)).await; // it may wait for a lock
                let status = status.map_err(|panicked| Refusal::Failed(panicked.to_string()))?;
                Ok(Done::Whole(to_json(&status)))
            }
            Call::StoreCheck => {
                let kms = Arc::clone(self.kms());
                self.long_calls.run(reply, move |feed| check_store(&kms, feed)).await.map(Done::Whole)
            }
            Call::Backup => {
                let kms = Arc::clone(self.kms());
                let sent = self.long_calls.run(reply, move |feed| send_backup(&kms, feed)).await?;
                // Fails if the client has disconnected, also without reading anything.
                let progress = Progress { done: sent.facts.bytes, of: Some(sent.facts.bytes) };
                let written = reply.part(&Part::Progress(progress)).await;
                written.map_err(|error| Refusal::of_client(&error))?;
                Ok(Done::Sent(sent))
            }
            Call::AuditSync => self.seal_audit().await.map(|_| Done::Synced),
        }
    }

    /// Does the rest, and returns the result.
    async fn complete(&self, done: Done, reply: &mut Reply) -> Result<Value, Refusal> {
        match done {
            Done::Whole(result) => Ok(result),
            Done::Synced => Ok(json!({ "sealed": self.seal_audit().await? })), // with the line of the call
            Done::Sent(sent) => {
                self.kms().note_sent_backup(&sent);
                let SentBackup { facts, end, .. } = sent;
                reply.part(&Part::Data(end)).await.map_err(|error| Refusal::of_client(&error))?;
                let root_key = RootKeyStatus::at(&self.kms().root_key_location());
                Ok(json!({ "backup": to_json(&facts), "root_key": to_json(&root_key) }))
            }
        }
    }

    /// Seals the audit trail, and returns the seal.
    async fn seal_audit(&self) -> Result<String, Refusal> {
        match timeout(TRAIL, self.kms().seal_audit()).await {
            Ok(Ok(Some(sealed))) => Ok(sealed.to_string()),
            Ok(Ok(None)) => Err(Refusal::TrailIsOff),
            Ok(Err(why)) => Err(Refusal::NoTrail(why)),
            Err(_) => Err(Refusal::NoTrail(HANGS.into())),
        }
    }

    /// Writes the audit line of a call whose answer waits only a moment for it: if the trail hangs, the line is written
    /// when it continues.
    async fn note_soon(&self, call: Option<Call>, arrived: &Arrived, refusal: Option<&Refusal>) {
        let line = self.write_line(call, arrived, refusal, true);
        let _ = timeout(MOMENT, line).await;
    }

    /// Writes the audit line of a call that fails without it.
    async fn note(
        &self,
        call: Option<Call>,
        arrived: &Arrived,
        refusal: Option<&Refusal>,
    ) -> Result<(), Refusal> {
        self.write_line(call, arrived, refusal, false).await
    }

    async fn write_line(
        &self,
        call: Option<Call>,
        arrived: &Arrived,
        refusal: Option<&Refusal>,
        is_answered_anyway: bool,
    ) -> Result<(), Refusal> {
        let line = OperatorCall {
            request_id: &arrived.request_id,
            user: arrived.user,
            name: call.map(Call::name),
            status: refusal.map_or(200, Refusal::status),
            code: refusal.map(Refusal::code),
            took: arrived.began.elapsed(),
            is_answered_anyway,
        };
        match timeout(TRAIL, self.kms().note_operator_call(line)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Refusal::NoTrail(self.kms().audit_fault().unwrap_or_default())),
            Err(_) => Err(Refusal::NoTrail(HANGS.into())),
        }
    }
}

fn check_store(kms: &Kms, feed: &mut Feed) -> Result<Value, Refusal> {
    let report = kms.check_records(|done, of| feed.progress(Progress { done, of: Some(of) }));
    match report.map_err(|error| Refusal::Failed(error.to_string()))? {
        Some(report) => Ok(to_json(&report)),
        None => Err(feed.end()),
    }
}

fn send_backup(kms: &Kms, feed: &mut Feed) -> Result<SentBackup, Refusal> {
    kms.send_backup(feed).map_err(|error| match error {
        BackupError::Write(_) => feed.end(),
        error => Refusal::Failed(error.to_string()),
    })
}

fn to_json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("all of it is JSON")
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await; // without a sender, the server has ended
}

/// Reads up to the first line end. Returns `None` if the request is too long.
async fn read_request(stream: &mut UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            bytes.truncate(end);
            return Ok(Some(bytes));
        }
        if bytes.len() >= REQUEST_BYTES {
            return Ok(None);
        }
        let room = REQUEST_BYTES - bytes.len();
        if (&mut *stream).take(room as u64).read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn call(request: &[u8]) -> Result<Call, Refusal> {
    let request: Request = serde_json::from_slice(request).map_err(|_| Refusal::NoRequest)?;
    if request.version != VERSION {
        return Err(Refusal::OtherVersion(request.version));
    }
    Call::named(&request.call).ok_or(Refusal::UnknownCall)
}

const ROOT: u32 = 0;
/// Maximum number of connections: operators and their programs need few.
const CONNECTIONS: usize = 16;
/// From the start of a connection to the end of its request.
const REQUEST: Duration = Duration::from_secs(5);
/// How long running answers may take after the server is ordered to stop.
const DRAIN: Duration = Duration::from_secs(2);
/// How long a call waits for the audit trail. A write that takes longer hangs, and would keep the connection open.
const TRAIL: Duration = Duration::from_secs(10);
const HANGS: &str = "it has taken no bytes for 10 seconds";
/// The pause before accepting again.
const PAUSE: Duration = Duration::from_millis(100);
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
