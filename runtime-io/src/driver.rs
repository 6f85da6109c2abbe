//! Where a worker sleeps: the driver's exclusive half.
#![forbid(unsafe_code)]

use crate::reactor::Reactor;
use crate::selector::Events;
use crate::unpark::Begin;
use runtime_core::port::{Driver, DriverHandle};
use runtime_core::util::wake_list::WakeList;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A new I/O driver, and the half of it that everyone may hold. For the builder of a runtime.
///
/// # Errors
/// When the system refuses the descriptors that it needs.
///
/// # Examples
/// ```
/// use runtime_core::util::wake_list::WakeList;
///
/// let (mut driver, handle) = runtime_io::driver()?;
/// handle.unpark();
/// driver.park(None, &mut WakeList::new())?; // returns at once: it was told so
/// # std::io::Result::Ok(())
/// ```
pub fn driver() -> io::Result<(Box<dyn Driver>, Arc<dyn DriverHandle>)> {
    let (driver, reactor) = IoDriver::new()?;
    Ok((Box::new(driver), reactor))
}

pub(crate) struct IoDriver {
    reactor: Arc<Reactor>,
    events: Events,
}

impl IoDriver {
    pub(crate) fn new() -> io::Result<(IoDriver, Arc<Reactor>)> {
        let reactor = Arc::new(Reactor::new()?);
        Ok((IoDriver { reactor: Arc::clone(&reactor), events: Events::new() }, reactor))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        if timeout == Some(Duration::ZERO) {
            // Nobody sleeps, so nobody needs to be told.
            return self.events.wait(&self.reactor.selector, timeout);
        }
        let timeout = match self.reactor.unpark.begin() {
            Begin::Sleep => timeout,
            Begin::Stay => Some(Duration::ZERO),
        };
        let result = self.events.wait(&self.reactor.selector, timeout);
        self.reactor.unpark.end();
        result
    }
}

impl Driver for IoDriver {
    fn park(&mut self, timeout: Option<Duration>, ready: &mut WakeList) -> io::Result<()> {
        self.wait(timeout)?;
        self.reactor.dispatch(self.events.iter(), ready);
        Ok(())
    }

    fn shutdown(&mut self, ready: &mut WakeList) {
        self.reactor.shut_down(ready);
    }
}
