"""Security notices: kept before anything happens, shown three times by real sudo and by otpctl, handed to a program."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness import daemon_log
from harness.enrolment import invite, invited_and_enrolled, redeem, shown
from harness.machine import ACCOUNT, AUTH_ERR, DAEMON, DAY, NOTIFIER, SUCCESS, UNKNOWN, VAULT, as_user, default_policy, otpctl, write
from harness.notices import HEADING, OUTBOX, empty_outbox, noticed, notices, notify_once, spool
from harness.strace import CHANGES, answering, attached, parsed
from harness.sweeps import killed_at
from harness.terminal import dialogue
from harness.totp import totp
from harness.wait import until
from harness.wire import Client, Refused, call

MADE = "a key was made for you by somebody else"


def shown_so_often(user):
    return [(one["event"], one["shown"]) for one in notices(user)]


@pytest.fixture
def unasked(machine, enrolled):
    """An enrolled user whose sudo asks for nothing and has our account stage."""
    user, key = enrolled
    machine.sudo_asks(user, "required pam_permit.so", account="required pam_otp.so")
    return user


# at a login


def test_sudo_shows_a_notice_three_times_and_never_again(machine, unasked):
    assert shown_so_often(unasked) == [("admin-enrolled", 0)]
    for _ in range(3):
        seen = machine.sudo(unasked, [])
        assert (seen.status, seen.asked(HEADING), seen.asked(MADE)) == (0, 1, 1), seen
    seen = machine.sudo(unasked, [])
    assert (seen.status, seen.text) == (0, "0\n")
    assert not spool(unasked).exists()


def test_all_notices_come_as_one_text_that_says_what_who_when_and_what_to_do(machine, unasked):
    call("Suspend", user=unasked.name)
    call("Resume", user=unasked.name)
    text = machine.sudo(unasked, []).text
    assert text.count(HEADING) == 1 and len(re.findall(r"^- ", text, re.M)) == 3
    line = r"^- just now \(\d{4}-\d\d-\d\d \d\d:\d\d UTC\): the suspension of your keys has ended; by root\.$"
    assert re.search(line, text, re.M), text
    assert text.count("tell an administrator at once") == 1 and re.search(r"^If any of that .* tell an administrator at once\.$", text, re.M), text


def test_what_happened_often_is_one_line_with_names_and_never_a_uid(machine, unasked):
    admin = machine.new_user()
    machine.join(admin, "otp-admin")
    for _ in range(3):
        call("Suspend", admin.uid, user=unasked.name)
        call("Resume", user=unasked.name)
    lines = call("Notices", user=unasked.name)["lines"]
    assert len(lines) == 4 and len(notices(unasked)) == 7
    assert re.fullmatch(rf"- just now \(\S+ \S+ UTC\): your keys were suspended: .*, 3 times; by {admin.name}\.", lines[1]), lines
    told = " ".join(dialogue([*as_user(unasked), "otpctl", "notices"], []).text.split())
    assert [line for line in lines if line in told] == lines and str(admin.uid) not in told.replace(admin.name, "")


def test_a_suspended_user_hears_of_it_where_sudo_asks_no_code(machine, unasked):
    call("Suspend", user=unasked.name)
    seen = machine.sudo(unasked, [])
    assert seen.status != 0 and "your keys were suspended" in seen.text


def test_without_the_daemon_the_login_works_and_the_notice_waits(machine, unasked):
    with machine.daemon_stopped():
        seen = machine.sudo(unasked, [])
        assert (seen.status, seen.text) == (0, "0\n")
    assert shown_so_often(unasked) == [("admin-enrolled", 0)]


def test_a_daemon_that_does_not_answer_keeps_a_login_two_seconds(machine, unasked):
    with machine.daemon_hanging():
        begun = time.monotonic()
        seen = machine.sudo(unasked, [])
        took = time.monotonic() - begun
    assert (seen.status, seen.text) == (0, "0\n") and 1.9 < took < 10
    assert shown_so_often(unasked) == [("admin-enrolled", 0)]


def test_what_the_host_does_not_take_was_not_shown(machine, enrolled):
    user, _ = enrolled
    service = machine.service("silent", "required pam_permit.so", account="required pam_otp.so")
    for reply, times in (("error", 0), ("noconv", 0), ("text", 1)):
        _, text = machine.converse(service, user, reply, "-a")
        assert f"account {SUCCESS}" in text and text.count(HEADING) == times
        assert shown_so_often(user) == [("admin-enrolled", times)]


def test_a_program_without_root_shows_none(machine, unasked):
    service = machine.service("unprivileged", "required pam_permit.so", account="required pam_otp.so")
    done = subprocess.run(
        [*as_user(unasked), machine.hosts / "oddconv", "-a", "--", service, unasked.name, "text"], capture_output=True, text=True
    )
    assert f"account {SUCCESS}" in done.stdout and HEADING not in done.stdout
    assert shown_so_often(unasked) == [("admin-enrolled", 0)]


# on the socket and with otpctl


def test_a_stranger_learns_nothing_of_notices(machine, enrolled):
    user, stranger = enrolled[0], machine.new_user()
    for method, more in (("Notices", {}), ("NoticesShown", {"last": 99})):
        for name in (user.name, UNKNOWN):
            with Client(uid=stranger.uid) as client, pytest.raises(Refused) as refused:
                client.call(method, user=name, **more)
            assert refused.value.name == "NotAllowed"
    assert noticed(user, uid=user.uid) == ["admin-enrolled"]
    assert shown_so_often(user) == [("admin-enrolled", 0)]


def test_what_came_after_what_was_shown_is_not_counted(machine, enrolled):
    user, _ = enrolled
    last = notices(user)[-1]["id"]
    call("Suspend", user=user.name)
    call("NoticesShown", user=user.name, last=last)
    assert shown_so_often(user) == [("admin-enrolled", 1), ("keys-suspended", 0)]


def test_otpctl_shows_them_and_the_owners_own_screen_counts_twice(machine, enrolled):
    user, _ = enrolled
    assert MADE in otpctl("notices", user=user).stdout
    assert MADE in otpctl("notices", user.name).stdout
    (one,) = json.loads(otpctl("notices", "--json", user=user).stdout)["notices"]
    assert (one["event"], one["severity"], one["by"], one["key"]) == ("admin-enrolled", "alarm", 0, "phone")
    assert MADE in dialogue(["otpctl", "notices", user.name], []).text
    assert shown_so_often(user) == [("admin-enrolled", 0)]
    for _ in range(4):
        assert MADE in dialogue([*as_user(user), "otpctl", "notices"], []).text
    assert shown_so_often(user) == [("admin-enrolled", 2)], "the last time is a login's: nobody makes an alarm vanish before it"


def test_revoking_says_which_key_and_offline_changes_are_noticed_too(machine, enrolled):
    user, _ = enrolled
    assert otpctl("--offline", "suspend", user.name).returncode == 0
    assert otpctl("--offline", "resume", user.name).returncode == 0
    call("Revoke", user=user.name, key="phone")
    found = notices(user)
    assert [one["event"] for one in found] == ["admin-enrolled", "keys-suspended", "keys-resumed", "key-revoked"]
    assert found[-1]["key"] == "phone" and spool(user).stat().st_uid == VAULT.stat().st_uid


def test_a_change_that_is_not_made_is_not_noticed(machine, user):
    for method in ("Suspend", "Resume"):
        with pytest.raises(Refused) as refused:
            call(method, user=user.name)
        assert refused.value.name == "NotPossible"
    assert notices(user) == []


def test_who_is_forgotten_leaves_none(machine, enrolled):
    user, _ = enrolled
    call("Forget", user=user.name)
    assert notices(user) == [] and not spool(user).exists()


def test_on_a_full_disk_a_key_is_not_made_and_a_suspension_not_ended_but_it_can_be_made(machine):
    with machine.small_vault(2) as fill:
        user, other = machine.new_user(), machine.new_user()
        machine.enrol(user)
        call("Suspend", user=user.name)
        while notices(user):
            call("NoticesShown", user=user.name, last=99)
        with Client() as client:
            key = machine.begin(client, other)
            fill()
            with pytest.raises(Refused) as refused:
                machine.confirm(client, key)
        assert refused.value.name == "Unavailable" and not other.key_file.exists()
        with pytest.raises(Refused) as refused:
            call("Resume", user=user.name)
        assert refused.value.name == "Unavailable" and machine.status(user)["suspended"]
        call("Suspend", user=user.name)
        (VAULT / "filler").unlink()
        call("Resume", user=user.name)
        assert shown_so_often(user) == [("keys-resumed", 0)] and not machine.status(user)["suspended"]


def test_damaged_notices_stop_no_login_and_no_suspension(machine, unasked):
    spool(unasked).write_text("nonsense")
    assert machine.sudo(unasked, []).text == "0\n"
    call("Suspend", user=unasked.name)
    with pytest.raises(Refused):
        call("Resume", user=unasked.name)
    spool(unasked).unlink()
    call("Resume", user=unasked.name)


# what happened where nobody was there to tell


def test_a_recovery_code_is_noticed_wherever_it_is_used(machine):
    user, _, _, recovery = invited_and_enrolled(machine)
    gate = machine.service("auth-alone", "required pam_otp.so")  # without our account line nobody is told at the login
    assert machine.ask(gate, user, recovery[0])[0] == SUCCESS
    seen = spool(user).read_text()
    assert "recovery-code-used" not in seen
    call("List")  # as once an hour
    assert spool(user).read_text().count("recovery-code-used") == 1
    call("List")
    assert spool(user).read_text().count("recovery-code-used") == 1
    with Client(uid=user.uid) as client:
        client.call("Reopen", code=recovery[1])
    assert spool(user).read_text().count("recovery-code-used") == 2
    call("Rotate", user=user.name, code=recovery[2], real_uid=user.uid, service="passwd")
    assert spool(user).read_text().count("recovery-code-used") == 3


def test_whose_keys_were_disabled_is_told_so_once(machine):
    with machine.policy('version = 1\n[guesses]\nself = 88\nother = 3\nremote = 3\nconsole = 3\nsocket = 3\nwait = "none"\n'):
        user, key = machine.enrolled_user()
        for number in range(88):
            assert machine.ask("otp", user, key.wrong(number), "-r", user.uid)[0] == AUTH_ERR
        for number in range(12):
            if number % 3 == 0:
                call("Reopen", user=user.name)
            assert machine.ask("otp", user, key.wrong(number))[0] == AUTH_ERR
        assert machine.status(user)["disabled"]
        for _ in range(3):
            call("List")
        assert noticed(user).count("disabled") == 1
        for _ in range(3):
            call("NoticesShown", user=user.name, last=2**40)
        assert noticed(user) == []
        machine.stop(signal.SIGKILL)
        machine.start()
        start = daemon_log.position()
        call("List")
        assert noticed(user) == [] and "notice=disabled" not in "\n".join(daemon_log.since(start)), "it was told before the daemon was killed"


@pytest.mark.parametrize("how", ["Revoke", "Forget"])
def test_keys_that_are_disabled_once_more_are_told_of_once_more(machine, how):
    """Within the hour in which the daemon does not look."""
    with machine.policy('version = 1\n[guesses]\nwait = "none"\n'):
        user, key = machine.enrolled_user()
        for _ in range(2):
            for number in range(100):
                if number % 10 == 0:
                    call("Reopen", user=user.name)
                assert machine.ask("otp", user, key.wrong(number))[0] == AUTH_ERR
            call("List")
            assert noticed(user).count("disabled") == 1
            for _ in range(3):
                call("NoticesShown", user=user.name, last=2**40)
            call(how, user=user.name, **({"key": "phone"} if how == "Revoke" else {}))
            key = machine.enrol(user)


def test_no_notice_is_lost_to_whoever_says_that_it_was_seen(machine, user):
    """Somebody in the owner's session adds a key and wants that forgotten before the next login."""
    with Client(uid=user.uid) as client:
        key = redeem(client, invite(user), kind="hotp")
        client.call("ConfirmEnrolment", code=totp(key.secret, 1))
        added = shown(client.call("AddKey", code=totp(key.secret, 2), label="intruder"))
        client.call("ConfirmEnrolment", code=added.confirming)
        for counter in range(3, 30):
            last = client.call("Notices")["notices"][-1]["id"]
            client.call("NoticesShown", last=last)
            client.call("RenewRecoveryCodes", code=totp(key.secret, counter))
    (told,) = [one for one in notices(user) if one["event"] == "key-added"]
    assert told["key"] == "intruder"


