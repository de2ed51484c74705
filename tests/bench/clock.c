/* Preloaded, stands the wall clock of a process where /run/bench/clock says (a long long in seconds, 0: it runs). The file is mapped once, so that
 * the clock costs nothing that is measured. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long long *standing;

__attribute__((constructor)) static void map(void) {
    int file = open("/run/bench/clock", O_RDONLY | O_CLOEXEC);
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *standing, PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        standing = mapped;
    if (file >= 0)
        close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = syscall(SYS_clock_gettime, clock, now);
    if (!result && standing && *standing && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        *now = (struct timespec){.tv_sec = *standing};
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    *now = (struct timeval){.tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place)
        *place = now.tv_sec;
    return now.tv_sec;
}
