/* race SERVICE USER CODE PROCESSES [REAL_UID]
 *
 * Every process has loaded the module and stands at its prompt; then all give the same code at the same moment.
 * Prints, for each PAM code that came back, `CODE COUNT`. REAL_UID: as in a setuid program that this uid started. */
#define _GNU_SOURCE
#include <pthread.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 512, TIMEOUT = 60 };

static struct {
    pthread_barrier_t start;
    int codes[MOST];
} *shared;
static const char *code;
static int waited;

static void wait_for_the_others(void) {
    if (!waited++)
        pthread_barrier_wait(&shared->start);
}

static int answer(int count, const struct pam_message **asked, struct pam_response **answers, void *unused) {
    (void)unused;
    *answers = calloc(count, sizeof **answers);
    for (int i = 0; i < count; i++)
        if (asked[i]->msg_style == PAM_PROMPT_ECHO_OFF || asked[i]->msg_style == PAM_PROMPT_ECHO_ON) {
            wait_for_the_others();
            (*answers)[i].resp = strdup(code);
        }
    return PAM_SUCCESS;
}

static void no_delay(int result, unsigned microseconds, void *unused) {
    (void)result, (void)microseconds, (void)unused;
}

static int log_in(const char *service, const char *user, const char *real_uid) {
    struct pam_conv conversation = {answer, NULL};
    pam_handle_t *handle;
    if (real_uid && setresuid(atoi(real_uid), 0, 0))
        return -1;
    int result = pam_start(service, user, &conversation, &handle);
    if (result == PAM_SUCCESS)
        result = pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
    if (result == PAM_SUCCESS && !real_uid)
        result = pam_set_item(handle, PAM_TTY, "tty1");
    if (result == PAM_SUCCESS)
        result = pam_authenticate(handle, 0);
    wait_for_the_others(); /* a module that did not ask must not keep the others waiting */
    pam_end(handle, result);
    return result;
}

int main(int argc, char **argv) {
    int count = argc > 4 ? atoi(argv[4]) : 0, dead = 0;
    if (argc < 5 || argc > 6 || count < 1 || count > MOST)
        return fprintf(stderr, "usage: race SERVICE USER CODE PROCESSES [REAL_UID]\n"), 64;
    code = argv[3];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_t across;
    pthread_barrierattr_init(&across);
    pthread_barrierattr_setpshared(&across, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&shared->start, &across, count);
    for (int i = 0; i < count; i++)
        if (fork() == 0) {
            alarm(TIMEOUT);
            shared->codes[i] = log_in(argv[1], argv[2], argc == 6 ? argv[5] : NULL);
            _exit(0);
        }
    for (int status; wait(&status) > 0;)
        dead += !WIFEXITED(status);
    if (dead)
        return fprintf(stderr, "race: %d processes died\n", dead), 1;
    for (int i = 0; i < count; i++) {
        int same = 0, seen = 0;
        for (int j = 0; j < count; j++)
            if (shared->codes[j] == shared->codes[i])
                same++, seen += j < i;
        if (!seen)
            printf("%d %d\n", shared->codes[i], same);
    }
    return 0;
}
