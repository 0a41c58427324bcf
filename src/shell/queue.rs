//! Calls that wait in the object for a place: each sleeps until it is called, or its time is over.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use worker::web_sys::AbortSignal;

use super::now;
use super::pool::{Core, text};
use crate::control::inquiry::{Denied, Grant, Inquiry};
use crate::control::queue::Heard;
use crate::pool::Denial;

/// Somebody who waits.
pub struct Waiter {
    planned: Option<Result<Grant, Denied>>,
    waker: Option<Waker>,
    /// Aborted when he has left.
    signal: AbortSignal,
}

impl Core {
    /// The answer to an inquiry, as JSON text. It may be a while.
    pub async fn plan(&self, inquiry: &Inquiry, signal: AbortSignal) -> worker::Result<String> {
        // First come, first served: a place that has become free by itself is not for the newest.
        self.call_up()?;
        let heard = self.control.borrow_mut().plan_or_wait(inquiry, now());
        self.keep()?;
        let planned = match heard {
            Heard::Now(planned) => *planned,
            Heard::Wait(number, span) => self.wait(number, span, signal).await?,
        };
        self.tail.say(|| self.control.borrow().begun(inquiry, &planned, now()));
        text(&planned)
    }

    async fn wait(&self, number: u64, span: Duration, signal: AbortSignal) -> worker::Result<Result<Grant, Denied>> {
        let waiter = Waiter { planned: None, waker: None, signal: signal.clone() };
        self.waiters.borrow_mut().insert(number, waiter);
        let mut over = pin!(worker::Delay::from(span));
        let planned = poll_fn(|context| {
            if let Some(waiter) = self.waiters.borrow_mut().get_mut(&number) {
                if let Some(planned) = waiter.planned.take() {
                    return Poll::Ready(Some(planned));
                }
                waiter.waker = Some(context.waker().clone());
            }
            over.as_mut().poll(context).map(|()| None)
        })
        .await;
        self.waiters.borrow_mut().remove(&number);
        if let Some(planned) = planned {
            return Ok(planned);
        }
        let last = if signal.aborted() { None } else { self.control.borrow_mut().give_up(number, now()) };
        self.keep()?;
        Ok(last.unwrap_or_else(|| Err(Denial::Busy { until: now() }.failure(now()).into())))
    }

    /// Answer those who need not wait any more.
    pub fn call_up(&self) -> worker::Result<()> {
        if self.control.borrow().waiting() == 0 {
            return Ok(());
        }
        let left = |number: u64| self.waiters.borrow().get(&number).is_none_or(|waiter| waiter.signal.aborted());
        let called = self.control.borrow_mut().called(&left, now());
        self.keep()?;
        for (number, planned) in called {
            if let Some(waiter) = self.waiters.borrow_mut().get_mut(&number) {
                waiter.planned = Some(planned);
                waiter.waker.take().into_iter().for_each(Waker::wake);
            }
        }
        Ok(())
    }
}
