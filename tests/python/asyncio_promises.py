"""What `tests/asyncio` says that asyncio does, seen under this Python: a function for each of its tests whose claim
can be seen, with the same name. Prints these names.
"""

import asyncio
import contextvars
import inspect
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or later is needed: it has TaskGroup, Barrier and Runner")

PROMISES = []


class PausedLoop(asyncio.SelectorEventLoop):
    """Its time stands still, and jumps to the next timer when there is nothing else to do."""

    def __init__(self):
        super().__init__()
        self.now = 0.0
        select = self._selector.select

        def jump(timeout):
            if timeout:
                self.now += timeout
            return select(timeout and 0)

        self._selector.select = jump

    def time(self):
        return self.now


def now():
    return asyncio.get_running_loop().time()


def promise(function, loop=PausedLoop):
    PROMISES.append((function, loop))


def promise_with_threads(function):
    """Threads take real time."""
    promise(function, asyncio.SelectorEventLoop)


async def cleans_up(cleanup, log, result=None):
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        log.append("told")
        await asyncio.sleep(cleanup)
        log.append("cleaned up")
        if result is None:
            raise
        return result


async def sleeps(duration, log):
    await asyncio.sleep(duration)
    log.append(duration)
    return duration


async def fails(after):
    await asyncio.sleep(after)
    raise ValueError(after)


async def raises(kind, awaitable):
    try:
        await awaitable
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


@promise
async def nothing_runs_until_it_is_awaited_or_spawned():
    log = []
    coroutine = sleeps(0, log)
    await asyncio.sleep(1)
    assert log == []
    await coroutine
    assert log == [0]


@promise
def run_returns_when_the_tasks_that_are_left_have_ended():
    log = []

    async def main():
        asyncio.create_task(cleans_up(0.01, log))
        await asyncio.sleep(0)

    asyncio.run(main())
    assert log == ["told", "cleaned up"]


@promise
def run_lets_tasks_clean_up_when_main_fails():
    log = []

    async def main():
        asyncio.create_task(cleans_up(0.01, log))
        await asyncio.sleep(0)
        raise ValueError("on purpose")

    try:
        asyncio.run(main())
        raise AssertionError("main did not fail")
    except ValueError:
        pass
    assert log == ["told", "cleaned up"]


@promise
def run_waits_for_running_blocking_jobs():
    log = []

    async def main():
        asyncio.get_running_loop().run_in_executor(None, lambda: (time.sleep(0.05), log.append("ended")))

    asyncio.run(main())
    assert log == ["ended"]


@promise
async def a_task_starts_soon():
    log = []
    task = asyncio.create_task(sleeps(0, log))
    log.append("spawned")
    await task
    assert log == ["spawned", 0]


@promise
async def callbacks_of_the_end_run_later_and_in_order():
    log = []
    task = asyncio.create_task(sleeps(0, []))
    for what in ("first", "second"):
        task.add_done_callback(lambda _, what=what: log.append(what))
    await asyncio.sleep(1)
    task.add_done_callback(lambda _: log.append("third"))
    log.append("added")
    await asyncio.sleep(0)
    assert log == ["first", "second", "added", "third"]


@promise
async def a_future_is_set_once():
    future = asyncio.get_running_loop().create_future()
    try:
        future.result()
        raise AssertionError("a result before the end")
    except asyncio.InvalidStateError:
        pass
    future.set_result(1)
    try:
        future.set_result(2)
        raise AssertionError("set twice")
    except asyncio.InvalidStateError:
        pass
    assert not future.cancel() and future.result() == 1


@promise
async def any_number_of_awaiters_get_the_result():
    future = asyncio.get_running_loop().create_future()

    async def awaiter():
        return await future

    awaiters = [asyncio.create_task(awaiter()) for _ in range(3)]
    await asyncio.sleep(0)
    future.set_result("result")
    assert await asyncio.gather(*awaiters) == ["result"] * 3


@promise
async def a_task_that_is_cancelled_before_it_began_never_begins():
    log = []
    task = asyncio.create_task(sleeps(0, log))
    task.cancel()
    await raises(asyncio.CancelledError, task)
    assert log == []


@promise
async def cancelling_a_task_that_has_ended_gives_its_result():
    task = asyncio.create_task(sleeps(0, []))
    await asyncio.sleep(1)
    assert not task.cancel() and await task == 0


@promise
async def a_cancelled_task_takes_the_child_along_that_it_holds():
    child = asyncio.create_task(asyncio.sleep(1000))

    async def parent():
        await child

    task = asyncio.create_task(parent())
    await asyncio.sleep(1)
    task.cancel()
    await raises(asyncio.CancelledError, task)
    assert child.cancelled()


