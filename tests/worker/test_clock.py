"""The clock."""

from threading import Barrier, Thread

from core.jobs import Job, connect, queue
from worker.clock import PACE_S, run, tick
from worker.schedule import HOUR_S, SCHEDULE, Periodic

HOURLY = Periodic(Job("math.sqrt", "default", 5), HOUR_S)


def test_a_span_is_served_once_and_the_next_one_again(jobs_redis):
    served = [tick(jobs_redis, [HOURLY], now_s=now_s) for now_s in (0, 10, HOUR_S - 1, HOUR_S, HOUR_S + 1)]

    assert [len(paths) for paths in served] == [1, 0, 0, 1, 0]
    assert queue(jobs_redis, "default").count == 2


def test_many_clocks_at_once_serve_a_span_once(jobs_redis, env):
    ready, served = Barrier(8), []

    def clock():
        with connect(env["REDIS_URL"]) as redis:
            ready.wait()
            served.extend(tick(redis, [HOURLY], now_s=0))

    threads = [Thread(target=clock) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert served == ["math.sqrt"]
    assert queue(jobs_redis, "default").count == 1


def test_a_clock_that_went_back_serves_nothing_again(jobs_redis):
    tick(jobs_redis, [HOURLY], now_s=5 * HOUR_S)

    assert tick(jobs_redis, [HOURLY], now_s=4 * HOUR_S) == []


def test_the_whole_schedule_is_done_by_clock_and_worker(start, jobs_redis):
    clock = start("worker.clock")
    for count in range(1, len(SCHEDULE) + 1):
        clock.wait_for("job_due", count=count)
    jobs = queue(jobs_redis, "default").get_jobs()
    assert clock.stop() == 0

    worker = start("worker", "--burst")

    assert worker.ended() == 0
    assert sorted(job.func_name for job in jobs) == sorted(periodic.job.path for periodic in SCHEDULE)
    assert [job.get_status(refresh=True) for job in jobs] == ["finished"] * len(SCHEDULE)


def test_redis_going_away_is_said_once(start):
    clock = start("worker.clock", REDIS_URL="redis://127.0.0.1:1/0")

    clock.wait_for("redis_away")

    assert clock.stop(within_s=PACE_S - 1) == 0  # in the middle of a pause
    assert len(clock.events("redis_away")) == 1


def test_the_return_of_redis_is_said_once(capsys, jobs_redis):
    """Pauses stand for time; the fifth ends the loop."""
    away = connect("redis://127.0.0.1:1/0")
    home = jobs_redis.connection_pool
    pauses = []

    def pause(_seconds):
        pauses.append(away.connection_pool)
        if len(pauses) == 2:
            away.connection_pool = home
        if len(pauses) == 5:
            raise KeyboardInterrupt

    try:
        run(away, [HOURLY], pause)
    except KeyboardInterrupt:
        pass

    out = capsys.readouterr().out
    assert (out.count("redis_away"), out.count("redis_back"), out.count("job_due")) == (1, 1, 1)
