//! The one signal handler of the process, and what it looks at.
//!
//! It is in place for a signal while somebody listens for it. What was there before is called first, or kept in
//! mind: when the last listener goes, it is put back ([`put_back`]). A handler that finds no listener does what was
//! there before: it may have been called by another library that came after us and chains to us, or in the moment
//! before it is taken away.
//!
//! # What a handler may see
//! It runs on any thread at any moment, also between two lines of this file. So it takes no lock, and what it reads is
//! never freed: the [`Table`], made before the first handler is in place; and the [`sigaction`]s of before, which are
//! leaked (a new one only where it differs from the last).
//! It adds one to the count of its signal (h1), and then strikes the chime (h2), which is an edge in the driver of each
//! runtime with listeners. A listener that is woken looks at the count, as does one that has just begun to wait
//! (`unix.rs`), so h1 is not missed.
//!
//! # Children
//! An exec resets handlers, so children get the default. A child that was forked and does *not* exec has this handler,
//! and nobody who listens: its number is not [`Table::pid`], and the handler does what was there before. It neither counts nor
//! strikes the chime, which it shares with its parent.
//!
//! # Invariants
//! - S1: what runs in the handler is async-signal-safe: atomics, `getpid`, `write`, `sigaction`, `raise`, and what was
//!   there before us, which was a handler already. It allocates nothing, takes no lock, and does not panic.
//! - S2: a `sigaction` is plain data, and any bits of one are valid; all zeros are the default action. The kernel writes
//!   one where it is told to.
//! - S3: pointers in `Slot::before` come from `Box::leak`, and are never freed.
//! - S4: `sa_sigaction` of an action that is neither SIG_DFL nor SIG_IGN is a function; it takes three arguments if
//!   SA_SIGINFO is set, else one.

use crate::sys::{Chime, SavedErrno};
use libc::{SIG_DFL, SIG_IGN, c_int, c_void, sigaction, siginfo_t};
use runtime_core::primitive::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use rustix::process::{Pid, getpid};
use std::io;
use std::mem::{MaybeUninit, transmute};
use std::ptr;
use std::sync::OnceLock;

/// Signals are numbers below this one: Linux has 64, and nobody has more that users can catch.
pub(super) const SIGNALS_MAX: usize = 65;

/// What a `ctrl_c = "cancel"` makes of a SIGINT; see `interrupt.rs`.
pub(super) const OFF: u32 = 0;
pub(super) const ARMED: u32 = 1;
pub(super) const ASKED: u32 = 2;

static TABLE: OnceLock<Table> = OnceLock::new();

/// What the handler looks at.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    /// [`OFF`], [`ARMED`] or [`ASKED`].
    pub(super) ctrl_c: AtomicU32,
    pub(super) chime: Chime,
    /// The process that made it: a fork has the same table.
    pid: Pid,
}

/// One signal.
#[derive(Debug)]
pub(super) struct Slot {
    /// How often it came.
    count: AtomicUsize,
    listeners: AtomicUsize,
    /// What was there before us. Null until we have been there.
    before: AtomicPtr<sigaction>,
}

impl Table {
    /// The process', made at the first call.
    ///
    /// # Errors
    /// When the system refuses a descriptor; a later call tries again. In a child that was forked from a process with a
    /// table: nobody reads there what the handler says.
    pub(super) fn get() -> io::Result<&'static Table> {
        let table = match TABLE.get() {
            Some(table) => table,
            None => {
                let slot = |_| Slot {
                    count: AtomicUsize::new(0),
                    listeners: AtomicUsize::new(0),
                    before: AtomicPtr::new(ptr::null_mut()),
                };
                let slots = (0..SIGNALS_MAX).map(slot).collect();
                let table = Table { slots, ctrl_c: AtomicU32::new(OFF), chime: Chime::new()?, pid: getpid() };
                // Another thread may be first: then this one goes, and nobody has seen it.
                TABLE.get_or_init(|| table)
            }
        };
        if table.is_here() {
            Ok(table)
        } else {
            let what =
                "signals cannot be listened for in a process that was forked from one that does: exec first";
            Err(io::Error::new(io::ErrorKind::Unsupported, what))
        }
    }

    /// The slot of a signal.
    pub(super) fn slot(&self, signal: c_int) -> Option<&Slot> {
        self.slots.get(usize::try_from(signal).ok()?)
    }

    fn is_here(&self) -> bool {
        self.pid == getpid()
    }

    /// Whether a SIGINT is an event, in what `ctrl_c = "cancel"` makes of it.
    fn lets_pass(&self, signal: c_int) -> bool {
        // ORDER: AcqRel; pairs with the Acquire in `Interrupt::wait`. Of two SIGINTs one is the first.
        signal != libc::SIGINT
            || self.ctrl_c.compare_exchange(ARMED, ASKED, Ordering::AcqRel, Ordering::Acquire) != Err(ASKED)
    }
}

