//! One connection: its requests one after the other, until an end of its own, a time limit, or the stop.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{self, TooLarge, Unread};
use super::pace::{Alarm, Pace, Paced, Stage};
use super::{Handler, Peer, Received};
use crate::limits::{HEAD_BYTES, Limits};

/// Serves the requests of a connection. When `stopping` is ready, the request in flight is the last one.
pub(super) async fn converse<H: Handler>(
    socket: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    handler: &Arc<H>,
    limits: Limits,
    stopping: impl Future,
) {
    let pace = Pace::new(limits);
    let mut alarm = Alarm::new(Arc::clone(&pace));
    let socket = TokioIo::new(Paced::new(socket, Arc::clone(&pace)));
    let service = service_fn(|request| exchange(request, peer, Arc::clone(handler), Arc::clone(&pace)));
    let mut connection = pin!(http().serve_connection(socket, service));
    let (mut stopping, mut stopped) = (pin!(stopping), false);
    poll_fn(|context| {
        // How a connection ends is the client's business: errors are not worth a line in the log.
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
        .max_buf_size(HEAD_BYTES) // of a head that has not ended yet
        .max_header_size(HEAD_BYTES) // of one that came whole
        // Whoever sent a whole request gets its answer, also after closing the sending direction.
        .half_close(true)
        // An answer goes out from its own memory, which is wiped, never through a copy in hyper's.
        .writev(true);
    builder
}

/// Answers one request. An error ends the connection without an answer.
async fn exchange<H: Handler>(
    request: Request<Incoming>,
    peer: Peer,
    handler: Arc<H>,
    pace: Arc<Pace>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, incoming) = request.into_parts();
    pace.enter(Stage::Body);
    let body = match body::read(incoming).await {
        Ok(body) => Ok(body),
        Err(Unread::TooLarge) => Err(TooLarge),
        Err(Unread::Broken(error)) => return Err(error),
    };
    let refused = body.is_err();
    pace.enter(Stage::Answer);
    let mut answer = handler.answer(Received { head, body, peer }).await;
    pace.enter(Stage::Write);
    if refused {
        pace.refuse_body();
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer)
}
