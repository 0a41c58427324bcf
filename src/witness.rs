//! Who looks on while a call is answered: a recorder that keeps question and answer, a monitor that shows what they
//! became on their way. Most calls have neither, and nothing of this runs.
//!
//! ```text
//! client's body ──> provider's body                 provider's frames ──> client's frames
//!       └───────────────┴──────────── monitor ────────────────┴──────────────────┘
//!       └── recorder: as filters left it                      └── recorder: folded into the whole answer
//! ```

mod monitor;
mod recorder;

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::Value;

pub use self::recorder::Kept;

use self::monitor::Monitor;
use self::recorder::Recorder;
use crate::call::{Call, HttpRequest};
use crate::upstream::{Payload, Target};

/// Shared by whoever asks, whoever pumps and whoever closes the books.
pub type Shared = Rc<RefCell<Witness>>;

#[derive(Default)]
pub struct Witness {
    recorder: Option<Recorder>,
    monitor: Option<Monitor>,
}

impl Witness {
    /// `None`: nobody wants to know.
    pub fn new(captures: bool, shows: bool) -> Option<Shared> {
        let witness = Self { recorder: captures.then(Recorder::default), monitor: shows.then(Monitor::default) };
        (captures || shows).then(|| Rc::new(RefCell::new(witness)))
    }

    /// `call` is the client's; `asked` what rules and filters made of it, and `request` what it was sent as.
    pub fn asks(&mut self, call: &Call, asked: &Call, target: &Target, payload: &Payload, request: &HttpRequest) {
        if let Some(monitor) = &mut self.monitor {
            monitor.asks(call, target, payload, request);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.asks(asked);
        }
    }

    /// The provider did not take it.
    pub fn refused(&mut self, status: u16, body: &[u8]) {
        if let Some(monitor) = &mut self.monitor {
            monitor.refused(status, body);
        }
    }

    /// An answer begins.
    pub fn answered(&mut self, call: &Call, payload: &Payload, streamed: bool) {
        if let Some(monitor) = &mut self.monitor {
            monitor.answered(call, payload, streamed);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.answered(call, payload, streamed);
        }
    }

    /// The provider sent `received`, and `sent` is what the client gets of it.
    pub fn saw(&mut self, received: &[u8], sent: &[u8]) {
        if let Some(monitor) = &mut self.monitor {
            monitor.saw(received, sent);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.saw(received);
        }
    }

    /// The answer is complete.
    pub fn ended(&mut self, sent: &[u8]) {
        self.saw(b"", sent);
        if let Some(recorder) = &mut self.recorder {
            recorder.ended();
        }
    }

    /// What is to be kept, once.
    pub fn kept(&mut self) -> Option<Kept> {
        self.recorder.take()?.kept()
    }

    /// What is to be shown, once.
    pub fn shown(&mut self) -> Vec<Value> {
        self.monitor.take().map(Monitor::shown).unwrap_or_default()
    }
}