# out of the host


def letters():
    """(tries, not before) of each, oldest first."""
    return [tuple(map(int, name.split(".")[1:])) for name in sorted(os.listdir(OUTBOX))]


def try_now():
    for letter in OUTBOX.iterdir():
        number, tries, _ = letter.name.split(".")
        letter.rename(OUTBOX / f"{number}.{tries}.0")


def test_the_program_gets_each_notice_as_json_and_nothing_of_the_environment(machine, program):
    place = program('cat >/tmp/notified/$$; printf "%s\\n" "$1" >/tmp/notified/words; env >/tmp/notified/env; id -un >/tmp/notified/who')
    user = machine.new_user()
    key = machine.enrol(user)
    assert letters() == [(0, 0)]
    done = notify_once("env", "SECRET=x")
    assert done.returncode == 0 and "event=notified notice=admin-enrolled" in done.stderr
    (got,) = [json.loads(path.read_text()) for path in place.iterdir() if path.name.isdigit()]
    assert (got["version"], got["user"], got["uid"], got["event"], got["severity"]) == (1, user.name, user.uid, "admin-enrolled", "alarm")
    assert (got["by"], got["key"], got["host"], got["rhost"], got["left"]) == (0, "phone", os.uname().nodename, None, None)
    assert MADE in got["text"] and abs(got["at"] - time.time()) < 60
    assert (place / "words").read_text() == "a word; $(not) `for` a shell\n"
    names = {line.split("=")[0] for line in (place / "env").read_text().splitlines()} - {"PWD", "SHLVL", "_", "OLDPWD"}
    assert names == {"PATH", "LANG"} and (place / "who").read_text() == f"{NOTIFIER}\n"
    assert letters() == []
    everything = "".join(path.read_text() for path in place.iterdir()) + done.stderr + spool(user).read_text()
    assert all(form not in everything for form in (key.base32, key.secret.hex(), key.uri))


