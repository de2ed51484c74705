"""A host key that a unit of the administrator's own delivers at boot, by the recipe of docs/day-two.md."""

import re

from harness.machine import HOST_KEY, ROOT

RUN_KEY = "/run/otp-key/host.key"


def sealing_recipe():
    """(unit files by path, commands) of the chapter."""
    chapter = (ROOT / "docs/day-two.md").read_text().split("### A host key that is sealed to the machine")[1].split("\n## ")[0]
    blocks = [re.sub(r"^    ", "", text, flags=re.M) for text in re.findall(r"(?:^    .*\n)+", chapter, re.M)]
    *units, commands = blocks
    return dict(text.removeprefix("# ").split("\n", 1) for text in units), commands


def test_a_sealed_host_key_serves_logins_and_the_daemon_also_after_a_start(booted):
    units, commands = sealing_recipe()
    user, key = booted.enrolled_user("sealed")
    for path, text in units.items():
        booted.run("mkdir", "-p", path.rpartition("/")[0])
        booted.write(path, text)
    booted.run("sh", "-euc", commands)
    assert booted.tries("test", "-e", HOST_KEY).returncode == 1
    assert booted.run("stat", "-c", "%U %a", RUN_KEY, "/run/otp-key").split() == ["root", "400", "root", "700"]
    for code in (key.first, key.second):
        with booted.asks() as client:
            assert client.call("Verify", user=user.name, code=code)["verdict"]["accepted"]
        booted.systemctl("stop", "otp-enrolld.socket", "otp-enrolld.service", "otp-host-key.service")
        booted.run("rm", "-r", "/run/otp-key")  # as after a boot
        booted.systemctl("start", "otp-enrolld.socket")
    other, fresh = booted.enrolled_user("sealed-too")
    with booted.gate("login"), booted.login(other, fresh.first) as session:
        assert session.shell("id -un") == (0, other.name)
    assert booted.failed_units() == []
