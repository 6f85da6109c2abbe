//! Callbacks of promises, which run on the runtime.

#![forbid(unsafe_code)]

use crate::handle::Handle;
use crate::sync::PromiseFuture;
use crate::sync::promise::Cancelled;
use crate::util::inherited;

impl<T: Send + Sync + 'static> PromiseFuture<T> {
    /// Runs `callback` with what was decided, once it is: asyncio's `add_done_callback`.
    ///
    /// It runs later, by [`Handle::call_soon`](crate::handle::Handle::call_soon) of the runtime that this is called
    /// in, never inside of this call or of the one that decides, also if it is decided already. Callbacks run in the
    /// order of these calls. They shall not block.
    ///
    /// If that runtime has ended by then, it runs on the thread of whoever decides: nobody else could.
    ///
    /// # Panics
    /// Outside of a runtime.
    ///
    /// # Examples
    /// ```
    /// runtime::run(async {
    ///     let (promise, future) = runtime::sync::promise();
    ///     let (tell, told) = runtime::sync::oneshot::channel();
    ///     future.on_done(move |decided| tell.send(decided.clone()).unwrap());
    ///     promise.set(42).unwrap();
    ///     assert_eq!(told.await.unwrap(), Ok(42));
    /// });
    /// ```
    #[track_caller]
    pub fn on_done(&self, callback: impl FnOnce(&Result<T, Cancelled>) + Send + 'static) {
        let handle = Handle::current();
        let inherited = inherited::current();
        self.when_done(Box::new(move |outcome| {
            handle.call_soon(inherited::bind_to(inherited, move || callback(&outcome)));
        }));
    }
}
