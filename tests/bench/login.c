/* login rounds CONFDIR [SERVICE USER CODES]...
 * login crowd CONFDIR SERVICE STEP < lines of USER CODE
 *
 * A PAM application with a stopwatch: one authentication is everything from pam_start_confdir to pam_end, the loading of
 * the modules included. Prints `SERVICE right|wrong PAM-CODE NANOSECONDS FAULTS` for each.
 *
 * rounds: each CODES has a line `STEP CODE WRONG` for each round. In a round the clock of this process is in that step,
 * so that each round has a fresh code, and every service is asked once with the right code and once with the wrong one;
 * where one of them is `-`, it is left out. The order is shuffled in each round, so that none always finds the caches as
 * the same other one left them. The very last authentication, if it is the only one of its service in its round, is what
 * callgrind counts and what stands between two calls of getppid for strace. Ends with `peak - 0 KILOBYTES 0`.
 * With BENCH_REAL_UID the process has that real uid and the effective uid 0, as su has; with /run/bench/clock its clock is told there, too, to
 * processes that have clock.c preloaded.
 * crowd: a process for each line, in that step, all let go at the same moment; ends with `all NANOSECONDS`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <valgrind/callgrind.h>

enum { PERIOD = 30, MOST_ROUNDS = 20000, MOST_SERVICES = 16, MOST_IN_A_CROWD = 1024 };

static const char *confdir, *typed;
static time_t standing; /* where the clock of this process stands; 0: it runs */

/* The modules find these two before the C library's. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (standing && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        *now = (struct timespec){standing, 0};
    return result;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place)
        *place = now.tv_sec;
    return now.tv_sec;
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int answer(int count, const struct pam_message **asked, struct pam_response **answers, void *unused) {
    (void)unused;
    *answers = calloc(count, sizeof **answers);
    for (int i = 0; i < count; i++)
        if (asked[i]->msg_style == PAM_PROMPT_ECHO_OFF || asked[i]->msg_style == PAM_PROMPT_ECHO_ON)
            (*answers)[i].resp = strdup(typed);
    return PAM_SUCCESS;
}

static void no_delay(int result, unsigned microseconds, void *unused) {
    (void)result, (void)microseconds, (void)unused;
}

/* The PAM code, or -1 where PAM itself could not be started. */
static int authenticate(const char *service, const char *user, const char *code) {
    struct pam_conv conversation = {answer, NULL};
    pam_handle_t *handle;
    typed = code;
    if (pam_start_confdir(service, user, &conversation, confdir, &handle) != PAM_SUCCESS)
        return -1;
    pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
    int result = pam_authenticate(handle, 0);
    pam_end(handle, result);
    return result;
}

static volatile long long *told_clock; /* where others read it */

static void stand(time_t moment) {
    standing = moment;
    if (told_clock)
        *told_clock = moment;
}

static int become_su(void) {
    const char *uid = getenv("BENCH_REAL_UID");
    int file = open("/run/bench/clock", O_RDWR | O_CLOEXEC);
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *told_clock, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED)
        told_clock = mapped;
    if (file >= 0)
        close(file);
    return uid && setresuid(atoi(uid), 0, 0);
}

static long page_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static void timed(const char *service, const char *user, const char *kind, const char *code) {
    long faults = page_faults();
    long long begun = nanoseconds();
    int result = authenticate(service, user, code);
    long long ended = nanoseconds();
    printf("%s %s %d %lld %ld\n", service, kind, result, ended - begun, page_faults() - faults);
}

static void counted(const char *service, const char *user, const char *kind, const char *code) {
    syscall(SYS_getppid);
    CALLGRIND_TOGGLE_COLLECT;
    int result = authenticate(service, user, code);
    CALLGRIND_TOGGLE_COLLECT;
    syscall(SYS_getppid);
    printf("%s %s %d 0 0\n", service, kind, result);
}

static struct service {
    const char *name, *user;
    struct {
        long step;
        char code[16], wrong[16];
    } rounds[MOST_ROUNDS];
} services[MOST_SERVICES];

