//! Standard input, read by one thread that can be left behind.
//!
//! Nobody can stop a thread that reads from a terminal where nobody types. So it is none of the pool's, for which a runtime's
//! end would wait, but one of its own, which the process ends without. There is one for all handles and all runtimes, from the
//! first read on.
//!
//! ```text
//! Stdin::poll_read: bytes there? ── yes ──▶ takes them
//!                        │ no: leaves its waker, asks for a read
//! thread: asked? ──▶ one read ──▶ bytes, end or error ──▶ wakes all who wait ──▶ asked? …
//! ```
//!
//! It reads on demand only, once for each time that a reader finds nothing: what nobody asked for stays in the pipe or the
//! terminal, for a child process that inherits it, or for whoever comes after this process. A read that was asked for cannot be
//! called off: if its future is dropped, what it brings is for the next reader.
//!
//! It reads through std's `stdin`, so what that has in its buffer comes first, and a `std::io::stdin().read_line()` meanwhile
//! waits for its turn.

use super::bytes::Bytes;
use futures_io::AsyncRead;
use runtime_core::coop;
use runtime_core::primitive::{Condvar, Mutex, thread};
use runtime_core::util::wake_list::wake;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

/// What one read may bring: as much as a pipe holds.
const READ_MAX: usize = 64 * 1024;

static SHARED: Shared = Shared { state: Mutex::new(State::new()), asked: Condvar::new() };

/// What the handles and the thread share.
struct Shared {
    state: Mutex<State>,
    asked: Condvar,
}

struct State {
    has_thread: bool,
    /// A read is wanted, or going on.
    is_asked: bool,
    bytes: Bytes,
    /// The end, or an error: for one read, after the bytes. Whoever asks again has the system asked again: a terminal may
    /// go on after its end.
    end: Option<io::Result<()>>,
    /// Who waits, by handle.
    waiting: Vec<(u64, Waker)>,
    next_handle: u64,
}

impl State {
    const fn new() -> Self {
        State {
            has_thread: false,
            is_asked: false,
            bytes: Bytes::new(),
            end: None,
            waiting: Vec::new(),
            next_handle: 0,
        }
    }

    /// The waker of `handle` that is to be dropped outside of the lock.
    fn replace_waker(&mut self, handle: u64, waker: Option<Waker>) -> Option<Waker> {
        let at = self.waiting.iter().position(|(waiting, _)| *waiting == handle);
        match (at, waker) {
            (Some(at), Some(waker)) => Some(std::mem::replace(&mut self.waiting[at].1, waker)),
            (Some(at), None) => Some(self.waiting.swap_remove(at).1),
            (None, Some(waker)) => {
                self.waiting.push((handle, waker));
                None
            }
            (None, None) => None,
        }
    }
}

/// The process's standard input. It implements `AsyncRead` of `futures::io`; lines come from a `BufReader` around it.
///
/// All handles share it: each byte goes to one of them. It is read by a thread of its own, once for each read that finds
/// nothing there. That thread holds nobody up: a program ends when its `main` does, although it waits for input.
///
/// # Cancel safety
/// Nothing is lost: what a dropped read has asked for is there for the next one, of any handle. (A `BufReader` has
/// bytes of its own, which go with it.)
///
/// # Examples
/// ```
/// use runtime::io::{AsyncBufReadExt, BufReader, stdin};
/// use runtime::task;
///
/// #[runtime::main]
/// async fn main() {
///     task::spawn(async {
///         let mut lines = BufReader::new(stdin());
///         let mut line = String::new();
///         while lines.read_line(&mut line).await.unwrap() > 0 {
///             print!("{line}");
///             line.clear();
///         }
///     });
///     // The program ends here, whether or not somebody types.
/// }
/// ```
#[derive(Debug)]
pub struct Stdin {
    handle: u64,
    std: io::Stdin,
}

/// A handle of the process's standard input.
pub fn stdin() -> Stdin {
    let mut state = SHARED.state.lock();
    state.next_handle += 1;
    Stdin { handle: state.next_handle, std: io::stdin() }
}

/// For whoever asks what it is, a terminal or a pipe. What is read from the descriptor itself is missing here.
impl AsFd for Stdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.std.as_fd()
    }
}

impl AsRawFd for Stdin {
    fn as_raw_fd(&self) -> RawFd {
        self.std.as_raw_fd()
    }
}

impl AsyncRead for Stdin {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let unit = ready!(coop::poll_proceed(cx));
        // User code: outside of the lock, as is the drop of the old one.
        let waker = cx.waker().clone();
        let (result, old) = SHARED.poll_read(self.handle, waker, buf);
        drop(old);
        if result.is_ready() {
            unit.made_progress();
        }
        result
    }
}

impl Shared {
    fn poll_read(
        &'static self,
        handle: u64,
        waker: Waker,
        buf: &mut [u8],
    ) -> (Poll<io::Result<usize>>, [Option<Waker>; 2]) {
        let mut state = self.state.lock();
        let ready = if !state.bytes.is_empty() {
            Some(Ok(state.bytes.take(buf)))
        } else {
            state.end.take().map(|end| end.map(|()| 0))
        };
        let ready = ready.or_else(|| self.ask(&mut state).err().map(Err));
        match ready {
            Some(result) => {
                let old = state.replace_waker(handle, None);
                (Poll::Ready(result), [old, Some(waker)])
            }
            None => (Poll::Pending, [state.replace_waker(handle, Some(waker)), None]),
        }
    }

    /// Has the thread read once, if it does not already.
    ///
    /// # Errors
    /// The system's, if it has no thread to give.
    fn ask(&'static self, state: &mut State) -> io::Result<()> {
        if !state.has_thread {
            let thread = thread::Builder::new().name("runtime-stdin".to_owned());
            drop(thread.spawn(|| self.serve()).map_err(no_thread)?);
            state.has_thread = true;
        }
        if !std::mem::replace(&mut state.is_asked, true) {
            self.asked.notify_one();
        }
        Ok(())
    }

    /// The life of the thread.
    fn serve(&self) {
        let mut room = vec![0; READ_MAX];
        let mut state = self.state.lock();
        loop {
            while !state.is_asked {
                state = self.asked.wait(state);
            }
            drop(state);
            let result = read_once(&mut room);
            state = self.state.lock();
            state.is_asked = false;
            match result {
                Ok(0) => state.end = Some(Ok(())),
                Ok(len) => state.bytes.put(&room[..len]),
                Err(error) => state.end = Some(Err(error)),
            }
            let waiting = std::mem::take(&mut state.waiting);
            drop(state);
            for (_, waker) in waiting {
                wake(waker);
            }
            state = self.state.lock();
        }
    }
}

/// Of no kind: the system's is `WouldBlock`, which a read may not say.
fn no_thread(error: io::Error) -> io::Error {
    io::Error::other(format!("no thread could be started to read standard input: {error}"))
}

/// Waits for input, also where somebody has made it non-blocking.
fn read_once(room: &mut [u8]) -> io::Result<usize> {
    loop {
        match io::stdin().read(room) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let stdin = io::stdin();
                // Whatever it says, reading finds out.
                let _ = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None);
            }
            result => return result,
        }
    }
}

impl Drop for Stdin {
    fn drop(&mut self) {
        let waker = SHARED.state.lock().replace_waker(self.handle, None);
        drop(waker);
    }
}
