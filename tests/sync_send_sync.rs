//! Promise 12: what may go to another thread, or be shared between threads, and what may not. All of it is
//! checked by the compiler: the tests run only to be counted.

use runtime_core::sync::mpsc::{
    OwnedPermit, Permit, PermitIterator, Receiver, Sender, UnboundedReceiver, UnboundedSender, WeakSender,
    WeakUnboundedSender,
};
use runtime_core::sync::promise::{Promise, PromiseFuture};
use runtime_core::sync::queue::{Item, LifoQueue, PriorityQueue, Queue};
use runtime_core::sync::{
    Barrier, BoundedPermit, BoundedSemaphore, Condvar, Event, MappedMutexGuard, Mutex, MutexGuard, Notified,
    Notify, OnceCell, OwnedBoundedPermit, OwnedMappedMutexGuard, OwnedMutexGuard, OwnedNotified,
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit, SetOnce,
    broadcast, oneshot, watch,
};
use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
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

/// What a panic in foreign code leaves behind is said in the docs, as with a `std::sync::Mutex`.
#[test]
fn channels_with_many_receivers_go_through_a_panic() {
    fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
    unwind_safe::<broadcast::Sender<OnlySend>>();
    unwind_safe::<broadcast::Receiver<OnlySend>>();
    unwind_safe::<watch::Sender<u8>>();
    unwind_safe::<watch::Receiver<u8>>();
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

/// Readers share the value between threads.
#[test]
fn a_rwlock_is_shared_if_its_value_may_be_sent_and_shared() {
    send::<RwLock<OnlySend>>();
    sync::<RwLock<u8>>();
    sync::<RwLock<dyn Fn() + Send + Sync>>();
    not!(Send: RwLock<Neither>, RwLock<OnlySync>);
    not!(Sync: RwLock<Neither>, RwLock<OnlySync>, RwLock<OnlySend>);
}

#[test]
fn guards_of_a_rwlock_are_as_good_as_references() {
    send::<RwLockReadGuard<'_, OnlySync>>();
    sync::<RwLockReadGuard<'_, OnlySync>>();
    not!(Send: RwLockReadGuard<'static, OnlySend>, RwLockReadGuard<'static, Neither>);
    not!(Sync: RwLockReadGuard<'static, OnlySend>);
    // It can become a guard for reading on another thread, while others read on this one.
    send::<RwLockWriteGuard<'_, u8>>();
    sync::<RwLockWriteGuard<'_, OnlySync>>();
    not!(Send: RwLockWriteGuard<'static, OnlySend>, RwLockWriteGuard<'static, OnlySync>);
    not!(Sync: RwLockWriteGuard<'static, OnlySend>);
    // This one can't.
    send::<RwLockMappedWriteGuard<'_, OnlySend>>();
    sync::<RwLockMappedWriteGuard<'_, OnlySync>>();
    not!(Send: RwLockMappedWriteGuard<'static, OnlySync>);
    not!(Sync: RwLockMappedWriteGuard<'static, OnlySend>);

    send::<OwnedRwLockReadGuard<u8, OnlySync>>();
    sync::<OwnedRwLockReadGuard<u8, OnlySync>>();
    not!(Send: OwnedRwLockReadGuard<OnlySync, u8>, OwnedRwLockReadGuard<OnlySend, u8>);
    not!(Send: OwnedRwLockReadGuard<u8, OnlySend>);
    not!(Sync: OwnedRwLockReadGuard<OnlySync, u8>, OwnedRwLockReadGuard<u8, OnlySend>);
    send::<OwnedRwLockWriteGuard<u8>>();
    sync::<OwnedRwLockWriteGuard<u8>>();
    not!(Send: OwnedRwLockWriteGuard<OnlySend>, OwnedRwLockWriteGuard<OnlySync>);
    not!(Sync: OwnedRwLockWriteGuard<OnlySend>, OwnedRwLockWriteGuard<OnlySync>);
    send::<OwnedRwLockMappedWriteGuard<u8, OnlySend>>();
    sync::<OwnedRwLockMappedWriteGuard<u8, OnlySync>>();
    not!(Send: OwnedRwLockMappedWriteGuard<u8, OnlySync>, OwnedRwLockMappedWriteGuard<OnlySend, u8>);
    not!(Sync: OwnedRwLockMappedWriteGuard<u8, OnlySend>, OwnedRwLockMappedWriteGuard<OnlySync, u8>);
}

#[test]
fn cells_are_shared_if_their_value_may_be_sent_and_shared() {
    send::<OnceCell<OnlySend>>();
    sync::<OnceCell<u8>>();
    send::<SetOnce<OnlySend>>();
    sync::<SetOnce<u8>>();
    not!(Send: OnceCell<OnlySync>, OnceCell<Neither>, SetOnce<OnlySync>, SetOnce<Neither>);
    not!(Sync: OnceCell<OnlySend>, OnceCell<OnlySync>, SetOnce<OnlySend>, SetOnce<OnlySync>);
}

#[test]
fn queues_need_values_that_may_be_sent() {
    send::<Queue<OnlySend>>();
    sync::<Queue<OnlySend>>();
    sync::<PriorityQueue<OnlySend>>();
    sync::<LifoQueue<OnlySend>>();
    not!(Send: Queue<Neither>, PriorityQueue<Neither>, LifoQueue<Neither>, Queue<OnlySync>);
    not!(Sync: Queue<Neither>, PriorityQueue<OnlySync>, LifoQueue<OnlySync>);
    // Whoever has an item has its value.
    send::<Item<OnlySend>>();
    sync::<Item<OnlySync>>();
    not!(Send: Item<Neither>, Item<OnlySync>);
    not!(Sync: Item<Neither>, Item<OnlySend>);
}

/// Its clones look at one value from several threads.
#[test]
fn promises_need_values_that_may_be_shared() {
    fn unpin<T: Unpin>() {}
    send::<Promise<u8>>();
    sync::<Promise<u8>>();
    send::<PromiseFuture<u8>>();
    sync::<PromiseFuture<u8>>();
    unpin::<PromiseFuture<std::marker::PhantomPinned>>();
    not!(Send: PromiseFuture<Neither>, PromiseFuture<OnlySend>, PromiseFuture<OnlySync>);
    not!(Sync: PromiseFuture<Neither>, PromiseFuture<OnlySend>, PromiseFuture<OnlySync>);
    not!(Send: Promise<Neither>, Promise<OnlySend>, Promise<OnlySync>);
}

#[test]
fn the_rest_goes_anywhere() {
    send::<Barrier>();
    sync::<Barrier>();
    sync::<Event>();
    sync::<Condvar>();
    sync::<BoundedSemaphore>();
    send::<BoundedPermit<'_>>();
    sync::<OwnedBoundedPermit>();
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
    let lock = Arc::new(RwLock::new(1));
    both(&lock.read());
    both(&lock.write());
    both(&lock.clone().read_owned());
    both(&lock.clone().write_owned());
    let (barrier, event, condvar, seats) =
        (Barrier::new(1), Event::new(), Condvar::new(), Arc::new(BoundedSemaphore::new(1)));
    both(&barrier.wait());
    both(&event.wait());
    one(&condvar.wait(mutex.try_lock().unwrap()));
    one(&condvar.wait_while(mutex.try_lock().unwrap(), |_| true));
    both(&seats.acquire());
    both(&seats.clone().acquire_owned());
    let (cell, set_once) = (OnceCell::new(), SetOnce::from(1));
    one(&cell.get_or_init(|| std::future::ready(1)));
    both(&set_once.wait());
    let (tx, mut rx) = runtime_core::sync::mpsc::channel::<Cell<u8>>(1);
    one(&tx.send(Cell::new(1)));
    one(&tx.clone().reserve_owned());
    one(&tx.closed());
    one(&rx.recv());
    let queue = Queue::<Cell<u8>>::bounded(1);
    one(&queue.put(Cell::new(1)));
    one(&queue.get());
    both(&queue.join());
    let (tx, mut rx) = broadcast::channel::<Cell<u8>>(1);
    one(&tx.closed());
    one(&rx.recv());
    let (tx, mut rx) = watch::channel(1);
    one(&tx.closed());
    one(&rx.changed());
    one(&rx.wait_for(|_| true));
}
