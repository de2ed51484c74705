/* oddconv [-a] [-p] [-r REAL_UID] [-h RHOST] [-t TTY] [-f HEX]... SERVICE USER REPLY [TEXT]
 *
 * A PAM application with one odd conversation. REPLY: text (TEXT), null, huge, long, binary, nul (a NUL before TEXT),
 * error, noarray, noconv, count (an answer to a question nobody asked), key (TEXT, then six zeros to every question; a key that
 * is shown meanwhile is looked for as with -f: its letters, with and without the blanks, and a row of its picture), person (a
 * line of standard input to each question, which is printed). TTY is tty1, and none if empty. Prints `authenticate CODE` and, with -a, `account CODE` and
 * `credentials CODE`.
 *
 * -p puts CAP_DAC_OVERRIDE out of force, which stays permitted, and prints before and after the stages what a module must leave as
 * it is in the process.
 *
 * -f HEX looks for a secret in this process's own memory, before and after pam_end, and prints `found WHEN COUNT`
 * for each. HEX is the complement of the bytes looked for, so that the search does not find itself. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { HUGE_REPLY = 5 << 20, LONG_REPLY = 2000, MOST_NEEDLES = 16, WINDOW = 1 << 20 };

static const char *kind, *text = "";
static struct needle {
    unsigned char complement[256];
    size_t length;
} needles[MOST_NEEDLES];
static int needle_count;
static unsigned char *window;

static char *repeated(const char *piece, size_t length) {
    char *reply = malloc(length + 1);
    for (size_t i = 0; i < length; i++)
        reply[i] = piece[i % strlen(piece)];
    reply[length] = 0;
    return reply;
}

static char *typed(const char *question) {
    char *line = NULL;
    size_t size = 0;
    printf("%s\n", question);
    ssize_t length = getline(&line, &size, stdin);
    if (length > 0 && line[length - 1] == '\n')
        line[length - 1] = 0;
    return length > 0 ? line : NULL;
}

static char *reply(void) {
    if (!strcmp(kind, "null"))
        return NULL;
    if (!strcmp(kind, "huge"))
        return repeated("123456", HUGE_REPLY);
    if (!strcmp(kind, "long"))
        return repeated("123456", LONG_REPLY);
    if (!strcmp(kind, "binary"))
        return strdup("\xff\xfe\x80\xc3(");
    if (!strcmp(kind, "nul")) {
        char *hidden = calloc(1, strlen(text) + 2);
        strcpy(hidden + 1, text);
        return hidden;
    }
    return strdup(text);
}

static void learn(const char *from, const char *to, const char *left_out) {
    struct needle *needle = &needles[needle_count++];
    for (; from < to && needle->length < sizeof needle->complement; from++)
        if (!strchr(left_out, *from))
            needle->complement[needle->length++] = 0xff - (unsigned char)*from;
}

static void learn_key(const char *shown) {
    const char *letters = strstr(shown, "into the app: "), *row = shown;
    if (!letters || needle_count)
        return;
    letters += strlen("into the app: ");
    learn(letters, letters + strcspn(letters, "\n"), "");
    learn(letters, letters + strcspn(letters, "\n"), " ");
    for (int line = 0; line < 9; line++)
        row = strchr(row, '\n') + 1;
    learn(row, strchr(row, '\n'), "");
}

static int answer(int count, const struct pam_message **asked, struct pam_response **answers, void *unused) {
    (void)unused;
    *answers = NULL;
    if (!strcmp(kind, "error"))
        return PAM_CONV_ERR;
    if (!strcmp(kind, "noarray"))
        return PAM_SUCCESS;
    *answers = calloc(count, sizeof **answers);
    for (int i = 0; i < count; i++) {
        int question = asked[i]->msg_style == PAM_PROMPT_ECHO_OFF || asked[i]->msg_style == PAM_PROMPT_ECHO_ON;
        if (question) {
            (*answers)[i].resp = strcmp(kind, "person") ? reply() : typed(asked[i]->msg);
            if (!strcmp(kind, "key"))
                text = "000000";
        } else if (!strcmp(kind, "key"))
            learn_key(asked[i]->msg);
        else
            printf("message %s\n", asked[i]->msg);
        if (!question && !strcmp(kind, "count"))
            (*answers)[i].resp = strdup("unasked");
    }
    return PAM_SUCCESS;
}

static void no_delay(int result, unsigned microseconds, void *unused) {
    (void)result, (void)microseconds, (void)unused;
}

static int matches(const unsigned char *at, const struct needle *needle) {
    for (size_t i = 0; i < needle->length; i++)
        if ((unsigned char)(at[i] + needle->complement[i]) != 0xff)
            return 0;
    return 1;
}

static void search(const char *when) {
    if (!needle_count)
        return;
    char line[512];
    long found[MOST_NEEDLES] = {0};
    unsigned long from, to;
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx r", &from, &to) != 2 || strstr(line, "[v") || (unsigned char *)from == window)
            continue;
        for (unsigned long at = from; at < to; at += WINDOW - 256) {
            size_t wanted = to - at < WINDOW ? to - at : WINDOW;
            ssize_t got = pread(memory, window, wanted, at);
            for (int n = 0; n < needle_count; n++)
                for (ssize_t i = 0; i + (ssize_t)needles[n].length <= got; i++)
                    found[n] += matches(window + i, &needles[n]);
        }
    }
    fclose(maps);
    close(memory);
    for (int n = 0; n < needle_count; n++)
        printf("found %s %ld\n", when, found[n]);
}

/* A module must leave these as they are: file system uid, marks of the process, capabilities in force. */
static void tell_process(const char *when) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    int signal = 0;
    syscall(SYS_capget, &header, sets);
    prctl(PR_GET_PDEATHSIG, &signal);
    printf("process %s fsuid=%d dumpable=%d signal=%d effective=%x\n", when, setfsuid(-1), prctl(PR_GET_DUMPABLE), signal, sets[0].effective);
}

