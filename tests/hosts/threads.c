/* threads SERVICE USER CODE USER CODE
 *
 * Two threads of one process authenticate at the same moment, each with a PAM handle of its own. Prints what came back. */
#define _GNU_SOURCE
#include <pthread.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_barrier_t start;
static const char *service;

struct login {
    const char *user, *code;
    int result;
};

static int answer(int count, const struct pam_message **asked, struct pam_response **answers, void *code) {
    *answers = calloc(count, sizeof **answers);
    for (int i = 0; i < count; i++)
        if (asked[i]->msg_style == PAM_PROMPT_ECHO_OFF) {
            pthread_barrier_wait(&start);
            (*answers)[i].resp = strdup(code);
        }
    return PAM_SUCCESS;
}

static void no_delay(int result, unsigned microseconds, void *unused) {
    (void)result, (void)microseconds, (void)unused;
}

static void *log_in(void *data) {
    struct login *login = data;
    struct pam_conv conversation = {answer, (void *)login->code};
    pam_handle_t *handle;
    login->result = pam_start(service, login->user, &conversation, &handle);
    if (login->result != PAM_SUCCESS)
        return NULL;
    pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
    login->result = pam_authenticate(handle, 0);
    pam_end(handle, login->result);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 6)
        return fprintf(stderr, "usage: threads SERVICE USER CODE USER CODE\n"), 64;
    service = argv[1];
    struct login logins[2] = {{argv[2], argv[3], -1}, {argv[4], argv[5], -1}};
    pthread_t threads[2];
    pthread_barrier_init(&start, NULL, 2);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, log_in, &logins[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d %d\n", logins[0].result, logins[1].result);
    return 0;
}
