"""Another user of the machine, while several processes train: nothing of his reaches them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.runs import SECONDS, assert_same, finish, last_checkpoint, tiny_run, wait_for
from tests.faults.workers import Begin
from trm_engine.runs.commands import send_command

NOBODY = 65534

# Attacks the ports and processes that its input names, one "port PORT" or "process PID" a line, and
# prints what it reached.
STRANGER = """
import os, pickle, signal, socket, sys
import psutil
from torch.distributed import TCPStore

addresses = {
    each.address.partition("%")[0]
    for card in psutil.net_if_addrs().values()
    for each in card
    if each.family in (socket.AF_INET, socket.AF_INET6)
}
nobody = int(sys.argv[1])
os.setgroups([])
os.setgid(nobody)  # only now: Python itself may lie where another user cannot read
os.setuid(nobody)

class Code:
    def __reduce__(self):
        return os.system, ("true",)

def reach(address, port):
    with socket.create_connection((address, port), timeout=5) as link:
        print("connected to", address, port, flush=True)
        link.sendall(bytes(8) + pickle.dumps(Code()) + bytes(4096))
    store = TCPStore(address, port, is_master=False)
    for key in ("torch.rendezvous.none", "default_pg/0//cpu//0/0", "rank_0"):
        store.set(key, pickle.dumps(Code()))
    print("wrote to the store at", address, port, flush=True)

def look_into(pid):
    for name in ("fd", "environ", "mem", "maps"):
        path = f"/proc/{pid}/{name}"
        os.listdir(path) if name == "fd" else open(path, "rb").close()
        print("read", path, flush=True)
    os.kill(pid, signal.SIGINT)
    print("signalled", pid, flush=True)

targets = sys.stdin.read().splitlines()
for line in targets:
    kind, number = line.split()
    for address in sorted(addresses) if kind == "port" else [None]:
        try:
            reach(address, int(number)) if address else look_into(int(number))
        except Exception as error:
            print("failed:", error, file=sys.stderr)
print("attacked", len(targets))
"""


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[str]]:
    """A process of another user that attacks what it is told of."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    process = subprocess.Popen(
        [sys.executable, "-c", STRANGER, str(NOBODY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_another_user_reaches_nothing_of_a_training_on_two_processes(
    tmp_path: Path, begin: Begin, stranger: subprocess.Popen[str]
) -> None:
    settings = {"max_steps": 8, "eval_interval": 100, "nproc_per_node": 2}
    undisturbed = tiny_run(tmp_path / "undisturbed", **settings)
    finish(*undisturbed)

    run, _ = tiny_run(tmp_path / "run", **settings)
    worker = begin(run)
    wait_for(run, "run_started", worker)
    send_command(run.commands, "pause")
    wait_for(run, "state", worker, state="paused")
    main = psutil.Process(worker.pid)
    processes = [main, *main.children(recursive=True)]
    assert len(processes) == 2
    doors = [door for each in processes for door in listening(each)]
    targets = [f"port {port}" for port in doors] + [f"process {each.pid}" for each in processes]
    reached, _ = stranger.communicate("\n".join(targets) + "\n", timeout=SECONDS)
    send_command(run.commands, "resume")

    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert stranger.returncode == 0
    assert reached == f"attacked {len(targets)}\n"
    assert doors == []
    expected, after = last_checkpoint(undisturbed[0]), last_checkpoint(run)
    for part in ("model_state_dict", "optimizer_state_dict", "ema_state_dict"):
        assert_same(after[part], expected[part])


def listening(process: psutil.Process) -> list[int | str]:
    """The ports and named sockets at which a process waits for others."""
    return [
        connection.laddr.port if isinstance(connection.laddr, tuple) else connection.laddr
        for connection in process.net_connections("all")
        if connection.laddr and (connection.status == psutil.CONN_LISTEN or not connection.raddr)
    ]
