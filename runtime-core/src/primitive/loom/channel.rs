//! A stand-in for crossbeam-channel's unbounded channel: a lock, a queue, a condition variable.
//! The original synchronises sender and receiver of each message, and so does this.

use super::{Arc, Condvar, Mutex};
use std::collections::VecDeque;
use std::time::Duration;

#[derive(Debug)]
struct Chan<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    senders: usize,
    receivers: usize,
}

/// The sending end.
#[derive(Debug)]
pub struct Sender<T>(Arc<Chan<T>>);

/// The receiving end.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Chan<T>>);

/// The value came back: nobody can receive it.
#[derive(Debug, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// A receive gave nothing: empty, and every sender is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct RecvError;

/// Why a timed receive gave nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// Never under loom.
    Timeout,
    /// Empty, and every sender is gone.
    Disconnected,
}

/// Why a receive gave nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing there yet.
    Empty,
    /// Empty, and every sender is gone.
    Disconnected,
}

/// An unbounded channel.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { queue: VecDeque::new(), senders: 1, receivers: 1 };
    let chan = Arc::new(Chan { state: Mutex::new(state), ready: Condvar::new() });
    (Sender(chan.clone()), Receiver(chan))
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().senders += 1;
        Sender(self.0.clone())
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().receivers += 1;
        Receiver(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state.lock().senders -= 1;
        self.0.ready.notify_all();
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.state.lock().receivers -= 1;
    }
}

impl<T> Sender<T> {
    /// Sends without waiting.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let mut state = self.0.state.lock();
        if state.receivers == 0 {
            return Err(SendError(value));
        }
        state.queue.push_back(value);
        self.0.ready.notify_one();
        Ok(())
    }
}

impl<T> Receiver<T> {
    /// Waits for a value; the time-out never fires under loom.
    pub fn recv_timeout(&self, _timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv().map_err(|RecvError| RecvTimeoutError::Disconnected)
    }

    /// Waits for a value.
    pub fn recv(&self) -> Result<T, RecvError> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(value) = state.queue.pop_front() {
                return Ok(value);
            }
            if state.senders == 0 {
                return Err(RecvError);
            }
            state = self.0.ready.wait(state);
        }
    }

    /// A value if there is one.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let mut state = self.0.state.lock();
        match state.queue.pop_front() {
            Some(value) => Ok(value),
            None if state.senders == 0 => Err(TryRecvError::Disconnected),
            None => Err(TryRecvError::Empty),
        }
    }
}