def test_what_the_program_refuses_is_kept_and_tried_again_later_each_time(machine, program):
    program("exit 75")
    user = machine.enrolled_user()[0]
    pauses = []
    for tries in (1, 2, 3):
        done = notify_once()
        assert done.returncode == 1 and f"tries={tries} detail=\"exit status 75\"" in done.stderr
        ((tried, not_before),) = letters()
        pauses.append(round((not_before - time.time()) / 60))
        assert tried == tries
        assert notify_once().returncode == 0, "not yet due"
        try_now()
    assert pauses == [1, 2, 4]
    program("cat >/tmp/notified/late")
    assert notify_once().returncode == 0 and letters() == []
    assert json.loads(Path("/tmp/notified/late").read_text())["user"] == user.name


def test_a_program_that_hangs_is_killed_with_its_children_and_nobody_else(machine, program):
    place = program("sleep 300 & echo $! >/tmp/notified/child; trap '' TERM; sleep 300", deadline=1)
    machine.enrolled_user()
    bystander = subprocess.Popen(["setpriv", f"--reuid={NOTIFIER}", "--clear-groups", "sleep", "300"])
    begun = time.monotonic()
    done = notify_once()
    assert 0.9 < time.monotonic() - begun < 60
    assert done.returncode == 1 and 'detail="not done within 1 s' in done.stderr and letters()[0][0] == 1
    child = Path("/proc", (place / "child").read_text().strip(), "cmdline")
    until(lambda: not child.exists() or not child.read_bytes(), "the end of the child")
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_program_that_does_not_read_is_believed_by_its_exit_status(machine, program):
    program("exec true")
    machine.enrolled_user()
    assert notify_once().returncode == 0 and letters() == []


