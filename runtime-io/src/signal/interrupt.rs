//! Ctrl-C, for the body of a program: the first SIGINT is an event, the second one has its usual effect.
//!
//! It is a listener as others are, and a word that the handler looks at:
//!
//! | word | a SIGINT | |
//! |---|---|---|
//! | `OFF` | is for the listeners, or has its usual effect without any | no [`Interrupt`] lives |
//! | `ARMED` | becomes `ASKED`, and is for the listeners | one lives |
//! | `ASKED` | has its usual effect | the first has been |
#![forbid(unsafe_code)]

use super::handler::{ARMED, ASKED, OFF, Table};
use super::registry::is_ignored_by_others;
use super::unix::{Signal, SignalKind, signal};
use runtime_core::primitive::atomic::Ordering;
use std::io;

/// While this lives, the first SIGINT kills nobody, and is an event. There is one at a time.
#[derive(Debug)]
pub struct Interrupt(Option<Armed>);

#[derive(Debug)]
struct Armed {
    // After its drop no SIGINT is an event, so it drops before the listener.
    word: Word,
    signal: Signal,
}

#[derive(Debug)]
struct Word(&'static Table);

impl Drop for Word {
    fn drop(&mut self) {
        self.0.ctrl_c.store(OFF, Ordering::Release);
    }
}

impl Interrupt {
    /// Listens from here on, on the current runtime's driver. Where SIGINT is ignored (under `nohup`, or in the background of
    /// a shell), it stays ignored.
    ///
    /// # Errors
    /// The system's, and `AddrInUse` if there is another.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn new() -> io::Result<Interrupt> {
        if is_ignored_by_others(libc::SIGINT) {
            return Ok(Interrupt(None));
        }
        let table = Table::get()?;
        // Armed first: from its first moment the listener's SIGINT is the first.
        if table.ctrl_c.compare_exchange(OFF, ARMED, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            let what = "another body of this process runs with `ctrl_c = \"cancel\"`";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, what));
        }
        let word = Word(table);
        Ok(Interrupt(Some(Armed { word, signal: signal(SignalKind::interrupt())? })))
    }

    /// Ready when a SIGINT has come. Where the driver fails it is never ready.
    pub async fn wait(&mut self) {
        let Some(Armed { word: Word(table), signal }) = &mut self.0 else {
            return std::future::pending().await;
        };
        // ORDER: Acquire; pairs with the AcqRel in the handler.
        while table.ctrl_c.load(Ordering::Acquire) != ASKED {
            if signal.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
    }
}
