"""`Job`: a generator advanced from any thread; nothing is lost and nothing is done twice."""

from __future__ import annotations

import threading
import time

import pytest
from networks import small_network

import deepviz_widgets as dv
from deepviz_widgets.widgets import base
from deepviz_widgets.widgets.job import Job, Pace


def test_results_arrive_once_and_in_order():
    seen = []
    job = Job(seen.append)
    job.start(iter(range(100)))
    job.wait()
    assert seen == list(range(100)) and job.status == "done"


def test_nothing_runs_until_the_first_step():
    seen = []
    job = Job(seen.append)
    job.start(iter(range(3)))
    assert seen == [] and job.status == "running"


def test_a_step_ends_when_its_budget_is_spent():
    def slow():
        for value in range(100):
            time.sleep(0.01)
            yield value

    seen = []
    job = Job(seen.append)
    number = job.start(slow())
    began = time.perf_counter()
    assert job.step(number, 0.05) == "running"
    assert time.perf_counter() - began < 0.5 and 1 <= len(seen) < 50


def test_steps_are_short_while_somebody_asks_for_something_and_longer_when_nobody_does(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace()
    calm = pace.budget()
    pace.asked()
    assert pace.budget() <= 0.1 < calm <= 0.5
    now[0] += 1
    assert pace.budget() <= 0.1
    now[0] += 5
    assert pace.budget() == calm


def test_a_wish_of_the_page_makes_steps_short_and_a_step_does_not(monkeypatch):
    widget = dv.LayerPicker(dv.Network(small_network(), input_size=(3, 16, 16)))
    asked = []
    monkeypatch.setattr(base._pace, "asked", lambda: asked.append(True))
    widget._handle_custom_msg({"type": "step", "rid": 1, "job": widget._job}, [])
    assert not asked
    widget._handle_custom_msg({"type": "cancel", "rid": 2}, [])
    widget.set_state({"layer": widget.layer})
    assert len(asked) == 2


def test_cancel_and_resume_lose_no_position():
    seen = []
    job = Job(seen.append)
    number = job.start(iter(range(10)))
    job.step(number, 0)
    job.cancel()
    assert job.step(number) == "cancelled" and seen == [0]
    job.resume()
    job.wait()
    assert seen == list(range(10))


def test_a_stale_step_changes_nothing():
    seen = []
    job = Job(seen.append)
    old = job.start(iter("abc"))
    job.start(iter("xyz"))
    job.step(old, 1)
    assert seen == []


def test_starting_anew_closes_the_old_work():
    closed = []

    def work():
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    job = Job(lambda _: None)
    job.step(job.start(work()), 0)
    job.start(iter(()))
    assert closed == [True]


def test_work_may_be_replaced_from_inside_its_own_step():
    seen, closed = [], []

    def first():
        try:
            yield "a"
            yield "never"
        finally:
            closed.append(True)

    def take(value):
        seen.append(value)
        if value == "a":
            job.start(iter("xy"))

    job = Job(take)
    job.start(first())
    job.wait()
    assert seen == ["a", "x", "y"] and closed == [True] and job.status == "done"


def test_a_step_asked_for_from_inside_a_step_does_nothing():
    seen = []

    def take(value):
        seen.append(value)
        assert job.step() == "running"

    job = Job(take)
    job.start(iter("abc"))
    job.wait()
    assert seen == list("abc")


def test_work_that_asks_for_a_step_of_its_own_job_is_not_run_into_itself():
    def work():
        assert job.step() == "running"
        yield 1

    job = Job(lambda _: None)
    job.start(work())
    job.wait()
    assert job.status == "done"


def test_a_restart_waits_for_the_step_that_runs_in_another_thread():
    inside, go_on = threading.Event(), threading.Event()
    closed = []

    def work():
        try:
            inside.set()
            go_on.wait(5)
            yield "first"
        finally:
            closed.append(True)

    seen = []
    job = Job(seen.append)
    number = job.start(work())
    stepper = threading.Thread(target=job.step, args=(number, 0))
    stepper.start()
    inside.wait(5)
    starter = threading.Thread(target=job.start, args=(iter("second"),))
    starter.start()
    starter.join(0.2)
    assert starter.is_alive(), "the running generator is not replaced under the thread that runs it"
    go_on.set()
    starter.join(5)
    stepper.join(5)
    assert seen == ["first"] and closed == [True]
    job.wait()
    assert seen == ["first", *"second"]


def test_an_error_is_kept_and_raised_by_wait():
    def work():
        yield 1
        raise ValueError("no")

    job = Job(lambda _: None)
    job.start(work())
    with pytest.raises(ValueError, match="no"):
        job.wait()
    assert job.status == "error"
    job.start(iter([1]))
    job.wait()
    assert job.status == "done", "the job can be used again"


def test_an_error_while_showing_a_result_ends_the_work_as_an_error():
    closed = []

    def work():
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    def fail(_):
        raise KeyError("show")

    job = Job(fail)
    job.start(work())
    with pytest.raises(KeyError):
        job.wait()
    assert job.status == "error" and closed == [True]


def test_an_interrupt_goes_on_to_the_user_and_the_job_can_start_again():
    def work():
        yield 1
        raise KeyboardInterrupt

    job = Job(lambda _: None)
    job.start(work())
    with pytest.raises(KeyboardInterrupt):
        job.wait()
    assert job.status == "cancelled" and not job.resumable
    job.start(iter([1]))
    job.wait()
    assert job.status == "done"


def test_threads_that_step_restart_cancel_and_resume_lose_and_duplicate_nothing():
    total, restarts = 200, 25
    seen: dict[int, list[int]] = {}
    running = threading.local()
    overlaps = []
    active = []

    def work(run):
        for value in range(total):
            active.append(run)
            if len(active) > 1:
                overlaps.append(tuple(active))
            active.pop()
            yield run, value

    def take(result):
        run, value = result
        seen.setdefault(run, []).append(value)

    job = Job(take)
    stop = threading.Event()
    failures = []

    def stepper():
        running.on = True
        try:
            while not stop.is_set():
                job.step(budget=0.0005)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    def switcher():
        try:
            while not stop.is_set():
                job.cancel()
                time.sleep(0.0002)
                job.resume()
                time.sleep(0.0005)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=stepper) for _ in range(3)] + [threading.Thread(target=switcher)]
    for thread in threads:
        thread.start()
    for run in range(restarts):
        job.start(work(run))
        time.sleep(0.003)
    deadline = time.monotonic() + 20
    while len(seen.get(restarts - 1, [])) < total and time.monotonic() < deadline:
        time.sleep(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures and not overlaps
    assert seen[restarts - 1] == list(range(total)), "the last run is complete"
    for run, values in seen.items():
        assert values == list(range(len(values))), f"run {run} lost or repeated a result"
