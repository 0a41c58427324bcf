//! One candidate that takes several requests: hosts in their order, or as many answers as were asked for.

use super::{Committed, Failed, HELD_LIMIT, Io, Source, ask_target, broken, failed, judge, read_error, unreachable};
use crate::call::{Call, HttpResponse};
use crate::fault::{Failure, Fault};
use crate::passing::Passing;
use crate::pool::Outcome;
use crate::protocol::{Echo, StreamError};
use crate::pump::{Answering, Pump};
use crate::upstream::{Payload, Refusal, Target};

/// The provider's addresses in their order, until one of them is well.
pub(super) async fn ask_hosts<I: Io>(
    io: &I,
    call: &Call,
    passing: Option<&Passing>,
    target: &Target,
) -> Result<Committed<I::Body>, Failed> {
    let hosts = if target.base_url.is_some() { &[] } else { target.upstream.hosts() };
    let at = |host: &str| Target { base_url: Some(host.to_owned()), ..target.clone() };
    let Some((last, first)) = hosts.split_last() else { return ask_target(io, call, passing, target).await };
    for host in first {
        match ask_target(io, call, passing, &at(host)).await {
            Err(Failed { fault: Fault::Overloaded | Fault::Transport, unasked: false, .. }) => {}
            other => return other,
        }
    }
    ask_target(io, call, passing, &at(last)).await
}

/// One answer out of several to the same request, for a provider that gives one at a time. All or none: the next account
/// is asked for all of them.
pub(super) async fn gather<I: Io>(
    io: &I,
    call: &Call,
    asked: &Call,
    target: &Target,
    payload: &Payload,
) -> Result<Committed<I::Body>, Failed> {
    let refused = |failure: Failure| Failed { unasked: true, ..failed(call, Fault::Rejected, &failure) };
    let (mut whole, mut last) = (vec![b'['], Vec::new());
    for copy in 0..payload.copies {
        let request = target.upstream.request(asked, target, payload).map_err(refused)?;
        let HttpResponse { status, headers, mut body } =
            io.send(request).await.map_err(|fault| unreachable(call, target, fault))?;
        if !(200..300).contains(&status) {
            let body = read_error(body).await;
            return Err(judge(io, call, target, payload, Refusal { status, headers: &headers, body: &body }));
        }
        if copy > 0 {
            whole.push(b',');
        }
        while let Some(chunk) = body.next().await {
            let chunk = match chunk {
                Ok(_) if whole.len() > HELD_LIMIT => Err(StreamError::TooLarge),
                chunk => chunk,
            };
            whole.extend_from_slice(&chunk.map_err(|error| broken(io, call, target, payload, &headers, &error))?);
        }
        last = headers;
    }
    whole.push(b']');
    let mut pump = Pump::new(&Answering { call, payload, streamed: false, secret: &target.credential.access });
    let mut head = Vec::new();
    let echo = Echo { call, request: payload.request.as_ref() };
    let told = pump.chunk(&whole, &mut head).and_then(|()| pump.end(&echo, &mut head));
    told.map_err(|error| broken(io, call, target, payload, &last, &error))?;
    let (usage, content_type) = (pump.report().usage, "application/json".into());
    Ok(Committed {
        status: 200,
        headers: Vec::new(),
        content_type,
        head,
        rest: None,
        usage,
        outcome: Outcome::Answered,
        windows: Vec::new(),
    })
}
