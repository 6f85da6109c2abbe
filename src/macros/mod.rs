//! `select!`, `join!`, `try_join!`, `gather!`, `pin!` and `task_local!`.
//!
//! But for `gather!`, which spawns tasks, they need no runtime: any executor can poll what they make. The
//! procedural macros behind the first three are in `runtime-macros`; [`support`] is what their expansions call.

pub(crate) mod support;

/// Waits for several futures at once and handles the first that completes; the others are dropped.
///
/// ```text
/// select! {
///     [biased;]
///     <pattern> = <future> [, if <condition>] => <handler>,
///     …                                          // up to 64 branches
///     [else => <handler>]
/// }
/// ```
///
/// 1. Every condition is evaluated; a branch whose condition is false is disabled.
/// 2. Every future expression is evaluated, of disabled branches too (use `async { … }` where that
///    matters). Whatever is `IntoFuture` will do, `&mut future` among them.
/// 3. The enabled futures are polled, from a random one on, each time anew.
/// 4. The first that completes with a value that matches its pattern wins. A value that does not match
///    disables its branch, and the others go on.
/// 5. **All** futures are dropped, and then the winner's handler runs, in the surrounding function:
///    `?`, `break`, `continue`, `return` and `.await` work there, and it may use what the losers had
///    borrowed.
/// 6. With every branch disabled the `else` handler runs.
///
/// A handler is a block, or an expression and a comma. All handlers have one type, the type of the
/// whole `select!`.
///
/// # Fairness
///
/// Nobody is preferred: among futures that are ready at once the one that wins is random, from the
/// runtime's seeded generator. With `biased;` in front they are polled in the order written: cheaper,
/// predictable, and yours to see that a busy first branch does not starve the rest.
///
/// # Cancel safety
///
/// The losers are dropped in the middle of what they do, and in a loop made anew each time round. Use
/// futures that lose nothing then (their docs say so), or create one outside of the loop, pin it with
/// [`pin!`](crate::pin) and give `&mut future`.
///
/// # Panics
///
/// With every branch disabled and no `else`.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let (one, two) = (async { Some(1) }, std::future::pending::<u32>());
/// let winner = runtime::select! {
///     Some(n) = one => n,
///     n = two => n,
///     else => 0,
/// };
/// assert_eq!(winner, 1);
/// # });
/// ```
///
/// A future that goes on over several rounds, and a branch that is switched off:
///
/// ```
/// # futures::executor::block_on(async {
/// let work = async { 42 };
/// runtime::pin!(work);
/// let mut result = None;
/// let mut idle_rounds = 0;
/// loop {
///     runtime::select! {
///         value = &mut work, if result.is_none() => result = Some(value),
///         _ = std::future::ready(()), if idle_rounds < 3 => idle_rounds += 1,
///         else => break,
///     }
/// }
/// assert_eq!((result, idle_rounds), (Some(42), 3));
/// # });
/// ```
#[macro_export]
macro_rules! select {
    ($($branches:tt)*) => { $crate::__private::select!($crate::__private, $($branches)*) };
}

/// Waits until all of several futures are done: the tuple of their outputs.
///
/// ```text
/// join!([biased;] <future>, <future>, …)
/// ```
///
/// They run concurrently inside the current task: on one thread, with no allocation. Use
/// [`spawn`](fn@crate::spawn) to run them in parallel. Each poll starts with the next one in turn, so that a future which
/// uses up the task's whole budget starves none of the others; with `biased;` in front the order is
/// always the one written.
///
/// # Cancel safety
///
/// Dropped, it drops the futures that are not done and the outputs of those that are.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let (number, text) = runtime::join!(async { 1 }, async { "one" });
/// assert_eq!((number, text), (1, "one"));
/// # });
/// ```
#[macro_export]
macro_rules! join {
    ($($futures:tt)*) => { $crate::__private::join!($crate::__private, $($futures)*) };
}

/// Waits until all of several futures are `Ok`, or until the first is `Err`.
///
/// ```text
/// try_join!([biased;] <future>, <future>, …)
/// ```
///
/// The result is `Ok` of the tuple of values, or the first error: the other futures are dropped then,
/// unfinished. All have the same error type. Otherwise it is like [`join!`](crate::join).
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let both = runtime::try_join!(async { Ok::<_, String>(1) }, async { Ok("one") });
/// assert_eq!(both, Ok((1, "one")));
///
/// let never = std::future::pending::<Result<(), String>>();
/// let failed = runtime::try_join!(never, async { Err::<(), _>("broken".to_owned()) });
/// assert_eq!(failed, Err("broken".to_owned()));
/// # });
/// ```
#[macro_export]
macro_rules! try_join {
    ($($futures:tt)*) => { $crate::__private::try_join!($crate::__private, $($futures)*) };
}

