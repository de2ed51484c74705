/* In /etc/ld.so.preload, moves the wall clock of every process, setuid ones too, by the seconds written in
 * /etc/clockshift, and lets the kernel say that it is synchronised or not, if /etc/clocksync says 1 or 0. The time since
 * the boot stands still at the second that /etc/clockboot says. The files are read at each call, so that the clock can be
 * stepped while a prompt waits. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static long number(const char *path, long otherwise) {
    char digits[32];
    int file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return otherwise;
    long length = syscall(SYS_read, file, digits, sizeof digits - 1);
    syscall(SYS_close, file);
    if (length <= 0)
        return otherwise;
    digits[length] = 0;
    return atol(digits);
}

static long shift(void) {
    return number("/etc/clockshift", 0);
}

/* By the system call that the C library makes, so that a filter which forbids that one is met here as well. */
int adjtimex(struct timex *asked) {
    int state = syscall(SYS_clock_adjtime, CLOCK_REALTIME, asked);
    long synchronised = number("/etc/clocksync", -1);
    if (state < 0 || synchronised < 0)
        return state;
    asked->status = synchronised ? asked->status & ~STA_UNSYNC : asked->status | STA_UNSYNC;
    return synchronised ? TIME_OK : TIME_ERROR;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += shift();
    long stopped = clock == CLOCK_BOOTTIME ? number("/etc/clockboot", -1) : -1;
    if (result == 0 && stopped >= 0)
        *now = (struct timespec){.tv_sec = stopped};
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (now)
        *now = exact.tv_sec;
    return exact.tv_sec;
}