impl Slot {
    /// How often the signal came, modulo 2^64.
    pub(super) fn count(&self) -> usize {
        // ORDER: Acquire; pairs with the Release in the handler: h1.
        self.count.load(Ordering::Acquire)
    }

    /// One listener more. The handler counts for it from here on.
    pub(super) fn add_listener(&self) {
        // ORDER: AcqRel, as all of these: they are rare, and the lock of the registry orders them among themselves.
        self.listeners.fetch_add(1, Ordering::AcqRel);
    }

    /// One listener less. Says whether it was the last.
    #[must_use]
    pub(super) fn remove_listener(&self) -> bool {
        self.listeners.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// What was there before us, if we have been there.
    pub(super) fn before(&self) -> Option<&'static sigaction> {
        let before = self.before.load(Ordering::Acquire);
        // SAFETY: S3.
        unsafe { before.as_ref() }
    }

    fn remember(&self, before: &sigaction) {
        if self.before().is_none_or(|old| !is_same(old, before)) {
            // ORDER: Release; pairs with the Acquire in `before`: the handler reads what it points to.
            self.before.store(Box::leak(Box::new(*before)), Ordering::Release);
        }
    }
}

/// Puts the handler in place for `signal`, and remembers what was there.
///
/// # Errors
/// As `sigaction`.
pub(super) fn put_in_place(slot: &Slot, signal: c_int) -> io::Result<()> {
    let before = current(signal)?;
    if is_ours(&before) {
        return Ok(()); // another library has put back what it had found
    }
    // The handler has to know it when it runs for the first time.
    slot.remember(&before);
    let found = set(signal, &ours_over(signal, &before))?;
    if !is_ours(&found) {
        slot.remember(&found);
    }
    Ok(())
}

/// Puts back what was there, if the handler is ours still. Says whether it is out of the way now: it is not if another
/// library's is there, which may call ours.
///
/// # Errors
/// As `sigaction`.
pub(super) fn put_back(slot: &Slot, signal: c_int) -> io::Result<bool> {
    let now = current(signal)?;
    if !is_ours(&now) {
        return Ok(!is_function(&now));
    }
    let Some(before) = slot.before() else { return Ok(true) };
    let found = set(signal, before)?;
    if is_ours(&found) {
        return Ok(true);
    }
    // Another came in between. It may have taken ours for what was there before it.
    set(signal, &found)?;
    Ok(!is_function(&found))
}

/// What happens at `signal` now.
///
/// # Errors
/// As `sigaction`.
pub(super) fn current(signal: c_int) -> io::Result<sigaction> {
    let mut now = default_action();
    // SAFETY: S2; nothing is set.
    let result = unsafe { libc::sigaction(signal, ptr::null(), &raw mut now) };
    if result == 0 { Ok(now) } else { Err(io::Error::last_os_error()) }
}

/// Sets what happens at `signal`, and says what did.
fn set(signal: c_int, action: &sigaction) -> io::Result<sigaction> {
    let mut old = default_action();
    // SAFETY: S1, for ours; what was there before us was there by the system's leave.
    let result = unsafe { libc::sigaction(signal, action, &raw mut old) };
    if result == 0 { Ok(old) } else { Err(io::Error::last_os_error()) }
}

