import os
import subprocess
import sys
import time

from bench.cpu import machine_s, process_s, tree, used_s


def test_a_tree_is_a_process_with_all_that_it_started():
    by_parent = {1: [2, 3], 3: [4], 4: [5], 9: [10]}

    assert sorted(tree(1, by_parent)) == [1, 2, 3, 4, 5]
    assert tree(10, by_parent) == [10]


def test_work_is_counted_for_who_did_it():
    mine = {"mine": os.getpid()}
    before, began = used_s(mine)["mine"], time.process_time()

    while time.process_time() - began < 0.1:
        pass

    assert used_s(mine)["mine"] - before >= 0.1


def test_what_a_process_started_counts_as_its_own():
    busy = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        before = process_s(os.getpid())
        child.stdout.readline()

        used = used_s({"mine": os.getpid()})["mine"]

        assert used >= before + 0.2
        child.communicate(b"\n")


def test_threads_are_added_up_to_the_nanosecond(tmp_path):
    for thread, used in (("7", "1500000000"), ("8", "250000001")):
        (tmp_path / "7" / "task" / thread).mkdir(parents=True)
        (tmp_path / "7" / "task" / thread / "schedstat").write_text(f"{used} 123 4\n")

    assert process_s(7, proc=tmp_path) == 1.750000001


def test_without_such_counts_ticks_will_do(tmp_path):
    (tmp_path / "7").mkdir()
    ticks = os.sysconf("SC_CLK_TCK")
    fields = ["S", *["0"] * 10, str(2 * ticks), str(ticks), "0"]
    (tmp_path / "7" / "stat").write_text(f"7 (odd) name) {' '.join(fields)}\n")

    assert process_s(7, proc=tmp_path) == 3


def test_a_process_that_is_gone_has_used_nothing(tmp_path):
    assert process_s(7, proc=tmp_path) == 0


def test_the_machine_is_busy_with_all_but_idling(tmp_path):
    ticks = os.sysconf("SC_CLK_TCK")
    seconds = [1, 2, 3, 1000, 1000, 4, 5, 6, 0, 0]  # user nice system idle iowait irq softirq steal
    (tmp_path / "stat").write_text(f"cpu  {' '.join(str(n * ticks) for n in seconds)}\ncpu0 1 1 1\n")

    assert machine_s(proc=tmp_path) == 21
