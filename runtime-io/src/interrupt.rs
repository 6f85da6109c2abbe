//! Ctrl-C, for the body of a program: the first SIGINT is an event, the second one has its usual effect.
//!
//! One handler for the process, set when it is first needed and never taken away (`signal-hook-registry` chains it with
//! those of others). What it does is in one word:
//!
//! | word | a SIGINT | |
//! |---|---|---|
//! | `OFF` | kills | nobody is interested, as if there were no handler |
//! | `ARMED` | becomes `ASKED`, and writes a byte into a pipe | an [`Interrupt`] lives |
//! | `ASKED` | kills | the first has been |
//!
//! # Invariants
//! - S1: what runs in the handler is async-signal-safe: atomics, the system calls write, sigaction (`signal`) and `raise`; it
//!   allocates nothing, takes no lock, and does not panic.

use crate::async_fd::AsyncFd;
use crate::interest::Interest;
use runtime_core::primitive::atomic::{AtomicU32, Ordering};
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};

const OFF: u32 = 0;
const ARMED: u32 = 1;
const ASKED: u32 = 2;

static CAUGHT: OnceLock<io::Result<Caught>> = OnceLock::new();

/// What the handler knows.
struct Caught {
    word: &'static AtomicU32,
    read: Arc<UnixStream>,
}

impl Caught {
    fn new() -> io::Result<Caught> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        // They live as long as the handler: for ever.
        let word: &'static AtomicU32 = Box::leak(Box::new(AtomicU32::new(OFF)));
        // SAFETY: S1.
        unsafe { signal_hook_registry::register(libc::SIGINT, move || interrupted(word, &write)) }?;
        Ok(Caught { word, read: Arc::new(read) })
    }
}

/// The handler.
fn interrupted(word: &AtomicU32, write: &UnixStream) {
    if word.compare_exchange(ARMED, ASKED, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        // A full pipe wakes as well.
        let _ = rustix::io::write(write, &[1]);
        return;
    }
    // SAFETY: S1: the default action is not foreign code.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    // SAFETY: S1: the signal is blocked in its handler; it comes again when that returns, and kills.
    unsafe { libc::raise(libc::SIGINT) };
}

/// While this lives, the first SIGINT kills nobody, and is an event. There is one at a time.
#[derive(Debug)]
pub struct Interrupt {
    word: &'static AtomicU32,
    read: AsyncFd<Arc<UnixStream>>,
}

impl Interrupt {
    /// Listens from here on, on the current runtime's driver.
    ///
    /// # Errors
    /// The system's, and `AddrInUse` if there is another.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub fn new() -> io::Result<Interrupt> {
        let caught = match CAUGHT.get_or_init(Caught::new) {
            Ok(caught) => caught,
            Err(error) => return Err(io::Error::new(error.kind(), error.to_string())),
        };
        let read = AsyncFd::with_interest(Arc::clone(&caught.read), Interest::READABLE)?;
        let mut old = [0; 16];
        // What an earlier one did not read. Nobody writes while the word is not ARMED.
        while caught.word.load(Ordering::Acquire) == OFF
            && rustix::io::read(&caught.read, &mut old).is_ok_and(|n| n > 0)
        {}
        match caught.word.compare_exchange(OFF, ARMED, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Ok(Interrupt { word: caught.word, read }),
            Err(_) => {
                let what = "another body of this process runs with `ctrl_c = \"cancel\"`";
                Err(io::Error::new(io::ErrorKind::AddrInUse, what))
            }
        }
    }

    /// Ready when a SIGINT has come. Where the driver fails it is never ready.
    pub async fn wait(&self) {
        while self.word.load(Ordering::Acquire) != ASKED {
            match self.read.readable().await {
                Ok(mut guard) if self.word.load(Ordering::Acquire) != ASKED => guard.clear_ready(),
                Ok(_) => {}
                Err(_) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.word.store(OFF, Ordering::Release);
    }
}