@promise
async def results_come_in_the_order_of_the_arguments():
    log = []
    assert await asyncio.gather(sleeps(3, log), sleeps(1, log), sleeps(2, log)) == [3, 1, 2]
    assert log == [1, 2, 3]


@promise
async def failures_stand_in_their_places():
    results = await asyncio.gather(sleeps(0, []), fails(1), return_exceptions=True)
    assert results[0] == 0 and isinstance(results[1], ValueError)


@promise
async def the_first_error_comes_out_at_once_and_the_siblings_go_on():
    log = []
    await raises(ValueError, asyncio.gather(sleeps(3, log), fails(1)))
    assert log == [] and now() == 1
    await asyncio.sleep(4)
    assert log == [3]


@promise
async def cancelling_the_gather_cancels_all():
    tasks = [asyncio.create_task(asyncio.sleep(1000)) for _ in range(3)]
    gather = asyncio.gather(*tasks)
    await asyncio.sleep(1)
    gather.cancel()
    await raises(asyncio.CancelledError, gather)
    assert all(task.cancelled() for task in tasks)


@promise
async def a_time_out_hands_the_pending_back_uncancelled():
    tasks = [asyncio.create_task(sleeps(2 * n, [])) for n in range(4)]
    done, pending = await asyncio.wait(tasks, timeout=3)
    assert done == set(tasks[:2]) and pending == set(tasks[2:]) and now() == 3
    assert sorted(await asyncio.gather(*pending)) == [4, 6]
    assert now() == 6


@promise
async def it_returns_when_the_first_fails():
    tasks = [asyncio.create_task(coroutine) for coroutine in (sleeps(0, []), fails(2), sleeps(6, []))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    assert done == set(tasks[:2]) and pending == set(tasks[2:])


@promise
async def results_come_as_they_end():
    results = [await next_done for next_done in asyncio.as_completed([sleeps(n, []) for n in (3, 1, 2)])]
    assert results == [1, 2, 3]


@promise
async def wait_for_waits_until_the_task_has_cleaned_up():
    log = []
    await raises(asyncio.TimeoutError, asyncio.wait_for(cleans_up(3, log), 1))
    assert log == ["told", "cleaned up"] and now() == 4
    assert await asyncio.wait_for(cleans_up(3, log, result="clean"), 1) == "clean"


@promise
async def the_outer_is_cancelled_and_the_inner_goes_on():
    log = []
    outer = asyncio.shield(sleeps(3, log))
    await asyncio.sleep(1)
    outer.cancel()
    await raises(asyncio.CancelledError, outer)
    assert log == []
    await asyncio.sleep(4)
    assert log == [3]


@promise
async def the_first_failure_cancels_the_rest_and_the_body_and_all_errors_come_out():
    log = []

    async def fails_in_its_cleanup():
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            log.append("told")
            await asyncio.sleep(2)
            raise ValueError("second")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails_in_its_cleanup())
            group.create_task(fails(1))
            try:
                await asyncio.sleep(1000)
            finally:
                log.append("body")
    except BaseExceptionGroup as errors:
        assert len(errors.exceptions) == 2
    assert sorted(log) == ["body", "told"] and now() == 3


@promise
async def a_child_may_spawn_while_the_group_waits():
    log = []

    async def child(group):
        await asyncio.sleep(1)
        group.create_task(sleeps(1, log))

    async with asyncio.TaskGroup() as group:
        group.create_task(child(group))
    assert log == [1]


@promise
async def a_cancelled_child_is_no_failure():
    log = []
    async with asyncio.TaskGroup() as group:
        cancelled = group.create_task(asyncio.sleep(1000))
        group.create_task(sleeps(2, log))
        await asyncio.sleep(1)
        cancelled.cancel()
    assert log == [2] and now() == 2


@promise
async def an_error_of_the_body_cancels_the_children_and_waits_for_them():
    log = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(cleans_up(3, log))
            await asyncio.sleep(1)
            raise ValueError("of the body")
    except BaseExceptionGroup as errors:
        assert len(errors.exceptions) == 1
    assert log == ["told", "cleaned up"] and now() == 4


@promise
async def a_sleep_of_zero_yields():
    log = []

    async def turns(name):
        for _ in range(3):
            log.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(turns("a"), turns("b"))
    assert log == ["a", "b"] * 3


