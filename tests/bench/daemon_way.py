"""Where the daemon decides (su, polkit's helper, applications): one authentication of a process like su's, the processor time of both
sides, and how even the daemon's answers are among many connections."""

import json
import os
import selectors
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from stopwatch import LOGIN, SERVICES, WORK, login, medians

from harness.machine import ROOT, run
from harness.wire import INTERFACE, Client

CLOCK = WORK / "clock"
CONNECTIONS, UIDS = 64, 8


@contextmanager
def daemon_with_a_clock(machine, *prefix):
    """Its clock stands where login.c says; to tell it costs nothing."""
    library = WORK / "clock.so"
    run("gcc", "-shared", "-fPIC", "-O1", "-o", library, ROOT / "tests/bench/clock.c")
    CLOCK.write_bytes(bytes(8))
    CLOCK.chmod(0o666)
    machine.start("env", f"LD_PRELOAD={library}", *prefix)
    try:
        yield
    finally:
        machine.stop()
        CLOCK.unlink()


def stand(moment):
    with open(CLOCK, "r+b") as clock:
        clock.write(int(moment).to_bytes(8, "little", signed=True))


def as_su(site):
    """Before the command: effective uid 0, and a real uid of somebody who is asked for nothing."""
    return ["env", f"BENCH_REAL_UID={site.members[-1][0].uid}"]


def through_daemon(site, services, rounds):
    """Median microseconds by service, all in turn in one process."""
    with daemon_with_a_clock(site.machine):
        words = [word for service in services for word in service.words(rounds, False)]
        times, _ = medians(services, login("rounds", SERVICES, *words, prefix=as_su(site)))
    return {service.name: times[service.name, "right"] for service in services}


def first_through_daemon(site, services, rounds):
    """The same for the first authentication of a process."""
    times = {}
    with daemon_with_a_clock(site.machine):
        for _ in range(rounds):
            for service in services:
                found, _ = medians([service], login("rounds", SERVICES, *service.words(1, False), prefix=as_su(site)))
                times.setdefault(service.name, []).append(found[service.name, "right"])
    return {name: median(all_of_it) for name, all_of_it in times.items()}


def processor_time(site, service, rounds, su):
    """Microseconds of processor time for one authentication: of the process, and of the daemon for it."""
    def spent(count):
        before = process_clock(site.machine.process.pid)
        command = [*(as_su(site) if su else []), LOGIN, "rounds", SERVICES, *service.words(count, False)]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        medians([service], [line.split() for line in process.stdout])
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0
        return usage.ru_utime + usage.ru_stime, process_clock(site.machine.process.pid) - before

    with daemon_with_a_clock(site.machine):
        few, many = spent(2), spent(rounds + 2)
    return [1e6 * (most - least) / rounds for most, least in zip(many, few, strict=True)]


def process_clock(pid):
    """Seconds of processor time of another process (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def evenness(site, calls=40):
    """(p50, p99) in microseconds of calls on 64 connections of 8 users, each of whom asks about themselves."""
    people = [user for user, _ in site.members[:UIDS]]
    message = json.dumps({"method": f"{INTERFACE}.Status"}).encode() + b"\0"
    times, sent, waiting = [], {}, selectors.DefaultSelector()
    with daemon_with_a_clock(site.machine):
        clients = [Client(uid=people[number % UIDS].uid) for number in range(CONNECTIONS)]
        left = dict.fromkeys(clients, calls)
        for client in clients:
            waiting.register(client.socket, selectors.EVENT_READ, client)
            sent[client] = time.perf_counter()
            client.send(message)
        while any(left.values()):
            for key, _ in waiting.select(10):
                client = key.data
                reply = json.loads(client.receive())
                assert "status" in reply.get("parameters", {}), reply
                times.append(time.perf_counter() - sent[client])
                left[client] -= 1
                if left[client]:
                    sent[client] = time.perf_counter()
                    client.send(message)
        for client in clients:
            client.socket.close()
    times.sort()
    return [1e6 * times[len(times) * part // 100] for part in (50, 99)]


def raw_costs(directory, rounds=200):
    """Median microseconds that a disk takes for one fdatasync in place, and for a new file, fsync and rename."""
    place, new = Path(directory) / "raw", Path(directory) / "raw.new"
    place.write_bytes(bytes(8192))
    in_place, replaced = [], []
    with open(place, "r+b", buffering=0) as file:
        for _ in range(rounds):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 640, 0)
            os.fdatasync(file.fileno())
            in_place.append(time.perf_counter() - begun)
    for _ in range(rounds):
        begun = time.perf_counter()
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(file, b"x" * 200)
        os.fsync(file)
        os.close(file)
        os.rename(new, place)
        replaced.append(time.perf_counter() - begun)
    place.unlink()
    return 1e6 * median(in_place), 1e6 * median(replaced)
