"""A person, for the scripts of the gallery: `enrol USER`, `use-up USER` (all recovery codes) and `renew USER` (recovery codes).
Each remembers key and codes in /tmp, until the next enrolment."""

import json
import pwd
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.machine import Key, early_in_a_step, shifted_now
from harness.totp import totp, unbase32
from harness.wire import Client


def remembered_by(user):
    return Path(f"/tmp/person-{user}.json")


def gets_a_key(user):
    with Client() as client:
        (code,) = client.call("Invite", user=user, form="mail")["invitation"]["codes"]
    with Client(uid=pwd.getpwnam(user).pw_uid) as client:
        key = Key(client.call("Redeem", registration=code)["enrolment"])
        codes = client.call("ConfirmEnrolment", code=key.confirming)["recovery_codes"]
    remembered_by(user).write_text(json.dumps({"secret": key.base32, "codes": codes}))


def use_up(user):
    codes = json.loads(remembered_by(user).read_text())["codes"]
    assert codes
    with Client() as client:
        for code in codes:
            assert client.call("Verify", user=user, code=code, real_uid=0, tty="tty1")["verdict"]["accepted"], code


def renew(user):
    early_in_a_step()
    code = totp(unbase32(json.loads(remembered_by(user).read_text())["secret"]), int(shifted_now() // 30), "SHA1", 6)
    with Client(uid=pwd.getpwnam(user).pw_uid) as client:
        client.call("RenewRecoveryCodes", code=code)


if __name__ == "__main__":
    {"enrol": gets_a_key, "use-up": use_up, "renew": renew}[sys.argv[1]](sys.argv[2])