/// Spawns several futures of different types as tasks, now: a future of the tuple of their results.
///
/// ```text
/// gather!(<future>, <future>, …).await
/// ```
///
/// It is [`task::gather`](crate::task::gather) where the types differ: the tasks run in parallel, and each result is a
/// `Result<T, JoinError>` in the place of its future. [`join!`](crate::join) runs its futures inside the current task.
///
/// # Cancel safety
///
/// Dropping the future asks the tasks that have not ended for their end, as
/// [`JoinHandle::cancel`](crate::JoinHandle::cancel) does.
///
/// # Panics
///
/// Outside of a runtime.
///
/// # Examples
///
/// ```
/// runtime::run(async {
///     let (number, text) = runtime::gather!(async { 1 }, async { String::from("one") }).await;
///     assert_eq!((number.unwrap(), text.unwrap().as_str()), (1, "one"));
/// });
/// ```
#[macro_export]
macro_rules! gather {
    (@spawn [$($child:ident)*]) => {
        async move {
            let ($($child,)*) = $crate::join!($($child),*);
            ($($child.into_result(),)*)
        }
    };
    (@spawn [$($child:ident)*] $future:expr $(, $rest:expr)*) => {{
        let child = $crate::__private::gathered($future);
        $crate::gather!(@spawn [$($child)* child] $($rest),*)
    }};
    ($($future:expr),+ $(,)?) => { $crate::gather!(@spawn [] $($future),+) };
}

/// Pins values to the stack: each name then is a `Pin<&mut _>` to what it was.
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let answer = async { 42 };
/// runtime::pin!(answer);
/// assert_eq!((&mut answer).await, 42);
///
/// runtime::pin! {
///     let one = async { 1 };
///     let two = async { 2 };
/// }
/// assert_eq!(one.await + two.await, 3);
/// # });
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),* $(,)?) => {
        $(
            #[allow(unused_mut)]
            let mut $name = $crate::__private::pin!($name);
        )*
    };
    ($(let $name:ident = $value:expr;)*) => {
        $(
            let $name = $value;
            #[allow(unused_mut)]
            let mut $name = $crate::__private::pin!($name);
        )*
    };
}

/// Declares task-locals: each name is a static [`LocalKey`](crate::task::LocalKey).
///
/// ```text
/// task_local! {
///     [#[inherit]] [pub] static <NAME>: <Type>;
///     …
/// }
/// ```
///
/// With `#[inherit]` children get a copy of the value when they are spawned, and the type has to be
/// `Clone + Send`; without it any type will do. Other attributes and docs go to the static.
///
/// # Examples
///
/// ```
/// runtime::task_local! {
///     /// Who asks.
///     pub static USER: String;
///
///     /// Follows a request into every task that it spawns.
///     #[inherit]
///     static TRACE: u64;
/// }
///
/// # fn main() {
/// runtime::run(TRACE.scope(7, async {
///     USER.scope("ann".to_owned(), async {
///         assert_eq!((USER.get(), TRACE.get()), ("ann".to_owned(), 7));
///     })
///     .await;
/// }));
/// # }
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    // `#[inherit]` after nothing but docs, and no `#[inherit]` but docs at most: one step, however long the docs are.
    ($(#[doc = $doc:expr])* #[inherit] $(#[$attr:meta])* $vis:vis static $name:ident: $type:ty $(; $($rest:tt)*)?) => {
        $crate::__task_local!(inherited [$(#[doc = $doc])* $(#[$attr])*] $vis $name $type);
        $crate::task_local!($($($rest)*)?);
    };
    ($(#[doc = $doc:expr])* $vis:vis static $name:ident: $type:ty $(; $($rest:tt)*)?) => {
        $crate::__task_local!(own [$(#[doc = $doc])*] $vis $name $type);
        $crate::task_local!($($($rest)*)?);
    };
    // Anything else: one attribute at a time.
    (@ $kind:ident [$($done:tt)*] #[inherit] $($rest:tt)*) => {
        $crate::task_local!(@ inherited [$($done)*] $($rest)*);
    };
    (@ $kind:ident [$($done:tt)*] #[$($attr:tt)*] $($rest:tt)*) => {
        $crate::task_local!(@ $kind [$($done)* #[$($attr)*]] $($rest)*);
    };
    (@ $kind:ident [$($done:tt)*] $vis:vis static $name:ident: $type:ty $(; $($rest:tt)*)?) => {
        $crate::__task_local!($kind [$($done)*] $vis $name $type);
        $crate::task_local!($($($rest)*)?);
    };
    (#[$($attr:tt)*] $($rest:tt)*) => {
        $crate::task_local!(@ own [] #[$($attr)*] $($rest)*);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __task_local {
    (own [$($attr:tt)*] $vis:vis $name:ident $type:ty) => {
        $($attr)*
        $vis static $name: $crate::task::LocalKey<$type> = {
            $crate::__private::thread_local! {
                static CELL: $crate::__private::RefCell<$crate::__private::Option<$type>> =
                    const { $crate::__private::RefCell::new($crate::__private::Option::None) };
            }
            $crate::task::LocalKey::own(CELL)
        };
    };
    (inherited [$($attr:tt)*] $vis:vis $name:ident $type:ty) => {
        $($attr)*
        $vis static $name: $crate::task::LocalKey<$type> = $crate::__private::inherited_key::<$type>();
    };
}
