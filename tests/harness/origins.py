"""Where guesses come from, how many each origin has, and which are closed."""

ORIGINS = ("self", "other", "remote", "console", "socket")


def no_wait(limit, **others):
    """Lines of a policy that allow so many guesses at each origin, with no pause between them."""
    limits = dict.fromkeys(ORIGINS, limit) | others
    return "[guesses]\n" + "".join(f"{origin} = {number}\n" for origin, number in limits.items()) + 'wait = "none"\n'


def all_failures(machine, user):
    return {origin["origin"]: origin["failures"] for origin in machine.status(user)["origins"]}


def failures(machine, user):
    """Where there are any."""
    return {origin: number for origin, number in all_failures(machine, user).items() if number}


def closed_origins(machine, user):
    return {origin["origin"] for origin in machine.status(user)["origins"] if origin["closed"]}