@pytest.mark.parametrize("spoil", ["owner", "mode", "link"])
def test_a_program_that_others_may_change_is_not_run(machine, program, spoil):
    place = program("touch /tmp/notified/ran")
    real = Path("/usr/local/sbin/notified")
    if spoil == "owner":
        shutil.chown(real, ACCOUNT)
    elif spoil == "mode":
        real.chmod(0o775)
    else:
        real.unlink()
        write(place / "script", "#!/bin/sh\ntouch /tmp/notified/ran\n", 0o755)
        real.symlink_to(place / "script")
    machine.enrolled_user()
    done = notify_once()
    real.unlink()
    assert done.returncode == 1 and "only root may write" in done.stderr
    assert not (place / "ran").exists() and letters()[0][0] == 1


def test_a_notice_that_cannot_be_handed_over_for_a_week_is_dropped_with_a_line(machine, program):
    program("exit 1")
    machine.enrolled_user()
    notify_once()
    try_now()
    with machine.clock(8 * DAY):
        done = notify_once()
    assert "event=notice-dropped" in done.stderr and letters() == []


def test_without_a_program_nothing_is_posted_and_what_is_left_is_dropped(machine, program):
    program("exit 1")
    machine.enrolled_user()
    assert len(letters()) == 1
    default_policy()
    machine.enrolled_user()
    assert len(letters()) == 1
    done = notify_once()
    assert done.returncode == 0 and "event=notice-dropped" in done.stderr and letters() == []


@pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["daemon", "offline"])
def test_who_is_forgotten_is_told_of_outside(machine, program, offline):
    place = program("cat >>/tmp/notified/all")
    user = machine.enrolled_user()[0]
    notify_once()
    for _ in range(2):  # the second time there is nothing to tell
        assert otpctl(*offline, "forget", user.name).returncode == 0
        assert notify_once().returncode == 0
    told = [json.loads(line) for line in (place / "all").read_text().splitlines()]
    assert [one["user"] for one in told if one["event"] == "forgotten"] == [user.name]


def test_offline_nobody_is_kept_from_forgetting_by_an_outbox_that_is_full(machine, program):
    program("exit 1")
    user = machine.enrolled_user()[0]
    empty_outbox()
    for number in range(10_000):
        (OUTBOX / f"{number:020}.0.0").touch()
    done = otpctl("--offline", "forget", user.name)
    assert done.returncode == 0 and "the outbox is full" in done.stderr, done
    assert machine.status(user)["enrolled"] is False


def test_a_damaged_letter_is_dropped_and_holds_up_nobody(machine, program):
    place = program("cat >>/tmp/notified/all")
    letter = OUTBOX / "00000000000000000001.0.0"
    letter.write_text("nonsense")
    shutil.chown(letter, ACCOUNT, NOTIFIER)
    letter.chmod(0o640)
    user = machine.enrolled_user()[0]
    done = notify_once()
    assert done.returncode == 0 and "event=notice-dropped" in done.stderr and letters() == []
    assert json.loads((place / "all").read_text())["user"] == user.name


def test_an_outbox_that_is_full_is_told_and_the_users_own_notice_kept(machine, program):
    program("exit 1")
    for number in range(10_000):
        (OUTBOX / f"{number:020}.0.0").touch()
    user = machine.enrolled_user()[0]
    assert shown_so_often(user) == [("admin-enrolled", 0)] and len(letters()) == 10_000
    assert "event=outbox-full" in Path("/tmp/otp-enrolld.log").read_text()


def test_one_at_a_time_empties_the_outbox(machine, program):
    place = program("until [ -e /tmp/notified/go ]; do sleep 0.05; done; cat >>/tmp/notified/all")
    machine.enrolled_user()
    first = subprocess.Popen([DAEMON, "notify"], stderr=subprocess.PIPE)
    second = subprocess.Popen([DAEMON, "notify"], stderr=subprocess.PIPE)
    (place / "go").touch()
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert (place / "all").read_text().count("\n") == 1


