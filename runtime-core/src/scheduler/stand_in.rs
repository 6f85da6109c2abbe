//! Getting somebody to stand in for a worker that is stuck, or blocks.

#![forbid(unsafe_code)]

use super::seats::halves;
use super::shared::Shared;
use super::worker::Worker;
use crate::primitive::Arc;

/// One more worker, at once: a spare that rests, or one with a new thread. `false`: there are as many as there may be,
/// the runtime ends, or the system refused the thread.
pub(crate) fn add_spare(shared: &Shared) -> bool {
    let spares = &shared.spares;
    if !spares.count() {
        return false;
    }
    let join = || {
        if shared.idle.join() {
            shared.monitor.rouse();
        }
    };
    if spares.call(join) {
        return true;
    }
    spares.starts();
    let is_started = match shared.starter().map(|starter| starter.start()) {
        Some(Ok(())) => true,
        Some(Err(error)) => {
            spares.complain(&error);
            false
        }
        None => false,
    };
    if is_started {
        spares.call_started(join);
    } else {
        spares.refused();
    }
    is_started
}

/// The worker of a new spare: in a place that another has left, or in a new one. `None`: it is not needed any more.
pub(crate) fn take_place(shared: &Arc<Shared>) -> Option<Worker> {
    let (index, queue) = shared.spares.take_place(|| {
        let (queue, seat) = halves();
        Some((shared.seats.add(seat)?, queue))
    })?;
    Some(Worker::new(Arc::clone(shared), index, queue))
}

/// The thread of a spare ends.
pub(crate) fn leave_place(worker: Worker) {
    let shared = Arc::clone(worker.shared());
    let (index, queue) = worker.into_place();
    shared.spares.give_place_back(index, queue);
}
