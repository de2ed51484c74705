"""Running login.c and reading what it says: codes, services, medians, counts. Every answer must be the one that is due."""

import re
import subprocess
from pathlib import Path
from statistics import median

from harness.machine import AUTH_ERR, SUCCESS, write

LOGIN = Path("/usr/local/bin/bench-login")
SERVICES = Path("/etc/bench.d")
WORK = Path("/run/bench")
VALGRIND = ["valgrind", "--tool=callgrind", "--collect-atstart=no"]


class Code:
    """The codes of one key, a fresh step at every call: the clock of login.c follows."""

    def __init__(self, key, step=None):
        self.key = key
        self.step = step or key.step + 2

    def rounds(self, count):
        self.step += count
        return range(self.step - count, self.step)

    def right(self, step):
        return self.key.code(step)

    def wrong(self, step):
        near = {self.key.code(step + offset) for offset in range(-4, 5)}
        return next(code for code in (str(number).zfill(6) for number in range(10)) if code not in near)


class Service:
    """A PAM service, and whose codes it is asked with."""

    def __init__(self, name, line, user, codes, right=SUCCESS, wrong=AUTH_ERR):
        self.name, self.user, self.codes = name, user.name, codes
        self.results = {"right": right, "wrong": wrong}
        write(SERVICES / name, f"auth required {line}\n", 0o644)

    def words(self, count, wrong):
        """Arguments of login.c for so many rounds."""
        lines = [f"{step} {self.codes.right(step)} {self.codes.wrong(step) if wrong else '-'}" for step in self.codes.rounds(count)]
        file = WORK / f"{self.name}.codes"
        file.write_text("\n".join(lines) + "\n")
        return [self.name, self.user, file]


def measure(services, rounds, wrong=True):
    """Median microseconds and page faults by (service, right or wrong), all services in turn in one process."""
    words = [word for service in services for word in service.words(rounds, wrong)]
    return medians(services, login("rounds", SERVICES, *words))


def medians(services, lines):
    """Median microseconds and page faults by (service, right or wrong); every answer must be the one that is due."""
    times, faults = {}, {}
    expected = {service.name: service.results for service in services}
    for name, kind, result, nanoseconds, faulted in lines:
        if name == "peak":
            continue
        assert int(result) == expected[name][kind], f"{name}: a {kind} code was answered with {result}"
        if nanoseconds != "0":
            times.setdefault((name, kind), []).append(int(nanoseconds) / 1000)
            faults.setdefault((name, kind), []).append(int(faulted))
    return {name: median(all_of_it) for name, all_of_it in times.items()}, {name: median(all_of_it) for name, all_of_it in faults.items()}


def login(*words, prefix=(), stdin=None):
    done = subprocess.run([str(word) for word in [*prefix, LOGIN, *words]], input=stdin, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return [line.split() for line in done.stdout.splitlines()]


def instructions(service, wrong):
    """Instructions of one authentication, the third of its process, as callgrind counts them."""
    out = WORK / "callgrind.out"
    lines = login("rounds", SERVICES, *counted_words(service, wrong), prefix=[*VALGRIND, f"--callgrind-out-file={out}"])
    medians([service], lines)
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[1])


def system_calls(service, wrong):
    """System calls of one authentication, the third of its process."""
    out = WORK / "strace.out"
    medians([service], login("rounds", SERVICES, *counted_words(service, wrong), prefix=["strace", "-o", out]))
    between = out.read_text().split("getppid()")[-2]
    return [line for line in between.splitlines()[1:] if re.match(r"\w+\(", line)]


def counted_words(service, wrong):
    words = service.words(3, wrong)
    if wrong:  # the last one, which is counted, is to be the wrong one
        lines = words[2].read_text().splitlines()
        step, _, code = lines[-1].split()
        words[2].write_text("\n".join([*lines[:-1], f"{step} - {code}"]) + "\n")
    return words


def cold(services, rounds):
    """Median microseconds of the first authentication of a process, and its median peak memory in kB."""
    times, peaks = {}, {}
    for number in range(rounds):
        for service in services[number % len(services):] + services[:number % len(services)]:
            lines = login("rounds", SERVICES, *service.words(1, False))
            times.setdefault(service.name, []).append(medians([service], lines)[0][service.name, "right"])
            peaks.setdefault(service.name, []).append(int(lines[-1][3]))
    return {name: median(all_of_it) for name, all_of_it in times.items()}, {name: median(all_of_it) for name, all_of_it in peaks.items()}


def table(heading, rows):
    for row in (heading, ["---"] * len(heading), *rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)
