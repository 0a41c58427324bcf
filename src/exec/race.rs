//! One candidate asked alone, or two side by side.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::{Committed, Failed, Io, Source, try_candidate};
use crate::call::Call;
use crate::fault::Millis;
use crate::passing::Passing;
use crate::pool::Candidate;

/// What came of asking a candidate.
pub(super) struct Asked<B> {
    pub candidate: Candidate,
    pub began: Millis,
    pub ms: u64,
    pub end: End<B>,
}

pub(super) enum End<B> {
    Committed(Box<Committed<B>>),
    Failed(Failed),
    /// Another was faster.
    Beaten,
}

impl<B> End<B> {
    fn of(result: Result<Committed<B>, Failed>) -> Self {
        result.map_or_else(Self::Failed, |committed| Self::Committed(Box::new(committed)))
    }

    /// Whether nobody else need be asked.
    fn decides(&self) -> bool {
        match self {
            Self::Committed(_) => true,
            Self::Failed(failed) => failed.stops(),
            Self::Beaten => false,
        }
    }
}

impl<B: Source> Asked<B> {
    fn new<I: Io>(io: &I, candidate: Candidate, began: Millis, end: End<B>) -> Self {
        let ms = u64::try_from(io.now().since(began).as_millis()).unwrap_or(u64::MAX);
        Self { candidate, began, ms, end }
    }

    pub(super) async fn alone<I: Io<Body = B>>(
        io: &I,
        call: &Call,
        passing: Option<&Passing>,
        candidate: Candidate,
    ) -> Self {
        let began = io.now();
        let end = End::of(try_candidate(io, call, passing, &candidate).await);
        Self::new(io, candidate, began, end)
    }
}

/// Ask `first`, and `second` beside it when nothing has been heard for `ms`. The first that has content answers, and the
/// other is cut off; who failed is out. The last of those asked is the one that counts.
pub(super) async fn race<I: Io>(
    io: &I,
    call: &Call,
    passing: Option<&Passing>,
    first: Candidate,
    second: Candidate,
    ms: u64,
) -> Vec<Asked<I::Body>> {
    let began = io.now();
    let (mut ends, mut raced, mut began_too) = ([None, None], false, began);
    {
        let mut one = pin!(try_candidate(io, call, passing, &first));
        let mut pause = pin!(io.pause(ms));
        poll_fn(|context| match one.as_mut().poll(context) {
            Poll::Ready(end) => {
                ends = [Some(End::of(end)), None];
                Poll::Ready(())
            }
            Poll::Pending => pause.as_mut().poll(context),
        })
        .await;
        if ends.iter().all(Option::is_none) {
            (raced, began_too) = (true, io.now());
            let mut two = pin!(try_candidate(io, call, passing, &second));
            poll_fn(|context| {
                let [first, second] = &mut ends;
                if first.is_none()
                    && let Poll::Ready(end) = one.as_mut().poll(context)
                {
                    *first = Some(End::of(end));
                }
                let decided = first.as_ref().is_some_and(End::decides);
                if !decided
                    && second.is_none()
                    && let Poll::Ready(end) = two.as_mut().poll(context)
                {
                    *second = Some(End::of(end));
                }
                let both = first.is_some() && second.is_some();
                let over = both || decided || second.as_ref().is_some_and(End::decides);
                if over { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        // Whoever has not answered by now is dropped here, and his connection with him.
    }
    let mut asked: Vec<Asked<I::Body>> = Vec::with_capacity(2);
    match ends {
        [Some(end), None] if !raced => asked.push(Asked::new(io, first, began, end)),
        [end, other] => {
            asked.push(Asked::new(io, first, began, end.unwrap_or(End::Beaten)));
            asked.push(Asked::new(io, second, began_too, other.unwrap_or(End::Beaten)));
        }
    }
    // What decides comes last.
    asked.sort_by_key(|asked| asked.end.decides());
    asked
}
