//! Promise 12: what may go to another thread, or be shared between threads, and what may not. All of it is
//! checked by the compiler: the tests run only to be counted.

use runtime_core::sync::mpsc::{
    OwnedPermit, Permit, PermitIterator, Receiver, Sender, UnboundedReceiver, UnboundedSender, WeakSender,
    WeakUnboundedSender,
};
use runtime_core::sync::{
    MappedMutexGuard, Mutex, MutexGuard, Notified, Notify, OwnedMappedMutexGuard, OwnedMutexGuard,
    OwnedNotified, OwnedSemaphorePermit, Semaphore, SemaphorePermit, broadcast, oneshot, watch,
};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

/// Neither Send nor Sync.
type Neither = Rc<()>;
/// Send, not Sync.
type OnlySend = Cell<u8>;
/// Sync, not Send.
type OnlySync = std::sync::MutexGuard<'static, u8>;

fn send<T: Send + ?Sized>() {}
fn sync<T: Sync + ?Sized>() {}

/// Compiles only if the type does *not* have the trait: otherwise two implementations fit and `_` is open.
macro_rules! not {
    ($trait:ident: $($type:ty),+ $(,)?) => {$({
        trait Ambiguous<A> {
            fn check() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        #[allow(dead_code)]
        struct Has;
        impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
        <$type as Ambiguous<_>>::check();
    })+};
}

#[test]
fn channels_need_values_that_may_be_sent() {
    send::<oneshot::Sender<OnlySend>>();
    sync::<oneshot::Sender<OnlySend>>();
    send::<oneshot::Receiver<OnlySend>>();
    sync::<oneshot::Receiver<OnlySend>>();
    not!(Send: oneshot::Sender<Neither>, oneshot::Receiver<Neither>, oneshot::Sender<OnlySync>);
    not!(Sync: oneshot::Sender<Neither>, oneshot::Receiver<Neither>, oneshot::Receiver<OnlySync>);

    send::<Sender<OnlySend>>();
    sync::<Sender<OnlySend>>();
    send::<Receiver<OnlySend>>();
    sync::<Receiver<OnlySend>>();
    send::<UnboundedSender<OnlySend>>();
    sync::<UnboundedReceiver<OnlySend>>();
    send::<WeakSender<OnlySend>>();
    send::<Permit<'_, OnlySend>>();
    send::<PermitIterator<'_, OnlySend>>();
    send::<OwnedPermit<OnlySend>>();
    not!(Send: Sender<Neither>, Receiver<Neither>, UnboundedSender<Neither>, UnboundedReceiver<Neither>);
    not!(Send: WeakSender<Neither>, WeakUnboundedSender<Neither>, Permit<'static, Neither>);
    not!(Send: OwnedPermit<Neither>, PermitIterator<'static, Neither>, Sender<OnlySync>);
    not!(Sync: Sender<Neither>, Receiver<Neither>, UnboundedSender<OnlySync>, UnboundedReceiver<Neither>);
}

/// A value is cloned by one receiver after the other: it need not be `Sync` (RUSTSEC-2025-0023).
#[test]
fn broadcast_needs_values_that_may_be_sent() {
    send::<broadcast::Sender<OnlySend>>();
    sync::<broadcast::Sender<OnlySend>>();
    send::<broadcast::Receiver<OnlySend>>();
    sync::<broadcast::Receiver<OnlySend>>();
    send::<broadcast::WeakSender<OnlySend>>();
    sync::<broadcast::WeakSender<OnlySend>>();
    not!(Send: broadcast::Sender<Neither>, broadcast::Receiver<Neither>, broadcast::WeakSender<Neither>);
    not!(Sync: broadcast::Sender<Neither>, broadcast::Receiver<Neither>, broadcast::Receiver<OnlySync>);
    not!(Send: broadcast::Sender<OnlySync>, broadcast::Receiver<OnlySync>);
}

/// A value is looked at by many, and changed by one: it must be both.
#[test]
fn watched_values_are_shared_and_sent() {
    send::<watch::Sender<u8>>();
    sync::<watch::Sender<u8>>();
    send::<watch::Receiver<u8>>();
    sync::<watch::Receiver<u8>>();
    not!(Send: watch::Sender<OnlySend>, watch::Sender<OnlySync>, watch::Receiver<OnlySend>, watch::Receiver<Neither>);
    not!(Sync: watch::Sender<OnlySend>, watch::Sender<OnlySync>, watch::Receiver<OnlySend>, watch::Receiver<Neither>);
    // A lock that belongs to its thread, and is a reference for the others.
    sync::<watch::Ref<'_, u8>>();
    sync::<watch::Ref<'_, OnlySync>>();
    not!(Send: watch::Ref<'static, u8>);
    not!(Sync: watch::Ref<'static, OnlySend>);
}

#[test]
fn a_mutex_is_shared_if_its_value_may_be_sent() {
    send::<Mutex<OnlySend>>();
    sync::<Mutex<OnlySend>>();
    sync::<Mutex<dyn Send>>();
    not!(Send: Mutex<Neither>, Mutex<OnlySync>, Arc<Mutex<Neither>>);
    not!(Sync: Mutex<Neither>, Mutex<OnlySync>);
}

#[test]
fn guards_are_as_good_as_references() {
    send::<MutexGuard<'_, OnlySend>>();
    sync::<MutexGuard<'_, u8>>();
    not!(Sync: MutexGuard<'static, OnlySend>, OwnedMutexGuard<OnlySend>, MappedMutexGuard<'static, OnlySend>);
    not!(Send: MutexGuard<'static, Neither>, OwnedMutexGuard<Neither>, MappedMutexGuard<'static, Neither>);
    send::<OwnedMutexGuard<OnlySend>>();
    sync::<OwnedMutexGuard<u8>>();
    send::<MappedMutexGuard<'_, OnlySend>>();
    sync::<MappedMutexGuard<'_, u8>>();
    send::<OwnedMappedMutexGuard<OnlySend, OnlySend>>();
    sync::<OwnedMappedMutexGuard<u8, u8>>();
    not!(Send: OwnedMappedMutexGuard<u8, Neither>, OwnedMappedMutexGuard<Neither, u8>);
    not!(Sync: OwnedMappedMutexGuard<u8, OnlySend>, OwnedMappedMutexGuard<OnlySend, u8>);
}

#[test]
fn the_rest_goes_anywhere() {
    sync::<Semaphore>();
    send::<SemaphorePermit<'_>>();
    sync::<OwnedSemaphorePermit>();
    sync::<Notify>();
    send::<Notified<'_>>();
    sync::<Notified<'_>>();
    send::<OwnedNotified>();
    sync::<OwnedNotified>();
    not!(Unpin: Notified<'static>, OwnedNotified);
}

/// The futures of the async functions, too: a task that waits can be stolen.
#[test]
fn waiting_tasks_may_move() {
    fn both<T: Send + Sync>(_: &T) {}
    fn one<T: Send>(_: &T) {}
    let (semaphore, mutex, notify) =
        (Arc::new(Semaphore::new(1)), Arc::new(Mutex::new(Cell::new(1))), Notify::new());
    both(&semaphore.acquire());
    both(&semaphore.clone().acquire_many_owned(1));
    both(&mutex.lock());
    both(&mutex.clone().lock_owned());
    both(&notify.notified());
    let (tx, mut rx) = runtime_core::sync::mpsc::channel::<Cell<u8>>(1);
    one(&tx.send(Cell::new(1)));
    one(&tx.clone().reserve_owned());
    one(&tx.closed());
    one(&rx.recv());
    let (tx, mut rx) = broadcast::channel::<Cell<u8>>(1);
    one(&tx.closed());
    one(&rx.recv());
    let (tx, mut rx) = watch::channel(1);
    one(&tx.closed());
    one(&rx.changed());
    one(&rx.wait_for(|_| true));
}