@promise
async def callbacks_run_soon_and_in_order():
    log = []
    for n in range(4):
        asyncio.get_running_loop().call_soon(log.append, n)
    assert log == []
    await asyncio.sleep(1)
    assert log == [0, 1, 2, 3]


@promise_with_threads
async def another_thread_waits_for_a_task():
    results = []
    loop = asyncio.get_running_loop()

    def thread():
        results.append(asyncio.run_coroutine_threadsafe(sleeps(0.01, []), loop).result())

    thread = threading.Thread(target=thread)
    thread.start()
    await asyncio.to_thread(thread.join)
    assert results == [0.01]


@promise_with_threads
async def cancelling_removes_a_queued_job_and_leaves_a_running_one_alone():
    log, started, release = [], threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: (started.set(), release.wait(), log.append("running")))
        started.wait()
        queued = loop.run_in_executor(pool, log.append, "queued")
        queued.cancel()
        assert not running.cancel()
        await asyncio.sleep(0)
        release.set()
    assert log == ["running"]


@promise
async def a_cancelled_wait_ends_with_the_lock_held():
    condition, log = asyncio.Condition(), []

    async def waiter():
        async with condition:
            try:
                await condition.wait()
            finally:
                log.append(condition.locked())

    task = asyncio.create_task(waiter())
    await asyncio.sleep(0)
    async with condition:
        task.cancel()
        await asyncio.sleep(1)
        assert log == []
    await raises(asyncio.CancelledError, task)
    assert log == [True]


@promise
async def a_release_too_many_is_an_error():
    try:
        asyncio.BoundedSemaphore(2).release()
    except ValueError:
        return
    raise AssertionError("released too many")


@promise
async def an_aborted_barrier_breaks_all_waiters():
    barrier = asyncio.Barrier(3)
    waiting = [asyncio.create_task(barrier.wait()) for _ in range(2)]
    await asyncio.sleep(0)
    await barrier.abort()
    for task in waiting:
        await raises(asyncio.BrokenBarrierError, task)
    await raises(asyncio.BrokenBarrierError, barrier.wait())


@promise
async def join_waits_until_every_item_is_done():
    queue = asyncio.Queue()
    queue.put_nowait(1)
    joining = asyncio.create_task(queue.join())
    await queue.get()
    await asyncio.sleep(1)
    assert queue.empty() and not joining.done()
    queue.task_done()
    await joining


@promise
async def a_closed_queue_drains_then_errors():
    if not hasattr(asyncio.Queue, "shutdown"):
        return  # since Python 3.13
    queue = asyncio.Queue()
    queue.put_nowait(1)
    queue.shutdown()
    await raises(asyncio.QueueShutDown, queue.put(2))
    assert await queue.get() == 1
    await raises(asyncio.QueueShutDown, queue.get())


@promise
async def a_queue_that_is_closed_now_drops_its_items_and_releases_join():
    if not hasattr(asyncio.Queue, "shutdown"):
        return  # since Python 3.13
    queue = asyncio.Queue()
    queue.put_nowait(1)
    joining = asyncio.create_task(queue.join())
    await asyncio.sleep(0)
    queue.shutdown(immediate=True)
    await joining
    await raises(asyncio.QueueShutDown, queue.get())


@promise
async def a_queue_that_is_closed_now_still_waits_for_what_is_in_hand():
    if not hasattr(asyncio.Queue, "shutdown"):
        return  # since Python 3.13
    queue = asyncio.Queue()
    queue.put_nowait(1)
    queue.put_nowait(2)
    await queue.get()
    joining = asyncio.create_task(queue.join())
    await asyncio.sleep(0)
    queue.shutdown(immediate=True)
    await asyncio.sleep(1)
    assert not joining.done()
    queue.task_done()
    await joining


@promise
async def a_callback_that_fails_holds_up_no_other():
    log = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: log.append(context["message"]))
    task = asyncio.create_task(sleeps(1, []))
    task.add_done_callback(lambda _: 1 / 0)
    task.add_done_callback(lambda _: log.append("second"))
    await asyncio.sleep(2)
    assert len(log) == 2 and log[1] == "second"


@promise_with_threads
async def a_child_gets_a_copy_of_its_parents_context():
    trace = contextvars.ContextVar("trace")
    trace.set(7)

    async def child():
        seen = trace.get()
        trace.set(8)
        return seen

    assert await asyncio.create_task(child()) == 7
    assert trace.get() == 7
    assert await asyncio.to_thread(trace.get) == 7


for function, loop in PROMISES:
    if inspect.iscoroutinefunction(function):
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(function())
    else:
        function()
    print(function.__name__, flush=True)