def test_only_its_own_account_and_root_can_empty_it(machine, user):
    for prefix in (as_user(user), ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups", "--"]):
        done = notify_once(*prefix)
        assert done.returncode == 1 and "wanted root" in done.stderr


def test_the_outbox_is_the_notifiers_and_its_files_the_daemons(machine, program):
    program("exit 1")
    user = machine.enrolled_user()[0]
    assert otpctl("--offline", "suspend", user.name).returncode == 0
    about = OUTBOX.parent.stat()
    assert (about.st_uid, about.st_mode & 0o777) == (0, 0o755)
    assert (OUTBOX.owner(), OUTBOX.group(), OUTBOX.stat().st_mode & 0o7777) == (NOTIFIER, NOTIFIER, 0o2770)
    found = {(letter.owner(), letter.group(), letter.stat().st_mode & 0o7777) for letter in OUTBOX.iterdir()}
    assert len(list(OUTBOX.iterdir())) == 2 and found == {(ACCOUNT, NOTIFIER, 0o640)}


SPITE = """cd /var/lib/otp-notify/outbox
rm -f * ; mkdir .new 00000000000000000001.0.0
for name in /var/lib/otp/vault.toml /var/lib/otp/clock /var/lib/otp/notices /var/lib/otp/keys /etc/otp/host.key; do
    cat $name || rm -rf $name || mv $name /tmp/notified/
done >/tmp/notified/got 2>/dev/null
mv /var/lib/otp-notify/outbox /tmp/notified/ ; rmdir /var/lib/otp-notify/outbox
ln -s /etc/otp /var/lib/otp-notify/outbox/link
chmod 0700 /var/lib/otp-notify/outbox
exit 1
"""


def test_a_mail_program_that_is_an_intruders_locks_nobody_out(machine, program):
    place = program(SPITE)
    user, key = machine.enrolled_user()
    notify_once()
    try:
        assert (place / "got").read_text() == "", "the vault is out of its sight and reach"
        start = daemon_log.position()
        other, others_key = machine.enrolled_user()  # which gives rights, and wants a notice
        assert daemon_log.events(start).count("outbox-failed") == 1
        assert shown_so_often(other) == [("admin-enrolled", 0)]
        machine.stop()
        machine.start()
        assert machine.ask("otp", user, key.first)[0] == SUCCESS and machine.ask("otp", other, others_key.first)[0] == SUCCESS
    finally:
        shutil.rmtree(OUTBOX)
        machine.stop()
        machine.start()  # which makes it
    assert machine.enrolled_user() and len(letters()) == 1


def test_a_link_in_the_place_of_a_letter_is_not_followed(machine, program):
    place = program("cat >>/tmp/notified/all")
    (OUTBOX / "00000000000000000001.0.0").symlink_to("/etc/otp/host.key")
    os.link("/etc/otp/otp.toml", OUTBOX / "00000000000000000002.0.0")
    user = machine.enrolled_user()[0]
    done = notify_once()
    assert done.returncode == 1 and done.stderr.count("event=notice-put-off") == 2
    assert json.loads((place / "all").read_text())["user"] == user.name


def test_what_an_earlier_version_left_is_handed_over_after_the_first_start(machine, program):
    place = program("cat >>/tmp/notified/all")
    user = machine.enrolled_user()[0]
    former = VAULT / "notices/outbox"
    former.mkdir(0o700)
    (letter,) = OUTBOX.iterdir()
    letter.rename(former / letter.name)
    for path, mode in ((former, 0o700), (former / letter.name, 0o600)):
        shutil.chown(path, ACCOUNT, ACCOUNT)
        path.chmod(mode)
    machine.stop()
    machine.start()
    assert not former.exists() and notify_once().returncode == 0
    assert json.loads((place / "all").read_text())["user"] == user.name


# kills


def changes_of(machine, method, user):
    """The file system calls that the daemon makes from this call to its answer."""
    with attached(machine.process.pid) as log, Client() as client:
        client.call(method, user=user.name)
    calls = parsed(log)
    _, own = answering(calls, method)
    answered = next(at for at, call in enumerate(own) if call.name in ("write", "sendto") and "parameters" in call.arguments)
    return [call for call in own[: answered + 1] if call.name in CHANGES]


def suspended_user(machine):
    user = machine.enrolled_user()[0]
    call("Suspend", user=user.name)
    return user


def test_killed_at_each_step_no_suspension_ends_unnoticed(machine):
    outcomes = set()
    for step in changes_of(machine, "Resume", suspended_user(machine)):
        user = suspended_user(machine)
        machine.left_alone()  # a thread that is about to end makes calls, too
        with killed_at(machine, step, step) as client:
            client.call("Resume", user=user.name)
        machine.start()
        told = "keys-resumed" in noticed(user)
        ended = not machine.status(user)["suspended"]
        assert told or not ended, f"killed at {step}"
        outcomes.add((told, ended))
    assert outcomes == {(False, False), (True, False), (True, True)}
    assert [name for name in os.listdir(VAULT / "notices") if name.startswith(".")] == []