fn default_action() -> sigaction {
    // SAFETY: S2.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Our action, with what the one that it calls relies on: the signals that are blocked meanwhile, and the stack. Where the
/// system reaped the children by itself, it goes on doing so.
fn ours_over(signal: c_int, before: &sigaction) -> sigaction {
    let mut ours = *before;
    ours.sa_sigaction = ours_as_number();
    let kept = before.sa_flags & (libc::SA_ONSTACK | libc::SA_NOCLDWAIT);
    // Ignoring SIGCHLD says the same without the flag.
    let reaps = if signal == libc::SIGCHLD && is_ignored(before) { libc::SA_NOCLDWAIT } else { 0 };
    ours.sa_flags = kept | reaps | libc::SA_SIGINFO | libc::SA_RESTART;
    ours
}

fn ours_as_number() -> usize {
    on_signal as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
}

/// Whether it is our handler.
pub(super) fn is_ours(action: &sigaction) -> bool {
    action.sa_sigaction == ours_as_number()
}

/// Whether the signal is ignored.
pub(super) fn is_ignored(action: &sigaction) -> bool {
    action.sa_sigaction == SIG_IGN
}

/// Whether it is somebody's handler.
pub(super) fn is_function(action: &sigaction) -> bool {
    action.sa_sigaction != SIG_DFL && action.sa_sigaction != SIG_IGN
}

fn is_same(one: &sigaction, other: &sigaction) -> bool {
    let is_blocked = |set: &libc::sigset_t, signal| {
        // SAFETY: S2; it reads one bit of the set.
        unsafe { libc::sigismember(set, signal) }
    };
    (one.sa_sigaction, one.sa_flags) == (other.sa_sigaction, other.sa_flags)
        && (1..SIGNALS_MAX as c_int)
            .all(|signal| is_blocked(&one.sa_mask, signal) == is_blocked(&other.sa_mask, signal))
}

/// The handler: S1 holds for all of what follows.
extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let _errno = SavedErrno::now();
    let Some(table) = TABLE.get() else { return };
    let Some(slot) = table.slot(signal) else { return };
    let before = slot.before();
    if let Some(before) = before.filter(|before| is_function(before)) {
        call(before, signal, info, context);
    }
    // ORDER: Acquire; pairs with the AcqRel of a listener that comes.
    let is_heard = || table.is_here() && slot.listeners.load(Ordering::Acquire) > 0;
    let was_heard = is_heard();
    if was_heard && table.lets_pass(signal) {
        announce(table, slot);
        return;
    }
    let Some(default) = before.filter(|before| before.sa_sigaction == SIG_DFL) else { return };
    // Another library's handler may be there, and decides.
    if !current(signal).is_ok_and(|now| is_ours(&now)) || set(signal, default).is_err() {
        return;
    }
    // Who has begun to listen since the look above has counted itself, and then looked for our handler: it saw what is
    // there now, and has put ours in its place; or it saw ours, and is seen here.
    if !was_heard && is_heard() && table.lets_pass(signal) {
        if let Some(found) = set(signal, &ours_over(signal, default)).ok().filter(is_function) {
            let _ = set(signal, &found);
        }
        announce(table, slot);
        return;
    }
    // SAFETY: S1; the signal is blocked in its handler: it comes again when that returns.
    unsafe { libc::raise(signal) };
}

/// Tells the listeners.
fn announce(table: &Table, slot: &Slot) {
    // ORDER: Release; pairs with the Acquire in `Slot::count`.
    slot.count.fetch_add(1, Ordering::Release);
    table.chime.strike();
}

fn call(action: &sigaction, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let function = action.sa_sigaction as *const ();
    if action.sa_flags & libc::SA_SIGINFO == 0 {
        // SAFETY: S4.
        let function = unsafe { transmute::<*const (), extern "C" fn(c_int)>(function) };
        function(signal);
    } else {
        type WithInfo = extern "C" fn(c_int, *mut siginfo_t, *mut c_void);
        // SAFETY: S4.
        let function = unsafe { transmute::<*const (), WithInfo>(function) };
        function(signal, info, context);
    }
}
