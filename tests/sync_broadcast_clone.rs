//! What the `Clone` of a broadcast value may do with its channel, under the lock of its slot.

mod sync_support;

use runtime_core::sync::broadcast::error::TryRecvError;
use runtime_core::sync::broadcast::{self, Receiver, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use sync_support::within_bounds;

/// A clone may use the channel: only the slot of its own value is locked.
#[test]
fn a_clone_may_send_into_its_channel() {
    struct Chatty(Option<Sender<Chatty>>);
    impl Clone for Chatty {
        fn clone(&self) -> Self {
            if let Some(tx) = &self.0 {
                assert_eq!(tx.receiver_count(), 2);
                drop(tx.subscribe());
                assert!(tx.send(Chatty(None)).is_ok());
                assert_eq!(tx.len(), 2, "the value itself and what it sent");
            }
            Chatty(None)
        }
    }
    within_bounds(|| {
        let (tx, mut first) = broadcast::channel(4);
        let mut second = tx.subscribe();
        assert!(tx.send(Chatty(Some(tx.clone()))).is_ok());
        assert!(first.try_recv().is_ok());
        assert!(first.try_recv().is_ok());
        assert!(second.try_recv().is_ok());
        assert!(second.try_recv().is_ok());
        assert!(matches!(first.try_recv(), Err(TryRecvError::Empty)));
    });
}

/// What a clone does with its channel: it panics where it would wait for itself, and all else goes on.
#[test]
fn a_clone_that_would_wait_for_itself_panics() {
    type Deed = Box<dyn Fn() + Send>;
    struct Busy(Option<Deed>);
    impl Clone for Busy {
        fn clone(&self) -> Self {
            if let Some(deed) = &self.0 {
                deed();
            }
            Busy(None)
        }
    }
    fn message_of(f: impl FnOnce()) -> String {
        let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
        payload.downcast_ref::<&str>().map(|message| message.to_string()).unwrap_or_default()
    }
    within_bounds(|| {
        // Sends over the value that is being cloned: at once, or after some that it can send.
        for capacity in [1, 4] {
            let (tx, mut rx) = broadcast::channel(capacity);
            let mut other = tx.subscribe();
            let inner = tx.clone();
            let floods = move || (0..capacity).for_each(|_| drop(inner.send(Busy(None))));
            assert!(tx.send(Busy(Some(Box::new(floods)))).is_ok());
            let message = message_of(|| drop(rx.try_recv()));
            assert!(message.contains("deadlock") && message.contains("sends so much"), "{message}");
            assert_eq!((rx.len(), other.len()), (capacity - 1, capacity), "what it had sent before is there");
            // The channel works, also for a send over that value.
            drop(other.try_recv());
            assert!(tx.send(Busy(None)).is_ok());
            assert!(rx.try_recv().is_ok());
        }

        // Receives the very value that it clones.
        let (tx, mut rx) = broadcast::channel(4);
        let inner = std::sync::Mutex::new(Some((tx.subscribe(), tx.subscribe())));
        let third = tx.subscribe();
        let receives = move || {
            if let Some((mut first, second)) = inner.lock().unwrap().take() {
                // What it may: let go of receivers that were to get it.
                drop(second);
                drop(first.try_recv());
            }
        };
        assert!(tx.send(Busy(Some(Box::new(receives)))).is_ok());
        let message = message_of(|| drop(rx.try_recv()));
        assert!(message.contains("deadlock") && message.contains("receives that very value"), "{message}");
        assert_eq!(tx.receiver_count(), 2);
        drop(third);
        assert!(tx.is_empty());
    });
}

/// Receivers that a clone drops were to get its value: they are counted out, and the value goes with the last.
#[test]
fn a_clone_may_drop_receivers() {
    struct Last(Arc<std::sync::Mutex<Vec<Receiver<Last>>>>, Arc<()>);
    impl Clone for Last {
        fn clone(&self) -> Self {
            let receivers = std::mem::take(&mut *self.0.lock().unwrap());
            drop(receivers);
            Last(self.0.clone(), Arc::new(()))
        }
    }
    within_bounds(|| {
        for stays in [false, true] {
            let (tx, mut rx) = broadcast::channel(2);
            let others = Arc::new(std::sync::Mutex::new(vec![tx.subscribe(), tx.subscribe()]));
            let stays = stays.then(|| tx.subscribe());
            let alive = Arc::new(());
            assert!(tx.send(Last(others.clone(), alive.clone())).is_ok());
            let received = rx.try_recv().unwrap();
            assert!(!Arc::ptr_eq(&received.1, &alive), "it was not the last when it came");
            assert_eq!(Arc::strong_count(&alive), 1 + usize::from(stays.is_some()));
            assert_eq!(tx.receiver_count(), 1 + usize::from(stays.is_some()));
            if let Some(mut stays) = stays {
                assert!(Arc::ptr_eq(&stays.try_recv().unwrap().1, &alive));
            }
            assert!(tx.is_empty());
            assert!(tx.send(received).is_ok());
        }
    });
}
