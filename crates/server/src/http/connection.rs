//! Serves one connection: its requests one after the other, until the client closes it, a time limit expires, or the
//! server stops.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::Body as _;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use super::activity::{Activity, Evicted};
use super::body::{self, Unread};
use super::intake::{Intake, Seam};
use super::pace::{Alarm, Pace, Paced, Stage};
use super::{Authenticated, Handler, Peer, Received, Refused};
use crate::limits::{BODY_BYTES, HEADER_BYTES, Limits, PATH_BYTES};

/// Serves the requests of a connection. When `stopping` resolves, the request in flight is the last one.
pub(super) async fn converse<H: Handler>(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    handler: &Arc<H>,
    limits: Limits,
    activity: &Arc<Activity>,
    stopping: impl Future,
) {
    let pace = Pace::new(limits, Arc::clone(activity));
    let seam = Seam::new();
    let mut alarm = Alarm::new(Arc::clone(&pace));
    let socket = Paced::new(socket, Arc::clone(&pace));
    let socket = TokioIo::new(Intake::new(socket, Arc::clone(&seam), Arc::clone(&pace)));
    let service = service_fn(|request: Request<Incoming>| {
        let query = seam.begin(request.body().size_hint().exact()); // before hyper reads further
        exchange(request, query, peer, Arc::clone(handler), Arc::clone(&pace), Arc::clone(&seam))
    });
    let mut connection = pin!(http().serve_connection(socket, service));
    let mut stopping = pin!(stopping);
    let mut stopped = false;
    poll_fn(|context| {
        // Errors are not logged, because clients may end connections in any way.
        let mut ended = connection.as_mut().poll(context).is_ready();
        if !ended && !stopped && stopping.as_mut().poll(context).is_ready() {
            stopped = true;
            connection.as_mut().graceful_shutdown();
            ended = connection.as_mut().poll(context).is_ready();
        }
        if ended || alarm.poll(context).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn http() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(PATH_BYTES + HEADER_BYTES + 1) // hyper gets no longer heads
        // A client that sent a complete request gets its answer, even after closing its sending direction.
        .half_close(true)
        // An answer is sent from its own memory, which is wiped, without a copy in hyper's buffers.
        .writev(true);
    builder
}

/// Answers one request. An error ends the connection without an answer.
async fn exchange<H: Handler>(
    request: Request<Incoming>,
    query: Result<Zeroizing<String>, Refused>,
    peer: Peer,
    handler: Arc<H>,
    pace: Arc<Pace>,
    seam: Arc<Seam>,
) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let (head, incoming) = request.into_parts();
    pace.enter(Stage::Body);
    let (query, body) = match query.and_then(|query| check_host(&head).map(|()| query)) {
        Ok(query) => {
            let limit = BODY_BYTES.saturating_sub(query.len());
            let body = match body::read(incoming, limit, &seam).await {
                Ok(body) => Ok(body),
                Err(Unread::TooLarge) => Err(Refused::LongBody),
                Err(Unread::Broken(error)) => return Err(NoAnswer::Broken(error)),
            };
            (query, body)
        }
        Err(refused) => (Zeroizing::default(), Err(refused)),
    };
    let refused = body.is_err();
    if !refused {
        seam.end_of_body();
    }
    pace.enter(Stage::Answer);
    pace.activity().begin_answer(Instant::now()).map_err(|Evicted| NoAnswer::Evicted)?;
    let mut answer = handler.answer(Received { head, query, body, peer }).await;
    let authenticated = answer.extensions_mut().remove::<Authenticated>().is_some();
    pace.activity().end_answer(authenticated, Instant::now());
    pace.enter(Stage::Write);
    if refused {
        pace.refuse_body();
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}

/// Checks that a request names its host once (RFC 9112, 3.2), which is optional before HTTP/1.1. The name itself is not
/// checked: an official client that is configured with an address with a scheme puts all of it there.
fn check_host(head: &Parts) -> Result<(), Refused> {
    match head.headers.get_all(HOST).iter().count() {
        1 => Ok(()),
        0 if head.version < Version::HTTP_11 => Ok(()),
        _ => Err(Refused::Malformed),
    }
}

/// Why a request gets no answer.
#[derive(Debug)]
enum NoAnswer {
    Broken(hyper::Error),
    Evicted,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken(_) => "the request is broken",
            Self::Evicted => "the connection is evicted",
        })
    }
}

impl Error for NoAnswer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Broken(error) => Some(error),
            Self::Evicted => None,
        }
    }
}