/* Lets root go by less than it may, and sets what the kernel takes away at a change of uids. */
static void lower_and_mark(void) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2];
    syscall(SYS_capget, &header, sets);
    sets[0].effective &= ~(1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER);
    syscall(SYS_capset, &header, sets);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    prctl(PR_SET_DUMPABLE, 1);
    tell_process("before");
}

static void look_for(const char *hex) {
    struct needle *needle = &needles[needle_count++];
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        needle->complement[needle->length++] = byte;
}

int main(int argc, char **argv) {
    const char *real_uid = NULL, *rhost = NULL, *tty = "tty1";
    int all = 0, lowered = 0;
    for (int option; (option = getopt(argc, argv, "apr:h:t:f:")) != -1;)
        switch (option) {
        case 'a': all = 1; break;
        case 'p': lowered = 1; break;
        case 'r': real_uid = optarg; break;
        case 'h': rhost = optarg; break;
        case 't': tty = optarg; break;
        case 'f': look_for(optarg); break;
        default: return 64;
        }
    argv += optind, argc -= optind;
    if (argc < 3 || argc > 4)
        return fprintf(stderr, "usage: oddconv [-a] [-p] [-r UID] [-h RHOST] [-t TTY] [-f HEX] SERVICE USER REPLY [TEXT]\n"), 64;
    kind = argv[2];
    if (argc == 4)
        text = argv[3];
    setvbuf(stdout, NULL, _IOLBF, 0);
    window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(window, WINDOW, PROT_READ | PROT_WRITE | PROT_EXEC); /* a mapping of its own, left out of the search */
    if (real_uid && setresuid(atoi(real_uid), 0, 0))
        return 1;

    struct pam_conv conversation = {strcmp(kind, "noconv") ? answer : NULL, NULL};
    pam_handle_t *handle;
    if (pam_start(argv[0], argv[1], &conversation, &handle) != PAM_SUCCESS)
        return 1;
    pam_set_item(handle, PAM_FAIL_DELAY, (const void *)no_delay);
    if (rhost)
        pam_set_item(handle, PAM_RHOST, rhost);
    if (*tty)
        pam_set_item(handle, PAM_TTY, tty);
    if (lowered)
        lower_and_mark();
    int result = pam_authenticate(handle, 0);
    printf("authenticate %d\n", result);
    if (all) {
        printf("account %d\n", pam_acct_mgmt(handle, 0));
        printf("credentials %d\n", pam_setcred(handle, PAM_ESTABLISH_CRED));
    }
    if (lowered)
        tell_process("after");
    search("before");
    pam_end(handle, result);
    search("after");
    return result == PAM_SUCCESS ? 0 : 1;
}