static int read_codes(struct service *service, const char *path) {
    FILE *file = fopen(path, "r");
    int count = 0;
    if (!file)
        return 0;
    while (count < MOST_ROUNDS && fscanf(file, "%ld %15s %15s", &service->rounds[count].step, service->rounds[count].code, service->rounds[count].wrong) == 3)
        count++;
    fclose(file);
    return count;
}

/* getrusage(2) would tell that of the program which started this one, if that was larger. */
static long peak_memory(void) {
    char line[256];
    long kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmHWM: %ld", &kilobytes);
    if (status)
        fclose(status);
    return kilobytes;
}

static int rounds(char **words, int count) {
    int number = 0;
    for (int i = 0; i < count; i++) {
        services[i].name = words[3 * i], services[i].user = words[3 * i + 1];
        number = read_codes(&services[i], words[3 * i + 2]);
    }
    int order[MOST_SERVICES] = {0};
    for (int round = 0; round < number; round++) {
        for (int i = 0; i < count; i++) { /* Fisher and Yates, from inside out; rand(3) begins with the same seed each time */
            int j = rand() % (i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        for (int i = 0; i < count; i++) {
            const struct service *it = &services[order[i]];
            const char *code = it->rounds[round].code, *wrong = it->rounds[round].wrong;
            int last = number > 1 && round == number - 1 && i == count - 1, both = strcmp(code, "-") && strcmp(wrong, "-");
            int right_first = rand() % 2;
            stand(it->rounds[round].step * PERIOD + PERIOD / 2);
            if (both && right_first)
                timed(it->name, it->user, "right", code);
            if (strcmp(wrong, "-"))
                (last && !both ? counted : timed)(it->name, it->user, "wrong", wrong);
            if (strcmp(code, "-") && !(both && right_first))
                (last && !both ? counted : timed)(it->name, it->user, "right", code);
        }
    }
    printf("peak - 0 %ld 0\n", peak_memory());
    return 0;
}

static struct crowd {
    pthread_barrier_t start;
    struct {
        int result;
        long long begun, ended;
    } each[MOST_IN_A_CROWD];
} *shared;

static int crowd(const char *service, long step) {
    static char user[MOST_IN_A_CROWD][64], code[MOST_IN_A_CROWD][16];
    int count = 0;
    standing = step * PERIOD + PERIOD / 2;
    while (count < MOST_IN_A_CROWD && scanf("%63s %15s", user[count], code[count]) == 2)
        count++;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_t among_processes;
    pthread_barrierattr_init(&among_processes);
    pthread_barrierattr_setpshared(&among_processes, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->start, &among_processes, count);
    for (int i = 0; i < count; i++)
        if (!fork()) {
            pthread_barrier_wait(&shared->start);
            shared->each[i].begun = nanoseconds();
            shared->each[i].result = authenticate(service, user[i], code[i]);
            shared->each[i].ended = nanoseconds();
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    long long first = shared->each[0].begun, last = 0;
    for (int i = 0; i < count; i++) {
        long long begun = shared->each[i].begun, ended = shared->each[i].ended;
        printf("%s right %d %lld\n", service, shared->each[i].result, ended - begun);
        first = begun < first ? begun : first;
        last = ended > last ? ended : last;
    }
    printf("all - 0 %lld\n", last - first);
    return 0;
}

int main(int argc, char **argv) {
    int rest = argc - 3;
    if (become_su()) {
        perror("setresuid");
        return 1;
    }
    if (rest >= 3 && rest % 3 == 0 && rest <= 3 * MOST_SERVICES && !strcmp(argv[1], "rounds")) {
        confdir = argv[2];
        return rounds(argv + 3, rest / 3);
    }
    if (rest == 2 && !strcmp(argv[1], "crowd")) {
        confdir = argv[2];
        return crowd(argv[3], atol(argv[4]));
    }
    fprintf(stderr, "usage: see the head of tests/bench/login.c\n");
    return 64;
}
