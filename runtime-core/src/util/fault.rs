//! Faults that a loom model can plant, to prove that it would see them. An ordinary build has none:
//! [`planted`] is a constant there, and the branches behind it are gone.

#[cfg(not(loom))]
mod off;
#[cfg(loom)]
mod on;

#[cfg(not(loom))]
pub(crate) use off::planted;
#[cfg(loom)]
pub use on::plant;
#[cfg(loom)]
pub(crate) use on::planted;

/// One way to break a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// `AtomicWaker::wake` does not tell a registration that is going on.
    WakeMissesRegistration = 1,
    /// A waiter that was granted permits and is dropped keeps them.
    GrantKept,
    /// A waiter that was granted permits does not look whether they were closed since.
    CloseOverlooked,
    /// A dropped waiter at the head does not let the next ones have what it had been waiting for.
    HeadKept,
    /// A dropped `Notified` keeps the notification it was given.
    NotificationKept,
    /// Who finds the list of a `Notify` empty writes its word also where that is no longer its own.
    NotifyWordOverwritten,
    /// A oneshot receiver does not look at what was there when it left its waker.
    OneshotUnchecked,
    /// A oneshot sender publishes its value without looking whether the receiver closed.
    OneshotSendsClosed,
    /// A oneshot sender that waits for the end does not look at what was there when it left its waker.
    OneshotClosedUnchecked,
    /// A channel's sender looks whether the channel is closed before it can be told.
    ClosedSeenEarly,
    /// A channel's receiver goes to sleep without marking the slot it waits for.
    SlotUnmarked,
    /// A channel's receiver looks for the last sender before it leaves its waker.
    SendersSeenEarly,
    /// A channel's sender goes to sleep without a second look at the room the receiver made.
    RoomUnchecked,
    /// A permit given back after the channel closed does not tell the receiver.
    LastPermitSilent,
    /// A dropped wait on a condition variable keeps the notification it was given.
    ConditionKept,
    /// A wait on a condition variable lets go of the lock before it queues up.
    ConditionQueuedLate,
    /// A guard for writing that becomes one for reading gives all its permits back.
    DowngradeGivesAll,
    /// A dropped wait at a barrier still counts as arrived.
    PlaceKept,
    /// Who was to fill a cell and gave up does not let the next one try.
    TurnKept,
    /// A wait for an event queues up without a second look at the flag.
    EventUnchecked,
    /// A broadcast receiver lets go of the tail's lock between finding nothing and queuing.
    BroadcastQueuesLate,
    /// A broadcast receiver that got into a slot does not look whether its value is still there.
    BroadcastUnchecked,
    /// The lock of a broadcast slot keeps nobody out.
    BroadcastUnlocked,
    /// A watch receiver queues without looking, in the same move, whether there is a new version.
    WatchUnchecked,
    /// A borrow of a watched value does not look for a writer.
    WatchReadsWhileWritten,
    /// Who waits for a watched value's lock does not say so in its word.
    WatchParksSilently,
    /// A thread that borrows a watched value for the second time waits for a writer that waits for the first.
    WatchQueuesNested,
    /// A second waiter for a watched value looks at the word before it has the list's lock.
    WatchLooksEarly,

    /// Who polls a set of tasks does not look again when it leaves its waker.
    MemberUnseen,
    /// Who waits for a cancellation does not look again under the lock of the list.
    CancelUnseen,
    /// A child token is made without looking, under the lock of the tree, whether its parent was cancelled.
    ParentUnseen,

    /// The wake of a task that is scheduled already is a load and no more (tokio #7622).
    WakeSkipped,
    /// A wake does not publish what came before it.
    WakeUnordered,
    /// A job that runs can be taken once more, to cancel it.
    ClaimedTwice,
    /// A task that yields flips its bits blindly.
    YieldBlind,
    /// A `JoinHandle` does not look for the end in the move that publishes its waker.
    EndUnseenBySet,
    /// A `JoinHandle` does not look for the end in the move that takes its waker back.
    EndUnseenByUnset,
    /// A `JoinHandle` drops its waker although the task has ended.
    WakerDroppedLate,
    /// A `JoinHandle` that goes looks for the end before it says that it does.
    EndSeenEarly,
    /// A spawn does not look whether its home is closed.
    CloseUnseen,
    /// A task is told that it shall end before the request can be seen.
    AskedLate,
    /// Who registers for a task's end does not look whether it has come.
    EndUnseenByNotice,
    /// Who ends a task looks for other references before the task has left the list of its home.
    CountSeenEarly,
    /// Who makes the extras of a task replaces those that somebody else has made meanwhile.
    ExtrasReplaced,
    /// A group ends although a task of it lives.
    GroupLeft,
    /// Who enters a group does not look whether the task was asked for its end.
    GroupEnteredUnasked,
    /// A task that was asked for its end is dropped before its groups know that they outlive it.
    GroupsAskedLate,
    /// A group tells the task that waits for it to be gone before it is.
    GroupLeavesLate,

    /// Who publishes work does not fence before it looks for sleepers.
    NotifyUnfenced,
    /// Who lies down does not fence before it looks at the queues.
    SleepUnfenced,
    /// A parker that is about to sleep overwrites its token.
    TokenLost,
    /// Who unparks a sleeper does not pass by its lock.
    SleeperOverlooked,
    /// Who gets up first does not fence before it looks whether the monitor sleeps.
    RouseUnfenced,
    /// The monitor does not fence between its falling asleep and its look whether all sleep.
    MonitorUnfenced,
    /// The only worker leaves.
    LastWorkerLeaves,
    /// Who leaves all others asleep gets nobody up.
    DriverLeft,
    /// A spare goes to rest without looking for a call under the lock.
    CallUnseen,
    /// The next slot is taken by a load and a store.
    SlotTakenTwice,
    /// A `block_on` forgets, when it is about to wait, that it was woken.
    SignalForgotten,

    /// The last item of a queue tells those who join before it is counted off.
    JoinersToldEarly,
    /// A join takes any notification for the end.
    JoinersUnsure,
    /// A queue's last item leaves, and nobody tells the gets that wait.
    EndKept,
    /// Who waits for a promise queues without looking for the outcome again.
    PromiseUnchecked,
}
